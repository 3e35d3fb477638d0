// CPU door that draws polygons.
#include "codec.h"
#include "door.h"
#include "outline.h"

namespace seg {
namespace {

nb::bytes rle_from_polygons(const std::vector<Vector<double>>& polygons, int64_t height, int64_t width) {
  std::string out;
  {
    nb::gil_scoped_release release;
    int64_t pixels = pixels_of(height, width);
    std::vector<std::string> parts;
    Outliner outliner;
    for (const Vector<double>& xy : polygons) {
      parts.push_back(write_toggles(outliner.draw(xy.data(), xy.size() / 2, height, width), pixels));
    }
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
