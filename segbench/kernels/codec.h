// RLE strings to runs and ranges and back, in vectors: the CPU side of rle.h.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "rle.h"

namespace seg {

// Pixels of an image; raises unless its sides are positive and a run can count all of it.
int64_t pixels_of(int64_t height, int64_t width);

// Why a string is not an RLE of an image of so many pixels; `number` is its place in a list, or -1.
std::invalid_argument rle_error(RleFault fault, int64_t number, std::size_t at, int64_t pixels);

// Calls put(index, begin, run) for each run; raises if the string is malformed or longer than the image.
// Returns the pixels that the runs cover.
template <class Put>
int64_t for_each_rle_run(std::string_view rle, int64_t pixels, int64_t number, Put put) {
  RunReader reader{rle.data(), rle.data() + rle.size()};
  int64_t covered = 0;
  while (reader.at != reader.end) {
    uint32_t run = 0;
    RleFault fault = reader.next(run);
    if (fault == RleFault::none && covered + run > pixels) fault = RleFault::too_long;
    if (fault != RleFault::none) {
      throw rle_error(fault, number, static_cast<std::size_t>(reader.at - rle.data()), pixels);
    }
    put(reader.index - 1, covered, run);
    covered += run;
  }
  return covered;
}

// Every run as written; with `strict` they must cover the image.
std::vector<uint32_t> read_runs(std::string_view rle, int64_t pixels, int64_t number, bool strict);

std::string write_runs(const std::vector<uint32_t>& runs);

// The string of a mask that toggles at sorted pixels: two equal ones cancel out.
std::string write_toggles(const std::vector<uint32_t>& sorted, int64_t pixels);

// Sorts pixels in place: quick for the few an outline has in each column.
void sort_by_column(std::vector<uint32_t>& pixels, int64_t height);

// The runs of the union or intersection of masks; of none, the empty mask.
std::vector<uint32_t> merge_all(const std::vector<std::string_view>& rles, int64_t pixels, bool intersect);

// Decoded masks; the ranges of all of them lie in one vector.
struct MaskSpan {
  std::size_t first = 0, count = 0;
  int64_t area = 0;
  Box box{0, 0, 0, 0};
};

// Decodes one RLE, its ranges appended to `ranges`; with `strict` its runs must cover the image.
MaskSpan decode(std::string_view rle, int64_t height, int64_t width, int64_t number,
                std::vector<Range>& ranges, bool strict = false);

// Pixels inside of an RLE whose runs must cover the image.
int64_t area_of(std::string_view rle, int64_t height, int64_t width);


}  // namespace seg
