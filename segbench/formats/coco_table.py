"""The columns of a COCO file as the instance table of a data set."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories
from segbench.canonical.instances import InstanceTable
from segbench.canonical.paths import check_name
from segbench.errors import DataError
from segbench.formats.coco_groups import Groups
from segbench.formats.coco_index import Annotations
from segbench.kernels import MAX_PIXELS

_PLAIN_NAME = re.compile(r"(?:\w[\w.-]*/)*\w[\w.-]*", re.ASCII)


class ImageEntries:
    """What the table of a truth needs of ``images``, entry by entry.

    Attributes
    ----------
    heights, widths
        In pixels.
    federated
        Places of the entries that say which categories were looked for.
    plain
        Whether no entry has to be looked at by itself.
    """

    def __init__(self) -> None:
        self.heights: list[int] = []
        self.widths: list[int] = []
        self.federated: list[int] = []
        self.plain = True

    def take(self, index: int, item: Mapping[str, Any]) -> None:
        """Take the next entry."""
        height, width, name = item.get("height"), item.get("width"), item.get("file_name")
        if "neg_category_ids" in item or "not_exhaustive_category_ids" in item:
            self.federated.append(index)
        if type(height) is int and type(width) is int and height > 0 and 0 < height * width <= MAX_PIXELS:
            self.heights.append(height)
            self.widths.append(width)
            self.plain = self.plain and (name is None or _leads_nowhere(name))
        else:
            self.plain = False


def truth_table(
    found: Annotations,
    entries: ImageEntries,
    owners: NDArray[np.int64],
    order: Sequence[int],
    categories: Categories,
) -> InstanceTable | None:
    """Return the truth's columns, its images in this order; None where an entry has to be looked at.

    ``owners`` int64 [N] are the places of the annotations' images in the file.
    """
    if not entries.plain:
        return None
    places = np.array(order, np.int64)
    rank = np.empty_like(places)
    rank[places] = np.arange(len(places))
    return _table(
        found,
        Groups(rank[owners], len(places)),
        (np.array(entries.heights)[places], np.array(entries.widths)[places]),
        dense_ids(found.category_ids, categories),
        boxes=found.boxes,
        partial=frozenset(rank[entries.federated].tolist() + rank[owners[found.others]].tolist()),
    )


def pred_table(
    found: Annotations, groups: Groups, truth: InstanceTable, category_ids: NDArray[np.int32], boxes: bool
) -> InstanceTable:
    """Return the columns of results of these dense ids; without ``boxes``, none beside a mask are read."""
    stated = found.boxes
    if stated is not None and not boxes:
        stated = stated.copy()
        stated[found.masks.kinds() != 0] = np.nan
    sizes = truth.heights, truth.widths
    return _table(found, groups, sizes, category_ids, boxes=stated)


def dense_ids(source_ids: NDArray[np.int64], categories: Categories) -> NDArray[np.int32]:
    """Return the dense category id of each source id, int32 [N], -1 where there is none."""
    keys = np.array([c.key for c in categories], np.int64)
    if not len(keys):
        return np.full(len(source_ids), -1, np.int32)
    order = np.argsort(keys).astype(np.int32)
    at = np.minimum(np.searchsorted(keys[order], source_ids), len(keys) - 1)
    dense = order[at]
    return np.where(keys[dense] == source_ids, dense, np.int32(-1))


def _table(
    found: Annotations,
    groups: Groups,
    sizes: tuple[NDArray[np.int64], NDArray[np.int64]],
    category_ids: NDArray[np.int32],
    *,
    boxes: NDArray[np.float64] | None,
    partial: frozenset[int] = frozenset(),
) -> InstanceTable:
    return InstanceTable(
        heights=sizes[0],
        widths=sizes[1],
        starts=groups.starts,
        rows=groups.order,
        category_ids=category_ids,
        ids=found.ids,
        iscrowd=found.iscrowd,
        areas=found.areas,
        boxes=boxes,
        scores=found.scores,
        masks=found.masks,
        partial=partial,
    )


def _leads_nowhere(name: Any) -> bool:
    """Tell whether a file name stays in its folder."""
    if not isinstance(name, str):
        return False
    if _PLAIN_NAME.fullmatch(name):
        return True
    with suppress(DataError):
        return bool(check_name(name))
    return False
