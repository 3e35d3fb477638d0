"""What users hand to ``PanopticQuality.update``: maps of segments, or of classes and of instances."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from segbench import kernels
from segbench.canonical.categories import Categories
from segbench.canonical.segment import Segment
from segbench.errors import DataError, UsageError
from segbench.metrics.inputs import as_labels

SegmentLike = Segment | Mapping[str, Any]
_MAPS = "the predicted segment map", "the true segment map"


View = Callable[[Any, str], Any]


class Side(NamedTuple):
    """The truth or the prediction of a batch.

    Attributes
    ----------
    maps
        Segment ids [B, H, W]; 0 is void.
    segments
        Those of each image; None where the ids say their categories, see :class:`Reader`.
    """

    maps: Any
    segments: Sequence[Sequence[Segment]] | None


class Batch(NamedTuple):
    """Both sides of some images of one size, and the ids of these."""

    image_ids: list[str | None]
    pred: Side
    truth: Side


class Reader:
    """Reads what a metric of these categories is given.

    A class map with an instance map is read as segments of id ``instance * K + category + 1``, one for each
    category and instance of things, and one for each category of stuff, whatever its instances are. What is
    of no category is void.

    Parameters
    ----------
    categories
        K categories.
    dense_ids
        Dense category id of each id that users may give.
    """

    def __init__(self, categories: Categories, dense_ids: Mapping[int, int]) -> None:
        self._categories, self._dense_ids = categories, dense_ids

    def batch(self, pred: Any, truth: Any, image_id: object, view: View, xp: Any) -> Batch:
        """Read what ``update`` is given, with ``view`` for arrays of any library as those of ``xp``.

        Raises
        ------
        UsageError
            When a map is not of integers [H, W] or [B, H, W], a segment lacks its id or category, or there
            are not segments or an id for each image.
        DataError
            When a category is unknown, or maps are of different sizes.
        """
        maps = [as_labels(view(side[0], what), what) for side, what in zip((pred, truth), _MAPS, strict=True)]
        names = names_of(image_id, maps[1])
        if maps[0].shape != maps[1].shape:
            raise DataError(
                f"the segment map is {maps[0].shape} ids, that of the truth {maps[1].shape}; need [H, W]",
                image_id=names[0],
                field="segment_map",
            )
        sides = []
        for (_, told), one, what in zip((pred, truth), maps, _MAPS, strict=True):
            whole = one if one.ndim == 3 else one[None]
            if is_map(told):
                instances = as_labels(view(told, "an instance map"), "an instance map")
                sides.append(Side(self._joined(whole, instances, xp, names[0]), None))
            else:
                lists = list(told) if one.ndim == 3 else [told]
                sides.append(Side(whole, self._lists(lists, names, what)))
        return Batch(names, *sides)

    def _lists(
        self, lists: Sequence[Iterable[SegmentLike]], names: Sequence[str | None], what: str
    ) -> list[list[Segment]]:
        if len(lists) != len(names):
            raise UsageError(f"{what} is of {len(names)} images, and there are segments of {len(lists)}")
        return [
            [s if isinstance(s, Segment) else self._segment(s, name) for s in segments]
            for segments, name in zip(lists, names, strict=True)
        ]

    def _joined(self, classes: Any, instances: Any, xp: Any, image_id: str | None) -> Any:
        if instances.size != classes.size:
            raise DataError(
                f"a class map is {classes.shape} ids, its instance map {instances.shape}",
                image_id=image_id,
                field="segment_map",
            )
        instances = instances.reshape(classes.shape)
        k, last = len(self._categories), max(self._dense_ids)
        number, whole = np.zeros(last + 2, np.int64), np.zeros(last + 2, np.int64)
        for given, dense in self._dense_ids.items():
            if given >= 0:
                number[given], whole[given] = dense + 1, self._categories[dense].isthing is not False
        # whatever is no category reads the last entry, which is 0
        at = xp.where((classes < 0) | (classes > last), last + 1, classes).astype(np.int64)
        category, things = xp.asarray(number)[at], xp.asarray(whole)[at]
        return xp.where(category > 0, instances.astype(np.int64) * things * k + category, 0)

    def segments_of(self, side: Side, i: int, ids: Iterable[int] | None = None) -> Sequence[Segment]:
        """The segments of image i: as given, or those that the ids of its map say."""
        if side.segments is not None:
            return side.segments[i]
        k = len(self._categories)
        ids = np.unique(side.maps[i]).tolist() if ids is None else ids
        return [Segment(id=j, category_id=(j - 1) % k) for j in sorted(set(ids) - {0})]

    def _segment(self, row: Mapping[str, Any], image_id: str | None) -> Segment:
        if "id" not in row or "category_id" not in row:
            raise UsageError(f"a segment needs id and category_id, this has {sorted(row)}")
        category_id = self._dense_ids.get(int(row["category_id"]))
        if category_id is None:
            raise DataError(
                f"segment {row['id']} has unknown category {row['category_id']}",
                image_id=image_id,
                field="category_id",
            )
        return Segment(
            id=int(row["id"]),
            category_id=category_id,
            iscrowd=bool(row.get("iscrowd", False)),
            source_area=row.get("area"),
        )


def maps_in(pred: tuple[Any, Any], truth: tuple[Any, Any]) -> dict[str, Any]:
    """The arrays among what ``update`` is given, by name."""
    found = {"pred": pred[0], "truth": truth[0]}
    instances = {"the predicted instance map": pred[1], "the true instance map": truth[1]}
    return found | {what: values for what, values in instances.items() if is_map(values)}


def is_map(values: Any) -> bool:
    """Tell whether something is an array of two axes or more, and not a list of segments."""
    return kernels.dtype_name(values) != "" and len(values.shape) > 1


def names_of(image_id: object, maps: Any) -> list[str | None]:
    """Ids of the images of a map, or of a batch of maps: one id, a sequence of them, or None for none.

    Raises
    ------
    UsageError
        When there is not an id for each image.
    """
    images = len(maps) if len(maps.shape) > 2 else 1
    given = [image_id] if isinstance(image_id, str) or not isinstance(image_id, Sequence) else list(image_id)
    if image_id is None:
        given *= images
    if len(given) != images:
        raise UsageError(f"there are {images} images and {len(given)} image ids")
    return [None if one is None else str(one) for one in given]
