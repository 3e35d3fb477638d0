// CPU doors of the overlap table, of maps and of their runs.
#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <tuple>

#include "door.h"
#include "overlap.h"
#include "pair_table.h"

namespace seg {
namespace {

using Counts = std::vector<int64_t>;
using Ends = Vector<uint32_t>;

// Two maps of n pixels: for_each(add) calls add(a, b, pixels) for each of their common runs.
template <class T>
struct Maps {
  const T* a;
  const T* b;
  int64_t n;

  template <class Add>
  void for_each(Add add) const {
    for_each_run(a, b, n, [&](int64_t begin, int64_t end) { add(a[begin], b[begin], end - begin); });
  }
};

// The same of two maps given as runs.
template <class T>
struct RunMaps {
  const T* a;
  const uint32_t* a_ends;
  int64_t n_a;
  const T* b;
  const uint32_t* b_ends;
  int64_t n_b;

  template <class Add>
  void for_each(Add add) const {
    for_each_common_run(a_ends, n_a, b_ends, n_b, [&](int64_t i, int64_t j, int64_t n) { add(a[i], b[j], n); });
  }
};

template <class T>
Maps<T> both(const Vector<T>& a, const Vector<T>& b) {
  return {a.data(), b.data(), static_cast<int64_t>(a.size())};
}

template <class T>
RunMaps<T> both(const Vector<T>& a, const Ends& a_ends, const Vector<T>& b, const Ends& b_ends) {
  auto n_a = static_cast<int64_t>(least(a.size(), a_ends.size()));
  auto n_b = static_cast<int64_t>(least(b.size(), b_ends.size()));
  return {a.data(), a_ends.data(), n_a, b.data(), b_ends.data(), n_b};
}

// Pairs that have pixels, sorted.
struct PairCounts {
  Counts a, b, pixels;

  nb::tuple arrays() && {
    std::size_t size = pixels.size();
    return nb::make_tuple(to_numpy(std::move(a), {size}), to_numpy(std::move(b), {size}),
                          to_numpy(std::move(pixels), {size}));
  }
};

// An image has few of many classes: there is a row for those alone.
template <class Pair>
PairCounts count_classes(const Pair& maps, int64_t classes, int64_t ignore) {
  auto side = static_cast<std::size_t>(classes + 2);
  std::vector<std::size_t> row_of(side, side);
  Counts table;
  maps.for_each([&](auto a, auto b, int64_t pixels) {
    auto truth = static_cast<std::size_t>(class_bin(static_cast<int64_t>(a), classes, ignore));
    auto pred = static_cast<std::size_t>(class_bin(static_cast<int64_t>(b), classes, ignore));
    if (row_of[truth] == side) {
      row_of[truth] = table.size() / side;
      table.resize(table.size() + side, 0);
    }
    table[row_of[truth] * side + pred] += pixels;
  });
  PairCounts out;
  for (std::size_t truth = 0; truth < side; ++truth) {
    for (std::size_t pred = 0; pred < side && row_of[truth] < side; ++pred) {
      int64_t pixels = table[row_of[truth] * side + pred];
      if (pixels == 0) continue;
      out.a.push_back(static_cast<int64_t>(truth));
      out.b.push_back(static_cast<int64_t>(pred));
      out.pixels.push_back(pixels);
    }
  }
  return out;
}

template <class Pair>
nb::tuple confusion(const Pair& maps, int64_t classes, int64_t ignore) {
  PairCounts counts;
  {
    nb::gil_scoped_release release;
    counts = count_classes(maps, classes, ignore);
  }
  return std::move(counts).arrays();
}

template <class Pair>
PairCounts count_pairs(const Pair& maps) {
  PairTable table;
  Counts pixels;
  maps.for_each([&](auto a, auto b, int64_t n) {
    auto number = static_cast<std::size_t>(table.add({static_cast<int64_t>(a), static_cast<int64_t>(b)}));
    if (number == pixels.size()) pixels.push_back(0);
    pixels[number] += n;
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

template <class Pair>
nb::tuple pair_counts(const Pair& maps) {
  PairCounts counts;
  {
    nb::gil_scoped_release release;
    counts = count_pairs(maps);
  }
  return std::move(counts).arrays();
}

template <class T>
void add_typed_doors(nb::module_& m) {
  auto values = nb::arg().noconvert();
  m.def(
      "confusion",
      [](Vector<T> a, Vector<T> b, int64_t classes, int64_t ignore) {
        return confusion(both(a, b), classes, ignore);
      },
      values, values, nb::arg(), nb::arg());
  m.def(
      "confusion_of_runs",
      [](Vector<T> a, Ends a_ends, Vector<T> b, Ends b_ends, int64_t classes, int64_t ignore) {
        return confusion(both(a, a_ends, b, b_ends), classes, ignore);
      },
      values, values, values, values, nb::arg(), nb::arg());
  m.def(
      "pair_counts", [](Vector<T> a, Vector<T> b) { return pair_counts(both(a, b)); }, values, values);
  m.def(
      "pair_counts_of_runs",
      [](Vector<T> a, Ends a_ends, Vector<T> b, Ends b_ends) {
        return pair_counts(both(a, a_ends, b, b_ends));
      },
      values, values, values, values);
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
