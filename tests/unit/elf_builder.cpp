#include "elf_builder.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "spry/abi.h"

namespace spry::test {
namespace {

// Constants that older C libraries' elf.h lacks.
constexpr std::int64_t kDtRelrSize = 35;
constexpr std::int64_t kDtRelr = 36;
constexpr std::int64_t kDtRelrEntry = 37;

constexpr std::uint64_t kFileSize = kSections + kSectionCount * sizeof(Elf64_Shdr);

Elf64_Phdr program_header(std::uint32_t type, std::uint32_t flags, std::uint64_t offset, std::uint64_t base,
                          std::uint64_t file_size, std::uint64_t memory_size, std::uint64_t alignment) {
  return {type, flags, offset, base + offset, base + offset, file_size, memory_size, alignment};
}

void put(std::vector<std::byte>& file, std::uint64_t offset, const void* bytes, std::size_t size) {
  if (size == 0) return;
  if (file.size() < offset + size) file.resize(offset + size);
  std::memcpy(file.data() + offset, bytes, size);
}

template <class T>
void put(std::vector<std::byte>& file, std::uint64_t offset, const std::vector<T>& values) {
  put(file, offset, values.data(), values.size() * sizeof(T));
}

}  // namespace

ElfBuilder::ElfBuilder(std::uint16_t type, std::uint64_t base_address) : base(base_address) {
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = type;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_entry = base + kText + 0x10;
  header.e_phoff = sizeof(Elf64_Ehdr);
  header.e_shoff = kSections;
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = kHeaders;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = kSectionCount;

  program_headers = {
      program_header(PT_LOAD, PF_R | PF_X, kText, base, kTextSize, kTextSize, 0x1000),
      program_header(PT_LOAD, PF_R, kReadOnly, base, kReadOnlySize, kReadOnlySize, 0x1000),
      program_header(PT_LOAD, PF_R | PF_W, kData, base, kDataSize, kDataMemory, 0x1000),
      program_header(PT_NOTE, PF_R, kNotes, base, 0, 0, 4),
      program_header(PT_DYNAMIC, PF_R | PF_W, kDynamic, base, kDynamicSize, kDynamicSize, 8),
      program_header(PT_GNU_RELRO, PF_R, kData, base, 0x1000, 0x1000, 1),
      {PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16},
  };

  add_abi(SPRY_ABI_VERSION);
  add_needs(4 << 20, 0, SPRY_FEATURE_CLOCK);
  add_device(SPRY_HANDLE_CONSOLE, "console", "console");
  add_device(SPRY_HANDLE_NEXT, "block", "data");

  rela = {{base + kWords, ELF64_R_INFO(0, R_X86_64_RELATIVE), static_cast<Elf64_Sxword>(base + kText)},
          {base + kWords + 0x13, ELF64_R_INFO(0, R_X86_64_RELATIVE), static_cast<Elf64_Sxword>(base + kData + 5)}};
  // Relocates the word at +0x40, and of the 63 words behind it the first, the third and the last.
  relr = {base + kWords + 0x40, 1 | 1u << 1 | 1u << 3 | std::uint64_t{1} << 63};
  for (const std::uint64_t at : {0x40u, 0x48u, 0x58u, 0x238u}) words.emplace_back(kWords + at, base + kText + at);

  dynamic = {{DT_FLAGS_1, {DF_1_PIE}}, {DT_NULL, {0}}};
  set_dynamic(DT_RELA, base + kRela);
  set_dynamic(DT_RELASZ, rela.size() * sizeof(Elf64_Rela));
  set_dynamic(DT_RELAENT, sizeof(Elf64_Rela));
  set_dynamic(kDtRelr, base + kRelr);
  set_dynamic(kDtRelrSize, relr.size() * sizeof(relr[0]));
  set_dynamic(kDtRelrEntry, sizeof(relr[0]));

  sections.resize(kSectionCount);
  sections[kSymbolSection].sh_type = SHT_SYMTAB;
  sections[kSymbolSection].sh_offset = kSymbols;
  sections[kSymbolSection].sh_link = kStringSection;
  sections[kSymbolSection].sh_entsize = sizeof(Elf64_Sym);
  sections[kSymbolSection].sh_addralign = 8;
  sections[kStringSection].sh_type = SHT_STRTAB;
  sections[kStringSection].sh_offset = kStrings;
  sections[kStringSection].sh_addralign = 1;
  strings.push_back('\0');
  symbols.push_back({});
  add_symbol("_start", base + kText + 0x10, 0x20);
  add_symbol("_Z6handlei", base + kText + 0x40, 0x80);
}

std::vector<std::byte> ElfBuilder::build() const {
  std::vector<std::byte> file(kFileSize);
  for (std::size_t i = 0; i < file.size(); ++i) file[i] = static_cast<std::byte>(i * 7 + (i >> 8));
  put(file, 0, &header, sizeof(header));
  put(file, sizeof(header), program_headers);
  put(file, notes_offset, notes);
  put(file, kRela, rela);
  put(file, kRelr, relr);
  put(file, kDynamic, dynamic);
  for (const auto& [offset, value] : words) put(file, offset, &value, sizeof(value));
  put(file, kSymbols, symbols);
  put(file, kStrings, strings.data(), strings.size());
  put(file, kSections, sections);
  return file;
}

void ElfBuilder::add_note(std::string_view owner, std::uint32_t type, const void* descriptor, std::size_t size) {
  const Elf64_Nhdr note = {static_cast<Elf64_Word>(owner.size() + 1), static_cast<Elf64_Word>(size), type};
  put(notes, notes.size(), &note, sizeof(note));
  put(notes, notes.size(), owner.data(), owner.size());
  notes.resize((notes.size() + 4) & ~std::size_t{3});  // at least one zero
  put(notes, notes.size(), descriptor, size);
  notes.resize((notes.size() + 3) & ~std::size_t{3});
  program_headers[kNote].p_filesz = notes.size();
  program_headers[kNote].p_memsz = notes.size();
}

void ElfBuilder::add_abi(std::uint32_t version) {
  const spry_note_abi note = {version};
  add_note(SPRY_NOTE_OWNER, SPRY_NOTE_ABI, &note, sizeof(note));
}

void ElfBuilder::add_system_calls(std::uint64_t entry, std::uint64_t stack) {
  const std::uint64_t note = base + kNotes + notes.size() + sizeof(spry_note_header);
  const spry_note_system_calls calls = {static_cast<std::int64_t>(entry - note),
                                        static_cast<std::int64_t>(stack - note - sizeof calls.entry)};
  add_note(SPRY_NOTE_OWNER, SPRY_NOTE_SYSTEM_CALLS, &calls, sizeof calls);
}

void ElfBuilder::add_needs(std::uint64_t memory, std::uint64_t stack, std::uint64_t features) {
  const spry_note_needs note = {memory, stack, features};
  add_note(SPRY_NOTE_OWNER, SPRY_NOTE_NEEDS, &note, sizeof(note));
}

void ElfBuilder::add_device(std::uint32_t handle, std::string_view kind, std::string_view name) {
  spry_note_device note = {};
  note.handle = handle;
  std::memcpy(note.kind, kind.data(), std::min(kind.size(), sizeof(note.kind)));
  std::memcpy(note.name, name.data(), std::min(name.size(), sizeof(note.name)));
  add_note(SPRY_NOTE_OWNER, SPRY_NOTE_DEVICE, &note, sizeof(note));
}

void ElfBuilder::move_notes() {
  notes.clear();
  add_abi(SPRY_ABI_VERSION);
  notes_offset = kFileSize;
  program_headers[kNote].p_offset = notes_offset;
}

void ElfBuilder::set_dynamic(std::int64_t tag, std::uint64_t value) {
  for (Elf64_Dyn& entry : dynamic) {
    if (entry.d_tag == tag) {
      entry.d_un.d_val = value;
      return;
    }
  }
  dynamic.insert(dynamic.end() - 1, {tag, {value}});
}

void ElfBuilder::erase_dynamic(std::int64_t tag) {
  std::erase_if(dynamic, [tag](const Elf64_Dyn& entry) { return entry.d_tag == tag; });
}

void ElfBuilder::add_symbol(std::string_view name, std::uint64_t address, std::uint64_t size, unsigned char type,
                            unsigned char binding) {
  symbols.push_back({static_cast<Elf64_Word>(strings.size()), static_cast<unsigned char>(ELF64_ST_INFO(binding, type)),
                     STV_DEFAULT, 1, address, size});
  strings.append(name).push_back('\0');
  sections[kSymbolSection].sh_size = symbols.size() * sizeof(Elf64_Sym);
  sections[kStringSection].sh_size = strings.size();
}

MemoryFile::MemoryFile(const std::vector<std::byte>& bytes) : descriptor_(memfd_create("image", MFD_CLOEXEC)) {
  if (descriptor_ < 0) std::abort();
  path_ = "/proc/self/fd/" + std::to_string(descriptor_);
  write(0, bytes.data(), bytes.size());
}

MemoryFile::~MemoryFile() { close(descriptor_); }

void MemoryFile::resize(std::uint64_t size) {
  if (ftruncate(descriptor_, static_cast<off_t>(size)) != 0) std::abort();
}

void MemoryFile::write(std::uint64_t offset, const void* bytes, std::size_t size) {
  if (pwrite(descriptor_, bytes, size, static_cast<off_t>(offset)) != static_cast<ssize_t>(size)) std::abort();
}

}  // namespace spry::test
