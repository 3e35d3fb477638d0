// Maps as their runs in row-major order: what metrics count and fingerprints hash, in place of every pixel.
//
// A run goes on from the end of one row to the start of the next, so a map has one list of runs alone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "edges.h"

namespace seg {

template <class T>
struct Runs {
  std::vector<T> values;
  std::vector<uint32_t> ends;  // one past the last pixel of each run

  // The pixels up to `end` hold `value`; neighbours of one value are one run.
  void add(T value, uint32_t end) {
    if (!values.empty() && values.back() == value) {
      ends.back() = end;
    } else {
      values.push_back(value);
      ends.push_back(end);
    }
  }
};

// Collects runs row by row.
template <class T>
class RunWriter {
 public:
  // Adds n > 0 runs whose neighbours differ: value(i), up to the pixel end(i).
  template <class Value, class End>
  void add_row(std::size_t n, Value value, End end) {
    if (size_ + n > runs_.values.size()) {
      runs_.values.resize(2 * (size_ + n));
      runs_.ends.resize(2 * (size_ + n));
    }
    size_ -= size_ > 0 && runs_.values[size_ - 1] == value(0);
    T* values = runs_.values.data() + size_;
    uint32_t* ends = runs_.ends.data() + size_;
    for (std::size_t i = 0; i < n; ++i) {
      values[i] = value(i);
      ends[i] = end(i);
    }
    size_ += n;
  }

  Runs<T> take() {
    runs_.values.resize(size_);
    runs_.ends.resize(size_);
    return std::move(runs_);
  }

 private:
  Runs<T> runs_;
  std::size_t size_ = 0;
};

template <class T>
Runs<T> runs_of(const T* map, int64_t n) {
  Runs<T> runs;
  for_each_run(map, n, [&](int64_t begin, int64_t end) { runs.add(map[begin], static_cast<uint32_t>(end)); });
  return runs;
}

// Goes through the stretches of pixels that are in run i of one map and in run j of another.
struct CommonRuns {
  const uint32_t *a, *b;
  int64_t i, j;
  uint32_t begin;

  template <class Visit>
  void step(Visit& visit) {
    uint32_t end = least(a[i], b[j]);
    visit(i, j, static_cast<int64_t>(end - begin));
    begin = end;
    bool a_ends = a[i] == end, b_ends = b[j] == end;
    i += a_ends;
    j += b_ends;
  }
};

// Calls visit(i, j, pixels) for each such stretch, in order.
template <class Visit>
void for_each_common_run(const uint32_t* a, int64_t n_a, const uint32_t* b, int64_t n_b, Visit visit) {
  for (CommonRuns at{a, b, 0, 0, 0}; at.i < n_a && at.j < n_b;) at.step(visit);
}

// The same in no order. Where a stretch ends is known by the time that the one before it is done, and processors
// wait for that: so both halves of the maps are gone through at a time.
template <class Visit>
void for_any_common_run(const uint32_t* a, int64_t n_a, const uint32_t* b, int64_t n_b, Visit visit) {
  uint32_t middle = n_a > 1 ? a[n_a / 2 - 1] : 0;
  CommonRuns low{a, b, 0, 0, 0}, high{a, b, n_a / 2, std::upper_bound(b, b + n_b, middle) - b, middle};
  while (low.begin < middle && low.j < n_b && high.i < n_a && high.j < n_b) {
    low.step(visit);
    high.step(visit);
  }
  while (low.begin < middle && low.j < n_b) low.step(visit);
  while (high.i < n_a && high.j < n_b) high.step(visit);
}

}  // namespace seg
