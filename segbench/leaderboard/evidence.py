"""From the tables of a run record to what the leaderboard resamples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segbench.errors import DataError
from segbench.leaderboard.pooled import Floats, Ints, Ratios
from segbench.leaderboard.precision import Detections

if TYPE_CHECKING:
    import pyarrow as pa

    from segbench.records.results import RunRecord

PRIMARY = {"semantic": "miou", "instance": "ap", "panoptic": "pq"}
"""The metric that each task is ranked by."""

PRIMARY_OF_PROTOCOLS = {
    "boundary-iou": "boundary_miou",
    "boundary-f1": "boundary_f1",
    "boundary-ap": "boundary_ap",
    "boundary-pq": "boundary_pq",
}
"""The metric of protocols that have not that of their task."""

MATCH = 1e-4
"""How far the score of the tables may lie from the record's: some protocols round to 0.01 %."""

FLOAT32_COUNTS = 2**24
"""Where counting pixels by ones in float32 stops; some protocols do."""


FIXED = ("image_id", "index", "latency_ms", "error")
"""Plain columns of ``images.parquet`` that are of the run; others say something of the image."""


@dataclass(frozen=True)
class RunEvidence:
    """What one run's tables say.

    Attributes
    ----------
    image_ids
        In the order of :func:`ordered_images`.
    pooled
        Gives the primary metric on weighted images.
    cells
        Ratios by image and category, for the lists of worst images: IoU, F1, PQ, or the share of truths
        matched at the lowest IoU threshold.
    by_image
        float64 [n_images]: each image's own score, NaN where undefined.
    by_class
        Whether the score is a mean over categories whose scores ``pooled`` gives.
    attributes
        ``{name: values}`` of the images, as text; None where an image has none.
    """

    image_ids: tuple[str, ...]
    pooled: Ratios | Detections
    cells: Ratios
    by_image: Floats
    by_class: bool = True
    attributes: Mapping[str, Sequence[str | None]] = field(default_factory=dict)


def primary(record: RunRecord) -> str:
    """The metric that a record is ranked by."""
    return PRIMARY_OF_PROTOCOLS.get(record.protocol["name"], PRIMARY[record.task])


def read_evidence(record: RunRecord) -> RunEvidence:
    """Read the sufficient statistics of a record and hold them against its score.

    Raises
    ------
    DataError
        When a table is missing, image ids repeat, or the statistics do not give the score.
    """
    if record.images is None:
        raise DataError("images.parquet is missing")
    images = ordered_images(record, record.images)
    image_ids = tuple(map(str, images.column("image_id").to_pylist()))
    if len(set(image_ids)) < len(image_ids) or not image_ids:
        raise DataError("its image ids are not unique" if image_ids else "it has no images")
    if record.task == "instance":
        detections, cells = _instance(record, images)
        evidence = RunEvidence(image_ids, detections, cells, cells.by_image_pooled())
    elif record.protocol["name"] == "boundary-f1":
        cells = _contours(images)
        evidence = RunEvidence(image_ids, _image_means(cells), cells, cells.by_image(), by_class=False)
    else:
        ratios = _semantic(record, images) if record.task == "semantic" else _panoptic(record, images)
        evidence = RunEvidence(image_ids, ratios, ratios, ratios.by_image())
    _check_score(record, evidence.pooled)
    return replace(evidence, attributes=_attributes(images))


def ordered_images(record: RunRecord, images: pa.Table) -> pa.Table:
    """The table of images in the order in which their floats are added: that of the data set.

    Instances of equal score go by the ids of their images, as integers where all are integers.
    """
    if record.task != "instance":
        return images.sort_by("index")
    ids = images.column("image_id").to_pylist()
    keys = list(map(int, ids)) if all(map(_is_integer, ids)) else ids
    return images.take(sorted(range(len(ids)), key=keys.__getitem__))


def _is_integer(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and str(int(digits)) == digits


def _attributes(images: pa.Table) -> dict[str, list[str | None]]:
    """The columns that say something of an image, as text."""
    import pyarrow as pa

    plain = [field.name for field in images.schema if not pa.types.is_nested(field.type)]
    return {
        name: [None if value is None else str(value) for value in images.column(name).to_pylist()]
        for name in plain
        if name not in FIXED
    }


def _check_score(record: RunRecord, pooled: Ratios | Detections) -> None:
    key = primary(record)
    found, told = float(pooled.scores(np.ones((1, pooled.n_images), np.uint16))[0]), record.metrics[key].value
    if not abs(found - told) <= MATCH:
        raise DataError(f"its tables give {key} {found:.6f}, its run.json says {told:.6f}")


def _semantic(record: RunRecord, images: pa.Table) -> Ratios:
    settings = _settings(record)
    place, category = flat(images, "category_ids")
    tp, fp, fn = (flat(images, name)[1] for name in ("tp", "fp", "fn"))
    both, truth, pred = tp, tp + fn, tp + fp
    if settings.get("float32_order"):
        both, truth, pred = (np.minimum(pixels, FLOAT32_COUNTS) for pixels in (both, truth, pred))
    return Ratios(
        len(images),
        place,
        category,
        both.astype(float),
        (truth + pred - both).astype(float),
        present=truth.astype(float) if settings.get("averaged") == "truth" else None,
        n_averaged=_n_averaged(record),
    )


def _contours(images: pa.Table) -> Ratios:
    """F1 of the contours of each image and category."""
    place, category = flat(images, "category_ids")
    tp, fp, fn, found = (flat(images, name)[1] for name in ("tp", "fp", "fn", "found"))
    precision, recall = tp / np.maximum(tp + fp, 1), found / np.maximum(found + fn, 1)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    return Ratios(len(images), place, category, f1, np.ones(len(f1)))


def _image_means(cells: Ratios) -> Ratios:
    """Ratios whose pooled score is the mean over images of the mean over each image's categories."""
    means = cells.by_image()
    known = np.flatnonzero(~np.isnan(means))
    return Ratios(cells.n_images, known, np.zeros_like(known), means[known], np.ones(len(known)))


def _settings(record: RunRecord) -> Mapping[str, Any]:
    return record.protocol.get("settings") or {}


def _n_averaged(record: RunRecord) -> int | None:
    """How many categories the mean divides by, where the protocol counts those that never occur as 0."""
    settings = _settings(record)
    if settings.get("averaged") != "all":
        return None
    ids = {row["id"] for row in record.dataset["categories"]}
    return len(ids - {settings.get("ignore_index"), *settings.get("unscored", ())})


def _panoptic(record: RunRecord, images: pa.Table) -> Ratios:
    place, category = flat(images, "category_ids")
    tp, fp, fn = (flat(images, name)[1] for name in ("tp", "fp", "fn"))
    match_place, match_category = flat(images, "match_category_ids")
    ious = flat(images, "match_ious")[1]
    below = tp + 0.5 * fp + 0.5 * fn
    ratios = Ratios(
        len(images),
        np.concatenate([place, match_place]),
        np.concatenate([category, match_category]),
        np.concatenate([np.zeros(len(place)), ious]),
        np.concatenate([below, np.zeros(len(ious))]),
    )
    return replace(_gather(ratios), n_averaged=_n_averaged(record))


def _instance(record: RunRecord, images: pa.Table) -> tuple[Detections, Ratios]:
    detections = detections_of(record, images)
    return detections, _matched_share(detections, record.protocol["settings"]["iou_thresholds"])


def area_names(images: pa.Table) -> list[str]:
    """The area ranges (or distances) that a record tells apart, in order."""
    return [name.removeprefix("truths_") for name in images.column_names if name.startswith("truths_")]


def detection_columns(record: RunRecord) -> dict[str, NDArray[Any]]:
    """The columns of the detections that count in AP; DataError when their table is missing."""
    if record.detections is None:
        raise DataError("detections.parquet is missing")
    column = {name: record.detections.column(name).to_numpy() for name in record.detections.column_names}
    kept = _within_limit(column, record.protocol["settings"])
    return {name: values[kept] for name, values in column.items()}


def detections_of(record: RunRecord, images: pa.Table, area: str | None = None) -> Detections:
    """The detections that count in AP of an area range, by default the first; ``images`` by their index.

    Raises
    ------
    DataError
        When their table is missing, or one belongs to no image.
    """
    settings = record.protocol["settings"]
    area = area or next(iter(settings.get("area_ranges", ())), "all")
    column = detection_columns(record)
    place, category = flat(images, "category_ids")
    return Detections(
        n_images=len(images),
        n_thresholds=len(settings["iou_thresholds"]),
        images=_positions(images, column["image_index"]),
        categories=column["category_id"].astype(np.int64),
        places=column["rank"].astype(np.int64),
        confidences=column["score"].astype(float),
        matched=column[f"matched_{area}"].astype(np.uint64),
        ignored=column[f"ignored_{area}"].astype(np.uint64),
        truth_images=place,
        truth_categories=category,
        truth_counts=flat(images, f"truths_{area}")[1],
        recalls=None if "curve" in settings else _recalls(settings.get("recall_thresholds", 101)),
    )


def _within_limit(column: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Which detections count in ``ap``: up to 100 where that is a limit, as COCO fixes it, or the largest."""
    ranks, limits = column["rank"], settings.get("max_detections")
    if limits is None:
        return np.ones(len(ranks), np.bool_)
    if settings.get("limited_by") == "category":
        order = np.lexsort((column["position"], -column["score"], column["category_id"]))
        categories = column["category_id"][order]
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.arange(len(order)) - np.searchsorted(categories, categories)
    within: NDArray[np.bool_] = ranks < (100 if 100 in limits else max(limits))
    return within


def _recalls(points: int | Sequence[float]) -> Floats:
    return np.linspace(0, 1, points) if isinstance(points, int) else np.array(points, np.float64)


def _matched_share(found: Detections, thresholds: Sequence[float]) -> Ratios:
    bit = np.uint64(1 << int(np.argmin(thresholds)))
    hit = ((found.matched & bit) != 0) & ((found.ignored & bit) == 0)
    n_hits = np.count_nonzero(hit)
    ratios = Ratios(
        found.n_images,
        np.concatenate([found.truth_images, found.images[hit]]),
        np.concatenate([found.truth_categories, found.categories[hit]]),
        np.concatenate([np.zeros(len(found.truth_counts)), np.ones(n_hits)]),
        np.concatenate([found.truth_counts.astype(float), np.zeros(n_hits)]),
    )
    return _gather(ratios)


def _gather(ratios: Ratios) -> Ratios:
    """Add up the rows of one image and category."""
    pairs = np.stack([ratios.images, ratios.categories], axis=1).reshape(-1, 2)
    known, row = np.unique(pairs, axis=0, return_inverse=True)
    above, below = np.zeros(len(known)), np.zeros(len(known))
    np.add.at(above, row.reshape(-1), ratios.numerators)
    np.add.at(below, row.reshape(-1), ratios.denominators)
    return Ratios(ratios.n_images, known[:, 0], known[:, 1], above, below)


def flat(images: pa.Table, name: str) -> tuple[Ints, Any]:
    """A list column as (image of each value int64 [k], values [k])."""
    import pyarrow.compute as pc  # pyarrow takes 0.1 s to import

    column = images.column(name)
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy().astype(np.int64)
    values = pc.list_flatten(column).to_numpy()
    kind = np.float64 if values.dtype.kind == "f" else np.int64
    return np.repeat(np.arange(len(lengths), dtype=np.int64), lengths), values.astype(kind)


def _positions(images: pa.Table, indices: Ints) -> Ints:
    known = images.column("index").to_numpy()
    order = np.argsort(known, kind="stable")
    place = order[np.minimum(np.searchsorted(known, indices, sorter=order), len(known) - 1)]
    if (known[place] != indices).any():
        raise DataError("a detection belongs to no image", field="image_index")
    return np.asarray(place, dtype=np.int64)


def rankable(record: RunRecord) -> str | None:
    """Why a record can have no rank, or None; looks at ``run.json`` alone."""
    if record.status != "complete":
        return f"the run is {record.status}, and only complete runs are ranked"
    if record.task not in PRIMARY:
        return f"the task {record.task!r} has no board"
    wanted = [
        (record.model, "model", "name"),
        (record.dataset, "dataset", "name"),
        (record.dataset, "dataset", "fingerprint"),
        (record.protocol, "protocol", "name"),
    ]
    for part, title, key in wanted:
        if not isinstance(part, Mapping) or not isinstance(part.get(key), str) or not part[key]:
            return f"run.json names no {title} {key}"
    if not all(isinstance(part, Mapping) for part in (record.timing, record.env, record.provenance)):
        return "run.json: timing, env and provenance must be objects"
    metric = record.metrics.get(primary(record))
    if metric is None or not isinstance(metric.value, int | float) or not np.isfinite(metric.value):
        return f"its {primary(record)} is undefined"
    return None
