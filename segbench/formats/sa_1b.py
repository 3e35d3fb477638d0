"""SA-1B: a JSON a picture, with masks of anything as compressed run lengths; they have no class. Read only.

Source: README of segment-anything (``Dataset``). All masks are of one category. What the model said of a mask
(``predicted_iou``, ``stability_score``, ``point_coords``, ``crop_box``) are attributes, ``area`` and ``bbox``
what the source states.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import ImageFile, Sample
from segbench.errors import DataError
from segbench.formats.coco_fields import need
from segbench.formats.coco_segment import read_segment
from segbench.formats.folders import Frame, open_frames
from segbench.formats.pictures import SUFFIXES, find_files
from segbench.formats.plain_json import check_size, head_has, need_items, read_object
from segbench.formats.split_names import split_of

__all__ = ["CARRIES", "INSTEAD", "LAYOUT", "TASKS", "TITLE", "read", "sniff"]

TITLE = "SA-1B (a JSON of masks without class a picture)"
TASKS = ("instance",)
CARRIES = frozenset(
    {
        "instances", "overlap", "holes", "parts", "ids", "repeated_ids", "stated", "attributes", "extra",
        "splits", "images",
    }
)  # fmt: skip
INSTEAD = "write coco, which keeps areas, boxes and other fields of a segment"
LAYOUT = """\
sa_1.json                   {"image": {"image_id", "width", "height", "file_name"}, "annotations": [
                              {"id", "segmentation": {"size", "counts"}, "bbox", "area", "predicted_iou",
                               "stability_score", "point_coords", "crop_box"}, …]}
sa_1.jpg                    the picture, beside it; both may be in folders (sa_000000), or in train, val …"""
OBJECT = "object"
_CATEGORIES = Categories([Category(0, OBJECT)])
_FILE = "json"
_WORDS = (b'"image"', b'"annotations"')
_MARKS = (b'"stability_score"', b'"predicted_iou"')


def sniff(path: Path) -> bool:
    """Tell whether a file, or the first JSON of a folder, has one image and masks that a model rated."""
    if path.is_file():
        files = [path] if path.suffix.lower() == ".json" else []
    else:
        files = sorted(path.glob("sa_*.json")) or sorted(path.glob("*/sa_*.json"))
    return bool(files) and head_has(files[0], *_WORDS) and any(head_has(files[0], m) for m in _MARKS)


def read(path: Path) -> Dataset:
    """Open one file, or every JSON below a folder.

    Raises
    ------
    DataError
        When there is none, or a file is damaged.
    """
    root = path if path.is_dir() else path.parent
    files = find_files(path, (".json",)) if path.is_dir() else {path.stem: path}
    if not files:
        raise DataError("holds no *.json", file=path)
    return open_frames(
        (_frame(root, name, file) for name, file in files.items()),
        partial(_sample, root),
        path=path,
        format="sa-1b",
        categories=_CATEGORIES,
        tasks=TASKS,
    )


def _frame(root: Path, name: str, file: Path) -> Frame:
    found = next((p for s in SUFFIXES if (p := file.with_suffix(s)).is_file()), None)
    picture = None if found is None else ImageFile(name=found.relative_to(root).as_posix(), path=found)
    split = split_of(file, root) if "/" in name else "train"
    return Frame(name=name, split=split, files={_FILE: file}, picture=picture)


def _sample(root: Path, frame: Frame) -> Sample:
    where = frame.where(_FILE)
    content = read_object(frame.files[_FILE], frame.name)
    image: dict[str, Any] = need(content, "image", dict, **where)
    size = check_size(image.get("height"), image.get("width"), field="image", **where)
    rows = need_items(content, "annotations", **where)
    segments = tuple(
        read_segment({**row, "category_id": 0}, _CATEGORIES, size, field=f"annotations[{i}]", **where)
        for i, row in enumerate(rows)
    )
    ids = {segment.id for segment in segments}
    if len(ids) < len(segments):
        raise DataError("an id stands twice", field="annotations", **where)
    return Sample(
        image_id=frame.name,
        height=size[0],
        width=size[1],
        segments=segments,
        overlap=True,
        image_file=frame.picture,
        source_path=frame.files[_FILE].relative_to(root).as_posix(),
        extra={"sa-1b": {k: v for k, v in image.items() if k not in ("height", "width")}},
    )
