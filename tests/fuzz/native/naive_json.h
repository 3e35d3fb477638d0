// JSON restated plainly: a whole text to a tree of values, or nothing where it is not valid (RFC 8259).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace naive {

struct Json {
  char kind = '?';  // { [ " 0 t f n
  std::size_t begin = 0, end = 0;
  std::string text;  // of a string its characters, of a number its spelling
  std::vector<std::string> keys;
  std::vector<Json> items;

  // The value of a key, or null where there is none; the last of several.
  const Json* find(std::string_view key) const {
    for (std::size_t i = keys.size(); i-- > 0;) {
      if (keys[i] == key) return &items[i];
    }
    return nullptr;
  }
};

class JsonParser {
 public:
  explicit JsonParser(std::string_view text) : text_(text) {}

  std::optional<Json> whole() {
    Json value;
    if (!read(value, 0)) return std::nullopt;
    blanks();
    return at_ == text_.size() ? std::optional(value) : std::nullopt;
  }

 private:
  // The next character, or 0 at the end: no token begins with that.
  char now() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    bool found = at_ < text_.size() && text_[at_] == c;
    at_ += found;
    return found;
  }
  void blanks() {
    while (now() == ' ' || now() == '\n' || now() == '\r' || now() == '\t') ++at_;
  }
  bool word(std::string_view wanted) {
    bool found = text_.substr(at_, wanted.size()) == wanted;
    at_ += found ? wanted.size() : 0;
    return found;
  }

  bool read(Json& value, int depth) {
    blanks();
    value.begin = at_;
    value.kind = now() == '-' || digit() ? '0' : now();
    bool good = false;
    switch (value.kind) {
      case '{':
      case '[': good = depth < 1000 && list(value, depth); break;
      case '"': good = string(value.text); break;
      case '0': good = number(value.text); break;
      case 't': good = word("true"); break;
      case 'f': good = word("false"); break;
      case 'n': good = word("null"); break;
      default: break;
    }
    value.end = at_;
    return good;
  }

  bool list(Json& value, int depth) {
    char close = value.kind == '{' ? '}' : ']';
    ++at_;
    blanks();
    if (take(close)) return true;
    do {
      if (value.kind == '{') {
        blanks();
        value.keys.emplace_back();
        if (!string(value.keys.back())) return false;
        blanks();
        if (!take(':')) return false;
      }
      value.items.emplace_back();
      if (!read(value.items.back(), depth + 1)) return false;
      blanks();
    } while (take(','));
    return take(close);
  }

  bool digit() const { return now() >= '0' && now() <= '9'; }
  bool digits() {
    std::size_t before = at_;
    while (digit()) ++at_;
    return at_ > before;
  }

  bool number(std::string& out) {
    std::size_t begin = at_;
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      if (!digits()) return false;
    }
    out = text_.substr(begin, at_ - begin);
    return true;
  }

  bool hex4(uint32_t& code) {
    code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      static constexpr std::string_view low = "0123456789abcdef", high = "0123456789ABCDEF";
      std::size_t value = low.find(now());
      if (value == std::string_view::npos) value = high.find(now());
      if (value == std::string_view::npos || at_ >= text_.size()) return false;
      code = code * 16 + static_cast<uint32_t>(value);
    }
    return true;
  }

  bool string(std::string& out) {
    if (!take('"')) return false;
    for (;;) {
      if (at_ >= text_.size()) return false;
      auto c = static_cast<unsigned char>(text_[at_]);
      if (take('"')) return true;
      if (c < 32) return false;
      if (c == '\\') {
        if (!escape(out)) return false;
      } else if (c < 128) {
        out.push_back(text_[at_++]);
      } else if (!utf8(out)) {
        return false;
      }
    }
  }

  bool escape(std::string& out) {
    static constexpr std::string_view names = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    ++at_;
    std::size_t i = names.find(now());
    if (i != std::string_view::npos && at_ < text_.size()) {
      out.push_back(meanings[i]);
      ++at_;
      return true;
    }
    uint32_t code = 0, low = 0;
    if (!take('u') || !hex4(code)) return false;
    if (code >= 0xD800 && code <= 0xDFFF) {  // half a pair is nothing
      if (code > 0xDBFF || !take('\\') || !take('u') || !hex4(low) || low < 0xDC00 || low > 0xDFFF) return false;
      code = 0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00);
    }
    encode(code, out);
    return true;
  }

  static void encode(uint32_t code, std::string& out) {
    int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static constexpr uint32_t leads[] = {0, 0xC0, 0xE0, 0xF0};
    out.push_back(static_cast<char>(leads[more] | code >> 6 * more));
    while (more-- > 0) out.push_back(static_cast<char>(0x80 | (code >> 6 * more & 63)));
  }

  // One character beyond ASCII: valid if writing its code gives the same bytes, and it is no surrogate.
  bool utf8(std::string& out) {
    auto lead = static_cast<unsigned char>(text_[at_]);
    std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (at_ + length > text_.size()) return false;
    uint32_t code = lead & (0x7Fu >> length);
    for (std::size_t i = 1; i < length; ++i) code = code * 64 + (text_[at_ + i] & 63);
    std::string again;
    if (code < 0x110000) encode(code, again);
    if (again != text_.substr(at_, length) || (code >= 0xD800 && code <= 0xDFFF)) return false;
    out += again;
    at_ += length;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace naive
