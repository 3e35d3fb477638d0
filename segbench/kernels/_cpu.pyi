from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

def confusion(
    truth: npt.NDArray[Any], pred: npt.NDArray[Any], classes: int, ignore: int, /
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]: ...
def confusion_of_runs(
    truth: npt.NDArray[Any],
    truth_ends: npt.NDArray[np.uint32],
    pred: npt.NDArray[Any],
    pred_ends: npt.NDArray[np.uint32],
    classes: int,
    ignore: int,
    /,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]: ...
def pair_counts(
    truth: npt.NDArray[Any], pred: npt.NDArray[Any], /
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]: ...
def pair_counts_of_runs(
    truth: npt.NDArray[Any],
    truth_ends: npt.NDArray[np.uint32],
    pred: npt.NDArray[Any],
    pred_ends: npt.NDArray[np.uint32],
    /,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]: ...
def logits_confusion_float32(
    logits: npt.NDArray[Any], truth: npt.NDArray[Any], ignore: int, /
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]: ...
def logits_confusion_float16(
    logits: npt.NDArray[Any], truth: npt.NDArray[Any], ignore: int, /
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]: ...
def logits_confusion_bfloat16(
    logits: npt.NDArray[Any], truth: npt.NDArray[Any], ignore: int, /
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]: ...
def resize_bilinear(values: npt.NDArray[np.float32], out: npt.NDArray[np.float32], /) -> None: ...
def logits_labels_float32(logits: npt.NDArray[Any], out: npt.NDArray[np.int32], /) -> None: ...
def logits_labels_float16(logits: npt.NDArray[Any], out: npt.NDArray[np.int32], /) -> None: ...
def logits_labels_bfloat16(logits: npt.NDArray[Any], out: npt.NDArray[np.int32], /) -> None: ...
def label_runs(label_map: npt.NDArray[Any], /) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint32]]: ...
def distinct(values: npt.NDArray[Any], /) -> npt.NDArray[np.int64]: ...
def first_unknown(values: npt.NDArray[Any], known: npt.NDArray[np.bool_], /) -> int: ...
def merge_runs(
    values: npt.NDArray[Any], ends: npt.NDArray[np.uint32], /
) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint32]]: ...
def fill_runs(
    values: npt.NDArray[Any], ends: npt.NDArray[np.uint32], label_map: npt.NDArray[Any], /
) -> None: ...
def rle_from_mask(mask: npt.NDArray[np.uint8], /) -> bytes: ...
def rle_from_polygons(polygons: list[npt.NDArray[np.float64]], height: int, width: int, /) -> bytes: ...
def rle_from_runs(runs: npt.NDArray[np.int64], height: int, width: int, /) -> bytes: ...
def rle_to_runs(rle: bytes, height: int, width: int, strict: bool, /) -> npt.NDArray[np.uint32]: ...
def rle_to_mask(rle: bytes, height: int, width: int, /) -> npt.NDArray[np.uint8]: ...
def rle_measure(
    rles: Sequence[bytes], heights: npt.NDArray[np.int64], widths: npt.NDArray[np.int64], /
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]: ...
def rle_merge(rles: Sequence[bytes], height: int, width: int, intersect: bool, /) -> bytes: ...
def rle_topology(
    rles: Sequence[bytes], height: int, width: int, /
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]: ...
def rle_fill_holes(rle: bytes, height: int, width: int, /) -> bytes: ...
def rle_iou(
    pred: Sequence[bytes],
    truth: Sequence[bytes],
    crowd: npt.NDArray[np.bool_],
    height: int,
    width: int,
    /,
) -> npt.NDArray[np.float64]: ...
def box_iou(
    pred: npt.NDArray[np.float64], truth: npt.NDArray[np.float64], crowd: npt.NDArray[np.bool_], /
) -> npt.NDArray[np.float64]: ...
def paint(canvas: npt.NDArray[Any], rles: Sequence[bytes], values: npt.NDArray[np.int32], /) -> None: ...
def segment_rles(segment_map: npt.NDArray[Any], ids: npt.NDArray[np.int64], /) -> list[bytes]: ...
def segment_boxes(segment_map: npt.NDArray[Any], ids: npt.NDArray[np.int64], /) -> npt.NDArray[np.int64]: ...
def png_unfilter(
    raw: npt.NDArray[np.uint8],
    out: npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.int32],
    bytes_per_pixel: int,
    /,
) -> None: ...
def png_parse(data: bytes, /) -> tuple[int, int, int, int, int, list[tuple[int, int]]] | None: ...
def png_runs(
    raw: npt.NDArray[np.uint8], height: int, width: int, bytes_per_pixel: int, /
) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint32]]: ...
def png_pack(values: npt.NDArray[Any], ends: npt.NDArray[np.uint32], height: int, width: int, /) -> bytes: ...
def match(
    iou: npt.NDArray[np.float64],
    ignore: npt.NDArray[np.bool_],
    crowd: npt.NDArray[np.bool_],
    thresholds: npt.NDArray[np.float64],
    /,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]: ...
def match_segments(
    ends: npt.NDArray[np.int64],
    pairs: npt.NDArray[np.int64],
    truth_ids: npt.NDArray[np.int64],
    truth_rows: npt.NDArray[np.int32],
    stated: npt.NDArray[np.float64],
    pred_ids: npt.NDArray[np.int64],
    pred_rows: npt.NDArray[np.int32],
    edge_iou: npt.NDArray[np.float64],
    rules: int,
    /,
) -> tuple[npt.NDArray[Any], ...]: ...

class MaskStore:
    def __len__(self) -> int: ...
    def kinds(self) -> npt.NDArray[np.uint8]: ...
    def mask(self, index: int, /) -> tuple[int, int, int, tuple[tuple[float, ...], ...] | bytes | None]: ...

class CocoReader:
    def __init__(self, size: int, masks: bool = True) -> None: ...
    @property
    def complete(self) -> bool: ...
    @property
    def is_results(self) -> bool: ...
    @property
    def other_keys(self) -> list[str]: ...
    def feed(self, data: npt.NDArray[np.uint8], /) -> int: ...
    def has(self, key: str, /) -> bool: ...
    def images(self) -> npt.NDArray[np.int64] | None: ...
    def categories(self) -> npt.NDArray[np.int64] | None: ...
    def other_values(self) -> npt.NDArray[np.int64]: ...
    def take_columns(self) -> dict[str, Any]: ...

class Instances:
    def __init__(
        self,
        starts: npt.NDArray[np.int64],
        rows: npt.NDArray[np.int64],
        category_ids: npt.NDArray[np.int32],
        ids: npt.NDArray[np.int64] | None,
        iscrowd: npt.NDArray[np.bool_],
        areas: npt.NDArray[np.float64] | None,
        boxes: npt.NDArray[np.float64] | None,
        scores: npt.NDArray[np.float64] | None,
        masks: MaskStore,
        /,
    ) -> None: ...

def measure_instances(
    preds: Instances,
    truths: Instances,
    heights: npt.NDArray[np.int64],
    widths: npt.NDArray[np.int64],
    first: int,
    last: int,
    boxes: bool,
    thresholds: npt.NDArray[np.float64],
    area_ranges: npt.NDArray[np.float64],
    limit: int,
    distances: npt.NDArray[np.int64] | None,
    /,
) -> dict[str, Any]: ...
def instance_records(truths: Instances, first: int, last: int, /) -> tuple[bytes, npt.NDArray[np.int64]]: ...
def draw_curves(
    parts: Sequence[tuple[npt.NDArray[Any], ...]],
    truths: npt.NDArray[np.int64],
    order: npt.NDArray[np.int64],
    grid: npt.NDArray[np.float64],
    limits: npt.NDArray[np.int64],
    levels: int,
    threads: int,
    /,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]: ...
def boundary_map(
    values: npt.NDArray[Any], ends: npt.NDArray[np.uint32], height: int, width: int, distance: int, /
) -> npt.NDArray[np.uint8]: ...
def boundary_pairs(
    truth: npt.NDArray[Any],
    truth_ends: npt.NDArray[np.uint32],
    pred: npt.NDArray[Any],
    pred_ends: npt.NDArray[np.uint32],
    height: int,
    width: int,
    distance: int,
    /,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]: ...
def boundary_classes(
    truth: npt.NDArray[Any],
    truth_ends: npt.NDArray[np.uint32],
    pred: npt.NDArray[Any],
    pred_ends: npt.NDArray[np.uint32],
    height: int,
    width: int,
    classes: int,
    ignore: int,
    distance: int,
    /,
) -> npt.NDArray[np.int64]: ...
def contour_hits(
    truth: npt.NDArray[Any],
    truth_ends: npt.NDArray[np.uint32],
    pred: npt.NDArray[Any],
    pred_ends: npt.NDArray[np.uint32],
    height: int,
    width: int,
    classes: int,
    ignore: int,
    squared_reach: int,
    /,
) -> npt.NDArray[np.int64]: ...
def rle_boundary(rles: Sequence[bytes], height: int, width: int, distance: int, /) -> list[bytes]: ...
def rle_boundary_iou(
    pred: Sequence[bytes],
    truth: Sequence[bytes],
    crowd: npt.NDArray[np.bool_],
    height: int,
    width: int,
    distance: int,
    /,
) -> npt.NDArray[np.float64]: ...
def weighted_precision(
    starts: npt.NDArray[np.int64],
    images: npt.NDArray[np.int32],
    hit: npt.NDArray[np.uint64],
    counted: npt.NDArray[np.uint64],
    weights: npt.NDArray[np.uint16],
    truths: npt.NDArray[np.int64],
    grid: npt.NDArray[np.float64],
    levels: int,
    threads: int,
    /,
) -> npt.NDArray[np.float64]: ...
def weighted_sums(
    images: npt.NDArray[np.int32],
    columns: npt.NDArray[np.int32],
    values: npt.NDArray[np.float64],
    weights: npt.NDArray[np.uint16],
    n_columns: int,
    threads: int,
    /,
) -> npt.NDArray[np.float64]: ...
