// GPU doors of the fused kernel: logits to label maps to the overlap table, without either in memory.
//
// A warp takes a tile of 32 columns and 8 rows. Where the tile lies among few source pixels, the lanes bound
// the scores of the classes there first: mostly one or two can win, and the others are not interpolated.
#include "gpu.h"
#include "upsample.h"

namespace seg {

constexpr int tile_rows = 8;
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
  Plane<T> plane = logits.plane(c);
  Bounds bounds = no_bounds();
  for (int32_t y = window.y0; y <= window.y1; ++y) {
    for (int32_t x = window.x0; x <= window.x1; ++x) bounds.add(plane.at(y, x));
  }
  return bounds;
}

// The highest of the classes' lowest scores.
template <class T>
__device__ float floor_of(const Logits<T>& logits, Window window) {
  float floor = -3e38f;
  for (int32_t c = lane_number(); c < logits.classes; c += warp_size) {
    Bounds bounds = bounds_of(logits, window, c);
    if (bounds.tame) floor = most(floor, bounds.low);
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

// Interpolates one class in a column of the tile. Rows that lie between the same two source rows share them.
template <class T>
__device__ void offer(const Logits<T>& logits, const Target& target, int32_t c, int32_t y_begin, Tap column,
                      Best& best) {
  Plane<T> plane = logits.plane(c);
  int32_t above_row = -1, below_row = -1;
  float above = 0, below = 0;
  auto source_row = [&](int32_t y) {
    return blend(column.first_weight, plane.at(y, column.first), column.second_weight, plane.at(y, column.second));
  };
#pragma unroll
  for (int r = 0; r < tile_rows; ++r) {
    Tap row = tap(least(y_begin + r, target.height - 1), target.y_scale, logits.height);
    if (row.first != above_row) {
      above = row.first == below_row ? below : source_row(row.first);
      above_row = row.first;
    }
    if (row.second != below_row) {
      below = row.second == above_row ? above : source_row(row.second);
      below_row = row.second;
    }
    float score = blend(row.first_weight, above, row.second_weight, below);
    if (beats(score, best.score[r])) {
      best.score[r] = score;
      best.label[r] = c;
    }
  }
}

// Finds the best classes of this lane's column of a tile; all lanes of the warp take part.
template <class T>
__device__ void find_best(const Logits<T>& logits, const Target& target, int32_t y_begin, int32_t x_begin,
                          Best& best) {
  Tap left = tap(x_begin, target.x_scale, logits.width);
  Tap right = tap(least(x_begin + warp_size, target.width) - 1, target.x_scale, logits.width);
  Tap top = tap(y_begin, target.y_scale, logits.height);
  Tap foot = tap(least(y_begin + tile_rows, target.height) - 1, target.y_scale, logits.height);
  Tap column = tap(least(x_begin + lane_number(), target.width - 1), target.x_scale, logits.width);
  Window window{top.first, foot.second, left.first, right.second};
  bool bounded = window.is_small();
  float floor = bounded ? floor_of(logits, window) : 0.0f;
  bool found = false;
  int32_t only = -1;  // a class that is kept back: if no other can win, it need not be interpolated
  for (int32_t group = 0; group < logits.classes; group += warp_size) {
    int32_t mine = group + lane_number();
    bool may_win = mine < logits.classes;
    if (bounded && may_win) may_win = !cannot_win(bounds_of(logits, window, mine), floor);
    for (unsigned left_over = __ballot_sync(all_lanes, may_win); left_over; left_over &= left_over - 1) {
      int32_t c = group + __ffs(static_cast<int>(left_over)) - 1;
      if (!found) {
        best.clear(c);
        only = c;
        found = true;
        continue;
      }
      if (only >= 0) offer(logits, target, only, y_begin, column, best);
      only = -1;
      offer(logits, target, c, y_begin, column, best);
    }
  }
}

template <class T>
__device__ void count_tiles(const Logits<T>& logits, const Target& target, Labels truth, int64_t first_pixel,
                            int64_t ignore, const Counters& counters) {
  int32_t across = (target.width + warp_size - 1) / warp_size;
  int64_t tiles = static_cast<int64_t>(across) * ((target.height + tile_rows - 1) / tile_rows);
  auto bin = [&](int64_t id) { return static_cast<uint32_t>(class_bin(id, logits.classes, ignore)); };
  auto side = static_cast<uint32_t>(logits.classes + 2);
  KeptBack kept;
  for (int64_t tile = warp_number(); tile < tiles; tile += warp_count()) {
    auto y_begin = static_cast<int32_t>(tile / across) * tile_rows;
    auto x_begin = static_cast<int32_t>(tile % across) * warp_size;
    Best best;
    find_best(logits, target, y_begin, x_begin, best);
    int32_t x = x_begin + lane_number();
#pragma unroll
    for (int r = 0; r < tile_rows; ++r) {
      int32_t y = y_begin + r;
      if (x >= target.width || y >= target.height) continue;
      int64_t id = label_at(truth, first_pixel + static_cast<int64_t>(y) * target.width + x);
      kept.add(counters, bin(id) * side + bin(best.label[r]));
    }
  }
  kept.flush(counters);
}

template <class T>
__device__ void count_logits(Logits<T> logits, int64_t images, Target target, Labels truth, int64_t ignore,
                             int32_t pooled, unsigned* local, Count* counts) {
  int64_t side = logits.classes + 2, table = side * side;
  const T* scores = logits.scores;
  for (int64_t image = blockIdx.y; image < images; image += gridDim.y) {
    Counters counters{local, counts + (pooled ? 0 : image * table), table};
    counters.begin();
    logits.scores = scores + image * logits.classes * logits.height * logits.width;
    count_tiles(logits, target, truth, image * target.height * target.width, ignore, counters);
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
    SEG_SHARED(unsigned, local);                                                                               \
    seg::Target target{target_height, target_width, seg::source_scale(height, target_height),                  \
                       seg::source_scale(width, target_width)};                                                \
    seg::count_logits(seg::Logits<T>{logits, classes, height, width}, images, target,                          \
                      seg::Labels{truth, truth_type}, ignore, pooled, fits ? local : nullptr, counts);         \
  }

SEG_KERNEL(logits_confusion_f32) SEG_LOGITS(float)
SEG_KERNEL(logits_confusion_f16) SEG_LOGITS(seg::Half)
SEG_KERNEL(logits_confusion_bf16) SEG_LOGITS(seg::BFloat)
