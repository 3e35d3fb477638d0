// The overlap table of the classes of one image, in memory for the true classes that it has.
#pragma once

#include <vector>

#include "pair_counts.h"

namespace seg {

// The rows of a table of so many classes that an image has: few of many.
class ClassRows {
 public:
  ClassRows(int64_t classes, int64_t ignore)
      : classes_(classes),
        ignore_(ignore),
        side_(static_cast<std::size_t>(classes + 2)),
        row_of_(side_, side_) {}

  template <class T>
  void add(T truth, T pred, int64_t pixels) {
    std::size_t row = bin(truth);
    if (row_of_[row] == side_) {
      row_of_[row] = table_.size() / side_;
      table_.resize(table_.size() + side_, 0);
    }
    table_[row_of_[row] * side_ + bin(pred)] += pixels;
  }

  PairCounts counts() const {
    PairCounts out;
    for (std::size_t truth = 0; truth < side_; ++truth) {
      for (std::size_t pred = 0; pred < side_ && row_of_[truth] < side_; ++pred) {
        int64_t pixels = table_[row_of_[truth] * side_ + pred];
        if (pixels) out.add(static_cast<int64_t>(truth), static_cast<int64_t>(pred), pixels);
      }
    }
    return out;
  }

 private:
  template <class T>
  std::size_t bin(T id) const {
    return static_cast<std::size_t>(class_bin(static_cast<int64_t>(id), classes_, ignore_));
  }

  int64_t classes_, ignore_;
  std::size_t side_;
  std::vector<std::size_t> row_of_;  // side_ where there is none yet
  std::vector<int64_t> table_;
};

}  // namespace seg
