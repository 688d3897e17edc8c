// new that finds no memory ends the action.
#include "guest_case.h"

int spry_main(int argc, char** argv) {
  static_cast<void>(argv);
  char* memory = new char[static_cast<size_t>(argc) << 40];
  spry_printf(SPRY_STREAM_OUTPUT, "%p\n", static_cast<void*>(memory));
  return 0;
}
