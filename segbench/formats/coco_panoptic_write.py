"""The writing half of COCO panoptic: the JSON and, beside it, the folder of its PNGs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segbench import kernels
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_segment_map
from segbench.canonical.paths import caseless, check_name
from segbench.canonical.pen import Pen
from segbench.canonical.place import place
from segbench.canonical.sample import Sample
from segbench.errors import DataError
from segbench.formats import coco_write as out
from segbench.formats.coco_layout import Pictures, Placed, Taken
from segbench.formats.coco_merge import as_things, to_panoptic

KNOWN = {"id", "category_id", "iscrowd", "area", "bbox", "score"}
"""Keys of a segment that have a field; the others are its ``attributes``."""


def outputs(target: Path) -> list[Path]:
    """What writing to this target replaces: a JSON has a folder of PNGs beside it."""
    return [target, target.with_suffix("")] if target.suffix == ".json" else [target]


def write_json(dataset: Dataset, target: Path, pen: Pen, pictures: Pictures) -> None:
    """Write one split; the folder and the JSON appear together, once both are whole.

    Raises
    ------
    DataError
        When a sample has neither a segment map nor instances, or two maps would have one name.
    """
    categories = as_things(dataset.categories) if "instance" in dataset.tasks else dataset.categories
    taken, pngs = Taken(), _Pngs()
    with (
        pen.file(target) as part,
        pen.folder(target.with_suffix("")) as folder,
        out.Spool(part.parent) as annotations,
        part.open("w", encoding="utf-8") as handle,
        out.JsonObject(handle) as json_object,
    ):
        put = _Put(folder, pictures, categories, out.has_string_ids(dataset))

        def images() -> Iterator[str]:
            for image_id, (placed, name, image, annotation) in zip(
                dataset.image_ids, pen.each(dataset, put), strict=True
            ):
                taken.add(placed, image_id)
                pngs.add(name, image_id)
                annotations.add(annotation)
                yield image

        out.write_header(json_object, dataset, categories)
        json_object.texts("images", images())
        json_object.texts("annotations", annotations)


class _Pngs:
    """Names of maps, each of which stands once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def add(self, name: str, image_id: str) -> None:
        if caseless(name) in self._taken:
            raise DataError(
                f"two segment maps are called {name!r} (or differ in case alone)",
                image_id=image_id,
                field="file_name",
            )
        self._taken.add(caseless(name))


@dataclass(frozen=True, slots=True)
class _Put:
    """Writes the map and the picture of a sample; returns their names, and the JSON of both entries."""

    folder: Path
    pictures: Pictures
    categories: Categories
    string_ids: bool

    def __call__(self, _: int, before: Sample) -> tuple[Placed, str, str, str]:
        sample = to_panoptic(before)
        rest = {"file_name": out.png_name(sample), **sample.extra.get(out.PANOPTIC, {})}
        name = check_name(rest["file_name"], image_id=sample.image_id, field="file_name")
        placed = self.pictures.put(before)
        place(self.folder / name, encode_segment_map(sample.segment_runs))
        annotation = {
            "image_id": out.source_id(sample.image_id, self.string_ids),
            **rest,
            "segments_info": _segments_info(sample, self.categories),
        }
        return (
            placed,
            name,
            out.dumps(out.image_entry(before, self.string_ids), "image", sample.image_id),
            out.dumps(annotation, "annotation", sample.image_id),
        )


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
