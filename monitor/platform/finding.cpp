#include "platform/finding.h"

#include "text/format.h"

namespace spry {

std::string format_finding(const Finding& finding) {
  const char* const word = finding.verdict == Finding::Verdict::kGood  ? "ok  "
                           : finding.verdict == Finding::Verdict::kBad ? "bad "
                                                                       : "note";
  std::string line = fmt::format("{} {}\n", word, finding.text);
  if (!finding.advice.empty()) line += fmt::format("     {}\n", finding.advice);
  return line;
}

}  // namespace spry
