// CPU door of the greedy matching.
#include <algorithm>

#include "door.h"
#include "match.h"

namespace seg {
namespace {

struct Matches {
  std::vector<int32_t> pred, truth;
};

// The truths in the order of their visit: those to be ignored last, otherwise as given.
std::vector<int32_t> visiting_order(const bool* ignore, std::size_t n) {
  std::vector<int32_t> order;
  for (bool last : {false, true}) {
    for (std::size_t g = 0; g < n; ++g) {
      if (ignore[g] == last) order.push_back(static_cast<int32_t>(g));
    }
  }
  return order;
}

// Matches every prediction at one threshold; pred and truth are filled with the partner's index or -1.
void match_once(const double* iou, std::size_t pred_n, TruthList list, double threshold, int32_t* pred,
                int32_t* truth) {
  auto truth_n = static_cast<std::size_t>(list.n);
  std::fill(truth, truth + truth_n, -1);
  for (std::size_t d = 0; d < pred_n; ++d) {
    pred[d] = best_truth(iou + d * truth_n, list, truth, threshold);
    if (pred[d] >= 0) truth[pred[d]] = static_cast<int32_t>(d);
  }
}

nb::tuple match(Matrix<double> iou, Matrix<bool> ignore, Vector<bool> crowd, Vector<double> thresholds) {
  std::size_t pred_n = iou.shape(0), truth_n = iou.shape(1), areas = ignore.shape(0),
              levels = thresholds.size();
  const double *overlap = iou.data(), *threshold = thresholds.data();
  const bool *is_ignored = ignore.data(), *is_crowd = crowd.data();
  std::vector<int32_t> pred(areas * levels * pred_n), truth(areas * levels * truth_n);
  {
    nb::gil_scoped_release release;
    for (std::size_t a = 0; a < areas; ++a) {
      const bool* ignored = is_ignored + a * truth_n;
      std::vector<int32_t> order = visiting_order(ignored, truth_n);
      TruthList list{order.data(), ignored, is_crowd, static_cast<int64_t>(truth_n)};
      for (std::size_t t = 0; t < levels; ++t) {
        std::size_t row = a * levels + t;
        match_once(overlap, pred_n, list, threshold[t], pred.data() + row * pred_n,
                   truth.data() + row * truth_n);
      }
    }
  }
  return nb::make_tuple(to_numpy(std::move(pred), {areas, levels, pred_n}),
                        to_numpy(std::move(truth), {areas, levels, truth_n}));
}

}  // namespace

void add_match_doors(nb::module_& m) { m.def("match", &match); }

}  // namespace seg
