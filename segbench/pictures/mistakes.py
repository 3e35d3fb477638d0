"""What was found, missed and made up, as a transparent picture.

Of label maps, the pixels that have another category than the truth. Of segments: a true segment and a
predicted one of its category belong together when their IoU is above 0.5, the better pair first. Pixels that
such a pair shares are found; other pixels of true segments are missed, of predicted ones made up, but not in
groups, ignore regions and void. It shows where to look; what counts is the protocol's own matching.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.sample import Sample
from segbench.gallery.overlay import encode_overlay, smaller
from segbench.pictures.scene import OPACITY, SIDE, outlined

FOUND, MISSED, MADE_UP = 1, 2, 3

COLORS = np.array([(0, 0, 0), (0, 158, 115), (213, 60, 0), (86, 130, 255)], np.uint8)
"""Of nothing, of what is found, missed and made up: apart for eyes that see no red or no green."""

IOU = 0.5

Masks = Sequence[tuple[int, NDArray[np.bool_]]]


def draw_mistakes(pred: Sample, truth: Sample, task: str) -> bytes:
    """A PNG of the mistakes; DataError where a segment cannot be drawn."""
    kinds = label_mistakes(pred, truth) if task == "semantic" else segment_mistakes(pred, truth)
    return encode_overlay(smaller(kinds, SIDE), COLORS, OPACITY)


def label_mistakes(pred: Sample, truth: Sample) -> NDArray[np.uint8]:
    """Kinds of pixels, uint8 [H, W]: MISSED where the category is another, else 0."""
    wrong = (pred.mask != truth.mask) & (truth.mask != truth.ignore_index)
    return (wrong * MISSED).astype(np.uint8)


def segment_mistakes(pred: Sample, truth: Sample) -> NDArray[np.uint8]:
    """Kinds of pixels, uint8 [H, W], of instances or of a segment map."""
    trues, preds = masks_of(truth), masks_of(pred)
    kinds = np.zeros((truth.height, truth.width), np.uint8)
    pairs = match_masks(trues, preds)
    for _, mask in preds:
        kinds[mask] = MADE_UP
    for _, mask in trues:
        kinds[mask] = MISSED
    for i, j in pairs:
        kinds[trues[i][1] & preds[j][1]] = FOUND
    kinds[never_scored(truth) & (kinds == MADE_UP)] = 0
    return kinds


def match_masks(trues: Masks, preds: Masks) -> list[tuple[int, int]]:
    """Pairs (place in ``trues``, place in ``preds``) of one category with an IoU above a half, best first."""
    found = []
    for i, (category, true) in enumerate(trues):
        for j, (other, mask) in enumerate(preds):
            if category == other and (both := np.count_nonzero(true & mask)):
                found.append((both / np.count_nonzero(true | mask), i, j))
    pairs: list[tuple[int, int]] = []
    for iou, i, j in sorted(found, key=lambda one: (-one[0], one[1], one[2])):
        if iou > IOU and all(i != a and j != b for a, b in pairs):
            pairs.append((i, j))
    return pairs


def masks_of(sample: Sample) -> Masks:
    """Category and mask, bool [H, W], of each segment that is scored."""
    shape = sample.height, sample.width
    found = []
    for segment in sample.segments:
        if segment.ignore or segment.iscrowd:
            continue
        if sample.kind == "panoptic":
            mask = sample.segment_map == segment.id
        else:
            rle = outlined(segment).to_rle(*shape)
            mask = np.zeros(shape, np.bool_) if rle is None else rle.to_mask().astype(np.bool_)
        found.append((segment.category_id, mask))
    return found


def never_scored(truth: Sample) -> NDArray[np.bool_]:
    """Pixels of groups and of ignore regions, and the void of a segment map: bool [H, W]."""
    if truth.kind == "panoptic":
        ignored = truth.segment_map == 0
        for segment in truth.segments:
            if segment.ignore or segment.iscrowd:
                ignored |= truth.segment_map == segment.id
        return ignored
    ignored = np.zeros((truth.height, truth.width), np.bool_)
    for segment in truth.segments:
        rle = segment.to_rle(truth.height, truth.width)
        if (segment.ignore or segment.iscrowd) and rle is not None:
            ignored |= rle.to_mask().astype(np.bool_)
    return ignored
