"""Open Images: a CSV of masks, one PNG each, whose size is often another than the picture's. Read only.

Sources: the data formats of Open Images V5 to V7; openimages/dataset#92 for the sizes;
``per_image_evaluation`` of TensorFlow's Object Detection API for what its evaluation makes of boxes. A mask
is resampled to the picture: a pixel is inside where the mask is under its centre. A mask whose box
``IsGroupOf`` is a crowd. Predictions that match a box without a mask are neither right nor wrong there: it is
a rectangle, ignored and a crowd, and ``IsGroupOf`` among its attributes says whether it is a group. Labels
verified to be absent are ``neg_category_ids``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical import images as codec
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.paths import inside
from segbench.canonical.rle import Rle
from segbench.canonical.sample import ImageFile, Sample
from segbench.canonical.segment import Box, Segment
from segbench.errors import DataError
from segbench.formats.folders import Frame, find_pictures, open_frames, read_file
from segbench.formats.open_images_results import is_results, read_predictions
from segbench.formats.open_images_tables import (
    BOXES,
    FLAGS,
    LABELS,
    MASKS,
    SIDES,
    Row,
    Table,
    find_split,
    read_classes,
    read_number,
    resample,
    split_files,
)
from segbench.formats.pictures import picture_size

__all__ = ["CARRIES", "INSTEAD", "LAYOUT", "TASKS", "TITLE", "read", "read_predictions", "sniff"]

TITLE = "Open Images (CSV of masks, boxes and labels)"
TASKS = ("instance",)
CARRIES = frozenset(
    {
        "instances", "overlap", "holes", "parts", "crowd", "ignore", "ids", "category_fields", "stated",
        "attributes", "federated", "splits", "images",
    }
)  # fmt: skip
INSTEAD = "write lvis or coco, which keep boxes and what is said of a segment; coco keeps absent labels too"
LAYOUT = """\
[annotations/]validation-annotations-object-segmentation.csv   MaskPath,ImageID,LabelName,BoxID,BoxXMin,
                                     BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks; likewise train, test
[annotations/]validation-annotations-bbox.csv                  optional: …,XMin,XMax,YMin,YMax,…,IsGroupOf,…
[annotations/]validation-annotations-human-imagelabels.csv     optional: ImageID,Source,LabelName,Confidence
[annotations/]class-descriptions-boxable.csv                   optional: /m/0cmf2,Airplane
[annotations/]classes-segmentation.txt                         optional: the classes in order, by MID
masks/[…/]0001eeaf4aed83f9_m0cmf2_1a2b3c4d.png                 in any folder below masks
images/[validation/]0001eeaf4aed83f9.jpg
predictions.csv                      of the challenge: ImageID,LabelName,Score,Mask,ImageWidth,ImageHeight"""


def sniff(path: Path) -> bool:
    """Tell whether a folder has a CSV of masks, in ``annotations`` or itself, or a file is one of results."""
    return bool(split_files(path, MASKS)) if path.is_dir() else is_results(path)


def read(path: Path) -> Dataset:
    """Open a folder; each CSV of masks is a split.

    Raises
    ------
    DataError
        When there is none, a file is damaged, or a mask is missing or of another shape than its picture.
    """
    files = split_files(path, MASKS)
    if not files:
        raise DataError(f"holds no *{MASKS}", file=path)
    masks = {split: Table(file, MASKS) for split, file in files.items()}
    categories, fields = read_classes(path, {label for table in masks.values() for label in table.labels})
    folders = [path / "masks", *sorted(f for f in (path / "masks").rglob("*") if f.is_dir())]
    known = {fields[str(c.key)]["mid"]: c.id for c in categories}
    splits: dict[str, _Split] = {}
    frames = []
    for split, table in masks.items():
        boxes, labels = (find_split(path, split, kind) for kind in (BOXES, LABELS))
        pictures = _pictures(path, split, alone=len(masks) == 1)
        ids = sorted(table.image_ids | pictures.keys())
        splits[split] = _Split(
            table, boxes and boxes.only(ids, known), labels and labels.only(ids, known), folders, known
        )
        frames += [Frame(name=i, split=split, picture=pictures.get(i)) for i in ids]
    return open_frames(
        frames,
        partial(_sample, splits, categories),
        path=path,
        format="open-images",
        categories=categories,
        tasks=TASKS,
        extra={"category_fields": fields},
    )


@dataclass(frozen=True, slots=True)
class _Split:
    """What the samples of a split are read from."""

    masks: Table
    boxes: Table | None
    labels: Table | None
    folders: list[Path]
    ids: Mapping[str, int]


def _pictures(path: Path, split: str, *, alone: bool) -> Mapping[str, ImageFile]:
    """Pictures by image id, in the folder of the split, or in ``images`` itself where there is one split."""
    own = find_pictures(path / "images" / split)
    if own or not alone:
        return own
    return {name.rpartition("/")[2]: image for name, image in find_pictures(path / "images").items()}


def _sample(splits: Mapping[str, _Split], categories: Categories, frame: Frame) -> Sample:
    split = splits[frame.split]
    rows = split.masks.of(frame.name)
    where: dict[str, Any] = {"file": split.masks.file, "image_id": frame.name}
    patches = [_patch(split.folders, row, where) for row in rows]
    size = _size(frame, [patch.shape for patch in patches], where)
    place = _Place(size, split.ids, where)
    boxes = [] if split.boxes is None else split.boxes.of(frame.name)
    of_box = [_find(row, boxes, **where) for row in rows]
    segments = [
        _segment(number, row, patch, None if at is None else boxes[at], place)
        for number, (row, patch, at) in enumerate(zip(rows, patches, of_box, strict=True), 1)
    ]
    lone = [box for i, box in enumerate(boxes) if i not in of_box]
    segments += [_box(len(rows) + i, box, place) for i, box in enumerate(lone, 1)]
    return Sample(
        image_id=frame.name,
        height=size[0],
        width=size[1],
        segments=tuple(segments),
        overlap=True,
        ignore_index=categories.ignore_index,
        image_file=frame.picture,
        source_path=split.masks.file.name,
        neg_category_ids=_absent(split, frame.name),
        not_exhaustive_category_ids=None if split.labels is None else (),
    )


def _patch(folders: list[Path], row: Row, where: dict[str, Any]) -> NDArray[np.bool_]:
    """The mask of a row, in its own size."""
    name = row["MaskPath"]
    for folder in folders:
        file = inside(folder, name, field="MaskPath", **where)
        if file.is_file():
            found = {"file": file, "image_id": where["image_id"]}
            return np.asarray(codec.decode_labels(read_file(file, image_id=where["image_id"]), **found) != 0)
    raise DataError(f"the mask {name!r} is missing below {folders[0].name}", field="MaskPath", **where)


def _size(frame: Frame, shapes: list[tuple[int, ...]], where: dict[str, Any]) -> tuple[int, int]:
    """The size of the picture; without one, that of the masks, which must be the same.

    Masks may be smaller. Where EXIF turns a picture, whether they are tall or wide tells on which they were
    drawn: as it is seen, or as it is stored.
    """
    if frame.picture is not None:
        size = picture_size(frame.picture, frame.name)
        turn = frame.picture.turn()
        tall = sum(math.log(height / width) for height, width in shapes)
        is_other = tall * math.log(size[0] / size[1]) < 0
        return size[::-1] if turn is not None and turn.orientation >= 5 and is_other else size
    if len(set(shapes)) == 1:
        return shapes[0][0], shapes[0][1]
    reason = f"its masks are of {len(set(shapes))} sizes" if shapes else "it has no mask"
    raise DataError(f"there is no picture of it to measure, and {reason}", field="image", **where)


@dataclass(frozen=True, slots=True)
class _Place:
    """The image that rows are of: its size, the classes by label, and what messages name."""

    size: tuple[int, int]
    ids: Mapping[str, int]
    where: dict[str, Any]


def _segment(number: int, row: Row, patch: NDArray[np.bool_], box: Row | None, place: _Place) -> Segment:
    attributes: dict[str, Any] = {key: int(box[key]) for key in FLAGS if box and box.get(key)}
    if row["PredictedIoU"]:
        attributes["PredictedIoU"] = read_number(row, "PredictedIoU", **place.where)
    attributes |= {key: row[key] for key in ("MaskPath", "Clicks") if row[key]}
    if patch.shape != place.size:
        attributes["mask_size"] = list(patch.shape)
        patch = resample(patch, place.size, field=row["MaskPath"], **place.where)
    return Segment(
        id=number,
        source_id=row["BoxID"] or None,
        category_id=place.ids[row["LabelName"]],
        iscrowd=attributes.get("IsGroupOf") == 1,
        bbox=_pixels(row, "Box", place) if row["BoxXMin"] else None,
        rle=Rle.from_mask(patch),
        source_kind="rle",
        attributes=attributes,
    )


def _box(number: int, box: Row, place: _Place) -> Segment:
    """A box without a mask, as a rectangle that excuses predictions in it."""
    x, y, w, h = found = _pixels(box, "", place)
    return Segment(
        id=number,
        category_id=place.ids[box["LabelName"]],
        iscrowd=True,
        ignore=True,
        bbox=found,
        polygons=((x, y, x + w, y, x + w, y + h, x, y + h),),
        source_kind="polygon",
        attributes={key: int(box[key]) for key in FLAGS if box.get(key)},
    )


def _pixels(row: Row, prefix: str, place: _Place) -> Box:
    x0, x1, y0, y1 = (
        read_number(row, f"{prefix}{side}", **place.where) * place.size[side[0] == "X"] for side in SIDES
    )
    return x0, y0, x1 - x0, y1 - y0


def _find(row: Row, boxes: list[Row], **where: Any) -> int | None:
    """The place of the box that a mask was drawn in; its corners have six digits in the CSV of masks."""
    for at, box in enumerate(boxes if row["BoxXMin"] else ()):
        if box["LabelName"] == row["LabelName"] and all(
            abs(read_number(box, side, **where) - read_number(row, f"Box{side}", **where)) <= 1e-6
            for side in SIDES
        ):
            return at
    return None


def _absent(split: _Split, image_id: str) -> tuple[int, ...] | None:
    if split.labels is None:
        return None
    rows = split.labels.of(image_id)
    where: dict[str, Any] = {"file": split.labels.file, "image_id": image_id}
    return tuple(
        sorted({split.ids[row["LabelName"]] for row in rows if read_number(row, "Confidence", **where) == 0})
    )
