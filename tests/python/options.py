"""options.py SOURCE: every option of the C++ API is one of C's and of Python's too, and every one of C's is one of
Python's. Reads the headers, so that an option that is new in one language is missed in the others."""

import inspect
import re
import sys
from dataclasses import fields
from pathlib import Path

import spry

SOURCE = Path(sys.argv[1])

# For each structure of C++: its header, C's structure, and sets of the names that Python has for its members. Where the
# names are parameters, there is a set for each function that takes them.
STRUCTURES = {
    "MachineOptions": ("machine.h", "spry_machine_options", [{field.name for field in fields(spry.Options)}]),
    "ActionOptions": (
        "machine.h",
        "spry_action_options",
        [
            set(inspect.signature(getattr(owner, name)).parameters)
            for owner, name in ((spry.Machine, "run"), (spry.Pool, "run"), (spry.Pool, "submit"), (spry.Pool, "run_async"))
        ],
    ),
    "PoolOptions": ("pool.h", "spry_pool_options", [set(inspect.signature(spry.Pool).parameters)]),
}

# A member of C++ that C has under another name: flags begin with SPRY_.
IN_C = {
    "deadline": "deadline_ns",
    "reusable": "SPRY_REUSABLE",
    "verify": "SPRY_VERIFY",
    "measure_memory": "SPRY_MEASURE_MEMORY",
}

# A member or flag of C that Python has under another name.
IN_PYTHON = {
    "deadline_ns": "deadline",
    "machine": "options",
    "output_descriptor": "console",
    "diagnostics_descriptor": "console",
    "SPRY_CONSOLE": "console",
    "SPRY_REUSABLE": "reusable",
    "SPRY_VERIFY": "verify",
    "SPRY_MEASURE_MEMORY": "measure_memory",
}

# Members of C that are no options, but say how C passes the options.
OF_C_ALONE = {"size", "flags"}


def body(text: str, structure: str) -> str:
    """What is between a structure's braces, without comments."""
    found = re.search(rf"^struct {structure} \{{\n(.*?)^\}};", text, flags=re.DOTALL | re.MULTILINE)
    if found is None:
        sys.exit(f"there is no struct {structure}")
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", found[1], flags=re.DOTALL)


def members(text: str) -> list[str]:
    """The names before each semicolon, or before what initialises them."""
    return [match[1] for match in re.finditer(r"(\w+)\s*(?:=[^;]*)?;", text)]


def main() -> int:
    c = (SOURCE / "bindings/c/include/spry.h").read_text(encoding="utf-8")
    flags = re.findall(r"^#define (SPRY_\w+) \d+u ", c, flags=re.MULTILINE)
    faults = []
    count = 0
    for structure, (header, in_c, in_python) in STRUCTURES.items():
        cpp = members(body((SOURCE / "monitor/include/spry" / header).read_text(encoding="utf-8"), structure))
        of_c = members(body(c, in_c))
        named = set(of_c) | (set(flags) if "flags" in of_c else set())
        for member in cpp:
            count += 1
            if IN_C.get(member, member) not in named:
                faults.append(f"{structure}::{member} is not in C's {in_c}")
        for name in sorted(named - OF_C_ALONE):
            for python in in_python:
                if IN_PYTHON.get(name, name) not in python:
                    faults.append(f"{name} of C's {in_c} is not in Python: {', '.join(sorted(python))}")
    for fault in faults:
        print(fault)
    print(f"{count} options, {len(faults)} faults")
    return 1 if faults or count < 16 else 0


if __name__ == "__main__":
    sys.exit(main())
