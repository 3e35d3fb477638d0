// What the GPU doors share. They compile under NVRTC, and under the emulator of tests/emulator.
#pragma once

#include "labels.h"

// A kernel, for blocks of up to 512 threads.
#define SEG_KERNEL(name) extern "C" __global__ void __launch_bounds__(512) name

// The shared memory of the block, as long as the launch says.
#if defined(SEG_EMULATED)
#define SEG_SHARED(T, name) T* name = static_cast<T*>(emu::shared_memory())
#else
extern __shared__ unsigned long long seg_shared[];
#define SEG_SHARED(T, name) T* name = reinterpret_cast<T*>(seg_shared)
#endif

namespace seg {

using Count = unsigned long long;  // what atomicAdd takes

constexpr unsigned all_lanes = 0xFFFFFFFFu;
constexpr int warp_size = 32;

// The number of this thread in its row of blocks, and how many threads there are in it.
__device__ inline int64_t thread_number() { return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ inline int64_t thread_count() { return static_cast<int64_t>(gridDim.x) * blockDim.x; }

__device__ inline int lane_number() { return static_cast<int>(threadIdx.x % warp_size); }
__device__ inline int64_t warp_number() { return thread_number() / warp_size; }
__device__ inline int64_t warp_count() { return thread_count() / warp_size; }

template <class T>
__device__ T warp_sum(T value) {
  for (int bits = warp_size / 2; bits > 0; bits /= 2) value += __shfl_xor_sync(all_lanes, value, bits);
  return value;
}
template <class T>
__device__ T warp_least(T value) {
  for (int bits = warp_size / 2; bits > 0; bits /= 2) {
    value = least(value, __shfl_xor_sync(all_lanes, value, bits));
  }
  return value;
}
template <class T>
__device__ T warp_most(T value) {
  for (int bits = warp_size / 2; bits > 0; bits /= 2) {
    value = most(value, __shfl_xor_sync(all_lanes, value, bits));
  }
  return value;
}

// Counters of a block in shared memory, added to the whole's when the block is done; or, where they do not
// fit, the whole's alone. All threads of the block must begin and end; each counter is set to 0 and is added by one
// thread, which may begin again at once.
struct Counters {
  unsigned* local;  // null where they do not fit
  Count* whole;
  int64_t n;

  __device__ void begin() const {
    if (!local) return;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) local[i] = 0;
    __syncthreads();
  }
  __device__ void add(int64_t i, unsigned count) const {
    if (local) {
      atomicAdd(local + i, count);
    } else {
      atomicAdd(whole + i, static_cast<Count>(count));
    }
  }
  __device__ void end() const {
    if (!local) return;
    __syncthreads();
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
      if (local[i]) atomicAdd(whole + i, static_cast<Count>(local[i]));
    }
  }
};

// One counter's next additions, kept back while it stays the same: label maps are smooth.
struct KeptBack {
  uint32_t key = 0;
  unsigned count = 0;

  __device__ void add(const Counters& counters, uint32_t next) {
    if (next != key) {
      flush(counters);
      key = next;
    }
    ++count;
  }
  __device__ void flush(const Counters& counters) {
    if (count) counters.add(key, count);
    count = 0;
  }
};

}  // namespace seg
