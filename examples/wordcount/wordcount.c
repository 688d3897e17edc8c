// Counts the lines, words and bytes of its input and prints them exactly as `wc < FILE` does (GNU coreutils 9.1, C
// locale): three numbers, each as wide as the number of bytes.
//
// The rule for words is wc's: white space (space, \t, \n, \v, \f, \r) ends a word, and a printable character begins or
// continues one. Any other byte changes nothing: inside a word it belongs to the word, outside it begins none.
#include <emmintrin.h>
#include <spry/guest.h>
#include <stdbool.h>

struct Counts {
  uint64_t lines;
  uint64_t words;
  bool in_word;
};

// What 64 bytes are: one bit for each byte.
struct Masks {
  uint64_t line_feed;
  uint64_t space;
  uint64_t printable;
};

static uint64_t population_count(uint64_t bits) {
  bits -= (bits >> 1) & 0x5555555555555555u;
  bits = (bits & 0x3333333333333333u) + ((bits >> 2) & 0x3333333333333333u);
  bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0fu;
  return bits * 0x0101010101010101u >> 56;
}

static uint64_t mask(__m128i bytes) { return (uint64_t)(unsigned)_mm_movemask_epi8(bytes); }

// Marks the bytes from `first` to `last`, which are both below 0x80. Compares signed numbers, so that bytes from 0x80
// on are negative and lie outside.
static __m128i in_range(__m128i bytes, char first, char last) {
  return _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8((char)(first - 1))),
                       _mm_cmplt_epi8(bytes, _mm_set1_epi8((char)(last + 1))));
}

static struct Masks classify(const unsigned char *bytes) {
  struct Masks masks = {0, 0, 0};
  for (unsigned i = 0; i < 64; i += 16) {
    __m128i part = _mm_loadu_si128((const __m128i_u *)(bytes + i));
    __m128i space = _mm_or_si128(_mm_cmpeq_epi8(part, _mm_set1_epi8(' ')), in_range(part, '\t', '\r'));
    masks.line_feed |= mask(_mm_cmpeq_epi8(part, _mm_set1_epi8('\n'))) << i;
    masks.space |= mask(space) << i;
    masks.printable |= mask(in_range(part, '!', '~')) << i;
  }
  return masks;
}

static bool is_space(unsigned char byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }
static bool is_printable(unsigned char byte) { return byte >= '!' && byte <= '~'; }

// A word is counted where it begins.
static void count_bytes(struct Counts *counts, const unsigned char *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    counts->lines += bytes[i] == '\n';
    if (is_space(bytes[i])) {
      counts->in_word = false;
    } else if (is_printable(bytes[i])) {
      counts->words += !counts->in_word;
      counts->in_word = true;
    }
  }
}

// The same for 64 bytes at once. A byte that neither begins nor ends a word is in a word if the byte before it is. Such
// bytes form runs of ones in `neither`. Adding the first bit of each run that follows a word clears that run, and the
// cleared runs are those inside words.
static void count_64_bytes(struct Counts *counts, const unsigned char *bytes) {
  struct Masks masks = classify(bytes);
  uint64_t before = counts->in_word ? 1 : 0;
  uint64_t neither = ~(masks.space | masks.printable);
  uint64_t first = (masks.printable << 1 | before) & neither;
  uint64_t in_word = masks.printable | (neither & ~(neither + first));
  counts->lines += population_count(masks.line_feed);
  counts->words += population_count(masks.printable & ~(in_word << 1 | before));
  counts->in_word = in_word >> 63 != 0;
}

static struct Counts count(struct spry_bytes input) {
  struct Counts counts = {0, 0, false};
  const unsigned char *next = input.data;
  size_t left = input.length;
  for (; left >= 64; left -= 64) {
    count_64_bytes(&counts, next);
    next += 64;
  }
  count_bytes(&counts, next, left);
  return counts;
}

int spry_main(int argc, char **argv) {
  (void)argc;
  (void)argv;
  struct spry_bytes input = spry_input();
  struct Counts counts = count(input);
  int width = 1;
  for (size_t rest = input.length; rest >= 10; rest /= 10) {
    width++;
  }
  spry_printf(SPRY_STREAM_OUTPUT, "%*llu %*llu %*llu\n", width, (unsigned long long)counts.lines, width,
              (unsigned long long)counts.words, width, (unsigned long long)input.length);
  return 0;
}
