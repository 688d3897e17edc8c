/* The console. Bytes of stream 1 are gathered in the area shared with the monitor, which writes them out at each
 * hypercall. Bytes of stream 2 go out at once. A program that never prints does not link this object, and has no
 * console. */
#include <string.h>

#include "spry/guest.h"

SPRY_NOTE(console_note, SPRY_NOTE_DEVICE, struct spry_note_device, SPRY_HANDLE_CONSOLE, "console", "console");

/* Null if the monitor's console has no such area: then nothing is buffered. */
static struct spry_console *shared_area(void) {
  return (struct spry_console *)(uintptr_t)spry_boot_page()->devices[SPRY_HANDLE_CONSOLE].shared;
}

static size_t room(const struct spry_console *console) {
  return spry_boot_page()->devices[SPRY_HANDLE_CONSOLE].shared_size - sizeof(*console) - console->length;
}

/* One hypercall: first the monitor writes out the shared area, then these bytes. */
static void write_now(int stream, const unsigned char *bytes, size_t length) {
  do {
    int64_t written = spry_hypercall(SPRY_CALL_DEVICE, SPRY_HANDLE_CONSOLE, SPRY_CONSOLE_WRITE, (uint64_t)stream,
                                     (uintptr_t)bytes, length);
    if (written < 0 || (uint64_t)written > length || (written == 0 && length != 0)) {
      spry_abort(written == -SPRY_EFAULT ? "spry_write: the bytes are not readable memory"
                                         : "spry_write: the console does not take the bytes");
    }
    bytes += written;
    length -= (size_t)written;
  } while (length != 0);
}

void spry_write(int stream, const void *bytes, size_t length) {
  if (stream != (int)SPRY_STREAM_OUTPUT && stream != (int)SPRY_STREAM_DIAGNOSTICS) {
    spry_abort("spry_write: no such stream");
  }
  if (length == 0) {
    return;
  }
  if (stream == (int)SPRY_STREAM_DIAGNOSTICS) {
    write_now(stream, bytes, length);
    return;
  }
  struct spry_console *console = shared_area();
  /* Bytes that do not fit go out in one hypercall, with the bytes that are in the area. */
  if (console == NULL || length > room(console)) {
    write_now(stream, bytes, length);
    return;
  }
  memcpy((unsigned char *)(console + 1) + console->length, bytes, length);
  console->length += (uint32_t)length;
  if ((console->flags & SPRY_CONSOLE_TERMINAL) != 0 && memchr(bytes, '\n', length) != NULL) {
    spry_flush();
  }
}

void spry_puts(int stream, const char *string) { spry_write(stream, string, strlen(string)); }

void spry_flush(void) {
  const struct spry_console *console = shared_area();
  if (console != NULL && console->length != 0) {
    write_now((int)SPRY_STREAM_OUTPUT, NULL, 0);
  }
}
