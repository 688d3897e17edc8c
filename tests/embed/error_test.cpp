// Each kind of failure has its code, wherever it comes from.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <functional>
#include <iterator>
#include <span>
#include <vector>

#include "guest.h"
#include "spry/pool.h"
#include "spry/snapshot.h"
#include "text/format.h"

namespace spry {
namespace {

using Errors = testing::Test;

struct Failure {
  const char* what;
  ErrorCode code;
  std::function<Result<void>()> happen;
};

template <class T>
Result<void> only_error(Result<T> result) {
  if (!result) return tl::unexpected(std::move(result.error()));
  return {};
}

MachineOptions options_with(const std::function<void(MachineOptions&)>& change, bool many = false) {
  MachineOptions options;
  options.devices = {capture()};
  options.reusable = many;
  change(options);
  return options;
}

Result<void> create(const char* name, const std::function<void(MachineOptions&)>& change) {
  return only_error(Machine::create(load(name), options_with(change)));
}

Result<void> create_pool(const std::function<void(PoolOptions&)>& change) {
  PoolOptions options;
  options.machine.devices = {capture()};
  options.workers = 1;
  change(options);
  return only_error(Pool::create(load("hello"), options));
}

// A device whose calls or whose opening fail.
Attachment failing(ErrorCode code) {
  return {"host", "function",
          [code](const DeviceNeed&) -> Result<std::unique_ptr<Device>> { return fail(code, "no"); }};
}

Result<void> run_with(const std::function<void(MachineOptions&)>& change, const Input& input,
                      const ActionOptions& action = {}) {
  Machine machine = value(Machine::create(load("wordcount"), options_with(change, true)));
  return only_error(machine.run(input, action));
}

std::string temporary(const std::string& name, std::size_t size) {
  std::string path = testing::TempDir() + "spry-error-" + name;
  std::ofstream(path, std::ios::binary) << std::string(size, 'd');
  return path;
}

Result<void> use_truncated_image() {
  const std::string path = testing::TempDir() + "spry-error-image";
  {
    std::ifstream from(guest("large_image"), std::ios::binary);
    std::ofstream(path, std::ios::binary) << from.rdbuf();
  }
  const Image image = value(Image::load(path));
  std::ofstream(path, std::ios::binary | std::ios::trunc) << "gone";
  auto machine = Machine::create(image, options_with([](auto&) {}, true));
  unlink(path.c_str());
  return only_error(std::move(machine));
}

// Runs `happen` while the limit of `resource` is 0.
Result<void> without(__rlimit_resource resource, const std::function<Result<void>()>& happen) {
  rlimit before;
  getrlimit(resource, &before);
  const rlimit none = {0, before.rlim_max};
  setrlimit(resource, &none);
  auto result = happen();
  setrlimit(resource, &before);
  return result;
}

// The table of failures. Where root runs it, those that need another user are left out.
std::vector<Failure> failures() {
  const std::string disk = temporary("disk", 4096);
  std::vector<Failure> all = {
      {"no image", ErrorCode::kNotFound, [] { return only_error(Image::load("/no/such/file")); }},
      {"no snapshot", ErrorCode::kNotFound, [] { return only_error(Snapshot::load("/no/such/file")); }},
      {"a program", ErrorCode::kNotUnikernel, [] { return only_error(Image::load("/bin/sh")); }},
      {"a folder", ErrorCode::kNotUnikernel, [] { return only_error(Image::load("/tmp")); }},
      {"no bytes", ErrorCode::kNotUnikernel, [] { return only_error(Image::from_bytes({})); }},
      {"no snapshot's bytes", ErrorCode::kNotUnikernel, [] { return only_error(Snapshot::load("/bin/sh")); }},
      {"more memory asked for", ErrorCode::kNotUnikernel,
       [] { return create("needs_memory", [](auto& options) { options.memory = kMinimumMemory; }); }},
      {"a guest that is never ready", ErrorCode::kNotUnikernel,
       [] { return only_error(Snapshot::take(load("hello"), options_with([](auto&) {}))); }},
      {"a crooked memory", ErrorCode::kInvalidArgument,
       [] { return create("hello", [](auto& options) { options.memory = 4095; }); }},
      {"no deadline", ErrorCode::kInvalidArgument,
       [] { return create("hello", [](auto& options) { options.deadline = std::chrono::nanoseconds(0); }); }},
      {"a deadline in the past", ErrorCode::kInvalidArgument,
       [] { return run_with([](auto&) {}, "x", {std::chrono::nanoseconds(-1)}); }},
      {"an input without end", ErrorCode::kInvalidArgument,
       [] { return create("hello", [](auto& options) { options.max_input = kMaximumInput + 1; }); }},
      {"nothing to verify", ErrorCode::kInvalidArgument,
       [] { return create("hello", [](auto& options) { options.verify = true; }); }},
      {"long arguments", ErrorCode::kInvalidArgument,
       [] { return create("hello", [](auto& options) { options.arguments = {std::string(1 << 20, 'a')}; }); }},
      {"a device missing", ErrorCode::kInvalidArgument, [] { return create("host_function", [](auto&) {}); }},
      {"a device too many", ErrorCode::kInvalidArgument,
       [] {
         return create("hello", [](auto& options) { options.devices.push_back(failing(ErrorCode::kResources)); });
       }},
      {"a device that fails", ErrorCode::kResources,
       [] {
         return create("host_function",
                       [](auto& options) { options.devices.push_back(failing(ErrorCode::kResources)); });
       }},
      {"a disk without a name", ErrorCode::kInvalidArgument,
       [] {
         return create("block_action", [](auto& options) { options.devices.push_back(block_device("disk", ",ro")); });
       }},
      {"a disk for many actions", ErrorCode::kInvalidArgument,
       [disk] {
         return create("block_action", [&](auto& options) {
           options.devices.push_back(block_device("disk", disk));
           options.reusable = true;
         });
       }},
      {"no disk", ErrorCode::kFile,
       [] {
         return create("block_action",
                       [](auto& options) { options.devices.push_back(block_device("disk", "/no/such/file")); });
       }},
      {"a disk that is in use", ErrorCode::kFile,
       [disk] {
         const int file = open(disk.c_str(), O_RDWR | O_CLOEXEC);
         struct flock lock = {};
         lock.l_type = F_WRLCK;
         fcntl(file, F_OFD_SETLK, &lock);
         auto result =
             create("block_action", [&](auto& options) { options.devices.push_back(block_device("disk", disk)); });
         close(file);
         return result;
       }},
      {"a truncated image", ErrorCode::kFile, use_truncated_image},
      {"a folder that is not there", ErrorCode::kFile,
       [] {
         return value(Snapshot::take(load("ready_state"), options_with([](auto&) {}))).save("/no/such/folder/file");
       }},
      {"a long input", ErrorCode::kTooLarge,
       [] { return run_with([](auto& options) { options.max_input = 3; }, "four"); }},
      {"a short file as input", ErrorCode::kFile,
       [disk] {
         const int file = open(disk.c_str(), O_RDONLY | O_CLOEXEC);
         auto result = run_with([](auto&) {}, Input::file(file, 8192));
         close(file);
         return result;
       }},
      {"a second action", ErrorCode::kClosed,
       [] {
         Machine machine = value(Machine::create(load("hello"), options_with([](auto&) {})));
         value(machine.run());
         return only_error(machine.run());
       }},
      {"no place in the queue", ErrorCode::kInvalidArgument,
       [] { return create_pool([](auto& options) { options.queue = 0; }); }},
      {"a thousand workers and more", ErrorCode::kInvalidArgument,
       [] { return create_pool([](auto& options) { options.workers = 100'000; }); }},
      {"a long input for a pool", ErrorCode::kTooLarge,
       [] {
         PoolOptions options;
         options.machine = options_with([](auto& machine) { machine.max_input = 3; });
         options.workers = 1;
         return only_error(value(Pool::create(load("hello"), options)).run("four"));
       }},
      {"a closed pool", ErrorCode::kClosed,
       [] {
         PoolOptions options;
         options.machine = options_with([](auto&) {});
         options.workers = 1;
         Pool pool = value(Pool::create(load("hello"), options));
         pool.close(Pool::Close::kFinish);
         return only_error(pool.run());
       }},
      {"a platform that nobody knows", ErrorCode::kInvalidArgument,
       [] {
         const char* const named = std::getenv("SPRY_PLATFORM");
         const std::string before = named != nullptr ? named : "";
         setenv("SPRY_PLATFORM", "xen", 1);
         auto result = only_error(Shell::create());
         setenv("SPRY_PLATFORM", before.c_str(), 1);  // empty is as not there
         return result;
       }},
  };
  if (access("/dev/kvm", F_OK) != 0) {
    all.push_back({"no KVM", ErrorCode::kUnavailable, [] { return only_error(Shell::create(Platform::kKvm)); }});
  }
  if (geteuid() != 0) {
    chmod(disk.c_str(), 0);
    all.push_back({"a secret file", ErrorCode::kPermission, [disk] { return only_error(Image::load(disk)); }});
  }
  return all;
}

TEST_F(Errors, HaveTheirCodes) {
  for (const Failure& failure : failures()) {
    const Result<void> result = failure.happen();
    ASSERT_FALSE(result) << failure.what;
    EXPECT_EQ(static_cast<int>(result.error().code), static_cast<int>(failure.code))
        << failure.what << ": " << result.error().message;
    EXPECT_NE(result.error().message, "") << failure.what;
  }
}

// In a program that has no descriptor left, or may write to no file (shared memory included), calls that need one fail
// with kResources, and all others work.
TEST_F(Errors, OfLimitsAreOfResources) {
#ifdef SPRY_SANITIZED
  GTEST_SKIP() << "a sanitizer itself needs descriptors";
#endif
  const std::string input = temporary("input", 4096);
  const std::string path = testing::TempDir() + "spry-error-snapshot";
  const Image image = value(Image::load(guest("hello")));
  const std::vector<std::byte> bytes = [] {
    std::ifstream from(guest("hello"), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(from), std::istreambuf_iterator<char>()};
    const auto all = std::as_bytes(std::span(text));
    return std::vector<std::byte>(all.begin(), all.end());
  }();
  MachineOptions plain = options_with([](auto&) {});
  plain.platform = Platform::kProcess;
  const MachineOptions disk =
      options_with([&](auto& options) { options.devices.push_back(block_device("disk", input)); });
  const Image ready = load("ready_state");
  const Image with_disk = load("block_action");
  const Snapshot snapshot = value(Snapshot::take(ready, plain));
  const struct {
    const char* what;
    __rlimit_resource limit;
    std::function<Result<void>()> happen;
    bool works = false;
  } cases[] = {
      {"an image", RLIMIT_NOFILE, [] { return only_error(Image::load(guest("hello"))); }},
      {"an image", RLIMIT_FSIZE, [] { return only_error(Image::load(guest("hello"))); }, true},
      {"bytes of an image", RLIMIT_NOFILE, [&] { return only_error(Image::from_bytes(bytes)); }},
      {"bytes of an image", RLIMIT_FSIZE, [&] { return only_error(Image::from_bytes(bytes)); }},
      {"a shell", RLIMIT_NOFILE, [] { return only_error(Shell::create(Platform::kProcess)); }},
      {"a shell", RLIMIT_FSIZE, [] { return only_error(Shell::create(Platform::kProcess)); }},
      {"a machine", RLIMIT_NOFILE, [&] { return only_error(Machine::create(image, plain)); }},
      {"a machine", RLIMIT_FSIZE, [&] { return only_error(Machine::create(image, plain)); }},
      {"a snapshot", RLIMIT_NOFILE, [&] { return only_error(Snapshot::take(ready, plain)); }},
      {"a snapshot's file", RLIMIT_NOFILE, [&] { return snapshot.save(path); }},
      {"a snapshot's file", RLIMIT_FSIZE, [&] { return snapshot.save(path); }},
      {"a file of a snapshot", RLIMIT_NOFILE, [&] { return only_error(Snapshot::load(input)); }},
      {"a pool", RLIMIT_NOFILE, [&] { return only_error(Pool::create(image, {.machine = plain, .workers = 1})); }},
      {"a pool", RLIMIT_FSIZE, [&] { return only_error(Pool::create(image, {.machine = plain, .workers = 1})); }},
      {"a disk", RLIMIT_NOFILE, [&] { return only_error(Machine::create(with_disk, disk)); }},
      {"a disk", RLIMIT_FSIZE, [&] { return only_error(Machine::create(with_disk, disk)); }},
  };
  signal(SIGXFSZ, SIG_IGN);
  for (const auto& one : cases) {
    SCOPED_TRACE(fmt::format("{} {}", one.what, one.limit == RLIMIT_NOFILE ? "without descriptors" : "without files"));
    const Result<void> result = without(one.limit, one.happen);
    EXPECT_EQ(static_cast<bool>(result), one.works);
    if (!result) {
      EXPECT_EQ(result.error().code, ErrorCode::kResources) << result.error().message;
    }
  }
  signal(SIGXFSZ, SIG_DFL);
  unlink(input.c_str());
  unlink(path.c_str());
}

TEST_F(Errors, OfSystemCallsHaveTheirCodes) {
  for (const int error : {EACCES, EPERM}) EXPECT_EQ(code_for(error), ErrorCode::kPermission) << error;
  for (const int error : {EAGAIN, EDQUOT, EFBIG, EMFILE, ENFILE, ENOBUFS, ENOLCK, ENOMEM, ENOSPC}) {
    EXPECT_EQ(code_for(error), ErrorCode::kResources) << error;
  }
  EXPECT_EQ(code_for(EINVAL), ErrorCode::kMonitor);
  EXPECT_EQ(code_for(ENOENT, ErrorCode::kFile), ErrorCode::kFile);
}

// Whatever is wrong with a file, control characters in its name are escaped in the sentence.
TEST(Errors, ShowTheNamesOfFilesEscaped) {
  const std::string name = "\x1b[2J\nimage";
  std::ifstream file(guest("wordcount"), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  const Image image = value(Image::from_bytes(std::as_bytes(std::span(bytes)), name));
  const std::string path = fmt::format("{}spry-\x1b[2J-{}", testing::TempDir(), getpid());
  ASSERT_TRUE(value(Snapshot::take(image, reusable())).save(path));
  const Snapshot snapshot = value(Snapshot::load(path));
  std::size_t errors = 0;
  const auto expect_shown = [&errors](const Result<void>& result) {
    ++errors;
    ASSERT_FALSE(result);
    const Error& error = result.error();
    EXPECT_EQ(error.message.find('\x1b'), std::string::npos) << error.message;
    EXPECT_EQ(error.message.find('\n'), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("\\x1b[2J"), std::string::npos) << error.message;
  };
  const auto expect_refused = [&](auto change) {
    MachineOptions options = reusable();
    change(options);
    expect_shown(only_error(Machine::create(image, options)));
    expect_shown(only_error(Machine::create(snapshot, options)));
    PoolOptions pool;
    pool.machine = options;
    pool.workers = 1;
    expect_shown(only_error(Pool::create(image, pool)));
    expect_shown(only_error(Pool::create(snapshot, pool)));
  };
  expect_refused([](MachineOptions& options) { options.devices.clear(); });
  expect_refused([](MachineOptions& options) { options.devices.push_back(block_device("more", "/dev/null")); });
  const auto expect_run = [&](Machine machine) {
    expect_shown(only_error(machine.run(std::string(std::size_t{2} << 20, 'x'))));
    MachineOptions once;
    once.devices = {capture()};
    Machine used = value(Machine::create(image, once));
    value(used.run());
    expect_shown(only_error(used.run()));
  };
  expect_run(value(Machine::create(image, reusable())));
  expect_run(value(Machine::create(snapshot, reusable())));
  MachineOptions small = reusable();
  small.memory = std::uint64_t{2} << 20;
  expect_shown(only_error(Machine::create(snapshot, small)));
  MachineOptions other = reusable();
  other.arguments = {"wordcount", "more"};
  expect_shown(only_error(Machine::create(snapshot, other)));
  expect_shown(only_error(snapshot.save(path + "/none")));
  expect_shown(only_error(Image::load(path)));
  expect_shown(only_error(Image::load(path + "none")));
  expect_shown(only_error(Snapshot::load(path + "none")));
  EXPECT_GT(errors, 15u);
  unlink(path.c_str());
}

}  // namespace
}  // namespace spry
