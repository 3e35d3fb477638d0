"""Panoptic quality of one image, straight into the sums: the loop body of ``pq_compute_single_core``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

from segbench import kernels
from segbench.canonical.images import decode_segment_map
from segbench.compat.panopticapi._sums import PQStat

VOID = 0

Row = dict[str, Any]
Segments = dict[int, Row]
Pixels = dict[tuple[int, int], Any]
"""``{(truth id, pred id): np.int64}``, sorted. Pixels stay NumPy's, so that 0 / 0 is what it is there."""


def add_image(
    stat: PQStat, truth: Row, pred: Row, folders: tuple[Path, Path], categories: Container[Any]
) -> None:
    """Match the segments of one image and count them; predicted segments get their ``area``, in place."""
    pixels = _pixels(folders[0] / truth["file_name"], folders[1] / pred["file_name"])
    truths = {row["id"]: row for row in truth["segments_info"]}
    preds = {row["id"]: row for row in pred["segments_info"]}
    _set_areas(preds, pixels, truth["image_id"], categories)
    matched_truths, matched_preds = set(), set()
    for t, p, iou in _pairs(truths, preds, pixels):
        if iou > 0.5:
            cell = stat[truths[t]["category_id"]]
            cell.tp += 1
            cell.iou += iou
            matched_truths.add(t)
            matched_preds.add(p)
    crowds: dict[Any, int] = {}
    for t, row in truths.items():
        if t in matched_truths:
            continue
        if row["iscrowd"] == 1:
            crowds[row["category_id"]] = t
        else:
            stat[row["category_id"]].fn += 1
    for p, row in preds.items():
        if p not in matched_preds and not _is_unscored(p, row, pixels, crowds):
            stat[row["category_id"]].fp += 1


def _pixels(truth: Path, pred: Path) -> Pixels:
    truth_map = decode_segment_map(truth.read_bytes(), file=truth)
    pred_map = decode_segment_map(pred.read_bytes(), file=pred)
    truth_ids, pred_ids, counts = kernels.pair_counts(truth_map, pred_map)
    return dict(zip(zip(truth_ids.tolist(), pred_ids.tolist(), strict=True), counts, strict=True))


def _set_areas(preds: Segments, pixels: Pixels, image_id: Any, categories: Container[Any]) -> None:
    areas: Counter[int] = Counter()
    for (_, p), count in pixels.items():
        areas[p] += count
    absent = set(iter(preds))  # grown one by one: the order in the message below depends on it
    for p, area in sorted(areas.items()):
        if p not in preds:
            if p == VOID:
                continue
            raise KeyError(
                f"In the image with ID {image_id} segment with ID {p} is presented in PNG and not "
                "presented in JSON."
            )
        preds[p]["area"] = area
        absent.remove(p)
        if preds[p]["category_id"] not in categories:
            raise KeyError(
                f"In the image with ID {image_id} segment with ID {p} has unknown category_id "
                f"{preds[p]['category_id']}."
            )
    if absent:
        raise KeyError(
            f"In the image with ID {image_id} the following segment IDs {list(absent)} are presented in "
            "JSON and not presented in PNG."
        )


def _pairs(truths: Segments, preds: Segments, pixels: Pixels) -> Iterator[tuple[int, int, Any]]:
    """Yield (truth id, pred id, IoU) of what could match, in order of their ids."""
    for (t, p), common in pixels.items():
        if t not in truths or p not in preds or truths[t]["iscrowd"] == 1:
            continue
        if truths[t]["category_id"] == preds[p]["category_id"]:
            union = preds[p]["area"] + truths[t]["area"] - common - pixels.get((VOID, p), 0)
            yield t, p, common / union


def _is_unscored(p: int, row: Row, pixels: Pixels, crowds: dict[Any, int]) -> bool:
    """Whether more than half of a prediction lies on void and on the last crowd of its category."""
    unscored = pixels.get((VOID, p), 0)
    if row["category_id"] in crowds:
        unscored += pixels.get((crowds[row["category_id"]], p), 0)
    return bool(unscored / row["area"] > 0.5)
