// An open ELF file, with checked copies of its ELF header and program headers. All other code of this folder reads the
// file through this class, which uses pread(2) and never a mapping: so a file that is truncated meanwhile is an error.
#pragma once

#include <libelf.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spry/error.h"
#include "system/descriptor.h"
#include "text/format.h"

namespace spry::image {

inline constexpr std::size_t kMaximumProgramHeaders = 64;

struct ElfEnd {
  void operator()(Elf* elf) const { elf_end(elf); }
};
using ElfHandle = std::unique_ptr<Elf, ElfEnd>;

class ElfFile {
 public:
  // Opens `path`, a regular file, and checks that it is a static ELF64 executable for x86-64 whose tables lie inside
  // it.
  static Result<ElfFile> open(const std::string& path);

  // The same for the regular file of `size` bytes behind `descriptor`. `path` is only its name in sentences.
  static Result<ElfFile> of(std::string path, Descriptor descriptor, std::uint64_t size);

  const std::string& path() const { return path_; }
  int descriptor() const { return descriptor_.get(); }
  std::uint64_t size() const { return size_; }
  const Elf64_Ehdr& header() const { return header_; }
  std::span<const Elf64_Phdr> program_headers() const { return program_headers_; }
  bool position_independent() const { return header_.e_type == ET_DYN; }

  // Whether all of [offset, offset + length) lies within the size that the file had when it was opened.
  bool has(std::uint64_t offset, std::uint64_t length) const { return offset <= size_ && length <= size_ - offset; }

  // Fills `to` with the bytes from `offset` on. `what` names them in an Error, which says that they cannot be read or
  // are not there.
  Result<void> read(std::uint64_t offset, std::span<std::byte> to, std::string_view what) const;

  // An Error of kNotUnikernel: the file's name, escaped, a colon and the formatted rest.
  template <class... Arguments>
  [[gnu::cold]] tl::unexpected<Error> refuse(fmt::format_string<Arguments...> format, Arguments&&... arguments) const {
    return fail(ErrorCode::kNotUnikernel, named(fmt::format(format, std::forward<Arguments>(arguments)...)));
  }

 private:
  ElfFile(std::string path, Descriptor descriptor, std::uint64_t size);
  std::string named(std::string_view sentence) const;
  Result<void> check_identification(std::span<const std::byte> head) const;
  Result<void> check_tables() const;
  Result<void> read_program_headers(std::span<const std::byte> head);
  Result<void> check_static() const;

  std::string path_;
  Descriptor descriptor_;
  std::uint64_t size_;
  Elf64_Ehdr header_ = {};
  std::vector<Elf64_Phdr> program_headers_;
};

}  // namespace spry::image
