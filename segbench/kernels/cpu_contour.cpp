// CPU door of contours: pixels of a class beside another, and whether the other map has the like nearby.
#include "codec.h"
#include "door.h"
#include "near.h"
#include "overlap.h"

namespace seg {
namespace {

struct Point {
  int64_t x, y;
};
using Points = std::vector<Point>;

// The pixels on contours, by class; the last list holds those whose id is no class.
template <class T>
std::vector<Points> contours_of(const T* map, int64_t height, int64_t width, int64_t classes,
                                int64_t ignore) {
  std::vector<Points> out(static_cast<std::size_t>(classes + 1));
  auto add = [&](int64_t x, int64_t y) {
    int64_t bin = class_bin(static_cast<int64_t>(map[y * width + x]), classes, ignore);
    if (bin != classes) out[static_cast<std::size_t>(least(bin, classes))].push_back({x, y});
  };
  for (int64_t y = 0; y < height; ++y) {
    const T* row = map + y * width;
    bool border = y == 0 || y + 1 == height;
    add(0, y);
    auto mark = [=](int64_t from, int64_t count, uint8_t* marks) {
      for (int64_t i = 0; i < count; ++i) {
        marks[i] = border || on_contour(row - width, row, row + width, from + i + 1);
      }
    };
    for_each_mark(width - 2, mark, [&](int64_t x) { add(x + 1, y); });
    if (width > 1) add(width - 1, y);
  }
  return out;
}

// Lengths of a disc's half rows: half[k]² + k² <= r².
std::vector<int64_t> half_widths(int64_t squared_reach) {
  int64_t n = 0;
  while ((n + 1) * (n + 1) <= squared_reach) ++n;
  std::vector<int64_t> half;
  for (int64_t k = 0, last = n; k <= last; ++k) {
    while (n * n + k * k > squared_reach) --n;
    half.push_back(n);
  }
  return half;
}

// An image that points are put into, counted near each other, and taken out of again.
class Canvas {
 public:
  Canvas(int64_t height, int64_t width, int64_t squared_reach)
      : height_(height), width_(width), bits_(height, width), half_(half_widths(squared_reach)) {}

  int64_t count_near(const Points& points, const Points& others) {
    for (Point p : others) bits_.row(p.y)[p.x >> 6] |= uint64_t{1} << (p.x & 63);
    int64_t count = 0, reach = static_cast<int64_t>(half_.size()) - 1;
    for (Point p : points) {
      count += any_near(bits_.row(0), bits_.words(), height_, width_, p.x, p.y, half_.data(), reach);
    }
    for (Point p : others) bits_.row(p.y)[p.x >> 6] = 0;
    return count;
  }

 private:
  int64_t height_, width_;
  BitRows bits_;
  std::vector<int64_t> half_;
};

template <class T>
nb::object contour_hits(Matrix<T> truth, Matrix<T> pred, int64_t classes, int64_t ignore,
                        int64_t squared_reach) {
  const T *t = truth.data(), *p = pred.data();
  auto height = static_cast<int64_t>(truth.shape(0)), width = static_cast<int64_t>(truth.shape(1));
  std::vector<int64_t> out;
  {
    nb::gil_scoped_release release;
    std::vector<T> cut = scored_part(t, p, pixels_of(height, width), ignore);
    std::vector<Points> truths = contours_of(t, height, width, classes, ignore);
    std::vector<Points> preds = contours_of(cut.data(), height, width, classes, ignore);
    Canvas canvas(height, width, squared_reach);
    for (std::size_t c = 0; c < truths.size(); ++c) {
      auto true_n = static_cast<int64_t>(truths[c].size()), pred_n = static_cast<int64_t>(preds[c].size());
      bool both = true_n > 0 && pred_n > 0;
      out.insert(out.end(), {true_n, both ? canvas.count_near(truths[c], preds[c]) : 0, pred_n,
                             both ? canvas.count_near(preds[c], truths[c]) : 0});
    }
  }
  return to_numpy(std::move(out), {static_cast<std::size_t>(classes + 1), 4});
}

template <class T>
void add_typed_door(nb::module_& m) {
  m.def("contour_hits", &contour_hits<T>, nb::arg().noconvert(), nb::arg().noconvert(), nb::arg(), nb::arg(),
        nb::arg());
}

}  // namespace

void add_contour_doors(nb::module_& m) {
  add_typed_door<uint8_t>(m);
  add_typed_door<uint16_t>(m);
  add_typed_door<uint32_t>(m);
  add_typed_door<int32_t>(m);
  add_typed_door<int64_t>(m);
}

}  // namespace seg
