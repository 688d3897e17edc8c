#include "spry/shell.h"

#include "platform/platforms.h"
#include "system/out_of_memory.h"

namespace spry {

Shell::Shell(std::unique_ptr<Vcpu> data) : data_(std::move(data)) {}
Shell::Shell(Shell&&) noexcept = default;
Shell& Shell::operator=(Shell&&) noexcept = default;
Shell::~Shell() = default;

Result<Shell> Shell::create(Platform platform) {
  return or_out_of_memory([platform]() -> Result<Shell> {
    auto shell = make_shell(platform, {});
    if (!shell) return tl::unexpected(shell.error());
    return Shell(*std::move(shell));
  });
}

Platform Shell::platform() const { return data_->platform(); }

}  // namespace spry
