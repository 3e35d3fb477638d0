// A mask of a file as sorted pixel ranges, its area and its box.
#pragma once

#include <vector>

#include "codec.h"
#include "mask_store.h"
#include "outline.h"

namespace seg {

// Draws masks, one after the other, into ranges that belong to the caller; buffers are kept between calls.
class MaskDrawer {
 public:
  // Appends the ranges of a mask of a height × width image. Raises where it is malformed, does not cover the
  // image, states another size, or is none.
  MaskSpan draw(const Mask& mask, int64_t height, int64_t width, std::vector<Range>& ranges);

  // Area alone; raises as `draw`.
  int64_t area(const Mask& mask, int64_t height, int64_t width);

 private:
  MaskSpan draw_polygons(std::string_view text, int64_t height, int64_t width, std::vector<Range>& ranges);

  Outliner outliner_;
  std::vector<Range> united_, scratch_;
};

}  // namespace seg
