// GPU doors of dense masks: to bits, with their areas and boxes, and the IoU of pairs.
#include "gpu.h"
#include "pack.h"

namespace seg {

// The 64 pixels from `first` on as bits; those of the next mask are left out.
__device__ inline uint64_t packed_word(const uint8_t* mask, int64_t first, int64_t pixels, bool aligned) {
  uint64_t word = 0;
  if (aligned && first + 64 <= pixels) {
    for (int i = 0; i < 4; ++i) {
      auto two = reinterpret_cast<const Group<uint64_t, 2>*>(mask + first)[i];
      word |= (pack_eight(two.values[0]) | pack_eight(two.values[1]) << 8) << (16 * i);
    }
    return word;
  }
  for (int64_t i = first; i < least(first + 64, pixels); ++i) {
    word |= static_cast<uint64_t>(mask[i] != 0) << (i - first);
  }
  return word;
}

__device__ inline MaskMeasure warp_measure(MaskMeasure mine) {
  return {warp_sum(mine.area), warp_least(mine.x0), warp_least(mine.y0), warp_most(mine.x1), warp_most(mine.y1)};
}

__device__ inline void join_measure(int32_t* whole, const MaskMeasure& part) {
  atomicAdd(whole, part.area);
  atomicMin(whole + 1, part.x0);
  atomicMin(whole + 2, part.y0);
  atomicMax(whole + 3, part.x1);
  atomicMax(whole + 4, part.y1);
}

// Pixels in both masks, for all lanes; words before and after those of the rows that both have are passed over.
__device__ inline int64_t common_bits(const uint64_t* a, const uint64_t* b, const MaskMeasure& first,
                                      const MaskMeasure& second, int64_t width) {
  int64_t begin = most(first.y0, second.y0) * width / 64;
  int64_t end = (least(first.y1, second.y1) * width + 63) / 64, pixels = 0;
  for (int64_t i = begin + lane_number(); i < end; i += warp_size) pixels += count_bits(a[i] & b[i]);
  return warp_sum(pixels);
}

}  // namespace seg

// Writes masks [n, height, width], bytes that are 0 outside, as bits [n, words]; measures [n, 5] begins as
// (0, 2^31 - 1, 2^31 - 1, 0, 0) and becomes area, x0, y0, x1, y1.
SEG_KERNEL(pack_masks)
(const uint8_t* masks, int64_t n, int64_t height, int64_t width, int32_t aligned, uint64_t* bits,
 int32_t* measures) {
  using namespace seg;
  int64_t pixels = height * width, words = (pixels + 63) / 64;
  for (int64_t mask = blockIdx.y; mask < n; mask += gridDim.y) {
    MaskMeasure measure = no_pixels();
    for (int64_t i = thread_number(); i < words; i += thread_count()) {
      uint64_t word = packed_word(masks + mask * pixels, 64 * i, pixels, aligned != 0);
      bits[mask * words + i] = word;
      measure.add(word, i, width);
    }
    measure = warp_measure(measure);
    if (lane_number() == 0 && measure.area > 0) join_measure(measures + 5 * mask, measure);
  }
}

// Writes iou [preds, truths] of masks as bits; 0 where the classes differ. A warp takes one pair at a time.
SEG_KERNEL(packed_iou)
(const uint64_t* pred, const uint64_t* truth, int64_t preds, int64_t truths, int64_t height, int64_t width,
 const int32_t* pred_measures, const int32_t* truth_measures, const int64_t* pred_classes,
 const int64_t* truth_classes, const uint8_t* truth_crowd, double* iou) {
  using namespace seg;
  int64_t words = (height * width + 63) / 64;
  auto* of_pred = reinterpret_cast<const MaskMeasure*>(pred_measures);
  auto* of_truth = reinterpret_cast<const MaskMeasure*>(truth_measures);
  for (int64_t pair = warp_number(); pair < preds * truths; pair += warp_count()) {
    int64_t p = pair / truths, t = pair % truths, common = 0;
    if (pred_classes[p] == truth_classes[t] && boxes_meet(of_pred[p], of_truth[t])) {
      common = common_bits(pred + p * words, truth + t * words, of_pred[p], of_truth[t], width);
    }
    if (lane_number() == 0) iou[pair] = mask_iou(common, of_pred[p].area, of_truth[t].area, truth_crowd[t] != 0);
  }
}
