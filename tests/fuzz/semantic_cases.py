"""Random label maps: void, absent categories, ids that are none, every protocol, dtype and way of feeding.

A case is plain JSON: ``protocol``, ``settings``, ``num_classes``, ``ignore`` (or None), ``images`` as
``{"pred", "truth"}`` ids (``instances`` too for Cityscapes), their ``dtypes``, how they are fed (``form``)
and the seed of their PNG files (``picture``).
"""

from __future__ import annotations

from random import Random
from typing import Any

Row = dict[str, Any]
Map = list[list[int]]
PROTOCOLS = (
    "exact", "mmseg", "hf", "detectron2", "ade20k", "voc", "mapillary", "torchmetrics-jaccard",
    "image-level", "cityscapes",
)  # fmt: skip
TOLERANT = frozenset({"mmseg", "hf", "mapillary"})
"""Protocols that have a rule for ids that are no category."""
_DTYPES = ("uint8", "uint8", "uint16", "int32", "int64")


def make(seed: int) -> Row:
    """Return the case of this seed."""
    rng = Random(f"semantic {seed}")
    protocol = rng.choice(PROTOCOLS)
    if protocol == "cityscapes":
        return _cityscapes(rng)
    n = rng.choice([1, 2, 2, 3, 5, 19, 150, 255, 300])
    many = n > 255
    dtypes = rng.choice(_DTYPES[2 * many :]), rng.choice(_DTYPES[2 * many :])
    signed = protocol not in ("mapillary", "voc") and all(name.startswith("int") for name in dtypes)
    usual = 65_535 if many else 255
    ignore = rng.choice(
        [usual, usual, usual, 0, n - 1, *([None] if protocol != "ade20k" else []), *([-1] * signed)]
    )
    maker = Maker(rng, n, ignore, signed)
    outside = rng.random() < (0.5 if protocol in TOLERANT else 0.15)
    images = [maker.pair(outside) for _ in range(rng.choice([1, 1, 2, 3, 5]))]
    return {
        "kind": "semantic",
        "protocol": protocol,
        "settings": _settings(rng, protocol, n),
        "num_classes": n,
        "ignore": None if protocol == "mapillary" else ignore,
        "images": images,
        "dtypes": dtypes,
        "form": rng.choice(["images", "batch", "channel", "merge", "files", "files"]),
        "picture": rng.randrange(1 << 30),
    }


def _settings(rng: Random, protocol: str, n: int) -> Row:
    if protocol == "mmseg":
        return rng.choice([{}, {"beta": 2}, {"beta": 0.5}, {"float32_order": True}])
    if protocol == "mapillary":
        return {"unscored": sorted(rng.sample(range(n), n // 3))}
    return {}


class Maker:
    """Pairs of maps of one number of categories."""

    def __init__(self, rng: Random, num_classes: int, ignore: int | None, signed: bool) -> None:
        self.rng, self.n, self.ignore = rng, num_classes, ignore
        self.used = rng.sample(range(num_classes), rng.randint(1, min(num_classes, 6)))
        top = 255 if num_classes <= 255 else 65_534
        self.outside = [min(num_classes, top), min(num_classes + 1, top), 254, 255] + [
            -1,
            -2,
            1 << 20,
        ] * signed
        self.size = rng.randint(1, 13), rng.randint(1, 13)
        self.void_predicted = rng.random() < 0.3

    def pair(self, outside: bool) -> Row:
        rng = self.rng
        same_size = rng.random() < 0.5
        height, width = self.size if same_size else (rng.randint(1, 13), rng.randint(1, 13))
        truth = self._patches(height, width)
        other = self._patches(height, width)
        right = rng.choice([0.0, 0.6, 0.95, 1.0])
        pred = [[t if rng.random() < right else o for t, o in zip(*rows, strict=True)]
                for rows in zip(truth, other, strict=True)]  # fmt: skip
        if self.ignore is not None:
            truth = self._sprinkled(truth, [self.ignore], rng.choice([0, 0.1, 0.1, 0.5, 1.0]))
        if self.ignore is not None and self.void_predicted:
            pred = self._sprinkled(pred, [self.ignore], 0.1)
        if outside:
            truth = self._sprinkled(truth, self.outside, rng.choice([0, 0.05, 0.3]))
            pred = self._sprinkled(pred, self.outside, rng.choice([0, 0.05, 0.3]))
        return {"pred": pred, "truth": truth}

    def _patches(self, height: int, width: int) -> Map:
        """Runs of one id, as maps have them."""
        stretch = self.rng.choice([1, 3, 8])
        rows = []
        for _ in range(height):
            ids = [self.rng.choice(self.used) for _ in range(-(-width // stretch))]
            rows.append([i for i in ids for _ in range(stretch)][:width])
        return rows

    def _sprinkled(self, pixels: Map, ids: list[int], part: float) -> Map:
        return [[self.rng.choice(ids) if self.rng.random() < part else v for v in row] for row in pixels]


def _cityscapes(rng: Random) -> Row:
    """Raw labels 0..33, instances of 24..33 as 1000 × label + number, groups as the label alone."""
    maker = Maker(rng, 34, None, signed=False)
    maker.used = rng.sample(range(34), rng.randint(1, 8)) + rng.sample(range(24, 34), 2)
    images = []
    for _ in range(rng.choice([1, 2, 3])):
        pair = maker.pair(outside=False)
        pair["instances"] = [
            [1000 * v + rng.choice([0, 1]) if v >= 24 and v not in (29, 30) and rng.random() < 0.8 else v
             for v in row]
            for row in pair["truth"]
        ]  # fmt: skip
        images.append(pair)
    return {
        "kind": "semantic",
        "protocol": "cityscapes",
        "settings": {},
        "num_classes": 34,
        "ignore": 255,
        "images": images,
        "dtypes": ("uint8", "uint8"),
        "form": "images",
        "picture": rng.randrange(1 << 30),
    }
