"""Drawings by matplotlib as SVG that a page can hold under a strict content policy and in light and dark.

matplotlib draws; then style attributes become presentation attributes (a policy without inline style drops
them), ids get a prefix of their own, and the colours become variables of the page.
"""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, LINE, ACCENT, BAND = "#010101", "#020202", "#030303", "#040404", "#050505"

_VARIABLES = {INK: "--ink", MUTED: "--muted", LINE: "--line", ACCENT: "--accent", BAND: "--band"}

_RC: dict[Any, Any] = {
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 10.0,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "segbench",  # the same board gives the same bytes
    "text.color": INK,
    "text.parse_math": False,  # a $ in a model's name is a $
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}

_SVG = "http://www.w3.org/2000/svg"
_LONG_NUMBER = re.compile(r"(?<=[ \"(,])(-?\d+\.\d\d)\d+(?=[ \"),])")
"""Hundredths of a point are enough."""

_ATTRIBUTES = re.compile("clip-path|fill|font-size|opacity|stroke|text-anchor|(fill|stroke)-[a-z]+")


WIDTH = 4.5
"""Of a plot in inches: as much as a telephone shows without making the text smaller."""


@contextmanager
def settings() -> Iterator[None]:
    """matplotlib with our settings, and without its remarks on glyphs that only its own font lacks."""
    from matplotlib import rc_context

    with warnings.catch_warnings(), rc_context(_RC):
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def new_figure(height: float) -> tuple[Figure, Axes]:
    """An empty figure of so many inches, and its axes."""
    from matplotlib.figure import Figure  # matplotlib takes 0.3 s to import

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    figure.patch.set_visible(False)
    axes = figure.add_subplot()
    axes.patch.set_visible(False)
    return figure, axes


def to_svg(figure: Figure, prefix: str, title: str) -> str:
    """The figure as an element; ``prefix`` makes its ids unique in a page, ``title`` is read aloud."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    root = ET.fromstring(buffer.getvalue())
    ids = {element.get("id"): f"{prefix}-{element.get('id')}" for element in root.iter() if element.get("id")}
    for element in root.iter():
        _without_dropped(element)
        _plain_attributes(element, ids)
    root.set("role", "img")
    root.set("aria-label", title)
    root.set("stroke-linejoin", "round")
    ET.register_namespace("", _SVG)
    return _LONG_NUMBER.sub(r"\1", ET.tostring(root, encoding="unicode"))


def _without_dropped(element: ET.Element) -> None:
    for child in list(element):
        if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
            element.remove(child)


def _plain_attributes(element: ET.Element, ids: dict[str | None, str]) -> None:
    """Style to presentation attributes, own ids, plain ``href``, colours as variables."""
    for declaration in element.attrib.pop("style", "").split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name == "font":
            name, value = "font-size", (re.findall(r"[\d.]+(?=px)", value) or ["9"])[0]
        if _ATTRIBUTES.fullmatch(name):
            element.set(name, value)
    for name, value in list(element.attrib.items()):
        if name == "{http://www.w3.org/1999/xlink}href":
            del element.attrib[name]
            element.set("href", f"#{ids.get(value[1:], value[1:])}")
        elif value in _VARIABLES:
            element.set(name, f"var({_VARIABLES[value]})")
        elif name == "id":
            element.set(name, ids[value])
        elif value.startswith("url(#"):
            element.set(name, f"url(#{ids[value[5:-1]]})")
