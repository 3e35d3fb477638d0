"""What the commands share: options, progress bars, JSON on stdout."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import click

from segbench.errors import UsageError

PATH = click.Path(path_type=Path)


@contextmanager
def stdout_kept() -> Iterator[None]:
    """Send to stderr what strangers' code prints within, natively or in processes of its own, too."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


class _Location(click.Path):
    """A path of this machine, or the URL of something in a store, which stays text."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if "://" in str(value) else super().convert(value, param, ctx)


LOCATION = _Location(path_type=Path)


def _option_pairs(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    """Turn KEY=VALUE words into a dict; values are read as JSON where they are JSON, else as text."""
    options: dict[str, Any] = {}
    for word in values:
        key, equals, text = word.partition("=")
        if not equals:
            raise UsageError(f"{word!r} is no KEY=VALUE")
        try:
            options[key] = json.loads(text)
        except ValueError:
            options[key] = text
    return options


def size(_: click.Context, param: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    """Turn 512x768 into height and width, and 512 into both."""
    if text is None:
        return None
    words = text.split("x")
    if len(words) > 2 or not all(word.isdigit() for word in words):
        raise UsageError(f"--{param.name} is height and width in pixels, such as 512x768, not {text!r}")
    return tuple(int(word) for word in (words * 2)[:2])


def pairs(name: str, what: str, into: str = "options") -> Callable[[Any], Any]:
    """An option KEY=VALUE that may be repeated."""
    return click.option(
        name, into, multiple=True, metavar="KEY=VALUE", callback=_option_pairs, help=f"Setting of {what}."
    )


def progress(what: str, total: int | None = None) -> Callable[[Iterable[Any]], Any]:
    """A bar on a terminal, nothing elsewhere."""

    def wrap(items: Iterable[Any]) -> Any:
        if not sys.stderr.isatty():
            return iter(items)
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # its thread would keep workers from being forked
        return iter(tqdm(items, desc=what, unit="image", total=total, file=sys.stderr))

    return wrap


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False))
