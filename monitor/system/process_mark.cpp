#include "system/process_mark.h"

#include <sys/mman.h>

namespace spry {
namespace {

constexpr std::size_t kPage = 4096;

}  // namespace

ProcessMark::ProcessMark() {
  void* const page = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return;
  if (madvise(page, kPage, MADV_WIPEONFORK) != 0) {
    munmap(page, kPage);
    return;
  }
  page_ = static_cast<volatile std::byte*>(page);
  *page_ = std::byte{1};
}

ProcessMark::~ProcessMark() {
  if (page_ != nullptr) munmap(const_cast<std::byte*>(page_), kPage);
}

}  // namespace spry
