// Tells a process from the children that it forked.
#pragma once

#include <cstddef>

namespace spry {

// A page that the kernel clears in forked children (MADV_WIPEONFORK, Linux 4.14). So asking needs no system call, and
// no lock: a lock may have been held by a thread that the child does not have.
class ProcessMark {
 public:
  // Without memory for the page, every process counts as the one that made the mark.
  ProcessMark();
  ~ProcessMark();
  ProcessMark(const ProcessMark&) = delete;
  ProcessMark& operator=(const ProcessMark&) = delete;

  // Whether the calling process is the one that made the mark.
  bool here() const { return page_ == nullptr || *page_ != std::byte{0}; }

 private:
  volatile std::byte* page_ = nullptr;
};

}  // namespace spry
