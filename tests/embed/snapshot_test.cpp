// Snapshots: in memory and in files; what is damaged or from elsewhere is refused.
#include "spry/snapshot.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "guest.h"

namespace spry {
namespace {

MachineOptions options() {
  MachineOptions made;
  made.devices = {capture()};
  return made;
}

class Snapshots : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "spry-" + testing::UnitTest::GetInstance()->current_test_info()->name();
  }
  void TearDown() override { unlink(path_.c_str()); }

  std::string contents() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  void write(const std::string& bytes) const { std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes; }

  std::string path_;
};

TEST_F(Snapshots, BeginActionsInMemory) {
  const Snapshot snapshot = value(Snapshot::take(load("ready_state"), options()));
  EXPECT_GT(snapshot.contents_size(), std::uint64_t{8} << 20);
  Machine cold = value(Machine::create(load("ready_state"), options()));
  const std::string expected = value(cold.run("x")).output;
  for (const bool again : {false, true}) {
    MachineOptions made = options();
    made.reusable = again;
    Machine machine = value(Machine::create(snapshot, made));
    EXPECT_EQ(value(machine.run("x")).output, expected);
    if (again) {
      EXPECT_EQ(value(machine.run("x")).output, expected);
    }
  }
}

TEST_F(Snapshots, BeginActionsFromAFile) {
  ASSERT_TRUE(value(Snapshot::take(load("ready_state"), options())).save(path_));
  Machine cold = value(Machine::create(load("ready_state"), options()));
  const std::string expected = value(cold.run("x")).output;
  for (const bool verify : {false, true}) {
    const Snapshot snapshot = value(Snapshot::load(path_, verify));
    Machine once = value(Machine::create(snapshot, options()));
    EXPECT_EQ(value(once.run("x")).output, expected);
    MachineOptions made = options();
    made.reusable = true;
    made.verify = verify;
    Machine machine = value(Machine::create(snapshot, made));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(value(machine.run("x")).output, expected);
  }
}

// File and memory must agree modulo 2 MiB for large pages of the file to be large pages of the machine. In memory the
// state follows the image, which begins at 1 MiB.
TEST_F(Snapshots, OfMuchStateLieInTheirFileAsInMemoryModulo2MiB) {
  ASSERT_TRUE(value(Snapshot::take(load("ready_state"), options())).save(path_));
  constexpr std::uint64_t kFirstWord = 0xdc1b77ae0bf34dad;  // of the state
  constexpr std::size_t kTwoMiB = std::size_t{2} << 20;
  constexpr std::size_t kImage = std::size_t{64} << 10;  // a bound for the image's bytes
  const std::size_t state = contents().find({reinterpret_cast<const char*>(&kFirstWord), sizeof kFirstWord});
  ASSERT_NE(state, std::string::npos);
  EXPECT_GE(state % kTwoMiB, SPRY_IMAGE_MIN);
  EXPECT_LT(state % kTwoMiB, SPRY_IMAGE_MIN + kImage);
}

// Each action prints again what was printed before `ready`; its deadline holds even if nobody reads.
TEST_F(Snapshots, SayWhatWasSaidWithinTheDeadline) {
  const Snapshot snapshot = value(Snapshot::take(load("ready_output"), options()));
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
  const std::string piece(4096, 'f');
  while (::write(ends[1], piece.data(), piece.size()) > 0) continue;
  for (const bool again : {false, true}) {
    MachineOptions made;
    made.devices = {console_device(ends[1], ends[1])};
    made.deadline = std::chrono::milliseconds(50);
    made.reusable = again;
    Machine machine = value(Machine::create(snapshot, made));
    EXPECT_EQ(value(machine.run("x")).reason, Reason::kDeadline);
    machine.interrupt();
    if (again) {
      EXPECT_EQ(value(machine.run("x")).reason, Reason::kInterrupted);
    }
  }
  close(ends[0]);
  close(ends[1]);
}

// Snapshot::take in pieces, for a launcher that interrupts it.
TEST_F(Snapshots, AreTakenByAMachineOfTheCallers) {
  Machine machine = value(Machine::create(load("ready_state"), reusable()));
  const Snapshot snapshot = value(machine.run_until_ready());
  EXPECT_EQ(machine.run_until_ready().error().code, ErrorCode::kInvalidArgument);
  Machine from = value(Machine::create(snapshot, reusable()));
  EXPECT_EQ(from.run_until_ready().error().code, ErrorCode::kInvalidArgument);
  for (int i = 0; i < 3; ++i) {
    const Outcome outcome = value(machine.run("x"));
    EXPECT_FALSE(outcome.output.empty());
    EXPECT_EQ(outcome.output, value(from.run("x")).output);
  }
  MachineOptions once = reusable();
  once.reusable = false;
  Machine single = value(Machine::create(load("ready_state"), once));
  EXPECT_EQ(single.run_until_ready().error().code, ErrorCode::kInvalidArgument);
  Machine spins = value(Machine::create(load("endless"), reusable()));
  spins.interrupt();
  const auto interrupted = spins.run_until_ready();
  ASSERT_FALSE(interrupted);
  EXPECT_EQ(interrupted.error().message,
            guest("endless") + ": there is no snapshot to take: before it called ready, the run ended (interrupted)");
}

TEST_F(Snapshots, AreRefusedForAnImageThatNeverCallsReady) {
  const auto refused = Snapshot::take(load("hello"), options());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("before it called ready"), std::string::npos) << refused.error().message;
}

TEST_F(Snapshots, TellHowTheGuestEndedBeforeReady) {
  std::optional<Outcome> ended;
  EXPECT_FALSE(Snapshot::take(load("hello"), options(), &ended));
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->reason, Reason::kExit);
  EXPECT_EQ(ended->output, "Hello\n");
  MachineOptions late = options();
  late.arguments = {"endless", "spin"};
  late.deadline = std::chrono::milliseconds(10);
  EXPECT_FALSE(Snapshot::take(load("endless"), late, &ended));
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->reason, Reason::kDeadline);
  // After a success `ended` is empty, whatever it held before.
  EXPECT_TRUE(Snapshot::take(load("ready_state"), options(), &ended));
  EXPECT_FALSE(ended);
  ended.emplace();
  late.memory = 4095;
  EXPECT_FALSE(Snapshot::take(load("endless"), late, &ended));
  EXPECT_FALSE(ended);
}

TEST_F(Snapshots, SayWhichDeviceCannotBeBroughtBack) {
  const std::string disk = testing::TempDir() + "spry-snapshot-disk";
  std::ofstream(disk) << std::string(65536, 'd');
  MachineOptions made = options();
  made.devices.push_back(block_device("disk", disk + ",overlay"));
  const auto refused = Snapshot::take(load("write_before_ready"), made);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("an overlay was written to before ready"), std::string::npos)
      << refused.error().message;
  unlink(disk.c_str());
}

TEST_F(Snapshots, AreRefusedWhereverAByteOfTheirMetadataIsWrong) {
  ASSERT_TRUE(value(Snapshot::take(load("ready_output"), options())).save(path_));
  const std::string good = contents();
  ASSERT_GT(good.size(), 8192u);
  for (std::size_t at = 0; at < 4096; at += 7) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x20);
    write(bad);
    const auto refused = Snapshot::load(path_);
    EXPECT_FALSE(refused) << at;
  }
}

TEST_F(Snapshots, AreRefusedWhenTruncated) {
  ASSERT_TRUE(value(Snapshot::take(load("ready_output"), options())).save(path_));
  const std::string good = contents();
  for (std::size_t size = 0; size < good.size(); size += good.size() / 50 + 1) {
    write(good.substr(0, size));
    EXPECT_FALSE(Snapshot::load(path_)) << size;
  }
}

TEST_F(Snapshots, AreRefusedFromAnotherVersion) {
  ASSERT_TRUE(value(Snapshot::take(load("ready_output"), options())).save(path_));
  std::string other = contents();
  other[16] = '9';
  write(other);
  const auto refused = Snapshot::load(path_);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("a snapshot of Spry 9"), std::string::npos) << refused.error().message;
}

TEST_F(Snapshots, AreComparedWithTheirDigestIfAsked) {
  ASSERT_TRUE(value(Snapshot::take(load("ready_output"), options())).save(path_));
  std::string bad = contents();
  bad[bad.size() - 100] = static_cast<char>(bad[bad.size() - 100] ^ 1);
  write(bad);
  EXPECT_TRUE(Snapshot::load(path_));
  const auto refused = Snapshot::load(path_, true);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("do not match their digest"), std::string::npos) << refused.error().message;
}

TEST_F(Snapshots, ThatAreTruncatedUnderAMachineAreAnError) {
  ASSERT_TRUE(value(Snapshot::take(load("ready_state"), options())).save(path_));
  const Snapshot snapshot = value(Snapshot::load(path_));
  Machine machine = value(Machine::create(snapshot, options()));
  ASSERT_EQ(truncate(path_.c_str(), 65536), 0);
  const auto failed = machine.run("x");
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("truncated"), std::string::npos) << failed.error().message;
  EXPECT_FALSE(Machine::create(snapshot, reusable()));
}

}  // namespace
}  // namespace spry
