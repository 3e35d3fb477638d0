"""The errors that segbench raises, and the exit code that the command line gives each.

::

    SegbenchError                       1
    ├── UsageError (ValueError)         2   a call or option that cannot be right, whatever the data
    ├── DataError (ValueError)          3   a file, an image or a field that is not as it must be
    │   ├── LossError                   3   a conversion would lose what the target cannot carry
    │   └── UnpairedError               3   an image lacks its prediction, or a prediction its image
    ├── PluginError                     4   a model plugin raised, or returned what it must not
    ├── PartialError                    5   only a part could be done
    ├── ThresholdError                  6   a score is below the threshold asked for
    ├── WorkerError                     1   a worker died, or work cannot be sent to one
    └── UnfinishedError                 0   this process has done its share, and others are at theirs

Warnings of this package are :class:`SegbenchWarning`.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from os import PathLike


class SegbenchError(Exception):
    """Base of every error of this package."""

    exit_code = 1


class UsageError(SegbenchError, ValueError):
    """A call or an option that cannot be right, whatever the data."""

    exit_code = 2


class DataError(SegbenchError, ValueError):
    """Data that is not as it must be: ``<file>: <image id>: <field>: what, and what to do``.

    Parameters
    ----------
    message
        What is wrong, and what to do.
    file, image_id, field
        Where; each is left out of the message when it is None.
    """

    exit_code = 3

    def __init__(
        self,
        message: str,
        *,
        file: str | PathLike[str] | None = None,
        image_id: object = None,
        field: str | None = None,
    ) -> None:
        self.message = message
        self.file = None if file is None else str(file)
        self.image_id = None if image_id is None else str(image_id)
        self.field = field
        where = [self.file, None if image_id is None else f"image {image_id}", field]
        super().__init__(": ".join([part for part in where if part] + [message]))


class LossError(DataError):
    """A conversion would lose pixels, instances or ids, and that was not allowed."""


class UnpairedError(DataError):
    """An image without its prediction, or a prediction for an image that the truth does not have."""


class PluginError(SegbenchError):
    """A model plugin raised, or returned what it must not."""

    exit_code = 4


class PartialError(SegbenchError):
    """Only a part of the work could be done."""

    exit_code = 5


class ThresholdError(SegbenchError):
    """A score is below the threshold asked for."""

    exit_code = 6


class WorkerError(SegbenchError):
    """A worker died, or work cannot be sent to one."""


class UnfinishedError(SegbenchError):
    """This process has done its share of a run; the record is left to the one that ends last."""

    exit_code = 0


class SegbenchWarning(UserWarning):
    """Something in the data that a reader of the score should know."""


@contextmanager
def reworded(options: Mapping[str, str]) -> Iterator[None]:
    """Let errors from within call options as the command at hand does.

    Formats speak of those of ``convert``: ``{"--from": "--truth-format", "--option": "--truth-option"}``.
    """
    try:
        yield
    except (DataError, UsageError) as error:
        given = error.message if isinstance(error, DataError) else str(error)
        message = re.sub(r"(?<![\w-])--[a-z-]+", lambda found: options.get(found[0], found[0]), given)
        if message == given:
            raise
        if isinstance(error, DataError):
            where = {"file": error.file, "image_id": error.image_id, "field": error.field}
            raise type(error)(message, **where) from None
        raise type(error)(message) from None


def raised(error: BaseException) -> str:
    """Return ``raised KeyError: 'x'``, in one line, for a message about what a stranger's code raised."""
    text = " ".join(str(error).split())
    return f"raised {type(error).__name__}" + (f": {text}" if text else "")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'? Known: a, b, c."`` for a message about an unknown name."""
    import difflib

    names = sorted(known)
    if not names:
        return " There are none."
    close = difflib.get_close_matches(name.lower(), [known.lower() for known in names], n=1)
    hint = next((f" Did you mean {known!r}?" for known in names if known.lower() in close), "")
    return f"{hint} Known: {', '.join(names)}."
