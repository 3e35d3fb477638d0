"""Pictures of images, drawn: what goes from whoever has the data to a page that has run records alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from segbench.records.results import RunRecord


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """What lies over a picture for one run: transparent PNGs, and what a reader should know of them."""

    prediction: bytes
    mistakes: bytes
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One image.

    Attributes
    ----------
    image_id, width, height
        Its id, and its size in pixels before it was made small.
    picture, missing
        A JPEG; or None, and why there is none.
    truth
        A transparent PNG.
    overlays
        By the place of the run among those of the board.
    category_ids
        Those that occur in the truth or in a prediction.
    """

    image_id: str
    width: int
    height: int
    picture: bytes | None
    missing: str
    truth: bytes
    overlays: Mapping[int, Overlay]
    category_ids: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class BoardPictures:
    """The pictures of a board.

    Attributes
    ----------
    draw
        Draws the image of an id; DataError where an annotation is damaged.
    predicted
        Places of the runs whose predictions are there.
    colors
        ``{category_id: "#rrggbb"}``.
    notes
        What is not shown, and why.
    """

    draw: Callable[[str], Picture]
    predicted: Sequence[int]
    colors: Mapping[int, str]
    notes: Sequence[str]


class PictureSource(Protocol):
    """Has the pictures of some boards: see :class:`segbench.pictures.Pictures`."""

    def of(self, records: Sequence[RunRecord], image_ids: Sequence[str]) -> BoardPictures | None:
        """The pictures of a board of these runs, which will show these images; None where there are none."""
