"""What is known of images beside their scores: columns of the records, and a file that names images."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from segbench.errors import DataError, UsageError, did_you_mean
from segbench.leaderboard.evidence import RunEvidence
from segbench.leaderboard.pooled import Ints

Values = Mapping[str, Sequence[str | None]]


@dataclass(frozen=True)
class Attributes:
    """Attributes of images by image id, from a file; ``names`` are those that it has."""

    path: Path | None = None
    names: Sequence[str] = ()
    by_image: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)

    def of(self, image_ids: Sequence[str]) -> dict[str, list[str | None]]:
        """Values of these images: ``{name: [one an image, None where there is none]}``."""
        return {name: [self.by_image.get(i, {}).get(name) for i in image_ids] for name in self.names}

    def joined(self, other: Attributes) -> Attributes:
        """Those of both files; of one name, the other's."""
        ids = {**self.by_image, **other.by_image}
        rows = {i: {**self.by_image.get(i, {}), **other.by_image.get(i, {})} for i in ids}
        return Attributes(other.path, list(dict.fromkeys([*self.names, *other.names])), rows)


def read_attributes(path: str | Path) -> Attributes:
    """Read attributes of images.

    Parameters
    ----------
    path
        A CSV file with a column ``image_id``, or a JSON file ``{image_id: {name: value}}``; an empty value
        is none.

    Raises
    ------
    DataError
        When it cannot be read, names an image twice or has no such column.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read attributes: {error}", file=file) from None
    rows = _json_rows(text, file) if file.suffix.lower() == ".json" else _csv_rows(text, file)
    by_image: dict[str, dict[str, str]] = {}
    for image_id, row in rows:
        if image_id in by_image:
            raise DataError("the image stands there twice", file=file, image_id=image_id)
        by_image[image_id] = {name: str(value) for name, value in row.items() if value not in (None, "")}
    names = list(dict.fromkeys(name for row in by_image.values() for name in row))
    return Attributes(file, names, by_image)


def _csv_rows(text: str, file: Path) -> list[tuple[str, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if "image_id" not in (reader.fieldnames or ()):
        raise DataError("has no column image_id", file=file)
    rows = list(reader)
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise DataError(f"line {number} has not as many cells as the first", file=file)
    return [(row.pop("image_id"), row) for row in rows]


def _json_rows(text: str, file: Path) -> list[tuple[str, dict[str, Any]]]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise DataError(f"is not JSON: {error}", file=file) from None
    if not isinstance(content, dict) or not all(isinstance(row, dict) for row in content.values()):
        raise DataError("expected {image_id: {name: value}}", file=file)
    return list(content.items())


def values_of(evidence: RunEvidence, attributes: Attributes) -> dict[str, Sequence[str | None]]:
    """Attributes of a board's images: those of the records, and those of the file, which go first."""
    return {**evidence.attributes, **attributes.of(evidence.image_ids)}


def chosen(name: str, evidence: RunEvidence, attributes: Attributes) -> Sequence[str | None]:
    """The values of one attribute; UsageError where no image has it."""
    values = values_of(evidence, attributes)
    if name not in values:
        known = did_you_mean(name, values) if values else " They have none; give a file of them."
        raise UsageError(f"images have no attribute {name!r}.{known}")
    return values[name]


def clusters(name: str, evidence: RunEvidence, attributes: Attributes, dataset: str) -> Ints:
    """Number of each image's cluster, int64 [n_images], by the values of an attribute.

    Raises
    ------
    UsageError
        When no image has the attribute.
    DataError
        When some have not: an image without a cluster can neither be drawn nor left out.
    """
    values = chosen(name, evidence, attributes)
    lacking = [image for image, value in zip(evidence.image_ids, values, strict=True) if value is None]
    if lacking:
        raise DataError(
            f"{len(lacking)} of {len(values)} images of {dataset} have none, the first of them {lacking[0]}",
            file=attributes.path,
            field=name,
        )
    return np.asarray(np.unique(np.array(values, dtype=str), return_inverse=True)[1].reshape(-1), np.int64)
