// GPU doors of panoptic quality: the overlap table of segments, a hash table of id pairs for each image; and the
// matching of segments.
//
// A block counts in a small table in shared memory; what does not find a place there goes to the image's own.
#include "gpu_pairs.h"
#include "panoptic_batch.h"

namespace seg {

constexpr Count no_pair = ~0ull;
constexpr int64_t local_pairs = 1024;
constexpr int64_t local_tries = 8;

// Place of a pair in a table of so many slots, a power of two; it is taken if the pair is new. -1 if it is not
// found in so many tries.
__device__ inline int64_t pair_slot(Count* pairs, int64_t slots, Count pair, int64_t tries) {
  int64_t slot = static_cast<int64_t>(pair_hash(static_cast<int64_t>(pair >> 32), pair & 0xFFFFFFFFu)) & (slots - 1);
  for (int64_t i = 0; i < tries; ++i) {
    Count held = atomicCAS(pairs + slot, no_pair, pair);
    if (held == no_pair || held == pair) return slot;
    slot = (slot + 1) & (slots - 1);
  }
  return -1;
}

// The table of an image and that of a block, of which a thread empties the places that it has added, as Counters.
struct PairTables {
  Count* pairs;
  Count* counts;
  Count* lost;  // pixels whose ids are out of range, and pixels that found no place
  int64_t slots;
  Count* local_pair;
  unsigned* local_count;

  __device__ void begin() const {
    for (int64_t i = threadIdx.x; i < local_pairs; i += blockDim.x) {
      local_pair[i] = no_pair;
      local_count[i] = 0;
    }
    __syncthreads();
  }
  __device__ void add_whole(Count pair, Count count) const {
    int64_t slot = pair_slot(pairs, slots, pair, slots);
    if (slot < 0) {
      atomicAdd(lost + 1, count);
    } else {
      atomicAdd(counts + slot, count);
    }
  }
  __device__ void add(uint32_t truth, uint32_t pred, unsigned count) const {
    if (truth == no_id || pred == no_id) {
      atomicAdd(lost, static_cast<Count>(count));
      return;
    }
    Count pair = static_cast<Count>(truth) << 32 | pred;
    int64_t slot = pair_slot(local_pair, local_pairs, pair, local_tries);
    if (slot < 0) {
      add_whole(pair, count);
    } else {
      atomicAdd(local_count + slot, count);
    }
  }
  __device__ void end() const {
    __syncthreads();
    for (int64_t i = threadIdx.x; i < local_pairs; i += blockDim.x) {
      if (local_count[i]) add_whole(local_pair[i], local_count[i]);
    }
  }
};

}  // namespace seg

// Adds to the tables of the images, pairs [images, slots] (all bits set where there is none) and counts [images,
// slots], the pixels by (true segment << 32 | predicted segment); lost [images, 2] counts what cannot be there.
SEG_KERNEL(segment_pairs)
(const void* truth, int32_t truth_type, const void* pred, int32_t pred_type, int64_t images, int64_t pixels,
 int32_t group, int64_t slots, unsigned long long* pairs, unsigned long long* counts, unsigned long long* lost) {
  using namespace seg;
  SEG_SHARED(Count, local);
  for (int64_t image = blockIdx.y; image < images; image += gridDim.y) {
    PairTables tables{pairs + image * slots, counts + image * slots, lost + image * 2, slots, local,
                      reinterpret_cast<unsigned*>(local + local_pairs)};
    tables.begin();
    uint32_t t = 0, p = 0;
    unsigned kept = 0;
    for_each_pair(from_pixel({truth, truth_type}, image * pixels), from_pixel({pred, pred_type}, image * pixels),
                  pixels, group,
                  SegmentIds{},
                  [&](uint32_t next_t, uint32_t next_p) {
                    if (kept && (next_t != t || next_p != p)) {
                      tables.add(t, p, kept);
                      kept = 0;
                    }
                    t = next_t;
                    p = next_p;
                    ++kept;
                  });
    if (kept) tables.add(t, p, kept);
    tables.end();
  }
}

// Matches the segments of each image; a thread takes one image at a time. See panoptic_batch.h for the arrays.
SEG_KERNEL(match_segments)
(int64_t images, int64_t n, int64_t truths, int64_t preds, const int64_t* ends, const int64_t* pairs,
 const int64_t* truth_ids, const int32_t* truth_rows, const double* stated, const int64_t* pred_ids,
 const int32_t* pred_rows, uint32_t rules, int64_t* truth_sums, int64_t* pred_sums, int32_t* stand_ins,
 int64_t* shared, int32_t* category, double* iou, int64_t* matches, int64_t* truth_pixels, int32_t* truth_counts,
 int32_t* pred_counts) {
  using namespace seg;
  PanopticBatch batch{images, n,      truths,   preds,     ends,    pairs, truth_ids,
                      truth_rows, stated, pred_ids, pred_rows, nullptr, rules};
  PanopticArrays arrays{truth_sums, pred_sums, stand_ins,    reinterpret_cast<SharedPixels*>(shared),
                        category,   iou,       matches,      truth_pixels,
                        truth_counts, pred_counts};
  for (int64_t i = thread_number(); i < images; i += thread_count()) arrays.match(batch, i);
}
