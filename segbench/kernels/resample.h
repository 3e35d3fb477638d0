// Scores of weighted images, for the bootstrap: what each image counts stands once, and a resample says how often
// it holds each image (Efron and Tibshirani, An Introduction to the Bootstrap, 1993).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "edges.h"
#include "portable.h"

namespace seg {

// Detections of one category by falling score. Bit t of the flags is IoU threshold t.
struct SortedDetections {
  const int32_t* images;
  const uint64_t* hit;      // right
  const uint64_t* counted;  // right or wrong
  int64_t n;
};

// Average precision of weighted images by COCOeval.accumulate (pycocotools 2.0.11): an image of weight w counts as w
// copies, whose detections of equal score stand side by side.
class WeightedPrecision {
 public:
  WeightedPrecision(const double* grid, int64_t grid_n, int64_t levels)
      : grid_(grid), grid_n_(grid_n), needed_(static_cast<size_t>(grid_n)), precision_(needed_.size()),
        extra_(static_cast<size_t>(levels)), right_(extra_.size()), points_(extra_.size()) {}

  // Writes the mean over the recalls of the grid for each threshold; `truths` is more than 0.
  void average(const SortedDetections& found, const uint16_t* weights, int64_t truths, double* out) {
    tally(found, weights);
    find_needed(static_cast<double>(truths));
    for (size_t t = 0; t < points_.size(); ++t) out[t] = average_level(points_[t]);
  }

 private:
  struct Point {
    int64_t right, seen;
  };

  // Lists, for each threshold, how many are right and how many seen after each detection that is right. Nearly all are
  // wrong at every threshold: they are counted once, and only the others threshold by threshold.
  void tally(const SortedDetections& found, const uint16_t* weights) {
    const uint64_t every = ~uint64_t{0} >> (64 - points_.size());
    for (std::vector<Point>& points : points_) points.clear();
    extra_.assign(extra_.size(), 0);
    right_.assign(right_.size(), 0);
    int64_t common = 0;
    for (int64_t i = 0; i < found.n; ++i) {
      int64_t weight = weights[found.images[i]];
      if (weight == 0) continue;
      if (found.counted[i] == every) {
        common += weight;
      } else {
        for (uint64_t bits = found.counted[i]; bits; bits &= bits - 1) extra_[bit(bits)] += weight;
      }
      for (uint64_t bits = found.hit[i]; bits; bits &= bits - 1) {
        size_t t = bit(bits);
        right_[t] += weight;
        points_[t].push_back({right_[t], common + extra_[t]});
      }
    }
  }

  // The least whole number that reaches each recall, as COCO compares: h / truths >= recall.
  void find_needed(double truths) {
    for (int64_t r = 0; r < grid_n_; ++r) {
      auto h = static_cast<int64_t>(truths * grid_[r]) - 1;
      while (static_cast<double>(h) / truths < grid_[r]) ++h;
      needed_[static_cast<size_t>(r)] = h;
    }
  }

  double average_level(const std::vector<Point>& points) {
    auto r = grid_n_ - 1;
    int64_t last = points.empty() ? -1 : points.back().right;
    for (; r >= 0 && needed_[static_cast<size_t>(r)] > last; --r) precision_[static_cast<size_t>(r)] = 0;
    double highest = 0;
    for (size_t i = points.size(); i-- > 0 && r >= 0;) {  // a miss only lowers precision: its highest is at a hit
      double here = static_cast<double>(points[i].right) / (static_cast<double>(points[i].seen) + epsilon);
      highest = most(highest, here);
      int64_t before = i ? points[i - 1].right : -1;
      for (; r >= 0 && needed_[static_cast<size_t>(r)] > before; --r) precision_[static_cast<size_t>(r)] = highest;
    }
    for (; r >= 0; --r) precision_[static_cast<size_t>(r)] = highest;  // a recall of 0 or less
    double sum = 0;
    for (double value : precision_) sum += value;
    return sum / static_cast<double>(grid_n_);
  }

  static size_t bit(uint64_t bits) { return static_cast<size_t>(lowest_bit(bits)); }

  static constexpr double epsilon = 2.220446049250313e-16;  // np.spacing(1)

  const double* grid_;
  int64_t grid_n_;
  std::vector<int64_t> needed_;
  std::vector<double> precision_;
  std::vector<int64_t> extra_, right_;
  std::vector<std::vector<Point>> points_;
};

// Statistics of images: row i adds `depth` values to a column.
struct ImageRows {
  const int32_t* images;
  const int32_t* columns;
  const double* values;  // [n, depth]
  int64_t n, depth;
};

// So many resamples are added up at a time.
constexpr int64_t lanes = 8;

// Adds weight × value to sums [columns, depth, lanes], in the order of the rows; weights are [images, lanes].
inline void add_weighted(const ImageRows& rows, const double* weights, double* sums) {
  for (int64_t i = 0; i < rows.n; ++i) {
    const double* weight = weights + int64_t{rows.images[i]} * lanes;
    double* sum = sums + int64_t{rows.columns[i]} * rows.depth * lanes;
    for (int64_t v = 0; v < rows.depth; ++v, sum += lanes) {
      double value = rows.values[i * rows.depth + v];
      for (int64_t k = 0; k < lanes; ++k) sum[k] += weight[k] * value;
    }
  }
}

}  // namespace seg
