// The functions that a file's symbol table names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "image/elf_file.h"

namespace spry::image {

class Symbols {
 public:
  // Reads .symtab, or .dynsym if there is none. A table that is malformed, or larger than the bounds in symbols.cpp,
  // counts as missing. Long names are cut.
  static Symbols read(const ElfFile& file);

  struct Match {
    std::string_view name;  // as the file has it; not empty
    std::uint64_t offset = 0;
  };
  // The last function that begins at or below `address` (a link address), if the function reaches to that address. A
  // function without a size reaches to the next one.
  std::optional<Match> find(std::uint64_t address) const;

 private:
  struct Entry {
    std::uint64_t address;
    std::uint64_t size;
    std::uint32_t name;  // offset in strings_
    std::uint32_t rank;  // among functions at one address, the highest names it
  };
  Symbols() = default;
  std::string_view name_at(std::uint32_t offset) const;

  ElfHandle elf_;  // owns what strings_ points to
  std::string_view strings_;
  std::unique_ptr<Entry[]> entries_;
  std::size_t count_ = 0;
};

// A symbol's name as it is in the source: "handle(int)" for "_Z6handlei". A name that is not a mangled C++ name, or
// that would cost too much to demangle, stays as it is.
std::string demangle(std::string_view name);

}  // namespace spry::image
