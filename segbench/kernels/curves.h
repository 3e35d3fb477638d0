// Precision, recall and scores of one category over all images, as COCOeval.accumulate draws them (Lin et al.,
// Microsoft COCO, ECCV 2014; pycocotools 2.0.11).
#pragma once

#include <vector>

#include "edges.h"

namespace seg {

// A prediction that may count, in order of falling score. Bit t of the flags is IoU threshold t.
struct Outcome {
  double score;
  uint64_t hit;      // right
  uint64_t counted;  // right or wrong
};

// Where the curves of one category, area range and limit stand in arrays [T, R, ...] and [T, ...].
struct CurveCell {
  double* precision;
  double* recall;
  double* scores;
  int64_t grid_step, level_step, recall_step;
};

class CurveDrawer {
 public:
  CurveDrawer(const double* grid, int64_t grid_n, int64_t levels)
      : grid_(grid), grid_n_(grid_n), counts_(static_cast<size_t>(levels)), hits_(counts_.size()) {}

  // `best_score` stands at a recall of 0, which is reached without a hit.
  void draw(const std::vector<Outcome>& outcomes, int64_t truths, double best_score, CurveCell cell) {
    tally(outcomes);
    for (size_t t = 0; t < hits_.size(); ++t) {
      auto level = static_cast<int64_t>(t);
      CurveCell at = cell;
      at.precision += level * cell.level_step;
      at.scores += level * cell.level_step;
      at.recall += level * cell.recall_step;
      draw_level(hits_[t], truths, best_score, at);
    }
  }

 private:
  struct Hit {
    double precision, score;
  };

  // Lists the hits of each threshold. Nearly all predictions are wrong at every threshold: they are counted
  // once, and only the others threshold by threshold.
  void tally(const std::vector<Outcome>& outcomes) {
    const uint64_t every = ~uint64_t{0} >> (64 - hits_.size());
    for (std::vector<Hit>& hits : hits_) hits.clear();
    counts_.assign(counts_.size(), 0);
    int64_t common = 0;
    for (const Outcome& one : outcomes) {
      if (one.counted == every) {
        ++common;
      } else {
        for (uint64_t bits = one.counted; bits; bits &= bits - 1) ++counts_[bit(bits)];
      }
      for (uint64_t bits = one.hit; bits; bits &= bits - 1) {
        std::vector<Hit>& hits = hits_[bit(bits)];
        auto right = static_cast<double>(hits.size() + 1), all = static_cast<double>(common + counts_[bit(bits)]);
        hits.push_back({right / (all + epsilon), one.score});
      }
    }
  }

  void draw_level(std::vector<Hit>& hits, int64_t truths, double best_score, CurveCell at) const {
    auto n = static_cast<int64_t>(hits.size());
    auto whole = static_cast<double>(truths);
    *at.recall = static_cast<double>(n) / whole;
    for (int64_t i = n - 1; i > 0; --i) {  // a miss only lowers precision: its highest beyond is at a hit
      Hit& before = hits[static_cast<size_t>(i - 1)];
      before.precision = most(before.precision, hits[static_cast<size_t>(i)].precision);
    }
    int64_t i = 0;
    for (int64_t r = 0; r < grid_n_; ++r) {
      while (i < n && static_cast<double>(i + 1) / whole < grid_[r]) ++i;
      bool reached = i < n;
      at.precision[r * at.grid_step] = reached ? hits[static_cast<size_t>(i)].precision : 0;
      at.scores[r * at.grid_step] = grid_[r] <= 0 ? best_score : reached ? hits[static_cast<size_t>(i)].score : 0;
    }
  }

  static size_t bit(uint64_t bits) { return static_cast<size_t>(lowest_bit(bits)); }

  static constexpr double epsilon = 2.220446049250313e-16;  // np.spacing(1)

  const double* grid_;
  int64_t grid_n_;
  std::vector<int64_t> counts_;
  std::vector<std::vector<Hit>> hits_;
};

}  // namespace seg
