// Symbols: what a crash report says of an address, and what a hostile table cannot make it say.
#include <gtest/gtest.h>
#include <pthread.h>

#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>

#include "elf_builder.h"
#include "spry/image.h"

namespace spry {
namespace {

using test::ElfBuilder;
using test::kText;
using test::MemoryFile;

Image load(const std::vector<std::byte>& bytes) {
  const MemoryFile file(bytes);
  auto image = Image::load(file.path());
  if (!image) throw std::runtime_error(image.error().message);
  return *std::move(image);
}

// The symbol at an offset in the text of the built executable.
std::string at(const ElfBuilder& builder, std::uint64_t offset) {
  return load(builder.build()).symbolize(builder.base + kText + offset);
}

ElfBuilder with_symbol(std::string_view name) {
  ElfBuilder builder = ElfBuilder::executable();
  builder.add_symbol(name, builder.base + kText + 0x200, 0x10);
  return builder;
}

TEST(ImageSymbol, DemangledWithOffset) {
  const ElfBuilder builder = ElfBuilder::executable();
  EXPECT_EQ(at(builder, 0x10), "_start+0x0");
  EXPECT_EQ(at(builder, 0x5c), "handle(int)+0x1c");
  EXPECT_EQ(at(builder, 0xbf), "handle(int)+0x7f");
  EXPECT_EQ(at(builder, 0xc0), "") << "past its size";
  EXPECT_EQ(at(builder, 0x0f), "") << "before the first";
}

TEST(ImageSymbol, PieAtItsSlidAddresses) {
  const Image image = load(ElfBuilder::pie().build());
  EXPECT_EQ(image.symbolize(image.entry() + 0x31), "handle(int)+0x1");
  EXPECT_EQ(image.symbolize(0x1010), "") << "a link address";
  EXPECT_EQ(image.symbolize(image.entry() - image.slide()), "") << "a guest-physical address";
}

TEST(ImageSymbol, OnlyExecutableAddresses) {
  ElfBuilder builder = ElfBuilder::executable();
  builder.add_symbol("in_data", builder.base + test::kData, 0x100);
  const Image image = load(builder.build());
  for (const std::uint64_t address : {std::uint64_t{0}, builder.base + test::kData, ~std::uint64_t{0}}) {
    EXPECT_EQ(image.symbolize(address), "");
  }
}

TEST(ImageSymbol, FunctionsWithoutSizeExtendToTheNext) {
  ElfBuilder builder = ElfBuilder::executable();
  builder.add_symbol("first", builder.base + kText + 0x200, 0);
  builder.add_symbol("second", builder.base + kText + 0x240, 0);
  EXPECT_EQ(at(builder, 0x23f), "first+0x3f");
  EXPECT_EQ(at(builder, 0x240), "second+0x0");
  EXPECT_EQ(at(builder, 0x344), "second+0x104");
}

TEST(ImageSymbol, GlobalsWithSizeNameAnAddress) {
  ElfBuilder builder = ElfBuilder::executable();
  builder.add_symbol("sized_global", builder.base + kText + 0x200, 0x10);
  builder.add_symbol("sized_local", builder.base + kText + 0x200, 0x10, STT_FUNC, STB_LOCAL);
  builder.add_symbol("unsized", builder.base + kText + 0x200, 0);
  builder.add_symbol("object", builder.base + kText + 0x204, 4, STT_OBJECT);
  EXPECT_EQ(at(builder, 0x206), "sized_global+0x6");
}

TEST(ImageSymbol, DynamicSymbolsServeIfThereAreNoOthers) {
  ElfBuilder builder = ElfBuilder::executable();
  builder.sections[test::kSymbolSection].sh_type = SHT_DYNSYM;
  EXPECT_EQ(at(builder, 0x10), "_start+0x0");
}

TEST(ImageSymbol, NoTable) {
  ElfBuilder builder = ElfBuilder::executable();
  builder.header.e_shoff = 0;
  EXPECT_EQ(at(builder, 0x10), "");
  builder = ElfBuilder::executable();
  builder.header.e_shnum = 0;
  builder.sections[test::kNullSection].sh_size = ~std::uint64_t{0};
  EXPECT_EQ(at(builder, 0x10), "");
  builder.sections[test::kNullSection].sh_size = std::uint64_t{1} << 36;
  EXPECT_EQ(at(builder, 0x10), "");
  builder = ElfBuilder::executable();
  builder.sections[test::kSymbolSection].sh_type = SHT_PROGBITS;
  EXPECT_EQ(at(builder, 0x10), "");
}

TEST(ImageSymbol, EscapeSequencesAreEscaped) {
  EXPECT_EQ(at(with_symbol("\x1b]0;owned\x07\xc2\x9b\xff"), 0x201), "\\x1b]0;owned\\x07\\xc2\\x9b\\xff+0x1");
  EXPECT_EQ(at(with_symbol("_Z4\x1b[2Jv"), 0x200), "\\x1b[2J()+0x0");
}

TEST(ImageSymbol, LongNamesAreCut) {
  const std::string symbol = at(with_symbol(std::string(300, 'x')), 0x20f);
  EXPECT_EQ(symbol.size(), 256u);
  EXPECT_TRUE(symbol.ends_with("xxx...+0xf")) << symbol;
  EXPECT_EQ(at(with_symbol(std::string(252, 'x')), 0x200), std::string(252, 'x') + "+0x0");
}

// Each template argument doubles the one before it.
TEST(ImageSymbol, ExplodingNameIsNotDemangled) {
  std::string name = "_Z1fI1aIiiE";
  for (const char* reference : {"S_IS0_S0_E"}) name += reference;
  for (char c = '1'; c <= '9'; ++c) name += std::string("S_IS") + c + "_S" + c + "_E";
  for (char c = 'A'; c <= 'Z'; ++c) name += std::string("S_IS") + c + "_S" + c + "_E";
  name += "Evv";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(at(with_symbol(name), 0x200), (name.size() > 252 ? name.substr(0, 249) + "..." : name) + "+0x0");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST(ImageSymbol, DeepNameDoesNotExhaustTheStack) {
  const std::string name = std::string("_Z1f").append(400000, 'P').append("i");
  ElfBuilder builder = ElfBuilder::executable();
  builder.strings.push_back('\0');
  std::vector<std::byte> file = builder.build();
  const std::uint64_t offset = file.size();
  builder.sections[test::kStringSection].sh_offset = offset;
  builder.sections[test::kStringSection].sh_size = name.size() + 2;
  builder.symbols[1].st_name = 1;
  file = builder.build();
  file.push_back(std::byte{0});
  for (const char c : name) file.push_back(static_cast<std::byte>(c));
  file.push_back(std::byte{0});
  EXPECT_EQ(load(file).symbolize(builder.base + kText + 0x10), name.substr(0, 249) + "...+0x0");
  const std::string shorter = std::string("_Z1f").append(1000, 'P').append("i");
  EXPECT_FALSE(at(with_symbol(shorter), 0x200).empty());
}

std::string repeated(std::string_view text, int count) {
  std::string result;
  for (int i = 0; i < count; ++i) result += text;
  return result;
}

// The names for which the demangler needs most stack, by recursion and in one piece, and most time, on a thread with a
// small stack.
TEST(ImageSymbol, HostileNamesNeedNoMoreStackThanAThreadHas) {
  const std::string names[] = {"_Z1f" + repeated("P", 1000) + "i",
                               "_Z1f" + repeated("i", 1020),
                               "_Z1f" + repeated("1a", 510),
                               "_Z1fI" + repeated("1aIE", 220) + "Ev" + repeated("RT_", 24),
                               "_Z1fI" + repeated("1aI", 180) + repeated("E", 180) + "Ev" + repeated("RT_", 24),
                               "_Z1fIX" + repeated("srU3a", 203),
                               "_Z1fDT" + repeated("srU3a", 203),
                               "_Z1fIXsrU3a1aEE",
                               "_Z1fIXsr1aUl1cEE",
                               "_Z1fIXsr1aC9EE",
                               "_Z1fIXsr1aDEE",
                               "_Z" + repeated("cvT_I", 204)};
  for (const std::string& name : names) {
    ASSERT_LE(name.size(), 1024u);
    struct Task {
      Image image;
      std::uint64_t address;
      std::string symbol;
    } task = {load(with_symbol(name).build()), ElfBuilder::executable().base + kText + 0x200, ""};
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    ASSERT_EQ(pthread_attr_setstacksize(&attributes, 64 << 10), 0);
    pthread_t thread;
    const auto run = [](void* argument) -> void* {
      auto& one = *static_cast<Task*>(argument);
      one.symbol = one.image.symbolize(one.address);
      return nullptr;
    };
    ASSERT_EQ(pthread_create(&thread, &attributes, run, &task), 0);
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
    EXPECT_TRUE(task.symbol.ends_with("+0x0")) << task.symbol;
  }
}

TEST(ImageSymbol, UnterminatedNameEndsWithItsTable) {
  ElfBuilder builder = with_symbol("unterminated");
  builder.sections[test::kStringSection].sh_size -= 3;
  EXPECT_EQ(at(builder, 0x200), "unterminat+0x0");
}

TEST(ImageSymbol, NamesOutsideTheirTable) {
  ElfBuilder builder = ElfBuilder::executable();
  for (const std::uint32_t name : {std::uint32_t{0x7fffffff}, ~std::uint32_t{0}}) {
    builder.symbols[1].st_name = name;
    EXPECT_EQ(at(builder, 0x10), "");
  }
}

// A change to the section headers after which no symbol table can be trusted.
struct Spoiled {
  const char* name;
  void (*spoil)(ElfBuilder&);
};

class ImageSymbolSpoiled : public testing::TestWithParam<Spoiled> {};

TEST_P(ImageSymbolSpoiled, CountsAsMissing) {
  ElfBuilder builder = ElfBuilder::executable();
  GetParam().spoil(builder);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(at(builder, 0x10), "");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

Elf64_Shdr& symbols(ElfBuilder& b) { return b.sections[test::kSymbolSection]; }
Elf64_Shdr& strings(ElfBuilder& b) { return b.sections[test::kStringSection]; }

INSTANTIATE_TEST_SUITE_P(All, ImageSymbolSpoiled,
                         testing::ValuesIn(std::vector<Spoiled>{
                             {"SymbolsHuge", [](ElfBuilder& b) { symbols(b).sh_size = ~std::uint64_t{0}; }},
                             {"SymbolsLarge", [](ElfBuilder& b) { symbols(b).sh_size = std::uint64_t{24} << 40; }},
                             {"SymbolsBeyondFile", [](ElfBuilder& b) { symbols(b).sh_size = 0x1000; }},
                             {"SymbolsOffset", [](ElfBuilder& b) { symbols(b).sh_offset = ~std::uint64_t{0} - 8; }},
                             {"EntrySizeZero", [](ElfBuilder& b) { symbols(b).sh_entsize = 0; }},
                             {"EntrySizeOne", [](ElfBuilder& b) { symbols(b).sh_entsize = 1; }},
                             {"EntrySizeHuge", [](ElfBuilder& b) { symbols(b).sh_entsize = ~std::uint64_t{0}; }},
                             {"LinkNowhere", [](ElfBuilder& b) { symbols(b).sh_link = 0xffffffff; }},
                             {"LinkToItself", [](ElfBuilder& b) { symbols(b).sh_link = test::kSymbolSection; }},
                             {"LinkToNull", [](ElfBuilder& b) { symbols(b).sh_link = 0; }},
                             {"Compressed", [](ElfBuilder& b) { strings(b).sh_flags = SHF_COMPRESSED; }},
                             {"SymbolsCompressed", [](ElfBuilder& b) { symbols(b).sh_flags = SHF_COMPRESSED; }},
                             {"StringsHuge", [](ElfBuilder& b) { strings(b).sh_size = ~std::uint64_t{0}; }},
                             {"StringsBeyondFile", [](ElfBuilder& b) { strings(b).sh_size = 0x1000; }},
                             {"StringsEmpty", [](ElfBuilder& b) { strings(b).sh_size = 0; }},
                             {"StringsOffset", [](ElfBuilder& b) { strings(b).sh_offset = ~std::uint64_t{0}; }},
                             {"Undefined", [](ElfBuilder& b) { b.symbols[1].st_shndx = SHN_UNDEF; }},
                         }),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(ImageSymbol, TablesBeyondTheBounds) {
  for (const auto& [section, limit] : {std::pair(test::kSymbolSection, std::uint64_t{24} << 20),
                                       std::pair(test::kStringSection, std::uint64_t{64} << 20)}) {
    ElfBuilder builder = ElfBuilder::executable();
    builder.sections[section].sh_size = limit + 24;
    MemoryFile file(builder.build());
    file.resize(std::uint64_t{1} << 30);
    const auto image = Image::load(file.path());
    ASSERT_TRUE(image);
    EXPECT_EQ(image->symbolize(builder.base + kText + 0x10), "");
  }
}

TEST(ImageSymbol, FileTruncatedAfterTheLoad) {
  const ElfBuilder builder = ElfBuilder::executable();
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{8}, std::uint64_t{64}, test::kSymbols + 30,
                                   test::kStrings + 2, test::kSections + 70}) {
    MemoryFile file(builder.build());
    const auto image = Image::load(file.path());
    ASSERT_TRUE(image);
    file.resize(size);
    EXPECT_EQ(image->symbolize(builder.base + kText + 0x10), "");
  }
}

}  // namespace
}  // namespace spry
