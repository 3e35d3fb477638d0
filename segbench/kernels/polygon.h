// Polygons to masks, the pixels that COCO's maskApi draws (Lin et al., Microsoft COCO, ECCV 2014; rleFrPoly).
//
// The outline is drawn on a grid five times as fine. Reading down the columns, the mask toggles wherever the
// outline steps between the fine columns 5x + 2 and 5x + 3, so only these steps are computed: at most
// one a pixel column and edge. Their fine row v becomes pixel row ceil((v - 2) / 5), exact in integers.
#pragma once

#include "portable.h"

namespace seg {

struct FinePoint {
  int64_t x, y;
};

// On the fine grid; like COCO's, rounds negative coordinates toward 0.
SEG_FN FinePoint fine_point(const double* xy) {
  return {static_cast<int64_t>(5 * xy[0] + .5), static_cast<int64_t>(5 * xy[1] + .5)};
}

// Pixel row of a toggle whose upper end is the fine row v.
SEG_FN int64_t toggle_row(int64_t v, int64_t height) { return v <= 2 ? 0 : least((v + 2) / 5, height); }

// Where a line that starts at `start` and rises by `slope` a step is after t steps.
SEG_FN int64_t line_at(int64_t start, double slope, int64_t t) {
  return static_cast<int64_t>(static_cast<double>(start) + slope * static_cast<double>(t) + .5);
}

// An edge with more rows than columns: the step at which it passes from fine column c to c + 1 or back.
SEG_FN int64_t passing_step(int64_t start, double slope, int64_t steps, int64_t c) {
  double guess = (static_cast<double>(c - start) + .5) / slope;
  int64_t t = least(most(static_cast<int64_t>(guess), static_cast<int64_t>(0)), steps);
  bool starts_left = slope > 0;
  while (t > 0 && (line_at(start, slope, t) <= c) != starts_left) --t;
  while (t < steps && (line_at(start, slope, t) <= c) == starts_left) ++t;
  return t;
}

// Calls put(x, y) for each toggle that the edge from p to q makes in an image of this size; y may be height.
template <class Put>
SEG_FN void edge_toggles(FinePoint p, FinePoint q, int64_t height, int64_t width, Put put) {
  int64_t across = p.x < q.x ? q.x - p.x : p.x - q.x, down = p.y < q.y ? q.y - p.y : p.y - q.y;
  if (across == 0) return;
  bool wide = across >= down;
  if (wide ? p.x > q.x : p.y > q.y) {
    FinePoint other = p;
    p = q;
    q = other;
  }
  double slope = wide ? static_cast<double>(q.y - p.y) / static_cast<double>(across)
                      : static_cast<double>(q.x - p.x) / static_cast<double>(down);
  int64_t left = least(p.x, q.x), right = most(p.x, q.x);
  for (int64_t x = left <= 2 ? 0 : (left + 2) / 5; x < width && 5 * x + 2 < right; ++x) {
    int64_t c = 5 * x + 2;
    int64_t v = wide ? least(line_at(p.y, slope, c - p.x), line_at(p.y, slope, c + 1 - p.x))
                     : p.y + passing_step(p.x, slope, down, c) - 1;
    put(x, toggle_row(v, height));
  }
}

}  // namespace seg
