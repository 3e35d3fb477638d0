// CPU door of the reader of COCO's files.
#include <memory>
#include <optional>

#include "coco_reader.h"
#include "door.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

namespace seg {
namespace {

int64_t feed(CocoReader& reader, Vector<uint8_t> bytes) {
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  nb::gil_scoped_release release;
  return reader.feed(text);
}

nb::object pairs(Spans spans) {
  std::size_t n = spans.size() / 2;
  return to_numpy(std::move(spans), {n, 2});
}

// A column of so many numbers, or None where no entry has one.
nb::object numbers(std::vector<double>&& column, std::size_t n, std::initializer_list<std::size_t> shape) {
  if (column.empty()) return nb::none();
  column.resize(n, std::numeric_limits<double>::quiet_NaN());
  return to_numpy(std::move(column), shape);
}

// Hands the columns over, so that nothing is copied; the reader keeps none.
nb::dict take_columns(CocoReader& reader) {
  CocoColumns columns = std::move(reader.columns());
  std::size_t n = columns.image_ids.size(), others = columns.others.size();
  bool has_ids = !columns.ids.empty();
  nb::dict out;
  out["image_ids"] = to_numpy(std::move(columns.image_ids), {n});
  out["category_ids"] = to_numpy(std::move(columns.category_ids), {n});
  out["ids"] = has_ids ? to_numpy(std::move(columns.ids), {n}) : nb::none();
  out["areas"] = numbers(std::move(columns.areas), n, {n});
  out["scores"] = numbers(std::move(columns.scores), n, {n});
  out["boxes"] = numbers(std::move(columns.boxes), 4 * n, {n, 4});
  out["iscrowd"] = to_numpy(std::move(columns.iscrowd), {n});
  out["spans"] = pairs(std::move(columns.spans));
  out["others"] = to_numpy(std::move(columns.others), {others});
  out["masks"] = nb::cast(new MaskStore(std::move(columns.masks)), nb::rv_policy::take_ownership);
  return out;
}

nb::object kinds(const MaskStore& masks) {
  std::vector<uint8_t> out;
  for (std::size_t i = 0; i < masks.size(); ++i) out.push_back(static_cast<uint8_t>(masks[i].kind));
  std::size_t n = out.size();
  return to_numpy(std::move(out), {n});
}

// The polygons of a mask as tuples of numbers.
nb::object polygons(std::string_view text) {
  const auto* at = reinterpret_cast<const double*>(text.data());
  const double* end = at + text.size() / sizeof(double);
  nb::list parts;
  while (at < end) {
    auto n = static_cast<Py_ssize_t>(*at++);
    nb::object part = nb::steal(PyTuple_New(n));
    for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(part.ptr(), i, PyFloat_FromDouble(*at++));
    parts.append(part);
  }
  return nb::steal(PyList_AsTuple(parts.ptr()));
}

// (kind, height, width, polygons or run-length string or None) of a mask.
nb::tuple mask(const MaskStore& masks, int64_t index) {
  if (index < 0 || static_cast<std::size_t>(index) >= masks.size()) {
    throw nb::index_error("there is no such mask");
  }
  Mask found = masks[static_cast<std::size_t>(index)];
  nb::object drawn = nb::none();
  if (found.kind == MaskKind::polygons) drawn = polygons(found.text);
  if (found.kind == MaskKind::rle || found.kind == MaskKind::runs) {
    drawn = nb::bytes(found.text.data(), found.text.size());
  }
  return nb::make_tuple(static_cast<int>(found.kind), found.height, found.width, drawn);
}

std::optional<nb::object> images(const CocoReader& reader) {
  return reader.has("images") ? std::optional(pairs(reader.images())) : std::nullopt;
}

std::optional<nb::object> categories(const CocoReader& reader) {
  return reader.has("categories") ? std::optional(pairs(reader.categories())) : std::nullopt;
}

}  // namespace

void add_coco_doors(nb::module_& m) {
  nb::class_<MaskStore>(m, "MaskStore").def("__len__", &MaskStore::size).def("kinds", &kinds).def("mask", &mask);
  nb::class_<CocoReader>(m, "CocoReader")
      .def(nb::init<int64_t, bool>(), nb::arg("size"), nb::arg("masks") = true)
      .def("feed", &feed)
      .def_prop_ro("complete", &CocoReader::complete)
      .def_prop_ro("is_results", &CocoReader::is_results)
      .def("has", [](const CocoReader& r, const std::string& list) { return r.has(list); })
      .def("take_columns", &take_columns)
      .def("images", &images)
      .def("categories", &categories)
      .def_prop_ro("other_keys", [](const CocoReader& r) { return r.other_keys(); })
      .def("other_values", [](const CocoReader& r) { return pairs(r.other_values()); });
}

}  // namespace seg
