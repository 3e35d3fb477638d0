// A table from id pairs to their numbers 0, 1, 2, ... in order of first appearance: open addressing.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "overlap.h"

namespace seg {

struct IdPair {
  int64_t a, b;
};

class PairTable {
 public:
  PairTable() : slots_(1024, empty) {}

  // Number of the pair, or -1.
  int64_t find(IdPair key) const { return slots_[slot_of(key)]; }

  // Number of the pair, which is added if it is new. A map has few: those met last are at hand.
  int64_t add(IdPair key) {
    Kept& kept = kept_[pair_hash(key.a, key.b) >> 56];
    if (kept.number == empty || kept.key.a != key.a || kept.key.b != key.b) kept = {key, number_of(key)};
    return kept.number;
  }

  const std::vector<IdPair>& pairs() const { return pairs_; }

 private:
  static constexpr int64_t empty = -1;

  struct Kept {
    IdPair key{0, 0};
    int64_t number = empty;
  };

  int64_t number_of(IdPair key) {
    std::size_t slot = slot_of(key);
    if (slots_[slot] != empty) return slots_[slot];
    slots_[slot] = static_cast<int64_t>(pairs_.size());
    pairs_.push_back(key);
    if (2 * pairs_.size() > slots_.size()) grow();
    return static_cast<int64_t>(pairs_.size()) - 1;
  }

  std::size_t slot_of(IdPair key) const {
    std::size_t last = slots_.size() - 1, slot = static_cast<std::size_t>(pair_hash(key.a, key.b)) & last;
    for (; slots_[slot] != empty; slot = (slot + 1) & last) {
      IdPair held = pairs_[static_cast<std::size_t>(slots_[slot])];
      if (held.a == key.a && held.b == key.b) break;
    }
    return slot;
  }

  void grow() {
    slots_.assign(2 * slots_.size(), empty);
    for (std::size_t i = 0; i < pairs_.size(); ++i) slots_[slot_of(pairs_[i])] = static_cast<int64_t>(i);
  }

  std::vector<int64_t> slots_;  // a power of two of them, at most half full
  std::vector<IdPair> pairs_;
  std::array<Kept, 256> kept_;
};

}  // namespace seg
