// The same action in C++, with what the guest library offers for C++.
#include <spry/guest.h>

SPRY_DEVICE(oracle, "oracle", "answer");

namespace {

class Answer {
 public:
  explicit Answer(int64_t value) : value_(value) {}
  virtual ~Answer() = default;
  virtual int64_t value() const { return value_; }

 private:
  int64_t value_;
};

}  // namespace

int spry_main(int argc, char **argv) {
  const Answer *answer = new Answer(spry_hypercall(SPRY_CALL_DEVICE, spry_handle(&oracle), 1, 6, 7, 0));
  spry_printf(SPRY_STREAM_OUTPUT, "%s: %ld\n", argc > 0 ? argv[0] : "nobody", answer->value());
  delete answer;
  return 3;
}
