// Runs CUDA kernels on the CPU, so that they can be tested where there is no GPU.
//
// Each thread of a block is a fibre that runs until it waits for others: at __syncthreads for its block, at a
// warp's exchange for the lanes of the mask. Blocks, and threads that could go on, take turns in an order drawn
// from a seed; threads also pause at some of their atomics. Shared memory is poisoned before each block and
// exactly as long as the launch says, so that AddressSanitizer sees what is beside it.
//
// Waiting for a thread that cannot come is an error here, where a GPU would hang or go on with wrong values:
// threads that have ended, wait at another line, or name another mask. Only what the kernels use is there.
#pragma once

#include <ucontext.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#define SEG_EMULATED
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__
#define __launch_bounds__(...)

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};

namespace emu {

constexpr int lanes = 32;
constexpr std::size_t stack_bytes = 256 << 10;

enum class At { ready, barrier, exchange, done };

struct Wait {
  const char* what = "";
  int line = 0;
  unsigned mask = 0;

  bool operator==(const Wait& other) const {
    return what == other.what && line == other.line && mask == other.mask;
  }
  std::string text() const { return std::string(what) + " in line " + std::to_string(line); }
};

struct Fibre {
  ucontext_t context{};
  std::unique_ptr<char[]> stack{new char[stack_bytes]};
  At at = At::ready;
  dim3 thread;
  Wait wait;
  uint64_t value = 0;      // what it brings to an exchange
  uint64_t seen[lanes]{};  // what all lanes of the mask brought
};

struct Launch {
  dim3 grid, block, index;
  std::unique_ptr<char[]> shared;
  std::vector<Fibre> fibres;
  std::size_t current = 0;
  ucontext_t scheduler{};
  std::function<void()> kernel;
  std::mt19937 random;
  std::string fault;  // what a thread found wrong: it cannot raise across fibres
};

inline Launch*& running() {
  static Launch* launch = nullptr;
  return launch;
}
inline Fibre& self() { return running()->fibres[running()->current]; }
inline void* shared_memory() { return running()->shared.get(); }

inline void wait_at(At at) {
  Fibre& fibre = self();
  fibre.at = at;
  swapcontext(&fibre.context, &running()->scheduler);
}

inline void enter() {
  running()->kernel();
  wait_at(At::done);
}

inline void start(Launch& launch) {
  for (std::size_t i = 0; i < launch.fibres.size(); ++i) {
    Fibre& fibre = launch.fibres[i];
    getcontext(&fibre.context);
    fibre.context.uc_stack.ss_sp = fibre.stack.get();
    fibre.context.uc_stack.ss_size = stack_bytes;
    makecontext(&fibre.context, enter, 0);
    fibre.at = At::ready;
    auto n = static_cast<unsigned>(i);
    fibre.thread = {n % launch.block.x, n / launch.block.x % launch.block.y, n / launch.block.x / launch.block.y};
  }
}

[[noreturn]] inline void diverged(const Launch& launch, const Fibre& waits, const std::string& other) {
  auto place = [](dim3 at) {
    return "(" + std::to_string(at.x) + ", " + std::to_string(at.y) + ", " + std::to_string(at.z) + ")";
  };
  throw std::runtime_error("divergence: thread " + place(waits.thread) + " of block " + place(launch.index) +
                           " waits at " + waits.wait.text() + " for one that " + other);
}

inline std::string whereabouts(const Fibre& fibre) {
  return fibre.at == At::done ? "has ended" : "waits at " + fibre.wait.text();
}

// Lets the lanes go on that all their mask's lanes have joined; whether there were any.
inline bool release_lanes(Launch& launch, std::size_t first) {
  std::size_t last = std::min(first + lanes, launch.fibres.size());
  for (std::size_t i = first; i < last; ++i) {
    Fibre& one = launch.fibres[i];
    if (one.at != At::exchange) continue;
    uint64_t values[lanes] = {};
    bool all = true;
    for (std::size_t k = first; k < first + lanes && all; ++k) {
      if (!(one.wait.mask >> (k - first) & 1)) continue;
      all = k < last;
      if (!all) break;
      const Fibre& other = launch.fibres[k];
      all = other.at == At::exchange && other.wait == one.wait;
      values[k - first] = other.value;
    }
    if (!all) continue;
    const Wait joined = one.wait;
    for (std::size_t k = first; k < last; ++k) {
      Fibre& other = launch.fibres[k];
      if (!(joined.mask >> (k - first) & 1)) continue;
      std::copy(values, values + lanes, other.seen);
      other.at = At::ready;
    }
    return true;
  }
  return false;
}

inline bool release_warps(Launch& launch) {
  bool any = false;
  for (std::size_t first = 0; first < launch.fibres.size(); first += lanes) {
    while (release_lanes(launch, first)) any = true;
  }
  return any;
}

// Once nothing is ready and no warp can go on: all threads wait at one barrier, or something is wrong.
inline void release_block(Launch& launch) {
  Fibre& first = launch.fibres.front();
  for (Fibre& other : launch.fibres) {
    if (other.at == At::exchange) {  // then its warp holds the one that does not come
      auto begin = static_cast<std::size_t>(&other - launch.fibres.data()) / lanes * lanes;
      for (std::size_t k = begin; k < begin + lanes; ++k) {
        if (!(other.wait.mask >> (k - begin) & 1)) continue;
        if (k >= launch.fibres.size()) diverged(launch, other, "is not there");
        const Fibre& lane = launch.fibres[k];
        if (!(lane.at == At::exchange && lane.wait == other.wait)) {
          diverged(launch, other, whereabouts(lane));
        }
      }
    }
    if (other.at != first.at || (first.at == At::barrier && !(other.wait == first.wait))) {
      const Fibre& waits = first.at == At::barrier ? first : other;
      diverged(launch, waits, whereabouts(&waits == &first ? other : first));
    }
  }
  for (Fibre& fibre : launch.fibres) fibre.at = At::ready;
}

inline void run_block(Launch& launch) {
  start(launch);
  std::vector<std::size_t> order(launch.fibres.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  for (;;) {
    std::shuffle(order.begin(), order.end(), launch.random);
    bool went_on = false;
    for (std::size_t i : order) {
      if (launch.fibres[i].at != At::ready) continue;
      went_on = true;
      launch.current = i;
      swapcontext(&launch.scheduler, &launch.fibres[i].context);
      if (!launch.fault.empty()) throw std::runtime_error(launch.fault);
    }
    if (release_warps(launch) || went_on) continue;
    auto done = [](const Fibre& fibre) { return fibre.at == At::done; };
    if (std::all_of(launch.fibres.begin(), launch.fibres.end(), done)) return;
    release_block(launch);
  }
}

inline void run(Launch& launch, std::size_t shared_bytes, unsigned seed) {
  running() = &launch;
  launch.random.seed(seed);
  launch.fibres = std::vector<Fibre>(std::size_t{launch.block.x} * launch.block.y * launch.block.z);
  std::vector<dim3> blocks;
  for (unsigned z = 0; z < launch.grid.z; ++z) {
    for (unsigned y = 0; y < launch.grid.y; ++y) {
      for (unsigned x = 0; x < launch.grid.x; ++x) blocks.push_back({x, y, z});
    }
  }
  std::shuffle(blocks.begin(), blocks.end(), launch.random);
  for (dim3 index : blocks) {
    launch.index = index;
    launch.shared.reset(new char[shared_bytes]);
    std::memset(launch.shared.get(), 0xCD, shared_bytes);
    run_block(launch);
  }
}

// Brings a value to the lanes of the mask, and returns what each of them brought.
template <class T>
const uint64_t* exchange(const char* what, int line, unsigned mask, T value) {
  static_assert(sizeof(T) <= sizeof(uint64_t));
  Fibre& fibre = self();
  fibre.wait = {what, line, mask};
  if (!(mask >> (running()->current % lanes) & 1)) {
    running()->fault = "divergence: a lane is not in the mask that it names at " + fibre.wait.text();
    wait_at(At::done);
  }
  fibre.value = 0;
  std::memcpy(&fibre.value, &value, sizeof value);
  wait_at(At::exchange);
  return fibre.seen;
}

template <class T>
T lane_value(const uint64_t* seen, int lane) {
  T value;
  std::memcpy(&value, seen + lane, sizeof value);
  return value;
}

inline int lane() { return static_cast<int>(running()->current % lanes); }

// Another thread may come in between any two atomics.
inline void pause() {
  if (running()->random() % 64 == 0) wait_at(At::ready);
}

template <class T, class Change>
T atomic(T* at, Change change) {
  pause();
  T before = *at;
  *at = change(before);
  return before;
}

}  // namespace emu

#define threadIdx (emu::self().thread)
#define blockIdx (emu::running()->index)
#define blockDim (emu::running()->block)
#define gridDim (emu::running()->grid)

inline void __syncthreads(int line = __builtin_LINE()) {
  emu::self().wait = {"__syncthreads", line, 0};
  emu::wait_at(emu::At::barrier);
}

inline void __syncwarp(unsigned mask = ~0u, int line = __builtin_LINE()) {
  emu::exchange("__syncwarp", line, mask, 0);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int line = __builtin_LINE()) {
  return emu::lane_value<T>(emu::exchange("__shfl_sync", line, mask, value), lane & 31);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int line = __builtin_LINE()) {
  return emu::lane_value<T>(emu::exchange("__shfl_xor_sync", line, mask, value), emu::lane() ^ bits);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, int line = __builtin_LINE()) {
  const uint64_t* seen = emu::exchange("__ballot_sync", line, mask, int{predicate != 0});
  unsigned bits = 0;
  for (int i = 0; i < emu::lanes; ++i) bits |= static_cast<unsigned>((mask >> i & 1) && seen[i]) << i;
  return bits;
}

inline int __ffs(int bits) { return __builtin_ffs(bits); }

// The types that CUDA has these for, and no others.
#define SEG_ATOMIC(name, T, change) \
  inline T name(T* at, T value) {   \
    return emu::atomic(at, [value](T before) -> T { return change; }); \
  }
SEG_ATOMIC(atomicAdd, int, before + value)
SEG_ATOMIC(atomicAdd, unsigned, before + value)
SEG_ATOMIC(atomicAdd, unsigned long long, before + value)
SEG_ATOMIC(atomicMin, int, std::min(before, value))
SEG_ATOMIC(atomicMax, int, std::max(before, value))
#undef SEG_ATOMIC

template <class T>
T atomicCAS(T* at, T expected, T value) {
  static_assert(std::is_same_v<T, unsigned> || std::is_same_v<T, unsigned long long> || std::is_same_v<T, int>);
  return emu::atomic(at, [=](T before) { return before == expected ? value : before; });
}
