// `spry inspect`.

#include "cli/commands.h"
#include "cli/inspection.h"
#include "cli/program.h"
#include "text/escape.h"
#include "text/format.h"

namespace spry {

int inspect_command(int argc, char** argv) {
  const auto refuse = [](std::string sentence) {
    return complain({ErrorCode::kMonitor, fmt::format("inspect: {} (see spry help inspect)", sentence)});
  };
  bool json = false;
  int next = 1;
  for (; next < argc && argv[next][0] == '-'; ++next) {
    const std::string_view option = argv[next];
    if (option == "--help" || option == "-h") return print_help("inspect");
    if (option == "--") {
      ++next;
      break;
    }
    if (option != "--json") return refuse(fmt::format("unknown option {}", escape(option)));
    json = true;
  }
  if (argc - next != 1) return refuse("one UNIKERNEL is needed");
  const Result<Program> program = Program::load(argv[next], false);
  if (!program) return complain(program.error());
  return print(program->visit(
      [json](const auto& held) { return json ? format_inspection_json(held) : format_inspection(held); }));
}

}  // namespace spry
