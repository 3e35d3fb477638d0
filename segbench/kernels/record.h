// What the truth says of an image's segments as bytes; segbench/canonical/records.py describes them.
#pragma once

#include <string>

#include "instance_measure.h"

namespace seg {

// The segments of image `index`, sorted as bytes; with `dense` category ids, -1 where one is unknown.
std::string segments_record(const InstanceColumns& columns, int64_t index);

}  // namespace seg
