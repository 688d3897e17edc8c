// Every option that takes a path, with every kind of file: the command works, or says why not and changes nothing. And
// no file is written that another option names as well.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <cctype>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <random>

#include "spry_test.h"

namespace spry::test {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

// Gives up CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: with them, root could read files that nobody may read.
void obey_permissions() {
  for (const unsigned long right : {1ul, 2ul}) prctl(PR_CAPBSET_DROP, right, 0, 0, 0);
}

// Where a filter finds the lower half of a system call's argument.
constexpr unsigned argument(unsigned index) { return static_cast<unsigned>(offsetof(seccomp_data, args) + 8 * index); }

template <std::size_t N>
void filter(sock_filter (&code)[N]) {
  const sock_fprog program = {N, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    _exit(99);
  }
}

// Lets open(2) with O_TMPFILE fail, as on file systems that cannot make a file without a name.
void refuse_unnamed_files() {
  constexpr unsigned kUnnamed = O_TMPFILE & ~O_DIRECTORY;
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 2),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument(2)),
      BPF_JUMP(BPF_JMP | BPF_JA, 2, 0, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_open, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument(1)),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kUnnamed, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  filter(code);
}

// Lets read(2) of 4096 bytes fail with EAGAIN, as /proc/kmsg does when it has nothing. The command reads files that do
// not tell their size by 4096 bytes.
void let_reading_wait() {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_read, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument(2)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 4096, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  filter(code);
}

// `text` as it stands in a specification, where a comma is written twice.
std::string with_commas_twice(const std::string& text) {
  std::string written;
  for (const char character : text) written.append(character == ',' ? 2 : 1, character);
  return written;
}

class Paths : public RunTest {
 protected:
  std::string make(const std::string& kind, const std::string& good) const {
    const std::string at = path(kind == "odd name" ? "d,ro=\n,b" : kind == "255 bytes" ? std::string(255, 'n') : kind);
    if (kind.starts_with("/")) return kind;
    if (kind == "null device" || kind == "full device") return make_device(at, kind == "null device" ? 3 : 7);
    if (kind == "regular" || kind == "odd name" || kind == "255 bytes") write_file(at, good);
    if (kind == "empty") write_file(at, "");
    if (kind == "directory") fs::create_directory(at);
    if (kind == "FIFO") {
      EXPECT_EQ(mkfifo(at.c_str(), 0600), 0);
    }
    if (kind == "socket") {
      const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      sockaddr_un address = {};
      address.sun_family = AF_UNIX;
      at.copy(address.sun_path, sizeof address.sun_path - 1);
      EXPECT_EQ(bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }
    if (kind == "link") {
      write_file(path("target"), good);
      fs::create_symlink("target", at);
    }
    if (kind == "dangling link") fs::create_symlink("nothing", at);
    if (kind == "unreadable") {
      write_file(at, good);
      chmod(at.c_str(), 0);
    }
    return at;
  }

  // A device like /dev/null (3) or /dev/full (7). Root makes one of its own, because a command that went wrong could
  // replace the system's. Other users can do the system's no harm, and use that.
  static std::string make_device(const std::string& at, unsigned number) {
    constexpr unsigned kMemory = 1;
    if (geteuid() != 0) return number == 3 ? "/dev/null" : "/dev/full";
    if (mknod(at.c_str(), S_IFCHR | 0666, makedev(kMemory, number)) != 0 || chmod(at.c_str(), 0666) != 0) return {};
    return Fd(open(at.c_str(), O_WRONLY | O_CLOEXEC)).get() >= 0 ? at : std::string();
  }

  // What is in the test's folder: type, permissions, number and bytes of each file.
  std::map<std::string, std::string> state() const {
    std::map<std::string, std::string> state;
    for (const auto& entry : fs::directory_iterator(path(""))) {
      struct stat status = {};
      lstat(entry.path().c_str(), &status);
      std::string& text = state[entry.path().filename()];
      text = std::to_string(status.st_mode) + " " + std::to_string(status.st_ino);
      if (S_ISREG(status.st_mode)) text += read_file(entry.path());
      if (S_ISLNK(status.st_mode)) text += fs::read_symlink(entry.path());
    }
    return state;
  }

  void clear() const {
    for (const auto& entry : fs::directory_iterator(path(""))) fs::remove_all(entry.path());
  }
};

struct Expected {
  int code;
  std::string words;  // on standard error
};

struct Use {
  std::string name;
  std::string good;  // the contents that such a file should have
  std::function<Words(const std::string& path)> words;
  std::map<std::string, Expected> expected;  // by kind of file
  bool writes = false;
};

const Expected kWorks = {0, ""};

TEST_F(Paths, OfEveryKindWorkOrAreRefused) {
  const std::string program = read_file(guest("hello"));
  const std::string disk(1 << 16, '\0');
  const Expected empty_program = {126, "empty: the file is empty\n"};
  const std::map<std::string, Expected> of_a_program = {
      {"regular", kWorks},
      {"odd name", kWorks},
      {"255 bytes", kWorks},
      {"link", kWorks},
      {"empty", empty_program},
      {"directory", {126, "directory: not a regular file but a directory\n"}},
      {"FIFO", {126, "FIFO: not a regular file but a pipe\n"}},
      {"socket", {126, "socket: not a regular file\n"}},
      {"null device", {126, ": not a regular file but a device\n"}},
      {"dangling link", {127, "dangling link: no such file\n"}},
      {"absent", {127, "absent: no such file\n"}},
      {"unreadable", {125, "unreadable: cannot be opened: Permission denied\n"}},
      {"/proc/version", {126, "/proc/version: the file is empty\n"}},
      {"/sys/class/net/lo/mtu", {126, "/sys/class/net/lo/mtu: "}}};
  const auto words = [](Words first) {
    return [first = std::move(first)](const std::string& at) {
      Words all = {command()};
      for (const std::string& word : first) all.push_back(word == "PATH" ? at : word);
      return all;
    };
  };
  const std::vector<Use> uses = {
      {"run", program, words({"run", "PATH"}), of_a_program},
      {"inspect", program, words({"inspect", "PATH"}), of_a_program},
      {"input",
       "one two\n",
       words({"run", "--input", "PATH", guest("wordcount")}),
       // FIFO is left out: the command waits for its writer, as cat(1) does.
       {{"regular", kWorks},
        {"odd name", kWorks},
        {"255 bytes", kWorks},
        {"link", kWorks},
        {"empty", kWorks},
        {"null device", kWorks},
        {"/proc/version", kWorks},
        {"/sys/class/net/lo/mtu", kWorks},
        {"directory", {125, "directory: is a directory\n"}},
        {"socket", {125, "socket: cannot be opened: it is a socket\n"}},
        {"dangling link", {125, "dangling link: cannot be opened: No such file"}},
        {"absent", {125, "absent: cannot be opened: No such file"}},
        {"unreadable", {125, "unreadable: cannot be opened: Permission denied\n"}}}},
      {"report",
       "an old report",
       words({"run", "--report", "PATH", guest("it-acts"), "exit", "0"}),
       {{"regular", kWorks},
        {"odd name", kWorks},
        {"255 bytes", kWorks},
        {"link", kWorks},
        {"empty", kWorks},
        {"dangling link", kWorks},
        {"absent", kWorks},
        {"null device", kWorks},
        {"full device", {125, ": cannot be written: No space left on device\n"}},
        {"directory", {125, "directory: cannot be opened: Is a directory\n"}},
        {"FIFO", {125, "FIFO: cannot be opened: it is a FIFO that nobody reads\n"}},
        {"socket", {125, "socket: cannot be opened: it is a socket\n"}},
        {"unreadable", {125, "unreadable: cannot be opened: Permission denied\n"}},
        {"/proc/version", {125, "/proc/version: cannot be opened: Permission denied\n"}}},
       true},
      {"snapshot",
       "an old snapshot",
       words({"snapshot", "-o", "PATH", guest("it-input")}),
       // A file that may not be read is replaced like any other: replacing needs only the right to write to the folder.
       {{"regular", kWorks},
        {"odd name", kWorks},
        {"255 bytes", kWorks},
        {"link", kWorks},
        {"empty", kWorks},
        {"unreadable", kWorks},
        {"dangling link", kWorks},
        {"absent", kWorks},
        {"null device", kWorks},
        {"full device", {125, ": cannot be written: No space left on device\n"}},
        {"directory", {125, "directory: cannot be written: Is a directory\n"}},
        {"FIFO", {125, "FIFO: cannot be written: it is a FIFO that nobody reads\n"}},
        {"socket", {125, "socket: cannot be written: it is no regular file\n"}},
        {"/proc/version", {125, "/proc/version: cannot be written: "}}},
       true},
      {"disk",
       disk,
       [](const std::string& at) {
         return Words{command(), "run", "--block", "disk=" + with_commas_twice(at), guest("diskcheck")};
       },
       {{"regular", kWorks},
        {"odd name", kWorks},
        {"255 bytes", kWorks},
        {"link", kWorks},
        {"empty", {125, "empty: is empty: a disk has at least one sector\n"}},
        {"directory", {125, "directory: cannot be opened for writing: Is a directory\n"}},
        {"FIFO", {125, "FIFO: is neither a regular file nor a block device\n"}},
        {"socket", {125, "socket: is neither a regular file nor a block device\n"}},
        {"null device", {125, ": is neither a regular file nor a block device\n"}},
        {"dangling link", {125, "dangling link: cannot be opened for writing: No such file or directory\n"}},
        {"absent", {125, "absent: cannot be opened for writing: No such file or directory\n"}},
        {"unreadable", {125, "unreadable: cannot be opened for writing: Permission denied\n"}},
        {"/proc/version", {125, "/proc/version: cannot be opened for writing: Permission denied\n"}}},
       true},
      {"disk to be read",
       disk,
       [](const std::string& at) {
         return Words{command(), "run", "--block", "disk=" + with_commas_twice(at) + ",overlay", guest("diskcheck")};
       },
       {{"regular", kWorks},
        {"odd name", kWorks},
        {"255 bytes", kWorks},
        {"link", kWorks},
        {"empty", {125, "empty: is empty: a disk has at least one sector\n"}},
        {"directory", {125, "directory: is neither a regular file nor a block device\n"}},
        {"FIFO", {125, "FIFO: is neither a regular file nor a block device\n"}},
        {"socket", {125, "socket: is neither a regular file nor a block device\n"}},
        {"null device", {125, ": is neither a regular file nor a block device\n"}},
        {"dangling link", {125, "dangling link: cannot be opened: No such file or directory\n"}},
        {"absent", {125, "absent: cannot be opened: No such file or directory\n"}},
        {"unreadable", {125, "unreadable: cannot be opened: Permission denied\n"}},
        {"/proc/version", {125, "/proc/version: is empty: a disk has at least one sector\n"}},
        {"/sys/class/net/lo/mtu", {125, "mtu: has fewer than the 4096 bytes that it says it has\n"}}}},
      {"inputs",
       "no directory",
       words({"pool", "--inputs", "PATH", guest("it-input")}),
       {{"directory", {0, "0 actions in "}},
        {"regular", {125, "regular: cannot be read: Not a directory\n"}},
        {"FIFO", {125, "FIFO: cannot be read: Not a directory\n"}},
        {"socket", {125, "socket: cannot be read: Not a directory\n"}},
        {"link", {125, "link: cannot be read: Not a directory\n"}},
        {"null device", {125, ": cannot be read: Not a directory\n"}},
        {"dangling link", {125, "dangling link: cannot be read: No such file or directory\n"}},
        {"absent", {125, "absent: cannot be read: No such file or directory\n"}},
        {"/sys/class/net/lo/statistics", {0, "actions in "}}}},
      {"outputs",
       "no directory",
       words({"pool", "--outputs", "PATH", guest("it-input")}),
       {{"directory", {0, "0 actions in "}},
        {"regular", {125, "regular: cannot be opened: Not a directory\n"}},
        {"FIFO", {125, "FIFO: cannot be opened: Not a directory\n"}},
        {"socket", {125, "socket: cannot be opened: Not a directory\n"}},
        {"link", {125, "link: cannot be opened: Not a directory\n"}},
        {"null device", {125, ": cannot be opened: Not a directory\n"}},
        {"dangling link", {125, "dangling link: cannot be opened: No such file or directory\n"}},
        {"absent", {125, "absent: cannot be opened: No such file or directory\n"}}}},
      {"output",
       "an old output",
       [this](const std::string& at) {
         fs::create_directories(path("in"));
         fs::create_directories(path("out"));
         write_file(path("in/1"), "x");
         fs::create_symlink(at, path("out/1"));
         return Words{command(), "pool", "--inputs", path("in"), "--outputs", path("out"), guest("it-input")};
       },
       {{"regular", {0, "1 actions in "}},
        {"odd name", {0, "1 actions in "}},
        {"255 bytes", {0, "1 actions in "}},
        {"link", {0, "1 actions in "}},
        {"empty", {0, "1 actions in "}},
        {"dangling link", {0, "1 actions in "}},
        {"absent", {0, "1 actions in "}},
        {"null device", {0, "1 actions in "}},
        {"full device", {125, "out/1: cannot be written: No space left on device\n"}},
        {"directory", {125, "out/1: cannot be opened: Is a directory\n"}},
        {"FIFO", {125, "out/1: cannot be opened: it is a FIFO that nobody reads\n"}},
        {"socket", {125, "out/1: cannot be opened: it is a socket\n"}},
        {"unreadable", {125, "out/1: cannot be opened: Permission denied\n"}}},
       true},
      {"network",
       "no socket",
       [](const std::string& at) {
         return Words{command(), "run", "--net", "uplink=unix:" + with_commas_twice(at), guest("pingd")};
       },
       {{"regular", {125, "regular: cannot connect: Connection refused\n"}},
        {"odd name", {125, "cannot connect: Connection refused\n"}},
        {"255 bytes", {125, "is no path of a socket: it has 1 to 107 bytes\n"}},
        {"link", {125, "link: cannot connect: Connection refused\n"}},
        {"directory", {125, "directory: cannot connect: Connection refused\n"}},
        {"FIFO", {125, "FIFO: cannot connect: Connection refused\n"}},
        {"socket", {125, "socket: cannot connect: Connection refused\n"}},
        {"null device", {125, ": cannot connect: Connection refused\n"}},
        {"dangling link", {125, "dangling link: cannot connect: No such file or directory\n"}},
        {"absent", {125, "absent: cannot connect: No such file or directory\n"}}}},
  };
  for (const Use& use : uses) {
    for (const auto& [kind, expected] : use.expected) {
      SCOPED_TRACE(use.name + ", " + kind);
      clear();
      const std::string at = make(kind, use.good);
      if (at.empty()) continue;  // this user may not have such a file here
      const Words words_of_it = use.words(at);
      const auto before = state();
      const Outcome outcome = run(words_of_it, {.in_child = obey_permissions});
      if (expected.code == 0 && expected.words.empty() && use.name == "inspect") {
        EXPECT_EQ(outcome.status, 0) << outcome.diagnostics;
      } else {
        expect_exit(outcome, expected.code, expected.words);
      }
      auto after = state();
      if (!use.writes || expected.code != 0) {
        EXPECT_EQ(after, before);
        continue;
      }
      // Each file is still of its kind, for example a link. The only new file is one that was absent, or that a
      // dangling link names.
      for (const auto& [name, what] : before) EXPECT_EQ(after[name].substr(0, 5), what.substr(0, 5)) << name;
      const bool made = kind == "absent" || kind == "dangling link";
      EXPECT_EQ(after.size(), before.size() + (made ? 1 : 0));
      if (!kind.ends_with("device")) {
        EXPECT_NE(read_file(at), use.good);
        EXPECT_FALSE(read_file(at).empty());
      }
    }
  }
}

// Two options name the same file: in every pair of options, under another name, and by a symbolic link.
TEST_F(Paths, ThatTwoOptionsNameAreNotWrittenOver) {
  const std::string disk(1 << 16, 'd');
  std::string program = read_file(guest("diskcheck"));
  program.resize((program.size() + 511) / 512 * 512);  // whole sectors, so that it could also be a disk
  const auto refuses = [&](const Words& words, std::string_view sentence, int input = ChildSetup::kNull) {
    SCOPED_TRACE(sentence);
    const auto before = state();
    expect_exit(run(words, {.input = input}), 125, sentence);
    EXPECT_EQ(state(), before);
  };
  const auto start = [&] {
    clear();
    write_file(path("program"), program);
    write_file(path("disk"), disk);
    write_file(path("input"), "an input");
  };
  for (const std::string how : {"", "hard", "symbolic"}) {
    SCOPED_TRACE(how);
    start();
    const auto other = [&](const std::string& name) {
      const std::string second = path(name + " again");
      if (how.empty()) return path(name);
      if (fs::is_symlink(second) || fs::exists(second)) return second;
      if (how == "hard") fs::create_hard_link(path(name), second);
      if (how == "symbolic") fs::create_symlink(name, second);
      return second;
    };
    const std::string attached = "disk=" + path("disk");
    refuses({command(), "run", "--report", other("program"), "--block", attached, path("program")},
            "is the same file as unikernel ");
    refuses(
        {command(), "run", "--report", other("input"), "--input", path("input"), "--block", attached, path("program")},
        "is the same file as input ");
    for (const std::string option : {"", ",ro", ",overlay", ",shared"}) {
      refuses({command(), "run", "--report", other("disk"), "--block", attached + option, path("program")},
              "is the same file as ");
    }
    refuses({command(), "run", "--input", path("disk"), "--block", "disk=" + other("disk"), path("program")},
            "block disk: is the same file as input ");
    refuses({command(), "run", "--block", "disk=" + other("program"), path("program")},
            "block disk: is the same file as unikernel ");
    const Fd input(open(path("input").c_str(), O_RDONLY | O_CLOEXEC));
    refuses({command(), "run", "--report", other("input"), "--input", "-", "--block", attached, path("program")},
            "is the same file as input -", input.get());
    refuses({command(), "snapshot", "-o", other("program"), "--block", attached + ",ro", path("program")},
            "is the same file as unikernel ");
    refuses({command(), "snapshot", "-o", other("disk"), "--block", attached + ",ro", path("program")},
            "is the same file as ");
    // Options that only read may name the same file.
    expect_exit(run({command(), "run", "--input", path("disk"), "--block", "disk=" + other("disk") + ",overlay",
                     path("program")}),
                0);
  }
}

TEST_F(Paths, OfAPoolsInputsAreNotWrittenOver) {
  fs::create_directory(path("in"));
  fs::create_directory(path("out"));
  write_file(path("in/a"), "first");
  write_file(path("in/b"), "second");
  write_file(path("program"), read_file(guest("it-input")));
  fs::create_directory_symlink("in", path("in again"));
  const auto pool = [&](const std::string& outputs) {
    return run({command(), "pool", "--inputs", path("in"), "--outputs", path(outputs), path("program")});
  };
  for (const std::string outputs : {"in", "in again"}) {
    expect_exit(pool(outputs), 125, "is the directory of the inputs, which would be written over\n");
  }
  fs::create_hard_link(path("in/b"), path("out/a"));
  expect_exit(pool("out"), 125, "out/a: is the same file as input ");
  fs::remove(path("out/a"));
  fs::create_symlink("../program", path("out/a"));
  expect_exit(pool("out"), 125, "out/a: is the same file as unikernel ");
  EXPECT_EQ(read_file(path("in/a")), "first");
  EXPECT_EQ(read_file(path("in/b")), "second");
  EXPECT_EQ(read_file(path("program")), read_file(guest("it-input")));
  fs::remove(path("out/a"));
  expect_exit(pool("out"), 0, "2 actions in ");
  EXPECT_EQ(read_file(path("out/a")), "[first]\n");
}

// Each kind of file as an entry of a folder of inputs, beside one that can be read: the entry is run or is a failed
// action, and the other file is run. Nothing is opened that would have to be waited for.
TEST_F(Paths, OfAPoolsInputsOfEveryKindAreRunOrFailAlone) {
  const std::string neighbour(5000, 'z');
  const std::string too_long = "more than the 268435456 bytes that an input may have (--max-input)";
  struct Entry {
    std::string kind;
    std::string failure;  // "" if it is run
    Words options = {};
  };
  const Entry entries[] = {
      {"regular", ""},
      {"empty", ""},
      {"link", ""},
      {"/proc/version", ""},
      {"/sys/class/net/lo/mtu", ""},
      {"/sys/class/net/lo/mtu", "", {"--max-input", "5000"}},
      {"directory", "none"},
      {"FIFO", "it is no regular file"},
      {"socket", "it is no regular file"},
      {"null device", "it is no regular file"},
      {"dangling link", "No such file or directory"},
      {"unreadable", "Permission denied"},
      {"leased", "it would have to be waited for"},
      {"waiting", "it would have to be waited for"},
      {"/proc/self/mem", "cannot be read: I"},  // "I/O error", or as the C library says it
      {"/proc/self/pagemap", "it is longer than the 1048576 bytes that an input may have (--max-input)"},
      {"too long", "its 18253611008 bytes are " + too_long},
      {"regular", "its 5 bytes are more than the 4 bytes that an input may have (--max-input)", {"--max-input", "4"}},
  };
  std::signal(SIGIO, SIG_IGN);  // the kernel sends it when a lease is broken
  for (const Entry& entry : entries) {
    SCOPED_TRACE(entry.kind);
    clear();
    fs::create_directory(path("in"));
    const std::string made = make(entry.kind, "12345");
    if (made.empty()) continue;  // this user may not have such a file here
    const std::string at = path("in/entry");
    Fd lease;
    if (entry.kind.ends_with("link") || entry.kind.starts_with("/") || made.starts_with("/dev/")) {
      fs::create_symlink(made, at);
    } else if (entry.kind == "leased" || entry.kind == "waiting" || entry.kind == "too long") {
      write_file(at, "");
      if (entry.kind == "too long") fs::resize_file(at, std::uintmax_t{17} << 30);
      if (entry.kind == "leased") {
        lease = Fd(open(at.c_str(), O_RDWR | O_CLOEXEC));
        ASSERT_EQ(fcntl(lease.get(), F_SETLEASE, F_WRLCK), 0);
      }
    } else {
      fs::rename(made, at);
    }
    const bool small = entry.options == Words{"--max-input", "4"};
    write_file(path("in/neighbour"), small ? "z" : neighbour);
    for (const bool json : {false, true}) {
      Words words = {command(), "pool", "--inputs", path("in")};
      if (json) words.push_back("--json");
      words.insert(words.end(), entry.options.begin(), entry.options.end());
      words.push_back(guest("it-input"));
      const Outcome outcome = run(words, {.in_child = [&entry] {
                                    obey_permissions();
                                    if (entry.kind == "waiting") let_reading_wait();
                                  }});
      const bool skipped = entry.failure == "none";
      const bool runs = entry.failure.empty();
      // An entry that cannot be run does not count as an action.
      expect_exit(outcome, runs || skipped ? 0 : 1, runs ? "2 actions in " : "1 actions in ");
      EXPECT_NE(outcome.output.find(small ? "[z]" : "[" + neighbour + "]"), std::string::npos);
      if (runs || skipped) continue;
      EXPECT_NE((json ? outcome.output : outcome.diagnostics).find(entry.failure), std::string::npos)
          << outcome.output << outcome.diagnostics;
      EXPECT_NE(json ? outcome.output.find("{\"input\":\"entry\",\"reason\":\"error\"")
                     : outcome.diagnostics.find("spry: input entry: "),
                std::string::npos)
          << outcome.output << outcome.diagnostics;
    }
  }
  std::signal(SIGIO, SIG_DFL);
}

// Files of /proc and /sys, which do not know how long they are.
TEST_F(Paths, OfSpecialFileSystemsAreReadToTheirEnd) {
  for (const std::string file : {"/sys/class/net/lo/mtu", "/proc/version", "/proc/self/limits"}) {
    SCOPED_TRACE(file);
    const std::string text = read_file(file);
    ASSERT_FALSE(text.empty());
    for (const bool standard : {false, true}) {
      const Fd open_file(open(file.c_str(), O_RDONLY | O_CLOEXEC));
      const Outcome outcome = run(run_of({"--input", standard ? "-" : file}, "wordcount"), {.input = open_file.get()});
      expect_exit(outcome, 0);
      if (file != "/proc/self/limits") {
        EXPECT_NE(outcome.output.find(" " + std::to_string(text.size()) + "\n"), std::string::npos) << outcome.output;
      }
    }
  }
  const std::string folder = "/sys/class/net/lo/statistics";
  fs::create_directory(path("out"));
  expect_exit(run({command(), "pool", "--inputs", folder, "--outputs", path("out"), guest("it-input")}), 0,
              " actions in ");
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(path("out"))) {
    EXPECT_TRUE(std::isdigit(read_file(entry.path())[1])) << entry.path();
    ++count;
  }
  EXPECT_GT(count, 10u);
  fs::create_directory(path("in"));
  fs::create_symlink("/proc/version", path("in/version"));
  fs::create_symlink("/sys/class/net/lo/mtu", path("in/mtu"));
  const Outcome both = run({command(), "pool", "--inputs", path("in"), guest("it-input")});
  expect_exit(both, 0, "2 actions in ");
  EXPECT_EQ(both.output, "[" + read_file("/sys/class/net/lo/mtu") + "]\n[" + read_file("/proc/version") + "]\n");
}

// A report to a file that output already goes to is written behind the output.
TEST_F(Paths, OfStandardStreamsAreWrittenToAsStreams) {
  for (const std::string& name : {path("log"), std::string("/proc/self/fd/1")}) {
    SCOPED_TRACE(name);
    write_file(path("log"), "before\n");
    const Fd log(open(path("log").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    expect_exit(run(run_of({"--report", name}, "hello"), {.output = log.get()}), 0);
    EXPECT_TRUE(read_file(path("log")).starts_with("before\nHello\n{\n")) << read_file(path("log"));
  }
}

// A reader of the FIFO gets the report. If the reader has left, that costs a sentence, and the verdict stays.
TEST_F(Paths, OfAFifoIsWrittenTo) {
  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  Fd reader(open(path("fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  expect_exit(run(run_of({"--report", path("fifo")}, "hello")), 0);
  char text[4096];
  const ssize_t got = read(reader.get(), text, sizeof text);
  ASSERT_GT(got, 0);
  EXPECT_TRUE(std::string(text, static_cast<std::size_t>(got)).starts_with("{\n"));
  Process spry(run_of({"--report", path("fifo")}, "it-acts", {"sleep"}));
  ASSERT_TRUE(spry.await_output("asleep\n"));
  reader.close();
  spry.signal(SIGTERM);
  expect_signal(spry.finish(), SIGTERM);
}

// Whatever signal ends the pool, and when, each output is the old one or the whole new one. Only SIGKILL, which leaves
// no time to tidy up, may leave another file.
TEST_F(Paths, OfAPoolsOutputsAreWholeHoweverItEnds) {
  const std::string input(std::size_t{8} << 20, 'x');
  const std::string whole = "[" + input + "]\n";
  fs::create_directory(path("in"));
  for (const char* name : {"1", "2", "3"}) write_file(path("in") + "/" + name, input);
  std::mt19937 random(6);
  const auto up_to = [&random](useconds_t most) { return std::uniform_int_distribution<useconds_t>(0, most)(random); };
  for (const bool unnamed : {true, false}) {
    for (const int signal :
         {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM, SIGVTALRM, SIGPROF, SIGUSR1, SIGUSR2, SIGXCPU, SIGKILL}) {
      SCOPED_TRACE(strsignal(signal));
      fs::remove_all(path("out"));
      fs::create_directory(path("out"));
      write_file(path("out/2"), "old");
      Process spry({command(), "pool", "--inputs", path("in"), "--outputs", path("out"), "--repeat", "50", "--workers",
                    "2", guest("it-input")},
                   {.in_child = [unnamed] {
                     const rlimit none = {0, 0};  // no core of SIGQUIT's
                     setrlimit(RLIMIT_CORE, &none);
                     if (!unnamed) refuse_unnamed_files();
                   }});
      // The signal comes after the first output, or at any time.
      const bool first = up_to(1) == 0;
      for (int i = 0; first && i < 100'000 && !fs::exists(path("out/1")); ++i) usleep(100);
      usleep(up_to(first ? 50'000 : 400'000));
      spry.signal(signal);
      expect_signal(spry.finish(), signal);
      for (const auto& entry : fs::directory_iterator(path("out"))) {
        const std::string name = entry.path().filename();
        if (name.starts_with(".spry-")) {
          EXPECT_EQ(signal, SIGKILL) << name;
          continue;
        }
        const std::string text = read_file(entry.path());
        EXPECT_TRUE(text == whole || (name == "2" && text == "old")) << name << " has " << text.size() << " bytes";
      }
    }
  }
}

// An output that cannot be written whole leaves the old one in place.
TEST_F(Paths, OfAPoolsOutputsAreKeptWhereThereIsNoRoom) {
  constexpr rlim_t kMost = rlim_t{32} << 20;  // more than the guest's memory, which is a file too
  fs::create_directory(path("out"));
  write_file(path("lines"), "x\n");
  for (const bool there : {true, false}) {
    if (there) write_file(path("out/1"), "old");
    const Fd lines(open(path("lines").c_str(), O_RDONLY | O_CLOEXEC));
    const Words words = {command(), "pool", "--outputs", path("out"), guest("it-acts"), "print", "40000000"};
    expect_exit(run(words, {.input = lines.get(),
                            .in_child =
                                [] {
                                  const rlimit limit = {kMost, kMost};
                                  setrlimit(RLIMIT_FSIZE, &limit);
                                }}),
                125, "out/1: cannot be written: File too large\n");
    if (there) {
      EXPECT_TRUE(read_file(path("out/1")) == "old");
      fs::remove(path("out/1"));
    }
    EXPECT_TRUE(fs::is_empty(path("out")));
  }
}

class SnapshotPath : public Paths {
 protected:
  Outcome take(const std::string& to, const ChildSetup& setup = {}) const {
    return run({command(), "snapshot", "-o", to, guest("it-input")}, setup);
  }
  void expect_runs(const std::string& file) const {
    const Outcome outcome = run({command(), "run", "--verify", "--input", path("in"), file});
    expect_exit(outcome, 0);
    EXPECT_EQ(outcome.output, "[some]\n");
  }
  void SetUp() override {
    Paths::SetUp();
    write_file(path("in"), "some");
  }
};

TEST_F(SnapshotPath, ThatIsALinkIsFollowed) {
  fs::create_directories(path("a/b"));
  fs::create_symlink("../target", path("a/b/relative"));
  fs::create_symlink("b/relative", path("a/chain"));
  fs::create_symlink(path("a/absolute"), path("to absent"));
  fs::create_symlink("loop", path("loop"));
  write_file(path("a/target"), "old");
  ASSERT_EQ(chmod(path("a/target").c_str(), 0600), 0);
  expect_exit(take(path("a/chain")), 0);
  expect_runs(path("a/target"));
  EXPECT_EQ(fs::status(path("a/target")).permissions(), fs::perms(0600));
  EXPECT_TRUE(fs::is_symlink(path("a/chain")) && fs::is_symlink(path("a/b/relative")));
  expect_exit(take(path("to absent")), 0);
  expect_runs(path("a/absolute"));
  expect_exit(take(path("loop")), 125, "loop: cannot be written: ");
}

TEST_F(SnapshotPath, ThatIsAPipeGetsAWholeOne) {
  Pipe pipe = make_pipe();
  const Outcome outcome = take("/proc/self/fd/1");
  expect_exit(outcome, 0);
  write_file(path("copy"), outcome.output);
  expect_runs(path("copy"));
  pipe.read.close();
  expect_exit(take("/proc/self/fd/1", {.output = pipe.write.get()}), 125,
              "/proc/self/fd/1: cannot be written: Broken pipe\n");
}

TEST_F(SnapshotPath, OfAFileWithoutANameIsRefused) {
  const Fd file(open(path("gone").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  fs::remove(path("gone"));
  expect_exit(take("/proc/self/fd/1", {.output = file.get()}), 125, "has no name under which it could be replaced\n");
  write_file(path("file"), "");
  const Fd other(open(path("file").c_str(), O_RDWR | O_CLOEXEC));
  expect_exit(take("/proc/self/fd/1", {.output = other.get()}), 0);
  expect_runs(path("file"));
}

// At any moment: either the old file is there or the new one, and nothing else.
TEST_F(SnapshotPath, IsWholeAndAloneWhenASaveIsInterrupted) {
  std::mt19937 random(14);
  for (const bool unnamed : {true, false}) {
    const auto in_child = unnamed ? std::function<void()>() : refuse_unnamed_files;
    fs::create_directories(path("folder"));
    write_file(path("folder/snapshot"), "old");
    expect_exit(take(path("folder/snapshot"), {.in_child = in_child}), 0);
    expect_runs(path("folder/snapshot"));
    for (int i = 0; i < 30; ++i) {
      write_file(path("folder/snapshot"), "old");
      Process spry({command(), "snapshot", "-o", path("folder/snapshot"), guest("ready_state")},
                   {.in_child = in_child});
      usleep(std::uniform_int_distribution<useconds_t>(0, 150000)(random));
      spry.signal(i % 2 == 0 ? SIGTERM : SIGINT);
      const Outcome outcome = spry.finish();
      EXPECT_FALSE(outcome.timed_out);
      std::size_t files = 0;
      for (const auto& entry : fs::directory_iterator(path("folder"))) {
        EXPECT_EQ(entry.path().filename(), "snapshot");
        ++files;
      }
      EXPECT_EQ(files, 1u);
      if (read_file(path("folder/snapshot")) == "old") continue;
      expect_exit(run({command(), "run", "--verify", path("folder/snapshot")}), 0);
    }
  }
}

}  // namespace
}  // namespace spry::test
