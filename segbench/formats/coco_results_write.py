"""COCO's list of results, written: what ``loadRes`` of pycocotools takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segbench.canonical.atomic import replace_file
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.place import check_mode
from segbench.canonical.sample import Sample, Segment
from segbench.formats import coco_write as out
from segbench.formats.coco_layout import Progress


def write_predictions(
    dataset: Dataset, target: Path, *, images: str = "none", progress: Progress = iter
) -> None:
    """Write instances with their scores as ``[{"image_id", "category_id", "segmentation", "score"}, …]``.

    Masks are run lengths, and boxes are left to be those of the masks. ``images`` are never written.

    Raises
    ------
    DataError
        When a segment has no mask that can be drawn.
    """
    check_mode(images)
    string_ids = out.has_string_ids(dataset)
    with replace_file(target) as part, part.open("w", encoding="utf-8") as handle:
        separator = "["
        for sample in progress(iter(dataset)):
            for row in _results(sample, dataset.categories, string_ids):
                handle.write(f"{separator}\n{out.dumps(row, 'score')}")
                separator = ","
        handle.write("[]\n" if separator == "[" else "\n]\n")


def _results(sample: Sample, categories: Categories, string_ids: bool) -> list[dict[str, Any]]:
    source_id = out.source_id(sample.image_id, string_ids)
    return [
        {
            "image_id": source_id,
            "category_id": categories[segment.category_id].key,
            "segmentation": _mask(segment, sample),
            "score": segment.score,
        }
        for segment in sample.segments
    ]


def _mask(segment: Segment, sample: Sample) -> dict[str, Any]:
    rle = segment.to_rle(sample.height, sample.width)
    if rle is None:
        raise sample.error("has no mask", f"segment {segment.id}")
    return {"size": [rle.height, rle.width], "counts": rle.counts.decode("ascii")}
