// CPU door of contours: pixels of a class beside another, and whether the other map has the like nearby.
#include "codec.h"
#include "door.h"
#include "near.h"
#include "overlap.h"

namespace seg {
namespace {

constexpr uint16_t no_class = 0xFFFF;

struct Point {
  int64_t x, y;
  uint16_t id;
};

// The classes of the pixels on contours, as a map, no_class elsewhere, and as a list.
struct Contours {
  std::vector<uint16_t> map;
  std::vector<Point> points;
  int64_t outside = 0;  // pixels on contours whose id is no class
};

template <class T>
Contours contours_of(const T* map, int64_t height, int64_t width, int64_t classes, int64_t ignore) {
  Contours out;
  out.map.assign(static_cast<std::size_t>(height * width), no_class);
  auto add = [&](int64_t x, int64_t y) {
    int64_t at = y * width + x, bin = class_bin(static_cast<int64_t>(map[at]), classes, ignore);
    out.outside += bin > classes;
    if (bin >= classes) return;
    auto id = static_cast<uint16_t>(bin);
    out.map[static_cast<std::size_t>(at)] = id;
    out.points.push_back({x, y, id});
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
  std::vector<int64_t> half;
  int64_t n = 0;
  while ((n + 1) * (n + 1) <= squared_reach) ++n;
  for (int64_t k = 0; k * k <= squared_reach; ++k) {
    while (n * n + k * k > squared_reach) --n;
    half.push_back(n);
  }
  return half;
}

// Adds the points of each class, and those that the other map has the like of nearby.
void count_hits(const Contours& own, const Contours& other, int64_t height, int64_t width,
                const std::vector<int64_t>& half, int64_t* out) {
  int64_t reach = static_cast<int64_t>(half.size()) - 1;
  for (const Point& p : own.points) {
    int64_t* counts = out + 4 * static_cast<int64_t>(p.id);
    ++counts[0];
    counts[1] += has_near(other.map.data(), height, width, p.x, p.y, p.id, half.data(), reach);
  }
}

template <class T>
nb::object contour_hits(Matrix<T> truth, Matrix<T> pred, int64_t classes, int64_t ignore,
                        int64_t squared_reach) {
  const T *t = truth.data(), *p = pred.data();
  auto height = static_cast<int64_t>(truth.shape(0)), width = static_cast<int64_t>(truth.shape(1));
  auto rows = static_cast<std::size_t>(classes + 1);
  std::vector<int64_t> out(4 * rows, 0);
  {
    nb::gil_scoped_release release;
    std::vector<T> cut = scored_part(t, p, pixels_of(height, width), ignore);
    Contours true_ones = contours_of(t, height, width, classes, ignore);
    Contours found = contours_of(cut.data(), height, width, classes, ignore);
    std::vector<int64_t> half = half_widths(squared_reach);
    count_hits(true_ones, found, height, width, half, out.data());
    count_hits(found, true_ones, height, width, half, out.data() + 2);
    out[4 * rows - 4] = true_ones.outside;
    out[4 * rows - 2] = found.outside;
  }
  return to_numpy(std::move(out), {rows, 4});
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
