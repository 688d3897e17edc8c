// JSON that is handed on while it is formatted, so that a large text is never held a second time.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

namespace spry {

class JsonText {
 public:
  // Takes the next piece, of at least one byte. If it returns false, it gets no further piece.
  using Sink = std::function<bool(std::string_view)>;

  explicit JsonText(Sink sink);

  // Adds JSON text unchanged.
  void add(std::string_view json);
  // Adds a string, with quotation marks and escapes. Bytes that are not UTF-8 become U+FFFD, as with nlohmann's
  // `replace`.
  void add_string(std::string_view text);
  // Hands on what is left. False if the sink failed at any time.
  bool finish();

 private:
  void flush();

  Sink sink_;
  bool failed_ = false;
  std::unique_ptr<char[]> piece_;
  std::size_t size_ = 0;  // of what is in it
};

}  // namespace spry
