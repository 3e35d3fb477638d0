// CPU door of panoptic matching.
#include <stdexcept>
#include <string>

#include "door.h"
#include "panoptic_batch.h"

namespace seg {
namespace {

void check_rows(const char* name, std::size_t rows, std::size_t columns, std::size_t wanted) {
  if (rows != 3 || columns != wanted) {
    throw std::invalid_argument(std::string(name) + " must have shape [3, " + std::to_string(wanted) + "], not [" +
                                std::to_string(rows) + ", " + std::to_string(columns) + "]");
  }
}

void check_length(const char* name, std::size_t length, std::size_t wanted) {
  if (length != wanted) {
    throw std::invalid_argument(std::string(name) + " must have shape [" + std::to_string(wanted) + "], not [" +
                                std::to_string(length) + "]");
  }
}

// Raises unless the ends of a list rise up to its length.
void check_ends(const PanopticBatch& batch, int list, int64_t length) {
  int64_t last = 0;
  for (int64_t i = 0; i < batch.images; ++i) {
    int64_t end = batch.ends[list * batch.images + i];
    if (end < last) throw std::invalid_argument("ends must rise");
    last = end;
  }
  if (last != length) throw std::invalid_argument("the last end must be the length of its list");
}

nb::tuple match_segments(Matrix<int64_t> ends, Matrix<int64_t> pairs, Vector<int64_t> truth_ids,
                         Matrix<int32_t> truth_rows, Vector<double> stated, Vector<int64_t> pred_ids,
                         Matrix<int32_t> pred_rows, Vector<double> edge_iou, uint32_t rules) {
  std::size_t images = ends.shape(1), n = pairs.shape(1), truths = truth_ids.size(), preds = pred_ids.size();
  PanopticBatch batch{static_cast<int64_t>(images), static_cast<int64_t>(n), static_cast<int64_t>(truths),
                      static_cast<int64_t>(preds), ends.data(), pairs.data(), truth_ids.data(), truth_rows.data(),
                      stated.data(), pred_ids.data(), pred_rows.data(), nullptr, rules};
  check_rows("pairs", pairs.shape(0), n, n);
  check_rows("truth_rows", truth_rows.shape(0), truth_rows.shape(1), truths);
  check_rows("pred_rows", pred_rows.shape(0), pred_rows.shape(1), preds);
  check_length("stated", stated.size(), truths);
  if (edge_iou.size() > 0) check_length("edge_iou", edge_iou.size(), n);
  check_rows("ends", ends.shape(0), images, images);
  if (edge_iou.size() > 0) batch.edge_iou = edge_iou.data();
  check_ends(batch, 0, batch.pairs);
  check_ends(batch, 1, batch.truths);
  check_ends(batch, 2, batch.preds);
  std::vector<int64_t> truth_sums(2 * truths), pred_sums(2 * preds), matches(images), truth_pixels(truths);
  std::vector<int32_t> stand_ins(truths + 2 * preds), category(2 * n), truth_counts(2 * truths), pred_counts(preds);
  std::vector<SharedPixels> shared(n);
  std::vector<double> iou(n);
  PanopticArrays arrays{truth_sums.data(), pred_sums.data(), stand_ins.data(), shared.data(),
                        category.data(), iou.data(), matches.data(), truth_pixels.data(),
                        truth_counts.data(), pred_counts.data()};
  {
    nb::gil_scoped_release release;
    for (int64_t i = 0; i < batch.images; ++i) arrays.match(batch, i);
  }
  return nb::make_tuple(to_numpy(std::move(category), {2, n}), to_numpy(std::move(iou), {n}),
                        to_numpy(std::move(matches), {images}), to_numpy(std::move(truth_pixels), {truths}),
                        to_numpy(std::move(truth_counts), {2, truths}), to_numpy(std::move(pred_counts), {preds}));
}

}  // namespace

void add_panoptic_doors(nb::module_& m) { m.def("match_segments", &match_segments); }

}  // namespace seg
