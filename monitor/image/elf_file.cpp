#include "image/elf_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "text/escape.h"

namespace spry::image {
namespace {

// Enough for the ELF header and kMaximumProgramHeaders, where linkers put them: one system call reads both.
constexpr std::size_t kHead = 4096;
static_assert(sizeof(Elf64_Ehdr) + kMaximumProgramHeaders * sizeof(Elf64_Phdr) <= kHead);

tl::unexpected<Error> fail_open(const std::string& path, int error) {
  const std::string name = escape_path(path);
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return fail(ErrorCode::kNotFound, fmt::format("{}: no such file", name));
    case ENXIO:  // a socket, or a device without a driver
    case ENODEV:
      return fail(ErrorCode::kNotUnikernel, fmt::format("{}: not a regular file", name));
    default:
      return fail(code_for(error, ErrorCode::kFile),
                  fmt::format("{}: cannot be opened: {}", name, std::strerror(error)));
  }
}

std::string_view kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "something else";
}

}  // namespace

ElfFile::ElfFile(std::string path, Descriptor descriptor, std::uint64_t size)
    : path_(std::move(path)), descriptor_(std::move(descriptor)), size_(size) {}

Result<ElfFile> ElfFile::open(const std::string& path) {
  if (path.find('\0') != std::string::npos) return fail_open(path, ENOENT);
  // O_NONBLOCK: opening a pipe must not wait for a writer. It means nothing for a regular file.
  Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (descriptor.get() < 0) return fail_open(path, errno);
  struct stat status = {};
  if (fstat(descriptor.get(), &status) != 0) return fail_open(path, errno);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (!S_ISREG(status.st_mode)) {
    return ElfFile(path, std::move(descriptor), size).refuse("not a regular file but {}", kind_of(status.st_mode));
  }
  return of(path, std::move(descriptor), size);
}

Result<ElfFile> ElfFile::of(std::string path, Descriptor descriptor, std::uint64_t size) {
  ElfFile file(std::move(path), std::move(descriptor), size);
  if (file.size_ == 0) return file.refuse("the file is empty");

  std::array<std::byte, kHead> buffer;
  const auto head = std::span(buffer).first(static_cast<std::size_t>(std::min<std::uint64_t>(file.size_, kHead)));
  Result<void> result = file.read(0, head, "ELF header");
  if (result) result = file.check_identification(head);
  if (result) {
    std::memcpy(&file.header_, head.data(), sizeof(file.header_));
    result = file.check_tables();
  }
  if (result) result = file.read_program_headers(head);
  if (result) result = file.check_static();
  if (!result) return tl::unexpected(result.error());
  return file;
}

Result<void> ElfFile::check_identification(std::span<const std::byte> head) const {
  if (head.size() < SELFMAG || std::memcmp(head.data(), ELFMAG, SELFMAG) != 0) return refuse("not an ELF file");
  if (head.size() < sizeof(Elf64_Ehdr)) return refuse("truncated: the file ends inside the ELF header");
  Elf64_Ehdr header;
  std::memcpy(&header, head.data(), sizeof(header));
  const auto& identification = header.e_ident;
  if (identification[EI_CLASS] != ELFCLASS64) {
    return refuse("ELF header: class is {}, not {} (64-bit)", identification[EI_CLASS], ELFCLASS64);
  }
  if (identification[EI_DATA] != ELFDATA2LSB) {
    return refuse("ELF header: data encoding is {}, not {} (little-endian)", identification[EI_DATA], ELFDATA2LSB);
  }
  if (identification[EI_VERSION] != EV_CURRENT || header.e_version != EV_CURRENT) {
    return refuse("ELF header: version is {}/{}, not {}", identification[EI_VERSION], header.e_version, EV_CURRENT);
  }
  if (header.e_machine != EM_X86_64) {
    return refuse("ELF header: machine is {}, not {} (x86-64)", header.e_machine, EM_X86_64);
  }
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN) {
    return refuse("ELF header: type is {}, not {} (executable) or {} (static PIE)", header.e_type, ET_EXEC, ET_DYN);
  }
  return {};
}

Result<void> ElfFile::check_tables() const {
  if (header_.e_ehsize != sizeof(Elf64_Ehdr)) {
    return refuse("ELF header: its size is {}, not {}", header_.e_ehsize, sizeof(Elf64_Ehdr));
  }
  if (header_.e_phnum == 0) return refuse("ELF header: there are no program headers");
  if (header_.e_phnum > kMaximumProgramHeaders) {
    return refuse("ELF header: {} program headers are more than {}", header_.e_phnum, kMaximumProgramHeaders);
  }
  if (header_.e_phentsize != sizeof(Elf64_Phdr)) {
    return refuse("ELF header: program header size is {}, not {}", header_.e_phentsize, sizeof(Elf64_Phdr));
  }
  if (!has(header_.e_phoff, header_.e_phnum * sizeof(Elf64_Phdr))) {
    return refuse("truncated: the file ends at {:#x} before the end of the program headers at {:#x}", size_,
                  header_.e_phoff);
  }
  // Sections are of no use to a run, but linkers put their headers last: a file that was cut short shows here.
  if (header_.e_shoff == 0) return {};
  if (header_.e_shentsize != sizeof(Elf64_Shdr)) {
    return refuse("ELF header: section header size is {}, not {}", header_.e_shentsize, sizeof(Elf64_Shdr));
  }
  const std::size_t sections = header_.e_shnum == 0 ? 1 : header_.e_shnum;
  if (!has(header_.e_shoff, sections * sizeof(Elf64_Shdr))) {
    return refuse("truncated: the file ends at {:#x} before the end of the section headers at {:#x}", size_,
                  header_.e_shoff);
  }
  return {};
}

// Gives libelf a private copy of the headers that were checked, so that it reads nothing else of the file and no change
// of the file reaches it. The copy has no section headers, because libelf would allocate tables of the size they claim.
Result<void> ElfFile::read_program_headers(std::span<const std::byte> head) {
  const std::size_t count = header_.e_phnum;
  const std::size_t bytes = count * sizeof(Elf64_Phdr);
  Elf64_Ehdr header = header_;
  header.e_phoff = sizeof(header);
  header.e_shoff = 0;
  header.e_shnum = 0;
  header.e_shstrndx = SHN_UNDEF;
  alignas(Elf64_Ehdr) std::array<std::byte, kHead> copy;
  std::memcpy(copy.data(), &header, sizeof(header));
  const auto to = std::span(copy).subspan(sizeof(header), bytes);
  if (header_.e_phoff <= head.size() && bytes <= head.size() - header_.e_phoff) {
    std::memcpy(to.data(), head.data() + header_.e_phoff, bytes);
  } else if (Result<void> result = read(header_.e_phoff, to, "program headers"); !result) {
    return result;
  }
  elf_version(EV_CURRENT);
  const ElfHandle elf(elf_memory(reinterpret_cast<char*>(copy.data()), sizeof(header) + bytes));
  const Elf64_Phdr* headers = elf == nullptr ? nullptr : elf64_getphdr(elf.get());
  if (headers == nullptr) return refuse("program headers: {}", elf_errmsg(-1));
  program_headers_.assign(headers, headers + count);
  return {};
}

Result<void> ElfFile::check_static() const {
  for (std::size_t i = 0; i < program_headers_.size(); ++i) {
    const Elf64_Phdr& header = program_headers_[i];
    if (header.p_type == PT_INTERP) {
      return refuse("program header {}: the program is dynamic, it asks for an interpreter", i);
    }
    if (header.p_type == PT_GNU_STACK && (header.p_flags & PF_X) != 0) {
      return refuse("program header {}: the program asks for an executable stack", i);
    }
  }
  return {};
}

Result<void> ElfFile::read(std::uint64_t offset, std::span<std::byte> to, std::string_view what) const {
  while (!to.empty()) {
    const ssize_t count = pread(descriptor_.get(), to.data(), to.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      return fail(code_for(errno, ErrorCode::kFile),
                  named(fmt::format("{} cannot be read: {}", what, std::strerror(errno))));
    }
    if (count == 0) return refuse("truncated: the file ended at {:#x} while the {} was read", offset, what);
    offset += static_cast<std::uint64_t>(count);
    to = to.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

std::string ElfFile::named(std::string_view sentence) const {
  return fmt::format("{}: {}", escape_path(path_), sentence);
}

}  // namespace spry::image
