#include "mask_boundary.h"

#include "boundary.h"

namespace seg {
namespace {

using Ranges = std::vector<Range>;

struct List {
  const Range* at;
  int64_t n;

  List(const Range* first, std::size_t count) : at(first), n(static_cast<int64_t>(count)) {}
  explicit List(const Ranges& ranges) : List(ranges.data(), ranges.size()) {}
};

Ranges met(List a, List b) {
  Ranges out;
  intersect_ranges(a.at, a.n, b.at, b.n, [&](Range range) { out.push_back(range); });
  return out;
}

// Lists of ranges, one behind the other.
class Lists {
 public:
  Lists() : ends_{0} {}
  void push(Range range) { ranges_.push_back(range); }
  void close() { ends_.push_back(ranges_.size()); }
  void add(List list) {
    ranges_.insert(ranges_.end(), list.at, list.at + list.n);
    close();
  }
  std::size_t size() const { return ends_.size() - 1; }
  List operator[](std::size_t i) const { return {ranges_.data() + ends_[i], ends_[i + 1] - ends_[i]}; }

 private:
  Ranges ranges_;
  std::vector<std::size_t> ends_;
};

// The rows of a mask in each column of its box, each range shorter by d at both ends.
Lists shortened(List mask, const Box& box, int64_t height, int64_t d) {
  Lists columns;
  auto reach = [&](int64_t x) {
    while (static_cast<int64_t>(columns.size()) < x - box.x0) columns.close();
  };
  for (int64_t i = 0; i < mask.n; ++i) {
    for_each_column(mask.at[i], height, [&](int64_t x, int64_t y0, int64_t y1) {
      reach(x);
      if (y1 - y0 > 2 * d) columns.push({static_cast<uint32_t>(y0 + d), static_cast<uint32_t>(y1 - d)});
    });
  }
  reach(box.x1);
  return columns;
}

// What is left of a mask in an erosion by a square of side 2d + 1.
//
// A column keeps what the 2d + 1 columns around it share. Those are the tail of a block of so many columns and
// the head of the next, so that each column is met three times, whatever d is (van Herk, A fast algorithm for
// local minimum and maximum filters on rectangular and octagonal kernels, Pattern Recognition Letters 13, 1992).
Ranges eroded(List mask, const Box& box, int64_t height, int64_t d) {
  Ranges out;
  if (least(box.x1 - box.x0, box.y1 - box.y0) <= 2 * d) return out;
  Lists columns = shortened(mask, box, height, d);
  auto side = static_cast<std::size_t>(2 * d + 1);
  auto keep = [&](std::size_t first, List rows) {
    auto top = static_cast<uint32_t>((box.x0 + d + static_cast<int64_t>(first)) * height);
    for (int64_t i = 0; i < rows.n; ++i) out.push_back({top + rows.at[i].begin, top + rows.at[i].end});
  };
  for (std::size_t block = 0; block + side <= columns.size(); block += side) {
    Lists tails;  // of 1, 2, ... side columns
    tails.add(columns[block + side - 1]);
    for (std::size_t k = 1; k < side; ++k) {
      tails.add(List(met(tails[k - 1], columns[block + side - 1 - k])));
    }
    keep(block, tails[side - 1]);
    Ranges head;
    for (std::size_t k = 1; k < side && block + side + k <= columns.size(); ++k) {
      List column = columns[block + side + k - 1];
      head = k == 1 ? Ranges(column.at, column.at + column.n) : met(List(head), column);
      keep(block + k, List(met(tails[side - 1 - k], List(head))));
    }
  }
  return out;
}

}  // namespace

int64_t add_boundary(const Range* ranges, std::size_t n, const Box& box, int64_t height, int64_t distance,
                     std::vector<Range>& to) {
  Ranges core = eroded({ranges, n}, box, height, distance);
  int64_t pixels = 0;
  subtract_ranges(ranges, static_cast<int64_t>(n), core.data(), static_cast<int64_t>(core.size()), [&](Range range) {
    pixels += range.end - range.begin;
    to.push_back(range);
  });
  return pixels;
}

}  // namespace seg
