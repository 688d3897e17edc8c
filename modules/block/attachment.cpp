#include <string>

#include "block.h"
#include "spry/devices.h"

namespace spry {

Attachment block_device(std::string name, std::string specification) {
  auto open = [specification = std::move(specification)](const DeviceNeed& need) {
    return block_module.open(need, specification);
  };
  return {"block", std::move(name), open};
}

}  // namespace spry
