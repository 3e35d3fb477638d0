// The predictions of many images matched with their truth, as COCOeval does (Lin et al., Microsoft COCO, ECCV
// 2014; COCOeval.computeIoU and evaluateImg of pycocotools 2.0.11).
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "mask_store.h"

namespace seg {

constexpr double unstated = std::numeric_limits<double>::quiet_NaN();

using XYWH = std::array<double, 4>;

// Predictions or truth of a data set in columns; a number that is not stated is NaN. Image i has rows[starts[i]] .. rows[starts[i + 1] - 1].
struct InstanceColumns {
  const int64_t* starts;
  const int64_t* rows;
  const int32_t* category_ids;  // -1: unknown
  const int64_t* ids;           // of truth
  const bool* iscrowd;          // of truth
  const double* areas;          // as stated; null where none is
  const double* boxes;          // x, y, w, h; null where there are none
  const double* scores;         // of predictions; null where there are none
  const MaskStore* masks;

  double area(int64_t row) const { return areas ? areas[row] : unstated; }
  double score(int64_t row) const { return scores ? scores[row] : unstated; }
  XYWH box(int64_t row) const {
    if (!boxes) return {unstated, unstated, unstated, unstated};
    const double* b = boxes + 4 * row;
    return {b[0], b[1], b[2], b[3]};
  }
};

struct ImageSizes {
  const int64_t* heights;
  const int64_t* widths;
};

struct MeasureRules {
  bool boxes;  // IoU of boxes, not of masks
  std::vector<double> thresholds;
  std::vector<double> area_bounds;  // least and most of each range
  int64_t limit;                    // predictions of an image and category
  const int64_t* distances = nullptr;  // width of boundaries in each image measured; null where they do not count
};

// What is kept of images first .. last - 1; see segbench.metrics.instance_match.InstanceStats.
struct InstanceTallies {
  std::vector<int64_t> category_starts{0}, pred_starts{0};  // of each image, in the columns below
  std::vector<int32_t> category_ids;
  std::vector<std::vector<int64_t>> truths;  // by area range
  std::vector<int32_t> pred_category_ids, ranks;
  std::vector<double> scores;
  std::vector<std::vector<uint64_t>> matched, ignored;  // by area range; bit t is threshold t
  std::vector<int64_t> moved;  // of each image, predictions that the area of their mask puts in other ranges
};

// Raises where a mask is malformed or missing, or the truth has an unknown category.
InstanceTallies measure_instances(const InstanceColumns& preds, const InstanceColumns& truths,
                                  const ImageSizes& sizes, int64_t first, int64_t last,
                                  const MeasureRules& rules);

}  // namespace seg
