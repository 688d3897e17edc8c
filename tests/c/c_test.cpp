// The C API: what it adds to the C++ one, which has tests of its own (tests/embed).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

#include "guest.h"
#include "objects.h"
#include "spry.h"
#include "spry/abi.h"

namespace {

using CApi = testing::Test;

// The structures of version 0: programs that were compiled against them rely on these members and offsets.
static_assert(offsetof(spry_machine_options, memory) == 8 && offsetof(spry_machine_options, deadline_ns) == 16);
static_assert(offsetof(spry_machine_options, max_input) == 24 && offsetof(spry_machine_options, arguments) == 32);
static_assert(offsetof(spry_machine_options, block) == 40 && offsetof(spry_machine_options, net) == 48);
static_assert(offsetof(spry_machine_options, max_output) == 56);
static_assert(offsetof(spry_machine_options, output_descriptor) == 64 && offsetof(spry_machine_options, flags) == 76);
static_assert(offsetof(spry_pool_options, machine) == 8 && offsetof(spry_pool_options, workers) == 16);
static_assert(offsetof(spry_pool_options, queue) == 24 && offsetof(spry_pool_options, queue_bytes) == 32);
static_assert(offsetof(spry_pool_options, completion_bytes) == 40 && sizeof(spry_pool_options) == 48);
static_assert(offsetof(spry_receipt, run_ns) == 64);
static_assert(offsetof(spry_statistics, reasons) == 24 && offsetof(spry_statistics, machines) == 112);
static_assert(offsetof(spry_statistics, total) == 240);
// Where the structures of the first versions ended. The four bytes after `platform` are padding, which a caller may
// leave undefined: the next member begins behind them.
static_assert(offsetof(spry_machine_options, platform) == 80 && offsetof(spry_machine_options, devices) == 88);
static_assert(offsetof(spry_receipt, platform) == 72 && sizeof(spry_receipt) == 80);
static_assert(offsetof(spry_statistics, platform) == 280 && offsetof(spry_statistics, too_much_output) == 288);
static_assert(offsetof(spry_statistics, cpu_limit) == 296);

// An input for the guest spy.
constexpr std::string_view kSpin = "fill spin 5ec2e7a0b1d4c3f6 classes=base heap=128\n";

spry_pool* pool_of_one(const char* name) {
  spry_error* error = nullptr;
  spry_image* image = load(name);
  const spry_pool_options options = pool_options(nullptr, 1);
  spry_pool* pool = spry_pool_create(image, &options, &error);
  spry_image_free(image);
  return made(pool, error);
}

spry_machine* reusable_machine(const char* name) {
  spry_error* error = nullptr;
  spry_image* image = load(name);
  spry_machine_options options = machine_options();
  options.flags = SPRY_REUSABLE;
  spry_machine* machine = spry_machine_create(nullptr, image, &options, &error);
  spry_image_free(image);
  return made(machine, error);
}

TEST_F(CApi, RunsOneAction) {
  spry_error* error = nullptr;
  spry_image* image = load("wordcount");
  EXPECT_EQ(spry_image_path(image), spry::guest("wordcount"));
  ASSERT_EQ(spry_image_device_count(image), 1u);
  EXPECT_STREQ(spry_image_device_kind(image, 0), "console");
  EXPECT_STREQ(spry_image_device_name(image, 0), "console");
  EXPECT_EQ(spry_image_device_kind(image, 1), nullptr);
  spry_machine* machine = spry_machine_create(nullptr, image, nullptr, &error);
  made(machine, error);
  spry_image_free(image);
  spry_outcome* outcome = spry_machine_run(machine, "one two three\n", 14, &error);
  made(outcome, error);
  EXPECT_EQ(spry_outcome_reason(outcome), SPRY_EXIT);
  EXPECT_STREQ(spry_reason_name(spry_outcome_reason(outcome)), "exit");
  EXPECT_EQ(spry_outcome_status(outcome), 0);
  EXPECT_STREQ(spry_outcome_message(outcome), "");
  EXPECT_STREQ(spry_outcome_crash(outcome), "");
  spry_receipt receipt = {};
  receipt.size = offsetof(spry_receipt, bytes_out);
  receipt.bytes_out = 77;
  spry_outcome_receipt(outcome, &receipt);
  EXPECT_EQ(receipt.exits, 1u);
  EXPECT_EQ(receipt.bytes_in, 14u);
  EXPECT_EQ(receipt.bytes_out, 77u);
  EXPECT_EQ(output(outcome), " 1  3 14\n");
  EXPECT_EQ(spry_machine_run(machine, nullptr, 0, &error), nullptr);
  EXPECT_NE(message(error).find("is not reusable"), std::string::npos);
  EXPECT_EQ(spry_machine_run(machine, nullptr, 0, nullptr), nullptr);
  EXPECT_EQ(spry_machine_run(machine, nullptr, 0, &error), nullptr);
  EXPECT_EQ(spry_error_code(error), SPRY_CLOSED);
  spry_error_free(error);
  EXPECT_EQ(spry_machine_usable(machine), 1);
  EXPECT_EQ(spry_machine_snapshot(machine, &error), nullptr);
  EXPECT_EQ(error, nullptr);
  spry_machine_free(machine);
}

TEST_F(CApi, RunsManyActionsInShellsAndFromFiles) {
  spry_error* error = nullptr;
  spry_image* image = load("wordcount");
  spry_machine_options options = machine_options();
  options.flags = SPRY_REUSABLE | SPRY_VERIFY | SPRY_MEASURE_MEMORY;
  spry_shell* shell = made(spry_shell_create(&error), error);
  for (int i = 0; i < 3; ++i) {
    spry_machine* machine = spry_machine_create(shell, image, &options, &error);
    made(machine, error);
    EXPECT_EQ(output(spry_machine_run(machine, "a\nb\n", 4, &error)), "2 2 4\n");
    EXPECT_EQ(spry_machine_reset(machine, &error), 0);
    const int file = open(spry::guest("wordcount").c_str(), O_RDONLY | O_CLOEXEC);
    EXPECT_NE(output(spry_machine_run_file(machine, file, 100, &error)).find("100\n"), std::string::npos);
    close(file);
    // A guest that touches its input calls `ready` by that.
    spry_snapshot_free(made(spry_machine_snapshot(machine, &error), error));
    shell = spry_machine_release(machine, &error);
    made(shell, error);
  }
  spry_shell_free(shell);
  spry_image_free(image);
}

TEST_F(CApi, InterruptsTheNextAction) {
  spry_error* error = nullptr;
  spry_machine* machine = reusable_machine("wordcount");
  spry_machine_interrupt(machine);
  spry_machine_interrupt(machine);
  spry_outcome* outcome = spry_machine_run(machine, "x", 1, &error);
  EXPECT_EQ(spry_outcome_reason(made(outcome, error)), SPRY_INTERRUPTED);
  spry_outcome_free(outcome);
  EXPECT_EQ(output(spry_machine_run(machine, "x", 1, &error)), "0 1 1\n");
  spry_machine_free(machine);
}

TEST_F(CApi, GivesActionsDeadlinesOfTheirOwn) {
  spry_error* error = nullptr;
  spry_machine* machine = reusable_machine("spy");
  const spry_action_options brief = {sizeof brief, 50'000'000};
  spry_outcome* outcome = spry_machine_run_with(machine, kSpin.data(), kSpin.size(), &brief, &error);
  EXPECT_EQ(spry_outcome_reason(made(outcome, error)), SPRY_DEADLINE);
  spry_outcome_free(outcome);
  const spry_action_options endless = {sizeof endless, UINT64_MAX};
  EXPECT_EQ(spry_machine_run_with(machine, "seed\n", 5, &endless, &error), nullptr);
  EXPECT_EQ(spry_error_code(error), SPRY_INVALID_ARGUMENT);
  spry_error_free(error);
  spry_machine_free(machine);
  spry_pool* pool = pool_of_one("spy");
  outcome = spry_pool_run_with(pool, kSpin.data(), kSpin.size(), &brief, &error);
  EXPECT_EQ(spry_outcome_reason(made(outcome, error)), SPRY_DEADLINE);
  spry_outcome_free(outcome);
  spry_pool_free(pool);
}

TEST_F(CApi, TakesActionsBack) {
  spry_error* error = nullptr;
  spry_pool* pool = pool_of_one("spy");
  const spry_action_options brief = {sizeof brief, 300'000'000};
  EXPECT_EQ(spry_pool_submit_ticket_with(pool, kSpin.data(), kSpin.size(), &brief, 1, &error), 0);
  EXPECT_EQ(spry_pool_submit_ticket(pool, "seed\n", 5, 2, &error), 0);
  EXPECT_EQ(spry_pool_cancel(pool, 2), 1);
  EXPECT_EQ(spry_pool_cancel(pool, 2), 0);
  uint64_t ticket = 0;
  spry_outcome* outcome = nullptr;
  EXPECT_EQ(spry_pool_take(pool, &ticket, &outcome, &error), 1);
  EXPECT_EQ(ticket, 2u);
  EXPECT_EQ(outcome, nullptr);
  EXPECT_EQ(spry_error_code(error), SPRY_CANCELLED);
  spry_error_free(error);
  spry_pool_free(pool);
}

TEST_F(CApi, TellsOfCrashesAsData) {
  spry_error* error = nullptr;
  spry_machine* machine = reusable_machine("spy");
  spry_crash crash = {};
  crash.size = sizeof crash;
  spry_outcome* outcome = spry_machine_run(machine, "seed\n", 5, &error);
  EXPECT_EQ(spry_outcome_crash_data(made(outcome, error), &crash), 0);
  EXPECT_EQ(spry_outcome_frame(outcome, 0, nullptr), nullptr);
  spry_outcome_free(outcome);
  const std::string_view write = "fill null_write 5ec2e7a0b1d4c3f6 classes=base heap=128\n";
  outcome = spry_machine_run(machine, write.data(), write.size(), &error);
  EXPECT_EQ(spry_outcome_crash_data(made(outcome, error), &crash), 1);
  EXPECT_EQ(crash.kind, SPRY_FAULT_WRITE);
  EXPECT_STREQ(spry_fault_name(crash.kind), "write");
  EXPECT_EQ(crash.has_address, 1u);
  EXPECT_EQ(crash.address, 8u);
  uint64_t address = 0;
  EXPECT_NE(spry_outcome_frame(outcome, 0, &address), nullptr);
  EXPECT_EQ(address, crash.rip);
  EXPECT_EQ(spry_outcome_frame(outcome, crash.frames, nullptr), nullptr);
  spry_outcome_free(outcome);
  spry_machine_free(machine);
}

TEST_F(CApi, TakesAnImageFromMemory) {
  std::ifstream file(spry::guest("wordcount"), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  spry_error* error = nullptr;
  spry_image* image = spry_image_from_bytes(bytes.data(), bytes.size(), nullptr, &error);
  made(image, error);
  EXPECT_STREQ(spry_image_path(image), "image");
  spry_machine* machine = spry_machine_create(nullptr, image, nullptr, &error);
  made(machine, error);
  EXPECT_EQ(output(spry_machine_run(machine, "a\nb\n", 4, &error)), "2 2 4\n");
  spry_machine_free(machine);
  spry_image_free(image);
  EXPECT_EQ(spry_image_from_bytes("text", 4, "mine", &error), nullptr);
  EXPECT_EQ(message(error), "mine: not an ELF file");
}

// A device that answers in capital letters.
struct Host {
  int begun = 0;
  int calls = 0;
  spry_code fails = SPRY_MONITOR;
  const char* failure = nullptr;
};

int64_t answer_in_capitals(void* context, spry_guest* guest, const spry_device_call* call, spry_error** error) {
  Host& host = *static_cast<Host*>(context);
  ++host.calls;
  if (host.failure != nullptr) {
    *error = spry_error_create(host.fails, host.failure);
    return 0;
  }
  if (call->operation != 1 || call->b > 256) return -SPRY_EINVAL;
  char text[256];
  if (spry_guest_read(guest, call->a, text, call->b) != 0) return -SPRY_EFAULT;
  EXPECT_EQ(spry_guest_read(guest, 8, text, 0), 0);
  EXPECT_EQ(spry_guest_read(guest, 8, text, 1), -1);
  EXPECT_EQ(spry_guest_write(guest, call->a, text, call->b), -1) << "the input is not to be written to";
  std::transform(text, text + call->b, text, [](char c) { return static_cast<char>(std::toupper(c)); });
  if (spry_guest_write(guest, call->c, text, call->b) != 0) return -SPRY_EFAULT;
  return static_cast<int64_t>(call->b);
}

TEST_F(CApi, ServesDevicesOfTheProgramsOwn) {
  spry_error* error = nullptr;
  Host host;
  const spry_attachment device = {sizeof device,      "host",
                                  "function",         &host,
                                  answer_in_capitals, [](void* context) { ++static_cast<Host*>(context)->begun; }};
  const spry_attachment* const devices[] = {&device, nullptr};
  spry_machine_options options = machine_options();
  options.flags = SPRY_REUSABLE | SPRY_VERIFY;
  options.devices = devices;
  spry_image* image = load("host_function");
  spry_machine* machine = spry_machine_create(nullptr, image, &options, &error);
  made(machine, error);
  for (const std::string text : {"one", "two words"}) {
    std::string capitals = text;
    std::transform(text.begin(), text.end(), capitals.begin(),
                   [](char c) { return static_cast<char>(std::toupper(c)); });
    EXPECT_EQ(output(spry_machine_run(machine, text.data(), text.size(), &error)), capitals);
  }
  EXPECT_EQ(host.begun, 2);
  EXPECT_EQ(output(spry_machine_run(machine, std::string(300, 'x').data(), 300, &error)), "error 22\n");
  EXPECT_EQ(host.calls, 3);
  host.failure = "the database is gone";
  host.fails = SPRY_FILE;
  EXPECT_EQ(spry_machine_run(machine, "x", 1, &error), nullptr);
  EXPECT_EQ(spry_error_code(error), SPRY_FILE);
  EXPECT_EQ(message(error), "host function: the database is gone");
  EXPECT_EQ(spry_machine_usable(machine), 0);
  spry_machine_free(machine);
  host.failure = nullptr;

  // In a pool the other actions go on. Control characters in a device's error are escaped.
  const spry_pool_options of_pool = pool_options(&options, 1);
  spry_pool* pool = spry_pool_create(image, &of_pool, &error);
  made(pool, error);
  host.failure = "not\nnow, \x1b[31m";
  EXPECT_EQ(spry_pool_run(pool, "x", 1, &error), nullptr);
  EXPECT_EQ(message(error), "host function: not\\x0anow, \\x1b[31m");
  host.failure = nullptr;
  EXPECT_EQ(output(spry_pool_run(pool, "x", 1, &error)), "X");
  spry_pool_free(pool);

  for (spry_attachment bad :
       {spry_attachment{sizeof(spry_attachment), nullptr, "function", &host, answer_in_capitals, nullptr},
        spry_attachment{sizeof(spry_attachment), "host", nullptr, &host, answer_in_capitals, nullptr},
        spry_attachment{sizeof(spry_attachment), "host", "function", &host, nullptr, nullptr},
        spry_attachment{0, "host", "function", &host, answer_in_capitals, nullptr}}) {
    const spry_attachment* const refused[] = {&bad, nullptr};
    options.devices = refused;
    EXPECT_EQ(spry_machine_create(nullptr, image, &options, &error), nullptr);
    EXPECT_EQ(spry_error_code(error), SPRY_INVALID_ARGUMENT);
    spry_error_free(error);
  }
  spry_image_free(image);
}

std::atomic<int> noted = 0;

// The signal comes from another thread, to the process or to the running thread; the handler that was there is called
// too.
TEST_F(CApi, InterruptsBySignals) {
  spry_error* error = nullptr;
  struct sigaction action = {};
  noted = 0;
  action.sa_handler = [](int) { ++noted; };
  action.sa_flags = SA_RESTART;
  struct sigaction before;
  ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
  spry_image* image = load("endless");
  for (const char* how : {"spin", "sleeps", "calls"}) {
    spry_machine_options options = machine_options();
    const char* const arguments[] = {"endless", how, nullptr};
    options.arguments = arguments;
    spry_machine* machine = spry_machine_create(nullptr, image, &options, &error);
    made(machine, error);
    ASSERT_EQ(spry_machine_interrupt_on(machine, SIGUSR1, &error), 0);
    EXPECT_EQ(spry_machine_interrupt_on(machine, SIGUSR2, &error), -1);
    EXPECT_EQ(spry_error_code(error), SPRY_INVALID_ARGUMENT);
    spry_error_free(error);
    std::thread other([] {
      usleep(20'000);
      raise(SIGUSR1);  // to this thread, whose handler passes it to the running one
    });
    spry_outcome* outcome = spry_machine_run(machine, nullptr, 0, &error);
    EXPECT_EQ(spry_outcome_reason(made(outcome, error)), SPRY_INTERRUPTED) << how;
    spry_outcome_free(outcome);
    other.join();
    EXPECT_EQ(spry_machine_interrupt_on(machine, 0, &error), 0);
    spry_machine_free(machine);
  }
  EXPECT_EQ(noted, 3);
  struct sigaction after;
  ASSERT_EQ(sigaction(SIGUSR1, &before, &after), 0);
  EXPECT_EQ(after.sa_handler, action.sa_handler);
  // A signal without a handler keeps its default action.
  spry_machine* machine = spry_machine_create(nullptr, image, nullptr, &error);
  made(machine, error);
  EXPECT_EQ(spry_machine_interrupt_on(machine, SIGUSR1, &error), 0);
  ASSERT_EQ(sigaction(SIGUSR1, nullptr, &after), 0);
  EXPECT_EQ(after.sa_handler, SIG_DFL);
  EXPECT_EQ(spry_machine_interrupt_on(machine, 12345, &error), -1);
  EXPECT_EQ(spry_error_code(error), SPRY_INVALID_ARGUMENT);
  spry_error_free(error);
  EXPECT_EQ(spry_machine_interrupt_on(machine, 0, &error), 0);
  spry_machine_free(machine);
  spry_image_free(image);
}

TEST_F(CApi, SaysWhatIsWrong) {
  spry_error* error = nullptr;
  EXPECT_EQ(spry_image_load("/no/such/file", &error), nullptr);
  EXPECT_EQ(spry_error_code(error), SPRY_NOT_FOUND);
  EXPECT_NE(message(error).find("/no/such/file"), std::string::npos);
  EXPECT_EQ(spry_image_load("/bin/sh", &error), nullptr);
  EXPECT_EQ(spry_error_code(error), SPRY_NOT_UNIKERNEL);
  spry_error_free(error);
  EXPECT_EQ(spry_snapshot_load("/no/such/file", 1, &error), nullptr);
  EXPECT_EQ(spry_error_code(error), SPRY_NOT_FOUND);
  spry_error_free(error);

  spry_image* image = load("hello");
  const auto refused = [&](const spry_machine_options& options) {
    EXPECT_EQ(spry_machine_create(nullptr, image, &options, &error), nullptr);
    EXPECT_EQ(spry_error_code(error), SPRY_INVALID_ARGUMENT);
    return message(error);
  };
  spry_machine_options options = {};
  EXPECT_EQ(refused(options),
            "struct spry_machine_options has a size of 0; it must be sizeof(struct spry_machine_options)");
  options = machine_options();
  options.flags = 1u << 20;
  EXPECT_NE(refused(options).find("bits that Spry"), std::string::npos);
  options = machine_options();
  options.deadline_ns = UINT64_MAX;
  EXPECT_NE(refused(options).find("is too long"), std::string::npos);
  options = machine_options();
  const char* const nameless[] = {"disk.img", nullptr};
  options.block = nameless;
  EXPECT_EQ(refused(options), "block \"disk.img\": a device is given as NAME=SPECIFICATION");
  const char* const coloured[] = {"\x1b[31m", nullptr};
  options.block = coloured;
  EXPECT_EQ(refused(options), "block \"\\x1b[31m\": a device is given as NAME=SPECIFICATION");
  const char* const strange[] = {"disk=disk.img", nullptr};
  options.block = strange;
  EXPECT_NE(refused(options).find("the manifest does not name it"), std::string::npos);
  spry_image_free(image);
  spry_error_free(nullptr);
}

TEST_F(CApi, TakesStructuresOfOtherVersions) {
  spry_error* error = nullptr;
  spry_image* image = load("hello");
  // A structure of an older version, with fewer members: what lies behind them is not read.
  spry_machine_options options = machine_options();
  options.size = offsetof(spry_machine_options, deadline_ns);
  options.flags = ~0u;
  spry_machine_free(made(spry_machine_create(nullptr, image, &options, &error), error));
  // A structure of a newer version is taken as long as it asks for nothing new.
  struct {
    spry_machine_options known;
    uint64_t unknown;
  } newer = {machine_options(), 0};
  newer.known.size = sizeof newer;
  spry_machine_free(made(spry_machine_create(nullptr, image, &newer.known, &error), error));
  newer.unknown = 1;
  EXPECT_EQ(spry_machine_create(nullptr, image, &newer.known, &error), nullptr);
  EXPECT_NE(message(error).find("asks for what Spry"), std::string::npos);
  spry_image_free(image);
}

// The platform that ran hello, or the sentence that says why none did.
std::string ran_on(spry_platform platform) {
  spry_error* error = nullptr;
  spry_image* image = load("hello");
  spry_machine_options options = machine_options();
  options.platform = platform;
  spry_machine* machine = spry_machine_create(nullptr, image, &options, &error);
  spry_image_free(image);
  if (machine == nullptr) return message(error);
  spry_outcome* outcome = spry_machine_run(machine, nullptr, 0, &error);
  spry_receipt receipt = {};
  receipt.size = sizeof receipt;
  spry_outcome_receipt(made(outcome, error), &receipt);
  EXPECT_EQ(receipt.size, sizeof receipt);
  EXPECT_EQ(output(outcome), "Hello\n");
  spry_machine_free(machine);
  return spry_platform_name(receipt.platform);
}

TEST_F(CApi, ChoosesPlatforms) {
  EXPECT_EQ(ran_on(SPRY_PLATFORM_PROCESS), "process");
  const std::string kvm = ran_on(SPRY_PLATFORM_KVM);
  EXPECT_TRUE(kvm == "kvm" || kvm.find("cannot open /dev/kvm") != std::string::npos) << kvm;
  EXPECT_STREQ(spry_platform_name(SPRY_PLATFORM_AUTOMATIC), "automatic");
  const char* const named = getenv("SPRY_PLATFORM");
  const std::string before = named != nullptr ? named : "";
  setenv("SPRY_PLATFORM", "process", 1);
  EXPECT_EQ(ran_on(SPRY_PLATFORM_AUTOMATIC), "process");
  setenv("SPRY_PLATFORM", "xen", 1);
  EXPECT_EQ(ran_on(SPRY_PLATFORM_AUTOMATIC), "SPRY_PLATFORM: \"xen\" is no platform: automatic, kvm or process");
  EXPECT_EQ(ran_on(SPRY_PLATFORM_PROCESS), "process");
  // An empty value counts as none.
  setenv("SPRY_PLATFORM", before.c_str(), 1);
}

TEST_F(CApi, RefusesPlatformsThatItDoesNotKnow) {
  const unsigned number = 77;
  spry_error* error = nullptr;
  spry_image* image = load("hello");
  spry_machine_options options = machine_options();
  std::memcpy(&options.platform, &number, sizeof number);
  EXPECT_EQ(spry_machine_create(nullptr, image, &options, &error), nullptr);
  EXPECT_EQ(message(error), std::string("enum spry_platform has no 77 in Spry ") + spry_version());
  // In a program that was compiled before there were platforms, any bytes may follow its structure.
  options.size = offsetof(spry_machine_options, platform);
  spry_machine* machine = spry_machine_create(nullptr, image, &options, &error);
  spry_machine_free(made(machine, error));
  spry_image_free(image);
}

TEST_F(CApi, MakesShellsOfAPlatform) {
  spry_error* error = nullptr;
  spry_image* image = load("hello");
  spry_machine_options options = machine_options();
  spry_shell* shell = spry_shell_create_on(SPRY_PLATFORM_PROCESS, &error);
  EXPECT_EQ(spry_shell_platform(made(shell, error)), SPRY_PLATFORM_PROCESS);
  spry_machine* machine = spry_machine_create(shell, image, &options, &error);
  shell = spry_machine_release(made(machine, error), &error);
  EXPECT_EQ(spry_shell_platform(made(shell, error)), SPRY_PLATFORM_PROCESS);
  options.platform = SPRY_PLATFORM_KVM;
  EXPECT_EQ(spry_machine_create(shell, image, &options, &error), nullptr);
  EXPECT_NE(message(error).find("the shell is of the platform process, and the options insist on kvm"),
            std::string::npos);
  spry_image_free(image);
}

TEST_F(CApi, TellsThePlatformOfPools) {
  spry_error* error = nullptr;
  spry_image* image = load("hello");
  spry_machine_options machine = machine_options();
  machine.platform = SPRY_PLATFORM_PROCESS;
  const spry_pool_options options = pool_options(&machine, 1);
  spry_pool* pool = spry_pool_create(image, &options, &error);
  EXPECT_EQ(output(spry_pool_run(made(pool, error), nullptr, 0, &error)), "Hello\n");
  spry_statistics statistics = {};
  statistics.size = sizeof statistics;
  spry_pool_statistics(pool, &statistics);
  EXPECT_EQ(statistics.size, sizeof statistics);
  EXPECT_EQ(statistics.platform, SPRY_PLATFORM_PROCESS);
  // Only as much is written as an older program has room for.
  statistics.size = offsetof(spry_statistics, platform);
  statistics.platform = SPRY_PLATFORM_AUTOMATIC;
  spry_pool_statistics(pool, &statistics);
  EXPECT_EQ(statistics.size, offsetof(spry_statistics, platform));
  EXPECT_EQ(statistics.platform, SPRY_PLATFORM_AUTOMATIC);
  spry_pool_free(pool);
  spry_image_free(image);
}

TEST_F(CApi, WritesToDescriptors) {
  spry_error* error = nullptr;
  spry_image* image = load("hello");
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  spry_machine_options options = machine_options();
  options.flags = SPRY_CONSOLE;
  options.output_descriptor = ends[1];
  options.diagnostics_descriptor = ends[1];
  const char* const arguments[] = {"hello", nullptr};
  options.arguments = arguments;
  spry_machine* machine = spry_machine_create(nullptr, image, &options, &error);
  EXPECT_EQ(output(spry_machine_run(made(machine, error), nullptr, 0, &error)), "");
  char bytes[16];
  EXPECT_EQ(read(ends[0], bytes, sizeof bytes), 6);
  EXPECT_EQ(std::string_view(bytes, 6), "Hello\n");
  spry_machine_free(machine);
  spry_image_free(image);
  close(ends[0]);
  close(ends[1]);
}

TEST_F(CApi, KeepsNoMoreOutputThanAsked) {
  spry_error* error = nullptr;
  spry_image* image = load("hello");
  spry_machine_options options = machine_options();
  options.max_output = 5;
  spry_machine* machine = spry_machine_create(nullptr, image, &options, &error);
  spry_outcome* outcome = spry_machine_run(made(machine, error), nullptr, 0, &error);
  EXPECT_EQ(spry_outcome_reason(made(outcome, error)), SPRY_TOO_MUCH_OUTPUT);
  EXPECT_STREQ(spry_reason_name(SPRY_TOO_MUCH_OUTPUT), "output");
  EXPECT_STREQ(spry_reason_name(SPRY_CPU_LIMIT), "cpu");
  size_t size = 0;
  EXPECT_EQ(std::string(spry_outcome_output(outcome, &size)), "Hello");
  spry_outcome_free(outcome);
  spry_machine_free(machine);
  spry_image_free(image);
}

TEST_F(CApi, AttachesDisks) {
  spry_error* error = nullptr;
  const std::string path = testing::TempDir() + "spry-c-disk";
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  ASSERT_EQ(ftruncate(file, 65536), 0);
  close(file);
  spry_image* image = load("block_action");
  spry_machine_options machine = machine_options();
  const spry_pool_options options = pool_options(&machine, 1);
  for (const char* suffix : {"", ",overlay"}) {
    const std::string disk = "disk=" + path + suffix;
    const char* const block[] = {disk.c_str(), nullptr};
    machine.block = block;
    spry_pool* pool = spry_pool_create(image, &options, &error);
    if (*suffix == '\0') {
      EXPECT_EQ(pool, nullptr);
      EXPECT_NE(message(error).find("serves one action only"), std::string::npos);
    } else {
      spry_outcome* outcome = spry_pool_run(made(pool, error), nullptr, 0, &error);
      EXPECT_EQ(spry_outcome_status(outcome), 0);
      spry_outcome_free(outcome);
      spry_pool_free(pool);
    }
  }
  spry_image_free(image);
  unlink(path.c_str());
}

TEST_F(CApi, TellsHowAGuestEndedBeforeItsSnapshot) {
  spry_error* error = nullptr;
  spry_outcome* ended = nullptr;
  const auto run = [&](const char* guest, spry_outcome** to) {
    spry_machine* machine = reusable_machine(guest);
    spry_snapshot* taken = spry_machine_run_until_ready(machine, to, &error);
    spry_machine_free(machine);
    return taken;
  };
  EXPECT_EQ(run("hello", &ended), nullptr);
  EXPECT_EQ(spry_error_code(error), SPRY_NOT_UNIKERNEL);
  spry_error_free(error);
  error = nullptr;
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(spry_outcome_reason(ended), SPRY_EXIT);
  EXPECT_EQ(output(ended), "Hello\n");
  EXPECT_EQ(run("hello", nullptr), nullptr);
  spry_error_free(error);
  error = nullptr;
  ended = reinterpret_cast<spry_outcome*>(1);
  spry_snapshot_free(made(run("ready_state", &ended), error));
  EXPECT_EQ(ended, nullptr);
}

TEST_F(CApi, SavesSnapshots) {
  spry_error* error = nullptr;
  const std::string path = testing::TempDir() + "spry-c-snapshot";
  spry_image* image = load("ready_state");
  spry_machine* cold = spry_machine_create(nullptr, image, nullptr, &error);
  const std::string expected = output(spry_machine_run(made(cold, error), "x", 1, &error));
  spry_machine_free(cold);
  spry_snapshot* taken = spry_snapshot_take(image, nullptr, &error);
  made(taken, error);
  EXPECT_GT(spry_snapshot_contents_size(taken), 0u);
  EXPECT_EQ(spry_snapshot_memory(taken), 16u << 20);
  EXPECT_EQ(spry_snapshot_argument(taken, 0), nullptr);
  EXPECT_EQ(spry_snapshot_path(taken), spry::guest("ready_state"));
  EXPECT_EQ(spry_snapshot_save(taken, path.c_str(), &error), 0);
  EXPECT_EQ(spry_snapshot_save(taken, "/no/such/folder/file", &error), -1);
  spry_error_free(error);
  EXPECT_EQ(spry_snapshot_recognise(path.c_str()), 1);
  EXPECT_EQ(spry_snapshot_recognise("/bin/sh"), 0);
  spry_snapshot* loaded = spry_snapshot_load(path.c_str(), 1, &error);
  EXPECT_EQ(spry_snapshot_path(made(loaded, error)), path);
  for (spry_snapshot* snapshot : {taken, loaded}) {
    spry_shell* shell = spry_shell_create(&error);
    spry_machine* machine = spry_machine_restore(made(shell, error), snapshot, nullptr, &error);
    EXPECT_EQ(output(spry_machine_run(made(machine, error), "x", 1, &error)), expected);
    spry_machine_free(machine);
    spry_pool* pool = spry_pool_restore(snapshot, nullptr, &error);
    EXPECT_EQ(output(spry_pool_run(made(pool, error), "x", 1, &error)), expected);
    spry_pool_free(pool);
    spry_snapshot_free(snapshot);
  }
  spry_machine_options options = machine_options();
  options.flags = SPRY_REUSABLE;
  spry_machine* machine = spry_machine_create(nullptr, image, &options, &error);
  EXPECT_EQ(output(spry_machine_run(made(machine, error), "x", 1, &error)), expected);
  spry_snapshot_free(made(spry_machine_snapshot(machine, &error), error));
  spry_machine_free(machine);
  spry_image_free(image);
  unlink(path.c_str());
}

// Counts outcomes and errors.
struct Endings {
  std::atomic<int> outcomes = 0;
  std::atomic<int> errors = 0;
};

void count(void* context, spry_outcome* outcome, spry_error* error) {
  auto* const endings = static_cast<Endings*>(context);
  ++(outcome != nullptr ? endings->outcomes : endings->errors);
  EXPECT_NE(outcome == nullptr, error == nullptr);
  spry_outcome_free(outcome);
  spry_error_free(error);
}

TEST_F(CApi, RunsActionsInPools) {
  spry_error* error = nullptr;
  spry_image* image = load("spy");
  spry_machine_options machine = machine_options();
  machine.deadline_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(spry::enough(200)).count());
  spry_pool_options options = pool_options(&machine, 1);
  options.queue = 2;
  spry_pool* pool = spry_pool_create(image, &options, &error);
  made(pool, error);
  spry_image_free(image);
  EXPECT_EQ(spry_pool_workers(pool), 1u);
  Endings endings;
  EXPECT_EQ(spry_pool_submit(pool, kSpin.data(), kSpin.size(), count, &endings, &error), 0);
  spry_statistics statistics = {};
  statistics.size = sizeof statistics;
  do {
    spry_pool_statistics(pool, &statistics);
  } while (statistics.waiting != 0);
  EXPECT_EQ(spry_pool_try_submit(pool, "seed\n", 5, count, &endings, &error), 1);
  EXPECT_EQ(spry_pool_try_submit(pool, "seed\n", 5, count, &endings, &error), 1);
  EXPECT_EQ(spry_pool_try_submit(pool, "seed\n", 5, count, &endings, &error), 0);
  EXPECT_EQ(error, nullptr);
  EXPECT_EQ(spry_pool_drain(pool), 0);
  EXPECT_EQ(endings.outcomes, 3);
  EXPECT_EQ(spry_pool_submit(pool, kSpin.data(), kSpin.size(), count, &endings, &error), 0);
  do {
    spry_pool_statistics(pool, &statistics);
  } while (statistics.waiting != 0);
  EXPECT_EQ(spry_pool_submit(pool, "seed\n", 5, count, &endings, &error), 0);
  spry_pool_close(pool, SPRY_CANCEL);
  EXPECT_EQ(endings.outcomes, 4);
  EXPECT_EQ(endings.errors, 1);
  EXPECT_EQ(spry_pool_run(pool, nullptr, 0, &error), nullptr);
  EXPECT_NE(message(error).find("is closed"), std::string::npos);
  EXPECT_EQ(spry_pool_submit(pool, nullptr, 0, count, &endings, &error), -1);
  spry_error_free(error);
  spry_pool_statistics(pool, &statistics);
  EXPECT_EQ(statistics.size, sizeof statistics);
  EXPECT_EQ(statistics.submitted, 5u);
  EXPECT_EQ(statistics.completed, 4u);
  EXPECT_EQ(statistics.reasons[SPRY_DEADLINE], 2u);
  EXPECT_EQ(statistics.reasons[SPRY_EXIT], 2u);
  EXPECT_EQ(statistics.cancelled, 1u);
  EXPECT_EQ(statistics.service.count, 4u);
  EXPECT_GE(statistics.service.largest_ns, 200'000'000u);
  EXPECT_LE(statistics.service.p50_ns, statistics.service.p99_ns);
  spry_pool_free(pool);
}

TEST_F(CApi, ClosesAPoolFromAnyThread) {
  spry_error* error = nullptr;
  spry_image* image = load("hello");
  for (int i = 0; i < 10; ++i) {
    spry_pool* pool = spry_pool_create(image, nullptr, &error);
    made(pool, error);
    std::vector<std::thread> threads;
    for (int j = 0; j < 3; ++j) threads.emplace_back([pool] { spry_pool_close(pool, SPRY_FINISH); });
    for (std::thread& thread : threads) thread.join();
    spry_pool_free(pool);
  }
  spry_image_free(image);
}

// A worker is held by an action, and the bytes of inputs that wait are counted.
TEST_F(CApi, BoundsTheBytesOfInputsThatWait) {
  spry_error* error = nullptr;
  spry_image* image = load("spy");
  spry_machine_options machine = machine_options();
  machine.deadline_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(spry::enough(300)).count());
  spry_pool_options options = pool_options(&machine, 1);
  options.queue_bytes = 12;
  spry_pool* pool = spry_pool_create(image, &options, &error);
  made(pool, error);
  spry_image_free(image);
  spry_statistics statistics = {};
  statistics.size = sizeof statistics;
  ASSERT_EQ(spry_pool_submit_ticket(pool, kSpin.data(), kSpin.size(), 1, &error), 0);
  do {
    spry_pool_statistics(pool, &statistics);
  } while (statistics.waiting != 0);
  EXPECT_EQ(spry_pool_try_submit_ticket(pool, "seed\n", 5, 2, &error), 1);
  EXPECT_EQ(spry_pool_try_submit_ticket(pool, "seed\n", 5, 3, &error), 1);
  EXPECT_EQ(spry_pool_try_submit_ticket(pool, "seed\n", 5, 4, &error), 0);
  EXPECT_EQ(spry_pool_drain(pool), 0);
  spry_pool_free(pool);
}

TEST_F(CApi, BoundsTheBytesOfOutcomesThatNobodyTook) {
  spry_error* error = nullptr;
  spry_image* image = load("echo_input");
  spry_pool_options options = pool_options(nullptr, 1);
  options.queue = 2;
  options.completion_bytes = 1000;
  spry_pool* pool = spry_pool_create(image, &options, &error);
  made(pool, error);
  spry_image_free(image);
  const std::string input(600, 'x');
  uint64_t count = 0;
  while (spry_pool_submit_ticket(pool, input.data(), input.size(), count, &error) == 0) ASSERT_LT(++count, 100u);
  EXPECT_EQ(spry_error_code(error), SPRY_RESOURCES);
  EXPECT_NE(message(error).find("more than the 1000 that may"), std::string::npos);
  // Two outcomes that are not taken, and two actions that wait.
  EXPECT_EQ(count, 4u);
  spry_pool_free(pool);
}

// spry_snapshot_take in pieces.
TEST_F(CApi, RunsMachinesUntilTheyAreReady) {
  spry_error* error = nullptr;
  spry_machine* machine = reusable_machine("ready_state");
  spry_snapshot* snapshot = spry_machine_run_until_ready(machine, nullptr, &error);
  spry_snapshot_free(made(snapshot, error));
  EXPECT_EQ(spry_machine_run_until_ready(machine, nullptr, &error), nullptr);
  EXPECT_EQ(spry_error_code(error), SPRY_INVALID_ARGUMENT);
  spry_error_free(error);
  spry_machine_free(machine);
}

TEST_F(CApi, HandsOutcomesToEventLoops) {
  spry_error* error = nullptr;
  spry_image* image = load("echo_input");
  spry_pool* pool = spry_pool_create(image, nullptr, &error);
  made(pool, error);
  spry_image_free(image);
  uint64_t ticket = 77;
  spry_outcome* outcome = nullptr;
  EXPECT_EQ(spry_pool_take(pool, &ticket, &outcome, &error), 0);
  EXPECT_EQ(ticket, 77u);
  for (uint64_t i = 0; i < 20; ++i) {
    const std::string input = std::to_string(i);
    ASSERT_EQ(spry_pool_submit_ticket(pool, input.data(), input.size(), i, &error), 0);
  }
  for (int taken = 0; taken < 20;) {
    pollfd descriptor = {spry_pool_descriptor(pool), POLLIN, 0};
    ASSERT_EQ(poll(&descriptor, 1, 10'000), 1);
    for (; spry_pool_take(pool, &ticket, &outcome, &error) == 1; ++taken) {
      EXPECT_EQ(output(made(outcome, error)), std::to_string(ticket));
    }
  }
  spry_pool_free(pool);
}

}  // namespace
