// docs/abi.md is the specification and abi.h what compilers see: neither may say what the other does not.
#include <gtest/gtest.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "image/elf_file.h"
#include "image/layout.h"
#include "memory/layout.h"
#include "spry/abi.h"
#include "spry/machine.h"

namespace spry {
namespace {

using Cells = std::vector<std::string>;

std::string trim(std::string_view text) {
  const std::size_t start = text.find_first_not_of(' ');
  if (start == std::string_view::npos) return {};
  return std::string(text.substr(start, text.find_last_not_of(' ') - start + 1));
}

// The cells of a row of a Markdown table; none if the line is no row.
Cells cells_of(std::string_view line) {
  Cells cells;
  if (!line.starts_with('|')) return cells;
  line.remove_prefix(1);
  for (std::size_t bar = line.find('|'); bar != std::string_view::npos; bar = line.find('|')) {
    cells.push_back(trim(line.substr(0, bar)));
    line.remove_prefix(bar + 1);
  }
  return cells;
}

// The text between backticks; empty if the cell is something else.
std::string code_of(const std::string& cell) {
  const bool code = cell.size() > 2 && cell.front() == '`' && cell.find('`', 1) == cell.size() - 1;
  return code ? cell.substr(1, cell.size() - 2) : std::string();
}

std::uint64_t number_of(const std::string& cell) {
  std::size_t used = 0;
  const std::uint64_t number = std::stoull(cell, &used, 0);
  EXPECT_EQ(used, cell.size()) << cell;
  return number;
}

struct Table {
  Cells header;
  std::vector<Cells> rows;
};

std::vector<std::string> document_lines() {
  std::ifstream file(SPRY_ABI_DOCUMENT);
  EXPECT_TRUE(file.is_open()) << SPRY_ABI_DOCUMENT;
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// The document's tables that have at least two columns, of which the first is `column`.
std::vector<Table> tables_of(std::string_view column) {
  std::vector<Table> all;
  bool inside = false;
  for (const std::string& line : document_lines()) {
    Cells cells = cells_of(line);
    const bool ruler = line.starts_with("|--");
    if (!inside && !cells.empty()) all.push_back({cells, {}});
    if (inside && !cells.empty() && !ruler) all.back().rows.push_back(cells);
    inside = !cells.empty();
  }
  std::vector<Table> chosen;
  for (const Table& table : all) {
    if (table.header.size() >= 2 && table.header[0] == column) chosen.push_back(table);
  }
  EXPECT_FALSE(chosen.empty()) << column;
  return chosen;
}

std::string text_of(std::uint64_t value) { return std::to_string(value); }

template <std::integral T>
std::pair<std::string, std::string> constant(const char* name, T value) {
  return {name, std::to_string(value)};
}
std::pair<std::string, std::string> constant(const char* name, const char* value) {
  return {name, fmt::format("\"{}\"", value)};
}

// Generated from abi.h (abi.cmake).
const std::map<std::string, std::string> header_constants = {
#include "abi_constants.inc"
};

struct Field {
  std::string structure;
  std::string name;
  std::uint64_t offset;
  std::uint64_t size;
};
const std::vector<Field> header_fields = {
#include "abi_fields.inc"
#include "text/format.h"
};

TEST(AbiDocument, HasEachConstantOfTheHeaderWithItsValue) {
  std::map<std::string, std::string> documented;
  for (const Table& table : tables_of("name")) {
    ASSERT_EQ(table.header[1], "value");
    for (const Cells& row : table.rows) {
      const std::string name = code_of(row[0]);
      ASSERT_NE(name, "") << row[0];
      const std::string value = row[1].starts_with('"') ? row[1] : text_of(number_of(row[1]));
      EXPECT_TRUE(documented.emplace(name, value).second) << name << " is there twice";
    }
  }
  EXPECT_GT(header_constants.size(), 30u);
  EXPECT_EQ(documented, header_constants);
}

TEST(AbiDocument, HasEachFieldOfTheHeaderInItsPlace) {
  std::map<std::string, std::vector<std::string>> documented;
  for (const Table& table : tables_of("offset")) {
    ASSERT_GE(table.header.size(), 3u);
    ASSERT_EQ(table.header[1], "bytes");
    const std::string structure = code_of(table.header[2]);
    ASSERT_TRUE(structure.starts_with("struct ")) << table.header[2];
    std::vector<std::string>& fields = documented[structure.substr(sizeof("struct ") - 1)];
    EXPECT_TRUE(fields.empty()) << structure << " is there twice";
    for (const Cells& row : table.rows) {
      fields.push_back(code_of(row[2]) + " at " + text_of(number_of(row[0])) + ", " + text_of(number_of(row[1])));
    }
  }
  std::map<std::string, std::vector<std::string>> expected;
  for (const Field& field : header_fields) {
    expected[field.structure].push_back(field.name + " at " + text_of(field.offset) + ", " + text_of(field.size));
  }
  EXPECT_GE(expected.size(), 7u);
  EXPECT_EQ(documented, expected);
}

// A structure ends where its last field ends, so no bytes at its end are undocumented.
TEST(AbiDocument, StructuresHaveNoPadding) {
  std::map<std::string, std::uint64_t> ends;
  for (const Field& field : header_fields) {
    EXPECT_EQ(field.offset, ends[field.structure]) << field.structure << "::" << field.name;
    ends[field.structure] = field.offset + field.size;
  }
  EXPECT_EQ(ends["spry_boot"], sizeof(spry_boot));
  EXPECT_EQ(ends["spry_boot_device"], sizeof(spry_boot_device));
  EXPECT_EQ(ends["spry_console"], sizeof(spry_console));
  EXPECT_EQ(ends["spry_note_header"], sizeof(spry_note_header));
  EXPECT_EQ(ends["spry_note_abi"], sizeof(spry_note_abi));
  EXPECT_EQ(ends["spry_note_needs"], sizeof(spry_note_needs));
  EXPECT_EQ(ends["spry_note_device"], sizeof(spry_note_device));
  EXPECT_EQ(ends["spry_note_system_calls"], sizeof(spry_note_system_calls));
}

TEST(AbiDocument, HasTheMonitorsLimits) {
  const std::map<std::string, std::uint64_t> limits = {
      {"program headers", image::kMaximumProgramHeaders},
      {"segments", image::kMaximumSegments},
      {"segment alignment", image::kMaximumAlignment},
      {"file bytes of all segments, each rounded up to pages", image::kMaximumFileBytes},
      {"end of the last segment", image::kMaximumEnd},
      {"least memory of a machine", kMinimumMemory},
      {"default memory of a machine", kDefaultMemory},
      {"largest memory of a machine", kMaximumMemory},
      {"default stack", kDefaultStack},
      {"arguments: pointers, null pointer and strings", kLargestArguments},
      {"input", kMaximumInput},
  };
  std::map<std::string, std::uint64_t> documented;
  for (const Table& table : tables_of("limit")) {
    for (const Cells& row : table.rows) documented[row[0]] = number_of(row[1]);
  }
  EXPECT_EQ(documented, limits);
}

// A name in the text that the header does not have is a misprint or a leftover.
TEST(AbiDocument, SpeaksOfNoOtherConstants) {
  constexpr std::string_view kPrefix = "SPRY_";
  for (const std::string& line : document_lines()) {
    for (std::size_t at = line.find(kPrefix); at != std::string::npos; at = line.find(kPrefix, at + 1)) {
      const std::size_t end = line.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", at);
      const std::string name = line.substr(at, end == std::string::npos ? end : end - at);
      EXPECT_TRUE(header_constants.contains(name)) << name << " in: " << line;
    }
  }
}

}  // namespace
}  // namespace spry
