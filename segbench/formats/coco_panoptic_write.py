"""The writing half of COCO panoptic: the JSON and, beside it, the folder of its PNGs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from segbench import kernels
from segbench.canonical.atomic import replace_file, replace_folder
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_segment_map
from segbench.canonical.paths import check_name
from segbench.canonical.place import place
from segbench.canonical.sample import Sample
from segbench.errors import DataError
from segbench.formats import coco_write as out
from segbench.formats.coco_layout import Progress
from segbench.formats.coco_merge import as_things, to_panoptic

KNOWN = {"id", "category_id", "iscrowd", "area", "bbox", "score"}
"""Keys of a segment that have a field; the others are its ``attributes``."""


def outputs(target: Path) -> list[Path]:
    """What writing to this target replaces: a JSON has a folder of PNGs beside it."""
    return [target, target.with_suffix("")] if target.suffix == ".json" else [target]


def write_json(dataset: Dataset, target: Path, progress: Progress) -> None:
    """Write one split; the folder and the JSON appear together, once both are whole.

    Raises
    ------
    DataError
        When a sample has neither a segment map nor instances, or two maps would have one name.
    """
    string_ids = out.has_string_ids(dataset)
    categories = as_things(dataset.categories) if "instance" in dataset.tasks else dataset.categories
    with (
        replace_file(target) as part,
        replace_folder(target.with_suffix("")) as folder,
        part.open("w", encoding="utf-8") as handle,
        out.JsonObject(handle) as json_object,
    ):
        out.write_header(json_object, dataset, categories)
        json_object.items("images", (out.image_entry(sample, string_ids) for sample in dataset))
        samples = progress(iter(dataset))
        json_object.items("annotations", _annotations(samples, categories, folder, string_ids))


def _annotations(
    samples: Iterator[Sample], categories: Categories, folder: Path, string_ids: bool
) -> Iterator[dict[str, Any]]:
    taken: set[str] = set()
    for sample in map(to_panoptic, samples):
        rest = {"file_name": out.png_name(sample), **sample.extra.get(out.PANOPTIC, {})}
        name = check_name(rest["file_name"], image_id=sample.image_id, field="file_name")
        if name.casefold() in taken:
            raise DataError(
                f"two segment maps are called {name!r} (or differ in case alone)",
                image_id=sample.image_id,
                field="file_name",
            )
        taken.add(name.casefold())
        place(folder / name, encode_segment_map(sample.segment_runs))
        yield {
            "image_id": out.source_id(sample.image_id, string_ids),
            **rest,
            "segments_info": _segments_info(sample, categories),
        }


def _segments_info(sample: Sample, categories: Categories) -> list[dict[str, Any]]:
    ids = np.array([s.id for s in sample.segments], np.int64)
    boxes = kernels.segment_boxes(sample.segment_map, ids).tolist()
    present, counts = kernels.id_counts(sample.segment_map)
    areas = dict(zip(present.tolist(), counts.tolist(), strict=True))
    return [
        {
            **s.attributes,
            "id": s.id,
            "category_id": categories[s.category_id].key,
            "iscrowd": int(s.iscrowd),
            "area": areas.get(s.id, 0) if s.source_area is None else out.short(s.source_area),
            "bbox": box if s.bbox is None else [out.short(v) for v in s.bbox],
        }
        | ({} if s.score is None else {"score": s.score})
        for s, box in zip(sample.segments, boxes, strict=True)
    ]
