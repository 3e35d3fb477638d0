"""One semantic case through our metric in several ways, from files, and through the reference evaluators."""

from __future__ import annotations

import warnings
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

import segbench
from fuzz import semantic_references as references
from fuzz.compare import Difference, same
from fuzz.pictures import png
from segbench.errors import DataError
from segbench.metrics import BoundaryIoU, MeanIoU

Row = dict[str, Any]
Metric = MeanIoU | BoundaryIoU


def check(case: Row, folder: Path) -> None:
    """Hold the metric to the reference; an id out of range must be refused where the protocol refuses it.

    Raises
    ------
    Difference
        When they disagree.
    """
    pairs = [
        tuple(
            np.array(image[side], dtype)
            for side, dtype in zip(("pred", "truth"), case["dtypes"], strict=True)
        )
        for image in case["images"]
    ]
    refused = references.is_refused(case, pairs)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", segbench.SegbenchWarning)
            metric = _measured(case, pairs)
    except DataError as error:
        if not refused:
            raise Difference("refused", str(error)) from None
        return
    if refused:
        raise Difference("accepted", "an id that the protocol refuses")
    scores = metric.compute()
    ours = dict(scores) | {"iou": _column(scores.class_rows)}
    same("record tables", _from_tables(case, pairs, metric), dict(scores))
    if case["form"] == "files" and _fits_files(case):
        same("files", _scored(case, pairs, folder), ours)
    references.compare(case, pairs, ours, folder)


def _column(rows: list[Row]) -> NDArray[np.float64]:
    return np.array([row["boundary_iou" if "boundary_iou" in row else "iou"] for row in rows])


def _new(case: Row) -> Metric:
    build = BoundaryIoU if case["protocol"] == "boundary-iou" else MeanIoU
    return build(case["num_classes"], case["ignore"], case["protocol"], settings=_settings(case))


def _settings(case: Row) -> Row:
    return case["settings"] | ({"dilation_ratio": case["ratio"]} if "ratio" in case else {})


def _measured(case: Row, pairs: list[Any]) -> Metric:
    """The metric, fed as the case says: image by image, as a batch, or in two parts that are merged."""
    metric, form = _new(case), case["form"]
    if case["protocol"] == "cityscapes":
        for image, pair in zip(case["images"], pairs, strict=True):
            metric.update(*pair, instances=np.array(image["instances"]))
        return metric
    if form in ("batch", "channel") and len({pred.shape for pred, _ in pairs}) == 1:
        stacked = [np.stack(side) for side in zip(*pairs, strict=True)]
        metric.update(*([side[:, None] for side in stacked] if form == "channel" else stacked))
        return metric
    other = _new(case) if form == "merge" else metric
    half = len(pairs) // 2
    for i, pair in enumerate(pairs):
        (metric if i < half else other).update(*pair)
    if form == "merge":
        metric.merge(other)
    return metric


def _from_tables(case: Row, pairs: list[Any], metric: Metric) -> Row:
    """The scores again, from rows as a run record keeps them."""
    rows = []
    for i, (pred, truth) in enumerate(pairs):
        instances = case["images"][i].get("instances")
        stats = metric._measure(pred, truth, *([] if instances is None else [np.array(instances)]))
        rows.append(metric.image_row(stats) | {"image_id": str(i), "index": i})
    again = type(metric).build(metric.categories, metric.protocol, metric.settings)
    again.add_tables(pa.table({name: [row[name] for row in rows] for name in rows[0]}))
    return dict(again.compute())


def _fits_files(case: Row) -> bool:
    """Whether label maps can say it: 255 (65,535) alone for ignore, all other ids categories, plain rules."""
    ignore = 255 if case["num_classes"] <= 255 else 65_535
    known = {ignore, *range(case["num_classes"])}
    ids = {v for image in case["images"] for side in ("pred", "truth") for row in image[side] for v in row}
    return case["ignore"] == ignore and not case["settings"] and ids <= known


def _scored(case: Row, pairs: list[Any], folder: Path) -> Row:
    """``segbench.score`` of two folders of PNG label maps."""
    rng, dtype = Random(case["picture"]), np.uint8 if case["num_classes"] <= 255 else np.uint16
    for number, side in enumerate(("pred", "truth")):
        (folder / side).mkdir()
        for i, pair in enumerate(pairs):
            (folder / side / f"{i}.png").write_bytes(png(pair[number].astype(dtype), rng))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", segbench.SegbenchWarning)
        record = segbench.score(
            folder / "truth",
            folder / "pred",
            num_classes=case["num_classes"],
            protocol=case["protocol"],
            settings=_settings(case),
            threads=1,
        )
    values = {key: metric.value for key, metric in record.metrics.items()}
    return values | {"iou": _column(record.per_class)}
