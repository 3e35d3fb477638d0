// CPU doors of the overlap table.
#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <tuple>

#include "door.h"
#include "edges.h"
#include "overlap.h"
#include "pair_table.h"

namespace seg {
namespace {

using Counts = std::vector<int64_t>;

template <class T>
nb::object confusion(Vector<T> truth, Vector<T> pred, int64_t classes, int64_t ignore) {
  const T *t = truth.data(), *p = pred.data();
  auto n = static_cast<int64_t>(truth.size());
  auto side = static_cast<std::size_t>(classes + 2);
  Counts table;
  {
    nb::gil_scoped_release release;
    table.assign(side * side, 0);
    for_each_run(t, p, n, [&](int64_t begin, int64_t end) {
      int64_t row = class_bin(static_cast<int64_t>(t[begin]), classes, ignore);
      int64_t column = class_bin(static_cast<int64_t>(p[begin]), classes, ignore);
      table[static_cast<std::size_t>(row) * side + static_cast<std::size_t>(column)] += end - begin;
    });
  }
  return to_numpy(std::move(table), {side, side});
}

struct PairCounts {
  Counts a, b, pixels;
};

template <class T>
PairCounts count_pairs(const T* a, const T* b, int64_t n) {
  PairTable table;
  Counts pixels;
  for_each_run(a, b, n, [&](int64_t begin, int64_t end) {
    auto number =
        static_cast<std::size_t>(table.add({static_cast<int64_t>(a[begin]), static_cast<int64_t>(b[begin])}));
    if (number == pixels.size()) pixels.push_back(0);
    pixels[number] += end - begin;
  });
  std::vector<std::size_t> order(pixels.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::vector<IdPair>& pairs = table.pairs();
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
    return std::tie(pairs[i].a, pairs[i].b) < std::tie(pairs[j].a, pairs[j].b);
  });
  PairCounts out;
  for (std::size_t i : order) {
    if (pairs[i].a < 0 || pairs[i].b < 0) throw std::invalid_argument("a segment id is negative");
    out.a.push_back(pairs[i].a);
    out.b.push_back(pairs[i].b);
    out.pixels.push_back(pixels[i]);
  }
  return out;
}

template <class T>
nb::tuple pair_counts(Vector<T> truth, Vector<T> pred) {
  const T *t = truth.data(), *p = pred.data();
  auto n = static_cast<int64_t>(truth.size());
  PairCounts counts;
  {
    nb::gil_scoped_release release;
    counts = count_pairs(t, p, n);
  }
  std::size_t size = counts.pixels.size();
  return nb::make_tuple(to_numpy(std::move(counts.a), {size}), to_numpy(std::move(counts.b), {size}),
                        to_numpy(std::move(counts.pixels), {size}));
}

template <class T>
void add_typed_doors(nb::module_& m) {
  m.def("confusion", &confusion<T>, nb::arg().noconvert(), nb::arg().noconvert(), nb::arg(), nb::arg());
  m.def("pair_counts", &pair_counts<T>, nb::arg().noconvert(), nb::arg().noconvert());
}

}  // namespace

void add_overlap_doors(nb::module_& m) {
  add_typed_doors<uint8_t>(m);
  add_typed_doors<uint16_t>(m);
  add_typed_doors<uint32_t>(m);
  add_typed_doors<int32_t>(m);
  add_typed_doors<int64_t>(m);
}

}  // namespace seg
