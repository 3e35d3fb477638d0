// CPU doors of the boundaries of RLE masks.
#include "codec.h"
#include "door.h"
#include "mask_boundary.h"

namespace seg {
namespace {

// A decoded mask, and its boundary once it was asked for.
struct Outlined {
  std::vector<Range> ranges, edge;
  MaskSpan mask;
  int64_t edge_area = 0;

  void outline(int64_t height, int64_t distance) {
    if (edge.empty()) {
      edge_area = add_boundary(ranges.data(), ranges.size(), mask.box, height, distance, edge);
    }
  }
};

std::vector<Outlined> decode_all(const std::vector<std::string_view>& rles, int64_t height, int64_t width) {
  std::vector<Outlined> out(rles.size());
  for (std::size_t i = 0; i < rles.size(); ++i) {
    out[i].mask = decode(rles[i], height, width, static_cast<int64_t>(i), out[i].ranges);
  }
  return out;
}

int64_t shared(const std::vector<Range>& a, const std::vector<Range>& b, int64_t begin, int64_t end) {
  return common_pixels(a.data(), static_cast<int64_t>(a.size()), b.data(), static_cast<int64_t>(b.size()),
                       begin, end);
}

double least_iou(Outlined& pred, Outlined& truth, bool crowd, int64_t height, int64_t distance) {
  const Box &p = pred.mask.box, &t = truth.mask.box;
  if (!boxes_meet(p, t)) return 0;
  int64_t begin = most(p.x0, t.x0) * height, end = least(p.x1, t.x1) * height;
  int64_t common = shared(pred.ranges, truth.ranges, begin, end);
  double iou = mask_iou(common, pred.mask.area, truth.mask.area, crowd);
  if (crowd || common == 0) return iou;
  pred.outline(height, distance);
  truth.outline(height, distance);
  int64_t edge = shared(pred.edge, truth.edge, begin, end);
  return least(iou, mask_iou(edge, pred.edge_area, truth.edge_area, false));
}

nb::list rle_boundary(const Strings& rles, int64_t height, int64_t width, int64_t distance) {
  std::vector<std::string_view> texts = views(rles);
  std::vector<std::string> found;
  {
    nb::gil_scoped_release release;
    int64_t pixels = pixels_of(height, width);
    for (Outlined& one : decode_all(texts, height, width)) {
      one.outline(height, distance);
      std::vector<uint32_t> toggles;
      for (const Range& range : one.edge) toggles.insert(toggles.end(), {range.begin, range.end});
      found.push_back(write_toggles(toggles, pixels));
    }
  }
  nb::list out;
  for (const std::string& rle : found) out.append(nb::bytes(rle.data(), rle.size()));
  return out;
}

nb::object rle_boundary_iou(const Strings& pred, const Strings& truth, Vector<bool> crowd, int64_t height,
                            int64_t width, int64_t distance) {
  std::vector<std::string_view> pred_texts = views(pred), truth_texts = views(truth);
  const bool* is_crowd = crowd.data();
  std::size_t pred_n = pred_texts.size(), truth_n = truth_texts.size();
  std::vector<double> out(pred_n * truth_n);
  {
    nb::gil_scoped_release release;
    std::vector<Outlined> preds = decode_all(pred_texts, height, width);
    std::vector<Outlined> truths = decode_all(truth_texts, height, width);
    for (std::size_t d = 0; d < pred_n; ++d) {
      for (std::size_t g = 0; g < truth_n; ++g) {
        out[d * truth_n + g] = least_iou(preds[d], truths[g], is_crowd[g], height, distance);
      }
    }
  }
  return to_numpy(std::move(out), {pred_n, truth_n});
}

}  // namespace

void add_boundary_rle_doors(nb::module_& m) {
  m.def("rle_boundary", &rle_boundary);
  m.def("rle_boundary_iou", &rle_boundary_iou);
}

}  // namespace seg
