// Image: an ELF unikernel, validated and laid out once, immutable, shared by all machines that run it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "spry/api.h"
#include "spry/error.h"

namespace spry {

namespace image {
class ElfFile;
}

// What a segment allows the guest, as in ELF's p_flags (PF_R, PF_W, PF_X).
struct Permissions {
  bool read = false;
  bool write = false;
  bool execute = false;
  bool operator==(const Permissions&) const = default;
};

// A PT_LOAD segment at its place in guest-physical memory.
struct Segment {
  std::uint64_t address = 0;      // guest-physical, of its first byte
  std::uint64_t memory_size = 0;  // bytes; those beyond file_size are zero
  std::uint64_t file_size = 0;    // bytes
  Permissions permissions;
};

// Where a file has bytes.
struct FileBytes {
  int descriptor = -1;
  std::uint64_t offset = 0;
};

// A half-open range of guest-physical addresses.
struct Range {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::uint64_t size() const { return end - start; }
  bool empty() const { return start == end; }
};

// A device that a manifest names.
struct DeviceNeed {
  std::uint32_t handle = 0;  // 0 to SPRY_DEVICES_MAX - 1, unique in its manifest
  std::string kind;          // [a-z0-9-]+
  std::string name;          // [a-z0-9_-]+, unique among the devices of its kind
};

// What the unikernel's notes ask for (docs/abi.md, "Notes").
struct Manifest {
  std::uint32_t abi_version = 0;
  std::uint64_t memory = 0;         // bytes, the least that will do, or 0
  std::uint64_t stack = 0;          // bytes, or 0
  std::uint64_t features = 0;       // SPRY_FEATURE_* bits
  std::vector<DeviceNeed> devices;  // by handle
};

// Where `syscall` goes (docs/abi.md, "System calls"): guest virtual addresses, or both 0 where it is a fault.
struct SystemCalls {
  std::uint64_t entry = 0;
  std::uint64_t stack = 0;  // RSP at the entry
  bool served() const { return entry != 0; }
  bool operator==(const SystemCalls&) const = default;
};

// Copies are the same image. Safe to use from several threads at once.
class SPRY_API Image {
 public:
  // Reads and validates the unikernel at `path`. Nothing of the file is trusted. Relocations (R_X86_64_RELATIVE and
  // RELR) are applied for a random slide if it is a static PIE; the slide of an ET_EXEC is 0. The image keeps the file
  // open (O_CLOEXEC) to look up symbols after a crash. Errors: kNotFound if there is no such file; kNotUnikernel with
  // a sentence naming the file, the header and the rule that it breaks; kFile, kPermission or kResources
  // if it cannot be read.
  static Result<Image> load(const std::string& path);

  // Reads a unikernel from memory, of which the image keeps a copy (in a memfd). `name` stands for the unikernel in
  // sentences and is what `path` answers. Errors: as load, but never kNotFound; kResources if there is no memory for
  // the copy.
  static Result<Image> from_bytes(std::span<const std::byte> bytes, std::string name = "image");

  const std::string& path() const;
  const Manifest& manifest() const;
  bool position_independent() const;
  std::uint64_t entry() const;  // guest virtual
  std::uint64_t slide() const;  // guest virtual minus guest-physical; a multiple of 2 MiB
  SystemCalls system_calls() const;

  // Segments in ascending order; they share no page.
  const std::vector<Segment>& segments() const;
  // The bytes of a segment that come from the file, relocated; owned by the image. Empty if the segment is not this
  // image's, if all of it is zero, or if its bytes were not read (`file_bytes`). The first byte lies as far into a page
  // as the segment's address does. Zeros follow the last byte up to the next page boundary.
  std::span<const std::byte> contents(const Segment& segment) const;
  // Where the file has the bytes of a segment that was not read: a read-only one with more than 256 KiB in the file.
  // Machines map these bytes. So replace such a file by renaming another one over it, never by writing to it; if the
  // file is truncated under a machine, the run ends with an Error. Nothing for a segment that was read.
  std::optional<FileBytes> file_bytes(const Segment& segment) const;
  // Whole pages of a writable segment to be mapped read-only (PT_GNU_RELRO), or empty.
  Range relro() const;
  // From the first page that a segment touches to the end of the last one: page-aligned guest-physical addresses.
  Range extent() const;

  // The function at a guest virtual address, demangled, with an offset: "handle(int)+0x1c"; empty if the file has no
  // symbol for it. At most 256 bytes, control characters escaped. The first call for an image reads the symbol table
  // from the open file; bounded time and memory whatever the file holds.
  std::string symbolize(std::uint64_t address) const;

 private:
  struct Data;
  static Result<Image> make(Result<image::ElfFile> file);
  explicit Image(std::shared_ptr<const Data> data);
  std::shared_ptr<const Data> data_;
};

}  // namespace spry
