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

// Neighbouring values, read at once: their address must be a multiple of their length.
template <class T, int n>
struct alignas(sizeof(T) * n) Group {
  T values[n];
};

// Numbers of 32 bits that stand for ids: what is kept of a group that is read, whatever its type.
template <class T, int n, class Number>
SEG_FN void read_group(const void* at, int64_t group, Number number, uint32_t (&numbers)[n]) {
  Group<T, n> read = static_cast<const Group<T, n>*>(at)[group];
  for (int k = 0; k < n; ++k) numbers[k] = number(static_cast<int64_t>(read.values[k]));
}

// number(id) of each of group number `group` of n neighbours.
template <int n, class Number>
SEG_FN void read_labels(Labels labels, int64_t group, Number number, uint32_t (&numbers)[n]) {
  switch (labels.type) {
    case label_u8: return read_group<uint8_t, n>(labels.at, group, number, numbers);
    case label_i8: return read_group<signed char, n>(labels.at, group, number, numbers);
    case label_u16: return read_group<uint16_t, n>(labels.at, group, number, numbers);
    case label_i16: return read_group<short, n>(labels.at, group, number, numbers);
    case label_u32: return read_group<uint32_t, n>(labels.at, group, number, numbers);
    case label_i32: return read_group<int32_t, n>(labels.at, group, number, numbers);
    default: return read_group<int64_t, n>(labels.at, group, number, numbers);
  }
}

SEG_FN int64_t label_at(Labels labels, int64_t i) {
  switch (labels.type) {
    case label_u8: return static_cast<const uint8_t*>(labels.at)[i];
    case label_i8: return static_cast<const signed char*>(labels.at)[i];
    case label_u16: return static_cast<const uint16_t*>(labels.at)[i];
    case label_i16: return static_cast<const short*>(labels.at)[i];
    case label_u32: return static_cast<const uint32_t*>(labels.at)[i];
    case label_i32: return static_cast<const int32_t*>(labels.at)[i];
    default: return static_cast<const int64_t*>(labels.at)[i];
  }
}

// The map from some pixel on.
SEG_FN Labels from_pixel(Labels labels, int64_t pixel) {
  return {static_cast<const char*>(labels.at) + (pixel << (labels.type / 2)), labels.type};
}

}  // namespace seg
