// Run-length masks as COCO writes them (Lin et al., Microsoft COCO, ECCV 2014; maskApi of cocoapi).
//
// Pixels are numbered down the columns: p = x * height + y. Runs alternate outside, inside, outside, ...
// and begin outside (the first may be 0). The string holds each run, from the fourth on minus the run two
// before it, in base 32 with the low digit first: bit 5 of a character says that another follows, bit 4 of
// the last one is the sign, and '0' is added to make it printable.
#pragma once

#include "portable.h"

namespace seg {

enum class RleFault { none, character, truncated, overflow, negative, too_long, too_short };  // see rle_error

// Reads the runs of a string one by one.
struct RunReader {
  const char* at;
  const char* end;
  int64_t index = 0;
  int64_t before = 0;   // the last run read
  int64_t before2 = 0;  // the one before it

  SEG_FN RleFault digits(int64_t& value) {
    uint64_t bits = 0;
    for (int shift = 0;; shift += 5) {
      if (at == end) return RleFault::truncated;
      if (shift > 30) return RleFault::overflow;  // 7 digits hold 35 bits: more than any run
      uint32_t digit = static_cast<uint32_t>(static_cast<uint8_t>(*at)) - '0';
      if (digit > 63) return RleFault::character;
      ++at;
      bits |= static_cast<uint64_t>(digit & 31) << shift;
      if (digit & 32) continue;
      if (digit & 16) bits |= ~static_cast<uint64_t>(0) << (shift + 5);
      value = static_cast<int64_t>(bits);
      return RleFault::none;
    }
  }

  // Call while at != end.
  SEG_FN RleFault next(uint32_t& run) {
    int64_t value = 0;
    RleFault fault = digits(value);
    if (fault != RleFault::none) return fault;
    if (index > 2) value += before2;
    if (value < 0) return RleFault::negative;
    if (value > 0xFFFFFFFF) return RleFault::overflow;
    before2 = before;
    before = value;
    ++index;
    run = static_cast<uint32_t>(value);
    return RleFault::none;
  }
};

// Calls put(character) for each character of run `index`; `before2` is the run two before it.
template <class Put>
SEG_FN void write_run(int64_t index, uint32_t run, uint32_t before2, Put put) {
  int64_t value = index > 2 ? static_cast<int64_t>(run) - before2 : run;
  for (;;) {
    int64_t digit = value & 31;
    value = (value - digit) / 32;
    bool last = digit & 16 ? value == -1 : value == 0;
    put(static_cast<char>('0' + (last ? digit : digit + 32)));
    if (last) return;
  }
}

// Pixels begin .. end - 1, all inside. A decoded mask is a sorted list of them, none touching the next.
struct Range {
  uint32_t begin, end;
};

// Columns x0 .. x1 - 1 and rows y0 .. y1 - 1; all 0 for an empty mask.
struct Box {
  int64_t x0, y0, x1, y1;
};

SEG_FN bool boxes_meet(Box a, Box b) {
  return most(a.x0, b.x0) < least(a.x1, b.x1) && most(a.y0, b.y0) < least(a.y1, b.y1);
}

// The box of a mask widened by one more range: a range over a column's end makes it full height.
SEG_FN Box widened(Box box, Range range, int64_t height) {
  int64_t x0 = range.begin / height, x1 = (range.end - 1) / height + 1;
  bool crosses = x1 - x0 > 1;
  int64_t y0 = crosses ? 0 : range.begin - x0 * height, y1 = crosses ? height : range.end - x0 * height;
  if (box.x1 == 0) return {x0, y0, x1, y1};
  return {least(box.x0, x0), least(box.y0, y0), most(box.x1, x1), most(box.y1, y1)};
}

// Index of the first range that ends after `pixel`.
SEG_FN int64_t first_ending_after(const Range* ranges, int64_t n, int64_t pixel) {
  int64_t low = 0;
  while (low < n) {
    int64_t middle = low + (n - low) / 2;
    if (ranges[middle].end <= pixel) {
      low = middle + 1;
    } else {
      n = middle;
    }
  }
  return low;
}

// Pixels in both masks; neither has any outside begin .. end - 1 in common with the other.
SEG_FN int64_t common_pixels(const Range* a, int64_t a_n, const Range* b, int64_t b_n, int64_t begin,
                             int64_t end) {
  int64_t i = first_ending_after(a, a_n, begin), j = first_ending_after(b, b_n, begin), pixels = 0;
  while (i < a_n && j < b_n && a[i].begin < end && b[j].begin < end) {
    uint32_t from = most(a[i].begin, b[j].begin), to = least(a[i].end, b[j].end);
    pixels += from < to ? to - from : 0;
    bool a_is_done = a[i].end <= b[j].end;
    i += a_is_done;
    j += !a_is_done;
  }
  return pixels;
}

// COCO's IoU of two masks: with a crowd, the part of the prediction that the crowd covers.
SEG_FN double mask_iou(int64_t common, int64_t pred_area, int64_t truth_area, bool crowd) {
  if (common == 0) return 0;
  int64_t whole = crowd ? pred_area : pred_area + truth_area - common;
  return static_cast<double>(common) / static_cast<double>(whole);
}

// COCO's IoU of two xywh boxes, with the same rule for a crowd.
SEG_FN double box_iou(const double* pred, const double* truth, bool crowd) {
  double width = fmin(pred[0] + pred[2], truth[0] + truth[2]) - fmax(pred[0], truth[0]);
  if (width <= 0) return 0;
  double height = fmin(pred[1] + pred[3], truth[1] + truth[3]) - fmax(pred[1], truth[1]);
  if (height <= 0) return 0;
  double common = width * height, pred_area = pred[2] * pred[3];
  return common / (crowd ? pred_area : pred_area + truth[2] * truth[3] - common);
}

// Walks one mask run by run while two masks are merged.
struct RunCursor {
  const uint32_t* runs;
  int64_t n;
  int64_t next = 1;
  uint32_t left = runs[0];
  bool inside = false;

  // At most one run further a call, so that runs of 0 pixels stay in a merged mask, as in COCO's tools.
  SEG_FN void advance(uint32_t pixels) {
    left -= pixels;
    if (left == 0 && next < n) {
      left = runs[next++];
      inside = !inside;
    }
  }
};

// Calls put(run) for the runs of the union or intersection of two masks of so many pixels. Counting pixels,
// not COCO's test of both runs for 0, keeps masks whole in which runs of 0 pixels meet.
template <class Put>
SEG_FN void merge_runs(RunCursor a, RunCursor b, int64_t pixels, bool intersect, Put put) {
  uint32_t run = 0;
  bool inside = false;
  while (pixels > 0) {
    uint32_t step = least(a.left, b.left);
    run += step;
    pixels -= step;
    a.advance(step);
    b.advance(step);
    bool now = intersect ? a.inside && b.inside : a.inside || b.inside;
    if (now != inside || pixels == 0) {
      put(run);
      run = 0;
    }
    inside = now;
  }
}

// Calls put(x, y0, y1) for each column part of a range.
template <class Put>
SEG_FN void for_each_column(Range range, int64_t height, Put put) {
  int64_t x = range.begin / height, y = range.begin - x * height, left = range.end - range.begin;
  for (; left > 0; ++x, y = 0) {
    int64_t stop = least(height, y + left);
    put(x, y, stop);
    left -= stop - y;
  }
}

}  // namespace seg
