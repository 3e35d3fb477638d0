"""Open Images' CSV files: rows by image, and what the classes are called."""

from __future__ import annotations

import csv
import reprlib
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute
from pyarrow import csv as arrow_csv

from segbench.canonical.categories import Categories, Category
from segbench.errors import DataError
from segbench.formats.coco_fields import read_number as read_finite
from segbench.formats.folders import read_list
from segbench.formats.pictures import read_text

MASKS, BOXES, LABELS = (
    "annotations-object-segmentation.csv", "annotations-bbox.csv", "annotations-human-imagelabels.csv",
)  # fmt: skip
"""How the names of the files end; what stands before is the split."""

RESULTS = "predictions"
"""A file of predictions of the challenge."""

FLAGS = ("IsOccluded", "IsTruncated", "IsGroupOf", "IsDepiction", "IsInside")
"""Of a box: 1 is yes, 0 is no, -1 is unknown."""

SIDES = ("XMin", "XMax", "YMin", "YMax")
"""Of a box, as shares of the picture; with ``Box`` before them in the CSV of masks."""

_COLUMNS = {
    MASKS: (
        "MaskPath", "ImageID", "LabelName", "BoxID", "BoxXMin", "BoxXMax", "BoxYMin", "BoxYMax",
        "PredictedIoU", "Clicks",
    ),
    BOXES: ("ImageID", "LabelName", *SIDES),
    LABELS: ("ImageID", "LabelName", "Confidence"),
    RESULTS: ("ImageID", "LabelName", "Score", "Mask", "ImageWidth", "ImageHeight"),
}  # fmt: skip
_ORDER = "classes-segmentation.txt"
_NAMES = ("*class-descriptions-boxable.csv", "*class-descriptions*.csv")

Row = dict[str, str]


def split_files(path: Path, ending: str) -> dict[str, Path]:
    """Return ``{split: file}`` of the files of a kind, in ``annotations`` or in the folder itself."""
    folder = path / "annotations" if (path / "annotations").is_dir() else path
    found = {file.name.removesuffix(ending).rstrip("-"): file for file in sorted(folder.glob(f"*{ending}"))}
    return {split.rpartition("-")[2] or "train": file for split, file in found.items()}


def find_split(path: Path, split: str, ending: str) -> Table | None:
    """Return the table of a kind of a split, where there is one."""
    file = split_files(path, ending).get(split)
    return None if file is None else Table(file, ending)


class Table:
    """The rows of a CSV, by image; columns are held as text.

    Parameters
    ----------
    file, kind
        The file, and how the name of its kind ends.

    Raises
    ------
    DataError
        When it is no CSV, or lacks a column.
    """

    def __init__(self, file: Path, kind: str) -> None:
        self.file, self._table = file, _read(file, kind)

    def only(self, image_ids: Iterable[str], labels: Iterable[str]) -> Table:
        """Return the rows of these images and labels."""
        kept = Table.__new__(Table)
        kept.file = self.file
        masks = (
            compute.is_in(self._table[name], value_set=pa.array(sorted(values), pa.string()))
            for name, values in (("ImageID", image_ids), ("LabelName", labels))
        )
        kept._table = self._table.filter(compute.and_(*masks))
        return kept

    @cached_property
    def labels(self) -> set[str]:
        """The labels that occur."""
        return set(self._table["LabelName"].unique().to_pylist())

    @cached_property
    def image_ids(self) -> set[str]:
        """The images that occur."""
        return set(self._table["ImageID"].unique().to_pylist())

    @cached_property
    def _places(self) -> tuple[dict[str, int], Any, Any]:
        """``{image id: number}``, the rows by rising number, and where those of each number start."""
        encoded = self._table["ImageID"].combine_chunks().dictionary_encode()
        numbers = encoded.indices.to_numpy()
        counts = np.bincount(numbers, minlength=len(encoded.dictionary))
        ids = {name: number for number, name in enumerate(encoded.dictionary.to_pylist())}
        return ids, np.argsort(numbers, kind="stable"), np.concatenate([[0], counts.cumsum()])

    def of(self, image_id: str) -> list[Row]:
        """The rows of an image, in the order of the file."""
        ids, rows, starts = self._places
        if image_id not in ids:
            return []
        number = ids[image_id]
        found: list[Row] = self._table.take(rows[starts[number] : starts[number + 1]]).to_pylist()
        return found


def _read(file: Path, kind: str) -> Any:
    try:
        with arrow_csv.open_csv(file) as reader:
            names = reader.schema.names
        lacking = [name for name in _COLUMNS[kind] if name not in names]
        if lacking:
            raise DataError(f"has no column {lacking[0]!r}", file=file)
        kept = [name for name in names if name in (*_COLUMNS[kind], *FLAGS)]
        options = arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(kept, pa.string()), include_columns=kept, strings_can_be_null=False
        )
        return arrow_csv.read_csv(file, convert_options=options)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(f"is no CSV that can be read: {error}", file=file) from None


def read_number(row: Mapping[str, str], key: str, **where: Any) -> float:
    """Return a number of a row.

    Raises
    ------
    DataError
        When it is none, or not finite.
    """
    try:
        return read_finite(float(row[key]), field=key, **where)
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"is no number: {reprlib.repr(row[key])}", field=key, **where) from None


def read_classes(path: Path, labels: set[str]) -> tuple[Categories, dict[str, dict[str, str]]]:
    """Return the classes, and ``{source id: {"mid"}}`` of each.

    They stand in the order of ``classes-segmentation.txt``, else, those that occur, in that of descriptions.

    Raises
    ------
    DataError
        When a label is not in the list of classes.
    """
    folder = path / "annotations" if (path / "annotations").is_dir() else path
    names = _names(folder)
    listed = folder / _ORDER
    if listed.is_file():
        order = list(dict.fromkeys(read_list(listed)))
        if lacking := sorted(labels - set(order)):
            raise DataError(f"lacks the label {lacking[0]!r}", file=listed)
    else:
        order = [mid for mid in names if mid in labels] + sorted(labels - names.keys())
    often = Counter(names.get(mid, mid) for mid in order)
    called = [names.get(m, m) if often[names.get(m, m)] == 1 else f"{names[m]} ({m})" for m in order]
    categories = Categories(Category(i, name, isthing=True) for i, name in enumerate(called))
    return categories, {str(i): {"mid": mid} for i, mid in enumerate(order)}


def _names(folder: Path) -> dict[str, str]:
    """``{MID: name}`` of the first file of descriptions."""
    for pattern in _NAMES:
        for file in sorted(folder.glob(pattern)):
            rows = [row for row in csv.reader(read_text(file).splitlines()) if row]
            if any(len(row) != 2 for row in rows):
                raise DataError("has a line that is no label and name", file=file)
            return {mid: name for mid, name in rows if mid != "LabelName"}
    return {}


def resample(mask: NDArray[Any], size: tuple[int, int], **where: Any) -> NDArray[Any]:
    """Return a mask in the size of the picture: each pixel as the mask is under its centre.

    Raises
    ------
    DataError
        When the mask is of another shape than the picture, by more than rounding explains.
    """
    (height, width), (h, w) = size, mask.shape
    if abs(h * width - w * height) > 2 * max(h, w, height, width):
        shown = f"{w}×{h} pixels, which is not the shape of the picture, {width}×{height}"
        raise DataError(f"is {shown}", **where)
    rows, columns = ((2 * np.arange(n) + 1) * m // (2 * n) for n, m in ((height, h), (width, w)))
    return mask[np.ix_(rows, columns)]
