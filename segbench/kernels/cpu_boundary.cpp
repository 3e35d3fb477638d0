// CPU doors of boundaries in maps: of segments or classes, all of them in one pass.
#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <tuple>

#include "codec.h"
#include "door.h"
#include "near.h"
#include "overlap.h"
#include "pair_table.h"

namespace seg {
namespace {

using Counts = std::vector<int64_t>;

struct Size {
  int64_t height, width;
};

template <class T>
Size size_of(Matrix<T> map) {
  Size size{static_cast<int64_t>(map.shape(0)), static_cast<int64_t>(map.shape(1))};
  pixels_of(size.height, size.width);  // raises for a map without pixels
  return size;
}

template <class T>
nb::object boundary_map(Matrix<T> map, int64_t distance) {
  const T* pixels = map.data();
  Size size = size_of(map);
  std::vector<uint8_t> out;
  {
    nb::gil_scoped_release release;
    BitRows marked = near_edges(pixels, size.height, size.width, distance);
    out.resize(static_cast<std::size_t>(size.height * size.width));
    for (int64_t y = 0; y < size.height; ++y) {
      const uint64_t* bits = marked.row(y);
      uint8_t* row = out.data() + y * size.width;
      for (int64_t x = 0; x < size.width; ++x) row[x] = bits[x >> 6] >> (x & 63) & 1;
    }
  }
  return to_numpy(std::move(out), {map.shape(0), map.shape(1)});
}

// Pixels of one kind: all, on the boundary in the truth, in the prediction, and in both.
struct Tally {
  int64_t all = 0, truth = 0, pred = 0, both = 0;
};

// Calls put(x, y, tally) for each run of equal pairs, which begins at (x, y).
template <class T, class Put>
void for_each_tally(const T* truth, const T* pred, Size size, int64_t distance, Put put) {
  BitRows truth_near = near_edges(truth, size.height, size.width, distance);
  BitRows pred_near = near_edges(pred, size.height, size.width, distance);
  for (int64_t y = 0; y < size.height; ++y) {
    const uint64_t *t = truth_near.row(y), *p = pred_near.row(y);
    for_each_run(truth + y * size.width, pred + y * size.width, size.width, [&](int64_t begin, int64_t end) {
      put(begin, y,
          Tally{end - begin, bits_between(begin, end, [=](int64_t i) { return t[i]; }),
                bits_between(begin, end, [=](int64_t i) { return p[i]; }),
                bits_between(begin, end, [=](int64_t i) { return t[i] & p[i]; })});
    });
  }
}

struct PairTallies {
  Counts a, b, tallies;
};

template <class T>
PairTallies count_pairs(const T* truth, const T* pred, Size size, int64_t distance) {
  PairTable table;
  std::vector<Tally> tallies;
  for_each_tally(truth, pred, size, distance, [&](int64_t x, int64_t y, Tally run) {
    int64_t at = y * size.width + x;
    auto number = static_cast<std::size_t>(
        table.add({static_cast<int64_t>(truth[at]), static_cast<int64_t>(pred[at])}));
    if (number == tallies.size()) tallies.emplace_back();
    Tally& sum = tallies[number];
    sum = {sum.all + run.all, sum.truth + run.truth, sum.pred + run.pred, sum.both + run.both};
  });
  std::vector<std::size_t> order(tallies.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::vector<IdPair>& pairs = table.pairs();
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
    return std::tie(pairs[i].a, pairs[i].b) < std::tie(pairs[j].a, pairs[j].b);
  });
  PairTallies out;
  for (std::size_t i : order) {
    if (pairs[i].a < 0 || pairs[i].b < 0) throw std::invalid_argument("a segment id is negative");
    out.a.push_back(pairs[i].a);
    out.b.push_back(pairs[i].b);
    const Tally& sum = tallies[i];
    out.tallies.insert(out.tallies.end(), {sum.all, sum.truth, sum.pred, sum.both});
  }
  return out;
}

template <class T>
nb::tuple boundary_pairs(Matrix<T> truth, Matrix<T> pred, int64_t distance) {
  const T *t = truth.data(), *p = pred.data();
  Size size = size_of(truth);
  PairTallies found;
  {
    nb::gil_scoped_release release;
    found = count_pairs(t, p, size, distance);
  }
  std::size_t n = found.a.size();
  return nb::make_tuple(to_numpy(std::move(found.a), {n}), to_numpy(std::move(found.b), {n}),
                        to_numpy(std::move(found.tallies), {n, 4}));
}

template <class T>
nb::object boundary_classes(Matrix<T> truth, Matrix<T> pred, int64_t classes, int64_t ignore,
                            int64_t distance) {
  const T *t = truth.data(), *p = pred.data();
  Size size = size_of(truth);
  auto bins = static_cast<std::size_t>(classes + 2);
  Counts out(3 * bins, 0);
  {
    nb::gil_scoped_release release;
    std::vector<T> cut = scored_part(t, p, size.height * size.width, ignore);
    for_each_tally(t, cut.data(), size, distance, [&](int64_t x, int64_t y, Tally run) {
      int64_t at = y * size.width + x, true_id = static_cast<int64_t>(t[at]);
      if (true_id == ignore) return;
      int64_t row = class_bin(true_id, classes, ignore);
      int64_t other = class_bin(static_cast<int64_t>(cut[static_cast<std::size_t>(at)]), classes, ignore);
      out[static_cast<std::size_t>(3 * row)] += run.truth;
      out[static_cast<std::size_t>(3 * other + 1)] += run.pred;
      if (row == other) out[static_cast<std::size_t>(3 * row + 2)] += run.both;
    });
  }
  return to_numpy(std::move(out), {bins, 3});
}

template <class T>
void add_typed_doors(nb::module_& m) {
  m.def("boundary_map", &boundary_map<T>, nb::arg().noconvert(), nb::arg());
  m.def("boundary_pairs", &boundary_pairs<T>, nb::arg().noconvert(), nb::arg().noconvert(), nb::arg());
  m.def("boundary_classes", &boundary_classes<T>, nb::arg().noconvert(), nb::arg().noconvert(), nb::arg(),
        nb::arg(), nb::arg());
}

}  // namespace

void add_boundary_doors(nb::module_& m) {
  add_typed_doors<uint8_t>(m);
  add_typed_doors<uint16_t>(m);
  add_typed_doors<uint32_t>(m);
  add_typed_doors<int32_t>(m);
  add_typed_doors<int64_t>(m);
}

}  // namespace seg
