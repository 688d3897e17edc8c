#include "spry/module.h"

namespace spry {

std::vector<std::string> specification_fields(std::string_view text) {
  std::vector<std::string> fields(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != ',') {
      fields.back() += text[i];
    } else if (i + 1 < text.size() && text[i + 1] == ',') {
      fields.back() += ',';
      ++i;
    } else {
      fields.emplace_back();
    }
  }
  return fields;
}

}  // namespace spry
