/* spry_printf: formats into a small buffer, and writes that with spry_write. */
#include <stdbool.h>
#include <string.h>

#include "spry/guest.h"

struct Output {
  int stream;
  size_t used;
  char buffer[256];
};

/* One conversion specification, as the C standard (C11, 7.21.6.1) divides it. */
struct Conversion {
  bool left;  /* - */
  bool zeros; /* 0 */
  bool space;
  size_t width;
  bool has_precision;
  size_t precision;
  enum { kInt, kChar, kShort, kLong, kLongLong } length;
};

static void flush(struct Output *output) {
  spry_write(output->stream, output->buffer, output->used);
  output->used = 0;
}

static void put(struct Output *output, const char *bytes, size_t length) {
  while (length != 0) {
    if (output->used == sizeof(output->buffer)) {
      flush(output);
    }
    size_t room = sizeof(output->buffer) - output->used;
    size_t part = length < room ? length : room;
    memcpy(output->buffer + output->used, bytes, part);
    output->used += part;
    bytes += part;
    length -= part;
  }
}

static void pad(struct Output *output, char filler, size_t count) {
  for (; count != 0; count--) {
    put(output, &filler, 1);
  }
}

/* Puts text, padded to its width. Padding zeros go behind the first `sign_length` bytes. */
static void put_field(struct Output *output, const struct Conversion *conversion, const char *text, size_t length,
                      size_t sign_length) {
  size_t padding = conversion->width > length ? conversion->width - length : 0;
  bool zeros = conversion->zeros && !conversion->left;
  if (!conversion->left && !zeros) {
    pad(output, ' ', padding);
  }
  put(output, text, sign_length);
  if (zeros) {
    pad(output, '0', padding);
  }
  put(output, text + sign_length, length - sign_length);
  if (conversion->left) {
    pad(output, ' ', padding);
  }
}

static void put_number(struct Output *output, const struct Conversion *conversion, const char *sign, uint64_t value,
                       unsigned base, const char *digits) {
  char text[2 + 22]; /* a sign or prefix, and 64 bits in octal */
  char *end = text + sizeof(text);
  char *start = end;
  do {
    *--start = digits[value % base];
    value /= base;
  } while (value != 0);
  size_t sign_length = strlen(sign);
  start -= sign_length;
  memcpy(start, sign, sign_length);
  put_field(output, conversion, start, (size_t)(end - start), sign_length);
}

static void put_string(struct Output *output, const struct Conversion *conversion, const char *string) {
  if (string == NULL) {
    string = "(null)";
  }
  size_t length = conversion->has_precision ? strnlen(string, conversion->precision) : strlen(string);
  put_field(output, conversion, string, length, 0);
}

static const char *parse_number(const char *format, size_t *number) {
  *number = 0;
  for (; *format >= '0' && *format <= '9'; format++) {
    *number = *number * 10 + (size_t)(*format - '0');
    if (*number > INT32_MAX) {
      spry_abort("spry_printf: a width or precision is too large");
    }
  }
  return format;
}

static const char *parse_flags(const char *format, struct Conversion *conversion) {
  for (;; format++) {
    if (*format == '-') {
      conversion->left = true;
    } else if (*format == '0') {
      conversion->zeros = true;
    } else if (*format == ' ') {
      conversion->space = true;
    } else {
      return format;
    }
  }
}

static const char *parse_length(const char *format, struct Conversion *conversion) {
  switch (*format) {
    case 'h':
      conversion->length = format[1] == 'h' ? kChar : kShort;
      return format + (format[1] == 'h' ? 2 : 1);
    case 'l':
      conversion->length = format[1] == 'l' ? kLongLong : kLong;
      return format + (format[1] == 'l' ? 2 : 1);
    case 'z':
    case 'j':
    case 't':
      conversion->length = kLong; /* x86-64: size_t, intmax_t and ptrdiff_t are as wide as long */
      return format + 1;
    default:
      return format;
  }
}

/* va_list may be an array, and a function cannot take an array by reference: hence the structure. */
struct Arguments {
  va_list list;
};

static int64_t next_signed(struct Arguments *arguments, const struct Conversion *conversion) {
  switch (conversion->length) {
    case kChar:
      return (signed char)va_arg(arguments->list, int);
    case kShort:
      return (short)va_arg(arguments->list, int);
    case kInt:
      return va_arg(arguments->list, int);
    case kLong:
      return va_arg(arguments->list, long);
    case kLongLong:
    default:
      return va_arg(arguments->list, long long);
  }
}

static uint64_t next_unsigned(struct Arguments *arguments, const struct Conversion *conversion) {
  switch (conversion->length) {
    case kChar:
      return (unsigned char)va_arg(arguments->list, unsigned);
    case kShort:
      return (unsigned short)va_arg(arguments->list, unsigned);
    case kInt:
      return va_arg(arguments->list, unsigned);
    case kLong:
      return va_arg(arguments->list, unsigned long);
    case kLongLong:
    default:
      return va_arg(arguments->list, unsigned long long);
  }
}

/* Parses the flags, width, precision and length of a conversion. Returns a pointer to the conversion's letter. */
static const char *parse_conversion(const char *format, struct Arguments *arguments, struct Conversion *conversion) {
  format = parse_flags(format, conversion);
  if (*format == '*') {
    int width = va_arg(arguments->list, int);
    conversion->left |= width < 0;
    conversion->width = width < 0 ? (size_t)(-(int64_t)width) : (size_t)width;
    format++;
  } else {
    format = parse_number(format, &conversion->width);
  }
  if (*format == '.') {
    format++;
    conversion->has_precision = true;
    if (*format == '*') {
      int precision = va_arg(arguments->list, int);
      conversion->has_precision = precision >= 0;
      conversion->precision = precision < 0 ? 0 : (size_t)precision;
      format++;
    } else {
      format = parse_number(format, &conversion->precision);
    }
    /* Checked here, because a negative precision counts as none later on. */
    format = parse_length(format, conversion);
    if (*format != 's') {
      spry_abort("spry_printf: a precision is for %s only");
    }
    return format;
  }
  return parse_length(format, conversion);
}

static void put_conversion(struct Output *output, char letter, const struct Conversion *conversion,
                           struct Arguments *arguments) {
  static const char lower[] = "0123456789abcdef";
  static const char upper[] = "0123456789ABCDEF";
  switch (letter) {
    case 'd':
    case 'i': {
      int64_t value = next_signed(arguments, conversion);
      put_number(output, conversion,
                 value < 0           ? "-"
                 : conversion->space ? " "
                                     : "",
                 value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, lower);
      return;
    }
    case 'u':
      put_number(output, conversion, "", next_unsigned(arguments, conversion), 10, lower);
      return;
    case 'x':
      put_number(output, conversion, "", next_unsigned(arguments, conversion), 16, lower);
      return;
    case 'X':
      put_number(output, conversion, "", next_unsigned(arguments, conversion), 16, upper);
      return;
    case 'o':
      put_number(output, conversion, "", next_unsigned(arguments, conversion), 8, lower);
      return;
    case 'p':
      put_number(output, conversion, "0x", (uintptr_t)va_arg(arguments->list, void *), 16, lower);
      return;
    case 'c': {
      struct Conversion text = *conversion;
      char character = (char)va_arg(arguments->list, int);
      text.zeros = false;
      put_field(output, &text, &character, 1, 0);
      return;
    }
    case 's': {
      struct Conversion text = *conversion;
      text.zeros = false;
      put_string(output, &text, va_arg(arguments->list, const char *));
      return;
    }
    case '%':
      put(output, "%", 1);
      return;
    default:
      spry_abort("spry_printf: the format has a conversion that is not supported");
  }
}

void spry_vprintf(int stream, const char *format, va_list list) {
  struct Output output;
  struct Arguments arguments;
  output.stream = stream;
  output.used = 0;
  va_copy(arguments.list, list);
  for (;;) {
    size_t literal = 0;
    while (format[literal] != 0 && format[literal] != '%') {
      literal++;
    }
    put(&output, format, literal);
    format += literal;
    if (*format == 0) {
      break;
    }
    struct Conversion conversion = {.length = kInt};
    format = parse_conversion(format + 1, &arguments, &conversion);
    put_conversion(&output, *format, &conversion, &arguments);
    format++;
  }
  va_end(arguments.list);
  flush(&output);
}

void spry_printf(int stream, const char *format, ...) {
  va_list list;
  va_start(list, format);
  spry_vprintf(stream, format, list);
  va_end(list);
}
