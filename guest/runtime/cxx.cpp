// Functions that compiled C++ code calls: operator new and delete (C++20, [new.delete]), and the C++ ABI's hooks
// (Itanium C++ ABI, 3.2.6 and 3.3.5). There are no exceptions: new ends the action if there is no memory.
#include <cstdint>
#include <cstdlib>
#include <new>

#include "spry/guest.h"

namespace {

void* allocate_or_abort(void* memory) {
  if (memory == nullptr) {
    spry_abort("out of memory");
  }
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return allocate_or_abort(malloc(size)); }
void* operator new[](std::size_t size) { return allocate_or_abort(malloc(size)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return malloc(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return malloc(size); }

void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate_or_abort(aligned_alloc(static_cast<std::size_t>(alignment), size));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return allocate_or_abort(aligned_alloc(static_cast<std::size_t>(alignment), size));
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return aligned_alloc(static_cast<std::size_t>(alignment), size);
}
void* operator new[](std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return aligned_alloc(static_cast<std::size_t>(alignment), size);
}

void operator delete(void* memory) noexcept { free(memory); }
void operator delete[](void* memory) noexcept { free(memory); }
void operator delete(void* memory, std::size_t) noexcept { free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { free(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { free(memory); }
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept { free(memory); }

const std::nothrow_t std::nothrow{};

extern "C" {

extern void* const __dso_handle;
void* const __dso_handle = nullptr;

[[noreturn]] void __cxa_pure_virtual();
void __cxa_pure_virtual() { spry_abort("a pure virtual function was called"); }

[[noreturn]] void __cxa_deleted_virtual();
void __cxa_deleted_virtual() { spry_abort("a deleted virtual function was called"); }

// Static objects are never destroyed: the machine ends with the action.
int __cxa_atexit(void (*)(void*), void*, void*);
int __cxa_atexit(void (*)(void*), void*, void*) { return 0; }
}
