"""The size of a picture beside that of what was drawn on it."""

from __future__ import annotations

from typing import Any

from segbench.errors import DataError


def check_size(found: tuple[int, int], annotated: tuple[int, int], **where: Any) -> None:
    """Check that a picture has the height and width of its annotation.

    Raises
    ------
    DataError
        When it has not; ``where`` goes into its message.
    """
    if found != annotated:
        shown, said = (f"{width}×{height}" for height, width in (found, annotated))
        raise DataError(f"the image is {shown} pixels, its annotation {said}", **where)
