#include "outline.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "polygon.h"

namespace seg {
namespace {

// Sorts what is nearly always two numbers.
void sort_few(uint32_t* begin, uint32_t* end) {
  if (end - begin > 16) {
    std::sort(begin, end);
    return;
  }
  for (uint32_t* i = begin; i < end; ++i) {
    uint32_t value = *i;
    uint32_t* hole = i;
    for (; hole > begin && hole[-1] > value; --hole) *hole = hole[-1];
    *hole = value;
  }
}

}  // namespace

const std::vector<uint32_t>& Outliner::draw(const double* xy, std::size_t points, int64_t height,
                                            int64_t width) {
  const double farthest = 1e8;  // keeps the fine grid within exact integers
  for (std::size_t i = 0; i < 2 * points; ++i) {
    if (!(std::fabs(xy[i]) <= farthest)) {
      throw std::invalid_argument("a coordinate is not a number, or beyond 1e8 pixels");
    }
  }
  drawn_.clear();
  for (std::size_t i = 0; i < points; ++i) {
    std::size_t next = i + 1 == points ? 0 : i + 1;
    edge_toggles(fine_point(xy + 2 * i), fine_point(xy + 2 * next), height, width, [&](int64_t x, int64_t y) {
      drawn_.push_back({static_cast<uint32_t>(x), static_cast<uint32_t>(y)});
    });
  }
  sort_by_column(static_cast<uint32_t>(height));
  return sorted_;
}

// A toggle at row `height` is the first pixel of the next column: still in order after its own column.
void Outliner::sort_by_column(uint32_t height) {
  sorted_.resize(drawn_.size());
  if (drawn_.empty()) return;
  auto [low, high] =
      std::minmax_element(drawn_.begin(), drawn_.end(), [](Toggle a, Toggle b) { return a.x < b.x; });
  uint32_t first = low->x;
  ends_.assign(high->x - first + std::size_t{2}, 0);
  for (Toggle toggle : drawn_) ++ends_[toggle.x - first + 1];
  for (std::size_t x = 1; x < ends_.size(); ++x) ends_[x] += ends_[x - 1];  // as yet, where columns begin
  for (Toggle toggle : drawn_) sorted_[ends_[toggle.x - first]++] = toggle.x * height + toggle.y;
  uint32_t begin = 0;
  for (std::size_t x = 0; x + 1 < ends_.size(); begin = ends_[x++]) {
    sort_few(sorted_.data() + begin, sorted_.data() + ends_[x]);
  }
}

}  // namespace seg
