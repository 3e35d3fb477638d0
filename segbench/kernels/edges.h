// Finds where neighbouring pixels differ, fast, in two steps: compare a strip (plain loops that compilers
// turn into vector instructions), then visit the marked pixels of 64 at a time.
#pragma once

#include <cstring>

#include "overlap.h"
#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "edges.h reads marks eight a word and needs a little-endian processor"
#endif

namespace seg {

constexpr int64_t strip_size = 256;

// Position of the lowest bit that is set; bits != 0.
inline int64_t lowest_bit(uint64_t bits) {
#if defined(__GNUC__) || defined(__clang__)
  return __builtin_ctzll(bits);
#elif defined(_MSC_VER) && defined(_WIN64)
  unsigned long at;
  _BitScanForward64(&at, bits);
  return static_cast<int64_t>(at);
#else
  int64_t at = 0;
  for (; !(bits & 1); bits >>= 1) ++at;
  return at;
#endif
}

// The 64 bytes of 0 or 1 as bits: each product moves eight of them into its top byte.
inline uint64_t pack_marks(const uint8_t* marks) {
  uint64_t bits = 0;
  for (int i = 0; i < 64; i += 8) {
    uint64_t eight;
    std::memcpy(&eight, marks + i, 8);
    bits |= eight * 0x0102040810204080u >> 56 << i;
  }
  return bits;
}

// Calls visit(i) for each i of 0 .. n - 1 whose mark is set; mark(from, count, marks) sets bytes to 0 or 1.
template <class Mark, class Visit>
void for_each_mark(int64_t n, Mark mark, Visit visit) {
  alignas(64) uint8_t marks[strip_size];
  for (int64_t from = 0; from < n; from += strip_size) {
    int64_t count = least(strip_size, n - from);
    mark(from, count, marks);
    std::memset(marks + count, 0, static_cast<size_t>((64 - count % 64) % 64));
    for (int64_t i = 0; i < count; i += 64) {
      for (uint64_t bits = pack_marks(marks + i); bits; bits &= bits - 1) visit(from + i + lowest_bit(bits));
    }
  }
}

// Calls run(begin, end) for each longest stretch of n pixels in which a and b do not change.
template <class T, class Run>
void for_each_run(const T* a, const T* b, int64_t n, Run run) {
  if (n == 0) return;
  int64_t begin = 0;
  auto mark = [a, b](int64_t from, int64_t count, uint8_t* marks) {
    for (int64_t i = 0; i < count; ++i) marks[i] = begins_run(a, b, from + i + 1);
  };
  for_each_mark(n - 1, mark, [&](int64_t i) {
    run(begin, i + 1);
    begin = i + 1;
  });
  run(begin, n);
}

}  // namespace seg
