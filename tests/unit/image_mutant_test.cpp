// Mutants of a good unikernel, each spoiled in one place and refused with its own sentence.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "elf_builder.h"
#include "spry/abi.h"
#include "spry/image.h"

namespace spry {
namespace {

using test::ElfBuilder;
using test::MemoryFile;
using namespace test;  // NOLINT: the parts of the built file

struct Mutant {
  const char* name;
  ElfBuilder (*good)();
  void (*spoil)(ElfBuilder&);
  const char* sentence;  // what follows the file's name, complete
};

constexpr auto kExecutable = &ElfBuilder::executable;
constexpr auto kPie = &ElfBuilder::pie;
constexpr std::uint64_t kHuge = ~std::uint64_t{0};
constexpr std::int64_t kDtRelrSize = 35;
constexpr std::int64_t kDtRelr = 36;
constexpr std::int64_t kDtRelrEntry = 37;

// An additional PT_LOAD in the place of PT_GNU_STACK.
void add_load(ElfBuilder& b, std::uint64_t address, std::uint64_t memory_size, std::uint32_t flags = PF_R) {
  b[kStack] = {PT_LOAD, flags, address % 0x1000, address, 0, 0, memory_size, 0x1000};
}

void spoil_device(ElfBuilder& b, std::size_t offset, const char* bytes, std::size_t size) {
  spry_note_device note = {SPRY_HANDLE_NEXT, "net", "uplink"};
  std::memcpy(reinterpret_cast<char*>(&note) + offset, bytes, size);
  b.add_note(SPRY_NOTE_OWNER, SPRY_NOTE_DEVICE, &note, sizeof(note));
}

const std::vector<Mutant>& header_mutants() {
  static const std::vector<Mutant> mutants = {
      {"Magic", kExecutable, [](ElfBuilder& b) { b.header.e_ident[0] = 0; }, "not an ELF file"},
      {"Class32", kExecutable, [](ElfBuilder& b) { b.header.e_ident[EI_CLASS] = ELFCLASS32; },
       "ELF header: class is 1, not 2 (64-bit)"},
      {"BigEndian", kExecutable, [](ElfBuilder& b) { b.header.e_ident[EI_DATA] = ELFDATA2MSB; },
       "ELF header: data encoding is 2, not 1 (little-endian)"},
      {"IdentVersion", kExecutable, [](ElfBuilder& b) { b.header.e_ident[EI_VERSION] = 2; },
       "ELF header: version is 2/1, not 1"},
      {"Version", kExecutable, [](ElfBuilder& b) { b.header.e_version = 0; }, "ELF header: version is 1/0, not 1"},
      {"Machine", kExecutable, [](ElfBuilder& b) { b.header.e_machine = EM_AARCH64; },
       "ELF header: machine is 183, not 62 (x86-64)"},
      {"Relocatable", kExecutable, [](ElfBuilder& b) { b.header.e_type = ET_REL; },
       "ELF header: type is 1, not 2 (executable) or 3 (static PIE)"},
      {"Core", kExecutable, [](ElfBuilder& b) { b.header.e_type = ET_CORE; },
       "ELF header: type is 4, not 2 (executable) or 3 (static PIE)"},
      {"HeaderSize", kExecutable, [](ElfBuilder& b) { b.header.e_ehsize = 52; }, "ELF header: its size is 52, not 64"},
      {"NoProgramHeaders", kExecutable, [](ElfBuilder& b) { b.header.e_phnum = 0; },
       "ELF header: there are no program headers"},
      {"ManyProgramHeaders", kExecutable, [](ElfBuilder& b) { b.header.e_phnum = 65; },
       "ELF header: 65 program headers are more than 64"},
      {"ExtendedProgramHeaders", kExecutable, [](ElfBuilder& b) { b.header.e_phnum = PN_XNUM; },
       "ELF header: 65535 program headers are more than 64"},
      {"ProgramHeaderSize", kExecutable, [](ElfBuilder& b) { b.header.e_phentsize = 32; },
       "ELF header: program header size is 32, not 56"},
      {"ProgramHeadersBeyond", kExecutable, [](ElfBuilder& b) { b.header.e_phoff = 0x5480; },
       "truncated: the file ends at 0x54c0 before the end of the program headers at 0x5480"},
      {"ProgramHeadersOverflow", kExecutable, [](ElfBuilder& b) { b.header.e_phoff = kHuge - 8; },
       "truncated: the file ends at 0x54c0 before the end of the program headers at 0xfffffffffffffff7"},
      {"SectionHeaderSize", kExecutable, [](ElfBuilder& b) { b.header.e_shentsize = 40; },
       "ELF header: section header size is 40, not 64"},
      {"SectionHeadersBeyond", kExecutable, [](ElfBuilder& b) { b.header.e_shnum = 4; },
       "truncated: the file ends at 0x54c0 before the end of the section headers at 0x5400"},
      {"SectionHeadersOverflow", kExecutable, [](ElfBuilder& b) { b.header.e_shoff = kHuge; },
       "truncated: the file ends at 0x54c0 before the end of the section headers at 0xffffffffffffffff"},
      {"Interpreter", kPie, [](ElfBuilder& b) { b[kStack] = {PT_INTERP, PF_R, kReadOnly, kReadOnly, 0, 8, 8, 1}; },
       "program header 6: the program is dynamic, it asks for an interpreter"},
      {"ExecutableStack", kExecutable, [](ElfBuilder& b) { b[kStack].p_flags |= PF_X; },
       "program header 6: the program asks for an executable stack"},
  };
  return mutants;
}

const std::vector<Mutant>& note_mutants() {
  static const std::vector<Mutant> mutants = {
      {"NoNoteHeader", kExecutable, [](ElfBuilder& b) { b[kNote].p_type = PT_NULL; },
       "not a unikernel: it has no Spry ABI note; a Linux program?"},
      {"NoteHeaderEmpty", kExecutable, [](ElfBuilder& b) { b[kNote].p_filesz = 0; },
       "not a unikernel: it has no Spry ABI note; a Linux program?"},
      {"OtherOwner", kExecutable, [](ElfBuilder& b) { b.notes[12] = std::byte{'s'}; },
       "not a unikernel: it has no Spry ABI note; a Linux program?"},
      {"AbiVersion", kExecutable, [](ElfBuilder& b) { b.notes[20] = std::byte{2}; },
       "Spry ABI note: version 2 is not 1, the one that this monitor knows"},
      {"TwoAbiNotes", kExecutable, [](ElfBuilder& b) { b.add_abi(SPRY_ABI_VERSION); },
       "Spry ABI note: there is more than one"},
      {"AbiNoteSize", kExecutable, [](ElfBuilder& b) { b.add_note("Spry", SPRY_NOTE_ABI, "12345678", 8); },
       "Spry ABI note: its size is 8, not 4"},
      {"NeedsNoteSize", kExecutable, [](ElfBuilder& b) { b.add_note("Spry", SPRY_NOTE_NEEDS, "12345678", 8); },
       "Spry needs note: its size is 8, not 24"},
      {"DeviceNoteSize", kExecutable, [](ElfBuilder& b) { b.add_note("Spry", SPRY_NOTE_DEVICE, "", 0); },
       "Spry device note: its size is 0, not 64"},
      {"UnknownNote", kExecutable, [](ElfBuilder& b) { b.add_note("Spry", 5, "1234", 4); },
       "Spry note: type 5 is unknown"},
      {"SystemCallsNoteSize", kExecutable, [](ElfBuilder& b) { b.add_note("Spry", SPRY_NOTE_SYSTEM_CALLS, "1234", 4); },
       "Spry system calls note: its size is 4, not 16"},
      {"SystemCallsTwice", kExecutable,
       [](ElfBuilder& b) {
         for (int i = 0; i < 2; ++i) b.add_system_calls(b.base + kText, b.base + kData + 0x2000);
       },
       "Spry system calls note: there is more than one"},
      {"SystemCallsNowhere", kExecutable, [](ElfBuilder& b) { b.add_system_calls(0, b.base + kData + 0x2000); },
       "Spry system calls note: the entry 0x0 is not among the executable bytes of the file"},
      {"SystemCallsInData", kExecutable,
       [](ElfBuilder& b) { b.add_system_calls(b.base + kData + 0x1000, b.base + kData + 0x2000); },
       "Spry system calls note: the entry 0x204000 is not among the executable bytes of the file"},
      {"SystemCallsBehindCode", kExecutable,
       [](ElfBuilder& b) { b.add_system_calls(b.base + kText + kTextSize, b.base + kData + 0x2000); },
       "Spry system calls note: the entry 0x201345 is not among the executable bytes of the file"},
      {"SystemCallsStackInCode", kExecutable,
       [](ElfBuilder& b) { b.add_system_calls(b.base + kText, b.base + kText + 0x100); },
       "Spry system calls note: the stack 0x201100 is no multiple of 16 in a writable segment"},
      {"SystemCallsStackOdd", kExecutable,
       [](ElfBuilder& b) { b.add_system_calls(b.base + kText, b.base + kData + 0x2008); },
       "Spry system calls note: the stack 0x205008 is no multiple of 16 in a writable segment"},
      {"SystemCallsStackBelow", kExecutable, [](ElfBuilder& b) { b.add_system_calls(b.base + kText, b.base + kData); },
       "Spry system calls note: the stack 0x203000 is no multiple of 16 in a writable segment"},
      {"SystemCallsStackBeyond", kExecutable,
       [](ElfBuilder& b) { b.add_system_calls(b.base + kText, b.base + kData + 0x4000); },
       "Spry system calls note: the stack 0x207000 is no multiple of 16 in a writable segment"},
      {"SystemCallsStackReadOnly", kExecutable,
       [](ElfBuilder& b) { b.add_system_calls(b.base + kText, b.base + kData + 0x800); },
       "Spry system calls note: the stack 0x203800 is in PT_GNU_RELRO, which is read-only"},
      {"SystemCallsStackReadOnlyAtTheEnd", kPie,
       [](ElfBuilder& b) { b.add_system_calls(b.base + kText, b.base + kData + 0x1000); },
       "Spry system calls note: the stack 0x4000 is in PT_GNU_RELRO, which is read-only"},
      {"UnknownFeature", kExecutable, [](ElfBuilder& b) { b.add_needs(0, 0, 0x40); },
       "Spry needs note: features 0x40 has bits beyond 0x3f"},
      {"MemoryNeed", kExecutable, [](ElfBuilder& b) { b.add_needs((std::uint64_t{32} << 30) + 1, 0, 0); },
       "Spry needs note: 0x800000001 bytes are more than the largest memory of 0x800000000"},
      {"StackNeed", kExecutable, [](ElfBuilder& b) { b.add_needs(0, kHuge, 0); },
       "Spry needs note: 0xffffffffffffffff bytes are more than the largest memory of 0x800000000"},
      {"KindUnterminated", kExecutable, [](ElfBuilder& b) { b.add_device(2, std::string(20, 'k'), "name"); },
       "Spry device note: the kind has no terminating zero"},
      {"NameUnterminated", kExecutable, [](ElfBuilder& b) { b.add_device(2, "net", std::string(40, 'n')); },
       "Spry device note: the name has no terminating zero"},
      {"KindEmpty", kExecutable, [](ElfBuilder& b) { b.add_device(2, "", "name"); },
       "Spry device note: the kind is empty"},
      {"NameEmpty", kExecutable, [](ElfBuilder& b) { b.add_device(2, "net", ""); },
       "Spry device note: the name is empty"},
      {"KindSpelling", kExecutable, [](ElfBuilder& b) { b.add_device(2, "net_0", "name"); },
       "Spry device note: the kind \"net_0\" has characters beyond [a-z0-9-]"},
      {"NameSpelling", kExecutable, [](ElfBuilder& b) { b.add_device(2, "net", "Up\x1b[2J"); },
       "Spry device note: the name \"Up\\x1b[2J\" has characters beyond [a-z0-9_-]"},
      {"KindPadding", kExecutable,
       [](ElfBuilder& b) { spoil_device(b, offsetof(spry_note_device, kind) + 19, "x", 1); },
       "Spry device note: the kind \"net\" is not padded with zeros"},
      {"NamePadding", kExecutable, [](ElfBuilder& b) { spoil_device(b, offsetof(spry_note_device, name) + 8, "x", 1); },
       "Spry device note: the name \"uplink\" is not padded with zeros"},
      {"HandleLarge", kExecutable, [](ElfBuilder& b) { b.add_device(64, "net", "uplink"); },
       "Spry device note: handle 64 of net \"uplink\" is not below 64"},
      {"HandleHuge", kExecutable, [](ElfBuilder& b) { b.add_device(0xfffffffe, "net", "uplink"); },
       "Spry device note: handle 4294967294 of net \"uplink\" is not below 64"},
      {"HandleTwice", kExecutable, [](ElfBuilder& b) { b.add_device(0, "net", "uplink"); },
       "Spry device note: console \"console\" and net \"uplink\" have the same handle 0"},
      {"HandleTakenByNext", kExecutable, [](ElfBuilder& b) { b.add_device(1, "net", "uplink"); },
       "Spry device note: block \"data\" and net \"uplink\" have the same handle 1"},
      {"DeviceTwice", kExecutable, [](ElfBuilder& b) { b.add_device(SPRY_HANDLE_NEXT, "block", "data"); },
       "Spry device note: there are two block devices \"data\""},
      {"ManyNextHandles", kExecutable,
       [](ElfBuilder& b) {
         b.move_notes();
         for (int i = 0; i < 64; ++i) b.add_device(SPRY_HANDLE_NEXT, "net", std::string("n").append(std::to_string(i)));
       },
       "Spry device note: handle 64 of net \"n63\" is not below 64"},
      {"ManyDevices", kExecutable,
       [](ElfBuilder& b) {
         b.move_notes();
         for (std::uint32_t i = 0; i < 65; ++i) b.add_device(i % 64, "net", std::string("n").append(std::to_string(i)));
       },
       "Spry device note: there are more than 64 devices"},
      {"NoteBytesBeyond", kExecutable, [](ElfBuilder& b) { b[kNote].p_offset = 0x5480; },
       "program header 3: truncated: the file ends at 0x54c0 before 0xec bytes of notes at 0x5480"},
      {"NoteBytesOverflow", kExecutable, [](ElfBuilder& b) { b[kNote].p_filesz = kHuge; },
       "program header 3: truncated: the file ends at 0x54c0 before 0xffffffffffffffff bytes of notes at 0x2000"},
      {"NoteDescriptorTruncated", kExecutable, [](ElfBuilder& b) { b[kNote].p_filesz -= 4; },
       "program header 3: the note at 0x98 does not fit into the segment"},
      {"NoteHeaderTruncated", kExecutable, [](ElfBuilder& b) { b[kNote].p_filesz += 8; },
       "program header 3: the note at 0xec does not fit into the segment"},
      {"NoteOwnerHuge", kExecutable, [](ElfBuilder& b) { std::memset(b.notes.data(), 0xff, 4); },
       "program header 3: the note at 0x0 does not fit into the segment"},
      {"NoteDescriptorHuge", kExecutable, [](ElfBuilder& b) { std::memset(b.notes.data() + 4, 0xff, 4); },
       "program header 3: the note at 0x0 does not fit into the segment"},
      {"ManyNotes", kExecutable,
       [](ElfBuilder& b) {
         b.move_notes();
         const std::vector<char> large(65536);
         b.add_note("GNU", 1, large.data(), large.size());
       },
       "program header 3: the notes have more than 65536 bytes"},
  };
  return mutants;
}

const std::vector<Mutant>& segment_mutants() {
  static const std::vector<Mutant> mutants = {
      {"NoLoad", kExecutable,
       [](ElfBuilder& b) {
         for (const Header header : {kLoadText, kLoadReadOnly, kLoadData}) b[header].p_type = PT_NULL;
       },
       "program headers: there is no loadable segment"},
      {"OnlyEmptyLoads", kExecutable,
       [](ElfBuilder& b) {
         for (const Header header : {kLoadText, kLoadReadOnly, kLoadData}) b[header].p_filesz = b[header].p_memsz = 0;
       },
       "program headers: there is no loadable segment"},
      {"ManyLoads", kExecutable,
       [](ElfBuilder& b) {
         for (std::uint64_t i = 0; i < 14; ++i) {
           b.program_headers.push_back({PT_LOAD, PF_R, 0, 0x300000 + i * 0x1000, 0, 0, 1, 0x1000});
         }
         b.header.e_phnum = static_cast<Elf64_Half>(b.program_headers.size());
       },
       "program header 20: there are more than 16 loadable segments"},
      {"FileLargerThanMemory", kExecutable, [](ElfBuilder& b) { b[kLoadData].p_memsz = 0x800; },
       "program header 2: file size 0x1123 is larger than memory size 0x800"},
      {"FileWithoutMemory", kExecutable, [](ElfBuilder& b) { b[kLoadData].p_memsz = 0; },
       "program header 2: file size 0x1123 is larger than memory size 0x0"},
      {"NoPermissions", kExecutable, [](ElfBuilder& b) { b[kLoadReadOnly].p_flags = 0; },
       "program header 1: the segment has no permissions"},
      {"WritableExecutable", kExecutable, [](ElfBuilder& b) { b[kLoadText].p_flags |= PF_W; },
       "program header 0: the segment is writable and executable"},
      {"AlignmentNoPower", kExecutable, [](ElfBuilder& b) { b[kLoadText].p_align = 0x3000; },
       "program header 0: alignment 0x3000 is not a power of two"},
      {"AlignmentLarge", kExecutable, [](ElfBuilder& b) { b[kLoadText].p_align = 0x400000; },
       "program header 0: alignment 0x400000 is larger than 0x200000"},
      {"AlignmentHuge", kPie, [](ElfBuilder& b) { b[kLoadText].p_align = std::uint64_t{1} << 63; },
       "program header 0: alignment 0x8000000000000000 is larger than 0x200000"},
      {"AlignmentCongruence", kExecutable, [](ElfBuilder& b) { b[kLoadText].p_offset += 8; },
       "program header 0: address 0x201000 and file offset 0x1008 differ modulo the alignment 0x1000"},
      {"AddressOverflow", kExecutable, [](ElfBuilder& b) { b[kLoadData].p_memsz = kHuge - 0x1000; },
       "program header 2: address 0x203000 plus size 0xffffffffffffefff overflows"},
      {"AddressHuge", kPie, [](ElfBuilder& b) { b[kLoadData].p_vaddr = kHuge & ~std::uint64_t{0xfff}; },
       "program header 2: address 0xfffffffffffff000 plus size 0x3456 overflows"},
      {"SystemArea", kExecutable, [](ElfBuilder& b) { b[kLoadText].p_vaddr = 0xff000; },
       "program header 0: address 0xff000 is in the system area below 0x100000"},
      {"NullPage", kExecutable, [](ElfBuilder& b) { b[kLoadText].p_vaddr = 0; },
       "program header 0: address 0x0 is in the system area below 0x100000"},
      {"BeyondMemory", kExecutable, [](ElfBuilder& b) { b[kLoadData].p_memsz = std::uint64_t{32} << 30; },
       "program header 2: the segment ends at 0x800203000, beyond the largest memory of 0x800000000"},
      {"BeyondMemoryOnceMoved", kPie,
       [](ElfBuilder& b) { b[kLoadData].p_memsz = (std::uint64_t{32} << 30) - b[kLoadData].p_vaddr; },
       "program header 2: the segment ends at 0x8000ff000 once it is moved by 0xff000, beyond 0x800000000"},
      {"SegmentBytesBeyond", kExecutable, [](ElfBuilder& b) { b[kLoadData].p_filesz = b[kLoadData].p_memsz = 0x24c1; },
       "program header 2: truncated: the file ends at 0x54c0 before 0x24c1 bytes at offset 0x3000"},
      {"SegmentBytesOverflow", kExecutable,
       [](ElfBuilder& b) { b[kLoadData].p_offset = kHuge & ~std::uint64_t{0xfff}; },
       "program header 2: truncated: the file ends at 0x54c0 before 0x1123 bytes at offset 0xfffffffffffff000"},
      {"Descending", kExecutable, [](ElfBuilder& b) { std::swap(b[kLoadText], b[kLoadReadOnly]); },
       "program headers 0 and 1: the segments are not in ascending order of addresses"},
      {"Overlapping", kExecutable, [](ElfBuilder& b) { b[kLoadText].p_memsz = 0x1001; },
       "program headers 0 and 1: the segments overlap at 0x202000"},
      {"Twice", kExecutable, [](ElfBuilder& b) { b[kLoadReadOnly] = b[kLoadText]; },
       "program headers 0 and 1: the segments overlap at 0x201000"},
      {"SharedPage", kExecutable,
       [](ElfBuilder& b) {
         b[kLoadReadOnly].p_vaddr = 0x201800;
         b[kLoadReadOnly].p_offset = 0x2800;
         b[kLoadReadOnly].p_filesz = b[kLoadReadOnly].p_memsz = 0x100;
       },
       "program headers 0 and 1: the segments share the page at 0x201000"},
      {"ZeroSystemArea", kExecutable,
       [](ElfBuilder& b) { b[kLoadText] = {PT_LOAD, PF_R | PF_W, 0, 0x1000, 0, 0, 0x1000, 0x1000}; },
       "program header 0: address 0x1000 is in the system area below 0x100000"},
      {"ZeroWritableExecutable", kExecutable, [](ElfBuilder& b) { add_load(b, 0x300000, 1, PF_R | PF_W | PF_X); },
       "program header 6: the segment is writable and executable"},
      {"ZeroNoPermissions", kExecutable, [](ElfBuilder& b) { add_load(b, 0x300000, 1, 0); },
       "program header 6: the segment has no permissions"},
      {"ZeroOverlapping", kExecutable, [](ElfBuilder& b) { add_load(b, 0x203800, 0x1000); },
       "program headers 2 and 6: the segments overlap at 0x203800"},
      {"ZeroSharedPage", kExecutable, [](ElfBuilder& b) { add_load(b, 0x206800, 0x1000); },
       "program headers 2 and 6: the segments share the page at 0x206000"},
      {"ZeroDescending", kExecutable, [](ElfBuilder& b) { add_load(b, 0x180000, 0x1000); },
       "program headers 2 and 6: the segments are not in ascending order of addresses"},
      {"ZeroBeyondMemory", kExecutable, [](ElfBuilder& b) { add_load(b, (std::uint64_t{32} << 30) - 0x1000, 0x1001); },
       "program header 6: the segment ends at 0x800000001, beyond the largest memory of 0x800000000"},
      {"ZeroOverflow", kExecutable, [](ElfBuilder& b) { add_load(b, 0x300000, kHuge); },
       "program header 6: address 0x300000 plus size 0xffffffffffffffff overflows"},
      {"ZeroAlignment", kExecutable,
       [](ElfBuilder& b) {
         add_load(b, 0x300000, 1);
         b[kStack].p_align = 3;
       },
       "program header 6: alignment 0x3 is not a power of two"},
      {"ZeroCongruence", kExecutable,
       [](ElfBuilder& b) {
         add_load(b, 0x300000, 1);
         b[kStack].p_offset = 1;
       },
       "program header 6: address 0x300000 and file offset 0x1 differ modulo the alignment 0x1000"},
      {"ZeroOffsetBeyondFile", kExecutable,
       [](ElfBuilder& b) {
         add_load(b, 0x300000, 1);
         b[kStack].p_offset = 0x100000;
       },
       "program header 6: truncated: the file ends at 0x54c0 before 0x0 bytes at offset 0x100000"},
      {"EntryNull", kExecutable, [](ElfBuilder& b) { b.header.e_entry = 0; },
       "ELF header: the entry point 0x0 is not among the executable bytes of the file"},
      {"EntryInData", kExecutable, [](ElfBuilder& b) { b.header.e_entry = b.base + kData; },
       "ELF header: the entry point 0x203000 is not among the executable bytes of the file"},
      {"EntryPastText", kExecutable, [](ElfBuilder& b) { b.header.e_entry = b.base + kText + kTextSize; },
       "ELF header: the entry point 0x201345 is not among the executable bytes of the file"},
      {"EntryInZeros", kExecutable,
       [](ElfBuilder& b) {
         add_load(b, 0x300000, 0x1000, PF_R | PF_X);
         b.header.e_entry = 0x300000;
       },
       "ELF header: the entry point 0x300000 is not among the executable bytes of the file"},
      {"RelroReadOnly", kExecutable, [](ElfBuilder& b) { b[kRelroHeader].p_vaddr = b.base + kReadOnly; },
       "program header 5: PT_GNU_RELRO at 0x202000, size 0x1000, is not inside a writable segment"},
      {"RelroTooLong", kExecutable, [](ElfBuilder& b) { b[kRelroHeader].p_memsz = 0x4001; },
       "program header 5: PT_GNU_RELRO at 0x203000, size 0x4001, is not inside a writable segment"},
      {"RelroOverflow", kExecutable, [](ElfBuilder& b) { b[kRelroHeader].p_memsz = kHuge; },
       "program header 5: PT_GNU_RELRO at 0x203000, size 0xffffffffffffffff, is not inside a writable segment"},
      {"RelroTwice", kExecutable, [](ElfBuilder& b) { b[kStack] = b[kRelroHeader]; },
       "program header 6: a second PT_GNU_RELRO"},
  };
  return mutants;
}

const std::vector<Mutant>& relocation_mutants() {
  static const std::vector<Mutant> mutants = {
      {"DynamicTwice", kPie, [](ElfBuilder& b) { b[kStack] = b[kDynamicHeader]; },
       "program header 6: a second PT_DYNAMIC"},
      {"DynamicOutside", kPie, [](ElfBuilder& b) { b[kDynamicHeader].p_vaddr = 0x10000; },
       "program header 4: PT_DYNAMIC at 0x10000, size 0x180, is not among the segments' file bytes"},
      {"DynamicPartlyOutside", kPie, [](ElfBuilder& b) { b[kDynamicHeader].p_filesz = kDataSize + 1; },
       "program header 4: PT_DYNAMIC at 0x3000, size 0x1124, is not among the segments' file bytes"},
      {"DynamicOverflow", kPie, [](ElfBuilder& b) { b[kDynamicHeader].p_filesz = kHuge; },
       "program header 4: PT_DYNAMIC at 0x3000, size 0xffffffffffffffff, is not among the segments' file bytes"},
      {"DynamicEmpty", kPie, [](ElfBuilder& b) { b[kDynamicHeader].p_filesz = 0; },
       "program header 4: PT_DYNAMIC at 0x3000, size 0x0, is not among the segments' file bytes"},
      {"DynamicUnterminated", kPie, [](ElfBuilder& b) { b[kDynamicHeader].p_filesz = 0x18; },
       "program header 4: truncated: the dynamic section has no DT_NULL"},
      {"Needed", kPie, [](ElfBuilder& b) { b.set_dynamic(DT_NEEDED, 1); },
       "dynamic section: DT_NEEDED: the program is dynamic, it asks for a shared library"},
      {"Textrel", kPie, [](ElfBuilder& b) { b.set_dynamic(DT_TEXTREL, 0); },
       "dynamic section: DT_TEXTREL: it asks for relocations in read-only segments"},
      {"TextrelFlag", kPie, [](ElfBuilder& b) { b.set_dynamic(DT_FLAGS, DF_TEXTREL); },
       "dynamic section: DF_TEXTREL: it asks for relocations in read-only segments"},
      {"Rel", kPie, [](ElfBuilder& b) { b.set_dynamic(DT_REL, kRela); },
       "dynamic section: DT_REL: x86-64 has relocations with addends only"},
      {"Jmprel", kPie, [](ElfBuilder& b) { b.set_dynamic(DT_PLTRELSZ, 24); },
       "dynamic section: DT_JMPREL has 0x18 bytes, it asks for a dynamic linker"},
      {"RelaTwice", kPie,
       [](ElfBuilder& b) {
         b.dynamic.insert(b.dynamic.begin(), {DT_RELA, {0}});
       },
       "dynamic section: there is more than one DT_RELA"},
      {"RelaMissing", kPie, [](ElfBuilder& b) { b.erase_dynamic(DT_RELA); },
       "dynamic section: DT_RELA is missing though its size is 0x30"},
      {"RelaEntrySize", kPie, [](ElfBuilder& b) { b.set_dynamic(DT_RELAENT, 16); },
       "dynamic section: DT_RELA's entry size is 16, not 24"},
      {"RelaEntrySizeMissing", kPie, [](ElfBuilder& b) { b.erase_dynamic(DT_RELAENT); },
       "dynamic section: DT_RELA's entry size is 0, not 24"},
      {"RelaSize", kPie, [](ElfBuilder& b) { b.set_dynamic(DT_RELASZ, 0x31); },
       "dynamic section: DT_RELA's size 0x31 is not a multiple of 24"},
      {"RelaOutside", kPie, [](ElfBuilder& b) { b.set_dynamic(DT_RELA, 0x2df0); },
       "dynamic section: DT_RELA at 0x2df0, size 0x30, is not among the segments' file bytes"},
      {"RelaOverflow", kPie, [](ElfBuilder& b) { b.set_dynamic(DT_RELASZ, 0xfffffffffffffff0); },
       "dynamic section: DT_RELA at 0x2900, size 0xfffffffffffffff0, is not among the segments' file bytes"},
      {"RelaType64", kPie, [](ElfBuilder& b) { b.rela[1].r_info = ELF64_R_INFO(0, R_X86_64_64); },
       "DT_RELA entry 1: relocation type 1 with symbol 0 is not R_X86_64_RELATIVE"},
      {"RelaIrelative", kPie, [](ElfBuilder& b) { b.rela[0].r_info = ELF64_R_INFO(0, R_X86_64_IRELATIVE); },
       "DT_RELA entry 0: relocation type 37 with symbol 0 is not R_X86_64_RELATIVE"},
      {"RelaSymbol", kPie, [](ElfBuilder& b) { b.rela[0].r_info = ELF64_R_INFO(3, R_X86_64_RELATIVE); },
       "DT_RELA entry 0: relocation type 8 with symbol 3 is not R_X86_64_RELATIVE"},
      {"RelaInText", kPie, [](ElfBuilder& b) { b.rela[0].r_offset = kText; },
       "DT_RELA entry 0: the place 0x1000 is not among the file bytes of a writable segment"},
      {"RelaInReadOnly", kPie, [](ElfBuilder& b) { b.rela[0].r_offset = kReadOnly + 0x100; },
       "DT_RELA entry 0: the place 0x2100 is not among the file bytes of a writable segment"},
      {"RelaPartlyBefore", kPie, [](ElfBuilder& b) { b.rela[0].r_offset = kData - 1; },
       "DT_RELA entry 0: the place 0x2fff is not among the file bytes of a writable segment"},
      {"RelaPartlyBehind", kPie, [](ElfBuilder& b) { b.rela[0].r_offset = kData + kDataSize - 7; },
       "DT_RELA entry 0: the place 0x411c is not among the file bytes of a writable segment"},
      {"RelaPlaceHuge", kPie, [](ElfBuilder& b) { b.rela[0].r_offset = kHuge - 3; },
       "DT_RELA entry 0: the place 0xfffffffffffffffc is not among the file bytes of a writable segment"},
      {"RelrMissing", kPie, [](ElfBuilder& b) { b.erase_dynamic(kDtRelr); },
       "dynamic section: DT_RELR is missing though its size is 0x10"},
      {"RelrEntrySize", kPie, [](ElfBuilder& b) { b.set_dynamic(kDtRelrEntry, 4); },
       "dynamic section: DT_RELR's entry size is 4, not 8"},
      {"RelrSize", kPie, [](ElfBuilder& b) { b.set_dynamic(kDtRelrSize, 12); },
       "dynamic section: DT_RELR's size 0xc is not a multiple of 8"},
      {"RelrOutside", kPie, [](ElfBuilder& b) { b.set_dynamic(kDtRelr, 0x6000); },
       "dynamic section: DT_RELR at 0x6000, size 0x10, is not among the segments' file bytes"},
      {"RelrBitmapFirst", kPie, [](ElfBuilder& b) { b.relr[0] = 3; },
       "DT_RELR entry 0: a bitmap without an address before it"},
      {"RelrDescending", kPie, [](ElfBuilder& b) { b.relr[1] = b.relr[0]; },
       "DT_RELR entry 1: address 0x3840 is not in ascending order"},
      {"RelrInText", kPie, [](ElfBuilder& b) { b.relr[0] = kText; },
       "DT_RELR entry 0: the place 0x1000 is not among the file bytes of a writable segment"},
      {"RelrBitmapBehind", kPie, [](ElfBuilder& b) { b.relr[0] = kData + 0x1000 - 8 + 0x110; },
       "DT_RELR entry 1: the place 0x4120 is not among the file bytes of a writable segment"},
      {"ExecutableRela", kExecutable, [](ElfBuilder& b) { b.rela[0].r_offset = b.base + kText; },
       "DT_RELA entry 0: the place 0x201000 is not among the file bytes of a writable segment"},
  };
  return mutants;
}

class ImageMutant : public testing::TestWithParam<Mutant> {};

TEST_P(ImageMutant, IsRefusedWithItsSentence) {
  const Mutant& mutant = GetParam();
  ElfBuilder builder = mutant.good();
  {
    const MemoryFile file(builder.build());
    const auto image = Image::load(file.path());
    ASSERT_TRUE(image) << image.error().message;
  }
  mutant.spoil(builder);
  const MemoryFile file(builder.build());
  const auto image = Image::load(file.path());
  ASSERT_FALSE(image);
  EXPECT_EQ(static_cast<int>(image.error().code), static_cast<int>(ErrorCode::kNotUnikernel));
  EXPECT_EQ(image.error().message, file.path() + ": " + mutant.sentence);
}

const auto kName = [](const testing::TestParamInfo<Mutant>& test) { return std::string(test.param.name); };
INSTANTIATE_TEST_SUITE_P(Header, ImageMutant, testing::ValuesIn(header_mutants()), kName);
INSTANTIATE_TEST_SUITE_P(Note, ImageMutant, testing::ValuesIn(note_mutants()), kName);
INSTANTIATE_TEST_SUITE_P(Segment, ImageMutant, testing::ValuesIn(segment_mutants()), kName);
INSTANTIATE_TEST_SUITE_P(Relocation, ImageMutant, testing::ValuesIn(relocation_mutants()), kName);

}  // namespace
}  // namespace spry
