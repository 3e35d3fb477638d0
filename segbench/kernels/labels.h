// Maps of ids whose integer type is known when a kernel runs, not when it is compiled.
//
// One kernel serves all pairs of types, and no map is converted first: converting takes as long as counting.
#pragma once

#include "overlap.h"

namespace seg {

// Numbers of the types, as Python passes them.
enum LabelType : int32_t { label_u8, label_i8, label_u16, label_i16, label_u32, label_i32, label_i64 };

struct Labels {
  const void* at;
  int32_t type;
};

template <class T>
struct PlainType {
  using type = T;
};
template <class T>
struct PlainType<const T&> {
  using type = T;
};

// Neighbouring values, read at once: their address must be a multiple of their length.
template <class T, int n>
struct alignas(sizeof(T) * n) Group {
  T values[n];
};

// Calls visit(pointer to the first id), of its type.
template <class Visit>
__device__ void with_type(Labels labels, Visit visit) {
  switch (labels.type) {
    case label_u8: return visit(static_cast<const uint8_t*>(labels.at));
    case label_i8: return visit(static_cast<const signed char*>(labels.at));
    case label_u16: return visit(static_cast<const uint16_t*>(labels.at));
    case label_i16: return visit(static_cast<const short*>(labels.at));
    case label_u32: return visit(static_cast<const uint32_t*>(labels.at));
    case label_i32: return visit(static_cast<const int32_t*>(labels.at));
    default: return visit(static_cast<const int64_t*>(labels.at));
  }
}

// What is kept of an id, whatever its type: class_bin. Short ids are compared as short numbers.
struct ClassBins {
  int32_t classes;
  int64_t ignore;

  template <class T>
  SEG_FN uint32_t operator()(T id) const {
    if constexpr (sizeof(T) < 4) {
      auto never = static_cast<int32_t>(0x80000000u);
      int32_t short_ignore = ignore == static_cast<int32_t>(ignore) ? static_cast<int32_t>(ignore) : never;
      return static_cast<uint32_t>(class_bin<int32_t>(id, classes, short_ignore));
    } else {
      return static_cast<uint32_t>(class_bin<int64_t>(static_cast<int64_t>(id), classes, ignore));
    }
  }
};

constexpr uint32_t no_id = 0xFFFFFFFFu;

// Or the id itself; no_id stands for those that do not fit 32 bits, and for this one.
struct SegmentIds {
  template <class T>
  SEG_FN uint32_t operator()(T id) const {
    auto wide = static_cast<int64_t>(id);
    return wide >= 0 && wide < static_cast<int64_t>(no_id) ? static_cast<uint32_t>(id) : no_id;
  }
};

// number(id) of each of group number `group` of n neighbours.
template <int n, class Number>
__device__ void read_labels(Labels labels, int64_t group, Number number, uint32_t (&numbers)[n]) {
  with_type(labels, [&](auto* ids) {
    auto read = reinterpret_cast<const Group<typename PlainType<decltype(*ids)>::type, n>*>(ids)[group];
    for (int k = 0; k < n; ++k) numbers[k] = number(read.values[k]);
  });
}

// number(id) of the first `count` of n ids that lie `step` apart.
template <int n, class Number>
__device__ void read_column(Labels labels, int64_t step, int32_t count, Number number, uint32_t (&numbers)[n]) {
  with_type(labels, [&](auto* ids) {
    for (int k = 0; k < n; ++k) {
      if (k < count) numbers[k] = number(ids[k * step]);
    }
  });
}

__device__ inline int64_t label_at(Labels labels, int64_t i) {
  int64_t id = 0;
  with_type(labels, [&](auto* ids) { id = static_cast<int64_t>(ids[i]); });
  return id;
}

// The map from some pixel on.
__device__ inline Labels from_pixel(Labels labels, int64_t pixel) {
  return {static_cast<const char*>(labels.at) + (pixel << (labels.type / 2)), labels.type};
}

}  // namespace seg
