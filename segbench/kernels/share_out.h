// Work that several threads take from, piece by piece.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "portable.h"

namespace seg {

// Calls work(next) in so many threads at a time; next() hands out 0 .. n - 1 and then n.
template <class Work>
void share_out(std::size_t n, int64_t threads, Work work) {
  std::atomic<std::size_t> handed{0};
  auto next = [&] { return least(handed++, n); };
  std::vector<std::thread> others;
  for (int64_t i = 1; i < least(threads, static_cast<int64_t>(n)); ++i) others.emplace_back(work, next);
  work(next);
  for (std::thread& other : others) other.join();
}

}  // namespace seg
