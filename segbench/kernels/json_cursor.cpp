#include "json_cursor.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "words.h"

namespace seg {
namespace {

constexpr int deepest = 200;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Length of the leading bytes that a string holds as they are: printable ASCII but '"' and '\'.
std::size_t plain_length(const char* text, std::size_t n) {
  std::size_t i = 0;
#if defined(SEG_SSE2)
  const __m128i quotes = _mm_set1_epi8('"'), slashes = _mm_set1_epi8('\\'), spaces = _mm_set1_epi8(' ');
  for (; i + 16 <= n; i += 16) {
    __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + i));
    __m128i found = _mm_or_si128(_mm_cmpeq_epi8(bytes, quotes), _mm_cmpeq_epi8(bytes, slashes));
    found = _mm_or_si128(found, _mm_cmplt_epi8(bytes, spaces));  // those above 127 are negative here
    auto bits = static_cast<uint32_t>(_mm_movemask_epi8(found));
    if (bits) return i + static_cast<std::size_t>(lowest_bit(bits));
  }
#endif
  const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
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
constexpr double exact_tens[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

double any_number(const char* text, const char* end) {
  if (std::string_view(text, static_cast<std::size_t>(end - text)) == "-0") return 0;  // an integer
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

// Takes a number of at most 15 digits without exponent, as nearly all are: mantissa / 10^decimals. Takes nothing
// and returns false where it is longer or odd, or where the text may end within it.
bool JsonCursor::short_number(bool fractions, int64_t& mantissa, int& decimals) {
  if (end_ - at_ < 19) return false;  // '-', 16 digits, '.' and the character behind them: what is looked at
  const char* c = at_ + (*at_ == '-');
  const char* first = c;
  uint64_t value = 0;
  for (; is_digit(*c) && c - first < 16; ++c) value = 10 * value + static_cast<uint64_t>(*c - '0');
  auto digits = c - first;
  if (digits == 0 || (*first == '0' && digits > 1)) return false;
  decimals = 0;
  if (*c == '.') {
    const char* point = c++;
    for (; is_digit(*c) && c - first < 17; ++c) value = 10 * value + static_cast<uint64_t>(*c - '0');
    decimals = static_cast<int>(c - point - 1);
    if (decimals == 0 || !fractions) return false;
    digits += decimals;
  }
  if (digits > 15 || is_digit(*c) || *c == 'e' || *c == 'E') return false;
  mantissa = *at_ == '-' ? -static_cast<int64_t>(value) : static_cast<int64_t>(value);
  at_ = c;
  return true;
}

int64_t JsonCursor::integer() {
  peek();
  int64_t value = 0;
  int decimals = 0;
  if (short_number(false, value, decimals)) return value;
  const char* begin = at_;
  const char* end = number_end();
  auto [stop, error] = std::from_chars(begin, end, value);
  if (error != std::errc() || stop != end) throw JsonOdd{};
  return value;
}

// A short number takes one exact division, which rounds it correctly (Clinger, How to read floating point numbers
// accurately, PLDI 1990).
double JsonCursor::number() {
  bool minus = peek() == '-';
  int64_t mantissa = 0;
  int decimals = 0;
  const char* begin = at_;
  if (!short_number(true, mantissa, decimals)) return any_number(begin, number_end());
  if (minus && mantissa == 0 && decimals > 0) return -0.0;
  return static_cast<double>(mantissa) / exact_tens[decimals];
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
