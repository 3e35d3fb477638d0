"""COCO's list of results, written: what ``loadRes`` of pycocotools takes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.place import check_mode
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.formats import coco_write as out


def write_predictions(dataset: Dataset, target: Path, *, images: str = "none", pen: Pen = PLAIN) -> None:
    """Write instances with their scores as ``[{"image_id", "category_id", "segmentation", "score"}, …]``.

    Masks are run lengths, and boxes are left to be those of the masks. ``images`` are never written.

    Raises
    ------
    DataError
        When a segment has no mask that can be drawn.
    """
    check_mode(images)
    put = partial(_results, dataset.categories, out.has_string_ids(dataset))
    with pen.file(target) as part, part.open("w", encoding="utf-8") as handle:
        separator = "["
        for results in pen.each(dataset, put):
            for text in results:
                handle.write(f"{separator}\n{text}")
                separator = ","
        handle.write("[]\n" if separator == "[" else "\n]\n")


def _results(categories: Categories, string_ids: bool, _: int, sample: Sample) -> list[str]:
    """The JSON of each result of an image."""
    rows = (
        {
            "image_id": out.source_id(sample.image_id, string_ids),
            "category_id": categories[segment.category_id].key,
            "segmentation": _mask(segment, sample),
            "score": segment.score,
        }
        for segment in sample.segments
    )
    return [out.dumps(row, "score", sample.image_id) for row in rows]


def _mask(segment: Segment, sample: Sample) -> dict[str, Any]:
    rle = segment.to_rle(sample.height, sample.width)
    if rle is None:
        raise sample.error("has no mask", f"segment {segment.id}")
    return {"size": [rle.height, rle.width], "counts": rle.counts.decode("ascii")}
