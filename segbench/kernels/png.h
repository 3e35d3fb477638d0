// Undoing PNG's row filters, with shortcuts for the residuals of 0 that label maps are full of.
//
// Portable Network Graphics (PNG) Specification (Third Edition, W3C Recommendation, 2025), section 9. Every
// byte was stored as its difference from a prediction made from a (the same channel of the pixel to the
// left), b (above) and c (above left); beyond the edges these are 0. A row needs the one above it and a pixel
// the one to its left, so this is work for a CPU.
#pragma once

#include <cstdlib>
#include <cstring>

#include "portable.h"

namespace seg {

// Bytes tested and filled together: whole pixels and whole 64-bit words.
template <int pixel>
constexpr int png_block = pixel == 3 ? 24 : 8;

// The nearest of a, b and c to a + b - c; of equals a, then b.
inline int paeth(int a, int b, int c) {
  int from_a = std::abs(b - c), from_b = std::abs(a - c), from_c = std::abs(a - c + b - c);
  int best = from_b < from_a ? b : a;
  return from_c < least(from_a, from_b) ? c : best;
}

// The filters: what each predicts; whether it looks at the row above; whether it repeats the pixel to the left,
// or the one above, where b = c and the residual is 0; whether a row of residuals 0 is the one above.
struct PngSub {
  static constexpr bool looks_up = false, repeats_left = true, repeats_above = false, repeats_row = false;
  static int predict(int a, int, int) { return a; }
};
struct PngUp {
  static constexpr bool looks_up = true, repeats_left = false, repeats_above = true, repeats_row = true;
  static int predict(int, int b, int) { return b; }
};
struct PngAverage {
  static constexpr bool looks_up = true, repeats_left = false, repeats_above = false, repeats_row = false;
  static int predict(int a, int b, int) { return (a + b) / 2; }
};
struct PngPaeth {
  static constexpr bool looks_up = true, repeats_left = true, repeats_above = false, repeats_row = true;
  static int predict(int a, int b, int c) { return paeth(a, b, c); }
};

inline uint64_t word_at(const uint8_t* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

template <int n>
bool all_zero(const uint8_t* bytes) {
  uint64_t any = 0;
  for (int i = 0; i < n; i += 8) any |= word_at(bytes + i);
  return any == 0;
}

template <int n>
bool all_equal(const uint8_t* a, const uint8_t* b) {
  uint64_t differ = 0;
  for (int i = 0; i < n; i += 8) differ |= word_at(a + i) ^ word_at(b + i);
  return differ == 0;
}

// A row of `n` bytes, whole pixels: `in` holds its residuals, `up` is the row above, `out` this one.
template <int pixel>
struct PngRow {
  static constexpr int block = png_block<pixel>;
  const uint8_t* in;
  const uint8_t* up;
  uint8_t* out;
  int64_t n;

  // Bytes begin .. end - 1, whole pixels, one by one.
  template <class Predict>
  void pixels(int64_t begin, int64_t end, Predict predict) const {
    const uint8_t *residuals = in, *above = up;
    uint8_t* to = out;
    int a[pixel] = {}, c[pixel] = {};
    for (int k = 0; k < pixel && begin > 0; ++k) {
      a[k] = to[begin - pixel + k];
      c[k] = above[begin - pixel + k];
    }
    for (int64_t i = begin; i < end; i += pixel) {
      for (int k = 0; k < pixel; ++k) {
        int b = above[i + k];
        a[k] = static_cast<uint8_t>(residuals[i + k] + predict(a[k], b, c[k]));
        c[k] = b;
        to[i + k] = static_cast<uint8_t>(a[k]);
      }
    }
  }

  // The whole row. Called where a block of residuals is 0, fill(i) fills what it can and returns its end.
  template <class Predict, class Fill>
  void blocks(Predict predict, Fill fill) const {
    pixels(0, pixel, predict);
    int64_t i = pixel;
    while (i + block <= n) {
      int64_t end = all_zero<block>(in + i) ? fill(i) : i;
      if (end == i) {
        end = i + block;
        pixels(i, end, predict);
      }
      i = end;
    }
    pixels(i, n, predict);
  }

  // Repeats the pixel before byte i while residuals are 0 and holds(i) for each block.
  template <class Holds>
  int64_t repeat(int64_t i, Holds holds) const {
    uint8_t same[block];
    for (int k = 0; k < block; ++k) same[k] = out[i - pixel + k % pixel];
    for (; i + block <= n && all_zero<block>(in + i) && holds(i); i += block) {
      std::memcpy(out + i, same, sizeof same);
    }
    return i;
  }

  // Copies the row above under the same conditions.
  template <class Holds>
  int64_t copy_up(int64_t i, Holds holds) const {
    for (; i + block <= n && all_zero<block>(in + i) && holds(i); i += block) {
      std::memcpy(out + i, up + i, block);
    }
    return i;
  }

  bool up_is_flat(int64_t i) const { return all_equal<block>(up + i, up + i - pixel); }

  bool left_is_corner(int64_t i) const { return std::memcmp(out + i - pixel, up + i - pixel, pixel) == 0; }

  void undo_sub() const {
    auto always = [](int64_t) { return true; };
    blocks(PngSub::predict, [=](int64_t i) { return repeat(i, always); });
  }

  void undo_up() const {
    const uint8_t *residuals = in, *above = up;
    uint8_t* to = out;
    for (int64_t i = 0, end = n; i < end; ++i) to[i] = static_cast<uint8_t>(residuals[i] + above[i]);
  }

  void undo_average() const {
    auto flat = [this](int64_t i) { return up_is_flat(i); };
    blocks(PngAverage::predict, [=](int64_t i) { return left_is_corner(i) ? copy_up(i, flat) : i; });
  }

  // Where b = c the prediction is a; where a = c it is b, and then a = c at the next pixel too.
  void undo_paeth() const {
    auto flat = [this](int64_t i) { return up_is_flat(i); };
    auto always = [](int64_t) { return true; };
    blocks(PngPaeth::predict, [=](int64_t i) { return left_is_corner(i) ? copy_up(i, always) : repeat(i, flat); });
  }

  // False when there is no such filter.
  bool undo(uint8_t filter) const {
    switch (filter) {
      case 0: std::memcpy(out, in, static_cast<size_t>(n)); return true;
      case 1: undo_sub(); return true;
      case 2: undo_up(); return true;
      case 3: undo_average(); return true;
      case 4: undo_paeth(); return true;
      default: return false;
    }
  }
};

// Undoes one row of pixels of 1 to 4 bytes; false when there is no such filter.
inline bool png_unfilter_row(uint8_t filter, int64_t pixel, const uint8_t* in, const uint8_t* up,
                             uint8_t* out, int64_t n) {
  switch (pixel) {
    case 1: return PngRow<1>{in, up, out, n}.undo(filter);
    case 2: return PngRow<2>{in, up, out, n}.undo(filter);
    case 3: return PngRow<3>{in, up, out, n}.undo(filter);
    case 4: return PngRow<4>{in, up, out, n}.undo(filter);
    default: return false;
  }
}

}  // namespace seg
