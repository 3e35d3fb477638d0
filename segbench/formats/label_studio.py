"""Label Studio: a JSON list of tasks, of which each holds an image and the regions drawn on it.

Source: Label Studio's documentation of its JSON and label-studio-converter 0.0.59. Coordinates are percent of
the picture; a brush is a stream of bits (:mod:`segbench.formats.brush`). Of several annotations of a task the
ground truth counts, else the first that was not cancelled; the others are kept. Names and colours come from
the labelling configuration where it is there. Tasks are called by their ``id``, or by ``image_id`` in their
``data`` where every task has one; ``split`` there is the name of a split. What is no region (key points,
choices, relations, regions without a label) is kept and written again, but is no segment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import ImageFile, Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError, UnpairedError
from segbench.formats import pictures
from segbench.formats.coco_fields import read_optional
from segbench.formats.jsonfile import Items, starts_with
from segbench.formats.label_studio_config import CONFIG, read_config
from segbench.formats.label_studio_regions import (
    Region,
    Result,
    read_segments,
    region_size,
    split_regions,
)
from segbench.formats.label_studio_tasks import (
    Tasks,
    choose,
    find_file,
    find_picture,
    need_file,
    picture_path,
)
from segbench.formats.label_studio_write import CONFIG_KEY, LOSES, OTHERS, TASK, write
from segbench.formats.plain_json import categories_of, check_size, head_has, need_items

__all__ = [
    "CARRIES",
    "LAYOUT",
    "LOSES",
    "PREDICTIONS",
    "TASKS",
    "TITLE",
    "read",
    "read_predictions",
    "sniff",
    "write",
]

TITLE = "Label Studio (JSON export)"
TASKS = ("instance",)
PREDICTIONS = {"instance": "predictions.json"}
CARRIES = frozenset(
    {
        "stuff", "instances", "overlap", "holes", "parts", "polygons", "crowd", "ignore", "ids", "image_ids",
        "wide_ids", "scores", "attributes", "extra", "splits", "images",
    }
)  # fmt: skip
LAYOUT = """\
tasks.json                  [{"id", "data": {"image": "/data/upload/1/0001.jpg"}, "annotations": [{"result": [
                              {"type": "polygonlabels", "original_width", "original_height",
                               "value": {"points": [[x %, y %], …], "polygonlabels": ["cat"]}},
                              {"type": "brushlabels", "value": {"rle": [byte, …], …}}, …]}],
                              "predictions": [{"result": […], "score"}]}, …]
config.xml                  optional: the labelling configuration, with names in order and colours
images/0001.jpg             pictures: also beside the JSON"""


def sniff(path: Path) -> bool:
    """Tell whether a file, or the only JSON of a folder, is a list of tasks."""
    file = find_file(path)
    if file is None or not starts_with(file, b"["):
        return False
    return head_has(file, b'"data"') and (
        head_has(file, b'"annotations"') or head_has(file, b'"predictions"')
    )


def read(path: Path, *, images: Path | None = None, config: Path | None = None) -> Dataset:
    """Open a JSON export, or the folder that holds it.

    Parameters
    ----------
    path
        The file or its folder.
    images
        Folder of the pictures; looked for where it is not given.
    config
        The labelling configuration; by default ``config.xml`` beside the JSON. Without one, the labels that
        occur are the categories, sorted.

    Raises
    ------
    DataError
        When a file is damaged, or a label is not in the configuration.
    """
    seen = Tasks(need_file(path))
    found = config or seen.file.parent / CONFIG
    extra: dict[str, Any] = {}
    categories = categories_of(sorted(seen.labels))
    if config is not None or found.is_file():
        extra[CONFIG_KEY], categories = read_config(found)
        extra[f"{CONFIG_KEY}_labels"] = [c.name for c in categories]
    known = {c.name: c.id for c in categories}
    if unknown := seen.labels - known.keys():
        raise DataError(f"the label {min(unknown)!r} is not in {found.name}", file=seen.file)
    image_ids = seen.image_ids()
    splits = seen.splits()
    order = [i for split in splits for i, of in enumerate(seen.split_of) if of == split]
    source = _Source(seen.file, seen.items, order, [image_ids[i] for i in order], seen.roots(images), known)
    return Dataset(
        name=path.resolve().stem,
        categories=categories,
        image_ids=source.image_ids,
        load=partial(
            _sample, source, categories.ignore_index, "annotations" if seen.annotated else "predictions"
        ),
        tasks=TASKS,
        format="label-studio",
        path=path,
        splits={split or "train": n for split, n in splits.items()},
        extra=extra,
        notes=seen.notes(),
    )


def read_predictions(path: Path, truth: Dataset) -> Dataset:
    """Open tasks with predictions against their truth; images without a task have none.

    A region's ``score`` counts, else that of the whole prediction. Where no task has a prediction,
    annotations count, whose regions must have scores.

    Raises
    ------
    DataError
        When a file is damaged, an image or a label is unknown, or a score is missing.
    """
    seen = Tasks(need_file(path))
    known = {c.name: c.id for c in truth.categories}
    if unknown := seen.labels - known.keys():
        raise DataError(f"the label {min(unknown)!r} is no category of the truth", file=seen.file)
    places: dict[str, int] = {}
    for place, image_id in enumerate(seen.image_ids()):
        where: dict[str, Any] = {"file": seen.file, "image_id": image_id}
        if not truth.has(image_id):
            raise UnpairedError("the prediction is for an image that the truth does not have", **where)
        if places.setdefault(image_id, place) != place:
            raise DataError("this image has two tasks", **where)
    source = _Source(seen.file, seen.items, [], list(truth.image_ids), [], known)
    kind = "predictions" if seen.predicted else "annotations"
    return Dataset(
        name=path.resolve().stem,
        categories=truth.categories,
        image_ids=truth.image_ids,
        load=partial(_prediction, source, truth, kind, places),
        tasks=TASKS,
        format="label-studio",
        path=path,
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """What a sample is made of."""

    file: Path
    items: Items
    order: list[int]
    image_ids: list[str]
    roots: list[Path]
    ids: Mapping[str, int]

    def results(self, task: Result, kind: str, **where: Any) -> tuple[Result | None, list[Region], list[Any]]:
        """The annotation that counts, its regions, and what is none of these."""
        chosen = choose(task, kind, **where)
        if chosen is None:
            return None, [], []
        results = chosen.get("result")
        found = [] if results is None else need_items(chosen, "result", **where)
        return chosen, *split_regions(found, **where)


def _sample(source: _Source, ignore_index: int, kind: str, index: int) -> Sample:
    task = source.items[source.order[index]]
    where: dict[str, Any] = {"file": source.file, "image_id": source.image_ids[index]}
    chosen, regions, others = source.results(task, kind, **where)
    image = _picture(source.roots, picture_path(task["data"]))
    size = _size(regions, task, image, where)
    kept = dict(task)
    if chosen is not None:
        kept[kind] = [
            {k: v for k, v in row.items() if row is not chosen or k != "result"} for row in task[kind]
        ]
    return Sample(
        image_id=source.image_ids[index],
        height=size[0],
        width=size[1],
        segments=read_segments(regions, size, source.ids, **where),
        overlap=True,
        ignore_index=ignore_index,
        image_file=image,
        source_path=None if image is not None else picture_path(task["data"]),
        extra={TASK: kept} | ({OTHERS: others} if others else {}),
    )


def _prediction(source: _Source, truth: Dataset, kind: str, places: Mapping[str, int], index: int) -> Sample:
    image_id = source.image_ids[index]
    where: dict[str, Any] = {"file": source.file, "image_id": image_id}
    true, segments = truth[index], tuple[Segment, ...]()
    if image_id in places:
        chosen, regions, _ = source.results(source.items[places[image_id]], kind, **where)
        read = read_segments(regions, (true.height, true.width), source.ids, **where)
        score = None if chosen is None else read_optional(chosen, "score", field=kind, **where)
        segments = tuple(s if s.score is not None else replace(s, score=score) for s in read)
    if any(s.score is None for s in segments):
        raise DataError("a region has no score, nor has its prediction", field=kind, **where)
    return Sample(
        image_id=image_id,
        height=true.height,
        width=true.width,
        segments=segments,
        overlap=True,
        ignore_index=true.ignore_index,
        source_path=str(source.file),
    )


def _size(
    regions: list[Region], task: Result, image: ImageFile | None, where: dict[str, Any]
) -> tuple[int, int]:
    """Height and width as the first region states them, or of the picture, or as the task's data say."""
    if regions:
        return region_size(regions[0][0][1], **where)
    if image is not None:
        return pictures.picture_size(image, where["image_id"])
    data = task["data"]
    if "height" in data and "width" in data:
        return check_size(data["height"], data["width"], field="data.height", **where)
    raise DataError(
        "has no region that states the size, and no picture to measure; name the folder of pictures with "
        "images=FOLDER",
        field="data",
        **where,
    )


def _picture(roots: list[Path], path: str | None) -> ImageFile | None:
    if path is None or not roots:
        return None
    found = find_picture(roots[0], path)
    return ImageFile(name=path, path=found or roots[0] / path)
