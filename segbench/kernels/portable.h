// What every kernel header needs, on a host compiler and under NVRTC, which has no standard headers.
#pragma once

#if defined(__CUDACC_RTC__)
using uint8_t = unsigned char;
using uint16_t = unsigned short;
using uint32_t = unsigned int;
using uint64_t = unsigned long long;
using int32_t = int;
using int64_t = long long;
#else
#include <math.h>
#include <stdint.h>
#endif

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define SEG_FN __host__ __device__ inline
#else
#define SEG_FN inline
#endif

namespace seg {

template <class T>
SEG_FN T least(T a, T b) {
  return b < a ? b : a;
}

template <class T>
SEG_FN T most(T a, T b) {
  return a < b ? b : a;
}

SEG_FN double infinity() {
#if defined(__CUDA_ARCH__)
  return __longlong_as_double(0x7ff0000000000000LL);
#else
  return HUGE_VAL;
#endif
}

}  // namespace seg
