"""Predictions for Cityscapes, written: a map of labels a picture, or a text file that lists masks."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_labels
from segbench.canonical.paths import check_name
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.place import check_mode, place
from segbench.canonical.sample import Sample
from segbench.formats import png_write
from segbench.formats.pictures import Names


def write_predictions(dataset: Dataset, target: Path, *, images: str = "none", pen: Pen = PLAIN) -> None:
    """Write what :mod:`segbench.formats.cityscapes_results` reads; ``images`` are never written.

    Instances are ``<image id>.txt``, a line ``masks/….png label score`` each; others are maps of labels.
    They are found by names of files alone: an id with folders has ``-`` between these.

    Raises
    ------
    DataError
        When two files would have one name, or a segment has no mask that can be drawn.
    """
    if "instance" not in dataset.tasks:
        png_write.write(dataset, target, images=images, pen=pen)
        return
    check_mode(images)
    with pen.folder(target) as folder:
        put = partial(_put, folder, dataset.categories)
        Names().take_all(pen.each(dataset, put), dataset.image_ids)


def _put(folder: Path, categories: Categories, _: int, sample: Sample) -> str:
    name = check_name(sample.image_id.replace("/", "-"), image_id=sample.image_id, field="image_id")
    lines = []
    for i, segment in enumerate(sample.segments):
        rle = segment.to_rle(sample.height, sample.width)
        if rle is None:
            raise sample.error("has no mask", f"segment {segment.id}")
        mask = f"masks/{name}_{i:03d}.png"
        place(folder / mask, encode_labels(rle.to_mask() * np.uint8(255)))
        lines.append(f"{mask} {categories[segment.category_id].key} {segment.score!r}\n")
    place(folder / f"{name}.txt", "".join(lines).encode())
    return f"{name}.txt"
