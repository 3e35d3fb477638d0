// The segments of one image and the pixels that pairs of them share, on a host and on a GPU.
#pragma once

#include "portable.h"

namespace seg {

enum SegmentKind : int32_t { crowd_kind = 1, ignored_kind = 2, stuff_kind = 4, stated_kind = 8 };

// What is no segment: the id 0, and other ids that no segment has.
constexpr int32_t void_index = -1;
constexpr int32_t nameless_index = -2;

// The segments of one side, by rising ids.
struct SegmentList {
  const int64_t* id;
  const int32_t* place;  // in the list as it was given
  const int32_t* category;
  const int32_t* kind;
  int32_t n;

  SEG_FN int32_t find(int64_t wanted) const {
    int32_t begin = 0, end = n;
    while (begin < end) {
      int32_t middle = begin + (end - begin) / 2;
      if (id[middle] < wanted) {
        begin = middle + 1;
      } else {
        end = middle;
      }
    }
    if (begin < n && id[begin] == wanted) return begin;
    return wanted == 0 ? void_index : nameless_index;
  }
  SEG_FN bool has(int32_t i, SegmentKind of) const { return (kind[i] & of) != 0; }
  SEG_FN bool is_void(int32_t i) const { return i == void_index || (i >= 0 && id[i] == 0); }
};

// Pairs of ids that share pixels, sorted by true id, then predicted id.
struct IdPairs {
  const int64_t* truth;
  const int64_t* pred;
  const int64_t* pixels;
  int64_t n;
};

// The same by the places of segments in their lists.
struct SharedPixels {
  int32_t truth, pred;
  int64_t pixels;

  SEG_FN bool before(int32_t other_truth, int32_t other_pred) const {
    return truth != other_truth ? truth < other_truth : pred < other_pred;
  }
};

// Moves the pair at i down a heap of n pairs, of which no parent is before its children.
SEG_FN void sink(SharedPixels* pairs, int64_t i, int64_t n) {
  SharedPixels moved = pairs[i];
  for (int64_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
    if (child + 1 < n && pairs[child].before(pairs[child + 1].truth, pairs[child + 1].pred)) ++child;
    if (!moved.before(pairs[child].truth, pairs[child].pred)) break;
    pairs[i] = pairs[child];
    i = child;
  }
  pairs[i] = moved;
}

// Sorts pairs, in place and without recursion, as a GPU needs it.
SEG_FN void sort_pairs(SharedPixels* pairs, int64_t n) {
  for (int64_t i = n / 2; i-- > 0;) sink(pairs, i, n);
  for (int64_t end = n; end-- > 1;) {
    SharedPixels last = pairs[0];
    pairs[0] = pairs[end];
    pairs[end] = last;
    sink(pairs, 0, end);
  }
}

// Makes one of equal pairs that stand side by side, and returns how many are left.
SEG_FN int64_t join_equal(SharedPixels* pairs, int64_t n) {
  int64_t kept = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (kept > 0 && pairs[kept - 1].truth == pairs[i].truth && pairs[kept - 1].pred == pairs[i].pred) {
      pairs[kept - 1].pixels += pairs[i].pixels;
    } else {
      pairs[kept++] = pairs[i];
    }
  }
  return kept;
}

}  // namespace seg
