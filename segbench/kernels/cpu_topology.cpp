// CPU doors of the parts and holes of masks.
#include "door.h"
#include "topology.h"

namespace seg {
namespace {

nb::tuple rle_topology(const Strings& rles, int64_t height, int64_t width) {
  std::vector<std::string_view> texts = views(rles);
  std::size_t n = texts.size();
  std::vector<int64_t> parts(n), holes(n);
  {
    nb::gil_scoped_release release;
    std::vector<Range> ranges;
    for (std::size_t i = 0; i < n; ++i) {
      ranges.clear();
      MaskSpan mask = decode(texts[i], height, width, static_cast<int64_t>(i), ranges);
      Topology found = trace(ranges.data(), mask.count, mask.box, height, [](uint32_t, uint32_t) {});
      parts[i] = found.parts;
      holes[i] = found.holes;
    }
  }
  return nb::make_tuple(to_numpy(std::move(parts), {n}), to_numpy(std::move(holes), {n}));
}

nb::bytes rle_fill_holes(const nb::bytes& rle, int64_t height, int64_t width) {
  std::string_view text(rle.c_str(), rle.size());
  std::string out;
  {
    nb::gil_scoped_release release;
    std::vector<Range> ranges;
    std::vector<uint32_t> toggles;
    MaskSpan mask = decode(text, height, width, -1, ranges);
    trace(ranges.data(), mask.count, mask.box, height, [&](uint32_t begin, uint32_t end) {
      toggles.push_back(begin);
      toggles.push_back(end);
    });
    out = write_toggles(toggles, height * width);
  }
  return nb::bytes(out.data(), out.size());
}

}  // namespace

void add_topology_doors(nb::module_& m) {
  m.def("rle_topology", &rle_topology);
  m.def("rle_fill_holes", &rle_fill_holes);
}

}  // namespace seg
