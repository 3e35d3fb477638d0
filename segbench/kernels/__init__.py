"""Kernels: the counting, drawing, matching and unpacking that every metric and format is built from.

Each door takes what NumPy users have, converts it to the dtype stated, releases the GIL while it works, and
raises ValueError for a bad shape. The arithmetic is in the C++ headers of this folder, once for every device.
"""

from __future__ import annotations

from segbench.kernels._boundary import (
    boundary_classes,
    boundary_distance,
    boundary_map,
    boundary_pairs,
    contour_hits,
    rle_boundary,
    rle_boundary_iou,
)
from segbench.kernels._device import Device, dtype_name, host_view, place_of
from segbench.kernels._draw import (
    paint,
    rle_from_box,
    rle_from_mask,
    rle_from_polygons,
    segment_boxes,
    segment_rles,
)
from segbench.kernels._instances import (
    CocoReader,
    Instances,
    InstanceTallies,
    MaskStore,
    draw_curves,
    instance_records,
    measure_instances,
)
from segbench.kernels._logits import logits_confusion, logits_labels, resize_bilinear
from segbench.kernels._match import box_iou, match
from segbench.kernels._on_device import (
    LABEL_TYPES,
    MAX_CLASSES,
    add_confusion,
    add_logits,
    add_segment_pairs,
    label_batch,
    segment_tables,
    table_of,
)
from segbench.kernels._on_device_shapes import PackedMasks, add_boundary_classes, pack_masks, packed_iou
from segbench.kernels._overlap import confusion, id_counts, pair_counts
from segbench.kernels._panoptic import (
    CROWD,
    IGNORED,
    STATED,
    STUFF,
    SegmentMatches,
    SegmentTable,
    match_segments,
)
from segbench.kernels._png import (
    MAX_PIXELS,
    png_pack,
    png_unfilter,
    read_png,
    read_png_id_runs,
    read_png_ids,
    read_png_runs,
)
from segbench.kernels._resample import weighted_precision, weighted_sums
from segbench.kernels._rle import (
    rle_check,
    rle_from_runs,
    rle_iou,
    rle_measure,
    rle_merge,
    rle_to_mask,
    rle_to_runs,
)
from segbench.kernels._runs import LabelRuns
from segbench.kernels._topology import rle_fill_holes, rle_topology

__all__ = [
    "CROWD",
    "IGNORED",
    "LABEL_TYPES",
    "MAX_CLASSES",
    "MAX_PIXELS",
    "STATED",
    "STUFF",
    "CocoReader",
    "Device",
    "InstanceTallies",
    "Instances",
    "LabelRuns",
    "MaskStore",
    "PackedMasks",
    "SegmentMatches",
    "SegmentTable",
    "add_boundary_classes",
    "add_confusion",
    "add_logits",
    "add_segment_pairs",
    "boundary_classes",
    "boundary_distance",
    "boundary_map",
    "boundary_pairs",
    "box_iou",
    "confusion",
    "contour_hits",
    "draw_curves",
    "dtype_name",
    "host_view",
    "id_counts",
    "instance_records",
    "label_batch",
    "logits_confusion",
    "logits_labels",
    "match",
    "match_segments",
    "measure_instances",
    "pack_masks",
    "packed_iou",
    "paint",
    "pair_counts",
    "place_of",
    "png_pack",
    "png_unfilter",
    "read_png",
    "read_png_id_runs",
    "read_png_ids",
    "read_png_runs",
    "resize_bilinear",
    "rle_boundary",
    "rle_boundary_iou",
    "rle_check",
    "rle_fill_holes",
    "rle_from_box",
    "rle_from_mask",
    "rle_from_polygons",
    "rle_from_runs",
    "rle_iou",
    "rle_measure",
    "rle_merge",
    "rle_to_mask",
    "rle_to_runs",
    "rle_topology",
    "segment_boxes",
    "segment_rles",
    "segment_tables",
    "table_of",
    "weighted_precision",
    "weighted_sums",
]
