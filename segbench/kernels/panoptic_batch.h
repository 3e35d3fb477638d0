// The segments of several images, image after image in flat arrays, as doors are given them.
#pragma once

#include "panoptic.h"

namespace seg {

// Where image i ends among the pairs, the true and the predicted segments: ends[0][i], ends[1][i], ends[2][i].
struct PanopticBatch {
  int64_t images, pairs, truths, preds;
  const int64_t* ends;        // [3, images]
  const int64_t* pair_ids;    // [3, pairs]: true id, predicted id, pixels
  const int64_t* truth_ids;   // [truths]
  const int32_t* truth_rows;  // [3, truths]: place, category, kind
  const double* stated;       // [truths]
  const int64_t* pred_ids;    // [preds]
  const int32_t* pred_rows;   // [3, preds]
  const double* edge_iou;     // [pairs], or null
  uint32_t rules;

  SEG_FN int64_t begin(int list, int64_t image) const { return image == 0 ? 0 : ends[list * images + image - 1]; }
  SEG_FN int64_t size(int list, int64_t image) const { return ends[list * images + image] - begin(list, image); }

  SEG_FN PanopticImage image(int64_t i) const {
    int64_t pair = begin(0, i), truth = begin(1, i), pred = begin(2, i);
    IdPairs shared{pair_ids + pair, pair_ids + pairs + pair, pair_ids + 2 * pairs + pair, size(0, i)};
    SegmentList of_truth{truth_ids + truth, truth_rows + truth, truth_rows + truths + truth,
                         truth_rows + 2 * truths + truth, static_cast<int32_t>(size(1, i))};
    SegmentList of_pred{pred_ids + pred, pred_rows + pred, pred_rows + preds + pred,
                        pred_rows + 2 * preds + pred, static_cast<int32_t>(size(2, i))};
    return {shared, of_truth, of_pred, stated + truth, edge_iou ? edge_iou + pair : nullptr, rules};
  }
};

// Room and results of a batch; see PanopticRoom and PanopticMatches.
struct PanopticArrays {
  int64_t* truth_sums;   // [2, truths]
  int64_t* pred_sums;    // [2, preds]
  int32_t* stand_ins;    // [truths + 2 preds]
  SharedPixels* shared;  // [pairs]
  int32_t* category;     // [2, pairs]: of the truth, of the prediction
  double* iou;           // [pairs]
  int64_t* matches;      // [images]
  int64_t* truth_pixels; // [truths]
  int32_t* truth_counts; // [2, truths]: tp, fn
  int32_t* pred_counts;  // [preds]: fp

  SEG_FN void match(const PanopticBatch& batch, int64_t i) const {
    int64_t pair = batch.begin(0, i), truth = batch.begin(1, i), pred = batch.begin(2, i);
    PanopticRoom room{truth_sums + truth,        truth_sums + batch.truths + truth,
                      pred_sums + pred,          pred_sums + batch.preds + pred,
                      stand_ins + truth,         stand_ins + batch.truths + pred,
                      stand_ins + batch.truths + batch.preds + pred,
                      shared + pair};
    PanopticMatches out{category + pair,      category + batch.pairs + pair, iou + pair,
                        matches + i,          truth_pixels + truth,          truth_counts + truth,
                        truth_counts + batch.truths + truth, pred_counts + pred};
    PanopticMatcher(batch.image(i), room, out).match();
  }
};

}  // namespace seg
