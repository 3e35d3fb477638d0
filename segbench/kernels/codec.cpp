#include "codec.h"

#include <algorithm>

namespace seg {

int64_t pixels_of(int64_t height, int64_t width) {
  const int64_t largest = 0xFFFFFFFF;
  if (height < 1 || width < 1 || height > largest / width) {
    throw std::invalid_argument("height and width must be positive and their product below 2**32, not " +
                                std::to_string(height) + " and " + std::to_string(width));
  }
  return height * width;
}

std::invalid_argument rle_error(RleFault fault, int64_t number, std::size_t at, int64_t pixels) {
  static const char* const reasons[] = {
      // in the order of RleFault
      "no fault",
      "a character outside '0'..'o'",
      "truncated: the last run lacks its end",
      "a run is too large for 32 bits",
      "a run is negative",
      "the runs are too long",
      "the runs are too short",
  };
  return std::invalid_argument((number < 0 ? "RLE: " : "RLE " + std::to_string(number) + ": ") +
                               reasons[static_cast<int>(fault)] + " (at character " + std::to_string(at) +
                               ", in an image of " + std::to_string(pixels) + " pixels)");
}

std::vector<uint32_t> read_runs(std::string_view rle, int64_t pixels, int64_t number, bool strict) {
  std::vector<uint32_t> runs;
  runs.reserve(rle.size());
  int64_t covered =
      for_each_rle_run(rle, pixels, number, [&](int64_t, int64_t, uint32_t run) { runs.push_back(run); });
  if (strict && covered < pixels) throw rle_error(RleFault::too_short, number, rle.size(), pixels);
  return runs;
}

std::string write_runs(const std::vector<uint32_t>& runs) {
  std::string out;
  out.reserve(2 * runs.size());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    write_run(static_cast<int64_t>(i), runs[i], i > 2 ? runs[i - 2] : 0, [&](char c) { out.push_back(c); });
  }
  return out;
}

std::string write_toggles(const std::vector<uint32_t>& sorted, int64_t pixels) {
  std::vector<uint32_t> runs;
  runs.reserve(sorted.size() + 1);
  uint32_t last = 0;
  for (std::size_t i = 0; i < sorted.size() && sorted[i] < pixels; ++i) {
    if (i + 1 < sorted.size() && sorted[i + 1] == sorted[i]) {
      ++i;
      continue;
    }
    runs.push_back(sorted[i] - last);
    last = sorted[i];
  }
  runs.push_back(static_cast<uint32_t>(pixels - last));
  return write_runs(runs);
}

void sort_by_column(std::vector<uint32_t>& pixels, int64_t height) {
  if (pixels.empty()) return;
  auto h = static_cast<uint32_t>(height);
  auto [low, high] = std::minmax_element(pixels.begin(), pixels.end());
  uint32_t first = *low / h, columns = *high / h - first + 1;
  std::vector<std::size_t> starts(columns + std::size_t{1}, 0);
  for (uint32_t p : pixels) ++starts[p / h - first + 1];
  for (std::size_t x = 0; x < columns; ++x) starts[x + 1] += starts[x];
  std::vector<uint32_t> out(pixels.size());
  for (uint32_t p : pixels) out[starts[p / h - first]++] = p;
  std::size_t begin = 0;
  for (std::size_t x = 0; x < columns; begin = starts[x++]) {
    std::sort(out.data() + begin, out.data() + starts[x]);
  }
  pixels.swap(out);
}

namespace {

// Runs that cover the image, the rest of a short mask being outside.
std::vector<uint32_t> whole_runs(std::string_view rle, int64_t pixels, int64_t number) {
  std::vector<uint32_t> runs = read_runs(rle, pixels, number, false);
  int64_t rest = pixels;
  for (uint32_t run : runs) rest -= run;
  if (rest > 0 && runs.size() % 2 == 0) runs.push_back(0);
  if (rest > 0) runs.back() += static_cast<uint32_t>(rest);
  return runs;
}

}  // namespace

std::vector<uint32_t> merge_all(const std::vector<std::string_view>& rles, int64_t pixels, bool intersect) {
  if (rles.empty()) return {static_cast<uint32_t>(pixels)};
  if (rles.size() == 1) return read_runs(rles[0], pixels, 0, false);
  std::vector<uint32_t> merged = whole_runs(rles[0], pixels, 0);
  for (std::size_t i = 1; i < rles.size(); ++i) {
    std::vector<uint32_t> other = whole_runs(rles[i], pixels, static_cast<int64_t>(i)), both;
    both.reserve(merged.size() + other.size());
    merge_runs(RunCursor{merged.data(), static_cast<int64_t>(merged.size())},
               RunCursor{other.data(), static_cast<int64_t>(other.size())}, pixels, intersect,
               [&](uint32_t run) { both.push_back(run); });
    merged.swap(both);
  }
  return merged;
}

MaskSpan decode(std::string_view rle, int64_t height, int64_t width, int64_t number,
                std::vector<Range>& ranges) {
  MaskSpan mask;
  mask.first = ranges.size();
  for_each_rle_run(rle, pixels_of(height, width), number, [&](int64_t index, int64_t begin, uint32_t run) {
    if (index % 2 == 0 || run == 0) return;
    Range range{static_cast<uint32_t>(begin), static_cast<uint32_t>(begin + run)};
    mask.area += run;
    mask.box = widened(mask.box, range, height);
    if (ranges.size() > mask.first && ranges.back().end == range.begin) {
      ranges.back().end = range.end;
    } else {
      ranges.push_back(range);
    }
  });
  mask.count = ranges.size() - mask.first;
  return mask;
}

}  // namespace seg
