// The boundary of a decoded mask, run by run: the mask is never drawn.
#pragma once

#include <cstddef>
#include <vector>

#include "rle.h"

namespace seg {

// Appends the ranges of the boundary of a mask, as wide as `distance`, and returns its pixels. `box` is that of
// the mask, and not empty.
int64_t add_boundary(const Range* ranges, std::size_t n, const Box& box, int64_t height, int64_t distance,
                     std::vector<Range>& to);

}  // namespace seg
