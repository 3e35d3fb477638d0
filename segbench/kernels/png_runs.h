// Undoing PNG's row filters run by run: the pixels between two changes are never looked at, nor written.
//
// Behind a pixel where the row above does not change and residuals are 0, Sub and Paeth repeat the pixel,
// Up repeats the row above, and Average comes to rest within 8 pixels. So only those pixels are computed
// where a residual is not 0 or the row above changes. See png.h for the filters.
#pragma once

#include <vector>

#include "edges.h"
#include "png.h"

namespace seg {

// Channels that are looked at: alpha, the fourth, says nothing.
template <int pixel>
constexpr int png_channels = pixel == 4 ? 3 : pixel;

// Pixels as numbers, their bytes in the order of the file, the first one lowest.
template <int pixel>
uint32_t pixel_at(const uint8_t* bytes) {
  uint32_t value = 0;
  for (int k = 0; k < png_channels<pixel>; ++k) value |= static_cast<uint32_t>(bytes[k]) << 8 * k;
  return value;
}

// The pixel whose bytes are the residual's plus those predicted from a, b and c.
template <int pixel, class Filter>
uint32_t restored(uint32_t residual, uint32_t a, uint32_t b, uint32_t c) {
  uint32_t value = 0;
  for (int shift = 0; shift < 8 * png_channels<pixel>; shift += 8) {
    auto byte = [shift](uint32_t of) { return static_cast<int>(of >> shift & 255); };
    int sum = byte(residual) + Filter::predict(byte(a), byte(b), byte(c));
    value |= static_cast<uint32_t>(sum & 255) << shift;
  }
  return value;
}

// Whether `value` goes on to the right of its pixel, as long as residuals are 0 and the row above holds b.
template <int pixel, class Filter>
bool comes_to_rest(uint32_t residual, uint32_t value, uint32_t b) {
  if constexpr (Filter::repeats_left) return true;
  if constexpr (Filter::repeats_above) return residual == 0;
  return restored<pixel, Filter>(0, value, b, b) == value;
}

// The runs of a row: run i of first .. last holds values[i] up to the pixel ends[i]; neighbours differ.
struct RowRuns {
  std::vector<uint32_t> values, ends;
  std::size_t first = 0, last = 0;

  // All pixels are 0, as above the first row.
  explicit RowRuns(int64_t width)
      : values(static_cast<std::size_t>(width) + 2), ends(static_cast<std::size_t>(width) + 2) {
    ends[0] = static_cast<uint32_t>(width);
  }
};

// The rows of a picture one after the other, each as runs.
template <int pixel>
class PngRunRows {
 public:
  explicit PngRunRows(int64_t width)
      : width_(width), row_(width), up_(width), places_(static_cast<std::size_t>(width) + 4) {}

  const RowRuns& row() const { return row_; }

  // Reads the residuals of the next row; false when there is no such filter.
  bool next(uint8_t filter, const uint8_t* in) {
    switch (filter) {
      case 0: plain(in); return true;
      case 1: undo<PngSub>(in); return true;
      case 2: undo<PngUp>(in); return true;
      case 3: undo<PngAverage>(in); return true;
      case 4: undo<PngPaeth>(in); return true;
      default: return false;
    }
  }

 private:
  // Keeps the pixels of which scan(visit) visits a byte, and the width behind them.
  template <class Scan>
  void find(Scan scan) {
    uint32_t* end = places_.data();
    int64_t last = -1;
    if constexpr (pixel == 1) {
      scan(WriteBits{end});
    } else {
      scan(WriteNumbers<pixel>{end, last});
    }
    *end = static_cast<uint32_t>(width_);
  }

  // The row as it stands: a run ends at each change.
  void plain(const uint8_t* in) {
    find([this, in](auto visit) {
      auto words = [in](int64_t i) { return differing(in + i, in + i - pixel); };
      auto one = [in](int64_t i) { return in[i] != in[i - pixel]; };
      for_each_word(pixel, width_ * pixel, words, one, visit);
    });
    const uint32_t* end = places_.data();
    row_.first = row_.last = 0;
    row_.values[0] = pixel_at<pixel>(in);
    row_.ends[0] = *end;
    for (int64_t x = *end; x < width_; x = *end) {
      uint32_t value = pixel_at<pixel>(in + x * pixel);
      row_.last += value != row_.values[row_.last];
      row_.values[row_.last] = value;
      row_.ends[row_.last] = *++end;
    }
  }

  // Goes from one pixel to compute to the next, almost without branches, which processors would guess wrong.
  template <class Filter>
  void undo(const uint8_t* in) {
    find([this, in](auto visit) { for_each_not_zero(in, width_ * pixel, visit); });
    if (Filter::repeats_row && places_[0] == width_) return;
    std::swap(row_, up_);
    const uint32_t* place = places_.data();
    const uint32_t *above = up_.values.data() + up_.first, *above_end = up_.ends.data() + up_.first;
    uint32_t *values = row_.values.data(), *ends = row_.ends.data();
    auto width = static_cast<uint32_t>(width_);
    values[0] = ends[0] = 0;  // no pixel, of the 0 to the left of the row
    std::size_t n = 0;
    for (uint32_t x = 0, a = 0, c = 0; x < width;) {
      uint32_t b = *above, residual = pixel_at<pixel>(in + static_cast<int64_t>(x) * pixel);
      uint32_t value = restored<pixel, Filter>(residual, a, b, c);
      place += *place == x;
      uint32_t end = Filter::looks_up ? least(*place, *above_end) : *place;
      if (!comes_to_rest<pixel, Filter>(residual, value, b)) end = x + 1;
      n += value != a;
      values[n] = value;
      ends[n] = end;
      if constexpr (Filter::looks_up) {
        c = b;
        bool passes = end == *above_end;
        above += passes;
        above_end += passes;
      }
      a = value;
      x = end;
    }
    row_.first = ends[0] == 0;
    row_.last = n;
  }

  int64_t width_;
  RowRuns row_, up_;
  std::vector<uint32_t> places_;  // pixels to compute, and the width; room for write_bits
};

}  // namespace seg
