// Bilinear interpolation of class scores, and the class of the highest score.
//
// Pixels are squares, and a position between the centres of two has its distance from each as the other's
// weight (align_corners=False of torch.nn.functional.interpolate, which this follows step by step: where in the
// source a pixel lies, columns first, then rows). Every product that is added to another number is rounded once,
// by an explicit fma, so that all devices give the same bits.
//
// Of equal scores the first class wins, and the first that is not a number wins over all: torch.argmax.
#pragma once

#include "portable.h"
#if !defined(__CUDACC__) && !defined(__CUDACC_RTC__)
#include <string.h>
#endif

namespace seg {

// What an output row or column is made of: two source rows or columns and their weights.
struct Tap {
  int32_t first, second;
  float first_weight, second_weight;
};

// Source pixels an output pixel: what the other functions take as `scale`.
SEG_FN float source_scale(int64_t source, int64_t target) {
  return static_cast<float>(source) / static_cast<float>(target);
}

SEG_FN Tap tap(int32_t target, float scale, int32_t source) {
  float place = fmaxf(fmaf(scale, static_cast<float>(target) + 0.5f, -0.5f), 0.0f);
  int32_t first = least(static_cast<int32_t>(place), source - 1);
  float second_weight = least(most(place - static_cast<float>(first), 0.0f), 1.0f);
  return {first, least(first + 1, source - 1), 1.0f - second_weight, second_weight};
}

// A score of no weight has no part in it, infinite or not a number as it may be; torch would make it one.
SEG_FN float blend(float first_weight, float first, float second_weight, float second) {
  return second_weight == 0 ? first : fmaf(first_weight, first, second_weight * second);
}

// Whether a later score takes the place of the best one before it.
SEG_FN bool beats(float score, float best) { return !(score <= best) && best == best; }

SEG_FN float float_of_bits(uint32_t bits) {
#if defined(__CUDA_ARCH__)
  return __uint_as_float(bits);
#else
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
#endif
}

SEG_FN uint32_t bits_of_float(float value) {
#if defined(__CUDA_ARCH__)
  return __float_as_uint(value);
#else
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
#endif
}

// Half-precision numbers as their bits.
struct Half {
  uint16_t bits;
};
struct BFloat {
  uint16_t bits;
};

SEG_FN float to_float(float value) { return value; }

SEG_FN float to_float(BFloat value) { return float_of_bits(static_cast<uint32_t>(value.bits) << 16); }

// A product with 2^112 moves the exponent to its place, of numbers below the normal ones too.
SEG_FN float to_float(Half value) {
  uint32_t bits = value.bits, sign = (bits & 0x8000u) << 16;
  float size = float_of_bits((bits & 0x7FFFu) << 13) * 5.192296858534828e33f;
  if ((bits & 0x7C00u) == 0x7C00u) size = float_of_bits(0x7F800000u | (bits & 0x3FFu) << 13);
  return sign ? -size : size;
}

// The lowest and the highest score of a class among source pixels. Rounding is monotone, so that no score
// between the pixels lies further outside than the rounding of one number: a class whose `high` is below
// another's `low` by more cannot win there.
struct Bounds {
  float low, high;
  float none;  // 0, or not a number if one of the scores is none or infinite

  SEG_FN void add(float score) {
    low = fminf(low, score);
    high = fmaxf(high, score);
    none = fmaf(score, 0.0f, none);
  }
  // Whether all are numbers, and far from where products overflow.
  SEG_FN bool tame() const { return none == 0 && low > -1e37f && high < 1e37f; }
};

SEG_FN Bounds no_bounds() { return {3e38f, -3e38f, 0.0f}; }

// Whether a class of these bounds cannot win where another's scores are at least `floor`.
SEG_FN bool cannot_win(Bounds bounds, float floor) {
  float slack = (fabsf(bounds.high) + fabsf(floor)) * 1e-6f + 1e-30f;
  return bounds.tame() && bounds.high + slack < floor;
}

}  // namespace seg
