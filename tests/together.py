"""A small data set that every protocol of every task can score: void, crowds, wrong areas, tied scores."""

from __future__ import annotations

import numpy as np

from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment

N = 6
SIZE = (24, 36)
NAMES = ("road", "sky", "person", "car", "unlabeled", "train")
CATEGORIES = Categories(Category(id=i, name=name, isthing=i in (2, 3, 5)) for i, name in enumerate(NAMES))


def panoptic(side, index, counts=None, void=False):
    """Truth or prediction that serves semantic and panoptic scores; ``counts`` is told of every decode.

    With ``void`` a part of each prediction is void, which some semantic protocols refuse.
    """
    rng = np.random.default_rng([index, side == "pred"])
    ids = np.kron(np.arange(12).reshape(3, 4), np.ones((8, 9), np.int32)).astype(np.int32)
    labels = np.random.default_rng(index).choice([0, 1, 2, 3, 4], 12)
    if side == "pred":
        labels = np.where(rng.random(12) < 0.3, rng.integers(0, len(NAMES), 12), labels)
        ids = np.roll(ids, rng.integers(0, 3), axis=1) + (not void)
    segments = [
        Segment(
            id=i,
            category_id=int(labels[i - (side == "pred" and not void)]),
            iscrowd=side == "truth" and i == 3,
            source_area=70.0 if side == "truth" and i == 5 else None,
        )
        for i in range(1, 12 + (side == "pred" and not void))
    ]

    def load():
        if counts is not None:
            counts.append((side, index))
        return ids

    return {"segments": segments, "load_segment_map": load}


def voided(side, index, counts=None):
    return panoptic(side, index, counts, void=True)


def instance(side, index, counts=None):
    places, rng = np.random.default_rng(index), np.random.default_rng([index, side == "pred"])
    segments = []
    for i in range(0 if index == 4 and side == "pred" else 9):
        y, x, h, w, category_id = places.integers([0, 0, 6, 6, 0], [10, 20, 14, 16, 5]).tolist()
        x += int(rng.integers(0, 3)) if side == "pred" else 0
        mask = np.zeros(SIZE, bool)
        mask[y : y + h, x : x + w] = True
        mask &= rng.random(SIZE) < 0.9
        segments.append(
            Segment(
                id=i if side == "truth" else i + 1,
                category_id=category_id,
                iscrowd=side == "truth" and i == 8,
                rle=Rle.from_mask(mask),
                bbox=(x, y, w, h),
                score=None if side == "truth" else float(rng.integers(1, 5)) / 5,
                source_kind="rle",
            )
        )
    if counts is not None:
        counts.append((side, index))
    federated = {"neg_category_ids": (5,), "not_exhaustive_category_ids": ()}
    return {"segments": segments, "overlap": True, **(federated if side == "truth" else {})}


def data(side, make=panoptic, counts=None):
    tasks = ["instance"] if make is instance else ["panoptic", "semantic"]

    def load(index):
        content = make(side, index, counts)
        return Sample(image_id=str(20 - index), height=SIZE[0], width=SIZE[1], **content)

    return Dataset(
        name=side, categories=CATEGORIES, image_ids=[str(20 - i) for i in range(N)], load=load, tasks=tasks
    )
