#include "tool/draw.h"

#include <sys/wait.h>

#include <filesystem>

#include "text/format.h"
#include "tool/folder.h"
#include "tool/process.h"

namespace spry::bench {

Result<void> draw(const std::vector<Figure>& figures, const std::string& folder) {
  constexpr Nanoseconds kPatience = std::chrono::seconds(60);
  const std::string gnuplot = find_program("gnuplot");
  if (gnuplot.empty()) return fail(ErrorCode::kNotFound, "gnuplot is not there: no figures");
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(ErrorCode::kMonitor, fmt::format("{}: {}", folder, error.message()));
  const Result<Folder> scratch = Folder::make();
  if (!scratch) return tl::unexpected(scratch.error());
  for (const Figure& figure : figures) {
    const std::string file = *scratch / (figure.name + ".gp");
    const std::string size = fmt::format("{},{}", figure.width, figure.height);
    // The script plots once without output, to define its data, and then once for each file format.
    const std::string script = fmt::format(
        "set terminal unknown\n{0}\nset terminal svg size {1} font \"sans-serif,12\" background rgb \"white\"\n"
        "set output \"{2}.svg\"\nreplot\nset terminal pngcairo size {1} font \"sans,12\" fontscale 0.75\nset output "
        "\"{2}.png\"\n"
        "replot\n",
        figure.script, size, folder + "/" + figure.name);
    const Result<void> written = write_file(file, script);
    if (!written) return written;
    const Result<Captured> captured = capture({gnuplot, file}, kPatience);
    if (!captured) return tl::unexpected(captured.error());
    if (!WIFEXITED(captured->status) || WEXITSTATUS(captured->status) != 0) {
      return fail(ErrorCode::kMonitor, fmt::format("gnuplot: {}: {}", figure.name, captured->output));
    }
  }
  return {};
}

}  // namespace spry::bench
