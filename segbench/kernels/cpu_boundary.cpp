// CPU doors of boundaries in maps, given as runs: of segments or classes, all of them in one pass.
#include <algorithm>
#include <numeric>
#include <tuple>

#include "door.h"
#include "near.h"
#include "overlap.h"
#include "pair_table.h"
#include "run_map_door.h"

namespace seg {
namespace {

using Counts = std::vector<int64_t>;

template <class T>
nb::object boundary_map(Vector<T> values, Ends ends, int64_t height, int64_t width, int64_t distance) {
  RunMap<T> map = run_map(values, ends, height, width);
  std::vector<uint8_t> out;
  {
    nb::gil_scoped_release release;
    BitRows marked = near_edges(map, distance);
    out.resize(static_cast<std::size_t>(map.pixels()));
    for (int64_t y = 0; y < height; ++y) {
      const uint64_t* bits = marked.row(y);
      uint8_t* row = out.data() + y * width;
      for (int64_t x = 0; x < width; ++x) row[x] = bits[x >> 6] >> (x & 63) & 1;
    }
  }
  return to_numpy(std::move(out), {static_cast<std::size_t>(height), static_cast<std::size_t>(width)});
}

// Pixels of one kind: all, on the boundary in the truth, in the prediction, and in both.
struct Tally {
  int64_t all = 0, truth = 0, pred = 0, both = 0;

  void add(const Tally& other) {
    all += other.all;
    truth += other.truth;
    pred += other.pred;
    both += other.both;
  }
};

// Calls put(true id, predicted id, tally) for each common run of two maps.
template <class T, class Put>
void for_each_tally(const RunMap<T>& truth, const RunMap<T>& pred, int64_t distance, Put put) {
  BitRows truth_near = near_edges(truth, distance), pred_near = near_edges(pred, distance);
  int64_t begin = 0;
  for_each_common_run(truth.ends, truth.n, pred.ends, pred.n, [&](int64_t i, int64_t j, int64_t pixels) {
    Tally sum;
    for_each_row_part(begin, begin + pixels, truth.width, [&](int64_t y, int64_t x0, int64_t x1) {
      const uint64_t *t = truth_near.row(y), *p = pred_near.row(y);
      sum.add({x1 - x0, bits_between(x0, x1, [=](int64_t k) { return t[k]; }),
               bits_between(x0, x1, [=](int64_t k) { return p[k]; }),
               bits_between(x0, x1, [=](int64_t k) { return t[k] & p[k]; })});
    });
    begin += pixels;
    put(static_cast<int64_t>(truth.values[i]), static_cast<int64_t>(pred.values[j]), sum);
  });
}

struct PairTallies {
  Counts a, b, tallies;
};

template <class T>
PairTallies count_pairs(const RunMap<T>& truth, const RunMap<T>& pred, int64_t distance) {
  PairTable table;
  std::vector<Tally> tallies;
  for_each_tally(truth, pred, distance, [&](int64_t t, int64_t p, const Tally& tally) {
    auto number = static_cast<std::size_t>(table.add({t, p}));
    if (number == tallies.size()) tallies.emplace_back();
    tallies[number].add(tally);
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
nb::tuple boundary_pairs(Vector<T> truth, Ends truth_ends, Vector<T> pred, Ends pred_ends, int64_t height,
                         int64_t width, int64_t distance) {
  RunMap<T> t = run_map(truth, truth_ends, height, width), p = run_map(pred, pred_ends, height, width);
  PairTallies found;
  {
    nb::gil_scoped_release release;
    found = count_pairs(t, p, distance);
  }
  std::size_t n = found.a.size();
  return nb::make_tuple(to_numpy(std::move(found.a), {n}), to_numpy(std::move(found.b), {n}),
                        to_numpy(std::move(found.tallies), {n, 4}));
}

template <class T>
nb::object boundary_classes(Vector<T> truth, Ends truth_ends, Vector<T> pred, Ends pred_ends, int64_t height,
                            int64_t width, int64_t classes, int64_t ignore, int64_t distance) {
  RunMap<T> t = run_map(truth, truth_ends, height, width), p = run_map(pred, pred_ends, height, width);
  auto bins = static_cast<std::size_t>(classes + 2);
  Counts out(3 * bins, 0);
  {
    nb::gil_scoped_release release;
    Runs<T> cut = scored_part(t, p, ignore);
    for_each_tally(t, as_map(cut, p), distance, [&](int64_t true_id, int64_t pred_id, const Tally& tally) {
      if (true_id == ignore) return;
      int64_t row = class_bin(true_id, classes, ignore), other = class_bin(pred_id, classes, ignore);
      out[static_cast<std::size_t>(3 * row)] += tally.truth;
      out[static_cast<std::size_t>(3 * other + 1)] += tally.pred;
      if (row == other) out[static_cast<std::size_t>(3 * row + 2)] += tally.both;
    });
  }
  return to_numpy(std::move(out), {bins, 3});
}

template <class T>
void add_typed_doors(nb::module_& m) {
  auto values = nb::arg().noconvert();
  m.def("boundary_map", &boundary_map<T>, values, values, nb::arg(), nb::arg(), nb::arg());
  m.def("boundary_pairs", &boundary_pairs<T>, values, values, values, values, nb::arg(), nb::arg(), nb::arg());
  m.def("boundary_classes", &boundary_classes<T>, values, values, values, values, nb::arg(), nb::arg(), nb::arg(),
        nb::arg(), nb::arg());
}

}  // namespace

void add_boundary_doors(nb::module_& m) {
  for_each_id_type([&](auto id) { add_typed_doors<decltype(id)>(m); });
}

}  // namespace seg
