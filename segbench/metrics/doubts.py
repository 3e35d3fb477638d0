"""Doubts: what a reader of a score should know of its data, counted, and one line a kind.

Metrics note a :class:`Doubt` of an image, or of many; :func:`gathered` adds those of a kind, in any order and
with the same result, so that a data set with 5,000 doubtful images has one line of each kind.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from segbench.errors import SegbenchWarning

if TYPE_CHECKING:
    from segbench.canonical.categories import Categories

KINDS = {
    #  kind               field          what is counted
    "truth_outside": ("mask", "{count} pixels have a true id that is no category"),
    "pred_outside": ("mask", "{count} pixels have a predicted id that is no category"),
    "pred_ignored": ("mask", "{count} scored pixels are predicted as the ignore index, which misses"),
    "empty_truth": ("segment_map", "{count} of {of} true segments have no pixel in their map"),
    "stated_area": ("area", "{count} of {of} true segments state an area other than their pixels"),
    "nameless": ("segments", "{count} ids of the true map have no segment"),
    "inside_id": (
        "segments",
        "{count} maps have a segment of the id that boundary-iou-api gives to what is inside segments: it is "
        "scored with the insides of those before it, as there",
    ),
    "unknown_category": ("category_id", "{count} predictions of unknown categories are left out"),
    "id_0": ("id", "{count} true annotations have id 0, so that no match with them counts (COCOeval)"),
    "box_area": (
        "bbox",
        "{count} of {of} scored predictions are in other area ranges by the area of their box, which counts, "
        "than by that of their mask",
    ),
    "no_prediction": ("predictions", "there is none for {count} true segments"),
}
"""Kind -> field and text, in the order of their lines; :attr:`Doubt.count` and :attr:`Doubt.of` go in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """One kind of doubt about one image, or about several.

    Attributes
    ----------
    kind
        One of :data:`KINDS`.
    count, of
        How many pixels, segments … it is about, and of how many.
    images
        How many images have it.
    image_id, index
        The first of these images: its id and its position in the data set, None where not known.
    detail
        More of that image.
    """

    kind: str
    count: int
    of: int = 0
    images: int = 1
    image_id: str | None = None
    index: int | None = None
    detail: str = ""

    @property
    def text(self) -> str:
        """``<image or images>: <field>: what``, as in errors."""
        field, words = KINDS[self.kind]
        what = words.format(count=f"{self.count:,}", of=f"{self.of:,}")
        return f"{self._where()}{field}: {what}" + (f" ({self.detail})" if self.detail else "")

    def _where(self) -> str:
        first = None if self.image_id is None else f"image {self.image_id}"
        if self.images == 1:
            return f"{first}: " if first else ""
        return f"{self.images:,} images" + (f", the first {first}: " if first else ": ")


def gathered(doubts: Iterable[Doubt]) -> tuple[Doubt, ...]:
    """Add doubts of a kind: one of each, in the order of :data:`KINDS`."""
    found: dict[str, list[Doubt]] = {}
    for doubt in doubts:
        found.setdefault(doubt.kind, []).append(doubt)
    return tuple(_sum(found[kind]) for kind in KINDS if kind in found)


def _sum(doubts: Sequence[Doubt]) -> Doubt:
    if len(doubts) == 1:
        return doubts[0]
    return replace(
        min(doubts, key=_place),
        count=sum(doubt.count for doubt in doubts),
        of=sum(doubt.of for doubt in doubts),
        images=sum(doubt.images for doubt in doubts),
    )


def texts(doubts: Iterable[Doubt]) -> list[str]:
    """The lines of :func:`gathered` doubts."""
    return [doubt.text for doubt in gathered(doubts)]


def warn(doubts: Iterable[Doubt], told: set[str]) -> None:
    """Warn the caller of ``update`` of each kind the first time; ``told`` keeps the kinds."""
    for doubt in doubts:
        if doubt.kind not in told:
            told.add(doubt.kind)
            warnings.warn(f"{doubt.text}; more such are counted in warnings", SegbenchWarning, stacklevel=3)


def absent(
    categories: Categories, missing: Sequence[int], zero: Collection[int], mean: str = "means"
) -> list[str]:
    """Say which categories the truth lacks, and what becomes of them; nothing where there is none.

    ``missing`` are their ids in order, ``zero`` those that count as 0 in the ``mean``.
    """
    counted = [i for i in missing if i in zero]
    effect = f"they are left out of {mean}"
    if len(counted) == len(missing):
        effect = f"they count as 0 in {mean}"
    elif counted:
        named = _names(categories, counted)
        effect = f"{len(counted)} that are predicted count as 0 in {mean}{named}, the others are left out"
    what = f"{len(missing)} of {len(categories)} categories are not in the truth{_names(categories, missing)}"
    return [f"{what}: {effect}"] if missing else []


def _names(categories: Categories, ids: Sequence[int], most: int = 5) -> str:
    shown = [categories[i].name for i in ids[:most]]
    return f" ({', '.join(shown)}{', …' if len(ids) > most else ''})"


def _place(doubt: Doubt) -> tuple[int, int, str]:
    """By index, else by id, numbers before text, else last."""
    if doubt.index is not None:
        return 0, doubt.index, ""
    if doubt.image_id is None:
        return 3, 0, ""
    return (1, int(doubt.image_id), "") if doubt.image_id.isdecimal() else (2, 0, doubt.image_id)
