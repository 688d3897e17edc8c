// Each kind of failure has its code, wherever it comes from.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <fstream>
#include <functional>
#include <vector>

#include "guest.h"
#include "spry/pool.h"

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
  const std::string path = testing::TempDir() + "spry-error-" + name;
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

// With room for so few descriptors that nothing opens.
Result<void> without_descriptors(const std::function<Result<void>()>& happen) {
  rlimit before;
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none = {0, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  auto result = happen();
  setrlimit(RLIMIT_NOFILE, &before);
  return result;
}

// What needs another user than root is not in the table where root runs it.
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
      {"no descriptors for an image", ErrorCode::kResources,
       [] { return without_descriptors([] { return only_error(Image::load(guest("hello"))); }); }},
      {"no descriptors for a shell", ErrorCode::kResources,
       [] { return without_descriptors([] { return only_error(Shell::create(Platform::kProcess)); }); }},
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

TEST_F(Errors, OfSystemCallsHaveTheirCodes) {
  for (const int error : {EACCES, EPERM}) EXPECT_EQ(code_for(error), ErrorCode::kPermission) << error;
  for (const int error : {EAGAIN, EDQUOT, EMFILE, ENFILE, ENOMEM, ENOSPC}) {
    EXPECT_EQ(code_for(error), ErrorCode::kResources) << error;
  }
  EXPECT_EQ(code_for(EINVAL), ErrorCode::kMonitor);
  EXPECT_EQ(code_for(ENOENT, ErrorCode::kFile), ErrorCode::kFile);
}

}  // namespace
}  // namespace spry
