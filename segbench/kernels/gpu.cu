// The GPU doors: grid-stride loops over the arithmetic of the headers, which the CPU doors share.
#include "gpu_boundary.cu"
#include "gpu_logits.cu"
#include "gpu_masks.cu"
#include "gpu_overlap.cu"
#include "gpu_panoptic.cu"
