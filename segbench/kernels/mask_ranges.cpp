#include "mask_ranges.h"

#include <algorithm>
#include <cstring>

namespace seg {
namespace {

// Area and box of ranges that do not touch; as in `decode`, a range over a column's end has full height.
void measure(const std::vector<Range>& ranges, int64_t height, MaskSpan& span) {
  for (std::size_t i = span.first; i < ranges.size(); ++i) {
    span.area += ranges[i].end - ranges[i].begin;
    span.box = widened(span.box, ranges[i], height);
  }
  span.count = ranges.size() - span.first;
}

// Appends a range of a sorted list, joined with the one before where they meet.
void append(std::vector<Range>& ranges, std::size_t first, Range range) {
  if (ranges.size() > first && range.begin <= ranges.back().end) {
    ranges.back().end = most(ranges.back().end, range.end);
  } else {
    ranges.push_back(range);
  }
}

// Appends the ranges between sorted toggles; equal ones cancel out.
void append_toggled(const std::vector<uint32_t>& sorted, int64_t pixels, std::vector<Range>& ranges) {
  std::size_t first = ranges.size();
  bool inside = false;
  uint32_t begin = 0;
  for (uint32_t at : sorted) {
    if (at >= pixels) break;
    if (inside && at > begin) append(ranges, first, {begin, at});
    inside = !inside;
    begin = at;
  }
  if (inside) append(ranges, first, {begin, static_cast<uint32_t>(pixels)});
}

// Raises unless the mask is an RLE of an image of this size.
void check(const Mask& mask, int64_t height, int64_t width) {
  if (mask.kind == MaskKind::none) throw std::invalid_argument("there is no mask");
  if (mask.height != height || mask.width != width) throw std::invalid_argument("the mask is of another size");
}

}  // namespace

MaskSpan MaskDrawer::draw(const Mask& mask, int64_t height, int64_t width, std::vector<Range>& ranges) {
  if (mask.kind == MaskKind::polygons) return draw_polygons(mask.text, height, width, ranges);
  check(mask, height, width);
  return decode(mask.text, height, width, -1, ranges, true);
}

int64_t MaskDrawer::area(const Mask& mask, int64_t height, int64_t width) {
  if (mask.kind == MaskKind::polygons) {
    scratch_.clear();
    return draw_polygons(mask.text, height, width, scratch_).area;
  }
  check(mask, height, width);
  return area_of(mask.text, height, width);
}

MaskSpan MaskDrawer::draw_polygons(std::string_view text, int64_t height, int64_t width,
                                   std::vector<Range>& ranges) {
  MaskSpan span;
  span.first = ranges.size();
  int64_t pixels = pixels_of(height, width);
  const auto* at = reinterpret_cast<const double*>(text.data());
  const double* end = at + text.size() / sizeof(double);
  int parts = 0;
  while (at < end) {
    auto points = static_cast<std::size_t>(*at) / 2;
    append_toggled(outliner_.draw(at + 1, points, height, width), pixels, ranges);
    at += 1 + 2 * points;
    ++parts;
  }
  if (parts > 1) {
    auto begin = ranges.begin() + static_cast<std::ptrdiff_t>(span.first);
    std::sort(begin, ranges.end(), [](Range a, Range b) { return a.begin < b.begin; });
    united_.clear();
    for (auto range = begin; range != ranges.end(); ++range) append(united_, 0, *range);
    ranges.resize(span.first);
    ranges.insert(ranges.end(), united_.begin(), united_.end());
  }
  measure(ranges, height, span);
  return span;
}

}  // namespace seg
