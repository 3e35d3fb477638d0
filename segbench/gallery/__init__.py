"""Gallery: a data set as one HTML page of pictures with their truth drawn over them, and histograms."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from math import log
from pathlib import Path
from typing import Any

from segbench.canonical.atomic import replace_file
from segbench.canonical.dataset import Dataset
from segbench.canonical.views import split_of_each
from segbench.conversions.health import Summary
from segbench.errors import DataError, UsageError
from segbench.gallery.bars import bars, size_bars
from segbench.gallery.overlay import css_color, draw_overlay, draw_picture

SHOWN = 24
"""Pictures of a page where no number is given."""

_FRAMES = {"wide": 2, "usual": 4 / 3, "square": 1, "tall": 3 / 4}
"""Width by height of frames, by their class in ``page.css``."""
_SMALL = 200
"""Pictures with shorter sides are enlarged without being smoothed."""


def write_gallery(dataset: Dataset, summary: Summary, target: Path, n_images: int = SHOWN) -> Path:
    """Write the page, whole or not at all.

    Parameters
    ----------
    dataset
        Whose pictures are shown: so many, evenly spaced.
    summary
        Its counts: see :func:`segbench.conversions.health.summarize`.
    target
        The HTML file: it needs no other file and no network.
    n_images
        How many pictures at most.

    Raises
    ------
    UsageError
        When ``n_images`` is negative.
    DataError
        When an annotation is damaged.
    """
    if n_images < 0:
        raise UsageError(f"the number of pictures must not be negative, and is {n_images}")
    with replace_file(target) as part:
        part.write_text(page(dataset, summary, n_images), encoding="utf-8")
    return target


def page(dataset: Dataset, summary: Summary, n_images: int = SHOWN) -> str:
    """Return the page; see :func:`write_gallery`."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    style, template = (
        files("segbench.gallery").joinpath(f"page.{kind}").read_text(encoding="utf-8")
        for kind in ("css", "html")
    )
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    digest = hashlib.sha256(style.encode()).digest()
    return environment.from_string(template).render(
        style=Markup(style),
        style_hash=f"sha256-{base64.b64encode(digest).decode()}",
        summary=summary,
        categories=_category_bars(dataset, summary),
        absent=[row["name"] for row in summary.categories if not row[_counted(summary)]],
        sizes=size_bars(summary.segment_sizes),
        image_sizes=bars([(size.replace("x", " × "), n) for size, n in list(summary.sizes.items())[:12]]),
        frame=_frame(summary.sizes),
        cards=list(_cards(dataset, n_images)),
    )


def _counted(summary: Summary) -> str:
    """What bars of categories show: segments, or pixels where there are none."""
    return "segments" if summary.n_segments else "pixels"


def _frame(sizes: Mapping[str, int]) -> str:
    """The shape of the frames of pictures: that of most of them."""
    counts = dict.fromkeys(_FRAMES, 0)
    for size, n in sizes.items():
        width, height = map(int, size.split("x"))
        counts[min(_FRAMES, key=lambda name: abs(log(width / height / _FRAMES[name])))] += n
    return max(counts, key=lambda name: counts[name])


def _category_bars(dataset: Dataset, summary: Summary) -> Sequence[dict[str, Any]]:
    """Bars of the categories that occur, the most frequent first; with colours."""
    key = _counted(summary)
    present = [row for row in summary.categories if row[key]]
    rows = sorted(present, key=lambda row: (-row[key], row["id"]))
    shown = bars([(row["name"], row[key]) for row in rows])
    colors = (css_color(dataset.categories[row["id"]]) for row in rows)
    return [{**bar, "color": color} for bar, color in zip(shown, colors, strict=True)]


def _cards(dataset: Dataset, n_images: int) -> Iterator[dict[str, Any]]:
    n = min(n_images, len(dataset))
    splits = split_of_each(dataset) if len(dataset.splits) > 1 else None
    for index in (i * len(dataset) // n for i in range(n)):
        sample = dataset[index]
        try:
            picture: bytes | None = draw_picture(sample)
            missing = ""
        except DataError as error:
            picture, missing = None, error.message
        overlay, labels = draw_overlay(sample, dataset.categories)
        yield {
            "image_id": sample.image_id,
            "split": "" if splits is None else splits[index],
            "size": f"{sample.width} × {sample.height}",
            "small": max(sample.width, sample.height) < _SMALL,
            "picture": picture and _uri(picture, "image/jpeg"),
            "overlay": _uri(overlay, "image/png"),
            "missing": missing,
            "labels": labels,
        }


def _uri(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
