// How the command is linked: which memory an attacker could write, execute or overwrite after an error in the monitor.
#include <elf.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace spry::test {
namespace {

class Command : public testing::Test {
 protected:
  Command() {
    std::ifstream file(SPRY_COMMAND, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
    header_ = list<Elf64_Ehdr>(0, 1).front();
    segments_ = list<Elf64_Phdr>(header_.e_phoff, header_.e_phnum);
    sections_ = list<Elf64_Shdr>(header_.e_shoff, header_.e_shnum);
    for (const Elf64_Shdr& section : sections_) {
      if (section.sh_type != SHT_SYMTAB) continue;
      symbols_ = list<Elf64_Sym>(section.sh_offset, section.sh_size / sizeof(Elf64_Sym));
      names_ = bytes_.data() + sections_[section.sh_link].sh_offset;
    }
  }

  template <class T>
  std::vector<T> list(std::size_t offset, std::size_t count) const {
    std::vector<T> values(count);
    std::memcpy(values.data(), bytes_.data() + offset, count * sizeof(T));
    return values;
  }

  bool has_symbol(std::string_view name) const {
    return std::any_of(symbols_.begin(), symbols_.end(),
                       [&](const Elf64_Sym& symbol) { return name == names_ + symbol.st_name; });
  }

  std::string bytes_;
  Elf64_Ehdr header_ = {};
  std::vector<Elf64_Phdr> segments_;
  std::vector<Elf64_Shdr> sections_;
  std::vector<Elf64_Sym> symbols_;
  const char* names_ = nullptr;
};

TEST_F(Command, HasNothingThatCanBeWrittenAndExecuted) {
  bool stack = false;
  for (const Elf64_Phdr& segment : segments_) {
    EXPECT_NE(segment.p_flags & (PF_W | PF_X), unsigned{PF_W | PF_X}) << segment.p_type;
    stack |= segment.p_type == PT_GNU_STACK;
  }
  EXPECT_TRUE(stack) << "without it the kernel makes the stack executable";
}

// Vtables and other tables of code addresses. They need no PT_GNU_RELRO, because nothing is relocated.
TEST_F(Command, HasItsTablesOfFunctionsWhereNothingIsWritten) {
  std::size_t tables = 0;
  for (const Elf64_Sym& symbol : symbols_) {
    const std::string_view name = names_ + symbol.st_name;
    if (!name.starts_with("_ZTV") || symbol.st_shndx == SHN_UNDEF) continue;
    ++tables;
    EXPECT_EQ(sections_[symbol.st_shndx].sh_flags & SHF_WRITE, 0u) << name;
  }
  EXPECT_GT(tables, 20u);
  for (const Elf64_Shdr& section : sections_) {
    EXPECT_NE(section.sh_type, unsigned{SHT_RELA}) << "something is relocated when it starts";
  }
}

TEST_F(Command, ChecksItsStackAndItsIndices) {
  EXPECT_TRUE(has_symbol("__stack_chk_fail"));
  EXPECT_TRUE(has_symbol("_ZSt21__glibcxx_assert_failPKciS0_S0_"));
}

}  // namespace
}  // namespace spry::test
