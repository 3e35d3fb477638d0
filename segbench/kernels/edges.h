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

// Calls visit(bits, i) for words of which bit k tells of i + k, for i + k of begin .. end - 1, ascending. Where
// these are 64 or more, words(i) is the bits of i .. i + 63; else one(i) is that of i.
template <class Words, class One, class Visit>
void for_each_word(int64_t begin, int64_t end, Words words, One one, Visit visit) {
  int64_t i = begin;
  for (; i + 64 <= end; i += 64) visit(words(i), i);
  if (i == end) return;
  uint64_t bits = 0;
  if (i > begin) {  // the last word overlaps the one before it
    bits = words(end - 64) >> (i - (end - 64));
  } else {
    for (int64_t k = i; k < end; ++k) bits |= static_cast<uint64_t>(one(k)) << (k - i);
  }
  visit(bits, i);
}

// Calls visit(i) for each of these bits that is set.
template <class Words, class One, class Visit>
void for_each_bit(int64_t begin, int64_t end, Words words, One one, Visit visit) {
  for_each_word(begin, end, words, one, [&](uint64_t bits, int64_t from) {
    for (; bits; bits &= bits - 1) visit(from + lowest_bit(bits));
  });
}

// Calls visit(bits, i) for words of which bit k tells whether byte i + k of n is not 0, ascending; most of them
// are 0, and of those with 64 bytes only others are visited.
template <class Visit>
void for_each_not_zero(const uint8_t* bytes, int64_t n, Visit visit) {
  int64_t whole = n / 64;
  for (int64_t first = 0; first < whole; first += 64) {
    uint64_t some = 0;  // bit k: whether word first + k is to be visited
    int64_t count = least<int64_t>(64, whole - first);
    for (int64_t k = 0; k < count; ++k) {
      some |= static_cast<uint64_t>(any_not_zero(bytes + 64 * (first + k))) << k;
    }
    for (; some; some &= some - 1) {
      int64_t i = 64 * (first + lowest_bit(some));
      visit(not_zero(bytes + i), i);
    }
  }
  auto one = [bytes](int64_t i) { return bytes[i] != 0; };
  if (whole > 0 && n % 64) {  // the last word overlaps the one before it
    visit(not_zero(bytes + n - 64) >> (64 - n % 64), 64 * whole);
  } else if (n % 64) {
    for_each_word(0, n, [](int64_t) { return uint64_t{0}; }, one, visit);
  }
}

// Writes i + k for each bit k of visited words that is set to `end`, and moves it on: there is room for 4 more
// than there are. Four a word are written in any case: how many are set is what processors would guess wrong.
struct WriteBits {
  uint32_t*& end;

  void operator()(uint64_t bits, int64_t i) const {
    constexpr uint64_t last = static_cast<uint64_t>(1) << 63;
    int64_t count = bit_count(bits);
    auto write = [&](int64_t k) {
      end[k] = static_cast<uint32_t>(i + lowest_bit(bits | last));
      bits &= bits - 1;
    };
    for (int64_t k = 0; k < 4; ++k) write(k);
    for (int64_t k = 4; k < count; ++k) write(k);
    end += count;
  }
};

// Writes the number i / size of each such byte i, each once: the bytes of one number stand together, and most
// words have none or many.
template <int size>
struct WriteNumbers {
  uint32_t*& end;
  int64_t& last;  // -1 before the first

  void operator()(uint64_t bits, int64_t i) const {
    for (; bits; bits &= bits - 1) {
      int64_t number = (i + lowest_bit(bits)) / size;
      end += number != last;
      end[-1] = static_cast<uint32_t>(number);
      last = number;
    }
  }
};

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
