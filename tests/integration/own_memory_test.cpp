// A filter of the host, like those of older container engines, refuses the system calls by which guests' memory is
// copied. The command reports that as the monitor's failure and never as the guest's.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <iterator>
#include <string>
#include <vector>

#include "spry_test.h"

namespace spry::test {
namespace {

void refuse(int call) {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {static_cast<unsigned short>(std::size(code)), code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    _exit(99);
  }
}

using Words = std::vector<std::string>;

class OwnMemory : public CommandTest {};

TEST_F(OwnMemory, ThatMayNotBeCopiedIsTheMonitorsFailure) {
  for (const int call : {SYS_process_vm_readv, SYS_process_vm_writev}) {
    const auto in_child = [call] { refuse(call); };
    for (const Words& words : {Words{command(), "run", guest("hello")}, Words{command(), "pool", guest("hello")},
                               Words{command(), "snapshot", "-o", path("snapshot"), guest("greet")}}) {
      const Outcome outcome = run(words, {.in_child = in_child});
      expect_exit(outcome, 125,
                  "process_vm_readv(2) and process_vm_writev(2) do not work here: Operation not permitted");
      EXPECT_EQ(outcome.output, "");
    }
    const Outcome doctor = run({command(), "doctor"}, {.in_child = in_child});
    EXPECT_EQ(doctor.status, 125 << 8);
    EXPECT_NE(doctor.output.find("bad  process_vm_readv(2) and process_vm_writev(2): Operation not permitted\n"),
              std::string::npos)
        << doctor.output;
    EXPECT_NE(doctor.output.find("Spry cannot run here.\n"), std::string::npos);
  }
}

}  // namespace
}  // namespace spry::test
