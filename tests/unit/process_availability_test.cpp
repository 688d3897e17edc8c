// What the platform tells `spry doctor`: on a host where all is well, and on hosts where other seccomp filters are in
// the way.
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>

#include "process/availability.h"

namespace spry {
namespace {

TEST(ProcessAvailability, IsFoundWhereTestsRun) {
  const ProcessSupport support = examine_process_support();
  for (const ProcessPoint& point : support.points) {
    EXPECT_NE(point.verdict, ProcessPoint::Verdict::kBad) << point.name << ": " << point.words;
  }
  EXPECT_TRUE(support.works());
  EXPECT_GE(support.points.size(), 5u);
}

// Under a filter that answers system call `number` with `action`, the platform must name `expected` as what is in the
// way.
void under_filter(unsigned number, unsigned action, unsigned flags, const std::string& expected) {
  const pid_t child = fork();
  if (child == 0) {
    sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program = {4, filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) < 0) _exit(2);
    const ProcessSupport support = examine_process_support();
    for (const ProcessPoint& point : support.points) {
      if (point.verdict != ProcessPoint::Verdict::kGood && point.words.find(expected) != std::string::npos) _exit(0);
    }
    for (const ProcessPoint& point : support.points) {
      fprintf(stderr, "%d %s: %s\n", static_cast<int>(point.verdict), point.name.c_str(), point.words.c_str());
    }
    _exit(3);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0) << expected;
}

TEST(ProcessAvailability, TellsWhatIsInTheWay) {
  constexpr unsigned kRefused = SECCOMP_RET_ERRNO | 1;
  under_filter(3, kRefused, 0, "another filter answers system call 3");
  under_filter(0x10000, kRefused, 0, "answers unknown system calls itself");
  under_filter(SYS_userfaultfd, kRefused, 0, "the kernel does not tell them");
  under_filter(SYS_seccomp, kRefused, 0, "cannot take system calls away");
  under_filter(SYS_execveat, kRefused, 0, "cannot execute the program of guests' processes");
  under_filter(0x20000, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER, "there can be only one");
  under_filter(SYS_getpid, SECCOMP_RET_ERRNO | 1, 0, "nothing was heard of the guest");
}

}  // namespace
}  // namespace spry
