// CPU door that draws polygons.
#include "codec.h"
#include "door.h"

namespace seg {
namespace {

std::string draw(const double* xy, std::size_t points, int64_t height, int64_t width) {
  std::vector<uint32_t> toggles;
  outline(xy, points, height, width, toggles);
  return write_toggles(toggles, height * width);
}

nb::bytes rle_from_polygons(const std::vector<Vector<double>>& polygons, int64_t height, int64_t width) {
  std::string out;
  {
    nb::gil_scoped_release release;
    int64_t pixels = pixels_of(height, width);
    std::vector<std::string> parts;
    for (const Vector<double>& xy : polygons) parts.push_back(draw(xy.data(), xy.size() / 2, height, width));
    out =
        parts.size() == 1
            ? parts[0]
            : write_runs(merge_all(std::vector<std::string_view>(parts.begin(), parts.end()), pixels, false));
  }
  return nb::bytes(out.data(), out.size());
}

}  // namespace

void add_polygon_doors(nb::module_& m) { m.def("rle_from_polygons", &rle_from_polygons); }

}  // namespace seg
