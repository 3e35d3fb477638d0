"""Panoptic quality: ``panopticapi.evaluation`` (7bb4655; Kirillov et al., Panoptic segmentation, CVPR 2019).

Numbers, printed tables and errors are equal, timings apart. Differences:

- where panopticapi starts a process for every core, a few threads do the work; images are split into as many
  parts as there are cores, and the parts summed in order, so that IoU sums are equal to the last bit;
- a segment map that is no RGB PNG of 8 bits raises DataError, a ValueError; panopticapi reads whatever Pillow
  reads, and fails on maps without colours;
- maps of two sizes always raise ValueError; panopticapi repeats a single row or column.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

from segbench.compat._tools import say
from segbench.compat.panopticapi._image import VOID, add_image
from segbench.compat.panopticapi._sums import PQStat, PQStatCat
from segbench.compat.panopticapi.utils import get_traceback

__all__ = [
    "OFFSET",
    "VOID",
    "PQStat",
    "PQStatCat",
    "pq_compute",
    "pq_compute_multi_core",
    "pq_compute_single_core",
]

OFFSET = 256 * 256 * 256
"""The number of ids that a colour can hold."""

THREADS = 4
"""At most so many images are read at a time."""

GROUPS = (("All", None), ("Things", True), ("Stuff", False))

Row = dict[str, Any]


@get_traceback
def pq_compute_single_core(
    proc_id: int,
    annotation_set: Sequence[Any],
    gt_folder: str,
    pred_folder: str,
    categories: Mapping[Any, Row],
) -> PQStat:
    """Sum over pairs ``(truth, prediction)`` of annotations, in their order.

    Parameters
    ----------
    proc_id
        Number to print.
    annotation_set
        The pairs; predicted segments get their ``area`` in pixels, in place.
    gt_folder, pred_folder
        Where the PNG files are.
    categories
        ``{id: row}``.

    Raises
    ------
    KeyError
        When the PNG and the segments of a prediction do not fit, or it has an unknown category.
    """
    stat = PQStat()
    for done, (truth, pred) in enumerate(annotation_set):
        if done % 100 == 0:
            say(f"Core: {proc_id}, {done} from {len(annotation_set)} images processed")
        add_image(stat, truth, pred, (Path(gt_folder), Path(pred_folder)), categories)
    say(f"Core: {proc_id}, all {len(annotation_set)} images processed")
    return stat


def pq_compute_multi_core(
    matched_annotations_list: Sequence[Any],
    gt_folder: str,
    pred_folder: str,
    categories: Mapping[Any, Row],
) -> PQStat:
    """Sum in as many parts as the machine has cores, then over the parts; the arguments stay as they are."""
    cores = multiprocessing.cpu_count()
    parts = _split([(truth, _copied(pred)) for truth, pred in matched_annotations_list], cores)
    say(f"Number of cores: {cores}, images per core: {len(parts[0])}")
    total = PQStat()
    with ThreadPoolExecutor(min(THREADS, cores)) as pool:
        jobs = [
            pool.submit(pq_compute_single_core, number, part, gt_folder, pred_folder, categories)
            for number, part in enumerate(parts)
        ]
        try:
            for job in jobs:
                total += job.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return total


def _copied(pred: Row) -> Row:
    return {**pred, "segments_info": [dict(row) for row in pred["segments_info"]]}


def _split(items: list[Any], parts: int) -> list[list[Any]]:
    """Cut a list as ``np.array_split`` does: the first parts are one longer where it does not divide."""
    size, rest = divmod(len(items), parts)
    ends = [size * i + min(i, rest) for i in range(parts + 1)]
    return [items[low:high] for low, high in pairwise(ends)]


def pq_compute(
    gt_json_file: str, pred_json_file: str, gt_folder: str | None = None, pred_folder: str | None = None
) -> dict[str, Any]:
    """Score panoptic predictions and print the table.

    Parameters
    ----------
    gt_json_file, pred_json_file
        COCO panoptic JSON.
    gt_folder, pred_folder
        Their PNG files; by default the JSON file's name without ``.json``.

    Returns
    -------
    dict
        ``All``, ``Things`` and ``Stuff``, each ``pq sq rq n``, and ``per_class``; fractions.

    Raises
    ------
    Exception
        When a folder is missing, or an image has no prediction.
    KeyError, ZeroDivisionError
        As :func:`pq_compute_single_core` and :meth:`PQStat.pq_average`.
    """
    start = time.time()
    truth, pred = (json.loads(Path(file).read_bytes()) for file in (gt_json_file, pred_json_file))
    gt_folder = str(gt_json_file).replace(".json", "") if gt_folder is None else gt_folder
    pred_folder = str(pred_json_file).replace(".json", "") if pred_folder is None else pred_folder
    categories = {row["id"]: row for row in truth["categories"]}
    say("Evaluation panoptic segmentation metrics:")
    for title, folder, file in (
        ("Ground truth", gt_folder, gt_json_file),
        ("Prediction", pred_folder, pred_json_file),
    ):
        say(f"{title}:\n\tSegmentation folder: {folder}\n\tJSON file: {file}")
    for kind, folder in (("ground truth", gt_folder), ("predicted", pred_folder)):
        if not Path(folder).is_dir():
            raise Exception(f"Folder {folder} with {kind} segmentations doesn't exist")
    stat = pq_compute_multi_core(_matched(truth, pred), gt_folder, pred_folder, categories)
    results = _results(stat, categories)
    say(f"Time elapsed: {time.time() - start:0.2f} seconds")
    return results


def _matched(truth: Row, pred: Row) -> list[tuple[Row, Row]]:
    preds = {row["image_id"]: row for row in pred["annotations"]}
    for row in truth["annotations"]:
        if row["image_id"] not in preds:
            raise Exception(f"no prediction for the image with id: {row['image_id']}")
    return [(row, preds[row["image_id"]]) for row in truth["annotations"]]


def _results(stat: PQStat, categories: Mapping[Any, Row]) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for name, isthing in GROUPS:
        results[name], per_class = stat.pq_average(categories, isthing=isthing)
        if isthing is None:
            results["per_class"] = per_class
    say(f"{'':10s}| {'PQ':>5s}  {'SQ':>5s}  {'RQ':>5s} {'N':>5s}")
    say("-" * 38)
    for name, _ in GROUPS:
        pq, sq, rq = (100 * results[name][key] for key in ("pq", "sq", "rq"))
        say(f"{name:10s}| {pq:5.1f}  {sq:5.1f}  {rq:5.1f} {results[name]['n']:5d}")
    return results
