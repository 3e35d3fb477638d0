"""What both drop-ins need."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: object) -> None:
    """Print a line that the original prints: scripts read it, and launchers silence it by replacing print."""
    print(text)  # noqa: T201 - this line is part of the original's interface


@contextmanager
def no_collection() -> Iterator[None]:
    """Pause the collector of cycles: it would walk a whole data set again and again while dicts are made."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
