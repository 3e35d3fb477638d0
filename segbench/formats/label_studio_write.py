"""The writing half of Label Studio's JSON: tasks, the labelling configuration and the pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.place import check_mode
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.formats.brush import encode_brush
from segbench.formats.coco_write import are_integers
from segbench.formats.drawn import check_names, colored_fields, drawn_segments, stated_beside
from segbench.formats.label_studio_config import CONFIG, config_text
from segbench.formats.label_studio_regions import (
    FLAGS,
    META_ATTRIBUTES,
    RESULTS,
    label_of,
    read_segments,
    to_pixels,
)
from segbench.formats.pictures import Names, in_splits, picture_name, place_picture
from segbench.formats.plain_json import dump_json
from segbench.formats.yolo_seg_lines import shortest

TASK, OTHERS = "label_studio", "results"
"""Keys of ``Sample.extra``: the task without the results of the annotation that counts; ``[place, result]``
of what is no region."""

CONFIG_KEY = "label_studio_config"
"""Key of ``Dataset.extra``: the text of the labelling configuration."""

_INTEGER = re.compile(r"0|[1-9][0-9]{0,17}")


def count_ids(sample: Sample, _: Categories) -> int:
    """Segments whose id is another one when it is read again."""
    names = [_name(s) for s in sample.segments]
    if len(set(names)) == len(names) and all(_INTEGER.fullmatch(name) for name in names):
        return sum(int(name) != s.id for name, s in zip(names, sample.segments, strict=True))
    return sum(s.id != place for place, s in enumerate(sample.segments, 1))


def count_polygons(sample: Sample, categories: Categories) -> int:
    """Objects of polygons that are read otherwise: as brushes, or a last digit of a corner off."""
    size, lost = (sample.height, sample.width), 0
    for segment in sample.segments:
        if segment.polygons is None or _kept(segment, sample, categories[segment.category_id].name):
            continue
        percent = polygon_percent(segment, size)
        read = None if percent is None else _read_flat(np.array(percent), size)
        lost += read is None or not np.array_equal(read, segment.polygons[0])
    return lost


def count_unseen(sample: Sample, categories: Categories) -> int:
    """Objects of which nothing is written: without a pixel, unless one polygon or the source says where."""
    if sample.kind == "semantic":
        return 1
    return sum(
        (rle is None or rle.area == 0)
        and _outline(segment, (sample.height, sample.width), rle) is None
        and _kept(segment, sample, categories[segment.category_id].name) is None
        for segment, rle in drawn_segments(sample, categories, stuff=True)
    )


def count_stated(sample: Sample, categories: Categories) -> int:
    """Segments with an area, a box beside their outline, or a box that percent moves by a last digit."""
    size = sample.height, sample.width
    moved = sum(
        s.bbox is not None and s.source_kind == "box"
        and not np.array_equal(_read_flat(np.array(_to_percent(s.bbox, size)), size), s.bbox)
        and _kept(s, sample, categories[s.category_id].name) is None
        for s in sample.segments
    )  # fmt: skip
    return stated_beside(sample, categories) + moved


LOSES = {
    "instances": count_unseen,
    "ids": count_ids,
    "polygons": count_polygons,
    "stated": count_stated,
    "extra": lambda sample, _: int(any(key not in (TASK, OTHERS) for key in sample.extra)),
    "category_fields": colored_fields,
    "about": lambda dataset: [
        k
        for k in dataset.extra
        if not k.startswith(CONFIG_KEY) and k not in ("category_fields", "string_ids", "url_names")
    ],
}


def write(dataset: Dataset, target: Path, *, images: str = "link", pen: Pen = PLAIN) -> None:
    """Write ``tasks.json``, ``config.xml`` and ``images``.

    Objects of several polygons are written as brushes, and so are those that percent would draw otherwise by
    a pixel. Where ids of images are no integers, tasks are
    numbered, and their data have the ``image_id``; of several splits they have the ``split``.

    Raises
    ------
    DataError
        When two pictures would have one name, one is missing, or two categories have one name.
    """
    check_mode(images)
    check_names(dataset.categories)
    taken = Names()
    with pen.folder(target) as folder:
        put = _Put(dataset, in_splits(dataset.splits), folder / "images", images)
        with (folder / "tasks.json").open("w", encoding="utf-8") as handle:
            for image_id, (name, task) in zip(dataset.image_ids, pen.each(dataset, put), strict=True):
                handle.write((",\n" if taken.taken else "[\n") + task)
                taken.take(name, image_id)
            handle.write("\n]\n")
        (folder / CONFIG).write_text(_config(dataset), encoding="utf-8")


class _Put:
    """Writes the picture of a sample; returns its name and the task."""

    def __init__(self, dataset: Dataset, splits: Sequence[str], pictures: Path, images: str) -> None:
        self._categories, self._numbers = dataset.categories, are_integers(dataset.image_ids)
        self._splits, self._several = splits, len(dataset.splits) > 1
        self._pictures, self._images = pictures, images

    def __call__(self, index: int, sample: Sample) -> tuple[str, str]:
        split, name = self._splits[index], picture_name(sample)
        if self._several and not name.startswith(f"{split}/"):
            name = f"{split}/{name}"
        task = _task(sample, self._categories, None if self._numbers else index + 1, name)
        if self._several or "split" in task["data"] or split != "train":
            task["data"]["split"] = split
        text = dump_json(task, image_id=sample.image_id).decode().rstrip("\n")
        place_picture(self._pictures / name, sample, self._images)
        return name, text


def _config(dataset: Dataset) -> str:
    """The configuration of the source while its labels are those of the data set, else a new one."""
    kept, names = dataset.extra.get(CONFIG_KEY), dataset.extra.get(CONFIG_KEY + "_labels")
    same = isinstance(kept, str) and names == [c.name for c in dataset.categories]
    return kept if same and isinstance(kept, str) else config_text(dataset.categories)


def _task(sample: Sample, categories: Categories, place: int | None, picture: str) -> dict[str, Any]:
    kept = sample.extra.get(TASK)
    task: dict[str, Any] = json.loads(json.dumps(kept)) if isinstance(kept, dict) else {}
    if not task:
        task = {
            "id": 0,
            "data": {"image": f"/data/local-files/?d=images/{quote(picture)}"},
            "annotations": [{}],
        }
        task["id"] = int(sample.image_id) if place is None else place
    data = task["data"]
    if place is not None and str(data.get("image_id")) != sample.image_id:
        data["image_id"] = sample.image_id
    results = _results(sample, categories)
    if not sample.segments:
        data |= {"width": sample.width, "height": sample.height}
    rows = [
        row for kind in ("annotations", "predictions") for row in task.get(kind) or () if "result" not in row
    ]
    if rows:
        rows[0]["result"] = results
    elif results:
        task["annotations"] = [*(task.get("annotations") or ()), {"result": results}]
    return task


def _results(sample: Sample, categories: Categories) -> list[Any]:
    """The results of the annotation that counts, each in its place where it has one."""
    placed: list[tuple[int, int, Any]] = []
    for segment, rle in drawn_segments(sample, categories, stuff=True):
        label = categories[segment.category_id].name
        written = _kept(segment, sample, label) or _new(segment, sample, label, rle)
        placed += [(len(placed) + i if at is None else at, i, r) for i, (at, r) in enumerate(written)]
    placed += [(at, -1, result) for at, result in sample.extra.get(OTHERS, [])]
    placed.sort(key=lambda row: row[:2])
    return [result for *_, result in placed]


def _kept(segment: Segment, sample: Sample, label: str) -> list[tuple[int, Any]] | None:
    """The results of the source, where they still say what the segment is; else None."""
    found = segment.attributes.get(RESULTS)
    if not isinstance(found, list) or not found:
        return None
    try:
        region = [(at, result) for at, result in found]
        ids = {label_of(region): segment.category_id}
        (again,) = read_segments([region], (sample.height, sample.width), ids)
    except (ValueError, TypeError, AttributeError, KeyError, StopIteration):  # changed since
        return None
    return region if list(ids) == [label] and _told(again) == _told(segment) else None


def _told(segment: Segment) -> tuple[Any, ...]:
    said = {k: v for k, v in segment.attributes.items() if k != RESULTS}
    where = segment.polygons or segment.rle, segment.bbox
    return segment.iscrowd, segment.ignore, segment.score, said, where


def _new(segment: Segment, sample: Sample, label: str, rle: Rle | None) -> list[tuple[None, Any]]:
    outline = _outline(segment, (sample.height, sample.width), rle)
    if outline is None:
        return []
    tool, value = outline
    kind = f"{tool}labels"
    result: dict[str, Any] = {
        "id": _name(segment),
        "type": kind,
        "from_name": tool,
        "to_name": "image",
        "original_width": sample.width,
        "original_height": sample.height,
        "image_rotation": 0,
        "value": {**value, kind: [label]},
    }
    if segment.score is not None:
        result["score"] = segment.score
    meta: dict[str, Any] = {flag: True for flag in FLAGS if getattr(segment, flag)}
    if said := {k: v for k, v in segment.attributes.items() if k != RESULTS}:
        meta[META_ATTRIBUTES] = said
    return [(None, result | ({"meta": meta} if meta else {}))]


def _outline(segment: Segment, size: tuple[int, int], rle: Rle | None) -> tuple[str, dict[str, Any]] | None:
    """Name of the tool and value of a region; None of what has no pixel."""
    percent = polygon_percent(segment, size)
    if percent is not None:
        return "polygon", {"points": np.array(percent).reshape(-1, 2).tolist(), "closed": True}
    if rle is not None:
        stream = encode_brush(rle.to_mask()) if rle.area else None
        return None if stream is None else ("brush", {"format": "rle", "rle": list(stream)})
    if segment.bbox is None:
        return None
    sides = dict(zip(("x", "y", "width", "height"), _to_percent(segment.bbox, size), strict=True))
    return "rectangle", {**sides, "rotation": 0}


def polygon_percent(segment: Segment, size: tuple[int, int]) -> list[float] | None:
    """Return the only polygon of a segment in percent; None where percent would be drawn as other pixels."""
    if segment.polygons is None or len(segment.polygons) != 1:
        return None
    (polygon,) = segment.polygons
    percent = _to_percent(polygon, size)
    read = _read_flat(np.array(percent), size)
    if np.array_equal(read, polygon):
        return percent
    same = Rle.from_polygons([read], *size) == Rle.from_polygons([polygon], *size)
    return percent if same else None


def _to_percent(pixels: tuple[float, ...], size: tuple[int, int]) -> list[float]:
    """Percent with as few digits as are read as these pixels."""
    wanted = np.array(pixels, np.float64)
    scale = np.tile([float(size[1]), float(size[0])], len(wanted) // 2)
    found: list[float] = shortest(wanted / scale * 100, wanted, size, _read_flat).tolist()
    return found


def _read_flat(percent: np.ndarray[Any, Any], size: tuple[int, int]) -> np.ndarray[Any, Any]:
    return to_pixels(percent.reshape(-1, 2), size).ravel()


def _name(segment: Segment) -> str:
    return str(segment.id) if segment.source_id is None else segment.source_id
