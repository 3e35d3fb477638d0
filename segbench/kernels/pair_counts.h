// Counts the pixels of pairs of ids, of two maps given as runs.
//
// The ids of a map are few: they are numbered first, and the pairs counted in a table by their numbers.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "pair_table.h"
#include "runs.h"

namespace seg {

// Pairs that have pixels, sorted.
struct PairCounts {
  std::vector<int64_t> a, b, pixels;

  void add(int64_t id_a, int64_t id_b, int64_t n) {
    a.push_back(id_a);
    b.push_back(id_b);
    pixels.push_back(n);
  }
};

// A map of n runs, each of the id with some number.
struct NumberedRuns {
  std::vector<uint32_t> numbers;
  const uint32_t* ends;
  std::vector<int64_t> ids;  // by number

  // The numbers in the order of their ids.
  std::vector<std::size_t> order() const {
    std::vector<std::size_t> out(ids.size());
    std::iota(out.begin(), out.end(), std::size_t{0});
    std::sort(out.begin(), out.end(), [this](std::size_t i, std::size_t j) { return ids[i] < ids[j]; });
    return out;
  }
};

template <class T>
NumberedRuns number_runs(const T* values, const uint32_t* ends, std::size_t n) {
  PairTable table;
  std::vector<uint32_t> numbers(n);
  for (std::size_t i = 0; i < n; ++i) {
    numbers[i] = static_cast<uint32_t>(table.add({static_cast<int64_t>(values[i]), 0}));
  }
  std::vector<int64_t> ids;
  for (IdPair pair : table.pairs()) ids.push_back(pair.a);
  return {std::move(numbers), ends, std::move(ids)};
}

// Calls visit(number of a, number of b, pixels) for each common run, in no order.
template <class Visit>
void for_each_numbered(const NumberedRuns& a, const NumberedRuns& b, Visit visit) {
  auto n_a = static_cast<int64_t>(a.numbers.size()), n_b = static_cast<int64_t>(b.numbers.size());
  const uint32_t *of_a = a.numbers.data(), *of_b = b.numbers.data();
  for_any_common_run(a.ends, n_a, b.ends, n_b,
                     [=](int64_t i, int64_t j, int64_t pixels) { visit(of_a[i], of_b[j], pixels); });
}

inline PairCounts count_numbered(const NumberedRuns& a, const NumberedRuns& b) {
  std::size_t width = b.ids.size();
  std::vector<int64_t> table(a.ids.size() * width);
  int64_t* counts = table.data();
  for_each_numbered(a, b, [=](uint32_t i, uint32_t j, int64_t pixels) { counts[i * width + j] += pixels; });
  PairCounts out;
  std::vector<std::size_t> order_b = b.order();
  for (std::size_t i : a.order()) {
    for (std::size_t j : order_b) {
      if (table[i * width + j]) out.add(a.ids[i], b.ids[j], table[i * width + j]);
    }
  }
  return out;
}

// Counts pairs one by one: where they are too many for such a table, or their ids are not known before.
class PairCounter {
 public:
  void add(int64_t a, int64_t b, int64_t pixels) {
    auto number = static_cast<std::size_t>(table_.add({a, b}));
    if (number == pixels_.size()) pixels_.push_back(0);
    pixels_[number] += pixels;
  }

  PairCounts counts() const {
    const std::vector<IdPair>& pairs = table_.pairs();
    std::vector<std::size_t> order(pixels_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
      return pairs[i].a != pairs[j].a ? pairs[i].a < pairs[j].a : pairs[i].b < pairs[j].b;
    });
    PairCounts out;
    for (std::size_t i : order) out.add(pairs[i].a, pairs[i].b, pixels_[i]);
    return out;
  }

 private:
  PairTable table_;
  std::vector<int64_t> pixels_;
};

inline PairCounts count_pairs(const NumberedRuns& a, const NumberedRuns& b) {
  constexpr std::size_t most = 1 << 16;
  if (a.ids.size() <= most && a.ids.size() * b.ids.size() <= most) return count_numbered(a, b);
  PairCounter counter;
  for_each_numbered(a, b, [&](uint32_t i, uint32_t j, int64_t n) { counter.add(a.ids[i], b.ids[j], n); });
  return counter.counts();
}

}  // namespace seg
