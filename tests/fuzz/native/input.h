// What the harnesses share: values taken from a fuzzer's bytes, and a check that ends the program.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

// A finding: libFuzzer keeps the input that led here.
#define HOLD(condition)                                                         \
  do {                                                                          \
    if (!(condition)) {                                                         \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                             \
    }                                                                           \
  } while (false)

// Of a plain twin: the fuzzer need not follow its branches, which would take most of the time.
#define TWIN __attribute__((no_sanitize("coverage")))

// Bytes to be taken one after the other; when they have run out, zeros.
class Input {
 public:
  Input(const uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}

  bool empty() const { return at_ == end_; }
  uint8_t byte() { return at_ == end_ ? 0 : *at_++; }
  uint32_t word() {
    uint32_t value = 0;
    for (int shift = 0; shift < 32; shift += 8) value |= static_cast<uint32_t>(byte()) << shift;
    return value;
  }

  // A text of at most 255 characters, its length before it.
  std::string_view piece() {
    std::size_t length = byte(), left = static_cast<std::size_t>(end_ - at_);
    if (length > left) length = left;
    return text(length);
  }

  std::string_view rest() { return text(static_cast<std::size_t>(end_ - at_)); }

 private:
  std::string_view text(std::size_t length) {
    std::string_view out(reinterpret_cast<const char*>(at_), length);
    at_ += length;
    return out;
  }

  const uint8_t* at_;
  const uint8_t* end_;
};
