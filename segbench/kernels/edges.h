// Finds where neighbouring pixels differ, 64 at a time, and visits those places alone.
#pragma once

#include "overlap.h"
#include "words.h"

namespace seg {

constexpr int64_t strip_size = 256;

// Calls visit(i) for each i of 0 .. n - 1 whose mark is set; mark(from, count, marks) sets bytes to 0 or 1.
template <class Mark, class Visit>
void for_each_mark(int64_t n, Mark mark, Visit visit) {
  alignas(64) uint8_t marks[strip_size];
  for (int64_t from = 0; from < n; from += strip_size) {
    int64_t count = least(strip_size, n - from);
    mark(from, count, marks);
    std::memset(marks + count, 0, static_cast<size_t>((64 - count % 64) % 64));
    for (int64_t i = 0; i < count; i += 64) {
      for (uint64_t bits = pack_marks(marks + i); bits; bits &= bits - 1) visit(from + i + lowest_bit(bits));
    }
  }
}

// Calls visit(i), ascending, for each i of begin .. end - 1 of which one(i) is true; words(i) is the bits of
// one(i) .. one(i + 63).
template <class Words, class One, class Visit>
void for_each_bit(int64_t begin, int64_t end, Words words, One one, Visit visit) {
  int64_t i = begin;
  auto visit_bits = [&](uint64_t bits, int64_t from) {
    for (; bits; bits &= bits - 1) visit(from + lowest_bit(bits));
  };
  for (; i + 64 <= end; i += 64) visit_bits(words(i), i);
  if (i == end) return;
  if (i > begin) {  // the last word overlaps the one before it
    visit_bits(words(end - 64) >> (i - (end - 64)), i);
  } else {
    for (; i < end; ++i) {
      if (one(i)) visit(i);
    }
  }
}

// Calls run(begin, end) for each longest stretch of n pixels between the edges that for_each_bit finds.
template <class Words, class One, class Run>
void for_each_stretch(int64_t n, Words words, One one, Run run) {
  if (n == 0) return;
  int64_t begin = 0;
  for_each_bit(1, n, words, one, [&](int64_t i) {
    run(begin, i);
    begin = i;
  });
  run(begin, n);
}

// Calls run(begin, end) for each longest stretch of n pixels in which a does not change.
template <class T, class Run>
void for_each_run(const T* a, int64_t n, Run run) {
  for_each_stretch(
      n, [a](int64_t i) { return differing(a + i, a + i - 1); }, [a](int64_t i) { return a[i] != a[i - 1]; }, run);
}

// The same, in which a and b do not change.
template <class T, class Run>
void for_each_run(const T* a, const T* b, int64_t n, Run run) {
  for_each_stretch(
      n, [a, b](int64_t i) { return differing(a + i, a + i - 1) | differing(b + i, b + i - 1); },
      [a, b](int64_t i) { return begins_run(a, b, i); }, run);
}

}  // namespace seg
