// Comparisons of 64 values at once: bit i of a word tells of value i.
#pragma once

#include <cstring>

#include "portable.h"
#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#define SEG_SSE2
#elif defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "words.h reads marks eight a word and needs a little-endian processor"
#endif

namespace seg {

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

// How many bits are set: sums of 1, 2, 4 and then all bits, side by side.
inline int64_t bit_count(uint64_t bits) {
  bits -= bits >> 1 & 0x5555555555555555u;
  bits = (bits & 0x3333333333333333u) + (bits >> 2 & 0x3333333333333333u);
  bits = (bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
  return static_cast<int64_t>(bits * 0x0101010101010101u >> 56);
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

// Where a[i] != b[i], in plain loops that compilers turn into vector instructions.
template <class T>
uint64_t differing_anywhere(const T* a, const T* b) {
  uint8_t marks[64];
  for (int i = 0; i < 64; ++i) marks[i] = a[i] != b[i];
  return pack_marks(marks);
}

#if defined(SEG_SSE2)

// 0xFF for each of 16 values that are equal, else 0.
template <class T>
__m128i equal_16(const T* a, const T* b) {
  constexpr int step = 16 / sizeof(T);
  auto at = [](const T* p, int i) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + i * step)); };
  if constexpr (sizeof(T) == 1) {
    return _mm_cmpeq_epi8(at(a, 0), at(b, 0));
  } else if constexpr (sizeof(T) == 2) {
    auto eight = [&](int i) { return _mm_cmpeq_epi16(at(a, i), at(b, i)); };
    return _mm_packs_epi16(eight(0), eight(1));
  } else {
    auto four = [&](int i) { return _mm_cmpeq_epi32(at(a, i), at(b, i)); };
    return _mm_packs_epi16(_mm_packs_epi32(four(0), four(1)), _mm_packs_epi32(four(2), four(3)));
  }
}

#endif

// Where a[i] != b[i].
template <class T>
uint64_t differing(const T* a, const T* b) {
#if defined(SEG_SSE2)
  if constexpr (sizeof(T) <= 4) {
    uint64_t equal = 0;
    for (int i = 0; i < 64; i += 16) {
      auto bits = static_cast<uint32_t>(_mm_movemask_epi8(equal_16(a + i, b + i)));
      equal |= static_cast<uint64_t>(bits) << i;
    }
    return ~equal;
  }
#endif
  return differing_anywhere(a, b);
}

// Whether any of 64 bytes is not 0.
inline bool any_not_zero(const uint8_t* bytes) {
#if defined(SEG_SSE2)
  auto at = [bytes](int i) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + i)); };
  __m128i any = _mm_or_si128(_mm_or_si128(at(0), at(16)), _mm_or_si128(at(32), at(48)));
  return _mm_movemask_epi8(_mm_cmpeq_epi8(any, _mm_setzero_si128())) != 0xFFFF;
#else
  uint64_t any = 0;
  for (int i = 0; i < 64; i += 8) {
    uint64_t eight;
    std::memcpy(&eight, bytes + i, 8);
    any |= eight;
  }
  return any != 0;
#endif
}

// Where bytes[i] != 0.
inline uint64_t not_zero(const uint8_t* bytes) {
  static const uint8_t zeros[64] = {};
  return differing(bytes, zeros);
}

}  // namespace seg
