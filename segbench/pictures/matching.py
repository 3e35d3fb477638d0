"""Whose predictions are these: measured again on a few images, they must give what a record counts there.

So no picture shows the predictions of another model, of another epoch, or of another data set by the same
name: what does not give the record's numbers is not shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from segbench.canonical.dataset import Dataset
from segbench.canonical.views import select
from segbench.errors import SegbenchError
from segbench.pictures.sources import Source
from segbench.records.results import RunRecord, read_record, saved_predictions
from segbench.scoring.curves import operating_points
from segbench.scoring.evaluate import score

if TYPE_CHECKING:
    import pyarrow as pa

CHECKED = 4
"""Images that are measured again."""

_NOT_COUNTED = frozenset(["index", "latency_ms", "error", "image_index", "position", "rank"])


@dataclass(frozen=True)
class Matches:
    """Predictions by the place of their run, the score from which each class is drawn, what is missing."""

    predictions: Mapping[int, Dataset]
    thresholds: Mapping[int, Mapping[int, float]]
    notes: Sequence[str]


def match(source: Source, records: Sequence[RunRecord], image_ids: Sequence[str]) -> Matches:
    """Find the runs of a board that the predictions are of."""
    checked = list(dict.fromkeys(image_ids))[:CHECKED]
    full = [record if record.path is None else read_record(record.path) for record in records]
    expected = [counts_of(record, checked) for record in full]
    found: dict[int, Dataset] = {}
    notes: list[str] = []
    for path, predictions in source.predictions.items():
        again = _measured(source.truth, predictions, full[0], checked)
        mine = [i for i, counts in enumerate(expected) if counts == again and i not in found]
        found.update(dict.fromkeys(mine, predictions))
        if not mine:
            notes.append(f"The predictions {path.name} are those of no run here: none has their counts.")
    for i, record in enumerate(records):
        saved = None if record.path is None else saved_predictions(record.path)
        if i not in found and saved is not None:
            found[i] = source.open(saved)
    missing = [str(record.model["name"]) for i, record in enumerate(records) if i not in found]
    if missing:
        notes.append(f"No predictions were given for {_some(missing)}: their pictures show the truth alone.")
    thresholds = {i: _thresholds(full[i]) for i in found if full[i].task == "instance"}
    return Matches(dict(sorted(found.items())), thresholds, notes)


def counts_of(record: RunRecord, image_ids: Sequence[str]) -> dict[str, Any]:
    """What a record counts on some images: rows of its tables, but for places and times."""
    if record.images is None:
        return {}
    ids = record.images.column("image_id").to_pylist()
    rows = [_counted(record.images, place) for place, image in enumerate(ids) if str(image) in set(image_ids)]
    counts: dict[str, Any] = {str(row.pop("image_id")): row for row in rows}
    if record.detections is not None:
        index = dict(zip(record.images.column("index").to_pylist(), map(str, ids), strict=True))
        for row in _detections(record.detections, [i for i, image in index.items() if image in counts]):
            counts[index[row.pop("image_index")]].setdefault("detections", []).append(row)
    return counts


def _counted(table: pa.Table, place: int) -> dict[str, Any]:
    row = table.slice(place, 1).to_pylist()[0]
    return {name: value for name, value in row.items() if name not in _NOT_COUNTED}


def _detections(table: pa.Table, images: Sequence[int]) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    chosen = table.filter(pc.is_in(table.column("image_index"), pa.array(images, pa.int64())))
    kept = _NOT_COUNTED - {"image_index"}
    return [{name: v for name, v in row.items() if name not in kept} for row in chosen.to_pylist()]


def _measured(
    truth: Dataset, predictions: Dataset, like: RunRecord, image_ids: Sequence[str]
) -> dict[str, Any]:
    """The counts of the same images, under the rules of a record; nothing where they cannot be measured.

    What is counted today and was not when the record was made is left out.
    """
    places = [truth.image_ids.index(image) for image in image_ids if truth.has(image)]
    places.sort()
    try:
        again = score(
            select(truth, places, {"shown": len(places)}),
            select(predictions, places, {"shown": len(places)}),
            protocol=str(like.protocol["name"]),
            settings=like.protocol.get("settings"),
            threads=1,
        )
    except SegbenchError:
        return {"": "cannot be measured"}
    known = {"detections", *(like.images.column_names if like.images is not None else ())}
    counts = counts_of(again, image_ids)
    return {image: {name: row[name] for name in row if name in known} for image, row in counts.items()}


def _thresholds(record: RunRecord) -> dict[int, float]:
    """The score of each class's highest F1: what is drawn of hundreds of detections an image."""
    try:
        table = operating_points(record)
    except SegbenchError:  # a protocol that does not measure IoU 0.5
        return {}
    table = table.dropna(subset=["category_id", "score"])
    rows = zip(table["category_id"], table["score"], strict=True)
    return {int(category): float(value) for category, value in rows}


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"
