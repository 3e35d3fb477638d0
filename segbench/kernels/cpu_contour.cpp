// CPU door of contours: pixels of a class beside another, and whether the other map has the like nearby.
#include "door.h"
#include "near.h"
#include "overlap.h"
#include "run_map_door.h"

namespace seg {
namespace {

struct Point {
  int64_t x, y;
};
using Points = std::vector<Point>;

// The pixels on contours, by class; the last list holds those whose id is no class.
template <class T>
std::vector<Points> contours_of(const RunMap<T>& map, int64_t classes, int64_t ignore) {
  std::vector<Points> out(static_cast<std::size_t>(classes + 1));
  BitRows marks = contour_pixels(map);
  int64_t begin = 0;
  for (int64_t i = 0; i < map.n; begin = map.ends[i++]) {
    int64_t bin = class_bin(static_cast<int64_t>(map.values[i]), classes, ignore);
    if (bin == classes) continue;
    Points& points = out[static_cast<std::size_t>(least(bin, classes))];
    for_each_row_part(begin, map.ends[i], map.width, [&](int64_t y, int64_t x0, int64_t x1) {
      for (int64_t k = x0 >> 6; 64 * k < x1; ++k) {
        uint64_t bits = marks.row(y)[k] & word_part(k, x0, x1);
        for (; bits; bits &= bits - 1) points.push_back({64 * k + lowest_bit(bits), y});
      }
    });
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
    for (Point p : others) bits_.set(p.x, p.y);
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
nb::object contour_hits(Vector<T> truth, Ends truth_ends, Vector<T> pred, Ends pred_ends, int64_t height,
                        int64_t width, int64_t classes, int64_t ignore, int64_t squared_reach) {
  RunMap<T> t = run_map(truth, truth_ends, height, width), p = run_map(pred, pred_ends, height, width);
  std::vector<int64_t> out;
  {
    nb::gil_scoped_release release;
    Runs<T> cut = scored_part(t, p, ignore);
    std::vector<Points> truths = contours_of(t, classes, ignore);
    std::vector<Points> preds = contours_of(as_map(cut, p), classes, ignore);
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
  auto values = nb::arg().noconvert();
  m.def("contour_hits", &contour_hits<T>, values, values, values, values, nb::arg(), nb::arg(), nb::arg(),
        nb::arg(), nb::arg());
}

}  // namespace

void add_contour_doors(nb::module_& m) {
  for_each_id_type([&](auto id) { add_typed_door<decltype(id)>(m); });
}

}  // namespace seg
