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

namespace {

// Sorted ranges of a mask in the making, with its area and box; rows are counted, so that nothing is divided
// by the height.
class SpanBuilder {
 public:
  SpanBuilder(Range* out, uint32_t height) : out_(out), first_(out), height_(height) {}

  void outside(uint32_t run) { advance(run); }

  void inside(uint32_t run) {
    if (run == 0) return;
    uint32_t row_end = row_ + run;
    crosses_ |= row_end > height_ || row_end < run;
    top_ = least(top_, row_);
    bottom_ = most(bottom_, row_end);
    uint32_t end = at_ + run;
    if (out_ != first_ && out_[-1].end == at_) {
      out_[-1].end = end;
    } else {
      *out_++ = {at_, end};
    }
    area_ += run;
    advance(run);
  }

  MaskSpan span(std::size_t first) const {
    MaskSpan mask;
    mask.first = first;
    mask.count = static_cast<std::size_t>(out_ - first_);
    mask.area = area_;
    if (mask.count == 0) return mask;
    mask.box = {first_->begin / height_, crosses_ ? 0 : top_, (out_[-1].end - 1) / height_ + 1,
                crosses_ ? height_ : bottom_};
    return mask;
  }

 private:
  void advance(uint32_t run) {
    at_ += run;
    row_ += run;  // wraps only where a run is longer than what 32 bits leave: then the remainder is taken anew
    if (row_ < run) {
      row_ = at_ % height_;
    } else if (row_ >= height_) {
      row_ -= height_;
      if (row_ >= height_) row_ %= height_;
    }
  }

  Range* out_;
  Range* first_;
  uint32_t height_, at_ = 0, row_ = 0, top_ = 0xFFFFFFFF, bottom_ = 0;
  bool crosses_ = false;
  int64_t area_ = 0;
};

// Reads one run: the number in the string added to the run of its kind before. False at anything but a run
// of at most `left` pixels; most runs are one character.
inline bool read_run(const char*& at, const char* end, uint32_t before, int64_t left, uint32_t& run) {
  uint32_t digit = static_cast<uint32_t>(static_cast<uint8_t>(*at)) - '0';
  int64_t value = static_cast<int32_t>(digit << 27) >> 27;
  if (digit < 32) {
    ++at;
  } else {
    RunReader reader{at, end};
    if (reader.digits(value) != RleFault::none) return false;
    at = reader.at;
  }
  value += before;
  run = static_cast<uint32_t>(value);
  return value >= 0 && value <= left;
}

// Raises with the reason why a string is malformed.
[[noreturn]] void refuse(std::string_view rle, int64_t pixels, int64_t number) {
  for_each_rle_run(rle, pixels, number, [](int64_t, int64_t, uint32_t) {});
  throw std::logic_error("an RLE is malformed for one reader alone");
}

// Counts the pixels inside, and nothing else.
struct AreaCounter {
  int64_t area = 0;
  void outside(uint32_t) {}
  void inside(uint32_t run) { area += run; }
};

// Reads a whole string; false where it is malformed. Sets `left` to the pixels that it does not cover.
template <class Mask>
bool read_spans(std::string_view rle, int64_t& left, Mask& mask) {
  const char *at = rle.data(), *end = at + rle.size();
  uint32_t outside = 0, inside = 0, run = 0;
  for (int64_t index = 0; at != end; ++index) {
    if (!read_run(at, end, outside, left, run)) return false;
    left -= run;
    mask.outside(run);
    outside = index == 0 ? 0 : run;  // the third run does not lean on the first
    if (at == end) break;
    if (!read_run(at, end, inside, left, inside)) return false;
    left -= inside;
    mask.inside(inside);
  }
  return true;
}

}  // namespace

int64_t area_of(std::string_view rle, int64_t height, int64_t width) {
  int64_t pixels = pixels_of(height, width), left = pixels;
  AreaCounter mask;
  if (!read_spans(rle, left, mask)) refuse(rle, pixels, -1);
  if (left > 0) throw rle_error(RleFault::too_short, -1, rle.size(), pixels);
  return mask.area;
}

MaskSpan decode(std::string_view rle, int64_t height, int64_t width, int64_t number,
                std::vector<Range>& ranges, bool strict) {
  int64_t pixels = pixels_of(height, width), left = pixels;
  std::size_t first = ranges.size();
  ranges.resize(first + rle.size() / 2 + 1);
  SpanBuilder mask(ranges.data() + first, static_cast<uint32_t>(height));
  if (!read_spans(rle, left, mask)) refuse(rle, pixels, number);
  if (strict && left > 0) throw rle_error(RleFault::too_short, number, rle.size(), pixels);
  MaskSpan span = mask.span(first);
  ranges.resize(first + span.count);
  return span;
}

}  // namespace seg
