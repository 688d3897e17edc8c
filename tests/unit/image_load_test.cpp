// Good unikernels: what loading one gives, to the byte.
#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <set>
#include <stdexcept>

#include "elf_builder.h"
#include "spry/abi.h"
#include "spry/image.h"

namespace spry {
namespace {

using test::ElfBuilder;
using test::MemoryFile;

constexpr std::uint64_t kTwoMiB = 2 << 20;

Image load(const ElfBuilder& builder) {
  const MemoryFile file(builder.build());
  auto image = Image::load(file.path());
  if (!image) throw std::runtime_error(image.error().message);
  return *std::move(image);
}

std::uint64_t word(const Image& image, std::size_t segment, std::uint64_t offset) {
  std::uint64_t value = 0;
  std::memcpy(&value, image.contents(image.segments().at(segment)).subspan(offset, sizeof(value)).data(),
              sizeof(value));
  return value;
}

// The bytes of the built file that segment i holds, with the relocations for `offset` done by hand.
std::vector<std::byte> expected(const ElfBuilder& builder, std::size_t i, std::uint64_t offset) {
  std::vector<std::byte> file = builder.build();
  const auto put = [&file](std::uint64_t at, std::uint64_t value) { std::memcpy(&file[at], &value, sizeof(value)); };
  put(test::kWords, builder.base + test::kText + offset);
  put(test::kWords + 0x13, builder.base + test::kData + 5 + offset);
  for (const auto& [at, value] : builder.words) put(at, value + offset);
  const Elf64_Phdr& header = builder.program_headers[i];
  return {&file[header.p_offset], &file[header.p_offset] + header.p_filesz};
}

void expect_contents(const Image& image, const ElfBuilder& builder, std::uint64_t offset) {
  for (std::size_t i = 0; i < 3; ++i) {
    const auto bytes = image.contents(image.segments().at(i));
    EXPECT_EQ(std::vector<std::byte>(bytes.begin(), bytes.end()), expected(builder, i, offset)) << "segment " << i;
  }
}

TEST(ImageLoad, ExecutableStaysWhereItWasLinked) {
  const ElfBuilder builder = ElfBuilder::executable();
  const Image image = load(builder);
  EXPECT_FALSE(image.position_independent());
  EXPECT_EQ(image.slide(), 0u);
  EXPECT_EQ(image.entry(), 0x201010u);
  ASSERT_EQ(image.segments().size(), 3u);
  const Segment& text = image.segments()[0];
  EXPECT_EQ(text.address, 0x201000u);
  EXPECT_EQ(text.memory_size, test::kTextSize);
  EXPECT_EQ(text.file_size, test::kTextSize);
  EXPECT_EQ(text.permissions, (Permissions{true, false, true}));
  const Segment& read_only = image.segments()[1];
  EXPECT_EQ(read_only.address, 0x202000u);
  EXPECT_EQ(read_only.permissions, (Permissions{true, false, false}));
  const Segment& data = image.segments()[2];
  EXPECT_EQ(data.address, 0x203000u);
  EXPECT_EQ(data.memory_size, test::kDataMemory);
  EXPECT_EQ(data.file_size, test::kDataSize);
  EXPECT_EQ(data.permissions, (Permissions{true, true, false}));
  EXPECT_EQ(image.extent().start, 0x201000u);
  EXPECT_EQ(image.extent().end, 0x207000u);
  EXPECT_EQ(image.relro().start, 0x203000u);
  EXPECT_EQ(image.relro().end, 0x204000u);
  expect_contents(image, builder, 0);
}

TEST(ImageLoad, PieIsMovedToTheFirstPlaceAndSlid) {
  const ElfBuilder builder = ElfBuilder::pie();
  const Image image = load(builder);
  EXPECT_TRUE(image.position_independent());
  EXPECT_EQ(image.slide() % kTwoMiB, 0u);
  EXPECT_GE(image.slide(), std::uint64_t{64} << 30);
  EXPECT_LT(image.slide() + (std::uint64_t{64} << 30), std::uint64_t{1} << 47);
  const std::uint64_t bias = SPRY_IMAGE_MIN - test::kText;  // its lowest page is that of the text
  EXPECT_EQ(image.segments()[0].address, SPRY_IMAGE_MIN);
  EXPECT_EQ(image.segments()[1].address, bias + test::kReadOnly);
  EXPECT_EQ(image.segments()[2].address, bias + test::kData);
  EXPECT_EQ(image.extent().start, SPRY_IMAGE_MIN);
  EXPECT_EQ(image.extent().end, bias + 0x7000);
  EXPECT_EQ(image.relro().start, bias + test::kData);
  EXPECT_EQ(image.relro().end, bias + test::kData + 0x1000);
  EXPECT_EQ(image.entry(), image.slide() + bias + test::kText + 0x10);
  expect_contents(image, builder, bias + image.slide());
}

TEST(ImageLoad, PieWithLargeAlignmentIsMovedByAMultipleOfIt) {
  ElfBuilder builder = ElfBuilder::pie();
  builder[test::kLoadText].p_align = kTwoMiB;
  const Image image = load(builder);
  EXPECT_EQ(image.segments()[0].address, kTwoMiB + test::kText);
  expect_contents(image, builder, kTwoMiB + image.slide());
}

// A segment of 4 MiB or more that cannot be written has the same address in memory as in its file, modulo the size of a
// large page.
TEST(ImageLoad, PieWithALargeSegmentIsMovedByAMultipleOf2MiB) {
  for (const std::uint64_t less : {1u, 0u}) {
    ElfBuilder builder = ElfBuilder::pie();
    Elf64_Phdr large = builder[test::kLoadReadOnly];
    large.p_offset = large.p_vaddr = large.p_paddr = kTwoMiB;
    large.p_filesz = large.p_memsz = 2 * kTwoMiB - less;
    builder.program_headers.push_back(large);
    ++builder.header.e_phnum;
    MemoryFile file(builder.build());
    file.resize(3 * kTwoMiB);
    const auto image = Image::load(file.path());
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(image->segments()[0].address, less != 0 ? SPRY_IMAGE_MIN : kTwoMiB + test::kText);
    EXPECT_EQ(image->segments()[3].address % kTwoMiB, less != 0 ? SPRY_IMAGE_MIN - test::kText : 0);
  }
}

TEST(ImageLoad, PieLinkedHighKeepsItsAddresses) {
  const ElfBuilder builder(ET_DYN, 0x400000);
  const Image image = load(builder);
  EXPECT_EQ(image.segments()[0].address, 0x401000u);
  EXPECT_EQ(image.entry(), image.slide() + 0x401010);
  expect_contents(image, builder, image.slide());
}

TEST(ImageLoad, SlidesDiffer) {
  std::set<std::uint64_t> slides;
  for (int i = 0; i < 16; ++i) slides.insert(load(ElfBuilder::pie()).slide());
  EXPECT_GE(slides.size(), 15u);
}

TEST(ImageLoad, WholePagesHoldTheContents) {
  ElfBuilder builder = ElfBuilder::executable();
  builder[test::kLoadText].p_offset += 0x10;
  builder[test::kLoadText].p_vaddr += 0x10;
  const Image image = load(builder);
  const auto text = image.contents(image.segments()[0]);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(text.data()) % SPRY_PAGE_SIZE, 0x10u);
  const auto data = image.contents(image.segments()[2]);
  for (const std::byte* end = data.data() + data.size(); reinterpret_cast<std::uintptr_t>(end) % SPRY_PAGE_SIZE != 0;
       ++end) {
    ASSERT_EQ(*end, std::byte{0});
  }
}

TEST(ImageLoad, ManifestIsByHandleAndMerged) {
  ElfBuilder builder = ElfBuilder::executable();
  builder.add_needs(1 << 20, 1 << 16, SPRY_FEATURE_AVX);
  builder.add_device(63, "net", "up_link-2");
  builder.add_device(SPRY_HANDLE_NEXT, "block", "more");
  builder.add_note("GNU", 1, "anything", 8);
  const Manifest manifest = load(builder).manifest();
  EXPECT_EQ(manifest.abi_version, SPRY_ABI_VERSION);
  EXPECT_EQ(manifest.memory, 4u << 20);
  EXPECT_EQ(manifest.stack, 1u << 16);
  EXPECT_EQ(manifest.features, SPRY_FEATURE_CLOCK | SPRY_FEATURE_AVX);
  ASSERT_EQ(manifest.devices.size(), 4u);
  const auto is = [&manifest](std::size_t i, std::uint32_t handle, const char* kind, const char* name) {
    const DeviceNeed& device = manifest.devices[i];
    return device.handle == handle && device.kind == kind && device.name == name;
  };
  EXPECT_TRUE(is(0, 0, "console", "console"));
  EXPECT_TRUE(is(1, 1, "block", "data"));
  EXPECT_TRUE(is(2, 2, "block", "more"));
  EXPECT_TRUE(is(3, 63, "net", "up_link-2"));
}

TEST(ImageLoad, NotesInTwoSegments) {
  ElfBuilder builder = ElfBuilder::executable();
  const std::uint64_t abi_size = 12 + 8 + 4;
  Elf64_Phdr& rest = builder[test::kStack];
  rest = builder[test::kNote];
  builder[test::kNote].p_filesz = abi_size;
  rest.p_offset += abi_size;
  rest.p_filesz -= abi_size;
  EXPECT_EQ(load(builder).manifest().devices.size(), 2u);
}

TEST(ImageLoad, AllHandlesInUseAndNotesOutsideOfSegments) {
  ElfBuilder builder = ElfBuilder::executable();
  builder.move_notes();
  for (std::uint32_t i = SPRY_DEVICES_MAX; i-- > 0;)
    builder.add_device(i, "net", std::string("n").append(std::to_string(i)));
  const Image image = load(builder);
  ASSERT_EQ(image.manifest().devices.size(), SPRY_DEVICES_MAX);
  for (std::uint32_t i = 0; i < SPRY_DEVICES_MAX; ++i) {
    EXPECT_EQ(image.manifest().devices[i].handle, i);
    EXPECT_EQ(image.manifest().devices[i].name, std::string("n").append(std::to_string(i)));
  }
}

TEST(ImageLoad, SegmentWithoutFileBytes) {
  ElfBuilder builder = ElfBuilder::executable();
  Elf64_Phdr& bss = builder[test::kStack];
  bss = {PT_LOAD, PF_R | PF_W, 0x5123, 0x300123, 0, 0, 0x10000, 0x1000};
  const Image image = load(builder);
  ASSERT_EQ(image.segments().size(), 4u);
  EXPECT_EQ(image.segments()[3].address, 0x300123u);
  EXPECT_EQ(image.segments()[3].memory_size, 0x10000u);
  EXPECT_TRUE(image.contents(image.segments()[3]).empty());
  EXPECT_EQ(image.extent().end, 0x311000u);
}

TEST(ImageLoad, EmptyLoadHeaderIsNoSegment) {
  ElfBuilder builder = ElfBuilder::executable();
  builder[test::kStack] = {PT_LOAD, PF_R | PF_W, 0, 0, 0, 0, 0, 0x1000};
  EXPECT_EQ(load(builder).segments().size(), 3u);
}

TEST(ImageLoad, ExecutableWithoutDynamicSection) {
  ElfBuilder builder = ElfBuilder::executable();
  builder[test::kDynamicHeader].p_type = PT_NULL;
  EXPECT_EQ(word(load(builder), 2, 0x840), builder.words[0].second);
}

TEST(ImageLoad, ThreadLocalStorageIsFine) {
  ElfBuilder builder = ElfBuilder::executable();
  builder[test::kStack] = {PT_TLS, PF_R, test::kData, builder.base + test::kData, 0, 8, 16, 8};
  EXPECT_EQ(load(builder).segments().size(), 3u);
}

TEST(ImageLoad, RelroIsRoundedToWholePages) {
  ElfBuilder builder = ElfBuilder::executable();
  Elf64_Phdr& relro = builder[test::kRelroHeader];
  relro.p_memsz = 0x1fff;
  EXPECT_EQ(load(builder).relro().end, 0x204000u);
  relro.p_vaddr = 0x203008;
  EXPECT_EQ(load(builder).relro().start, 0x204000u);
  relro.p_memsz = 0xff8;
  EXPECT_TRUE(load(builder).relro().empty());
  relro.p_vaddr = 0x203000;
  relro.p_memsz = test::kDataMemory;
  EXPECT_EQ(load(builder).relro().end, 0x207000u) << "the rest of the segment's last page is nobody's";
  relro.p_memsz = 0x4000;
  EXPECT_EQ(load(builder).relro().end, 0x207000u) << "padded to the page, as lld does";
  relro.p_memsz = 0;
  EXPECT_TRUE(load(builder).relro().empty());
}

TEST(ImageLoad, SystemCallsGoWhereTheNoteSays) {
  // A static PIE may be linked at 0.
  for (const std::uint64_t text : {std::uint64_t{0}, test::kText}) {
    ElfBuilder builder = ElfBuilder::pie();
    builder[test::kLoadText].p_vaddr = text;
    builder.header.e_entry = text;
    builder.add_system_calls(text, test::kData + 0x1010);
    const Image image = load(builder);
    const SystemCalls calls = image.system_calls();
    EXPECT_TRUE(calls.served());
    EXPECT_EQ(calls.entry, image.entry());
    EXPECT_EQ(calls.stack, image.relro().end + 0x10 + image.slide());
  }
  EXPECT_FALSE(load(ElfBuilder::pie()).system_calls().served());
}

TEST(ImageLoad, ProgramHeadersFarFromTheStart) {
  ElfBuilder builder = ElfBuilder::executable();
  std::vector<std::byte> file = builder.build();
  const std::uint64_t offset = file.size() + 3;
  builder.header.e_phoff = offset;
  file.resize(offset);
  std::memcpy(file.data(), &builder.header, sizeof(builder.header));
  const auto* headers = reinterpret_cast<const std::byte*>(builder.program_headers.data());
  file.insert(file.end(), headers, headers + builder.program_headers.size() * sizeof(Elf64_Phdr));
  const MemoryFile memory(file);
  const auto image = Image::load(memory.path());
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->segments().size(), 3u);
}

TEST(ImageLoad, ContentsOfAForeignSegmentAreEmpty) {
  const Image image = load(ElfBuilder::executable());
  EXPECT_TRUE(image.contents(Segment{}).empty());
  const Segment copy = image.segments()[1];
  EXPECT_EQ(image.contents(copy).data(), image.contents(image.segments()[1]).data());
}

TEST(ImageLoad, ImageOutlivesItsFile) {
  std::optional<Image> image;
  std::string path;
  {
    const MemoryFile file(ElfBuilder::pie().build());
    path = file.path();
    auto loaded = Image::load(path);
    ASSERT_TRUE(loaded);
    image = *std::move(loaded);
  }
  const Image copy = *image;
  image.reset();
  EXPECT_EQ(copy.path(), path);
  EXPECT_EQ(copy.symbolize(copy.entry()), "_start+0x0");
}

}  // namespace
}  // namespace spry
