// Apart from cpu_features.cpp, because <elf.h>, which comes with <sys/auxv.h>, has macros of the names of cpu/x86.h.
#include <sys/auxv.h>

#include "process/cpu_features.h"
#include "process/linux_api.h"

namespace spry {

bool has_fsgsbase() { return (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE) != 0; }

}  // namespace spry
