"""check.py SOURCE LIBRARY UNIKERNEL: compiles and runs every snippet of docs/embedding.md, and those in the README's
section "Embed it", in a folder where `thumbnail` is UNIKERNEL.

A snippet in C++ or C that includes something is a program. Any other is the body of a function: in C++ one that returns
Result<void> and has an `image`, in C one that returns an int and has `complain`. Snippets that need files that are not
there are compiled only.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CXX_BEGIN = """
#include <poll.h>
#include <spry/devices.h>
#include <spry/pool.h>
#include <atomic>
#include <cstdio>
namespace {
"""
CXX_BODY = """
#line {line} "{file}"
[[maybe_unused]] spry::Result<void> snippet_{line}([[maybe_unused]] const spry::Image& image) {{ {{
{text} }}
  return {{}};
}}
"""
CXX_END = """
}  // namespace
int main() {
  const auto image = spry::Image::load("thumbnail");
  if (!image) return 2;
  for (auto* snippet : {%s}) {
    if (auto done = snippet(*image); !done) {
      std::fprintf(stderr, "%%s\\n", done.error().message.c_str());
      return 1;
    }
  }
}
"""
C_BEGIN = """
#include <spry.h>
#include <stdio.h>
static int complain(spry_error *error) {
  fprintf(stderr, "%s\\n", spry_error_message(error));
  spry_error_free(error);
  return 1;
}
"""
C_BODY = """
#line {line} "{file}"
static int snippet_{line}(void) {{
{text}
  return 0;
}}
"""
C_END = """
int main(void) {
  int (*const snippets[])(void) = {%s};
  int failed = 0;
  for (unsigned i = 0; i < sizeof snippets / sizeof *snippets; i++) failed |= snippets[i]();
  return failed;
}
"""
# What a snippet declares last may be unused: it is there for the reader.
UNUSED = ["-Wno-unused-variable", "-Wno-unused-but-set-variable"]


def snippets(path: Path, text: str) -> list[tuple[str, int, str]]:
    """Language, line and text of each fenced block in one of the languages."""
    found = re.finditer(r"^```(cpp|c|python)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    return [(match[1], text.count("\n", 0, match.start()) + 2, match[2]) for match in found]


def section(text: str, heading: str) -> str:
    """The text with all other sections blanked, so that lines keep their numbers."""
    start = text.index(f"\n## {heading}\n")
    end = text.find("\n## ", start + 1)
    end = len(text) if end < 0 else end
    return "\n" * text.count("\n", 0, start) + text[start:end]


def main(source: Path, library: Path, unikernel: Path) -> int:
    includes = [f"-I{source / folder}" for folder in ("bindings/c/include", "monitor/include", "guest/include")]
    link = [str(library), f"-Wl,-rpath,{library.parent}"]
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", *UNUSED]
    compilers = {
        "cpp": ["g++", "-std=c++20", *warnings, *includes],
        "c": ["gcc", "-std=c11", *warnings, *includes],
    }
    documents = {path: (source / path).read_text(encoding="utf-8") for path in (Path("docs/embedding.md"), Path("README.md"))}
    documents[Path("README.md")] = section(documents[Path("README.md")], "Embed it")
    programs: list[tuple[str, list[str]]] = []
    counts = {"cpp": 0, "c": 0, "python": 0}

    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        shutil.copy(unikernel, work / "thumbnail")

        def compile_program(language: str, where: str, text: str) -> None:
            file = work / f"program{len(programs)}.{language}"
            file.write_text(text, encoding="utf-8")
            program = str(file.with_suffix(""))
            subprocess.run([*compilers[language], str(file), *link, "-o", program], check=True)
            programs.append((where, [program]))

        for path, text in documents.items():
            found = snippets(path, text)
            for language, line, body in found:
                counts[language] += 1
                if language == "python":
                    script = work / f"snippet{len(programs)}.py"
                    script.write_text(body, encoding="utf-8")
                    programs.append((f"{path}:{line}", [sys.executable, "-B", str(script)]))
                elif "#include" in body:
                    compile_program(language, f"{path}:{line}", f'#line {line} "{path}"\n{body}')
            for language, begin, each, end in (("cpp", CXX_BEGIN, CXX_BODY, CXX_END), ("c", C_BEGIN, C_BODY, C_END)):
                bodies = [(line, body) for kind, line, body in found if kind == language and "#include" not in body]
                if bodies:
                    functions = "".join(each.format(line=line, file=path, text=body) for line, body in bodies)
                    names = ", ".join(f"snippet_{line}" for line, _ in bodies)
                    compile_program(language, str(path), begin + functions + end % names)

        environment = os.environ | {"PYTHONPATH": str(source / "bindings/python"), "SPRY_LIBRARY": str(library)}
        for where, command in programs:
            done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True)
            if done.returncode != 0 or done.stderr:
                print(f"{where}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
                return 1
    print(", ".join(f"{count} in {language}" for language, count in counts.items()), "snippets compiled and run")
    return 0


if __name__ == "__main__":
    sys.exit(main(*(Path(argument).resolve() for argument in sys.argv[1:])))
