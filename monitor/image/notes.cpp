#include "image/notes.h"

#include <gelf.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "image/layout.h"
#include "spry/abi.h"
#include "text/escape.h"

namespace spry::image {
namespace {

constexpr std::uint64_t kMaximumNotes = 64 << 10;  // bytes, of all PT_NOTEs together

// Collects what the notes say, in their order.
class Collector {
 public:
  explicit Collector(const ElfFile& file) : file_(file) {}

  // `address` is the descriptor's link address.
  Result<void> add(std::uint32_t type, std::span<const std::byte> descriptor, std::uint64_t address) {
    switch (type) {
      case SPRY_NOTE_ABI:
        return add_abi(descriptor);
      case SPRY_NOTE_NEEDS:
        return add_needs(descriptor);
      case SPRY_NOTE_DEVICE:
        return add_device(descriptor);
      case SPRY_NOTE_SYSTEM_CALLS:
        return add_system_calls(descriptor, address);
      default:
        return file_.refuse("Spry note: type {} is unknown", type);
    }
  }

  Result<Notes> finish() && {
    if (!has_abi_) return file_.refuse("not a unikernel: it has no Spry ABI note; a Linux program?");
    auto& devices = manifest_.devices;
    std::sort(devices.begin(), devices.end(), [](const auto& a, const auto& b) { return a.handle < b.handle; });
    return Notes{std::move(manifest_), system_calls_};
  }

 private:
  template <class T>
  Result<T> read(std::span<const std::byte> descriptor, std::string_view what) {
    if (descriptor.size() != sizeof(T)) {
      return file_.refuse("Spry {} note: its size is {}, not {}", what, descriptor.size(), sizeof(T));
    }
    T note;
    std::memcpy(&note, descriptor.data(), sizeof(note));
    return note;
  }

  Result<void> add_abi(std::span<const std::byte> descriptor) {
    const auto note = read<spry_note_abi>(descriptor, "ABI");
    if (!note) return tl::unexpected(note.error());
    if (has_abi_) return file_.refuse("Spry ABI note: there is more than one");
    if (note->version != SPRY_ABI_VERSION) {
      return file_.refuse("Spry ABI note: version {} is not {}, the one that this monitor knows", note->version,
                          SPRY_ABI_VERSION);
    }
    has_abi_ = true;
    manifest_.abi_version = note->version;
    return {};
  }

  Result<void> add_needs(std::span<const std::byte> descriptor) {
    const auto note = read<spry_note_needs>(descriptor, "needs");
    if (!note) return tl::unexpected(note.error());
    if ((note->features & ~std::uint64_t{SPRY_FEATURES_ALL}) != 0) {
      return file_.refuse("Spry needs note: features {:#x} has bits beyond {:#x}", note->features, SPRY_FEATURES_ALL);
    }
    for (const std::uint64_t size : {note->memory, note->stack}) {
      if (size > kMaximumEnd) {
        return file_.refuse("Spry needs note: {:#x} bytes are more than the largest memory of {:#x}", size,
                            kMaximumEnd);
      }
    }
    manifest_.memory = std::max<std::uint64_t>(manifest_.memory, note->memory);
    manifest_.stack = std::max<std::uint64_t>(manifest_.stack, note->stack);
    manifest_.features |= note->features;
    return {};
  }

  Result<void> add_device(std::span<const std::byte> descriptor) {
    const auto note = read<spry_note_device>(descriptor, "device");
    if (!note) return tl::unexpected(note.error());
    auto kind = read_name(note->kind, "kind", "-");
    if (!kind) return tl::unexpected(kind.error());
    auto name = read_name(note->name, "name", "-_");
    if (!name) return tl::unexpected(name.error());
    if (manifest_.devices.size() == SPRY_DEVICES_MAX) {
      return file_.refuse("Spry device note: there are more than {} devices", SPRY_DEVICES_MAX);
    }
    const std::uint32_t handle = note->handle == SPRY_HANDLE_NEXT ? next_handle_++ : note->handle;
    if (handle >= SPRY_DEVICES_MAX) {
      return file_.refuse("Spry device note: handle {} of {} \"{}\" is not below {}", handle, *kind, *name,
                          SPRY_DEVICES_MAX);
    }
    for (const DeviceNeed& other : manifest_.devices) {
      if (other.handle == handle) {
        return file_.refuse("Spry device note: {} \"{}\" and {} \"{}\" have the same handle {}", other.kind, other.name,
                            *kind, *name, handle);
      }
      if (other.kind == *kind && other.name == *name) {
        return file_.refuse("Spry device note: there are two {} devices \"{}\"", *kind, *name);
      }
    }
    manifest_.devices.push_back({handle, *std::move(kind), *std::move(name)});
    return {};
  }

  Result<void> add_system_calls(std::span<const std::byte> descriptor, std::uint64_t address) {
    const auto note = read<spry_note_system_calls>(descriptor, "system calls");
    if (!note) return tl::unexpected(note.error());
    if (system_calls_) return file_.refuse("Spry system calls note: there is more than one");
    const auto absolute = [address](std::int64_t distance, std::uint64_t offset) {
      return address + offset + static_cast<std::uint64_t>(distance);
    };
    system_calls_ = {absolute(note->entry, offsetof(spry_note_system_calls, entry)),
                     absolute(note->stack, offsetof(spry_note_system_calls, stack))};
    return {};
  }

  // The text of a zero-padded array: [a-z0-9]+, or a character of `others`.
  template <std::size_t size>
  Result<std::string> read_name(const char (&array)[size], std::string_view what, std::string_view others) {
    const std::string_view all(array, size);
    const std::string_view text = all.substr(0, all.find('\0'));
    const auto allowed = [others](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || others.find(c) != std::string_view::npos;
    };
    if (text.size() == size) return file_.refuse("Spry device note: the {} has no terminating zero", what);
    if (text.empty()) return file_.refuse("Spry device note: the {} is empty", what);
    if (!std::all_of(text.begin(), text.end(), allowed)) {
      return file_.refuse("Spry device note: the {} \"{}\" has characters beyond [a-z0-9{}]", what,
                          escape(text, 4 * size), others == "-" ? "-" : "_-");
    }
    if (all.find_first_not_of('\0', text.size()) != std::string_view::npos) {
      return file_.refuse("Spry device note: the {} \"{}\" is not padded with zeros", what, text);
    }
    return std::string(text);
  }

  const ElfFile& file_;
  Manifest manifest_;
  std::optional<SystemCalls> system_calls_;
  bool has_abi_ = false;
  std::uint32_t next_handle_ = 1;
};

bool is_spry(const char* owner, std::size_t size) {
  return size == sizeof(SPRY_NOTE_OWNER) && std::memcmp(owner, SPRY_NOTE_OWNER, size) == 0;
}

// Hands the notes of one PT_NOTE to `collector`. All notes are looked for on 4-byte boundaries, whatever p_align says:
// that also finds notes of other owners on 8-byte boundaries, because their sizes are multiples of 8.
Result<void> collect(const ElfFile& file, std::size_t index, Elf_Data& data, Collector& collector) {
  const auto* const bytes = static_cast<const char*>(data.d_buf);
  std::size_t offset = 0;
  while (offset < data.d_size) {
    GElf_Nhdr header;
    std::size_t owner = 0;
    std::size_t descriptor = 0;
    const std::size_t next = gelf_getnote(&data, offset, &header, &owner, &descriptor);
    if (next == 0) {
      return file.refuse("program header {}: the note at {:#x} does not fit into the segment", index, offset);
    }
    if (is_spry(bytes + owner, header.n_namesz)) {
      const auto view = std::as_bytes(std::span(bytes + descriptor, header.n_descsz));
      const std::uint64_t address = file.program_headers()[index].p_vaddr + descriptor;
      if (Result<void> result = collector.add(header.n_type, view, address); !result) return result;
    }
    offset = next;
  }
  return {};
}

}  // namespace

Result<Notes> read_notes(const ElfFile& file) {
  const auto headers = file.program_headers();
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (headers[i].p_type != PT_NOTE) continue;
    if (!file.has(headers[i].p_offset, headers[i].p_filesz)) {
      return file.refuse("program header {}: truncated: the file ends at {:#x} before {:#x} bytes of notes at {:#x}", i,
                         file.size(), headers[i].p_filesz, headers[i].p_offset);
    }
    total += align_up(headers[i].p_filesz, 4);
    if (total > kMaximumNotes) {
      return file.refuse("program header {}: the notes have more than {} bytes", i, kMaximumNotes);
    }
  }

  // libelf gets a copy of the file that has only an ELF header, without other tables, and the notes behind it.
  std::vector<std::byte> copy(sizeof(Elf64_Ehdr) + total);
  Elf64_Ehdr header = file.header();
  header.e_phoff = 0;
  header.e_phnum = 0;
  header.e_shoff = 0;
  header.e_shnum = 0;
  header.e_shstrndx = SHN_UNDEF;
  std::memcpy(copy.data(), &header, sizeof(header));
  const ElfHandle elf(elf_memory(reinterpret_cast<char*>(copy.data()), copy.size()));
  if (elf == nullptr) return file.refuse("ELF header: {}", elf_errmsg(-1));

  Collector collector(file);
  std::size_t offset = sizeof(header);
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (headers[i].p_type != PT_NOTE || headers[i].p_filesz == 0) continue;
    const std::size_t size = headers[i].p_filesz;
    Result<void> result = file.read(headers[i].p_offset, std::span(copy).subspan(offset, size), "notes");
    if (!result) return tl::unexpected(result.error());
    Elf_Data* const data = elf_getdata_rawchunk(elf.get(), static_cast<std::int64_t>(offset), size, ELF_T_NHDR);
    if (data == nullptr) return file.refuse("program header {}: notes: {}", i, elf_errmsg(-1));
    result = collect(file, i, *data, collector);
    if (!result) return tl::unexpected(result.error());
    offset += align_up(size, 4);
  }
  return std::move(collector).finish();
}

}  // namespace spry::image
