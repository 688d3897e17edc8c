// The instruction decoder: a table of encodings and what each is called.
#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

#include "cpu/instruction.h"

namespace spry {
namespace {

using Bytes = std::vector<std::uint8_t>;

struct IoRow {
  Bytes code;
  int port;  // -1: in DX
  unsigned size;
};

TEST(DecodeIo, EveryFormWithAndWithoutPrefixes) {
  std::vector<IoRow> rows;
  for (const std::uint8_t opcode : Bytes{0xe4, 0xe5, 0xe6, 0xe7}) rows.push_back({{opcode, 0x7e}, 0x7e, 2});
  for (const std::uint8_t opcode : Bytes{0x6c, 0x6d, 0x6e, 0x6f, 0xec, 0xed, 0xee, 0xef})
    rows.push_back({{opcode}, -1, 1});
  for (const IoRow& row : rows) {
    for (const Bytes& prefixes : {Bytes{}, Bytes{0x66}, Bytes{0xf3}, Bytes{0xf2, 0x67}, Bytes{0xf3, 0x48},
                                  Bytes{0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0xf0, 0x4f}}) {
      Bytes code = prefixes;
      code.insert(code.end(), row.code.begin(), row.code.end());
      code.insert(code.end(), {0x90, 0x90});
      const auto found = decode_io(code);
      ASSERT_TRUE(found);
      EXPECT_EQ(found->port.has_value() ? *found->port : -1, row.port);
      EXPECT_EQ(found->size, row.size + prefixes.size());
    }
  }
}

TEST(DecodeIo, NothingElseIsOne) {
  for (unsigned opcode = 0; opcode < 256; ++opcode) {
    const bool io =
        (opcode >= 0xe4 && opcode <= 0xe7) || (opcode >= 0x6c && opcode <= 0x6f) || (opcode >= 0xec && opcode <= 0xef);
    const Bytes code = {static_cast<std::uint8_t>(opcode), 0x00, 0x00};
    EXPECT_EQ(decode_io(code).has_value(), io) << std::hex << opcode;
  }
  EXPECT_FALSE(decode_io({}));
  EXPECT_FALSE(decode_io(Bytes{0xe7})) << "cut off before its port";
  EXPECT_FALSE(decode_io(Bytes{0x66, 0x66, 0xf3})) << "prefixes only";
  EXPECT_FALSE(decode_io(Bytes(15, 0x66)));
}

constexpr std::uint8_t kPort = 0x7e;
const Bytes kNop = {0x90};

TEST(LeftByOut, KnowsBothForms) {
  EXPECT_TRUE(left_by_out(Bytes{0xe7, kPort}, kNop, kPort));
  EXPECT_TRUE(left_by_out(Bytes{0x90, 0x90, 0xe7, kPort}, kNop, kPort));
  EXPECT_TRUE(left_by_out(Bytes{0xef}, kNop, kPort)) << "at the first byte of a segment";
  EXPECT_TRUE(left_by_out(Bytes{0x90, 0xef}, kNop, kPort));
}

TEST(LeftByOut, NothingElseIsOne) {
  EXPECT_FALSE(left_by_out({}, kNop, kPort));
  EXPECT_FALSE(left_by_out(Bytes{kPort}, kNop, kPort)) << "only the half of it can be seen";
  EXPECT_FALSE(left_by_out(Bytes{0xe7, kPort + 1}, kNop, kPort));
  EXPECT_FALSE(left_by_out(Bytes{0xe7, kPort, 0x90}, kNop, kPort));
  // The other sizes and directions, and the string forms.
  for (const std::uint8_t opcode : Bytes{0xe4, 0xe5, 0xe6}) {
    EXPECT_FALSE(left_by_out(Bytes{opcode, kPort}, kNop, kPort)) << int{opcode};
  }
  for (const std::uint8_t opcode : Bytes{0x6c, 0x6d, 0x6e, 0x6f, 0xec, 0xed, 0xee}) {
    EXPECT_FALSE(left_by_out(Bytes{0x90, opcode}, kNop, kPort)) << int{opcode};
  }
}

// RIP may be at an unfinished OUTS that follows bytes which look like an OUT.
TEST(LeftByOut, NotIfStringInputOrOutputFollows) {
  for (const std::uint8_t opcode : Bytes{0x6c, 0x6d, 0x6e, 0x6f}) {
    for (const Bytes& prefixes : {Bytes{}, Bytes{0xf3}, Bytes{0x67, 0xf2}, Bytes{0x66, 0x48}, Bytes(14, 0x66)}) {
      Bytes after = prefixes;
      after.push_back(opcode);
      EXPECT_FALSE(left_by_out(Bytes{0xe7, kPort}, after, kPort)) << int{opcode};
      EXPECT_FALSE(left_by_out(Bytes{0xef}, after, kPort)) << int{opcode};
    }
  }
  EXPECT_TRUE(left_by_out(Bytes{0xe7, kPort}, Bytes{0x66, 0x90}, kPort));
  EXPECT_TRUE(left_by_out(Bytes{0xe7, kPort}, Bytes{0xe7, kPort}, kPort));
}

TEST(LeftByOut, NotIfWhatFollowsIsCutOff) {
  EXPECT_FALSE(left_by_out(Bytes{0xe7, kPort}, {}, kPort));
  EXPECT_FALSE(left_by_out(Bytes{0xe7, kPort}, Bytes{0xf3}, kPort));
  EXPECT_FALSE(left_by_out(Bytes{0xe7, kPort}, Bytes(15, 0x66), kPort));
}

struct NameRow {
  Bytes code;
  const char* name;
};

TEST(NameForbidden, TheTable) {
  const NameRow rows[] = {
      {{0xf4}, "privileged instruction (hlt)"},
      {{0xfa}, "privileged instruction (cli)"},
      {{0xfb}, "privileged instruction (sti)"},
      {{0xf1}, "debug trap"},
      {{0xcd, 0x80}, "software interrupt 0x80"},
      {{0xcd, 0x01}, "software interrupt 0x1"},
      {{0x0f, 0x05}, "system call instruction (syscall)"},
      {{0x0f, 0x34}, "system call instruction (sysenter)"},
      {{0x0f, 0x07}, "privileged instruction (sysret)"},
      {{0x48, 0x0f, 0x07}, "privileged instruction (sysret)"},
      {{0x0f, 0x35}, "privileged instruction (sysexit)"},
      {{0x0f, 0x00, 0xd0}, "privileged instruction (lldt or ltr)"},
      {{0x0f, 0x01, 0x10}, "privileged instruction (lgdt, lidt, invlpg, vmrun or the like)"},
      {{0x0f, 0x06}, "privileged instruction (clts)"},
      {{0x0f, 0x08}, "privileged instruction (invd or wbinvd)"},
      {{0x0f, 0x09}, "privileged instruction (invd or wbinvd)"},
      {{0x0f, 0x0b}, "invalid instruction (ud2: a compiler's trap)"},
      {{0x0f, 0x20, 0xc0}, "privileged instruction (mov of a control register)"},
      {{0x0f, 0x22, 0xd8}, "privileged instruction (mov of a control register)"},
      {{0x44, 0x0f, 0x22, 0xc0}, "privileged instruction (mov of a control register)"},
      {{0x0f, 0x21, 0xf8}, "privileged instruction (mov of a debug register)"},
      {{0x0f, 0x23, 0xf8}, "privileged instruction (mov of a debug register)"},
      {{0x0f, 0x30}, "privileged instruction (wrmsr)"},
      {{0x0f, 0x32}, "privileged instruction (rdmsr)"},
      {{0x0f, 0x33}, "privileged instruction (rdpmc)"},
  };
  for (const NameRow& row : rows) EXPECT_EQ(name_forbidden(row.code), row.name);
}

TEST(NameForbidden, WhatAProgramMayExecuteHasNoName) {
  for (const Bytes& code :
       {Bytes{0x90}, Bytes{0xcc}, Bytes{0xc3}, Bytes{0x0f, 0x31}, Bytes{0x0f, 0xa2}, Bytes{0x0f, 0x10, 0x00},
        Bytes{0x48, 0x89, 0xc3}, Bytes{0xe8, 0, 0, 0, 0}, Bytes{0x0f, 0x1f, 0x40, 0x00}, Bytes{0x48, 0xcf}}) {
    EXPECT_EQ(name_forbidden(code), "") << std::hex << int{code[0]};
  }
}

TEST(NameForbidden, CutOffAnywhereItHasNone) {
  EXPECT_EQ(name_forbidden({}), "");
  EXPECT_EQ(name_forbidden(Bytes{0x0f}), "");
  EXPECT_EQ(name_forbidden(Bytes{0xcd}), "");
  EXPECT_EQ(name_forbidden(Bytes{0x48, 0x0f}), "");
  EXPECT_EQ(name_forbidden(Bytes(15, 0xf0)), "");
}

}  // namespace
}  // namespace spry
