// Where a map changes, and which pixels are near, as bits: the CPU side of boundary.h.
//
// Maps come as runs, so that all but the bits costs as much as there are runs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <vector>

#include "boundary.h"
#include "runs.h"

namespace seg {

// Rows of bits, pixel x of a row in bit x % 64 of its word x / 64.
class BitRows {
 public:
  BitRows(int64_t rows, int64_t bits)
      : rows_(rows), words_((bits + 63) / 64), bits_(static_cast<std::size_t>(rows * words_), 0) {}

  const uint64_t* row(int64_t y) const { return bits_.data() + y * words_; }
  uint64_t* row(int64_t y) { return bits_.data() + y * words_; }
  int64_t words() const { return words_; }

  void set(int64_t x, int64_t y) { row(y)[x >> 6] |= uint64_t{1} << (x & 63); }

  // Sets bits begin .. end - 1.
  void fill(int64_t y, int64_t begin, int64_t end) {
    for (int64_t i = begin >> 6; 64 * i < end; ++i) row(y)[i] |= word_part(i, begin, end);
  }

  // Bit (x, y) becomes whether any of x .. x + side - 1 in y .. y + side - 1 is set.
  void join(int64_t side) {
    for (int64_t y = 0; y < rows_; ++y) join_row(row(y), side);
    for (int64_t span = 1, shift; span < side; span += shift) {
      shift = doubling(span, side);
      for (int64_t y = 0; y + shift < rows_; ++y) add(row(y), row(y + shift), words_);
    }
  }

 private:
  static void add(uint64_t* words, const uint64_t* others, int64_t n) {
    for (int64_t i = 0; i < n; ++i) words[i] |= others[i];
  }

  void join_row(uint64_t* words, int64_t side) const {
    for (int64_t span = 1, shift; span < side; span += shift) {
      shift = doubling(span, side);
      int64_t whole = shift >> 6, rest = shift & 63, last = words_ - 1 - whole;
      for (int64_t i = 0; i < last; ++i) words[i] |= moved_down(words[i + whole], words[i + whole + 1], rest);
      if (last >= 0) words[last] |= words[words_ - 1] >> rest;
    }
  }

  int64_t rows_, words_;
  std::vector<uint64_t> bits_;
};

// A map as its runs; neighbouring runs may be of one id.
template <class T>
struct RunMap {
  const T* values;
  const uint32_t* ends;
  int64_t n, height, width;

  int64_t pixels() const { return height * width; }

  // Raises unless the runs are as many pixels as the map.
  const RunMap& checked() const {
    int64_t begin = 0;
    for (int64_t i = 0; i < n; begin = ends[i++]) {
      if (ends[i] <= begin) throw std::invalid_argument("the ends of runs must rise");
    }
    if (begin != pixels()) throw std::invalid_argument("the runs are not as many pixels as the map");
    return *this;
  }
};

// Calls put(y, x0, x1) for each part of pixels begin .. end - 1 that lies in one row.
template <class Put>
void for_each_row_part(int64_t begin, int64_t end, int64_t width, Put put) {
  for (int64_t y = begin / width, x = begin - y * width; begin < end; ++y, x = 0) {
    int64_t stop = least(width, x + end - begin);
    put(y, x, stop);
    begin += stop - x;
  }
}

// Calls beside(x, y) where pixels (x - 1, y) and (x, y) differ, and below(y, x0, x1) for columns x0 ..
// x1 - 1 in which rows y and y + 1 do.
template <class T, class Beside, class Below>
void for_each_change(const RunMap<T>& map, Beside beside, Below below) {
  for (int64_t i = 0; i + 1 < map.n; ++i) {
    if (map.values[i] == map.values[i + 1]) continue;
    int64_t y = map.ends[i] / map.width, x = map.ends[i] - y * map.width;
    if (x > 0) beside(x, y);
  }
  int64_t upper = 0, lower = 0, begin = 0, stop = map.pixels() - map.width;
  if (stop > 0) lower = std::upper_bound(map.ends, map.ends + map.n, map.width) - map.ends;
  while (begin < stop) {
    int64_t end = least<int64_t>(map.ends[upper], map.ends[lower] - map.width);
    if (map.values[upper] != map.values[lower]) for_each_row_part(begin, end, map.width, below);
    upper += map.ends[upper] == end;
    lower += map.ends[lower] == end + map.width;
    begin = end;
  }
}

// Pixels with one of another id, or outside the image, at most `distance` columns and rows away.
template <class T>
BitRows near_edges(const RunMap<T>& map, int64_t distance) {
  int64_t height = map.height, width = map.width;
  int64_t d = least(distance, (least(height, width) + 1) / 2);  // no pixel is further from the outside
  // Corner (x, y), to the right of column x and below row y, is bit (x + d, y + d): join moves it to where
  // the square of pixels around it begins.
  BitRows corners(height + d, width + d);
  corners.fill(d - 1, d - 1, width + d);
  corners.fill(height - 1 + d, d - 1, width + d);
  for (int64_t y = d; y < height - 1 + d; ++y) {
    corners.set(d - 1, y);
    corners.set(width - 1 + d, y);
  }
  for_each_change(
      map,
      [&](int64_t x, int64_t y) {
        corners.set(x - 1 + d, y + d);
        corners.set(x - 1 + d, y - 1 + d);
      },
      [&](int64_t y, int64_t x0, int64_t x1) { corners.fill(y + d, x0 + d, x1 + d); });
  corners.join(2 * d);
  return corners;
}

// Pixels that differ from one of the four beside, above and below them, or lie at the image's border.
template <class T>
BitRows contour_pixels(const RunMap<T>& map) {
  BitRows marks(map.height, map.width);
  marks.fill(0, 0, map.width);
  marks.fill(map.height - 1, 0, map.width);
  for (int64_t y = 0; y < map.height; ++y) {
    marks.set(0, y);
    marks.set(map.width - 1, y);
  }
  for_each_change(
      map,
      [&](int64_t x, int64_t y) {
        marks.set(x - 1, y);
        marks.set(x, y);
      },
      [&](int64_t y, int64_t x0, int64_t x1) {
        marks.fill(y, x0, x1);
        marks.fill(y + 1, x0, x1);
      });
  return marks;
}

// How many of bits begin .. end - 1 of a row are set, of those that keep(word number) leaves.
template <class Keep>
int64_t bits_between(int64_t begin, int64_t end, Keep keep) {
  int64_t count = 0;
  for (int64_t i = begin >> 6; 64 * i < end; ++i) count += count_bits(keep(i) & word_part(i, begin, end));
  return count;
}

// The prediction cut to what is scored: where the truth is to be ignored, it is what the truth is.
template <class T>
Runs<T> scored_part(const RunMap<T>& truth, const RunMap<T>& pred, int64_t ignore) {
  Runs<T> out;
  int64_t end = 0;
  for_each_common_run(truth.ends, truth.n, pred.ends, pred.n, [&](int64_t i, int64_t j, int64_t pixels) {
    T true_id = truth.values[i];
    end += pixels;
    out.add(static_cast<int64_t>(true_id) == ignore ? true_id : pred.values[j], static_cast<uint32_t>(end));
  });
  return out;
}

template <class T>
RunMap<T> as_map(const Runs<T>& runs, const RunMap<T>& like) {
  return {runs.values.data(), runs.ends.data(), static_cast<int64_t>(runs.ends.size()), like.height, like.width};
}

}  // namespace seg
