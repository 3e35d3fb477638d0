// A thread's share of the pixels of two label maps.
#pragma once

#include "gpu.h"

namespace seg {

// Calls visit(number of the true id, number of the predicted id) for each pixel, in groups of n neighbours that
// are read at once.
template <int n, class Number, class Visit>
__device__ void for_each_pair(Labels truth, Labels pred, int64_t pixels, Number number, Visit visit) {
  int64_t groups = pixels / n;
  for (int64_t group = thread_number(); group < groups; group += thread_count()) {
    uint32_t truths[n], preds[n];
    read_labels<n>(truth, group, number, truths);
    read_labels<n>(pred, group, number, preds);
#pragma unroll
    for (int k = 0; k < n; ++k) visit(truths[k], preds[k]);
  }
  for (int64_t i = groups * n + thread_number(); i < pixels; i += thread_count()) {
    uint32_t one[2][1];
    read_labels<1>(truth, i, number, one[0]);
    read_labels<1>(pred, i, number, one[1]);
    visit(one[0][0], one[1][0]);
  }
}

// The same in groups of 1, 4 or 16, as the maps allow.
template <class Number, class Visit>
__device__ void for_each_pair(Labels truth, Labels pred, int64_t pixels, int32_t group, Number number, Visit visit) {
  if (group == 16) {
    for_each_pair<16>(truth, pred, pixels, number, visit);
  } else if (group == 4) {
    for_each_pair<4>(truth, pred, pixels, number, visit);
  } else {
    for_each_pair<1>(truth, pred, pixels, number, visit);
  }
}

}  // namespace seg
