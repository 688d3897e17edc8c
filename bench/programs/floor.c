/* The least program that can print through KVM: the floor below every cold start of a machine by a command. */
#include <string.h>
#include <unistd.h>

#include "least_machine.h"

int main(void) {
  struct least_machine machine;
  if (least_machine_create(&machine, LEAST_MEMORY) != 0) _exit(1);
  const char *text = least_machine_enter(&machine);
  if (text == NULL || write(STDOUT_FILENO, text, strlen(text)) < 0) _exit(1);
  /* As spry run: the process ends sooner where others end at the same time. */
  least_machine_destroy(&machine);
  _exit(0);
}
