"""Predictions of Open Images' challenge: a CSV with a mask a row, as the Object Detection API reads them.

Source: ``oid_challenge_evaluation_utils`` of TensorFlow's Object Detection API. ``Mask`` is base64 of what
zlib packed of COCO's counts, of a mask of ``ImageWidth`` × ``ImageHeight`` pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from segbench.canonical.dataset import Dataset
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError, UnpairedError, did_you_mean
from segbench.formats.open_images_tables import RESULTS, Row, Table, read_number, resample
from segbench.formats.patches import from_base64, inflate
from segbench.formats.plain_json import check_size

_MARKS = {"ImageID", "LabelName", "Score", "Mask"}


def is_results(path: Path) -> bool:
    """Tell by its first line whether a file is such a CSV."""
    with path.open("rb") as handle:
        names = handle.readline(1000).decode("utf-8", "replace").lstrip("\ufeff").split(",")
    return {name.strip() for name in names} >= _MARKS


def read_predictions(path: Path, truth: Dataset) -> Dataset:
    """Open predictions against their truth, whose classes have MIDs, or are called so.

    Masks are resampled to the size of the truth.

    Raises
    ------
    DataError
        When the file is damaged, or an image or a label is unknown.
    """
    table = Table(path, RESULTS)
    for image_id in sorted(table.image_ids):
        if not truth.has(image_id):
            raise UnpairedError(
                "the prediction is for an image that the truth does not have", file=path, image_id=image_id
            )
    fields = truth.extra.get("category_fields", {})
    ids = {str(fields.get(str(c.key), {}).get("mid", c.name)): c.id for c in truth.categories}
    for label in sorted(table.labels - ids.keys()):
        raise DataError(f"the label {label!r} is none of the truth.{did_you_mean(label, ids)}", file=path)
    return Dataset(
        name=path.stem,
        categories=truth.categories,
        image_ids=truth.image_ids,
        load=partial(_prediction, table, truth, ids),
        tasks=("instance",),
        format="open-images",
        path=path,
    )


def _prediction(table: Table, truth: Dataset, ids: Mapping[str, int], index: int) -> Sample:
    true = truth[index]
    where: dict[str, Any] = {"file": table.file, "image_id": true.image_id}
    segments = [
        Segment(
            id=number,
            category_id=ids[row["LabelName"]],
            rle=_mask(row, (true.height, true.width), **where),
            source_kind="rle",
            score=read_number(row, "Score", **where),
        )
        for number, row in enumerate(table.of(true.image_id), 1)
    ]
    return Sample(
        image_id=true.image_id,
        height=true.height,
        width=true.width,
        segments=tuple(segments),
        overlap=True,
        ignore_index=true.ignore_index,
        source_path=str(table.file),
    )


def _mask(row: Row, size: tuple[int, int], **where: Any) -> Rle:
    sides = [read_number(row, key, **where) for key in ("ImageHeight", "ImageWidth")]
    height, width = check_size(*(int(v) if v.is_integer() else v for v in sides), field="ImageWidth", **where)
    where["field"] = "Mask"
    counts = inflate(from_base64(row["Mask"], **where), **where)
    if counts is None:
        raise DataError("is no base64 of what zlib packed", **where)
    rle = Rle(height, width, counts).check(**where)
    if (height, width) == size:
        return rle
    return Rle.from_mask(resample(rle.to_mask(), size, **where))
