// GPU doors of the fused kernel: logits to label maps to the overlap table, without either in memory.
//
// A warp takes a tile of 32 columns and 16 rows. Where the tile lies among few source pixels, the lanes bound
// the scores of the classes there first: mostly one or two can win, and the others are not interpolated.
#include "boundary.h"
#include "gpu.h"
#include "upsample.h"

namespace seg {

constexpr int tile_rows = 16;
constexpr int32_t bounded_pixels = 64;  // source pixels of a tile up to which bounds pay

// The scores [height, width] of one class.
template <class T>
struct Plane {
  const T* scores;
  int32_t width;

  __device__ float at(int32_t y, int32_t x) const { return to_float(scores[y * width + x]); }
};

// Those of one image, of fewer than 2^31 pixels.
template <class T>
struct Logits {
  const T* scores;
  int32_t classes, height, width;

  __device__ Plane<T> plane(int32_t c) const {
    return {scores + static_cast<int64_t>(c) * height * width, width};
  }
};

// The output of one image, and how many source pixels lie in one of it.
struct Target {
  int32_t height, width;
  float y_scale, x_scale;
};

// Source rows y0 .. y1 and columns x0 .. x1 of a tile.
struct Window {
  int32_t y0, y1, x0, x1;

  __device__ bool is_small() const {
    return static_cast<int64_t>(y1 - y0 + 1) * (x1 - x0 + 1) <= bounded_pixels;
  }
};

template <class T>
__device__ Bounds bounds_of(const Logits<T>& logits, Window window, int32_t c) {
  Bounds bounds = no_bounds();
  if (c >= logits.classes) return bounds;
  Plane<T> plane = logits.plane(c);
  for (int32_t y = window.y0; y <= window.y1; ++y) {
    for (int32_t x = window.x0; x <= window.x1; ++x) bounds.add(plane.at(y, x));
  }
  return bounds;
}

// The bounds of this lane's classes in a tile: number lane, lane + 32 ...; those of the first are kept.
template <class T>
struct LaneBounds {
  const Logits<T>& logits;
  Window window;
  Bounds first;

  __device__ LaneBounds(const Logits<T>& of, Window in, bool bounded)
      : logits(of), window(in), first(bounded ? bounds_of(of, in, lane_number()) : no_bounds()) {}

  __device__ Bounds operator()(int32_t group) const {
    return group == 0 ? first : bounds_of(logits, window, group * warp_size + lane_number());
  }
};

// The highest of the classes' lowest scores.
template <class T>
__device__ float floor_of(const LaneBounds<T>& bounds) {
  float floor = -3e38f;
  for (int32_t group = 0; group * warp_size < bounds.logits.classes; ++group) {
    Bounds mine = bounds(group);
    if (group * warp_size + lane_number() < bounds.logits.classes && mine.tame()) floor = most(floor, mine.low);
  }
  return warp_most(floor);
}

// The best class of a lane's pixels, one a row of the tile.
struct Best {
  float score[tile_rows];
  int32_t label[tile_rows];

  __device__ void clear(int32_t first_class) {
    for (int r = 0; r < tile_rows; ++r) {
      score[r] = float_of_bits(0xFF800000u);  // minus infinity
      label[r] = first_class;
    }
  }
};

// What the pixels of a tile are made of: the column of this lane, and the rows in shared memory, where they take
// no registers: the first source row and the bits of the second's weight.
struct TileTaps {
  uint64_t* rows;
  int32_t last_row;  // of the source
  Tap column;

  // All lanes of a warp take part, each of them for its column and for one row.
  __device__ void set(const Target& target, int32_t y_begin, int32_t x, int32_t height, int32_t width) {
    last_row = height - 1;
    column = tap(least(x, target.width - 1), target.x_scale, width);
    __syncwarp();
    if (lane_number() < tile_rows) {
      Tap row = tap(least(y_begin + lane_number(), target.height - 1), target.y_scale, height);
      rows[lane_number()] = static_cast<uint64_t>(row.first) << 32 | bits_of_float(row.second_weight);
    }
    __syncwarp();
  }
};

// Interpolates one class in a column of the tile. Rows that lie between the same two source rows share them.
template <class T>
__device__ void offer(const Logits<T>& logits, const TileTaps& taps, int32_t c, Best& best) {
  Plane<T> plane = logits.plane(c);
  auto source_row = [&](int32_t y) {
    const Tap& column = taps.column;
    return blend(column.first_weight, plane.at(y, column.first), column.second_weight, plane.at(y, column.second));
  };
  const volatile uint64_t* rows = taps.rows;  // to be read for each class anew
  int32_t before = -2;
  float above = 0, below = 0;
#pragma unroll
  for (int r = 0; r < tile_rows; ++r) {
    uint64_t row = rows[r];
    auto first = static_cast<int32_t>(row >> 32);
    if (first != before) {
      above = first == before + 1 ? below : source_row(first);
      below = source_row(least(first + 1, taps.last_row));
      before = first;
    }
    float weight = float_of_bits(static_cast<uint32_t>(row)), score = blend(1.0f - weight, above, weight, below);
    if (beats(score, best.score[r])) {
      best.score[r] = score;
      best.label[r] = c;
    }
  }
}

// Where in the source a tile lies.
template <class T>
__device__ Window window_of(const Logits<T>& logits, const Target& target, int32_t y_begin, int32_t x_begin) {
  Tap left = tap(x_begin, target.x_scale, logits.width);
  Tap right = tap(least(x_begin + warp_size, target.width) - 1, target.x_scale, logits.width);
  Tap top = tap(y_begin, target.y_scale, logits.height);
  Tap foot = tap(least(y_begin + tile_rows, target.height) - 1, target.y_scale, logits.height);
  return {top.first, foot.second, left.first, right.second};
}

// The classes of a group of 32 that may win in a tile, as bits.
template <class T>
__device__ unsigned contenders(const LaneBounds<T>& bounds, int32_t group, bool bounded, float floor) {
  bool may_win = group * warp_size + lane_number() < bounds.logits.classes;
  if (bounded && may_win) may_win = !cannot_win(bounds(group), floor);
  return __ballot_sync(all_lanes, may_win);
}

// Finds the best classes of this lane's column of a tile; all lanes of the warp take part. One contender alone
// need not be interpolated.
template <class T>
__device__ void find_best(const Logits<T>& logits, const TileTaps& taps, Window window, Best& best) {
  bool bounded = window.is_small();
  LaneBounds<T> bounds(logits, window, bounded);
  float floor = bounded ? floor_of(bounds) : 0.0f;
  int32_t found = 0, first = 0, groups = (logits.classes + warp_size - 1) / warp_size;
  for (int32_t group = 0; group < groups; ++group) {
    unsigned bits = contenders(bounds, group, bounded, floor);
    if (found == 0 && bits) first = group * warp_size + __ffs(static_cast<int>(bits)) - 1;
    found += static_cast<int32_t>(count_bits(bits));
  }
  best.clear(first);
  if (found == 1) return;
  for (int32_t group = 0; group < groups; ++group) {
    for (unsigned bits = contenders(bounds, group, bounded, floor); bits; bits &= bits - 1) {
      offer(logits, taps, group * warp_size + __ffs(static_cast<int>(bits)) - 1, best);
    }
  }
}

template <class T>
__device__ void count_tiles(const Logits<T>& logits, const Target& target, Labels truth, int64_t ignore,
                            uint64_t* rows_of_block, const Counters& counters) {
  int32_t across = (target.width + warp_size - 1) / warp_size;
  int64_t tiles = static_cast<int64_t>(across) * ((target.height + tile_rows - 1) / tile_rows);
  ClassBins bin{logits.classes, ignore};
  auto side = static_cast<uint32_t>(logits.classes + 2);
  KeptBack kept;
  TileTaps taps{rows_of_block + threadIdx.x / warp_size * tile_rows, 0, {}};
  for (int64_t tile = warp_number(); tile < tiles; tile += warp_count()) {
    auto y_begin = static_cast<int32_t>(tile / across) * tile_rows;
    auto x_begin = static_cast<int32_t>(tile % across) * warp_size, x = x_begin + lane_number();
    taps.set(target, y_begin, x, logits.height, logits.width);
    Best best;
    find_best(logits, taps, window_of(logits, target, y_begin, x_begin), best);
    if (x >= target.width) continue;
    int32_t rows = least(tile_rows, target.height - y_begin);
    uint32_t truths[tile_rows];
    Labels column = from_pixel(truth, static_cast<int64_t>(y_begin) * target.width + x);
    read_column<tile_rows>(column, target.width, rows, bin, truths);
#pragma unroll
    for (int r = 0; r < tile_rows; ++r) {
      if (r < rows) kept.add(counters, truths[r] * side + bin(best.label[r]));
    }
  }
  kept.flush(counters);
}

template <class T>
__device__ void count_logits(Logits<T> logits, int64_t images, Target target, Labels truth, int64_t ignore,
                             int32_t pooled, int32_t fits, Count* shared, Count* counts) {
  int64_t side = logits.classes + 2, table = side * side;
  const T* scores = logits.scores;
  auto* rows = reinterpret_cast<uint64_t*>(shared);
  auto* local = fits ? reinterpret_cast<unsigned*>(rows + blockDim.x / warp_size * tile_rows) : nullptr;
  for (int64_t image = blockIdx.y; image < images; image += gridDim.y) {
    Counters counters{local, counts + (pooled ? 0 : image * table), table};
    counters.begin();
    logits.scores = scores + image * logits.classes * logits.height * logits.width;
    int64_t first_pixel = image * target.height * target.width;
    count_tiles(logits, target, from_pixel(truth, first_pixel), ignore, rows, counters);
    counters.end();
  }
}

}  // namespace seg

// Adds to counts [K + 2, K + 2], or [images, K + 2, K + 2] unless pooled, the pixels by (truth, best class), of
// logits [images, K, height, width] brought to the size of the truth [images, target_height, target_width].
#define SEG_LOGITS(T)                                                                                        \
  (const T* logits, int64_t images, int32_t classes, int32_t height, int32_t width, const void* truth,         \
   int32_t truth_type, int32_t target_height, int32_t target_width, int64_t ignore, int32_t pooled,            \
   int32_t fits, unsigned long long* counts) {                                                                 \
    SEG_SHARED(seg::Count, shared);                                                                            \
    seg::Target target{target_height, target_width, seg::source_scale(height, target_height),                  \
                       seg::source_scale(width, target_width)};                                                \
    seg::count_logits(seg::Logits<T>{logits, classes, height, width}, images, target,                          \
                      seg::Labels{truth, truth_type}, ignore, pooled, fits, shared, counts);                   \
  }

SEG_KERNEL(logits_confusion_f32) SEG_LOGITS(float)
SEG_KERNEL(logits_confusion_f16) SEG_LOGITS(seg::Half)
SEG_KERNEL(logits_confusion_bf16) SEG_LOGITS(seg::BFloat)
