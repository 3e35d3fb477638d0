// CPU doors of the fused kernel: logits to the overlap table or to a label map, a row of the target at a time.
#include <algorithm>
#include <cmath>

#include "class_rows.h"
#include "counted.h"
#include "upsample.h"

// fma is one instruction where the processor has it: most x86 ones, which a build for all of them must ask.
#if defined(__x86_64__) && defined(__GNUC__)
#define SEG_FMA __attribute__((target("avx2,fma"), flatten))
#endif

namespace seg {
namespace {

// The scores of one image, [classes, height, width].
template <class T>
struct Scores {
  const T* at;
  int64_t classes, height, width;
};

// Source rows brought to the target's width, of all classes: the two that were needed last.
template <class T>
class WideRows {
 public:
  WideRows(const Scores<T>& scores, const std::vector<Tap>& columns)
      : scores_(scores), columns_(columns), rows_{{-1, {}}, {-1, {}}} {
    for (Row& row : rows_) row.values.resize(static_cast<std::size_t>(scores.classes) * columns.size());
  }

  // Rows first and second of class c are at [0] and [1] of what comes back, from position c * width on.
  template <class Widen>
  std::pair<const float*, const float*> get(int64_t first, int64_t second, Widen widen) {
    if (rows_[1].y == first) std::swap(rows_[0], rows_[1]);
    load(rows_[0], first, widen);
    if (second == first) return {rows_[0].values.data(), rows_[0].values.data()};
    load(rows_[1], second, widen);
    return {rows_[0].values.data(), rows_[1].values.data()};
  }

 private:
  struct Row {
    int64_t y;
    std::vector<float> values;
  };

  template <class Widen>
  void load(Row& row, int64_t y, Widen widen) {
    if (row.y == y) return;
    row.y = y;
    for (int64_t c = 0; c < scores_.classes; ++c) {
      widen(scores_.at + (c * scores_.height + y) * scores_.width, columns_.data(), columns_.size(),
            row.values.data() + static_cast<std::size_t>(c) * columns_.size());
    }
  }

  const Scores<T>& scores_;
  const std::vector<Tap>& columns_;
  Row rows_[2];
};

template <class T>
inline void widen_plainly(const T* row, const Tap* columns, std::size_t n, float* out) {
  for (std::size_t x = 0; x < n; ++x) {
    const Tap& column = columns[x];
    out[x] = blend(column.first_weight, to_float(row[column.first]), column.second_weight,
                   to_float(row[column.second]));
  }
}

inline void blend_plainly(const float* above, const float* below, Tap row, std::size_t n, float* out) {
  for (std::size_t x = 0; x < n; ++x) out[x] = blend(row.first_weight, above[x], row.second_weight, below[x]);
}

inline void offer_plainly(const float* above, const float* below, Tap row, std::size_t n, int32_t label, float* best,
                          int32_t* labels) {
  for (std::size_t x = 0; x < n; ++x) {
    float score = blend(row.first_weight, above[x], row.second_weight, below[x]);
    bool wins = beats(score, best[x]);
    best[x] = wins ? score : best[x];
    labels[x] = wins ? label : labels[x];
  }
}

#if defined(SEG_FMA)
template <class T>
SEG_FMA void widen_by_fma(const T* row, const Tap* columns, std::size_t n, float* out) {
  widen_plainly(row, columns, n, out);
}
SEG_FMA void offer_by_fma(const float* above, const float* below, Tap row, std::size_t n, int32_t label, float* best,
                          int32_t* labels) {
  offer_plainly(above, below, row, n, label, best, labels);
}
SEG_FMA void blend_by_fma(const float* above, const float* below, Tap row, std::size_t n, float* out) {
  blend_plainly(above, below, row, n, out);
}
bool has_fma() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#endif

// How the loops run on this processor.
template <class T>
struct Loops {
  decltype(&widen_plainly<T>) widen = &widen_plainly<T>;
  decltype(&blend_plainly) mix = &blend_plainly;
  decltype(&offer_plainly) offer = &offer_plainly;

  Loops() {
#if defined(SEG_FMA)
    if (has_fma()) {
      widen = &widen_by_fma<T>;
      mix = &blend_by_fma;
      offer = &offer_by_fma;
    }
#endif
  }
};

std::vector<Tap> taps(int64_t source, int64_t target) {
  std::vector<Tap> out;
  float scale = source_scale(source, target);
  for (int64_t i = 0; i < target; ++i) out.push_back(tap(static_cast<int32_t>(i), scale, static_cast<int32_t>(source)));
  return out;
}

// Calls visit(y, row, above, below) for each row of the target: the source rows that it lies between, of all classes,
// at the target's width.
template <class T, class Visit>
void for_each_wide_row(const Scores<T>& scores, int64_t height, int64_t width, const Loops<T>& loops, Visit visit) {
  std::vector<Tap> rows = taps(scores.height, height), columns = taps(scores.width, width);
  WideRows<T> wide(scores, columns);
  for (int64_t y = 0; y < height; ++y) {
    Tap row = rows[static_cast<std::size_t>(y)];
    auto [above, below] = wide.get(row.first, row.second, loops.widen);
    visit(y, row, above, below);
  }
}

// Calls visit(y, labels) with the best class of each pixel, for each row of the target.
template <class T, class Visit>
void for_each_label_row(const Scores<T>& scores, int64_t height, int64_t width, Visit visit) {
  Loops<T> loops;
  auto n = static_cast<std::size_t>(width);
  std::vector<float> best(n);
  std::vector<int32_t> labels(n);
  for_each_wide_row(scores, height, width, loops, [&](int64_t y, Tap row, const float* above, const float* below) {
    std::fill(best.begin(), best.end(), -INFINITY);
    std::fill(labels.begin(), labels.end(), 0);
    for (int64_t c = 0; c < scores.classes; ++c) {
      auto at = static_cast<std::size_t>(c) * n;
      loops.offer(above + at, below + at, row, n, static_cast<int32_t>(c), best.data(), labels.data());
    }
    visit(y, labels.data());
  });
}

template <class S, class T>
void count_image(const Scores<S>& scores, const T* truth, int64_t height, int64_t width, int64_t ignore,
                 ClassRows& table) {
  auto bin = [&](int64_t id) { return static_cast<int32_t>(class_bin(id, scores.classes, ignore)); };
  std::vector<int32_t> bins(static_cast<std::size_t>(width));
  for_each_label_row(scores, height, width, [&](int64_t y, const int32_t* labels) {
    const T* row = truth + y * width;
    for (int64_t x = 0; x < width; ++x) bins[static_cast<std::size_t>(x)] = bin(static_cast<int64_t>(row[x]));
    for_each_run(bins.data(), labels, width,
                 [&](int64_t begin, int64_t end) { table.add(bins[begin], bin(labels[begin]), end - begin); });
  });
}

template <class S>
using Array = nb::ndarray<const S, nb::ndim<4>, nb::c_contig, nb::device::cpu>;
template <class T>
using Maps = nb::ndarray<const T, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

// Logits [images, classes, h, w] of which `S` says what the bits are, and truth [images, height, width].
template <class S, class Bits, class T>
nb::tuple logits_confusion(Array<Bits> logits, Maps<T> truth, int64_t ignore) {
  auto images = static_cast<int64_t>(logits.shape(0));
  auto height = static_cast<int64_t>(truth.shape(1)), width = static_cast<int64_t>(truth.shape(2));
  Scores<S> scores{reinterpret_cast<const S*>(logits.data()), static_cast<int64_t>(logits.shape(1)),
                   static_cast<int64_t>(logits.shape(2)), static_cast<int64_t>(logits.shape(3))};
  return counted([&] {
    ClassRows table(scores.classes, scores.classes);  // of bins: class K is what is ignored
    for (int64_t i = 0; i < images; ++i) {
      count_image(scores, truth.data() + i * height * width, height, width, ignore, table);
      scores.at += scores.classes * scores.height * scores.width;
    }
    return table.counts();
  });
}

using LabelMap = nb::ndarray<int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// Writes the best class of each pixel of one image: of what is counted above, to the last pixel.
template <class S, class Bits>
void logits_labels(Array<Bits> logits, LabelMap out) {
  Scores<S> scores{reinterpret_cast<const S*>(logits.data()), static_cast<int64_t>(logits.shape(1)),
                   static_cast<int64_t>(logits.shape(2)), static_cast<int64_t>(logits.shape(3))};
  auto height = static_cast<int64_t>(out.shape(0)), width = static_cast<int64_t>(out.shape(1));
  int32_t* labels = out.data();
  nb::gil_scoped_release release;
  for_each_label_row(scores, height, width,
                     [&](int64_t y, const int32_t* row) { std::copy_n(row, width, labels + y * width); });
}

// Writes scores [classes, h, w] at another size.
void resize_bilinear(nb::ndarray<const float, nb::ndim<3>, nb::c_contig, nb::device::cpu> values,
                     nb::ndarray<float, nb::ndim<3>, nb::c_contig, nb::device::cpu> out) {
  Scores<float> scores{values.data(), static_cast<int64_t>(values.shape(0)), static_cast<int64_t>(values.shape(1)),
                       static_cast<int64_t>(values.shape(2))};
  auto height = static_cast<int64_t>(out.shape(1)), width = static_cast<int64_t>(out.shape(2));
  float* to = out.data();
  nb::gil_scoped_release release;
  Loops<float> loops;
  for_each_wide_row(scores, height, width, loops, [&](int64_t y, Tap row, const float* above, const float* below) {
    for (int64_t c = 0; c < scores.classes; ++c) {
      loops.mix(above + c * width, below + c * width, row, static_cast<std::size_t>(width),
                to + (c * height + y) * width);
    }
  });
}

template <class T>
void add_typed_doors(nb::module_& m) {
  auto values = nb::arg().noconvert();
  m.def("logits_confusion_float32", &logits_confusion<float, float, T>, values, values, nb::arg());
  m.def("logits_confusion_float16", &logits_confusion<Half, uint16_t, T>, values, values, nb::arg());
  m.def("logits_confusion_bfloat16", &logits_confusion<BFloat, uint16_t, T>, values, values, nb::arg());
}

}  // namespace

void add_logits_doors(nb::module_& m) {
  for_each_id_type([&](auto id) { add_typed_doors<decltype(id)>(m); });
  auto values = nb::arg().noconvert();
  m.def("resize_bilinear", &resize_bilinear, values, values);
  m.def("logits_labels_float32", &logits_labels<float, float>, values, values);
  m.def("logits_labels_float16", &logits_labels<Half, uint16_t>, values, values);
  m.def("logits_labels_bfloat16", &logits_labels<BFloat, uint16_t>, values, values);
}

}  // namespace seg
