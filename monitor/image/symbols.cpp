#include "image/symbols.h"

#include <cxxabi.h>
#include <gelf.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <tuple>

#include "system/own_stack.h"

namespace spry::image {
namespace {

constexpr std::uint64_t kMaximumSymbols = std::uint64_t{1} << 20;
constexpr std::uint64_t kMaximumStrings = std::uint64_t{64} << 20;
constexpr std::size_t kMaximumName = 4096;

// The demangler's output can grow exponentially with the references of a name to its own parts: 24 references give up
// to 3^8 copies of a part. The demangler (libstdc++ 12) recurses, with some 350 bytes of stack for each byte of a name,
// and takes 100 KiB at once for names with many templates and references. Some threads have less stack than that.
constexpr std::size_t kMaximumMangled = 1024;
constexpr std::size_t kMaximumReferences = 24;
// At each conversion ("cv") the demangler may read what follows twice: so 2^8 times at most.
constexpr std::size_t kMaximumTwice = 8;
constexpr std::size_t kDemanglerStack = std::size_t{1} << 20;

struct Demangling {
  const char* mangled;
  char* demangled = nullptr;  // malloc'ed; null: it is no name of C++'s
};

// `section`, with its header, if libelf can read all of it in `maximum` bytes; else null.
Elf_Scn* bounded(Elf_Scn* section, const ElfFile& file, std::uint64_t maximum, Elf64_Shdr& header) {
  const Elf64_Shdr* const found = section == nullptr ? nullptr : elf64_getshdr(section);
  if (found == nullptr) return nullptr;
  header = *found;
  const bool fine = header.sh_size <= maximum && file.has(header.sh_offset, header.sh_size) &&
                    (header.sh_flags & SHF_COMPRESSED) == 0;
  return fine ? section : nullptr;
}

Elf_Scn* find_table(Elf* elf, std::uint32_t type) {
  for (Elf_Scn* section = elf_nextscn(elf, nullptr); section != nullptr; section = elf_nextscn(elf, section)) {
    const Elf64_Shdr* const header = elf64_getshdr(section);
    if (header != nullptr && header->sh_type == type) return section;
  }
  return nullptr;
}

bool is_function(const GElf_Sym& symbol) {
  const auto type = GELF_ST_TYPE(symbol.st_info);
  return (type == STT_FUNC || type == STT_GNU_IFUNC) && symbol.st_shndx != SHN_UNDEF && symbol.st_name != 0;
}

std::uint32_t rank_of(const GElf_Sym& symbol) {
  return (symbol.st_size != 0 ? 2u : 0u) + (GELF_ST_BIND(symbol.st_info) == STB_GLOBAL ? 1u : 0u);
}

std::size_t count_of(std::string_view name, std::string_view letters) {
  std::size_t count = 0;
  for (std::size_t at = name.find(letters); at != name.npos; at = name.find(letters, at + 1)) ++count;
  return count;
}

// In an unresolved name (sr) the demangler of libstdc++ 12 loops for ever at a C, D or U that begins no constructor,
// destructor or unnamed type. Names that have such letters behind "sr" are rare, so none of them is demangled.
bool may_never_end(std::string_view name) {
  const std::size_t unresolved = name.find("sr");
  return unresolved != name.npos && name.find_first_of("CDU", unresolved) != name.npos;
}

// Counts substitutions (S_, S0_ ...) and template parameters (T_, T0_ ...): Itanium C++ ABI, 5.1. It may count too
// many, because letters of an identifier can look the same.
std::size_t count_references(std::string_view name) {
  std::size_t count = 0;
  for (std::size_t i = 0; i + 1 < name.size(); ++i) {
    const char next = name[i + 1];
    const bool digit = next == '_' || (next >= '0' && next <= '9') || (next >= 'A' && next <= 'Z');
    if ((name[i] == 'S' || name[i] == 'T') && digit) ++count;
  }
  return count;
}

}  // namespace

Symbols Symbols::read(const ElfFile& file) {
  Symbols symbols;
  // If the ELF header has no count of sections, libelf would take the first section header's, which may be of any size.
  if (file.header().e_shoff == 0 || file.header().e_shnum == 0) return symbols;
  elf_version(EV_CURRENT);
  symbols.elf_.reset(elf_begin(file.descriptor(), ELF_C_READ, nullptr));
  Elf* const elf = symbols.elf_.get();
  if (elf == nullptr) return symbols;

  Elf_Scn* found = find_table(elf, SHT_SYMTAB);
  if (found == nullptr) found = find_table(elf, SHT_DYNSYM);
  Elf64_Shdr table_header;
  Elf_Scn* const table = bounded(found, file, kMaximumSymbols * sizeof(Elf64_Sym), table_header);
  if (table == nullptr || table_header.sh_entsize != sizeof(Elf64_Sym)) return symbols;
  Elf64_Shdr strings_header;
  Elf_Scn* const strings = bounded(elf_getscn(elf, table_header.sh_link), file, kMaximumStrings, strings_header);
  if (strings == nullptr || strings_header.sh_type != SHT_STRTAB) return symbols;

  Elf_Data* const table_data = elf_getdata(table, nullptr);
  const Elf_Data* const strings_data = elf_rawdata(strings, nullptr);
  if (table_data == nullptr || strings_data == nullptr || strings_data->d_buf == nullptr) return symbols;
  const std::size_t count = table_data->d_size / sizeof(Elf64_Sym);
  symbols.strings_ = {static_cast<const char*>(strings_data->d_buf), strings_data->d_size};
  symbols.entries_.reset(new (std::nothrow) Entry[count]);
  if (symbols.entries_ == nullptr) return symbols;
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Sym symbol;
    if (gelf_getsym(table_data, static_cast<int>(i), &symbol) == nullptr || !is_function(symbol)) continue;
    symbols.entries_[symbols.count_++] = {symbol.st_value, symbol.st_size, symbol.st_name, rank_of(symbol)};
  }
  std::sort(symbols.entries_.get(), symbols.entries_.get() + symbols.count_, [](const Entry& a, const Entry& b) {
    return std::tie(a.address, a.rank, a.name) < std::tie(b.address, b.rank, b.name);
  });
  return symbols;
}

std::optional<Symbols::Match> Symbols::find(std::uint64_t address) const {
  const Entry* const begin = entries_.get();
  const Entry* const end = begin + count_;
  const Entry* const after = std::upper_bound(
      begin, end, address, [](std::uint64_t value, const Entry& entry) { return value < entry.address; });
  if (after == begin) return std::nullopt;
  const Entry& entry = after[-1];
  const std::uint64_t offset = address - entry.address;
  if (entry.size != 0 && offset >= entry.size) return std::nullopt;
  const std::string_view name = name_at(entry.name);
  if (name.empty()) return std::nullopt;
  return Match{name, offset};
}

std::string_view Symbols::name_at(std::uint32_t offset) const {
  if (offset >= strings_.size()) return {};
  const std::string_view rest = strings_.substr(offset, kMaximumName);
  return rest.substr(0, rest.find('\0'));
}

std::string demangle(std::string_view name) {
  std::string mangled(name);
  if (!name.starts_with("_Z") || name.size() > kMaximumMangled) return mangled;
  if (count_references(name) > kMaximumReferences) return mangled;
  if (count_of(name, "cv") > kMaximumTwice || may_never_end(name)) return mangled;
  Demangling demangling = {mangled.c_str()};
  const auto call = [](void* argument) {
    auto& one = *static_cast<Demangling*>(argument);
    int status = 0;
    one.demangled = abi::__cxa_demangle(one.mangled, nullptr, nullptr, &status);
  };
  if (!on_own_stack(kDemanglerStack, call, &demangling)) return mangled;
  const std::unique_ptr<char, void (*)(void*)> demangled(demangling.demangled, std::free);
  return demangled == nullptr ? mangled : std::string(demangled.get());
}

}  // namespace spry::image
