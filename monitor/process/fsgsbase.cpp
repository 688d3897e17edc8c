// Not part of cpu_features.cpp: <sys/auxv.h> includes <elf.h>, whose macros have names that cpu/x86.h uses.
#include <sys/auxv.h>

#include "process/cpu_features.h"
#include "process/linux_api.h"

namespace spry {

bool has_fsgsbase() { return (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE) != 0; }

}  // namespace spry
