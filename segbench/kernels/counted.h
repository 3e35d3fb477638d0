// What the doors that count pairs share.
#pragma once

#include "door.h"
#include "pair_counts.h"

namespace seg {

// Calls count() without the GIL, and returns its columns.
template <class Count>
nb::tuple counted(Count count) {
  PairCounts counts;
  {
    nb::gil_scoped_release release;
    counts = count();
  }
  std::size_t n = counts.pixels.size();
  return nb::make_tuple(to_numpy(std::move(counts.a), {n}), to_numpy(std::move(counts.b), {n}),
                        to_numpy(std::move(counts.pixels), {n}));
}

}  // namespace seg
