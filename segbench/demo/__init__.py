"""The demo data set: small landscapes, drawn, and published as the field publishes data sets.

One folder of pictures with three kinds of truth: COCO instances, COCO panoptic and label maps. They have what
real data sets have: overlaps, several parts, holes, crowds, void, sparse ids and sizes that are no multiple
of anything. The same seed gives the same files on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segbench.canonical.images import encode_image
from segbench.demo.canvas import LABELS
from segbench.demo.export import Drawing, id2label, instances, panoptic, to_json
from segbench.demo.plans import compose
from segbench.demo.scene import HOURS, Scene
from segbench.errors import UsageError

STUFF = tuple(label.name for label in LABELS if not label.isthing)
"""Names of the stuff categories, which ``instances.json`` does not have."""

SIZES = ((240, 320), (240, 320), (240, 320), (227, 301), (250, 333), (240, 320), (320, 240), (240, 320))
BARE = 5
"""Index of the picture that has no things."""


@dataclass(frozen=True, slots=True)
class DemoSources:
    """Where the drawn files are.

    Attributes
    ----------
    images
        Folder of ``scene_0001.png`` …, RGB.
    instances
        COCO instances JSON of the things.
    panoptic
        COCO panoptic JSON of things and stuff, whose PNGs lie in the folder of the same name.
    labels
        Folder of label maps, one a picture; 255 is ignore.
    id2label
        JSON that names the ids of the label maps.
    """

    images: Path
    instances: Path
    panoptic: Path
    labels: Path
    id2label: Path


def draw(folder: Path, *, n_images: int = 24, seed: int = 0) -> DemoSources:
    """Draw the demo data set into a folder.

    Parameters
    ----------
    folder
        Made if it does not exist; files of the same names are replaced.
    n_images
        How many pictures; the first ones do not depend on how many follow.
    seed
        Another seed, another data set.

    Returns
    -------
    DemoSources
        Where the three kinds of truth are.

    Raises
    ------
    UsageError
        When ``n_images`` is less than 1 or ``seed`` is negative.
    """
    if n_images < 1 or seed < 0:
        raise UsageError(f"n_images must be 1 or more and seed 0 or more, not {n_images} and {seed}")
    sources = DemoSources(
        folder / "images",
        folder / "instances.json",
        folder / "panoptic.json",
        folder / "labels",
        folder / "id2label.json",
    )
    for place in (sources.images, sources.labels, folder / "panoptic"):
        place.mkdir(parents=True, exist_ok=True)
    drawings = []
    for index in range(n_images):
        drawing = _drawing(index, seed)
        (sources.images / drawing.file_name).write_bytes(encode_image(drawing.image))
        (sources.labels / drawing.file_name).write_bytes(drawing.labels_png())
        (folder / "panoptic" / drawing.file_name).write_bytes(drawing.panoptic_png())
        drawings.append(drawing)
    sources.instances.write_text(to_json(instances(drawings)), encoding="utf-8")
    sources.panoptic.write_text(to_json(panoptic(drawings)), encoding="utf-8")
    sources.id2label.write_text(to_json(id2label()), encoding="utf-8")
    return sources


def _drawing(index: int, seed: int) -> Drawing:
    height, width = SIZES[index % len(SIZES)]
    rng = np.random.default_rng([seed, index])
    kind = 4 if index == BARE else index % 4
    canvas = compose(Scene(height, width, rng, HOURS[(index + index // 4) % len(HOURS)]), kind)
    return Drawing.of(canvas, index)
