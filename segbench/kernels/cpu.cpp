// The CPU doors: each releases the GIL and loops over the arithmetic of the headers.
#include "door.h"

NB_MODULE(_cpu, m) {
  m.doc() = "Kernels of segbench on the CPU; segbench.kernels is the documented way in.";
  seg::add_overlap_doors(m);
  seg::add_rle_doors(m);
  seg::add_mask_doors(m);
  seg::add_segment_doors(m);
  seg::add_polygon_doors(m);
  seg::add_match_doors(m);
  seg::add_panoptic_doors(m);
  seg::add_png_doors(m);
  seg::add_png_write_doors(m);
  seg::add_coco_doors(m);
  seg::add_instance_doors(m);
  seg::add_curve_doors(m);
  seg::add_run_doors(m);
  seg::add_boundary_doors(m);
  seg::add_boundary_rle_doors(m);
  seg::add_contour_doors(m);
  seg::add_logits_doors(m);
  seg::add_topology_doors(m);
  seg::add_resample_doors(m);
}
