// The overlap table: pixels with true id i and predicted id j.
//
// Contingency table of two labelings (Hubert and Arabie, Comparing partitions, Journal of
// Classification 2, 1985); mIoU (PASCAL VOC, Cityscapes) and PQ (Kirillov et al., CVPR 2019) are read
// off it. Label maps are smooth, so a door adds once a run of equal pairs, not once a pixel.
#pragma once

#include "portable.h"

namespace seg {

// Row or column of the confusion table: the class, K for pixels to ignore, K + 1 for ids out of range.
template <class I>
SEG_FN I class_bin(I id, I classes, I ignore) {
  if (id == ignore) return classes;
  return id >= 0 && id < classes ? id : classes + 1;
}

// Whether pixel i begins a new run of equal (a, b) pairs.
template <class T>
SEG_FN bool begins_run(const T* a, const T* b, int64_t i) {
  return (a[i] != a[i - 1]) | (b[i] != b[i - 1]);
}

// Hash of an id pair: multiply, then fold the well-mixed high half down (Knuth, TAOCP 3, section 6.4).
SEG_FN uint64_t pair_hash(int64_t a, int64_t b) {
  uint64_t x = static_cast<uint64_t>(a) * 0x9E3779B97F4A7C15u + static_cast<uint64_t>(b);
  x *= 0xD6E8FEB86659FD93u;
  return x ^ (x >> 32);
}

}  // namespace seg
