// Run-length masks restated plainly: lists of runs, and intervals of pixels.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "codec.h"

namespace naive {

using Runs = std::vector<uint32_t>;
using Intervals = std::vector<std::pair<int64_t, int64_t>>;  // begin and end, sorted, none touching the next

// The runs that a string says, or nothing where it is malformed or longer than the image.
inline std::optional<Runs> read(std::string_view text, int64_t pixels) {
  std::vector<int64_t> runs;
  int64_t value = 0, power = 1, covered = 0;
  int digits = 0;
  for (char c : text) {
    int digit = static_cast<unsigned char>(c) - 48;
    if (digit < 0 || digit > 63 || ++digits > 7) return std::nullopt;
    value += digit % 32 * power;
    power *= 32;
    if (digit < 32) {
      if (digit >= 16) value -= power;
      if (runs.size() > 2) value += runs[runs.size() - 2];
      covered += value;
      if (value < 0 || covered > pixels) return std::nullopt;
      runs.push_back(value);
      value = digits = 0;
      power = 1;
    }
  }
  if (digits) return std::nullopt;
  return Runs(runs.begin(), runs.end());
}

inline int64_t sum(const Runs& runs) {
  int64_t pixels = 0;
  for (uint32_t run : runs) pixels += run;
  return pixels;
}

inline void append(Intervals& to, int64_t begin, int64_t end) {
  if (begin == end) return;
  if (!to.empty() && to.back().second == begin) {
    to.back().second = end;
  } else {
    to.push_back({begin, end});
  }
}

inline Intervals intervals(const Runs& runs) {
  Intervals out;
  int64_t at = 0;
  for (std::size_t i = 0; i < runs.size(); at += runs[i++]) {
    if (i % 2) append(out, at, at + runs[i]);
  }
  return out;
}

inline Intervals intervals(const seg::Range* ranges, std::size_t n) {
  Intervals out;
  for (std::size_t i = 0; i < n; ++i) out.push_back({ranges[i].begin, ranges[i].end});
  return out;
}

inline int64_t area(const Intervals& mask) {
  int64_t pixels = 0;
  for (auto [begin, end] : mask) pixels += end - begin;
  return pixels;
}

// x0, y0, x1, y1; an interval that goes over the end of a column has the whole height.
inline std::vector<int64_t> box(const Intervals& mask, int64_t height) {
  if (mask.empty()) return {0, 0, 0, 0};
  std::vector<int64_t> xs, ys;
  for (auto [begin, end] : mask) {
    int64_t last = end - 1;
    bool one_column = begin / height == last / height;
    xs.insert(xs.end(), {begin / height, last / height});
    ys.insert(ys.end(), {one_column ? begin % height : 0, one_column ? last % height : height - 1});
  }
  return {*std::min_element(xs.begin(), xs.end()), *std::min_element(ys.begin(), ys.end()),
          *std::max_element(xs.begin(), xs.end()) + 1, *std::max_element(ys.begin(), ys.end()) + 1};
}

inline bool holds(const Intervals& mask, int64_t pixel) {
  return std::any_of(mask.begin(), mask.end(),
                     [=](auto one) { return one.first <= pixel && pixel < one.second; });
}

// Where all masks, or any, are: looked at between all their ends.
inline Intervals joined(const std::vector<Intervals>& masks, bool all) {
  std::vector<int64_t> ends;
  for (const Intervals& mask : masks) {
    for (auto [begin, end] : mask) ends.insert(ends.end(), {begin, end});
  }
  std::sort(ends.begin(), ends.end());
  Intervals out;
  for (std::size_t i = 0; i + 1 < ends.size(); ++i) {
    auto in = [&](const Intervals& mask) { return holds(mask, ends[i]); };
    bool inside = all ? std::all_of(masks.begin(), masks.end(), in) : std::any_of(masks.begin(), masks.end(), in);
    if (inside) append(out, ends[i], ends[i + 1]);
  }
  return out;
}

}  // namespace naive
