"""How CVAT stacks objects: by ``z_order``, so that what lies on top in a data set lies on top there too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segbench.canonical import maps
from segbench.canonical.categories import Categories
from segbench.canonical.sample import Sample
from segbench.formats.cvat_shapes import read_integer
from segbench.formats.drawn import renumbered
from segbench.formats.xml_file import Node

OPEN = ""
"""The ``z_order`` of a new element, until it is known what lies below it."""


def stack(sample: Sample, elements: Sequence[Sequence[Node]]) -> None:
    """Give the elements of each segment their ``z_order``.

    New elements lie on those before them. Where that, or what the source said, stacks objects otherwise than
    the data set does, all are numbered from the lowest.
    """
    order = lowest_first(sample)
    levels = _levels(elements)
    if order is None and levels == sorted(levels):
        for level, nodes in zip(levels, elements, strict=True):
            _put(nodes, level, only=OPEN)
        return
    for level, at in enumerate(range(len(elements)) if order is None else order):
        _put(elements[at], level)


def lowest_first(sample: Sample) -> list[int] | None:
    """Return the places of segments from the lowest to that on top; None where their order says the same."""
    segments, size = sample.segments, (sample.height, sample.width)
    if sample.kind != "instance" or sample.overlap_policy == "order" or len(segments) < 2:
        return None
    in_order = maps.places_of_segments(segments, *size, "order").to_map()
    if np.array_equal(in_order, sample.places.to_map()):
        return None
    rles = [segment.to_rle(*size) for segment in segments]
    drawn = [i for i, rle in enumerate(rles) if rle is not None]
    counts = [rle.counts for rle in rles if rle is not None]
    order = maps.bottom_to_top([segments[i] for i in drawn], counts, size, sample.overlap_policy)
    return [i for i, rle in enumerate(rles) if rle is None] + [drawn[i] for i in order]


def count_ids(sample: Sample, categories: Categories) -> int:
    """Segments whose id is another one when they are read, and numbered, from the lowest."""
    order = lowest_first(sample)
    if order is None:
        return renumbered(sample, categories)
    return sum(sample.segments[at].id != number for number, at in enumerate(order, 1))


def _levels(elements: Sequence[Sequence[Node]]) -> list[int]:
    """The highest ``z_order`` of each segment; of new ones, that of those before."""
    levels: list[int] = []
    for nodes in elements:
        stated = [
            read_integer(node[1], "z_order", field="z_order", default=0)
            for node in nodes
            if node[1].get("z_order") != OPEN
        ]
        levels.append(max(stated) if stated else max(levels, default=0))
    return levels


def _put(nodes: Sequence[Node], level: int, only: str | None = None) -> None:
    for node in nodes:
        if only is None or node[1].get("z_order") == only:
            node[1] = {**node[1], "z_order": str(level)}
