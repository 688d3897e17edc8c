#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "console.h"

namespace spry {
namespace {

// Guest memory from address kBase on; waits with poll(2) until `ends` says that the run is to end.
class FakeGuest : public Guest {
 public:
  static constexpr std::uint64_t kBase = 0x100000;

  explicit FakeGuest(const std::string& content = "") : memory(content.size()) {
    if (!content.empty()) std::memcpy(memory.data(), content.data(), content.size());
  }

  std::optional<std::span<std::byte>> resolve(GuestPointer pointer, std::uint64_t length, Access access) override {
    EXPECT_EQ(access, Access::kRead);
    const auto address = static_cast<std::uint64_t>(pointer);
    if (length == 0) return std::span<std::byte>();
    if (address < kBase || address - kBase > memory.size() || length > memory.size() - (address - kBase)) return {};
    return std::span(memory).subspan(address - kBase, length);
  }
  bool copy(std::span<std::byte> to, GuestPointer pointer) override {
    const auto bytes = resolve(pointer, to.size(), Access::kRead);
    if (bytes && !to.empty()) std::memcpy(to.data(), bytes->data(), to.size());
    return bytes.has_value();
  }
  bool write(GuestPointer, std::span<const std::byte>) override { return false; }
  bool initialising() const override { return is_initialising; }
  bool wait(int fd, short events) override {
    ++waits;
    if (ends) return false;
    pollfd request = {fd, events, 0};
    constexpr int kPatience = 200;  // milliseconds after which the deadline has passed
    if (poll(&request, 1, kPatience) == 1) return true;
    ends = true;
    return false;
  }
  void count_in(std::uint64_t) override {}
  void count_out(std::uint64_t bytes) override { out += bytes; }
  void output_is_full(std::string) override {}

  std::vector<std::byte> memory;
  bool is_initialising = false;
  bool ends = false;
  int waits = 0;
  std::uint64_t out = 0;
};

// A pipe whose reading end does not block.
class Pipe {
 public:
  Pipe() {
    if (pipe2(ends_, O_CLOEXEC) != 0) ADD_FAILURE() << "no pipe";
    fcntl(ends_[0], F_SETFL, O_NONBLOCK);
  }
  ~Pipe() {
    close_reader();
    close(ends_[1]);
  }
  int writer() const { return ends_[1]; }
  int reader() const { return ends_[0]; }
  void close_reader() {
    if (ends_[0] >= 0) close(ends_[0]);
    ends_[0] = -1;
  }
  std::string read_all() const {
    std::string all;
    char buffer[4096];
    for (ssize_t got; (got = read(ends_[0], buffer, sizeof buffer)) > 0;) {
      all.append(buffer, static_cast<std::size_t>(got));
    }
    return all;
  }
  // Fills the pipe until it takes no more.
  void fill() const {
    fcntl(ends_[1], F_SETFL, O_NONBLOCK);
    const std::string bytes(4096, '.');
    while (write(ends_[1], bytes.data(), bytes.size()) > 0) {
    }
    fcntl(ends_[1], F_SETFL, 0);
  }

 private:
  int ends_[2] = {-1, -1};
};

class ConsoleTest : public testing::Test {
 protected:
  void attach(Console& console) {
    shared_.assign(console.shared_size(), std::byte{0});
    console.attach(shared_);
  }
  void share(const std::string& text, std::uint32_t length) {
    std::memcpy(shared_.data() + offsetof(spry_console, length), &length, sizeof length);
    std::memcpy(shared_.data() + sizeof(spry_console), text.data(), text.size());
  }
  void share(const std::string& text) { share(text, static_cast<std::uint32_t>(text.size())); }
  spry_console header() const {
    spry_console header;
    std::memcpy(&header, shared_.data(), sizeof header);
    return header;
  }
  static DeviceCall writing(std::uint64_t stream, std::uint64_t address, std::uint64_t length) {
    return {SPRY_CONSOLE_WRITE, stream, address, length};
  }

  void write_to_a_slow_reader();

  std::vector<std::byte> shared_;
  Pipe output_;
  Pipe diagnostics_;
  Console console_{output_.writer(), diagnostics_.writer()};
};

TEST_F(ConsoleTest, WritesOutWhatIsShared) {
  attach(console_);
  EXPECT_EQ(shared_.size(), 2048u);
  FakeGuest guest;
  share("Hello\n");
  ASSERT_TRUE(console_.on_exit(guest));
  EXPECT_EQ(output_.read_all(), "Hello\n");
  EXPECT_EQ(header().length, 0u);
  EXPECT_EQ(guest.out, 6u);
  ASSERT_TRUE(console_.on_exit(guest));
  EXPECT_EQ(output_.read_all(), "");
}

TEST_F(ConsoleTest, ClampsAHostileLength) {
  attach(console_);
  FakeGuest guest;
  for (const std::uint32_t length : {2041u, 0x7fffffffu, 0xffffffffu}) {
    share(std::string(2040, 'x'), length);
    ASSERT_TRUE(console_.on_exit(guest));
    EXPECT_EQ(output_.read_all(), std::string(2040, 'x'));
    EXPECT_EQ(header().length, 0u);
  }
}

TEST_F(ConsoleTest, WritesToBothStreams) {
  attach(console_);
  FakeGuest guest("out and err");
  EXPECT_EQ(console_.call(guest, writing(SPRY_STREAM_OUTPUT, FakeGuest::kBase, 3)).value(), 3);
  EXPECT_EQ(console_.call(guest, writing(SPRY_STREAM_DIAGNOSTICS, FakeGuest::kBase + 8, 3)).value(), 3);
  EXPECT_EQ(output_.read_all(), "out");
  EXPECT_EQ(diagnostics_.read_all(), "err");
  EXPECT_EQ(guest.out, 6u);
  EXPECT_EQ(console_.call(guest, writing(SPRY_STREAM_OUTPUT, 0, 0)).value(), 0);
}

TEST_F(ConsoleTest, KeepsTheOrderOfTheGuest) {
  Console console(output_.writer(), output_.writer());
  attach(console);
  FakeGuest guest("2");
  share("1");
  ASSERT_TRUE(console.call(guest, writing(SPRY_STREAM_DIAGNOSTICS, FakeGuest::kBase, 1)));
  share("3");
  ASSERT_TRUE(console.on_exit(guest));
  EXPECT_EQ(output_.read_all(), "123");
}

TEST_F(ConsoleTest, RefusesWhatItDoesNotKnow) {
  attach(console_);
  FakeGuest guest("text");
  for (const std::uint64_t stream : {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{1} << 32 | 1}) {
    EXPECT_EQ(console_.call(guest, writing(stream, FakeGuest::kBase, 4)).value(), -SPRY_EINVAL);
  }
  EXPECT_EQ(console_.call(guest, writing(1, FakeGuest::kBase, 5)).value(), -SPRY_EFAULT);
  EXPECT_EQ(console_.call(guest, writing(2, FakeGuest::kBase - 1, 2)).value(), -SPRY_EFAULT);
  EXPECT_EQ(console_.call(guest, writing(1, FakeGuest::kBase, ~std::uint64_t{0})).value(), -SPRY_EFAULT);
  for (const std::uint64_t operation : {std::uint64_t{0}, std::uint64_t{2}, std::uint64_t{1} << 32 | 1}) {
    EXPECT_EQ(console_.call(guest, {operation, 1, FakeGuest::kBase, 4}).value(), -SPRY_ENOSYS);
  }
  EXPECT_EQ(output_.read_all() + diagnostics_.read_all(), "");
}

// Writes much more than a pipe holds, while another thread reads.
void ConsoleTest::write_to_a_slow_reader() {
  attach(console_);
  std::string sent;
  for (int i = 0; i < 100'000; ++i) sent += std::to_string(i) + " ";
  FakeGuest guest(sent);
  std::string received;
  std::thread reader([&] {
    while (received.size() < sent.size()) {
      pollfd request = {output_.reader(), POLLIN, 0};
      if (poll(&request, 1, 5000) != 1) break;
      received += output_.read_all();
    }
  });
  EXPECT_EQ(console_.call(guest, writing(1, FakeGuest::kBase, sent.size())).value(),
            static_cast<std::int64_t>(sent.size()));
  reader.join();
  EXPECT_EQ(received, sent);
  EXPECT_EQ(guest.out, sent.size());
}

TEST_F(ConsoleTest, WaitsForASlowReader) { write_to_a_slow_reader(); }

TEST_F(ConsoleTest, DropsWhatNobodyReadsWhenTheRunEnds) {
  attach(console_);
  const std::string sent(200'000, 'x');
  FakeGuest guest(sent);
  ASSERT_TRUE(console_.call(guest, writing(1, FakeGuest::kBase, sent.size())));
  EXPECT_TRUE(guest.ends);
  const std::string received = output_.read_all();
  EXPECT_EQ(received.size(), guest.out);
  EXPECT_LT(received.size(), sent.size());
  EXPECT_GE(received.size(), 4096u);
}

TEST_F(ConsoleTest, StillFlushesAfterTheEndIfThatNeedsNoWaiting) {
  attach(console_);
  FakeGuest guest;
  guest.ends = true;
  share("last words");
  ASSERT_TRUE(console_.on_exit(guest));
  EXPECT_EQ(output_.read_all(), "last words");
  output_.fill();
  share("too late");
  ASSERT_TRUE(console_.on_exit(guest));
  EXPECT_EQ(output_.read_all().find("too late"), std::string::npos);
}

TEST_F(ConsoleTest, WaitsOnANonBlockingDescriptor) {
  fcntl(output_.writer(), F_SETFL, O_NONBLOCK);
  write_to_a_slow_reader();
}

TEST_F(ConsoleTest, SaysWhyItCannotWrite) {
  const auto message = [&](int fd) {
    Console console(fd, fd);
    attach(console);
    FakeGuest guest;
    share("text");
    const Result<void> result = console.on_exit(guest);
    return result ? "no error" : result.error().message;
  };
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  EXPECT_EQ(message(full), "cannot write output: No space left on device");
  close(full);
  EXPECT_EQ(message(full), "cannot write output: Bad file descriptor");
  std::signal(SIGPIPE, SIG_IGN);
  output_.close_reader();
  EXPECT_EQ(message(output_.writer()), "cannot write output: Broken pipe");
  std::signal(SIGPIPE, SIG_DFL);
}

TEST_F(ConsoleTest, WritesToFilesWithoutWaiting) {
  char path[] = "/tmp/cli_console_XXXXXX";
  const int file = mkstemp(path);
  ASSERT_GE(file, 0);
  Console console(file, file);
  attach(console);
  const std::string sent(3'000'000, 'y');
  FakeGuest guest(sent);
  share("first");
  ASSERT_TRUE(console.on_exit(guest));
  EXPECT_EQ(guest.waits, 0);
  ASSERT_TRUE(console.call(guest, writing(1, FakeGuest::kBase, sent.size())));
  EXPECT_LE(guest.waits, 4);
  EXPECT_EQ(lseek(file, 0, SEEK_END), static_cast<off_t>(sent.size() + 5));
  close(file);
  unlink(path);
}

TEST_F(ConsoleTest, TellsATerminal) {
  attach(console_);
  EXPECT_EQ(header().flags, 0u);
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_GE(terminal, 0);
  ASSERT_EQ(grantpt(terminal) | unlockpt(terminal), 0);
  const int other = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_GE(other, 0);
  Console console(other, other);
  attach(console);
  EXPECT_EQ(header().flags, SPRY_CONSOLE_TERMINAL);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  Console nowhere(null, other);
  attach(nowhere);
  EXPECT_EQ(header().flags, 0u);
  for (const int fd : {null, other, terminal}) close(fd);
}

// A console that collects its output: the bytes, and the streams that they went to.
class Listed : public console::Protocol {
 public:
  std::string output;
  std::string diagnostics;
  std::vector<std::uint32_t> streams;  // one entry for each change of streams

 protected:
  Result<void> put(Guest&, std::uint32_t stream, std::span<const std::byte> bytes, bool) override {
    std::string& text = stream == SPRY_STREAM_OUTPUT ? output : diagnostics;
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (streams.empty() || streams.back() != stream) streams.push_back(stream);
    return {};
  }
  bool begin() override { return false; }
};

// What is printed before `ready` is kept up to 1 MiB, in whatever pieces it comes, and is printed again in the same
// order.
TEST(ConsoleBeforeReady, KeepsOneMebibyte) {
  constexpr std::size_t kMost = std::size_t{1} << 20;
  constexpr std::size_t kChange = 8;
  for (const std::size_t piece : {std::size_t{1}, std::size_t{100}, std::size_t{4096}, std::size_t{65536}, kMost / 2,
                                  kMost - 1, kMost, kMost + 1, 2 * kMost}) {
    for (const bool alternating : {false, true}) {
      for (const std::size_t total : {kMost / 2, kMost - 1, kMost, kMost + 1, 2 * kMost, 3 * kMost}) {
        SCOPED_TRACE(std::to_string(total) + " bytes by " + std::to_string(piece) + (alternating ? " on both" : ""));
        if (piece == 1 && total > kMost + 1) continue;  // would take millions of calls more
        std::vector<std::byte> shared(4096);
        FakeGuest guest(std::string(piece, 'x'));
        guest.is_initialising = true;
        Listed first;
        first.attach(shared);
        std::uint64_t stream = SPRY_STREAM_OUTPUT;
        for (std::size_t done = 0; done < total;) {
          const std::size_t part = std::min(piece, total - done);
          ASSERT_EQ(first.call(guest, {SPRY_CONSOLE_WRITE, stream, FakeGuest::kBase, part}).value(),
                    static_cast<std::int64_t>(part));
          done += part;
          if (alternating) stream = stream == SPRY_STREAM_OUTPUT ? SPRY_STREAM_DIAGNOSTICS : SPRY_STREAM_OUTPUT;
        }
        const std::size_t changes = first.streams.size() - 1;
        const Result<std::string> saved = first.save();
        ASSERT_EQ(saved.has_value(), total + changes * kChange <= kMost);
        if (!saved) {
          EXPECT_EQ(saved.error().message, "what was printed before ready takes more than 1 MiB");
          continue;
        }
        EXPECT_LE(saved->size(), kMost + kChange);
        Listed next;
        ASSERT_TRUE(next.restore(guest, shared, *saved));
        EXPECT_TRUE(next.output == first.output && next.diagnostics == first.diagnostics);
        EXPECT_TRUE(next.streams == first.streams);
      }
    }
  }
}

TEST(ConsoleModule, TakesNoSpecification) {
  EXPECT_EQ(console_module.kind, "console");
  const DeviceNeed need = {0, "console", "console"};
  EXPECT_TRUE(console_module.open(need, std::nullopt));
  EXPECT_EQ(console_module.open(need, "x").error().message, "console console: takes no specification");
}

}  // namespace
}  // namespace spry
