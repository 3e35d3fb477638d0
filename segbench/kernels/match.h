// COCO's greedy matching of predictions to truth (Lin et al., Microsoft COCO, ECCV 2014;
// COCOeval.evaluateImg).
//
// Predictions choose in order of their scores. A prediction takes the truth of highest IoU, the later one of
// equals, among those that are free (a crowd always is) and reach the threshold; a truth to be ignored is
// taken only if no other will do.
#pragma once

#include "portable.h"

namespace seg {

struct TruthList {
  const int32_t* order;  // the truths in the order of their visit: to be ignored last
  const bool* ignore;
  const bool* crowd;
  int64_t n;
};

// Index of the truth that one prediction takes, or -1. taken[g] is -1 while truth g is free.
SEG_FN int32_t best_truth(const double* iou, TruthList truth, const int32_t* taken, double threshold) {
  double best = least(threshold, 1 - 1e-10);
  int32_t chosen = -1;
  for (int64_t i = 0; i < truth.n; ++i) {
    int32_t g = truth.order[i];
    if (taken[g] >= 0 && !truth.crowd[g]) continue;
    if (chosen >= 0 && !truth.ignore[chosen] && truth.ignore[g]) break;
    if (iou[g] < best) continue;
    best = iou[g];
    chosen = g;
  }
  return chosen;
}

}  // namespace seg
