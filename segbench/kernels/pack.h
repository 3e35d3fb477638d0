// Masks as bits: bit k of word i is whether pixel 64 i + k, in row-major order, is inside.
#pragma once

#include "boundary.h"

namespace seg {

// Whether each of eight bytes is not 0, as bits; the first byte is the lowest.
SEG_FN uint64_t pack_eight(uint64_t bytes) {
  const uint64_t low = 0x7F7F7F7F7F7F7F7Fu;
  uint64_t marks = (((bytes & low) + low) | bytes) >> 7 & 0x0101010101010101u;
  return marks * 0x0102040810204080u >> 56;
}

// The position of the lowest and of the highest bit that is set; bits != 0.
SEG_FN int64_t lowest_set(uint64_t bits) { return count_bits((bits & (~bits + 1)) - 1); }
SEG_FN int64_t highest_set(uint64_t bits) {
  for (int shift = 1; shift < 64; shift *= 2) bits |= bits >> shift;
  return count_bits(bits) - 1;
}

// How many pixels are inside, and the least box around them: x1 and y1 are one past the last.
struct MaskMeasure {
  int32_t area, x0, y0, x1, y1;

  // Adds the pixels of word number i of a mask.
  SEG_FN void add(uint64_t word, int64_t i, int64_t width) {
    while (word) {
      int64_t pixel = 64 * i + lowest_set(word), y = pixel / width, row = y * width;
      uint64_t part = word & word_part(i, pixel, least(row + width, 64 * i + 64));  // what is in this row
      int64_t last = 64 * i + highest_set(part);
      area += static_cast<int32_t>(count_bits(part));
      x0 = least(x0, static_cast<int32_t>(pixel - row));
      x1 = most(x1, static_cast<int32_t>(last - row) + 1);
      y0 = least(y0, static_cast<int32_t>(y));
      y1 = most(y1, static_cast<int32_t>(y) + 1);
      word &= ~part;
    }
  }
};

SEG_FN MaskMeasure no_pixels() { return {0, 0x7FFFFFFF, 0x7FFFFFFF, 0, 0}; }

SEG_FN bool boxes_meet(const MaskMeasure& a, const MaskMeasure& b) {
  return most(a.x0, b.x0) < least(a.x1, b.x1) && most(a.y0, b.y0) < least(a.y1, b.y1);
}

}  // namespace seg
