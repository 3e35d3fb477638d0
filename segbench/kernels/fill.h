// Decoded masks to pixels.
#pragma once

#include <vector>

#include "codec.h"

namespace seg {

// Sets `inside` to the mask's pixels in `box`, which holds all of them, row by row: marks where columns toggle,
// then carries each row into the next.
inline void fill_box(const Range* ranges, std::size_t n, int64_t height, Box box,
                     std::vector<uint8_t>& inside) {
  int64_t columns = box.x1 - box.x0;
  inside.assign(static_cast<std::size_t>(columns * (box.y1 - box.y0)), 0);
  uint8_t* pixels = inside.data();
  for (std::size_t i = 0; i < n; ++i) {
    for_each_column(ranges[i], height, [&](int64_t x, int64_t y0, int64_t y1) {
      pixels[(y0 - box.y0) * columns + x - box.x0] ^= 1;
      if (y1 < box.y1) pixels[(y1 - box.y0) * columns + x - box.x0] ^= 1;
    });
  }
  for (int64_t i = columns; i < columns * (box.y1 - box.y0); ++i) pixels[i] ^= pixels[i - columns];
}

}  // namespace seg
