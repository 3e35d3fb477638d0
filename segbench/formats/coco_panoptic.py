"""COCO panoptic: one JSON of segments and a folder of PNGs whose colours are segment ids.

Source: the format description of the COCO data set and ``panopticapi`` 7bb4655. Samples come in the order of
``annotations``, which is the order of panopticapi's sums. Stricter than panopticapi: the JSON and the PNG
must name the same ids in the truth too, not in predictions alone. Categories are in rising order of their
ids, whatever the JSON's order: where it is another, means may differ from panopticapi's in the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import decode_segment_runs
from segbench.canonical.paths import inside, read_bytes
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError, UnpairedError
from segbench.formats import coco_common as common
from segbench.formats import coco_fields as fields
from segbench.formats import coco_layout as layout
from segbench.formats.aligned import in_categories_of, in_order_of
from segbench.formats.coco_merge import SEGMENT_IDS, count_hidden, count_renumbered, count_restated
from segbench.formats.coco_panoptic_write import KNOWN, outputs, write_json
from segbench.formats.coco_write import PANOPTIC, count_text_ids, png_name
from segbench.formats.jsonfile import Items, JsonFile, first_mention, starts_with
from segbench.kernels import LabelRuns

__all__ = [
    "CARRIES",
    "LAYOUT",
    "LOSES",
    "PREDICTIONS",
    "TASKS",
    "TITLE",
    "outputs",
    "read",
    "read_predictions",
    "sniff",
    "write",
]

TITLE = "COCO panoptic (JSON and PNG folder)"
TASKS = ("panoptic",)
PREDICTIONS = {"panoptic": "predictions.json"}
KIND = "panoptic"
_EXACT = 1 << 53
_SERVED = ("panoptic", "semantic")
CARRIES = frozenset(
    {
        "stuff", "instances", "holes", "parts", "crowd", "ids", "repeated_ids", "image_ids", "category_ids",
        "category_fields", "wide_ids", "isthing", "stated", "scores", "attributes", "extra",
        "about", "splits", "images",
    }
)  # fmt: skip
LOSES = {
    "instances": count_hidden,
    "ids": count_text_ids,
    "repeated_ids": count_renumbered,
    "stated": count_restated,
}
LAYOUT = """\
panoptic_val2017.json              {"images": […], "annotations": […], "categories": […]}
                                   an annotation is {"image_id", "file_name", "segments_info": […]}
panoptic_val2017/000000000139.png  beside the JSON, named like it: RGB, id = R + 256 G + 65536 B, 0 = void
val2017/000000000139.jpg           pictures: as for COCO instances"""


def sniff(path: Path) -> bool:
    """Tell by its first megabytes whether a file is COCO panoptic."""
    if path.suffix != ".json" or not path.is_file():
        return layout.is_layout(path, KIND)
    words = b'"segments_info"', b'"segmentation"', b'"bbox"'
    return starts_with(path, b"{") and first_mention(path, *words) == words[0]


def read(path: Path, *, images: Path | None = None, maps: Path | None = None) -> Dataset:
    """Open a panoptic file, or every split of a folder in COCO's layout.

    Parameters
    ----------
    path
        The JSON file, or the folder that has ``annotations/panoptic_*.json``.
    images, maps
        Folders of the pictures (looked for) and of the PNGs (beside the JSON, named like it; or, below
        ``maps``, a folder of that name).

    Images without an annotation are left out, as panopticapi does, and counted in ``notes``.

    Raises
    ------
    DataError
        When the JSON is damaged, a key is missing, an id repeats, or an annotation names an unknown image.
    """
    if path.is_dir():
        return layout.read_layout(path, KIND, partial(read, images=images, maps=maps))
    file = common.CocoFile(path, images, _once(path))
    reader = _Reader(file.annotations, file.categories, _map_folder(path, maps), strict=False)
    owners: list[int] = file.owners.tolist()
    ids = [str(file.source_ids[i]) for i in owners]

    def load(index: int) -> Sample:
        picture, item = file.pictures[owners[index]], file.annotations[index]
        sample = reader.sample(item, index, ids[index], **common.image_fields(picture, path, file.root))
        return _with_rest(sample, item)

    def size(index: int) -> tuple[int, int]:
        at, entries = owners[index], file.entries
        if entries.plain:
            return entries.heights[at], entries.widths[at]
        given = common.image_fields(file.pictures[at], path, file.root)
        return given["height"], given["width"]

    left_out = len(file.source_ids) - len(ids)
    return Dataset(
        name=path.stem,
        categories=file.categories,
        image_ids=ids,
        load=load,
        size=size,
        tasks=_SERVED,
        format="coco-panoptic",
        path=path,
        splits={common.split_name(path): len(ids)},
        extra=file.extra,
        notes=[f"{left_out} images without an annotation are left out"] if left_out else (),
    )


def read_predictions(path: Path, truth: Dataset, *, maps: Path | None = None) -> Dataset:
    """Open predictions against their truth: the same JSON, of which ``annotations`` is enough, or a folder.

    Raises
    ------
    DataError
        When the JSON is damaged, a key is missing, or an image is unknown or has no or two predictions.
    """
    if path.is_dir():
        found = read(path, maps=maps)
        return in_order_of(truth, in_categories_of(truth, found), notes=found.notes)
    position, annotations = _index_predictions(path, truth)
    reader = _Reader(annotations, truth.categories, _map_folder(path, maps), strict=True)

    def load(index: int) -> Sample:
        image_id, (height, width) = truth.image_ids[index], truth.size(index)
        at = position[image_id]
        return reader.sample(annotations[at], at, image_id, height=height, width=width)

    return Dataset(
        name=path.stem,
        categories=truth.categories,
        image_ids=truth.image_ids,
        load=load,
        tasks=_SERVED,
        format="coco-panoptic",
        path=path,
    )


def write(dataset: Dataset, target: Path, *, images: str = "link", pen: Pen = PLAIN) -> None:
    """Write a panoptic file (``*.json``) and beside it the folder of its PNGs, or a folder in COCO's layout.

    Instances are merged into one map by their policy of overlaps (see :mod:`segbench.formats.coco_merge`).
    """
    layout.write_layout(dataset, target, KIND, write_json, images=images, pen=pen)


def _once(path: Path) -> Callable[[int, dict[str, Any]], None]:
    """Return a visitor of annotations that refuses a second one of an image."""
    annotated: set[int | str] = set()

    def visit(index: int, item: dict[str, Any]) -> None:
        image_id = item["image_id"]
        if image_id in annotated:
            raise DataError(
                "the image has two annotations", file=path, image_id=image_id, field=f"annotations[{index}]"
            )
        annotated.add(image_id)

    return visit


def _index_predictions(path: Path, truth: Dataset) -> tuple[dict[str, int], Items]:
    """Where the prediction of each image stands, and the predictions."""
    position: dict[str, int] = {}

    def visit(name: str, index: int, item: dict[str, Any]) -> None:
        if name != "annotations":
            return
        where: dict[str, Any] = {"file": path, "field": f"annotations[{index}]"}
        image_id = str(fields.need_id(item, "image_id", **where))
        where["image_id"] = image_id
        if not truth.has(image_id):
            raise UnpairedError("the prediction is for an image that the truth does not have", **where)
        if image_id in position:
            raise DataError("the image has two predictions", **where)
        position[image_id] = index

    annotations = JsonFile(path, visit).require("annotations")
    for image_id in truth.image_ids:
        if image_id not in position:
            raise UnpairedError("there is no prediction for this image", file=path, image_id=image_id)
    return position, annotations


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns an annotation, and the PNG that it names, into a sample."""

    annotations: Items
    categories: Categories
    folder: Path
    strict: bool

    def sample(
        self, item: dict[str, Any], index: int, image_id: str, *, height: int, width: int, **given: Any
    ) -> Sample:
        field = f"annotations[{index}]"
        where: dict[str, Any] = {"file": self.annotations.file, "image_id": image_id}
        name = fields.need(item, "file_name", str, field=field, **where)
        rows = fields.need(item, "segments_info", list, field=field, **where)
        png = inside(self.folder, name, field=f"{field}.file_name", **where)
        segments = self._segments(rows, field=f"{field}.segments_info", **where)
        ids = _distinct([s.id for s in segments], field=f"{field}.segments_info", **where)
        return Sample(
            image_id=image_id,
            height=height,
            width=width,
            segments=segments,
            ignore_index=self.categories.ignore_index,
            load_segment_map=lambda: _read_map(png, image_id, (height, width), ids if self.strict else None),
            **{"source_path": str(png), **given},
        )

    def _segments(self, rows: list[Any], *, field: str, **where: Any) -> tuple[Segment, ...]:
        found = [_plain_segment(row, self.categories) for row in rows]
        return tuple(
            segment or _segment(rows[i], self.categories, field=f"{field}[{i}]", **where)
            for i, segment in enumerate(found)
        )


def _plain_segment(row: Any, categories: Categories) -> Segment | None:
    """Read a segment whose values are all of the usual types; None where one has to be looked at."""
    if type(row) is not dict:
        return None
    segment_id, category = row.get("id"), categories.find(row.get("category_id"))
    if type(segment_id) is not int or segment_id not in SEGMENT_IDS or category is None:
        return None
    crowd, area, score, box = row.get("iscrowd"), row.get("area"), row.get("score"), row.get("bbox") or None
    if not (crowd in (None, 0, 1) and _is_usual(area) and _is_usual(score)):
        return None
    if box is not None and not (type(box) is list and len(box) == 4 and all(map(_is_finite, box))):
        return None
    return Segment(
        id=segment_id,
        category_id=category.id,
        iscrowd=bool(crowd),
        source_area=None if area is None else float(area),
        bbox=None if box is None else (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
        score=None if score is None else float(score),
        attributes={} if row.keys() <= KNOWN else {k: v for k, v in row.items() if k not in KNOWN},
    )


def _is_usual(value: Any) -> bool:
    return value is None or _is_finite(value)


def _is_finite(value: Any) -> bool:
    """Whether it is an integer that a float holds exactly, or a finite float."""
    return (type(value) is float and isfinite(value)) or (type(value) is int and -_EXACT < value < _EXACT)


def _segment(row: Any, categories: Categories, *, field: str, **where: Any) -> Segment:
    """Read a segment whatever the types of its values are, or say what is wrong with it."""
    if not isinstance(row, dict):
        raise DataError("is no JSON object", field=field, **where)
    segment_id = fields.need_int(row, "id", field=field, **where)
    category_id = fields.need_int(row, "category_id", field=field, **where)
    if segment_id not in SEGMENT_IDS:
        raise DataError(
            f"the id {segment_id} is out of range: a picture holds 1 to {SEGMENT_IDS[-1]}, and 0 for void",
            field=f"{field}.id",
            **where,
        )
    return Segment(
        id=segment_id,
        category_id=categories.by_source_id(category_id, field=f"{field}.category_id", **where).id,
        iscrowd=fields.read_flag(row, "iscrowd", field=field, **where),
        source_area=fields.read_optional(row, "area", field=field, **where),
        bbox=fields.read_box(row.get("bbox"), field=f"{field}.bbox", **where),
        score=fields.read_optional(row, "score", field=field, **where),
        attributes={k: v for k, v in row.items() if k not in KNOWN},
    )


def _distinct(ids: Sequence[int], **where: Any) -> frozenset[int]:
    found = frozenset(ids)
    if len(found) < len(ids):
        twice = next(i for i in ids if ids.count(i) > 1)
        raise DataError(f"the id {twice} stands twice", **where)
    return found


def _with_rest(sample: Sample, item: dict[str, Any]) -> Sample:
    """Keep, in ``extra``, what the annotation says and no field of the sample holds."""
    rest = {k: v for k, v in item.items() if k not in ("image_id", "segments_info")}
    if rest["file_name"] == png_name(sample):
        del rest["file_name"]
    if rest:
        return replace(sample, extra={**sample.extra, PANOPTIC: rest})
    return sample


def _map_folder(path: Path, maps: Path | None) -> Path:
    folder = path.with_suffix("") if maps is None else maps
    if maps is not None and (maps / path.stem).is_dir():
        folder = maps / path.stem
    if not folder.is_dir():
        raise DataError("the folder of segment maps is missing; it is named like the JSON", file=folder)
    return folder


def _read_map(png: Path, image_id: str, size: tuple[int, int], listed: frozenset[int] | None) -> LabelRuns:
    """Read a PNG, which must have the size of the image and, where they are given, exactly the ids listed."""
    where: dict[str, Any] = {"file": png, "image_id": image_id, "field": "segment_map"}
    try:
        data = read_bytes(png)
    except OSError as error:
        raise DataError(f"cannot read the segment map: {error.strerror}", **where) from None
    segment_map = decode_segment_runs(data, file=png, image_id=image_id)
    if segment_map.shape != size:
        raise DataError(
            f"the segment map is {segment_map.shape[1]}×{segment_map.shape[0]} pixels, "
            f"the image {size[1]}×{size[0]}",
            **where,
        )
    if listed is None:
        return segment_map
    drawn = set(segment_map.ids().tolist()) - {0}
    for ids, lack in (
        (sorted(drawn - listed), "segments_info lacks"),
        (sorted(listed - drawn), "the PNG has no pixel of"),
    ):
        if ids:
            some = ", ".join(map(str, ids[:5])) + (", …" if len(ids) > 5 else "")
            raise DataError(f"{lack} the id{'s' * (len(ids) > 1)} {some}", **where)
    return segment_map
