"""Options of commands that show pictures of what runs predicted."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from segbench.cli.options import PATH, pairs

_READING = (
    "truth_format",
    "truth_options",
    "predictions_format",
    "predictions_options",
    "num_classes",
)

_OPTIONS = (
    click.option(
        "--pictures", metavar="DATASET[=PREDICTIONS]", multiple=True,
        help="Show images of this data set on the page, and these predictions; may be repeated.",
    ),
    click.option(
        "--pages", metavar="DIR", type=PATH,
        help="Write the page here, with all its pictures in files beside it, in place of within it.",
    ),
    click.option(
        "--page-mb", metavar="N", type=click.FloatRange(min=0), default=16, show_default=True,
        help="Megabytes of pictures within the page.",
    ),
    click.option("--truth-format", metavar="F", help="Format of DATASET; recognised by default."),
    click.option("--predictions-format", metavar="F", help="Format of PREDICTIONS; recognised by default."),
    click.option("--num-classes", metavar="N", type=int, help="Categories of label maps without id2label."),
    pairs("--truth-option", "DATASET's format, such as ignore_index=11", "truth_options"),
    pairs("--predictions-option", "the format of PREDICTIONS", "predictions_options"),
)  # fmt: skip


def picture_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options; it is called with ``pictures``, ``pages`` and ``page_mb``."""

    @functools.wraps(command)
    def called(*, pictures: tuple[str, ...], **options: Any) -> None:
        reading = {name: options.pop(name) for name in _READING}
        command(pictures=_opened(pictures, reading), **options)

    wrapped: Callable[..., None] = called
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def _opened(sources: tuple[str, ...], reading: dict[str, Any]) -> Any:
    if not sources:
        return None
    from segbench.pictures import Pictures, Reading

    return Pictures(sources, Reading(**reading))
