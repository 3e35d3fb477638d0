// Kernels with a mistake each, beside the same without: tests/emulator/test_emulator.py shows what is found.
#include "gpu.h"

// Reverses the numbers of a block. Without a barrier, threads read what others have not written yet.
SEG_KERNEL(reverse)(const int32_t* numbers, int32_t* out) {
  SEG_SHARED(int32_t, held);
  held[threadIdx.x] = numbers[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] = held[blockDim.x - 1 - threadIdx.x];
}
SEG_KERNEL(reverse_without_barrier)(const int32_t* numbers, int32_t* out) {
  SEG_SHARED(int32_t, held);
  held[threadIdx.x] = numbers[threadIdx.x];
  out[threadIdx.x] = held[blockDim.x - 1 - threadIdx.x];
}

// A barrier that half of the threads do not come to: they have ended, wait at another, or exchange.
SEG_KERNEL(barrier_in_a_branch)(int32_t* out) {
  if (threadIdx.x < 32) __syncthreads();
  out[threadIdx.x] = 1;
}
SEG_KERNEL(barriers_in_both_branches)(int32_t* out) {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  out[threadIdx.x] = 1;
}
SEG_KERNEL(barrier_after_leaving)(int32_t* out) {
  if (threadIdx.x == 5) return;
  __syncthreads();
  out[threadIdx.x] = 1;
}
SEG_KERNEL(barrier_beside_exchange)(int32_t* out) {
  if (threadIdx.x == 5) {
    __syncthreads();
  } else {
    out[threadIdx.x] = static_cast<int32_t>(__ballot_sync(seg::all_lanes, 1));
  }
}

// Sums that lanes have left, or that a lane is not part of.
SEG_KERNEL(sum)(const int32_t* numbers, int32_t* out) {
  int32_t total = seg::warp_sum(numbers[threadIdx.x]);
  if (threadIdx.x == 0) *out = total;
}
SEG_KERNEL(sum_in_a_branch)(const int32_t* numbers, int32_t* out) {
  if (numbers[threadIdx.x] > 3) *out = seg::warp_sum(numbers[threadIdx.x]);
}
SEG_KERNEL(exchange_by_an_outsider)(int32_t* out) { out[threadIdx.x] = __shfl_sync(1u, 3, 0); }

// Counters that are not set to 0 first.
SEG_KERNEL(count_without_zero)(int32_t* out) {
  SEG_SHARED(int32_t, counters);
  atomicAdd(counters + threadIdx.x % 2, 1);
  __syncthreads();
  out[threadIdx.x % 2] = counters[threadIdx.x % 2];
}

// An addition that is not atomic, with others between its two halves.
SEG_KERNEL(add_in_two_steps)(int32_t* out) {
  int32_t before = *out;
  __syncwarp();
  *out = before + 1;
}

// One past the end: of shared memory, and of an array. And a group that is not where one may be read.
SEG_KERNEL(past_shared)(int32_t* out) {
  SEG_SHARED(int32_t, held);
  held[threadIdx.x + 1] = 1;
  out[threadIdx.x] = held[threadIdx.x];
}
SEG_KERNEL(past_array)(int32_t* out) { out[threadIdx.x + 1] = 1; }
SEG_KERNEL(crooked_group)(const uint8_t* bytes, int32_t* out) {
  *out = reinterpret_cast<const seg::Group<uint8_t, 4>*>(bytes + 1)->values[threadIdx.x % 4];
}
