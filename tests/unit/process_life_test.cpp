// Guests' processes and what they hold: nothing of them is left, however a machine ends.
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <set>

#include "process/control_area.h"
#include "process/guest_process.h"
#include "process/host_tsc.h"
#include "process/launcher.h"
#include "process_guest.h"
#include "system/clock.h"
#include "text/format.h"

namespace spry {
namespace {

GUEST(l_pages,
      "movabs $0x550000200000, %rbx\n mov 0x200008(%rbx), %rsi\n movq $5, 0x400010(%rbx)\n"
      "mov 0x400008(%rbx), %rdx\n mov $1, %eax\n out %eax, $0x7e\n mov 0x7ff000(%rbx), %rsi\n"
      "mov $1, %eax\n out %eax, $0x7e\n");
GUEST(l_exit, "mov $1, %eax\n out %eax, $0x7e\n ud2");
GUEST(l_call, "1: mov $99, %eax\n out %eax, $0x7e\n jmp 1b");
GUEST(l_spin, "1: incq (%rdi)\n jmp 1b");
// Calls with RDI = 1 and RDI = 2; a guest that begins anew calls with 1 again.
GUEST(l_twice, "mov $1, %edi\n mov $99, %eax\n out %eax, $0x7e\n mov $2, %edi\n mov $99, %eax\n out %eax, $0x7e\n ud2");
// The same, with much to compute between.
GUEST(l_count,
      "mov $1, %edi\n mov $99, %eax\n out %eax, $0x7e\n mov $100000000, %rcx\n 1: dec %rcx\n jnz 1b\n"
      "mov $2, %edi\n mov $99, %eax\n out %eax, $0x7e\n ud2");
GUEST(l_sum,
      "movabs $0x550001000000, %rbx\n mov (%rbx), %rsi\n mov 0x1000(%rbx), %rdx\n mov $1, %eax\n"
      "out %eax, $0x7e\n movb $1, (%rbx)");

std::set<std::string> descriptors() {
  std::set<std::string> names;
  DIR* directory = opendir("/proc/self/fd");
  const std::string own = std::to_string(dirfd(directory));
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name != own) names.insert(entry->d_name);
  }
  closedir(directory);
  return names;
}

// The number of children, dead ones as well.
std::size_t children() {
  std::ifstream file("/proc/thread-self/children");
  std::size_t count = 0;
  for (std::string child; file >> child;) ++count;
  return count;
}

// Whether the process of a pidfd ends.
bool ends(const Descriptor& process) {
  constexpr int kPatience = 20'000;  // ms
  pollfd descriptor = {process.get(), POLLIN, 0};
  return poll(&descriptor, 1, kPatience) == 1;
}

// The only child.
pid_t child() {
  std::ifstream file("/proc/thread-self/children");
  pid_t process = 0;
  file >> process;
  return process;
}

std::size_t mappings() {
  std::ifstream file("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.find("memfd") != std::string::npos) ++count;
  }
  return count;
}

TEST(ProcessLives, LeaveNothing) {
  const auto before = descriptors();
  const std::size_t mapped = mappings();
  for (int i = 0; i < 20; ++i) {
    ProcessGuest guest(i % 2 == 0 ? CODE(l_exit) : CODE(l_spin), i % 4 < 2);
    if (i % 5 == 0) continue;  // a shell
    Waiting waiting;
    waiting.begin(host_monotonic_ns() + 2'000'000);
    ASSERT_TRUE(guest.vcpu->arm(waiting, 0));
    guest.begin();
    guest.run();
    if (i % 3 == 0) {
      ASSERT_TRUE(guest.vcpu->empty());
    }
  }
  EXPECT_EQ(descriptors(), before);
  EXPECT_EQ(children(), 0u);
  EXPECT_EQ(mappings(), mapped);
}

TEST(ProcessLives, ThatCannotBeginLeaveNothingEither) {
  const auto before = descriptors();
  {
    ProcessGuest guest(CODE(l_exit));
    std::vector<Region> bad = guest.regions;
    bad.push_back({{kSize + 1, kSize + 0x1001}, {.read = true}});
    ASSERT_TRUE(guest.vcpu->furnish(guest.memory, guest.furnishing(bad)));
    guest.begin();
    const Exit exit = guest.run();
    EXPECT_EQ(exit.kind, Exit::Kind::kFailed) << exit;
    EXPECT_NE(exit.error.message.find("cannot map the guest's memory at 0x55"), std::string::npos) << exit;
  }
  EXPECT_EQ(descriptors(), before);
  EXPECT_EQ(children(), 0u);
}

TEST(ProcessLives, TakeLowDescriptorsWhateverHasThem) {
  // The launcher's own descriptors 0, 1 and 2 may be anything, or closed.
  const pid_t child = fork();
  if (child == 0) {
    for (int i = 0; i < 10; ++i) close(i);
    bool good = true;
    for (int round = 0; round < 2; ++round) {
      auto made = make_process_shell();
      if (!made) _exit(2);
      auto memory = (*made)->make_memory(kSize, false);
      Layout layout;
      layout.slide = kSlide;
      const std::string path = "guest";
      const std::vector<Region> regions = {{{kCode, kData}, {.read = true, .execute = true}}};
      memory->set_regions(regions, kSlide);
      std::copy(l_exit_start, l_exit_end, memory->bytes({kCode, kData}).begin());
      CpuState state;
      state.registers.rip = kCode + kSlide;
      const Furnishing furnishing = {.path = path,
                                     .layout = layout,
                                     .regions = regions,
                                     .state = state,
                                     .covered = kSize,
                                     .end = kSize,
                                     .input = {}};
      good = good && (*made)->furnish(*memory, furnishing) && (*made)->begin(state.registers) &&
             (*made)->run().kind == Exit::Kind::kHypercall;
    }
    _exit(good ? 0 : 3);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(ProcessLives, EndWithTheMonitor) {
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const pid_t monitor = fork();
  if (monitor == 0) {
    ProcessGuest guest(CODE(l_spin));
    guest.begin();
    Waiting waiting;
    waiting.begin(host_monotonic_ns() + 5'000'000);
    if (!guest.vcpu->arm(waiting, 0)) _exit(1);
    guest.run();
    waiting.begin(0);
    const pid_t guest_process = child();
    if (write(pipe_ends[1], &guest_process, sizeof guest_process) < 0) _exit(1);
    guest.run();
    _exit(1);
  }
  pid_t guest_process = 0;
  ASSERT_EQ(read(pipe_ends[0], &guest_process, sizeof guest_process), static_cast<ssize_t>(sizeof guest_process));
  ASSERT_GT(guest_process, 0);
  const int watched = static_cast<int>(syscall(SYS_pidfd_open, guest_process, 0));
  ASSERT_GE(watched, 0);
  pollfd descriptor = {watched, POLLIN, 0};
  EXPECT_EQ(poll(&descriptor, 1, 20), 0) << "it spins";
  kill(monitor, SIGKILL);
  waitpid(monitor, nullptr, 0);
  EXPECT_EQ(poll(&descriptor, 1, 5000), 1) << "it lives on";
  close(watched);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

// A monitor may die at any moment of a start, and between an exit and its answer.
TEST(ProcessLives, EndWithTheMonitorHoweverEarlyItDies) {
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);  // so that what survives its monitor is this process's child
  for (int round = 0; round < 60; ++round) {
    const pid_t monitor = fork();
    if (monitor == 0) {
      ProcessGuest guest(round % 2 == 0 ? CODE(l_spin) : CODE(l_call));
      guest.begin();
      for (;;) {
        if (guest.run().kind != Exit::Kind::kHypercall) _exit(1);
        guest.vcpu->answer(0);
      }
    }
    usleep(static_cast<useconds_t>(round) * 150);
    kill(monitor, SIGKILL);
  }
  const std::uint64_t patience = host_monotonic_ns() + 20 * kNanosecondsPerSecond;
  while (waitpid(-1, nullptr, WNOHANG | __WALL) >= 0 && host_monotonic_ns() < patience) usleep(500);
  const pid_t left = waitpid(-1, nullptr, WNOHANG | __WALL);
  EXPECT_EQ(left, -1) << "a guest's process lives on";
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

// Lets the guest run until it has begun, and a little longer.
void run_a_moment(ProcessGuest& guest) {
  Waiting waiting;
  waiting.begin(host_monotonic_ns() + 1'000'000);
  ASSERT_TRUE(guest.vcpu->arm(waiting, 0));
  ASSERT_EQ(guest.run().kind, Exit::Kind::kInterrupted);
  guest.vcpu->disarm();
}

// A signal from outside comes to a guest while it computes, and while it waits for an answer.
TEST(ProcessLives, ThatAreSentASignalGoOnOrSayHowTheyEnded) {
  for (int number = 1; number <= SIGRTMAX; ++number) {
    for (const bool computes : {false, true}) {
      if (number == SIGSTOP || (number > SIGSYS && number < SIGRTMIN)) continue;
      SCOPED_TRACE(fmt::format("{}{}", strsignal(number), computes ? ", while it computes" : ""));
      ProcessGuest guest(computes ? CODE(l_count) : CODE(l_twice), true);
      guest.begin();
      ASSERT_EQ(guest.run().kind, Exit::Kind::kHypercall);
      guest.vcpu->answer(0);
      if (computes) run_a_moment(guest);
      ASSERT_EQ(kill(child(), number), 0);
      const Exit exit = guest.run();
      if (number == SIGKILL || number == SIGXCPU) {
        EXPECT_EQ(exit.kind, Exit::Kind::kFailed) << exit;
        EXPECT_NE(exit.error.message.find(fmt::format("killed from outside (SIG{})", sigabbrev_np(number))),
                  std::string::npos)
            << exit;
      } else {
        ASSERT_EQ(exit.kind, Exit::Kind::kHypercall) << exit;
        EXPECT_EQ(guest.registers().rdi, 2u) << "it began anew";
      }
    }
  }
}

// Somebody has stopped the guest's process, so it does not enter its gate when a signal comes to the launcher.
TEST(ProcessLives, ThatAreStoppedEndWithASentence) {
  ProcessGuest guest(CODE(l_spin), true);
  guest.begin();
  run_a_moment(guest);
  ASSERT_EQ(kill(child(), SIGSTOP), 0);
  struct sigaction action = {};
  struct sigaction before;
  action.sa_handler = [](int) {};
  ASSERT_EQ(sigaction(SIGALRM, &action, &before), 0);
  const itimerval often = {{0, 50'000}, {0, 50'000}};
  ASSERT_EQ(setitimer(ITIMER_REAL, &often, nullptr), 0);
  const Exit exit = guest.run();
  const itimerval never = {};
  setitimer(ITIMER_REAL, &never, nullptr);
  sigaction(SIGALRM, &before, nullptr);
  EXPECT_EQ(exit.kind, Exit::Kind::kFailed) << exit;
  EXPECT_NE(exit.error.message.find("did not answer a signal"), std::string::npos) << exit;
}

// The end of the lifeline ends a stub, however far the stub has come. The socket stays open, because its end would end
// the stub too. If the writer goes before the stub has asked the kernel for a signal, the stub must notice that itself.
TEST(ProcessLives, EndWithTheLifelineHoweverEarlyItIsCut) {
  const Descriptor file = *make_stub_file();
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE(round);
    auto control = ControlArea::make(false);
    ASSERT_TRUE(control);
    auto stub = launch_stub(file.get(), control->descriptor(), control->first_stack());
    ASSERT_TRUE(stub);
    if (round != 0) usleep(static_cast<useconds_t>(round) * 50);
    stub->lifeline = Descriptor();
    EXPECT_TRUE(ends(stub->process)) << "it lives on";
    GuestProcess(*std::move(stub));  // ends it
  }
  EXPECT_EQ(children(), 0u);
}

// Each process has the limit for itself, and the machine goes on with another process.
TEST(ProcessLives, ThatUseUpTheirProcessorTimeSaySo) {
  for (const bool hard : {false, true}) {
    SCOPED_TRACE(hard);
    const pid_t launcher = fork();
    if (launcher == 0) {
      const rlimit limit = {1, hard ? 1 : RLIM_INFINITY};
      if (setrlimit(RLIMIT_CPU, &limit) != 0) _exit(2);
      ProcessGuest guest(CODE(l_spin), true);
      for (int i = 0; i < 2; ++i) {
        guest.begin();
        const Exit exit = guest.run();
        EXPECT_EQ(exit.kind, Exit::Kind::kCpuLimit) << exit;
        EXPECT_EQ(exit.words, "the guest's process used up its 1 s of processor time (RLIMIT_CPU, ulimit -t)");
        // The log names what the process wrote before its end.
        const auto written = guest.vcpu->write_log()->fetch();
        EXPECT_TRUE(written && ((*written)[kData / 0x1000 / 64] >> kData / 0x1000 % 64 & 1) != 0);
      }
      _exit(testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(launcher, &status, 0), launcher);
    EXPECT_EQ(status, 0) << "as waitpid(2) tells it";
  }
}

// In a launcher that ignores the first signal, its guests ignore it too, and end only by the second.
TEST(ProcessLives, OfLaunchersThatIgnoreTheirLimitGoOn) {
  const pid_t launcher = fork();
  if (launcher == 0) {
    std::signal(SIGXCPU, SIG_IGN);
    ProcessGuest guest(CODE(l_twice));
    guest.begin();
    if (guest.run().kind != Exit::Kind::kHypercall) _exit(1);
    kill(child(), SIGXCPU);
    guest.vcpu->answer(0);
    _exit(guest.run().kind == Exit::Kind::kHypercall ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(launcher, &status, 0), launcher);
  EXPECT_EQ(status, 0) << "as waitpid(2) tells it";
}

TEST(ProcessLives, ThatAreKilledBetweenActionsAreReplaced) {
  ProcessGuest guest(CODE(l_exit), true);
  for (int i = 0; i < 3; ++i) {
    guest.begin();
    const Exit exit = guest.run();
    ASSERT_EQ(exit.kind, Exit::Kind::kHypercall) << exit;
    kill(child(), SIGKILL);
  }
}

TEST(ProcessInputs, AreReadOnlyAndGone) {
  // Bytes, a file, and the beginning of a file, whose last page is a copy.
  for (const std::uint64_t size : {0u, 0x2000u, 0x1008u}) {
    ProcessGuest guest(CODE(l_sum));
    const int input = memfd_create("input", 0);
    ASSERT_EQ(ftruncate(input, 0x2000), 0);
    const std::uint64_t words[2] = {77, 88};
    ASSERT_EQ(pwrite(input, words, 8, 0), 8);
    ASSERT_EQ(pwrite(input, words + 1, 8, 0x1000), 8);
    const Range range = {kInputArea, kInputArea + 0x2000};
    if (size != 0) {
      ASSERT_TRUE(guest.memory.map_file(range.start, input, size));
    } else {
      std::memcpy(guest.memory.bytes(range).data(), words, 8);
      std::memcpy(guest.memory.bytes(range).data() + 0x1000, words + 1, 8);
    }
    ASSERT_TRUE(guest.vcpu->map_input(range, input, size / 0x1000 * 0x1000));
    guest.begin();
    Exit exit = guest.run();
    ASSERT_EQ(exit.kind, Exit::Kind::kHypercall) << exit;
    EXPECT_EQ(guest.registers().rsi, 77u);
    EXPECT_EQ(guest.registers().rdx, 88u);
    guest.vcpu->answer(0);
    exit = guest.run();
    EXPECT_EQ(exit.kind, Exit::Kind::kException) << exit;
    EXPECT_EQ(exit.vector, 14u);
    EXPECT_EQ(exit.error_code & 2, 2u);
    close(input);
  }
  // A file that is truncated meanwhile.
  ProcessGuest guest(CODE(l_sum));
  const int input = memfd_create("input", 0);
  ASSERT_EQ(ftruncate(input, 0x2000), 0);
  ASSERT_TRUE(guest.vcpu->map_input({kInputArea, kInputArea + 0x2000}, input, 0x2000));
  ASSERT_EQ(ftruncate(input, 0x1000), 0);
  guest.begin();
  const Exit exit = guest.run();
  EXPECT_EQ(exit.kind, Exit::Kind::kFailed) << exit;
  EXPECT_EQ(
      exit.error.message,
      "guest: a page of the machine's memory is gone: its input, its image or its snapshot was truncated while it "
      "ran");
  close(input);
}

// 8 MiB of a file lie at the heap's beginning; each word of it is its own offset.
TEST(ProcessInputs, OfALargeFileAreBroughtWhenTheyAreTouched) {
  constexpr std::uint64_t kLarge = std::uint64_t{8} << 20;
  const int file = memfd_create("snapshot", 0);
  std::vector<std::uint64_t> words(kLarge / 8);
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = i * 8 + 1;
  ASSERT_EQ(write(file, words.data(), kLarge), static_cast<ssize_t>(kLarge));
  for (const bool truncated : {false, true}) {
    ASSERT_EQ(ftruncate(file, kLarge), 0);
    ProcessGuest guest(CODE(l_pages));
    ASSERT_TRUE(guest.memory.map_private_large({kHeap, kHeap + kLarge}, file, 0));
    EXPECT_EQ(guest.memory.waiting().size(), 1u);
    guest.begin();
    Exit exit = guest.run();
    ASSERT_EQ(exit.kind, Exit::Kind::kHypercall) << exit;
    EXPECT_EQ(guest.registers().rsi, 0x200009u);
    EXPECT_EQ(guest.registers().rdx, 0x400009u);
    // Guest and monitor each see what the other has touched and written.
    EXPECT_EQ(guest.word(kHeap + 0x400010), 5u);
    EXPECT_EQ(guest.word(kHeap + 0x600000), 0x600001u);
    std::uint64_t copied = 0;
    ASSERT_TRUE(
        guest.memory.copy(std::as_writable_bytes(std::span(&copied, 1)), GuestPointer{kSlide + kHeap + 0x300000}));
    EXPECT_EQ(copied, 0x300001u);
    EXPECT_LT(guest.memory.resident(), std::uint64_t{2} << 20);
    ASSERT_EQ(ftruncate(file, truncated ? 0x700000 : kLarge), 0);
    guest.vcpu->answer(0);
    exit = guest.run();
    if (truncated) {
      EXPECT_EQ(exit.kind, Exit::Kind::kFailed) << exit;
      EXPECT_NE(exit.error.message.find("was truncated while it ran"), std::string::npos);
      EXPECT_FALSE(
          guest.memory.copy(std::as_writable_bytes(std::span(&copied, 1)), GuestPointer{kSlide + kHeap + 0x7f0000}));
    } else {
      EXPECT_EQ(exit.kind, Exit::Kind::kHypercall) << exit;
      EXPECT_EQ(guest.registers().rsi, 0x7ff001u);
    }
  }
  close(file);
}

TEST(ProcessClocks, AgreeWithEachOther) {
  auto rate = [](const std::optional<GuestTsc>& tsc) {
    return static_cast<double>(tsc->mult) / static_cast<double>(std::uint64_t{1} << tsc->shift);
  };
  const auto measured = tsc_by_measuring();
  ASSERT_TRUE(measured);
  for (const auto& other : {tsc_by_kernel(), tsc_by_cpuid(), host_tsc()}) {
    if (!other) continue;
    EXPECT_NEAR(rate(other) / rate(measured), 1.0, 1.0 / 64);
  }
  ASSERT_TRUE(host_tsc());
}

}  // namespace
}  // namespace spry
