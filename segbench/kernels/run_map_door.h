// Maps as NumPy holds their runs.
#pragma once

#include "codec.h"
#include "door.h"
#include "near.h"

namespace seg {

using Ends = Vector<uint32_t>;

// The map of these runs; raises unless they are as many pixels as it.
template <class T>
RunMap<T> run_map(const Vector<T>& values, const Ends& ends, int64_t height, int64_t width) {
  pixels_of(height, width);  // raises for a map without pixels
  if (values.size() != ends.size()) throw std::invalid_argument("there must be an end for each value");
  RunMap<T> map{values.data(), ends.data(), static_cast<int64_t>(ends.size()), height, width};
  return map.checked();
}

}  // namespace seg
