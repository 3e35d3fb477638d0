"""COCO instances: one JSON of polygons and run lengths, and the JSON list of results.

Source: the format description of the COCO data set and ``pycocotools`` 2.0.11. Polygons and run lengths are
kept verbatim. Two readings of ``pycocotools`` are not followed: a first polygon of four numbers is a polygon
here, not a box; results for an image that the truth lacks are refused with the image's id.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.sample import Sample
from segbench.formats import coco_common as common
from segbench.formats import coco_fields as fields
from segbench.formats import coco_layout as layout
from segbench.formats import coco_write as out
from segbench.formats.aligned import in_categories_of, in_order_of
from segbench.formats.coco_groups import Groups
from segbench.formats.coco_index import Annotations, CocoIndex, read_index
from segbench.formats.coco_piecewise import PiecewiseSegments
from segbench.formats.coco_quick import QuickSegments
from segbench.formats.coco_results import read_results
from segbench.formats.coco_results_write import write_predictions
from segbench.formats.coco_segment import read_segment, write_segments
from segbench.formats.coco_table import truth_table
from segbench.formats.jsonfile import first_mention, is_empty_list, starts_with

__all__ = [
    "CARRIES",
    "KIND",
    "LAYOUT",
    "LOSES",
    "PREDICTIONS",
    "TASKS",
    "TITLE",
    "read",
    "read_ahead",
    "read_predictions",
    "scan",
    "sniff",
    "write",
    "write_predictions",
]

TITLE = "COCO instances (JSON) and results"
TASKS = ("instance",)
PREDICTIONS = {"instance": "predictions.json"}
KIND = "instances"
CARRIES = frozenset(
    {
        "instances", "overlap", "holes", "parts", "polygons", "crowd", "ignore", "ids", "image_ids",
        "category_ids", "category_fields", "wide_ids", "isthing", "stated", "scores", "attributes",
        "federated", "extra", "about", "splits", "images",
    }
)  # fmt: skip
LOSES = {"ids": out.count_text_ids}
LAYOUT = """\
instances_val2017.json      {"images": […], "annotations": […], "categories": […]}
val2017/000000000139.jpg    pictures: beside the JSON or one level up, in images/ or a folder of the split
results.json                predictions: [{"image_id", "category_id", "segmentation" | "bbox", "score"}, …]"""


def sniff(path: Path) -> bool:
    """Tell by its first kilobytes whether a file is COCO instances or results."""
    if path.suffix != ".json" or not path.is_file():
        return layout.is_layout(path, KIND)
    if starts_with(path, b"["):
        return first_mention(path, b'"category_id"') is not None or is_empty_list(path)
    return starts_with(path, b"{") and first_mention(path, b'"images"', b'"annotations"') is not None


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
    return _read(path, images, held=True)


def scan(path: Path, *, images: Path | None = None) -> Dataset:
    """Open as :func:`read` does, but with no masks in memory, to read one sample after the other."""
    return _read(path, images, held=False)


def read_ahead(path: Path) -> CocoIndex | None:
    """Index a file of results, which :func:`read_predictions` takes; None where it is none."""
    return None if path.is_dir() else read_index(path)


def read_predictions(
    path: Path, truth: Dataset, ahead: Callable[[], CocoIndex | None] | None = None
) -> Dataset:
    """Open results against their truth: COCO's list of them, or a data set whose annotations have scores.

    Raises
    ------
    DataError
        As :func:`segbench.formats.coco_results.read_results`; of a data set as :func:`read`, and when its
        images or categories are not the truth's.
    """
    return predictions_by(read, path, truth, ahead)


def predictions_by(
    read: Callable[[Path], Dataset], path: Path, truth: Dataset, ahead: Callable[[], CocoIndex | None] | None
) -> Dataset:
    """Open predictions as :func:`read_predictions`, where ``read`` opens a data set."""
    index = None if path.is_dir() else ahead() if ahead else read_index(path)
    if path.is_dir() or (index is not None and {"images", "categories"} <= index.lists.keys()):
        found = read(path)
        return in_order_of(truth, in_categories_of(truth, found), notes=found.notes)
    return read_results(path, truth, index)


def _read(path: Path, images: Path | None, *, held: bool) -> Dataset:
    if path.is_dir():
        return layout.read_layout(path, KIND, partial(_read, images=images, held=held))
    index = read_index(path, masks=held)
    visit = _Visit(path)
    file = common.CocoFile(path, images, visit.take, index)
    first = visit.first_of_category if index is None else _first_of_category(index.annotations)
    for category_id, at in first.items():
        image_id, field = file.source_ids[file.owners[at]], f"annotations[{at}].category_id"
        file.categories.by_source_id(category_id, file=path, image_id=image_id, field=field)
    order = numpy_order(file.source_ids)
    groups = Groups(file.owners, len(order))
    table, quick = None, _segments(index, file.categories)
    if index is not None and held:
        table = truth_table(index.annotations, file.entries, file.owners, order, file.categories)
    return Dataset(
        name=path.stem,
        categories=file.categories,
        image_ids=[str(file.source_ids[i]) for i in order],
        load=lambda i: _truth_sample(file, order[i], groups[order[i]], quick),
        tasks=TASKS,
        format="coco",
        path=path,
        splits={common.split_name(path): len(order)},
        extra=file.extra,
        notes=_doubts(visit.ids if index is None else index.annotations.ids),
        instances=table,
        about=lambda i: common.extra_of(file.pictures[order[i]]),
    )


def write(dataset: Dataset, target: Path, *, images: str = "link", pen: Pen = PLAIN) -> None:
    """Write an instances file (``*.json``), or a folder in COCO's layout; whole or not at all.

    Annotation ids are kept where they are unique in the data set; else all are numbered from 1, and the
    source's id stands beside them as ``source_id``.
    """
    layout.write_layout(dataset, target, KIND, write_json, images=images, pen=pen)


def _segments(index: CocoIndex | None, categories: Categories) -> QuickSegments | PiecewiseSegments | None:
    if index is None:
        return None
    kept = len(index.annotations.masks) == len(index.annotations)
    return QuickSegments(index.annotations, categories) if kept else PiecewiseSegments(index, categories)


def numpy_order(ids: Sequence[int | str]) -> list[int]:
    """Positions that sort ids as ``numpy.unique`` does, which is the order of COCOeval's sums."""
    integers = [x for x in ids if isinstance(x, int)]
    if len(integers) == len(ids):
        return sorted(range(len(ids)), key=integers.__getitem__)
    return sorted(range(len(ids)), key=lambda i: str(ids[i]))


def _truth_sample(
    file: common.CocoFile, at: int, annotations: list[int], quick: QuickSegments | PiecewiseSegments | None
) -> Sample:
    item = file.pictures[at]
    given = common.image_fields(item, file.path, file.root)
    where: dict[str, Any] = {"file": file.path, "image_id": file.source_ids[at]}
    size = given["height"], given["width"]
    segments = None if quick is None else quick.read(annotations, size)
    if segments is None:
        segments = tuple(
            read_segment(file.annotations[i], file.categories, size, field=f"annotations[{i}]", **where)
            for i in annotations
        )
    return Sample(
        image_id=str(file.source_ids[at]),
        segments=segments,
        overlap=True,
        ignore_index=file.categories.ignore_index,
        neg_category_ids=_dense(item, "neg_category_ids", file.categories, **where),
        not_exhaustive_category_ids=_dense(item, "not_exhaustive_category_ids", file.categories, **where),
        **given,
    )


class _Visit:
    """What the one reading of a file out of the ordinary has to notice of its annotations."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ids = array("q")
        self.first_of_category: dict[int, int] = {}

    def take(self, index: int, item: dict[str, Any]) -> None:
        where = {"file": self.path, "image_id": item["image_id"], "field": f"annotations[{index}]"}
        self.ids.append(fields.need_int(item, "id", **where))
        self.first_of_category.setdefault(fields.need_int(item, "category_id", **where), index)


def _first_of_category(annotations: Annotations) -> dict[int, int]:
    """The place of the first annotation of each category, in order of appearance."""
    category_ids, places = np.unique(annotations.category_ids, return_index=True)
    order = np.argsort(places)
    return dict(zip(category_ids[order].tolist(), places[order].tolist(), strict=True))


def _doubts(ids: array[int] | NDArray[np.int64] | None) -> list[str]:
    if ids is None:
        return []
    found = np.asarray(ids, np.int64)
    rising = bool((found[1:] > found[:-1]).all())  # as in most files
    repeated = 0 if rising else len(found) - len(np.unique(found))
    return (
        [f"{repeated} annotation ids repeat; pycocotools would confuse these annotations"] if repeated else []
    )


def _dense(item: dict[str, Any], key: str, categories: Categories, **where: Any) -> tuple[int, ...] | None:
    if item.get(key) is None:
        return None
    source_ids = fields.need(item, key, list, **where)
    return tuple(categories.by_source_id(x, field=key, **where).id for x in source_ids)


def federated(sample: Sample, categories: Categories) -> dict[str, list[int]]:
    """Return the lists of an image entry that say which categories were looked for, those that are told."""
    lists = {
        "neg_category_ids": sample.neg_category_ids,
        "not_exhaustive_category_ids": sample.not_exhaustive_category_ids,
    }
    return {key: [categories[i].key for i in ids] for key, ids in lists.items() if ids is not None}


@dataclass(frozen=True, slots=True)
class Rows:
    """What is written of a sample; formats that write other entries are made of this one."""

    dataset: Dataset
    string_ids: bool

    def image(self, sample: Sample) -> dict[str, Any]:
        """Return the entry of ``images``."""
        return out.image_entry(sample, self.string_ids) | federated(sample, self.dataset.categories)

    def annotations(self, sample: Sample) -> Iterator[dict[str, Any]]:
        """Yield the annotations, each with the id of its segment."""
        source_id = out.source_id(sample.image_id, self.string_ids)
        return write_segments(sample, self.dataset.categories, source_id)


@dataclass(frozen=True, slots=True)
class _Put:
    """Puts the picture of a sample in its place; returns its name, all ids and the JSON of what is written.

    The JSON of an annotation is cut in two where its id stands, which may have to be another one.
    """

    rows: Rows
    pictures: layout.Pictures

    def __call__(self, _: int, sample: Sample) -> tuple[layout.Placed, list[int], str, list[str]]:
        placed, image_id = self.pictures.put(sample), sample.image_id
        image = out.dumps(self.rows.image(sample), "image", image_id)
        lines = [_cut(row, image_id) for row in self.rows.annotations(sample)]
        return placed, [s.id for s in sample.segments], image, lines


def _cut(row: dict[str, Any], image_id: str) -> str:
    """The id of an annotation, and its JSON before and after that, which have no tab."""
    keys, field = list(row), f"annotation {row['id']}"
    at = keys.index("id")
    before, after = ({key: row[key] for key in part} for part in (keys[:at], keys[at + 1 :]))
    head = out.dumps(before, field, image_id)[1:-1] + ", " * bool(before)
    return f"{row['id']}\t{head}\t{out.dumps(after, field, image_id)[1:]}"


def write_json(
    dataset: Dataset,
    target: Path,
    pen: Pen,
    pictures: layout.Pictures,
    make: Callable[[Dataset, bool], Rows] = Rows,
) -> None:
    """Write one JSON of the rows that ``make`` of the data set, and whether ids are text, gives."""
    put = _Put(make(dataset, out.has_string_ids(dataset)), pictures)
    ids, taken = array("q"), layout.Taken()

    def images(spool: out.Spool) -> Iterator[str]:
        rows = zip(dataset.image_ids, pen.each(dataset, put), strict=True)
        for image_id, (placed, own, image, lines) in rows:
            taken.add(placed, image_id)
            ids.extend(own)
            for line in lines:
                spool.add(line)
            yield image

    with (
        pen.file(target) as part,
        out.Spool(part.parent) as spool,
        part.open("w", encoding="utf-8") as handle,
        out.JsonObject(handle) as json_object,
    ):
        out.write_header(json_object, dataset)
        json_object.texts("images", images(spool))
        json_object.texts("annotations", _numbered(spool, renumber=bool(_doubts(ids))))


def _numbered(lines: Iterable[str], *, renumber: bool) -> Iterator[str]:
    """Put annotations together: with their ids, or with others where these repeat."""
    for number, line in enumerate(lines, 1):
        own, head, tail = line.split("\t")
        source = f'"{out.SOURCE_ID}": {own}, ' if renumber else ""
        yield f'{{{source}{head}"id": {number if renumber else own}, {tail}'
