// What the CPU doors share: NumPy arrays in and out, and the functions that register each file's doors.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>

#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "runs.h"

namespace nb = nanobind;

namespace seg {

template <class T>
using Vector = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using Matrix = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Strings = std::vector<nb::bytes>;

// A NumPy array that owns what the vector held.
template <class T>
nb::object to_numpy(std::vector<T>&& values, std::initializer_list<std::size_t> shape) {
  auto* kept = new std::vector<T>(std::move(values));
  nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  nb::object array = nb::cast(nb::ndarray<nb::numpy, T>(kept->data(), shape, owner));
  // nanobind exports 64-bit integers as C's long long, which on some systems is not NumPy's int64.
  if constexpr (std::is_same_v<T, int64_t>) array = array.attr("view")("int64");
  return array;
}

// (values, ends) of runs.
template <class T>
nb::tuple to_numpy(Runs<T>&& runs) {
  std::size_t n = runs.values.size();
  return nb::make_tuple(to_numpy(std::move(runs.values), {n}), to_numpy(std::move(runs.ends), {n}));
}

// The characters of bytes objects, to be read without the GIL while the objects are held.
inline std::vector<std::string_view> views(const Strings& strings) {
  std::vector<std::string_view> out;
  out.reserve(strings.size());
  for (const nb::bytes& s : strings) out.emplace_back(s.c_str(), s.size());
  return out;
}

// Calls add(T{}) for each type T of ids that maps come in; _runs.py turns others into one of these.
template <class Add>
void for_each_id_type(Add add) {
  add(uint8_t{});
  add(uint16_t{});
  add(uint32_t{});
  add(int32_t{});
  add(int64_t{});
}

void add_overlap_doors(nb::module_& m);
void add_rle_doors(nb::module_& m);
void add_mask_doors(nb::module_& m);
void add_segment_doors(nb::module_& m);
void add_polygon_doors(nb::module_& m);
void add_match_doors(nb::module_& m);
void add_panoptic_doors(nb::module_& m);
void add_png_doors(nb::module_& m);
void add_png_write_doors(nb::module_& m);
void add_coco_doors(nb::module_& m);
void add_instance_doors(nb::module_& m);
void add_curve_doors(nb::module_& m);
void add_run_doors(nb::module_& m);
void add_boundary_doors(nb::module_& m);
void add_boundary_rle_doors(nb::module_& m);
void add_contour_doors(nb::module_& m);
void add_logits_doors(nb::module_& m);
void add_topology_doors(nb::module_& m);
void add_resample_doors(nb::module_& m);

}  // namespace seg
