// Does with the disk `disk` what its arguments say, and prints what each call returned: info, flush, read OFFSET
// LENGTH, write OFFSET LENGTH BYTE, discard OFFSET LENGTH, and for bad pointers read-to, write-from and info-to
// POINTER, which move one sector from the beginning. `loop` begins again. `check OFFSET LENGTH BYTE` reads and
// compares.
#include <spry/block.h>
#include <stdlib.h>
#include <string.h>

SPRY_BLOCK(disk);

static char **next;

// The next argument as a number in C's notation; 0 if there is none.
static uint64_t number(void) {
  const char *digits = *next != NULL ? *next++ : "0";
  uint64_t base = 10;
  if (digits[0] == '0' && digits[1] == 'x') {
    base = 16;
    digits += 2;
  }
  uint64_t value = 0;
  for (; *digits != '\0'; digits++) {
    value = value * base + (uint64_t)(*digits <= '9' ? *digits - '0' : *digits - 'a' + 10);
  }
  return value;
}

static void *allocate(uint64_t length) {
  void *bytes = malloc(length + 1);
  if (bytes == NULL) {
    spry_abort("blockcalls: no memory for the transfer");
  }
  return bytes;
}

static void say(const char *call, int result) { spry_printf(SPRY_STREAM_OUTPUT, "%s %d\n", call, result); }

static void info(void) {
  struct spry_block_info info;
  int result = spry_block_info(&disk, &info);
  spry_printf(SPRY_STREAM_OUTPUT, "info %d: %llu bytes, sectors of %u, flags %u\n", result,
              (unsigned long long)info.capacity, info.sector_size, info.flags);
}

static void transfer(const char *call) {
  uint64_t offset = number();
  uint64_t length = number();
  unsigned char *bytes = allocate(length);
  if (strcmp(call, "write") == 0) {
    memset(bytes, (int)number(), length);
    say(call, spry_block_write(&disk, offset, bytes, length));
  } else if (strcmp(call, "read") == 0) {
    say(call, spry_block_read(&disk, offset, bytes, length));
  } else {
    unsigned char expected = (unsigned char)number();
    int result = spry_block_read(&disk, offset, bytes, length);
    for (uint64_t i = 0; i < length && result == 0; i++) {
      result = bytes[i] == expected ? 0 : 1;
    }
    say(call, result);
  }
  free(bytes);
}

// Makes the call without the library, so that any number can be the address.
static void point(const char *call, uint64_t operation) {
  uint64_t pointer = number();
  int64_t result = operation == SPRY_BLOCK_INFO
                       ? spry_hypercall(SPRY_CALL_DEVICE, spry_handle(&disk), operation, pointer, 0, 0)
                       : spry_hypercall(SPRY_CALL_DEVICE, spry_handle(&disk), operation, 0, pointer, 512);
  say(call, (int)result);
}

static void obey(const char *call) {
  if (strcmp(call, "info") == 0) {
    info();
  } else if (strcmp(call, "flush") == 0) {
    say(call, spry_block_flush(&disk));
  } else if (strcmp(call, "discard") == 0) {
    uint64_t offset = number();
    say(call, spry_block_discard(&disk, offset, number()));
  } else if (strcmp(call, "read-to") == 0) {
    point(call, SPRY_BLOCK_READ);
  } else if (strcmp(call, "write-from") == 0) {
    point(call, SPRY_BLOCK_WRITE);
  } else if (strcmp(call, "info-to") == 0) {
    point(call, SPRY_BLOCK_INFO);
  } else {
    transfer(call);
  }
}

int spry_main(int argc, char **argv) {
  (void)argc;
  next = argv + 1;
  while (*next != NULL) {
    const char *call = *next++;
    if (strcmp(call, "loop") == 0) {
      next = argv + 1;
      continue;
    }
    obey(call);
  }
  return 0;
}
