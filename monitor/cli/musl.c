/* Functions that musl lacks and that GCC's libraries and Debian's static libraries, compiled for glibc, need; and
 * functions of musl that are too slow here.
 *
 * The command is compiled against glibc's headers and linked with musl (cmake/SpryMonitor.cmake says why). On x86-64
 * Linux that is sound for what the command and its libraries use, because both libraries hand the kernel's own types
 * through: struct stat, timespec, pollfd, rlimit, iovec, dl_phdr_info, sigset_t (128 bytes), struct sigaction (handler,
 * mask, flags, restorer), struct sigevent, timer_t (a pointer), struct option, lconv, the sizes and all-zero
 * initialisers of pthread_mutex_t, pthread_once_t and pthread_key_t, jmp_buf. `errno` is __errno_location in both,
 * `stdout` and `optarg` are plain objects in both, the <ctype.h> tables are reached by __ctype_b_loc in both,
 * SIGRTMIN is a call in both, and musl keeps the names of large-file calls (lseek64) and of C99's scanf
 * (__isoc99_sscanf) as aliases up to 1.2.3, which Debian 12 has.
 *
 * What differs, and is therefore not used by anything that is linked here:
 *   - fortified functions (__memcpy_chk): objects are compiled with -U_FORTIFY_SOURCE;
 *   - std::locale with its facets, and so iostream: libstdc++'s read the insides of glibc's locale_t. Formatting is by
 *     fmt without 'L', JSON is written without streams (JSON_NO_IO);
 *   - the insides of FILE (getc_unlocked and its kind are macros over them in glibc): output goes through write(2);
 *   - strerror_r, which returns char * in glibc's headers and int in musl;
 *   - recursive and error-checking mutexes initialised statically;
 *   - glibc's extensions without a counterpart (a missing symbol is found by the linker). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <emmintrin.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

/* While this is not 0, libstdc++ counts references without locked instructions. glibc clears it when a second thread
 * starts; musl does not know it, so it is always 0. */
char __libc_single_threaded = 0;

/* The linker's symbol for the program's first bytes, which are its ELF header, with the program headers. */
extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));

/* How GCC's unwinder finds the exception tables of the code at `address`: 0 and the object's bounds and PT_GNU_EH_FRAME
 * segment, or -1 if no object is mapped there. Here one object is all there is, linked at a fixed address. */
int _dl_find_object(void *address, struct dl_find_object *result) {
  const Elf64_Phdr *header = (const Elf64_Phdr *)((uintptr_t)&__ehdr_start + __ehdr_start.e_phoff);
  uintptr_t start = UINTPTR_MAX;
  uintptr_t end = 0;
  uintptr_t eh_frame = 0;
  for (unsigned i = 0; i < __ehdr_start.e_phnum; i++) {
    if (header[i].p_type == PT_LOAD) {
      start = header[i].p_vaddr < start ? header[i].p_vaddr : start;
      end = header[i].p_vaddr + header[i].p_memsz > end ? header[i].p_vaddr + header[i].p_memsz : end;
    } else if (header[i].p_type == PT_GNU_EH_FRAME) {
      eh_frame = header[i].p_vaddr;
    }
  }
  if (eh_frame == 0 || (uintptr_t)address < start || (uintptr_t)address >= end) return -1;
  memset(result, 0, sizeof *result);
  result->dlfo_map_start = (void *)start;
  result->dlfo_map_end = (void *)end;
  result->dlfo_eh_frame = (void *)eh_frame;
  return 0;
}

/* libstdc++ reserves 71 KiB at the start of the program (a mapping, and three pages of it touched) for exceptions that
 * are thrown when there is no memory. These functions take the place of its own. They reserve a few places instead,
 * which cost nothing until one is used. An exception lies behind its header (__cxa_refcounted_exception), which has the
 * same size with every GCC on x86-64; a dependent exception (std::rethrow_exception) is smaller than the header. */
enum { kExceptionHeader = 128, kReserved = 256, kReserves = 64 };

static struct { _Alignas(16) char bytes[kReserved]; } reserve[kReserves];
static _Atomic uint64_t reserved; /* a bit for each that is in use */

static void *allocate_exception(size_t size) {
  void *memory = calloc(1, size);
  if (memory != NULL) return memory;
  if (size > kReserved) abort();
  for (int i = 0; i < kReserves; i++) {
    const uint64_t bit = (uint64_t)1 << i;
    if ((atomic_fetch_or(&reserved, bit) & bit) == 0) return memset(reserve[i].bytes, 0, kReserved);
  }
  abort();
}

static void free_exception(char *memory) {
  if (memory < reserve[0].bytes || memory >= reserve[kReserves].bytes) {
    free(memory);
  } else {
    atomic_fetch_and(&reserved, ~((uint64_t)1 << ((size_t)(memory - reserve[0].bytes) / kReserved)));
  }
}
void *__cxa_allocate_exception(size_t size) {
  return (char *)allocate_exception(kExceptionHeader + size) + kExceptionHeader;
}
void __cxa_free_exception(void *object) { free_exception((char *)object - kExceptionHeader); }
void *__cxa_allocate_dependent_exception(void) { return allocate_exception(kExceptionHeader); }
void __cxa_free_dependent_exception(void *exception) { free_exception(exception); }

/* libstdc++'s std::random_device needs it. */
uint32_t arc4random(void) {
  uint32_t value;
  if (getrandom(&value, sizeof value, 0) != (ssize_t)sizeof value) abort();
  return value;
}

/* libelf needs it. */
void *rawmemchr(const void *bytes, int value) { return memchr(bytes, value, SIZE_MAX - (uintptr_t)bytes); }

/* musl's compares byte by byte, which takes 1.1 us for a page; a reset compares each page that was ever written. */
int memcmp(const void *left, const void *right, size_t size) {
  const unsigned char *a = left;
  const unsigned char *b = right;
  size_t at = 0;
  for (; size - at >= sizeof(__m128i); at += sizeof(__m128i)) {
    const __m128i one = _mm_loadu_si128((const __m128i *)(const void *)(a + at));
    const __m128i other = _mm_loadu_si128((const __m128i *)(const void *)(b + at));
    if (_mm_movemask_epi8(_mm_cmpeq_epi8(one, other)) != 0xffff) break;
  }
  for (; at < size; at++) {
    if (a[at] != b[at]) return a[at] - b[at];
  }
  return 0;
}

/* musl's asks for O_CLOEXEC again by fcntl(2), for kernels before Linux 2.6.23. */
int open(const char *path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & (O_CREAT | __O_TMPFILE)) != 0) {
    va_list more;
    va_start(more, flags);
    mode = va_arg(more, mode_t);
    va_end(more);
  }
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_LARGEFILE, mode);
}
