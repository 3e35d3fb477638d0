// Which pixels of a map are near an edge, as bits: the CPU side of boundary.h.
#pragma once

#include <cstddef>
#include <vector>

#include "boundary.h"
#include "edges.h"

namespace seg {

// Rows of bits, pixel x of a row in bit x % 64 of its word x / 64.
class BitRows {
 public:
  BitRows(int64_t rows, int64_t bits)
      : rows_(rows), words_((bits + 63) / 64), bits_(static_cast<std::size_t>(rows * words_), 0) {}

  const uint64_t* row(int64_t y) const { return bits_.data() + y * words_; }
  uint64_t* row(int64_t y) { return bits_.data() + y * words_; }
  int64_t words() const { return words_; }

  // Sets 64 bits from bit `at` on; what lies beyond the row must be 0.
  void set(int64_t y, int64_t at, uint64_t bits) {
    uint64_t* words = row(y) + (at >> 6);
    int64_t shift = at & 63;
    words[0] |= bits << shift;
    if (shift != 0 && bits >> (64 - shift) != 0) words[1] |= bits >> (64 - shift);
  }

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

// Calls put(x, bits) until each of the n corners between two rows was told of: bit k of mixed corner x + k.
template <class T, class Put>
void mark_corners(const T* row, const T* below, int64_t n, Put put) {
  auto word = [=](int64_t x) {
    return differing(row + x, row + x + 1) | differing(below + x, below + x + 1) | differing(row + x, below + x);
  };
  int64_t x = 0;
  for (; x + 64 <= n; x += 64) put(x, word(x));
  if (x == n) return;
  if (n >= 64) return put(n - 64, word(n - 64));  // some of them once more
  for (; x < n; ++x) put(x, mixed_corner(row, below, x));
}

// Pixels with one of another id, or outside the image, at most `distance` columns and rows away.
template <class T>
BitRows near_edges(const T* map, int64_t height, int64_t width, int64_t distance) {
  int64_t d = least(distance, (least(height, width) + 1) / 2);  // no pixel is further from the outside
  // Corner (x, y), to the right of column x and below row y, is bit (x + d, y + d): join moves it to where
  // the square of pixels around it begins.
  BitRows corners(height + d, width + d);
  corners.fill(d - 1, d - 1, width + d);
  corners.fill(height - 1 + d, d - 1, width + d);
  for (int64_t y = 0; y + 1 < height; ++y) {
    corners.set(y + d, d - 1, 1);
    corners.set(y + d, width - 1 + d, 1);
    mark_corners(map + y * width, map + (y + 1) * width, width - 1,
                 [&](int64_t x, uint64_t bits) { corners.set(y + d, x + d, bits); });
  }
  corners.join(2 * d);
  return corners;
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
std::vector<T> scored_part(const T* truth, const T* pred, int64_t n, int64_t ignore) {
  std::vector<T> out(pred, pred + n);
  auto id = static_cast<T>(ignore);
  if (static_cast<int64_t>(id) != ignore) return out;  // no pixel can hold it
  T* pixels = out.data();
  for (int64_t i = 0; i < n; ++i) {
    T own = pixels[i];  // read before the choice, so that compilers use vector instructions
    pixels[i] = truth[i] == id ? id : own;
  }
  return out;
}

}  // namespace seg
