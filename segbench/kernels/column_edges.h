// Where a row-major map changes when read down its columns: rows are compared, so that nothing is transposed.
#pragma once

#include <vector>

#include "codec.h"
#include "edges.h"

namespace seg {

// Sorted pixels p = x * height + y, p > 0, for which differs(map at p, map at p - 1).
template <class T, class Differs>
std::vector<uint32_t> column_edges(const T* map, int64_t height, int64_t width, Differs differs) {
  std::vector<uint32_t> edges;
  for (int64_t y = 0; y < height; ++y) {
    int64_t first = y == 0 ? 1 : 0;  // before the top of a column comes the foot of the one to its left
    int64_t before = y == 0 ? (height - 1) * width - 1 : -width;
    const T* row = map + y * width + first;
    auto mark = [=](int64_t from, int64_t count, uint8_t* marks) {
      for (int64_t i = 0; i < count; ++i) marks[i] = differs(row[from + i], row[from + i + before]);
    };
    for_each_mark(width - first, mark,
                  [&](int64_t i) { edges.push_back(static_cast<uint32_t>((i + first) * height + y)); });
  }
  sort_by_column(edges, height);
  return edges;
}

}  // namespace seg
