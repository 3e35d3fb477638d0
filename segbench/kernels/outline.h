// The outlines of polygons as the sorted pixels at which their masks toggle; see polygon.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace seg {

// Draws outlines one after the other; buffers are kept between calls.
class Outliner {
 public:
  // The toggles of a polygon of a height × width image, whose pixels 32 bits can number; valid until the next
  // call. Raises where a coordinate is not finite or beyond 1e8.
  const std::vector<uint32_t>& draw(const double* xy, std::size_t points, int64_t height, int64_t width);

 private:
  struct Toggle {
    uint32_t x, y;
  };

  void sort_by_column(uint32_t height);

  std::vector<Toggle> drawn_;
  std::vector<uint32_t> ends_, sorted_;
};

}  // namespace seg
