// CPU doors that measure instances of many images.
#include <optional>
#include <stdexcept>

#include <nanobind/stl/optional.h>

#include "door.h"
#include "instance_measure.h"
#include "record.h"

namespace seg {
namespace {

void need(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

template <class Column>
auto data(const std::optional<Column>& column) {
  return column ? column->data() : nullptr;
}

// Predictions or truth as NumPy columns, checked once, and kept while they are used.
class Instances {
 public:
  Instances(Vector<int64_t> starts, Vector<int64_t> rows, Vector<int32_t> category_ids,
            std::optional<Vector<int64_t>> ids, Vector<bool> iscrowd, std::optional<Vector<double>> areas,
            std::optional<Matrix<double>> boxes, std::optional<Vector<double>> scores, nb::object masks)
      : starts_(starts), rows_(rows), category_ids_(category_ids), ids_(ids), iscrowd_(iscrowd),
        areas_(areas), boxes_(boxes), scores_(scores), masks_(masks) {
    const auto& store = nb::cast<const MaskStore&>(masks);
    std::size_t n = store.size();
    need(category_ids.size() == n && iscrowd.size() == n && (!ids || ids->size() == n) &&
             (!areas || areas->size() == n) && (!scores || scores->size() == n) &&
             (!boxes || (boxes->shape(0) == n && boxes->shape(1) == 4)),
         "every column must be as long as there are masks");
    check_rows(n);
    columns_ = {starts.data(),  rows.data(), category_ids.data(), seg::data(ids), iscrowd.data(),
                seg::data(areas), seg::data(boxes), seg::data(scores), &store};
  }

  std::size_t images() const { return starts_.size() - 1; }
  const InstanceColumns& columns() const { return columns_; }

 private:
  void check_rows(std::size_t n) const {
    const int64_t* start = starts_.data();
    need(starts_.size() > 0 && start[0] == 0, "the first image starts at row 0");
    for (std::size_t i = 1; i < starts_.size(); ++i) need(start[i] >= start[i - 1], "images must start in order");
    need(static_cast<std::size_t>(start[starts_.size() - 1]) == rows_.size(), "the last image ends early");
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      need(rows_.data()[i] >= 0 && static_cast<std::size_t>(rows_.data()[i]) < n, "there is no such row");
    }
  }

  Vector<int64_t> starts_, rows_;
  Vector<int32_t> category_ids_;
  std::optional<Vector<int64_t>> ids_;
  Vector<bool> iscrowd_;
  std::optional<Vector<double>> areas_;
  std::optional<Matrix<double>> boxes_;
  std::optional<Vector<double>> scores_;
  nb::object masks_;
  InstanceColumns columns_{};
};

template <class T>
nb::object stacked(std::vector<std::vector<T>>&& parts) {
  std::size_t n = parts.empty() ? 0 : parts[0].size();
  std::vector<T> all;
  all.reserve(n * parts.size());
  for (std::vector<T>& part : parts) {
    all.insert(all.end(), part.begin(), part.end());
    std::vector<T>().swap(part);
  }
  return to_numpy(std::move(all), {parts.size(), n});
}

nb::dict measure(const Instances& preds, const Instances& truths, Vector<int64_t> heights,
                 Vector<int64_t> widths, int64_t first, int64_t last, bool boxes, Vector<double> thresholds,
                 Matrix<double> area_ranges, int64_t limit, std::optional<Vector<int64_t>> distances) {
  std::size_t images = truths.images();
  need(preds.images() == images && heights.size() == images && widths.size() == images,
       "predictions, truth and sizes must be of the same images");
  need(0 <= first && first <= last && static_cast<std::size_t>(last) <= images, "there is no such image");
  need(truths.columns().ids, "the truth must have ids");
  need(thresholds.size() > 0 && thresholds.size() <= 64, "there must be 1 to 64 thresholds");
  need(area_ranges.shape(1) == 2 && limit >= 0, "area ranges must be [A, 2], and the limit no less than 0");
  need(!distances || static_cast<int64_t>(distances->size()) == last - first, "there must be a distance an image");
  MeasureRules rules{boxes,
                     {thresholds.data(), thresholds.data() + thresholds.size()},
                     {area_ranges.data(), area_ranges.data() + area_ranges.size()},
                     limit,
                     seg::data(distances)};
  InstanceTallies tallies;
  {
    nb::gil_scoped_release release;
    tallies = measure_instances(preds.columns(), truths.columns(), {heights.data(), widths.data()}, first,
                                last, rules);
  }
  std::size_t n = tallies.scores.size(), starts = tallies.pred_starts.size();
  nb::dict out;
  out["category_starts"] = to_numpy(std::move(tallies.category_starts), {starts});
  out["pred_starts"] = to_numpy(std::move(tallies.pred_starts), {starts});
  std::size_t categories = tallies.category_ids.size();
  out["category_ids"] = to_numpy(std::move(tallies.category_ids), {categories});
  out["truths"] = stacked(std::move(tallies.truths));
  out["pred_category_ids"] = to_numpy(std::move(tallies.pred_category_ids), {n});
  out["ranks"] = to_numpy(std::move(tallies.ranks), {n});
  out["scores"] = to_numpy(std::move(tallies.scores), {n});
  out["matched"] = stacked(std::move(tallies.matched));
  out["ignored"] = stacked(std::move(tallies.ignored));
  out["moved"] = to_numpy(std::move(tallies.moved), {starts - 1});
  return out;
}

// The records of images first .. last - 1, one after the other, and where each ends.
nb::tuple records(const Instances& truths, int64_t first, int64_t last) {
  need(truths.columns().ids, "the truth must have ids");
  need(0 <= first && first <= last && static_cast<std::size_t>(last) <= truths.images(), "there is no such image");
  std::string all;
  std::vector<int64_t> ends;
  {
    nb::gil_scoped_release release;
    for (int64_t i = first; i < last; ++i) {
      all += segments_record(truths.columns(), i);
      ends.push_back(static_cast<int64_t>(all.size()));
    }
  }
  std::size_t n = ends.size();
  return nb::make_tuple(nb::bytes(all.data(), all.size()), to_numpy(std::move(ends), {n}));
}

}  // namespace

void add_instance_doors(nb::module_& m) {
  nb::class_<Instances>(m, "Instances")
      .def(nb::init<Vector<int64_t>, Vector<int64_t>, Vector<int32_t>, std::optional<Vector<int64_t>>,
                    Vector<bool>, std::optional<Vector<double>>, std::optional<Matrix<double>>,
                    std::optional<Vector<double>>, nb::object>(),
           nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg().none(), nb::arg().none(),
           nb::arg().none(), nb::arg());
  m.def("measure_instances", &measure, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(),
        nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none());
  m.def("instance_records", &records);
}

}  // namespace seg
