"""Random instances, panoptic maps and label maps for the protocols of boundaries.

A case is one of the other kinds, named by ``of``, with ``ratio``: boundaries are this part of the image's
diagonal wide. Masks of instances are torn and moved by some pixels, pixels of maps are blocks, so that they
have an inside.
"""

from __future__ import annotations

from random import Random
from typing import Any

from fuzz import coco_cases, panoptic_cases, semantic_cases

Row = dict[str, Any]
RATIOS = (0.02, 0.02, 0.02, 0.02, 0.005, 0.0123, 0.05, 0.1, 0.3, 1)


def make(seed: int) -> Row:
    """Return the case of this seed."""
    rng = Random(f"boundary {seed}")
    of = rng.choice(["instance", "instance", "panoptic", "panoptic", "semantic"])
    return MAKERS[of](rng) | {"kind": "boundary", "of": of, "ratio": rng.choice(RATIOS)}


def _instance(rng: Random) -> Row:
    return coco_cases.Maker(rng, "boundary").case()


def _panoptic(rng: Random) -> Row:
    case = panoptic_cases.Maker(rng).case()
    high, wide = rng.randint(1, 6), rng.randint(1, 6)
    for maps in case["maps"].values():
        maps.update({name: _enlarged(rows, high, wide) for name, rows in maps.items()})
    for image in case["truth"]["images"]:
        image["height"] *= high
        image["width"] *= wide
    for row in (row for image in case["truth"]["annotations"] for row in image["segments_info"]):
        if "area" in row:
            row["area"] *= high * wide
    return case


def _semantic(rng: Random) -> Row:
    n = rng.choice([1, 2, 3, 5, 19, 150])
    ignore = rng.choice([255, 255, 255, 0, n - 1, None])
    maker = semantic_cases.Maker(rng, n, ignore, signed=False)
    outside, high, wide = rng.random() < 0.1, rng.randint(1, 9), rng.randint(1, 9)
    images = [maker.pair(outside) for _ in range(rng.choice([1, 1, 2, 3]))]
    return {
        "protocol": "boundary-iou",
        "settings": {},
        "num_classes": n,
        "ignore": ignore,
        "images": [{side: _enlarged(rows, high, wide) for side, rows in image.items()} for image in images],
        "dtypes": [rng.choice(["uint8", "uint8", "uint16", "int32", "int64"]) for _ in range(2)],
        "form": rng.choice(["images", "batch", "channel", "merge", "files", "files"]),
        "picture": rng.randrange(1 << 30),
    }


def _enlarged(rows: semantic_cases.Map, high: int, wide: int) -> semantic_cases.Map:
    """Every pixel as a block."""
    return [[v for v in row for _ in range(wide)] for row in rows for _ in range(high)]


MAKERS = {"instance": _instance, "panoptic": _panoptic, "semantic": _semantic}
