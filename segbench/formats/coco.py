"""COCO instances: one JSON of polygons and run lengths, and the JSON list of results.

Source: the format description of the COCO data set and ``pycocotools`` 2.0.11. Polygons and run lengths are
kept verbatim. Two readings of ``pycocotools`` are not followed: a first polygon of four numbers is a polygon
here, not a box; results for an image that the truth lacks are refused with the image's id.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from segbench.canonical.atomic import replace_file
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample
from segbench.errors import DataError
from segbench.formats import coco_common as common
from segbench.formats import coco_fields as fields
from segbench.formats import coco_layout as layout
from segbench.formats import coco_write as out
from segbench.formats.coco_segment import read_segment, write_segments
from segbench.formats.jsonfile import Items, JsonFile, is_empty_list, mentions, starts_with

TITLE = "COCO instances (JSON) and results"
TASKS = ("instance",)
KIND = "instances"
CARRIES = frozenset(
    {
        "instances", "overlap", "holes", "parts", "crowd", "ignore", "ids", "isthing", "scores", "attributes",
        "federated", "images",
    }
)  # fmt: skip
LAYOUT = """\
instances_val2017.json      {"images": […], "annotations": […], "categories": […]}
val2017/000000000139.jpg    pictures: beside the JSON or one level up, in images/ or a folder of the split
results.json                predictions: [{"image_id", "category_id", "segmentation" | "bbox", "score"}, …]"""


def sniff(path: Path) -> bool:
    """Tell by its first kilobytes whether a file is COCO instances or results."""
    if path.suffix != ".json" or not path.is_file():
        return layout.is_layout(path, KIND)
    if starts_with(path, b"["):
        return mentions(path, b'"category_id"') or is_empty_list(path)
    return starts_with(path, b"{") and mentions(path, b'"images"', b'"annotations"')


def read(path: Path, *, images: Path | None = None) -> Dataset:
    """Open an instances file, or every split of a folder in COCO's layout.

    Parameters
    ----------
    path
        The JSON file, or the folder that has ``annotations/instances_*.json``.
    images
        Folder of the pictures; looked for where it is not given.

    Raises
    ------
    DataError
        When the JSON is damaged, a key is missing, an image id repeats, or an annotation names an unknown
        image or category.
    """
    if path.is_dir():
        return layout.read_layout(path, KIND, partial(read, images=images))
    ids = array("q")
    owner_of_category: dict[int, tuple[int, int | str]] = {}

    def visit(index: int, item: dict[str, Any]) -> None:
        where: dict[str, Any] = {"file": path, "image_id": item["image_id"], "field": f"annotations[{index}]"}
        ids.append(fields.need_int(item, "id", **where))
        category_id = fields.need_int(item, "category_id", **where)
        owner_of_category.setdefault(category_id, (index, item["image_id"]))

    file = common.CocoFile(path, images, visit)
    for category_id, (index, image_id) in owner_of_category.items():
        field = f"annotations[{index}].category_id"
        file.categories.by_source_id(category_id, file=path, image_id=image_id, field=field)
    order = numpy_order(file.source_ids)
    groups = common.Groups(file.owners, len(order))
    return Dataset(
        name=path.stem,
        categories=file.categories,
        image_ids=[str(file.source_ids[i]) for i in order],
        load=lambda index: _truth_sample(file, order[index], groups[order[index]]),
        tasks=TASKS,
        format="coco",
        path=path,
        splits={common.split_name(path): len(order)},
        extra=file.extra,
        notes=_doubts(ids),
    )


def read_predictions(path: Path, truth: Dataset) -> Dataset:
    """Open a results file against its truth; images without a result have no segments.

    Results of a category that the truth lacks are left out, as COCOeval does, and counted in ``notes``.

    Raises
    ------
    DataError
        When the JSON is damaged, a key is missing, a score is no finite number, or an image is unknown.
    """
    position = {image_id: i for i, image_id in enumerate(truth.image_ids)}
    known = {c.key for c in truth.categories}
    owners = array("q")
    unknown = 0
    boxed = array("b")

    def visit(name: str, index: int, item: dict[str, Any]) -> None:
        nonlocal unknown
        boxed.append(bool(item.get("bbox")))
        where: dict[str, Any] = {"file": path, "field": f"{name}[{index}]"}
        image_id = str(fields.need_id(item, "image_id", **where))
        where["image_id"] = image_id
        if image_id not in position:
            raise DataError("the prediction is for an image that the truth does not have", **where)
        unknown += fields.need_int(item, "category_id", **where) not in known
        owners.append(position[image_id])

    file = JsonFile(path, visit)
    if file.lists.keys() - {""} or file.rest:
        raise DataError("is no list of results [{…}, …]", file=path)
    groups = common.Groups(owners, len(truth))
    results = _Results(file.require(""), known, boxes=bool(boxed and boxed[0]))
    return Dataset(
        name=path.stem,
        categories=truth.categories,
        image_ids=truth.image_ids,
        load=lambda index: results.sample(truth[index], truth.categories, groups[index]),
        tasks=TASKS,
        format="coco",
        path=path,
        notes=_result_doubts(unknown, boxed),
    )


def write(dataset: Dataset, target: Path, *, images: str = "link", progress: layout.Progress = iter) -> None:
    """Write an instances file (``*.json``), or a folder in COCO's layout; whole or not at all.

    Annotation ids are kept where they are unique in the data set; else all are numbered from 1, and the
    source's id stands beside them as ``source_id``.
    """
    layout.write_layout(dataset, target, KIND, _write_json, images=images, progress=progress)


def numpy_order(ids: Sequence[int | str]) -> list[int]:
    """Positions that sort ids as ``numpy.unique`` does, which is the order of COCOeval's sums."""
    integers = [x for x in ids if isinstance(x, int)]
    if len(integers) == len(ids):
        return sorted(range(len(ids)), key=integers.__getitem__)
    return sorted(range(len(ids)), key=lambda i: str(ids[i]))


def _truth_sample(file: common.CocoFile, at: int, annotations: list[int]) -> Sample:
    item = file.pictures[at]
    given = common.image_fields(item, file.path, file.root)
    where: dict[str, Any] = {"file": file.path, "image_id": file.source_ids[at]}
    size = given["height"], given["width"]
    return Sample(
        image_id=str(file.source_ids[at]),
        segments=tuple(
            read_segment(file.annotations[i], file.categories, size, field=f"annotations[{i}]", **where)
            for i in annotations
        ),
        overlap=True,
        ignore_index=file.categories.ignore_index,
        neg_category_ids=_dense(item, "neg_category_ids", file.categories, **where),
        not_exhaustive_category_ids=_dense(item, "not_exhaustive_category_ids", file.categories, **where),
        **given,
    )


@dataclass(frozen=True, slots=True)
class _Results:
    """An indexed list of results; those of unknown categories are passed over.

    As in ``loadRes``, the first result says for all whether they have boxes: without, boxes that stand beside
    a mask are not read.
    """

    items: Items
    known: set[int]
    boxes: bool

    def sample(self, truth: Sample, categories: Categories, indices: list[int]) -> Sample:
        size = truth.height, truth.width
        where: dict[str, Any] = {"file": self.items.file, "image_id": truth.image_id}
        return Sample(
            image_id=truth.image_id,
            height=size[0],
            width=size[1],
            segments=tuple(
                read_segment(self._seen(item), categories, size, number=i + 1, field=f"[{i}]", **where)
                for i in indices
                if (item := self.items[i])["category_id"] in self.known
            ),
            overlap=True,
            ignore_index=truth.ignore_index,
            source_path=str(self.items.file),
        )

    def _seen(self, item: dict[str, Any]) -> dict[str, Any]:
        return item if self.boxes or not item.get("segmentation") else {**item, "bbox": None}


def _result_doubts(unknown: int, boxed: array[int]) -> list[str]:
    doubts = [f"{unknown} predictions of categories that the truth lacks are left out"] if unknown else []
    if 0 < sum(boxed) < len(boxed):
        doubts.append(
            f"{sum(boxed)} of {len(boxed)} results have a bbox; as in pycocotools, the first one decides "
            "whether boxes are read, and with them the areas of masks"
        )
    return doubts


def _doubts(ids: array[int]) -> list[str]:
    repeated = len(ids) - len(np.unique(np.frombuffer(ids, np.int64))) if ids else 0
    return (
        [f"{repeated} annotation ids repeat; pycocotools would confuse these annotations"] if repeated else []
    )


def _dense(item: dict[str, Any], key: str, categories: Categories, **where: Any) -> tuple[int, ...] | None:
    if item.get(key) is None:
        return None
    source_ids = fields.need(item, key, list, **where)
    return tuple(categories.by_source_id(x, field=key, **where).id for x in source_ids)


def _federated(sample: Sample, categories: Categories) -> dict[str, list[int]]:
    lists = {
        "neg_category_ids": sample.neg_category_ids,
        "not_exhaustive_category_ids": sample.not_exhaustive_category_ids,
    }
    return {key: [categories[i].key for i in ids] for key, ids in lists.items() if ids is not None}


def _write_json(dataset: Dataset, target: Path, progress: layout.Progress) -> None:
    string_ids = out.has_string_ids(dataset)
    ids = array("q")

    def images() -> Iterator[dict[str, Any]]:
        for sample in dataset:
            ids.extend(s.id for s in sample.segments)
            yield out.image_entry(sample, string_ids) | _federated(sample, dataset.categories)

    def annotations() -> Iterator[dict[str, Any]]:
        renumber = bool(_doubts(ids))
        number = 0
        for sample in progress(iter(dataset)):
            source_id = out.source_id(sample.image_id, string_ids)
            for row in write_segments(sample, dataset.categories, source_id):
                number += 1
                yield {out.SOURCE_ID: row["id"]} | row | {"id": number} if renumber else row

    with (
        replace_file(target) as part,
        part.open("w", encoding="utf-8") as handle,
        out.JsonObject(handle) as json_object,
    ):
        out.write_header(json_object, dataset)
        json_object.items("images", images())
        json_object.items("annotations", annotations())
