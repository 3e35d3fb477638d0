// CPU doors between maps and their runs.
#include <algorithm>
#include <stdexcept>

#include "codec.h"
#include "door.h"
#include "pair_counts.h"

namespace seg {
namespace {

template <class T>
nb::tuple label_runs(Matrix<T> map) {
  const T* pixels = map.data();
  int64_t n = pixels_of(static_cast<int64_t>(map.shape(0)), static_cast<int64_t>(map.shape(1)));
  Runs<T> runs;
  {
    nb::gil_scoped_release release;
    runs = runs_of(pixels, n);
  }
  return to_numpy(std::move(runs));
}

// Calls visit(value, begin, end) for each run, after checking that all of them together are n pixels.
template <class T, class Visit>
void for_each_given_run(const Vector<T>& values, const Vector<uint32_t>& ends, int64_t n, Visit visit) {
  if (values.size() != ends.size()) throw std::invalid_argument("there must be an end for each value");
  int64_t begin = 0;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    int64_t end = ends.data()[i];
    if (end <= begin || end > n) throw std::invalid_argument("ends must rise, up to the number of pixels");
    visit(values.data()[i], begin, end);
    begin = end;
  }
  if (begin != n) throw std::invalid_argument("the runs are fewer pixels than the map");
}

template <class T>
nb::tuple merge_runs(Vector<T> values, Vector<uint32_t> ends) {
  int64_t n = ends.size() ? ends.data()[ends.size() - 1] : 0;
  Runs<T> runs;
  {
    nb::gil_scoped_release release;
    for_each_given_run(values, ends, n, [&](T value, int64_t, int64_t end) {
      runs.add(value, static_cast<uint32_t>(end));
    });
  }
  return to_numpy(std::move(runs));
}

// Place of the first value that is no index of `known`, or of a false one there; -1 where there is none.
template <class T>
int64_t first_unknown(Vector<T> values, Vector<bool> known) {
  const T* value = values.data();
  const bool* knows = known.data();
  auto n = static_cast<int64_t>(values.size());
  uint64_t size = known.size();
  auto is_known = [=](int64_t i) {
    auto id = static_cast<uint64_t>(static_cast<int64_t>(value[i]));
    return id < size && knows[id];
  };
  constexpr int64_t step = 64;  // as a rule all are known: that is asked of many at a time
  for (int64_t from = 0; from < n; from += step) {
    int64_t to = least(from + step, n), found = 0;
    for (int64_t i = from; i < to; ++i) found += is_known(i);
    if (found == to - from) continue;
    for (int64_t i = from; i < to; ++i) {
      if (!is_known(i)) return i;
    }
  }
  return -1;
}

// The distinct values, ascending.
template <class T>
nb::object distinct(Vector<T> values) {
  std::vector<int64_t> ids;
  {
    nb::gil_scoped_release release;
    ids = number_runs(values.data(), nullptr, values.size()).ids;
    std::sort(ids.begin(), ids.end());
  }
  std::size_t n = ids.size();
  return to_numpy(std::move(ids), {n});
}

template <class T>
void fill_runs(Vector<T> values, Vector<uint32_t> ends, nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu> map) {
  T* pixels = map.data();
  auto n = static_cast<int64_t>(map.size());
  nb::gil_scoped_release release;
  for_each_given_run(values, ends, n, [=](T value, int64_t begin, int64_t end) {
    std::fill(pixels + begin, pixels + end, value);
  });
}

template <class T>
void add_typed_doors(nb::module_& m) {
  auto values = nb::arg().noconvert();
  m.def("label_runs", &label_runs<T>, values);
  m.def("distinct", &distinct<T>, values);
  m.def("first_unknown", &first_unknown<T>, values, values);
  m.def("merge_runs", &merge_runs<T>, values, values);
  m.def("fill_runs", &fill_runs<T>, values, values, values);
}

}  // namespace

void add_run_doors(nb::module_& m) {
  for_each_id_type([&](auto id) { add_typed_doors<decltype(id)>(m); });
}

}  // namespace seg
