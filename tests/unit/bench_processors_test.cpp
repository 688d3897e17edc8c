#include "tool/processors.h"

namespace spry::bench {
namespace {

TEST(ProcessorTime, IsBusyWithAllButWaiting) {
  // user 100, nice 20, system 300, idle 4000, iowait 50, irq 6, softirq 7, steal 8, guest 90 (in user), guest_nice 0
  const Result<ProcessorTime> time =
      parse_processor_time("cpu  100 20 300 4000 50 6 7 8 90 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n", 100);
  ASSERT_TRUE(time) << time.error().message;
  EXPECT_DOUBLE_EQ(time->busy, 4.33);
  EXPECT_DOUBLE_EQ(time->all, 44.91);
}

TEST(ProcessorTime, IsRefusedFromAnythingElse) {
  for (const char* const text : {"", "cpu", "cpu 1 2 3 4 5 6 7", "cpu0 1 2 3 4 5 6 7 8 9 0", "cpu a b c d e f g h"}) {
    const Result<ProcessorTime> time = parse_processor_time(text, 100);
    ASSERT_FALSE(time) << text;
    EXPECT_EQ(time.error().message, "/proc/stat does not begin with the processors' times");
  }
}

TEST(ProcessorTime, PassesOnThisMachine) {
  const Result<ProcessorTime> time = processor_time();
  ASSERT_TRUE(time) << time.error().message;
  EXPECT_GT(time->busy, 0);
  EXPECT_GT(time->all, time->busy);
}

}  // namespace
}  // namespace spry::bench
