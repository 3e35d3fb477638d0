"""Three small models for the demo data set, which look at colours, and examples of a plugin.

Load them as ``module:segbench.demo_models:PixelColor``, ``…:CoarseGrid`` and ``…:SmoothColor``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segbench.kernels import resize_bilinear
from segbench.models import (
    TASKS,
    Batch,
    InstancePrediction,
    ModelInfo,
    PanopticPrediction,
    Prediction,
    SemanticPrediction,
    Task,
)

COLORS = {
    "sky": [
        (250, 232, 240),
        (160, 165, 192),
        (216, 186, 160),
        (190, 209, 237),
        (122, 169, 204),
        (180, 190, 185),
    ],
    "grass": [(99, 119, 56), (133, 177, 66), (141, 186, 121)],
    "water": [(79, 125, 139), (78, 143, 185)],
    "road": [(114, 110, 112), (85, 76, 82)],
    "house": [(169, 84, 44), (194, 155, 135), (205, 195, 155)],
    "tree": [(30, 80, 41), (46, 110, 56), (91, 57, 45)],
    "car": [(62, 50, 120), (181, 41, 69)],
    "boat": [(112, 82, 64), (222, 215, 206)],
    "sheep": [(221, 214, 205), (196, 184, 166), (70, 56, 70)],
    "balloon": [(234, 153, 34), (155, 87, 181), (225, 102, 121)],
}
"""What things look like: RGB colours of each category, fitted to drawings like those that are scored."""

HEIGHTS = {
    "sky": (0.0, 0.45),
    "balloon": (0.0, 0.4),
    "water": (0.4, 1.0),
    "boat": (0.45, 0.65),
    "house": (0.45, 1.0),
    "road": (0.6, 1.0),
    "car": (0.55, 1.0),
    "sheep": (0.55, 1.0),
}
"""Where things are found, as shares of the height of the picture."""

BESIDE = (
    ("sky", "sky", 4),
    ("grass", "grass", 4),
    ("road", "road", 16),
    ("house", "house", 9),
    ("tree", "tree", 12),
    ("car", "car", 48),
    ("boat", "water", 30),
    ("sheep", "grass", 9),
)
"""What is found beside what, and how much that counts."""

ID2LABEL = dict(enumerate(COLORS))
IDS = {name: i for i, name in ID2LABEL.items()}
THINGS = tuple(
    i for i, name in ID2LABEL.items() if name in ("house", "tree", "car", "boat", "sheep", "balloon")
)

Logits = NDArray[np.float32]
Labels = NDArray[np.int64]


class PixelColor:
    """Takes each pixel for what has the nearest colour."""

    info = ModelInfo(name="pixel-color", tasks=TASKS, id2label=ID2LABEL, license="Apache-2.0")
    min_area = 40

    def predict(self, batch: Batch) -> list[Prediction]:
        """Answer each image for the task that is asked."""
        return [self.answer(image, batch.task) for image in batch.images]

    def answer(self, image: NDArray[np.uint8], task: Task) -> Prediction:
        """Answer for one image [3, H, W]."""
        logits = self.logits(image.astype(np.float32))
        if task == "semantic":
            return SemanticPrediction(logits=logits)
        logits = resize_bilinear(logits, *image.shape[1:])
        if task == "instance":
            return instances(logits, self.min_area)
        return panoptic(logits, self.min_area)

    def logits(self, image: Logits) -> Logits:
        """Return how likely each category is, float32 [C, h, w], from RGB [3, H, W]."""
        return color_logits(image)


class CoarseGrid(PixelColor):
    """Lets the pixels of each cell of a grid vote, and answers at the size of the grid."""

    info = ModelInfo(name="coarse-grid", tasks=TASKS, id2label=ID2LABEL, license="Apache-2.0")
    cell = 16

    def logits(self, image: Logits) -> Logits:
        """Return the share of votes, float32 [C, H / 16, W / 16]."""
        pad = [(0, -n % self.cell) for n in image.shape[1:]]
        votes = np.pad(color_logits(image).argmax(0), pad, "edge")
        rows, columns = (n // self.cell for n in votes.shape)
        cells = votes.reshape(rows, self.cell, columns, self.cell)
        return np.stack([(cells == i).mean((1, 3), dtype=np.float32) for i in ID2LABEL])


class SmoothColor(PixelColor):
    """Smooths, knows at which heights things are found, and clears specks away."""

    info = ModelInfo(name="smooth-color", tasks=TASKS, id2label=ID2LABEL, license="Apache-2.0")

    def logits(self, image: Logits) -> Logits:
        """Return smoothed logits, float32 [C, H, W]."""
        logits = color_logits(ndimage.gaussian_filter(image, (0, 0.7, 0.7)))
        height = (np.arange(image.shape[1], dtype=np.float32) / image.shape[1])[:, None]
        for i, name in ID2LABEL.items():
            top, bottom = HEIGHTS.get(name, (0.0, 1.0))
            logits[i] -= 60 * np.maximum(np.maximum(top - height, height - bottom), 0)
        labels = logits.argmax(0)
        for name, beside, weight in BESIDE:
            near = (labels == IDS[beside]).astype(np.float32)
            logits[IDS[name]] += weight * ndimage.uniform_filter(near, 25)
        logits = np.asarray(ndimage.gaussian_filter(logits, (0, 1.0, 1.0)), np.float32)
        labels = without_specks(logits.argmax(0), self.min_area)
        np.put_along_axis(logits, labels[None], logits.max(0, keepdims=True) + 1, 0)
        return logits


def color_logits(image: Logits) -> Logits:
    """Return minus the squared distance to the nearest colour of each category, float32 [C, H, W]."""
    logits = np.empty((len(COLORS), *image.shape[1:]), np.float32)
    for logit, colors in zip(logits, COLORS.values(), strict=True):
        palette = np.array(colors, np.float32)[:, :, None, None]
        logit[:] = ((image - palette) ** 2).sum(1).min(0) / -300
    return logits


def components(labels: Labels, min_area: int) -> list[tuple[int, NDArray[np.bool_]]]:
    """Return the connected regions of things, as (category id, mask), without the smallest."""
    found = []
    for category_id in THINGS:
        regions, n = ndimage.label(labels == category_id)
        areas = np.bincount(regions.ravel(), minlength=n + 1)
        found += [(category_id, regions == i) for i in range(1, n + 1) if areas[i] >= min_area]
    return found


def without_specks(labels: Labels, min_area: int) -> Labels:
    """Give the pixels of small regions to the nearest region that is not small."""
    small = np.zeros(labels.shape, bool)
    for category_id in ID2LABEL:
        regions, n = ndimage.label(labels == category_id)
        areas = np.bincount(regions.ravel(), minlength=n + 1)
        areas[0] = min_area
        small |= (areas < min_area)[regions]
    if small.all():
        return labels
    nearest = ndimage.distance_transform_edt(small, return_distances=False, return_indices=True)
    cleared: Labels = labels[tuple(nearest)]
    return cleared


def instances(logits: Logits, min_area: int) -> InstancePrediction:
    """Take each region of a thing for one; large and clear ones score high."""
    found = components(logits.argmax(0), min_area)
    best, second = -np.partition(-logits, 1, axis=0)[:2]
    scores = [_score(mask, best - second) for _, mask in found]
    masks = np.stack([mask for _, mask in found]) if found else np.zeros((0, *logits.shape[1:]), bool)
    return InstancePrediction(
        masks=masks, scores=scores, category_ids=[category_id for category_id, _ in found]
    )


def panoptic(logits: Logits, min_area: int) -> PanopticPrediction:
    """Number the regions of things and the kinds of stuff; small things are void."""
    labels = logits.argmax(0)
    segment_map = np.zeros(labels.shape, np.int32)
    segments = []
    stuff = [(i, labels == i) for i in ID2LABEL if i not in THINGS and (labels == i).any()]
    for segment_id, (category_id, mask) in enumerate(stuff + components(labels, min_area), start=1):
        segment_map[mask] = segment_id
        segments.append({"id": segment_id, "category_id": category_id})
    return PanopticPrediction(segment_map=segment_map, segments=segments)


def _score(mask: NDArray[np.bool_], margin: Logits) -> float:
    area, clear = int(mask.sum()), float(np.minimum(margin[mask], 10).mean()) / 10
    return clear * area / (area + 200)
