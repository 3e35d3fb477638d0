// GPU doors of the overlap table of classes.
#include "gpu_pairs.h"

// Adds to counts [images, K + 2, K + 2] the pixels by (truth, prediction) of each image; see class_bin.
SEG_KERNEL(confusion)
(const void* truth, int32_t truth_type, const void* pred, int32_t pred_type, int64_t images, int64_t pixels,
 int32_t group, int64_t classes, int64_t ignore, int32_t fits, unsigned long long* counts) {
  using namespace seg;
  SEG_SHARED(unsigned, local);
  int64_t side = classes + 2;
  for (int64_t image = blockIdx.y; image < images; image += gridDim.y) {
    Counters counters{fits ? local : nullptr, counts + image * side * side, side * side};
    counters.begin();
    KeptBack kept;
    for_each_pair(from_pixel({truth, truth_type}, image * pixels), from_pixel({pred, pred_type}, image * pixels),
                  pixels, group,
                  ClassBins{static_cast<int32_t>(classes), ignore},
                  [&](uint32_t t, uint32_t p) { kept.add(counters, t * static_cast<uint32_t>(side) + p); });
    kept.flush(counters);
    counters.end();
  }
}
