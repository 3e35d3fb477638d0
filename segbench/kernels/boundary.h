// Boundaries: what lies within a distance of an edge.
//
// The boundary of a mask is the mask less its erosion, d times over, by a 3 × 3 square, where all outside the
// image is outside the mask (Cheng et al., Boundary IoU, CVPR 2021; mask_to_boundary of boundary-iou-api).
// That is one erosion by a square of side 2d + 1, so that nothing here grows with d, but for one step more each
// time d doubles on bits.
//
// In a map, a pixel is on the boundary of its segment if some pixel at most d columns and d rows away is of
// another id or outside the image. A corner is a point where 2 × 2 pixels meet; it is mixed if they are not
// all of one id, and at the image's border. Pixel (x, y) is on the boundary if one of the 2d × 2d corners
// around it is mixed: the nearest pixel of another id makes a mixed corner on the way to it, and all nearer
// corners are of one id. So one pass marks the corners, as bits, for all segments at once.
#pragma once

#include "rle.h"

namespace seg {

// How far to shift next so that `span` neighbours joined become `wanted` of them.
SEG_FN int64_t doubling(int64_t span, int64_t wanted) { return least(span, wanted - span); }

// A word of a row of bits moved down by `rest` < 64 bits; `high` is the word after it.
SEG_FN uint64_t moved_down(uint64_t low, uint64_t high, int64_t rest) {
  return low >> rest | high << 1 << (63 - rest);
}

SEG_FN int64_t count_bits(uint64_t bits) {
#if defined(__CUDA_ARCH__)
  return __popcll(bits);
#else
  bits -= bits >> 1 & 0x5555555555555555u;
  bits = (bits & 0x3333333333333333u) + (bits >> 2 & 0x3333333333333333u);
  bits = (bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
  return static_cast<int64_t>(bits * 0x0101010101010101u >> 56);
#endif
}

// The bits of word i that lie in begin .. end - 1 of the row; the word must hold one of them at least.
SEG_FN uint64_t word_part(int64_t i, int64_t begin, int64_t end) {
  int64_t low = most<int64_t>(begin - 64 * i, 0), high = least<int64_t>(end - 64 * i, 64);
  return ~static_cast<uint64_t>(0) >> (64 - (high - low)) << low;
}

// Calls put(range) for the parts that two sorted lists of ranges have in common.
template <class Put>
SEG_FN void intersect_ranges(const Range* a, int64_t a_n, const Range* b, int64_t b_n, Put put) {
  for (int64_t i = 0, j = 0; i < a_n && j < b_n;) {
    uint32_t begin = most(a[i].begin, b[j].begin), end = least(a[i].end, b[j].end);
    if (begin < end) put(Range{begin, end});
    bool a_is_done = a[i].end <= b[j].end;
    i += a_is_done;
    j += !a_is_done;
  }
}

// Calls put(range) for what is left of `whole` without `part`; each range of the part lies in one of the whole.
template <class Put>
SEG_FN void subtract_ranges(const Range* whole, int64_t n, const Range* part, int64_t part_n, Put put) {
  int64_t j = 0;
  for (int64_t i = 0; i < n; ++i) {
    uint32_t begin = whole[i].begin;
    for (; j < part_n && part[j].begin < whole[i].end; ++j) {
      if (begin < part[j].begin) put(Range{begin, part[j].begin});
      begin = part[j].end;
    }
    if (begin < whole[i].end) put(Range{begin, whole[i].end});
  }
}

// Whether one of bits begin .. end - 1 of a row is set.
SEG_FN bool any_bit(const uint64_t* words, int64_t begin, int64_t end) {
  for (int64_t i = begin >> 6; 64 * i < end; ++i) {
    if (words[i] & word_part(i, begin, end)) return true;
  }
  return false;
}

// Whether a pixel no further from (x, y) than the square root of r² is set, in rows of so many words; half[k]
// is the greatest n with n² + k² <= r², for k = 0 .. reach.
SEG_FN bool any_near(const uint64_t* bits, int64_t words, int64_t height, int64_t width, int64_t x, int64_t y,
                     const int64_t* half, int64_t reach) {
  for (int64_t k = 0; k <= reach; ++k) {
    int64_t begin = most<int64_t>(x - half[k], 0), end = least(x + half[k] + 1, width);
    if (y + k < height && any_bit(bits + (y + k) * words, begin, end)) return true;
    if (y >= k && any_bit(bits + (y - k) * words, begin, end)) return true;
  }
  return false;
}

}  // namespace seg
