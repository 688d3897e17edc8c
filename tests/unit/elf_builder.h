// A good unikernel, built in memory, whose every field a test can spoil before it is written.
#pragma once

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace spry::test {

// Where the parts lie in the file. Addresses are `base` plus the same number.
inline constexpr std::uint64_t kText = 0x1000;
inline constexpr std::uint64_t kTextSize = 0x345;
inline constexpr std::uint64_t kReadOnly = 0x2000;
inline constexpr std::uint64_t kReadOnlySize = 0xe00;
inline constexpr std::uint64_t kNotes = 0x2000;
inline constexpr std::uint64_t kRela = 0x2900;
inline constexpr std::uint64_t kRelr = 0x2c00;
inline constexpr std::uint64_t kData = 0x3000;  // its first page is PT_GNU_RELRO
inline constexpr std::uint64_t kDataSize = 0x1123;
inline constexpr std::uint64_t kDataMemory = 0x3456;
inline constexpr std::uint64_t kDynamic = 0x3000;
inline constexpr std::uint64_t kDynamicSize = 0x180;
inline constexpr std::uint64_t kWords = 0x3800;  // relocated words
inline constexpr std::uint64_t kSymbols = 0x5000;
inline constexpr std::uint64_t kStrings = 0x5200;
inline constexpr std::uint64_t kSections = 0x5400;

// The program headers, in their order.
enum Header : std::size_t {
  kLoadText,
  kLoadReadOnly,
  kLoadData,
  kNote,
  kDynamicHeader,
  kRelroHeader,
  kStack,
  kHeaders
};

// The sections, in their order.
enum Section : std::size_t { kNullSection, kSymbolSection, kStringSection, kSectionCount };

class ElfBuilder {
 public:
  static ElfBuilder executable() { return ElfBuilder(ET_EXEC, 0x200000); }
  static ElfBuilder pie() { return ElfBuilder(ET_DYN, 0); }
  ElfBuilder(std::uint16_t type, std::uint64_t base);

  // The file: a pattern, with all parts below put in as they are, right or wrong.
  std::vector<std::byte> build() const;

  // Appends a note, and makes the PT_NOTE longer.
  void add_note(std::string_view owner, std::uint32_t type, const void* descriptor, std::size_t size);
  void add_abi(std::uint32_t version);
  void add_needs(std::uint64_t memory, std::uint64_t stack, std::uint64_t features);
  void add_system_calls(std::uint64_t entry, std::uint64_t stack);  // link addresses
  void add_device(std::uint32_t handle, std::string_view kind, std::string_view name);
  // Removes all notes but the ABI note, and moves that to the end of the file, where there is room for many notes.
  void move_notes();

  // Sets the value of the first entry with the tag, or appends one before the DT_NULL.
  void set_dynamic(std::int64_t tag, std::uint64_t value);
  void erase_dynamic(std::int64_t tag);

  // Appends a symbol and its name, and corrects the section headers.
  void add_symbol(std::string_view name, std::uint64_t address, std::uint64_t size, unsigned char type = STT_FUNC,
                  unsigned char binding = STB_GLOBAL);

  Elf64_Phdr& operator[](Header index) { return program_headers[index]; }

  std::uint64_t base;
  Elf64_Ehdr header = {};
  std::vector<Elf64_Phdr> program_headers;
  std::vector<std::byte> notes;
  std::uint64_t notes_offset = kNotes;
  std::vector<Elf64_Dyn> dynamic;
  std::vector<Elf64_Rela> rela;
  std::vector<std::uint64_t> relr;
  std::vector<Elf64_Sym> symbols;
  std::string strings;
  std::vector<Elf64_Shdr> sections;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> words;  // file offset, value
};

// A file without a name that holds `bytes`, reached by a path while it lives.
class MemoryFile {
 public:
  explicit MemoryFile(const std::vector<std::byte>& bytes);
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile();

  const std::string& path() const { return path_; }
  void resize(std::uint64_t size);
  void write(std::uint64_t offset, const void* bytes, std::size_t size);

 private:
  int descriptor_;
  std::string path_;
};

}  // namespace spry::test
