#include "json_cursor.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace seg {
namespace {

constexpr int deepest = 200;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Length of the leading bytes that a string holds as they are: printable ASCII but '"' and '\'.
std::size_t plain_length(const char* text, std::size_t n) {
  const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t word;
    std::memcpy(&word, text + i, 8);
    uint64_t quote = word ^ ones * '"', slash = word ^ ones * '\\';
    // A top bit is set where a byte is '"', '\', below 32 or above 127 (or follows such a byte).
    if (((quote - ones) | (slash - ones) | (word - ones * 32) | word) & tops) break;
  }
  for (; i < n; ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    if (c == '"' || c == '\\' || c < 32 || c > 127) break;
  }
  return i;
}

// Bytes of the UTF-8 character that begins here, by Unicode 15, table 3-7.
std::size_t utf8_length(const char* text, std::size_t n) {
  auto byte = [=](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned lead = byte(0);
  std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4) throw JsonOdd{};
  if (n < length) throw JsonMore{};
  unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) throw JsonOdd{};
  for (std::size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) throw JsonOdd{};
  }
  return length;
}

void append_utf8(std::string& out, uint32_t code) {
  auto put = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 63));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 63));
    put(0x80 | (code & 63));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 63));
    put(0x80 | (code >> 6 & 63));
    put(0x80 | (code & 63));
  }
}

// Powers of ten that a double holds exactly.
constexpr double exact_tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// A decimal without exponent, of at most 15 digits: one exact division rounds it correctly (Clinger, How to
// read floating point numbers accurately, PLDI 1990). False where it is none.
bool short_decimal(const char* text, const char* end, double& value) {
  bool minus = *text == '-';
  text += minus;
  if (end - text > 16) return false;
  int64_t mantissa = 0;
  const char* point = end;
  for (const char* c = text; c < end; ++c) {
    if (*c == '.') {
      point = c + 1;
    } else if (is_digit(*c)) {
      mantissa = 10 * mantissa + (*c - '0');
    } else {
      return false;
    }
  }
  if (mantissa >= 1000000000000000) return false;
  double whole = static_cast<double>(mantissa) / exact_tens[end - point];
  value = minus && (mantissa != 0 || point != end) ? -whole : whole;  // -0 is the integer 0
  return true;
}

double any_decimal(const char* text, const char* end) {
  double value = 0;
#if defined(__cpp_lib_to_chars)
  if (std::from_chars(text, end, value).ec != std::errc()) throw JsonOdd{};
#else
  // The standard library lacks from_chars for doubles. strtod reads the same where the locale is C's.
  std::string copy(text, end);
  char* stop = nullptr;
  value = std::strtod(copy.c_str(), &stop);
  if (stop != copy.c_str() + copy.size()) throw JsonOdd{};
#endif
  if (!std::isfinite(value)) throw JsonOdd{};
  return value;
}

}  // namespace

char JsonCursor::peek() {
  for (;; ++at_) {
    char c = now();
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return c;
  }
}

void JsonCursor::expect(char wanted) {
  if (peek() != wanted) throw JsonOdd{};
  ++at_;
}

bool JsonCursor::take(char wanted) {
  bool found = peek() == wanted;
  at_ += found;
  return found;
}

bool JsonCursor::next(char close) {
  if (take(close)) return false;
  expect(',');
  if (peek() == close) throw JsonOdd{};
  return true;
}

std::string_view JsonCursor::string(std::string& scratch) {
  expect('"');
  const char* begin = at_;
  at_ += plain_length(at_, static_cast<std::size_t>(end_ - at_));
  if (now() == '"') return {begin, static_cast<std::size_t>(at_++ - begin)};
  scratch.assign(begin, at_);
  for (;;) {
    begin = at_;
    at_ += plain_length(at_, static_cast<std::size_t>(end_ - at_));
    scratch.append(begin, at_);
    char c = now();
    if (c == '"') break;
    if (c == '\\') {
      ++at_;
      escape(scratch);
    } else if (static_cast<unsigned char>(c) < 32) {
      throw JsonOdd{};
    } else {
      std::size_t length = utf8_length(at_, static_cast<std::size_t>(end_ - at_));
      scratch.append(at_, length);
      at_ += length;
    }
  }
  ++at_;
  return scratch;
}

void JsonCursor::escape(std::string& out) {
  static constexpr std::string_view names = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
  char c = now();
  ++at_;
  std::size_t i = names.find(c);
  if (i != std::string_view::npos) {
    out.push_back(meanings[i]);
    return;
  }
  if (c != 'u') throw JsonOdd{};
  uint32_t code = hex4();
  if (code >= 0xD800 && code < 0xE000) {
    if (code >= 0xDC00) throw JsonOdd{};
    for (char wanted : {'\\', 'u'}) {
      if (now() != wanted) throw JsonOdd{};
      ++at_;
    }
    uint32_t low = hex4();
    if (low < 0xDC00 || low > 0xDFFF) throw JsonOdd{};
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  append_utf8(out, code);
}

uint32_t JsonCursor::hex4() {
  uint32_t code = 0;
  for (int i = 0; i < 4; ++i) {
    char c = now();
    ++at_;
    uint32_t digit = is_digit(c)             ? static_cast<uint32_t>(c - '0')
                     : c >= 'a' && c <= 'f' ? static_cast<uint32_t>(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? static_cast<uint32_t>(c - 'A' + 10)
                                            : 16;
    if (digit == 16) throw JsonOdd{};
    code = 16 * code + digit;
  }
  return code;
}

void JsonCursor::word(std::string_view text) {
  for (char wanted : text) {
    if (now() != wanted) throw JsonOdd{};
    ++at_;
  }
}

bool JsonCursor::null() {
  if (peek() != 'n') return false;
  word("null");
  return true;
}

bool JsonCursor::flag() {
  switch (peek()) {
    case 't': word("true"); return true;
    case 'f': word("false"); return false;
    case 'n': word("null"); return false;
    default: break;
  }
  int64_t value = integer();
  if (value != 0 && value != 1) throw JsonOdd{};
  return value == 1;
}

void JsonCursor::digits() {
  if (!is_digit(now())) throw JsonOdd{};
  while (is_digit(now())) ++at_;
}

// Moves over a number and returns where it ends.
const char* JsonCursor::number_end() {
  if (now() == '-') ++at_;
  if (now() == '0') {
    ++at_;
  } else {
    digits();
  }
  if (now() == '.') {
    ++at_;
    digits();
  }
  if (now() == 'e' || now() == 'E') {
    ++at_;
    if (now() == '+' || now() == '-') ++at_;
    digits();
  }
  return at_;
}

int64_t JsonCursor::integer() {
  peek();
  const char* begin = at_;
  const char* end = number_end();
  int64_t value = 0;
  auto [stop, error] = std::from_chars(begin, end, value);
  if (error != std::errc() || stop != end) throw JsonOdd{};
  return value;
}

double JsonCursor::number() {
  peek();
  const char* begin = at_;
  const char* end = number_end();
  double value = 0;
  return short_decimal(begin, end, value) ? value : any_decimal(begin, end);
}

void JsonCursor::skip(int depth) {
  if (depth > deepest) throw JsonOdd{};
  std::string scratch;
  char c = peek();
  if (c == '"') {
    string(scratch);
  } else if (c == '{' || c == '[') {
    ++at_;
    char close = c == '{' ? '}' : ']';
    if (take(close)) return;
    do {
      if (close == '}') {
        peek();
        string(scratch);
        expect(':');
      }
      skip(depth + 1);
    } while (next(close));
  } else if (c == '-' || is_digit(c)) {
    number();
  } else {
    word(c == 't' ? "true" : c == 'f' ? "false" : "null");
  }
}

}  // namespace seg
