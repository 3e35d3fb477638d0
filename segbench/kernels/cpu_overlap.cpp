// CPU doors of the overlap table, of maps and of their runs.
#include <stdexcept>

#include "class_rows.h"
#include "counted.h"
#include "overlap.h"

namespace seg {
namespace {

using Ends = Vector<uint32_t>;

template <class T>
nb::tuple confusion(Vector<T> truth, Vector<T> pred, int64_t classes, int64_t ignore) {
  return counted([&] {
    const T *t = truth.data(), *p = pred.data();
    ClassRows rows(classes, ignore);
    for_each_run(t, p, static_cast<int64_t>(truth.size()),
                 [&](int64_t begin, int64_t end) { rows.add(t[begin], p[begin], end - begin); });
    return rows.counts();
  });
}

// Numbers the classes of a map as they come up.
class ClassNumbers {
 public:
  ClassNumbers(int64_t classes, int64_t ignore)
      : classes_(classes), ignore_(ignore), number_of_(static_cast<std::size_t>(classes + 2), none) {}

  template <class T>
  uint32_t operator()(T id) {
    int64_t bin = class_bin(static_cast<int64_t>(id), classes_, ignore_);
    uint32_t& number = number_of_[static_cast<std::size_t>(bin)];
    if (number == none) {
      number = static_cast<uint32_t>(ids_.size());
      ids_.push_back(bin);
    }
    return number;
  }

  std::vector<int64_t> take_ids() { return std::move(ids_); }

 private:
  static constexpr uint32_t none = ~0u;
  int64_t classes_, ignore_;
  std::vector<uint32_t> number_of_;
  std::vector<int64_t> ids_;
};

// Runs of classes, numbered without a search. Bytes are so few that each is asked for once.
template <class T>
NumberedRuns class_runs(const Vector<T>& values, const Ends& ends, int64_t classes, int64_t ignore) {
  ClassNumbers number_of(classes, ignore);
  std::size_t n = least(values.size(), ends.size());
  std::vector<uint32_t> numbers(n);
  const T* value = values.data();
  uint32_t* number = numbers.data();
  if constexpr (sizeof(T) == 1) {
    bool has[256] = {};
    for (std::size_t i = 0; i < n; ++i) has[value[i]] = true;
    uint32_t table[256] = {};
    for (int byte = 0; byte < 256; ++byte) table[byte] = has[byte] ? number_of(byte) : 0;
    for (std::size_t i = 0; i < n; ++i) number[i] = table[value[i]];
  } else {
    for (std::size_t i = 0; i < n; ++i) number[i] = number_of(value[i]);
  }
  return {std::move(numbers), ends.data(), number_of.take_ids()};
}

template <class T>
nb::tuple confusion_of_runs(Vector<T> truth, Ends truth_ends, Vector<T> pred, Ends pred_ends, int64_t classes,
                            int64_t ignore) {
  return counted([&] {
    return count_pairs(class_runs(truth, truth_ends, classes, ignore), class_runs(pred, pred_ends, classes, ignore));
  });
}

PairCounts checked(PairCounts counts) {
  for (std::size_t i = 0; i < counts.a.size(); ++i) {
    if (counts.a[i] < 0 || counts.b[i] < 0) throw std::invalid_argument("a segment id is negative");
  }
  return counts;
}

template <class T>
nb::tuple pair_counts(Vector<T> truth, Vector<T> pred) {
  return counted([&] {
    const T *t = truth.data(), *p = pred.data();
    PairCounter counter;
    for_each_run(t, p, static_cast<int64_t>(truth.size()), [&](int64_t begin, int64_t end) {
      counter.add(static_cast<int64_t>(t[begin]), static_cast<int64_t>(p[begin]), end - begin);
    });
    return checked(counter.counts());
  });
}

template <class T>
nb::tuple pair_counts_of_runs(Vector<T> truth, Ends truth_ends, Vector<T> pred, Ends pred_ends) {
  return counted([&] {
    auto t = number_runs(truth.data(), truth_ends.data(), least(truth.size(), truth_ends.size()));
    auto p = number_runs(pred.data(), pred_ends.data(), least(pred.size(), pred_ends.size()));
    return checked(count_pairs(t, p));
  });
}

template <class T>
void add_typed_doors(nb::module_& m) {
  auto values = nb::arg().noconvert();
  m.def("confusion", &confusion<T>, values, values, nb::arg(), nb::arg());
  m.def("confusion_of_runs", &confusion_of_runs<T>, values, values, values, values, nb::arg(), nb::arg());
  m.def("pair_counts", &pair_counts<T>, values, values);
  m.def("pair_counts_of_runs", &pair_counts_of_runs<T>, values, values, values, values);
}

}  // namespace

void add_overlap_doors(nb::module_& m) {
  for_each_id_type([&](auto id) { add_typed_doors<decltype(id)>(m); });
}

}  // namespace seg
