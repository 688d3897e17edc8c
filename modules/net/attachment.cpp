#include <string>

#include "net.h"
#include "spry/devices.h"

namespace spry {

Attachment net_device(std::string name, std::string specification) {
  auto open = [specification = std::move(specification)](const DeviceNeed& need) {
    return net_module.open(need, specification);
  };
  return {"net", std::move(name), open};
}

}  // namespace spry
