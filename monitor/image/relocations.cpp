#include "image/relocations.h"

#include <cstring>
#include <optional>
#include <string_view>

namespace spry::image {
namespace {

// As in elf.h of Debian 12; older C libraries do not have these constants.
constexpr Elf64_Sxword kDtRelrSize = 35;
constexpr Elf64_Sxword kDtRelr = 36;
constexpr Elf64_Sxword kDtRelrEntry = 37;

constexpr std::uint64_t kWord = sizeof(std::uint64_t);

// What the dynamic section says of relocations.
struct Tables {
  std::optional<std::uint64_t> rela, rela_size, rela_entry;
  std::optional<std::uint64_t> relr, relr_size, relr_entry;
};

template <class T>
T load(std::span<const std::byte> bytes, std::size_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

class Relocator {
 public:
  Relocator(const ElfFile& file, const Layout& layout, std::span<std::byte> buffer, std::uint64_t offset)
      : file_(file), layout_(layout), buffer_(buffer), offset_(offset) {}

  Result<void> run(std::size_t index) {
    Tables tables;
    Result<void> result = read_dynamic(index, tables);
    if (result && tables.rela_size.value_or(0) != 0) result = apply_rela(tables);
    if (result && tables.relr_size.value_or(0) != 0) result = apply_relr(tables);
    return result;
  }

 private:
  Result<void> read_dynamic(std::size_t index, Tables& tables) {
    const Elf64_Phdr& header = file_.program_headers()[index];
    const auto found = find(header.p_vaddr, header.p_filesz, "dynamic section");
    if (!found) return tl::unexpected(found.error());
    const std::span<const std::byte> bytes = *found;
    if (bytes.empty()) {
      return file_.refuse("program header {}: PT_DYNAMIC at {:#x}, size {:#x}, is not among the segments' file bytes",
                          index, header.p_vaddr, header.p_filesz);
    }
    for (std::size_t i = 0; i < bytes.size() / sizeof(Elf64_Dyn); ++i) {
      const auto entry = load<Elf64_Dyn>(bytes, i);
      if (entry.d_tag == DT_NULL) return {};
      if (Result<void> result = read_entry(entry, tables); !result) return result;
    }
    return file_.refuse("program header {}: truncated: the dynamic section has no DT_NULL", index);
  }

  // The file's bytes at the link addresses [address, address + size); empty if they are not all in one segment. Reads
  // them into the buffer if their segment was not read.
  Result<std::span<const std::byte>> find(std::uint64_t address, std::uint64_t size, std::string_view what) {
    const auto bytes = layout_.find(buffer_, address, size, false);
    for (std::size_t i = 0; !bytes.empty() && i < layout_.sources.size(); ++i) {
      const Source& source = layout_.sources[i];
      const std::uint64_t into = address - source.link_address;
      if (!source.in_file || address < source.link_address || into >= layout_.segments[i].file_size) continue;
      if (auto read = file_.read(source.file_offset + into, bytes, what); !read) return tl::unexpected(read.error());
    }
    return std::span<const std::byte>(bytes);
  }

  Result<void> read_entry(const Elf64_Dyn& entry, Tables& tables) {
    switch (entry.d_tag) {
      case DT_NEEDED:
        return file_.refuse("dynamic section: DT_NEEDED: the program is dynamic, it asks for a shared library");
      case DT_TEXTREL:
        return file_.refuse("dynamic section: DT_TEXTREL: it asks for relocations in read-only segments");
      case DT_FLAGS:
        if ((entry.d_un.d_val & DF_TEXTREL) == 0) return {};
        return file_.refuse("dynamic section: DF_TEXTREL: it asks for relocations in read-only segments");
      case DT_REL:
        return file_.refuse("dynamic section: DT_REL: x86-64 has relocations with addends only");
      case DT_PLTRELSZ:
        if (entry.d_un.d_val == 0) return {};
        return file_.refuse("dynamic section: DT_JMPREL has {:#x} bytes, it asks for a dynamic linker",
                            entry.d_un.d_val);
      case DT_RELA:
        return set(tables.rela, "DT_RELA", entry.d_un.d_ptr);
      case DT_RELASZ:
        return set(tables.rela_size, "DT_RELASZ", entry.d_un.d_val);
      case DT_RELAENT:
        return set(tables.rela_entry, "DT_RELAENT", entry.d_un.d_val);
      case kDtRelr:
        return set(tables.relr, "DT_RELR", entry.d_un.d_ptr);
      case kDtRelrSize:
        return set(tables.relr_size, "DT_RELRSZ", entry.d_un.d_val);
      case kDtRelrEntry:
        return set(tables.relr_entry, "DT_RELRENT", entry.d_un.d_val);
      default:
        return {};
    }
  }

  Result<void> set(std::optional<std::uint64_t>& field, std::string_view name, std::uint64_t value) {
    if (field) return file_.refuse("dynamic section: there is more than one {}", name);
    field = value;
    return {};
  }

  // The bytes of a relocation table.
  Result<std::span<const std::byte>> table(std::string_view name, std::optional<std::uint64_t> address,
                                           std::uint64_t size, std::optional<std::uint64_t> entry,
                                           std::uint64_t expected_entry) {
    if (!address) return file_.refuse("dynamic section: {} is missing though its size is {:#x}", name, size);
    if (entry != expected_entry) {
      return file_.refuse("dynamic section: {}'s entry size is {}, not {}", name, entry.value_or(0), expected_entry);
    }
    if (size % expected_entry != 0) {
      return file_.refuse("dynamic section: {}'s size {:#x} is not a multiple of {}", name, size, expected_entry);
    }
    const auto bytes = find(*address, size, name);
    if (!bytes) return tl::unexpected(bytes.error());
    if (bytes->empty()) {
      return file_.refuse("dynamic section: {} at {:#x}, size {:#x}, is not among the segments' file bytes", name,
                          *address, size);
    }
    return *bytes;
  }

  Result<std::span<std::byte>> place(std::string_view table, std::size_t index, std::uint64_t address) {
    const auto bytes = layout_.find(buffer_, address, kWord, true);
    if (bytes.empty()) {
      return file_.refuse("{} entry {}: the place {:#x} is not among the file bytes of a writable segment", table,
                          index, address);
    }
    return bytes;
  }

  Result<void> apply_rela(const Tables& tables) {
    const auto entries = table("DT_RELA", tables.rela, *tables.rela_size, tables.rela_entry, sizeof(Elf64_Rela));
    if (!entries) return tl::unexpected(entries.error());
    for (std::size_t i = 0; i < entries->size() / sizeof(Elf64_Rela); ++i) {
      const auto entry = load<Elf64_Rela>(*entries, i);
      if (entry.r_info != ELF64_R_INFO(0, R_X86_64_RELATIVE)) {
        return file_.refuse("DT_RELA entry {}: relocation type {} with symbol {} is not R_X86_64_RELATIVE", i,
                            ELF64_R_TYPE(entry.r_info), ELF64_R_SYM(entry.r_info));
      }
      const auto to = place("DT_RELA", i, entry.r_offset);
      if (!to) return tl::unexpected(to.error());
      const std::uint64_t value = static_cast<std::uint64_t>(entry.r_addend) + offset_;
      std::memcpy(to->data(), &value, kWord);
    }
    return {};
  }

  // An even entry is the address of a word to relocate. An odd entry is a bitmap of the 63 words behind those of the
  // entry before it. Addresses must ascend, as linkers sort them: so no word is relocated twice, which bounds the work.
  Result<void> apply_relr(const Tables& tables) {
    const auto entries = table("DT_RELR", tables.relr, *tables.relr_size, tables.relr_entry, kWord);
    if (!entries) return tl::unexpected(entries.error());
    std::uint64_t next = 0;
    for (std::size_t i = 0; i < entries->size() / kWord; ++i) {
      const auto entry = load<std::uint64_t>(*entries, i);
      if ((entry & 1) == 0) {
        if (entry < next) {
          return file_.refuse("DT_RELR entry {}: address {:#x} is not in ascending order", i, entry);
        }
        if (Result<void> result = add(i, entry); !result) return result;
        next = entry + kWord;
        continue;
      }
      if (next == 0) return file_.refuse("DT_RELR entry {}: a bitmap without an address before it", i);
      std::uint64_t address = next;
      for (std::uint64_t bits = entry >> 1; bits != 0; bits >>= 1, address += kWord) {
        if ((bits & 1) == 0) continue;
        if (Result<void> result = add(i, address); !result) return result;
      }
      next += 63 * kWord;
      if (next > kMaximumEnd) {
        return file_.refuse("DT_RELR entry {}: the bitmaps reach {:#x}, beyond the largest memory", i, next);
      }
    }
    return {};
  }

  Result<void> add(std::size_t index, std::uint64_t address) {
    const auto to = place("DT_RELR", index, address);
    if (!to) return tl::unexpected(to.error());
    const std::uint64_t value = load<std::uint64_t>(*to, 0) + offset_;
    std::memcpy(to->data(), &value, kWord);
    return {};
  }

  const ElfFile& file_;
  const Layout& layout_;
  std::span<std::byte> buffer_;
  std::uint64_t offset_;
};

}  // namespace

Result<void> relocate(const ElfFile& file, const Layout& layout, std::span<std::byte> buffer, std::uint64_t offset) {
  const auto headers = file.program_headers();
  bool found = false;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (headers[i].p_type != PT_DYNAMIC) continue;
    if (found) return file.refuse("program header {}: a second PT_DYNAMIC", i);
    found = true;
    if (Result<void> result = Relocator(file, layout, buffer, offset).run(i); !result) return result;
  }
  return {};
}

}  // namespace spry::image
