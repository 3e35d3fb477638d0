"""COCO's list of results, read against its truth."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample
from segbench.errors import DataError, UnpairedError
from segbench.formats import coco_fields as fields
from segbench.formats.coco_groups import Groups
from segbench.formats.coco_index import Annotations, CocoIndex
from segbench.formats.coco_segment import read_segment
from segbench.formats.coco_table import dense_ids, pred_table
from segbench.formats.jsonfile import Items, JsonFile


def read_results(path: Path, truth: Dataset, index: CocoIndex | None) -> Dataset:
    """Open a results file against its truth; images without a result have no segments.

    Results of a category that the truth lacks are left out, as COCOeval does, and counted in ``notes``.
    ``index`` is that of the file, None where it is out of the ordinary.

    Raises
    ------
    DataError
        When the JSON is damaged, a key is missing, a score is no finite number, or an image is unknown.
    """
    found = _visited(path, truth) if index is None or "" not in index.lists else _indexed(index, truth)
    groups = Groups(found.owners, len(truth))
    boxes = bool(found.boxed[:1].any())  # as in loadRes, the first result says it for all
    results = _Results(found.items, {c.key for c in truth.categories}, boxes)
    table = None
    if found.annotations is not None and found.category_ids is not None and truth.instances is not None:
        table = pred_table(found.annotations, groups, truth.instances, found.category_ids, boxes)
    return Dataset(
        name=path.stem,
        categories=truth.categories,
        image_ids=truth.image_ids,
        load=lambda i: results.sample(truth[i], truth.categories, groups[i]),
        tasks=("instance",),
        format="coco",
        path=path,
        notes=_doubts(found.unknown, found.boxed),
        instances=table,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """What one reading of the file notices of its N results.

    ``owners`` int64 [N] are the indices of their images, ``boxed`` bool [N] says which have a box,
    ``unknown`` counts those of unknown categories. Where there are columns, ``annotations`` are these, and
    ``category_ids`` int32 [N] the dense ids, -1 for an unknown one.
    """

    items: Items
    owners: NDArray[np.int64]
    boxed: NDArray[np.bool_]
    unknown: int
    annotations: Annotations | None
    category_ids: NDArray[np.int32] | None


def _visited(path: Path, truth: Dataset) -> _Found:
    position = {image_id: i for i, image_id in enumerate(truth.image_ids)}
    known = {c.key for c in truth.categories}
    owners, boxed = array("q"), array("b")
    unknown = 0

    def visit(name: str, index: int, item: dict[str, Any]) -> None:
        nonlocal unknown
        boxed.append(bool(item.get("bbox")))
        where: dict[str, Any] = {"file": path, "field": f"{name}[{index}]"}
        where["image_id"] = image_id = str(fields.need_id(item, "image_id", **where))
        if image_id not in position:
            raise _unknown_image(**where)
        unknown += fields.need_int(item, "category_id", **where) not in known
        owners.append(position[image_id])

    file = JsonFile(path, visit)
    if file.lists.keys() - {""} or file.rest:
        raise DataError("is no list of results [{…}, …]", file=path)
    sides = np.array(owners, np.int64), np.array(boxed, np.bool_)
    return _Found(file.require(""), *sides, unknown, None, None)


def _indexed(index: CocoIndex, truth: Dataset) -> _Found:
    found = index.annotations
    position = {image_id: i for i, image_id in enumerate(truth.image_ids)}
    owners = found.places(lambda image_id: position.get(str(image_id)))
    for i in np.flatnonzero(owners < 0)[:1].tolist():
        raise _unknown_image(file=index.path, image_id=int(found.image_ids[i]), field=f"[{i}]")
    dense = dense_ids(found.category_ids, truth.categories)
    boxes = found.boxes
    boxed = np.zeros(len(found), np.bool_) if boxes is None else ~np.isnan(boxes[:, 0])
    return _Found(index.require(""), owners, boxed, int((dense < 0).sum()), found, dense)


def _unknown_image(**where: Any) -> DataError:
    return UnpairedError("the prediction is for an image that the truth does not have", **where)


@dataclass(frozen=True, slots=True)
class _Results:
    """An indexed list of results; those of unknown categories are passed over.

    Without ``boxes``, those that stand beside a mask are not read.
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


def _doubts(unknown: int, boxed: NDArray[np.bool_]) -> list[str]:
    doubts = [f"{unknown} predictions of categories that the truth lacks are left out"] if unknown else []
    n = int(boxed.sum())
    if 0 < n < len(boxed):
        doubts.append(
            f"{n} of {len(boxed)} results have a bbox; as in pycocotools, the first one decides "
            "whether boxes are read, and with them the areas of masks"
        )
    return doubts
