// A strict reader of JSON text that may still be arriving (RFC 8259).
//
// What is valid is read or skipped; anything else throws JsonOdd, and so does what an ordinary file does not
// hold: half of a surrogate pair, a number beyond a double. Where the text ends too early JsonMore is thrown:
// the caller comes back to the same place with more of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace seg {

struct JsonMore {};
struct JsonOdd {};

class JsonCursor {
 public:
  JsonCursor(const char* at, const char* end) : at_(at), end_(end) {}

  const char* at() const { return at_; }

  // The next character after white space, not yet taken.
  char peek() {
    for (;; ++at_) {
      char c = now();
      if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return c;
    }
  }

  // Takes this character, after white space.
  void expect(char wanted) {
    if (peek() != wanted) throw JsonOdd{};
    ++at_;
  }

  // Takes this character if it is next, after white space.
  bool take(char wanted) {
    bool found = peek() == wanted;
    at_ += found;
    return found;
  }

  // Takes ',' and returns true, or takes `close` and returns false. A ',' before `close` is odd.
  bool next(char close) {
    if (take(close)) return false;
    expect(',');
    if (peek() == close) throw JsonOdd{};
    return true;
  }

  // A string; `scratch` holds its characters where it has escapes. Valid UTF-8, no half of a surrogate pair.
  std::string_view string(std::string& scratch);

  // Takes null if it is next.
  bool null();

  // 0, 1, true, false or null.
  bool flag();

  // An integer of 64 bits, written without fraction and exponent.
  int64_t integer();

  // A finite number, correctly rounded.
  double number();

  // Any value.
  void skip(int depth = 0);

 private:
  char now() const {
    if (at_ == end_) throw JsonMore{};
    return *at_;
  }
  void word(std::string_view text);
  void digits();
  const char* number_end();
  bool short_number(bool fractions, int64_t& mantissa, int& decimals);
  void escape(std::string& out);
  uint32_t hex4();

  const char* at_;
  const char* end_;
};

}  // namespace seg
