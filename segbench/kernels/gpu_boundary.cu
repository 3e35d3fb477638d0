// GPU doors of boundaries in label maps: mixed corners as bits, joined to what is near them, then counted.
// Corner (x, y) is bit (x + distance, y + distance) of an image, as in near.h.
#include "boundary.h"
#include "gpu.h"

namespace seg {

// A label map of which all but what the truth ignores is scored.
struct ScoredMap {
  Labels labels, truth;
  int64_t ignore, first_pixel, height, width;

  __device__ int64_t at(int64_t y, int64_t x) const {
    int64_t i = first_pixel + y * width + x, id = label_at(truth, i);
    return id == ignore ? id : label_at(labels, i);
  }
  // Whether the four pixels around a corner are not all of one id, or some of them beyond the image.
  __device__ bool mixed(int64_t x, int64_t y) const {
    if (x < -1 || y < -1 || x >= width || y >= height) return false;
    if (x < 0 || y < 0 || x == width - 1 || y == height - 1) return true;
    int64_t id = at(y, x);
    return id != at(y, x + 1) || id != at(y + 1, x) || id != at(y + 1, x + 1);
  }
};

__device__ inline bool bit_at(const uint64_t* row, int64_t x) { return row[x >> 6] >> (x & 63) & 1; }

}  // namespace seg

// Writes the mixed corners of label maps [images, height, width] as bits [images, height + distance, words].
// A warp writes 32 of them at a time.
SEG_KERNEL(mixed_corners)
(const void* labels, int32_t label_type, const void* truth, int32_t truth_type, int64_t images, int64_t height,
 int64_t width, int64_t ignore, int64_t distance, int64_t words, uint32_t* bits) {
  using namespace seg;
  int64_t rows = height + distance, halves = 2 * words;
  for (int64_t i = warp_number(); i < images * rows * halves; i += warp_count()) {
    int64_t image = i / (rows * halves), y = i / halves % rows, x = i % halves * warp_size + lane_number();
    ScoredMap map{{labels, label_type}, {truth, truth_type}, ignore, image * height * width, height, width};
    unsigned mixed = __ballot_sync(all_lanes, map.mixed(x - distance, y - distance));
    if (lane_number() == 0) bits[i] = mixed;
  }
}

// Writes bits [rows, words] joined with those `shift` bits further along their rows.
SEG_KERNEL(join_along_rows)
(const uint64_t* bits, int64_t rows, int64_t words, int64_t shift, uint64_t* joined) {
  using namespace seg;
  int64_t whole = shift >> 6;
  for (int64_t i = thread_number(); i < rows * words; i += thread_count()) {
    int64_t column = i % words + whole;
    uint64_t low = column < words ? bits[i + whole] : 0, high = column + 1 < words ? bits[i + whole + 1] : 0;
    joined[i] = bits[i] | moved_down(low, high, shift & 63);
  }
}

// Writes bits [images, rows, words] joined with those `shift` rows below.
SEG_KERNEL(join_across_rows)
(const uint64_t* bits, int64_t images, int64_t rows, int64_t words, int64_t shift, uint64_t* joined) {
  using namespace seg;
  for (int64_t i = thread_number(); i < images * rows * words; i += thread_count()) {
    int64_t row = i / words % rows;
    joined[i] = bits[i] | (row + shift < rows ? bits[i + shift * words] : 0);
  }
}

// Adds to counts [K + 2, 3] the pixels of each class that are near an edge in the truth, in the prediction, and
// in both where both are of the class; `near` is [2, images, height + distance, words], truth and prediction.
SEG_KERNEL(boundary_counts)
(const void* truth, int32_t truth_type, const void* pred, int32_t pred_type, int64_t images, int64_t height,
 int64_t width, int64_t classes, int64_t ignore, int64_t distance, int64_t words, const uint64_t* near,
 int32_t fits, unsigned long long* counts) {
  using namespace seg;
  SEG_SHARED(unsigned, local);
  Counters counters{fits ? local : nullptr, counts, 3 * (classes + 2)};
  counters.begin();
  const uint64_t* pred_near = near + images * (height + distance) * words;
  for (int64_t i = thread_number(); i < images * height * width; i += thread_count()) {
    int64_t image = i / (height * width), y = i / width % height, x = i % width;
    int64_t row = (image * (height + distance) + y) * words;
    bool in_truth = bit_at(near + row, x), in_pred = bit_at(pred_near + row, x);
    int64_t id = label_at(Labels{truth, truth_type}, i);
    if (id == ignore || !(in_truth || in_pred)) continue;
    int64_t of_truth = class_bin(id, classes, ignore);
    int64_t of_pred = class_bin(label_at(Labels{pred, pred_type}, i), classes, ignore);
    if (in_truth) counters.add(3 * of_truth, 1);
    if (in_pred) counters.add(3 * of_pred + 1, 1);
    if (in_truth && in_pred && of_truth == of_pred) counters.add(3 * of_truth + 2, 1);
  }
  counters.end();
}
