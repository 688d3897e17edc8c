#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kvm/diagnosis.h"

namespace spry {
namespace {

using Verdict = Finding::Verdict;

TEST(Diagnosis, IsOneLineAndItsAdvice) {
  EXPECT_EQ(format_finding({Verdict::kGood, "a", ""}), "ok   a\n");
  EXPECT_EQ(format_finding({Verdict::kBad, "a", "do b"}), "bad  a\n     do b\n");
  EXPECT_EQ(format_finding({Verdict::kNote, "a", ""}), "note a\n");
}

TEST(Diagnosis, FindsTheDeviceMissingOrOfAnotherKind) {
  const Finding missing = diagnose_device("/nonexistent/kvm");
  EXPECT_EQ(missing.verdict, Verdict::kBad);
  EXPECT_EQ(missing.text, "/nonexistent/kvm: No such file or directory");
  EXPECT_NE(missing.advice.find("modprobe kvm_intel"), std::string::npos);
  const Finding folder = diagnose_device("/tmp");
  EXPECT_EQ(folder.verdict, Verdict::kBad);
  EXPECT_EQ(folder.text, "/tmp: is not a character device");
  EXPECT_EQ(diagnose_device("/dev/null").verdict, Verdict::kGood);
}

// What is found about a device that other users may open and this one may not.
Finding forbidden(gid_t group, mode_t mode) {
  const std::string path = testing::TempDir() + "cli_diagnosis_" + std::to_string(getpid());
  unlink(path.c_str());
  if (mknod(path.c_str(), S_IFCHR | mode, makedev(1, 3)) != 0 || chown(path.c_str(), 0, group) != 0 ||
      chmod(path.c_str(), mode) != 0) {
    return {Verdict::kNote, "cannot make a device", {}};
  }
  int ends[2];
  if (pipe(ends) != 0) return {};
  const pid_t child = fork();
  if (child == 0) {
    const uid_t nobody = 65534;
    std::string text = "cannot change the user";
    if (setgid(nobody) == 0 && setuid(nobody) == 0) {
      const Finding finding = diagnose_device(path);
      text = (finding.verdict == Verdict::kBad ? finding.text : "it is good") + "\n" + finding.advice;
    }
    _exit(write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string text(4096, '\0');
  text.resize(static_cast<std::size_t>(read(ends[0], text.data(), text.size())));
  close(ends[0]);
  waitpid(child, nullptr, 0);
  unlink(path.c_str());
  const std::size_t line = text.find('\n');
  return {Verdict::kBad, text.substr(0, line), text.substr(line + 1)};
}

TEST(Diagnosis, NamesTheGroupThatMay) {
  if (getuid() != 0) GTEST_SKIP() << "only root can make a device";
  const Finding group = forbidden(1, 0660);
  if (group.verdict == Verdict::kNote) GTEST_SKIP() << group.text;
  EXPECT_NE(group.text.find("no permission; it belongs to group daemon"), std::string::npos) << group.text;
  EXPECT_EQ(group.advice, "as root: usermod -aG daemon $USER; then log in again");
  EXPECT_NE(forbidden(54321, 0660).text.find("belongs to group 54321"), std::string::npos);
  EXPECT_NE(forbidden(1, 0600).advice.find("its mode 0600 gives the group no access"), std::string::npos);
  EXPECT_NE(forbidden(0, 0660).advice.find("groupadd -f kvm"), std::string::npos);
}

}  // namespace
}  // namespace spry
