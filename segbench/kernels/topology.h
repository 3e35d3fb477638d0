// Parts and holes of a mask. Its pixels hang together by corners too, those outside of it by sides alone, so that
// a closed outline has an inside; what reaches the border of the image is no hole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "codec.h"

namespace seg {

// Sets of numbers that are joined two by two.
class Groups {
 public:
  explicit Groups(std::size_t n) : up_(n) { std::iota(up_.begin(), up_.end(), std::size_t{0}); }

  std::size_t root(std::size_t i) {
    while (up_[i] != i) i = up_[i] = up_[up_[i]];
    return i;
  }
  void join(std::size_t a, std::size_t b) { up_[root(b)] = root(a); }

 private:
  std::vector<std::size_t> up_;
};

// Rows y0 .. y1 - 1 of column x, all inside the mask or all outside.
struct Strip {
  int64_t x, y0, y1;
  bool inside;
};

// The columns of a mask's box and one on each side, each cut into strips from row -1 to row `height`.
inline std::vector<Strip> strips_of(const Range* ranges, std::size_t n, Box box, int64_t height) {
  std::vector<Strip> strips{{box.x0 - 1, -1, height + 1, false}};
  int64_t x = box.x0, from = -1;
  auto close = [&](int64_t until) {
    for (; x < until; ++x, from = -1) strips.push_back({x, from, height + 1, false});
  };
  for (std::size_t i = 0; i < n; ++i) {
    for_each_column(ranges[i], height, [&](int64_t column, int64_t y0, int64_t y1) {
      close(column);
      strips.push_back({x, from, y0, false});
      strips.push_back({x, y0, y1, true});
      from = y1;
    });
  }
  close(box.x1 + 1);
  return strips;
}

// Joins the strips of one column with those of the next that they touch.
inline void join_columns(const std::vector<Strip>& strips, std::size_t i, std::size_t i_end, std::size_t j,
                         std::size_t j_end, Groups& groups) {
  auto meet = [&](std::size_t a, std::size_t b) {
    if (strips[a].inside == strips[b].inside) groups.join(a, b);
  };
  while (i < i_end && j < j_end) {
    meet(i, j);
    int64_t a = strips[i].y1, b = strips[j].y1;
    if (a == b && i + 1 < i_end && j + 1 < j_end) {  // corners
      if (strips[i].inside) meet(i, j + 1);
      if (strips[j].inside) meet(i + 1, j);
    }
    i += a <= b;
    j += b <= a;
  }
}

struct Topology {
  int64_t parts = 0, holes = 0;
};

// Counts the parts and holes of a mask of `n` ranges, and calls put(begin, end) for the strips of the mask and of
// its holes, from left to right and from top to bottom.
template <class Put>
Topology trace(const Range* ranges, std::size_t n, Box box, int64_t height, Put put) {
  if (n == 0) return {};
  std::vector<Strip> strips = strips_of(ranges, n, box, height);
  Groups groups(strips.size());
  std::size_t before = 0, here = 1;
  for (std::size_t at = 1; at < strips.size(); before = here, here = at) {
    while (at < strips.size() && strips[at].x == strips[here].x) ++at;
    join_columns(strips, before, here, here, at, groups);
  }
  Topology found;
  std::size_t outside = groups.root(0);
  for (std::size_t i = 0; i < strips.size(); ++i) {
    const Strip& s = strips[i];
    std::size_t root = groups.root(i);
    if (root == outside) continue;
    if (root == i) ++(s.inside ? found.parts : found.holes);
    put(static_cast<uint32_t>(s.x * height + s.y0), static_cast<uint32_t>(s.x * height + s.y1));
  }
  return found;
}

}  // namespace seg
