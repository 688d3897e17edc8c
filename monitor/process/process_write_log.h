// The pages that a guest's process wrote, as userfaultfd(2)'s asynchronous write protection and the ioctl PAGEMAP_SCAN
// tell (Linux 6.7); on older kernels every page that has ever been touched.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "memory/guest_memory.h"
#include "memory/write_log.h"
#include "process/linux_api.h"

namespace spry {

class ProcessWriteLog final : public WriteLog {
 public:
  // `regions` and `memory` as the machine has them; `memory` is borrowed.
  ProcessWriteLog(GuestMemory& memory, std::span<const Region> regions, std::uint64_t slide);

  // From now on, `pagemap` tells written pages: a process's /proc/self/pagemap, borrowed, or -1. `replaced` says that
  // an earlier process wrote pages, of which this pagemap does not know.
  void attach(int pagemap, bool replaced);

  Result<std::span<const std::uint64_t>> fetch() override;
  Result<void> forget(std::span<const std::uint64_t> chosen) override;
  bool forgets_all() const override { return false; }
  ForgetCost cost() const override;

 private:
  // PAGEMAP_SCAN of a guest-physical range; `marks` what it finds. False if the process has ended: the kernel has
  // forgotten which pages it wrote.
  Result<bool> scan(Range range, std::uint64_t flags, bool marks);
  void mark(Range range);
  void mark_populated(Range range);
  void find_populated();

  GuestMemory& memory_;
  std::vector<Range> writable_;  // guest-physical, merged where nothing lies between
  std::uint64_t slide_;
  int pagemap_ = -1;
  std::vector<std::uint64_t> bits_;
  std::vector<Range> marked_;  // the pages that are set in bits_
  std::vector<Range> extra_;   // pages that count as written although no pagemap says so
  std::vector<std::uint64_t> populated_;
  std::uint64_t population_ = UINT64_MAX;  // of the memory, when populated_ was read
  std::vector<page_region> found_;
};

}  // namespace spry
