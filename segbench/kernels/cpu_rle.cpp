// CPU doors that read and combine RLE strings, and the IoU of masks and boxes.
#include "codec.h"
#include "door.h"

namespace seg {
namespace {

nb::bytes to_bytes(const std::string& s) { return nb::bytes(s.data(), s.size()); }

nb::object rle_to_runs(const nb::bytes& rle, int64_t height, int64_t width, bool strict) {
  std::string_view text(rle.c_str(), rle.size());
  std::vector<uint32_t> runs;
  {
    nb::gil_scoped_release release;
    runs = read_runs(text, pixels_of(height, width), -1, strict);
  }
  std::size_t n = runs.size();
  return to_numpy(std::move(runs), {n});
}

nb::bytes rle_from_runs(Vector<int64_t> runs, int64_t height, int64_t width) {
  const int64_t* run = runs.data();
  std::size_t n = runs.size();
  std::string out;
  {
    nb::gil_scoped_release release;
    int64_t rest = pixels_of(height, width), pixels = rest;
    std::vector<uint32_t> kept(n);
    for (std::size_t i = 0; i < n; ++i) {
      if (run[i] < 0) throw std::invalid_argument("run " + std::to_string(i) + " is negative");
      if (run[i] > rest) throw std::invalid_argument("the runs sum to more than " + std::to_string(pixels));
      rest -= run[i];
      kept[i] = static_cast<uint32_t>(run[i]);
    }
    if (rest > 0) throw std::invalid_argument("the runs sum to less than " + std::to_string(pixels));
    out = write_runs(kept);
  }
  return to_bytes(out);
}

nb::bytes rle_merge(const Strings& rles, int64_t height, int64_t width, bool intersect) {
  std::vector<std::string_view> texts = views(rles);
  std::string out;
  {
    nb::gil_scoped_release release;
    out = write_runs(merge_all(texts, pixels_of(height, width), intersect));
  }
  return to_bytes(out);
}

nb::tuple rle_measure(const Strings& rles, Vector<int64_t> heights, Vector<int64_t> widths) {
  std::vector<std::string_view> texts = views(rles);
  const int64_t *height = heights.data(), *width = widths.data();
  std::size_t n = texts.size();
  std::vector<int64_t> areas(n);
  std::vector<double> boxes(4 * n);
  {
    nb::gil_scoped_release release;
    std::vector<Range> ranges;
    for (std::size_t i = 0; i < n; ++i) {
      ranges.clear();
      MaskSpan mask = decode(texts[i], height[i], width[i], static_cast<int64_t>(i), ranges);
      areas[i] = mask.area;
      const Box& box = mask.box;
      const int64_t xywh[] = {box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0};
      for (std::size_t j = 0; j < 4; ++j) boxes[4 * i + j] = static_cast<double>(xywh[j]);
    }
  }
  return nb::make_tuple(to_numpy(std::move(areas), {n}), to_numpy(std::move(boxes), {n, 4}));
}

struct MaskList {
  std::vector<Range> ranges;
  std::vector<MaskSpan> masks;

  MaskList(const std::vector<std::string_view>& rles, int64_t height, int64_t width) {
    for (std::string_view rle : rles) {
      masks.push_back(decode(rle, height, width, static_cast<int64_t>(masks.size()), ranges));
    }
  }
};

double iou_of(const MaskList& pred, std::size_t d, const MaskList& truth, std::size_t g, bool crowd,
              int64_t height) {
  const MaskSpan &p = pred.masks[d], &t = truth.masks[g];
  if (!boxes_meet(p.box, t.box)) return 0;
  int64_t begin = most(p.box.x0, t.box.x0) * height, end = least(p.box.x1, t.box.x1) * height;
  int64_t common = common_pixels(pred.ranges.data() + p.first, static_cast<int64_t>(p.count),
                                 truth.ranges.data() + t.first, static_cast<int64_t>(t.count), begin, end);
  return mask_iou(common, p.area, t.area, crowd);
}

nb::object rle_iou(const Strings& pred, const Strings& truth, Vector<bool> crowd, int64_t height,
                   int64_t width) {
  std::vector<std::string_view> pred_texts = views(pred), truth_texts = views(truth);
  const bool* is_crowd = crowd.data();
  std::size_t pred_n = pred_texts.size(), truth_n = truth_texts.size();
  std::vector<double> out(pred_n * truth_n);
  {
    nb::gil_scoped_release release;
    MaskList preds(pred_texts, height, width), truths(truth_texts, height, width);
    for (std::size_t d = 0; d < pred_n; ++d) {
      for (std::size_t g = 0; g < truth_n; ++g) {
        out[d * truth_n + g] = iou_of(preds, d, truths, g, is_crowd[g], height);
      }
    }
  }
  return to_numpy(std::move(out), {pred_n, truth_n});
}

nb::object all_box_ious(Matrix<double> pred, Matrix<double> truth, Vector<bool> crowd) {
  const double *p = pred.data(), *t = truth.data();
  const bool* is_crowd = crowd.data();
  std::size_t pred_n = pred.shape(0), truth_n = truth.shape(0);
  std::vector<double> out(pred_n * truth_n);
  {
    nb::gil_scoped_release release;
    for (std::size_t d = 0; d < pred_n; ++d) {
      for (std::size_t g = 0; g < truth_n; ++g) {
        out[d * truth_n + g] = box_iou(p + 4 * d, t + 4 * g, is_crowd[g]);
      }
    }
  }
  return to_numpy(std::move(out), {pred_n, truth_n});
}

}  // namespace

void add_rle_doors(nb::module_& m) {
  m.def("rle_to_runs", &rle_to_runs);
  m.def("rle_from_runs", &rle_from_runs);
  m.def("rle_merge", &rle_merge);
  m.def("rle_measure", &rle_measure);
  m.def("rle_iou", &rle_iou);
  m.def("box_iou", &all_box_ious);
}

}  // namespace seg
