// Writes seeds for image_fuzz into the folder that is its argument: good unikernels to begin from.
#include <cstdio>
#include <string>

#include "elf_builder.h"
#include "spry/abi.h"

namespace {

bool write(const std::string& path, const spry::test::ElfBuilder& builder) {
  const std::vector<std::byte> bytes = builder.build();
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return false;
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  return std::fclose(file) == 0 && written;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: image_seeds FOLDER\n", stderr);
    return 2;
  }
  const std::string folder = argv[1];
  using spry::test::ElfBuilder;
  ElfBuilder symbols = ElfBuilder::executable();
  symbols.add_symbol("_ZNSt6vectorIiSaIiEE9push_backERKi", symbols.base + spry::test::kText + 0x200, 0);
  symbols.add_symbol("_ZN1aIJiES_IdEE1fEDpT_", symbols.base + spry::test::kText + 0x300, 0x10);
  ElfBuilder devices = ElfBuilder::pie();
  devices.add_device(7, "net", "uplink");
  devices.add_needs(1 << 24, 1 << 16, SPRY_FEATURE_AVX512 | SPRY_FEATURE_XSAVE);
  ElfBuilder zeros = ElfBuilder::executable();
  zeros[spry::test::kStack] = {PT_LOAD, PF_R | PF_W, 0, 0x300000, 0, 0, 0x10000, 0x1000};
  const bool written = write(folder + "/executable", ElfBuilder::executable()) &&
                       write(folder + "/pie", ElfBuilder::pie()) && write(folder + "/symbols", symbols) &&
                       write(folder + "/devices", devices) && write(folder + "/zeros", zeros);
  if (!written) std::perror(folder.c_str());
  return written ? 0 : 1;
}
