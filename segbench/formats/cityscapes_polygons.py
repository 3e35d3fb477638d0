"""Polygons of Cityscapes: drawn as its tools draw them, and kept as they are.

Source: cityscapesScripts 2.3.0, ``preparation/json2instanceImg.py``: objects in order, the later over the
earlier, filled by Pillow; a name that ends in ``group`` is a group, deleted objects are none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from segbench.errors import DataError, did_you_mean
from segbench.formats.cityscapes_labels import NUMBERING, UNLABELED, Label
from segbench.formats.plain_json import check_size, need_items, need_points
from segbench.kernels import LabelRuns

GROUP = "group"


def draw_objects(content: dict[str, Any], labels: Mapping[str, Label], **where: Any) -> LabelRuns:
    """Return the map of ``instanceIds`` that the objects of a ``polygons.json`` make, int32.

    Raises
    ------
    DataError
        When the file is none, or an object has an unknown label; ``where`` goes into its message.
    """
    from PIL import Image, ImageDraw

    height, width = check_size(content.get("imgHeight"), content.get("imgWidth"), field="imgHeight", **where)
    canvas = Image.new("I", (width, height), UNLABELED)
    pen = ImageDraw.Draw(canvas)
    counts: dict[str, int] = {}
    for i, item in enumerate(need_items(content, "objects", **where)):
        if item.get("deleted"):
            continue
        label, is_group = _find(item.get("label"), labels, field=f"objects[{i}].label", **where)
        value = label.id
        if label.is_thing and not is_group:
            value = label.id * NUMBERING.base + counts.get(label.name, 0)
            counts[label.name] = counts.get(label.name, 0) + 1
        points = need_points(item.get("polygon"), field=f"objects[{i}].polygon", **where)
        if value >= 0:
            _fill(pen, points, value, field=f"objects[{i}].polygon", **where)
    return LabelRuns.of(np.asarray(canvas, np.int32))


def _find(name: Any, labels: Mapping[str, Label], **where: Any) -> tuple[Label, bool]:
    if isinstance(name, str):
        if name in labels:
            return labels[name], False
        single = name.removesuffix(GROUP)
        if single != name and single in labels:
            return labels[single], True
    raise DataError(f"is {name!r}, which is no label.{did_you_mean(str(name), labels)}", **where)


def _fill(pen: Any, points: list[tuple[float, float]], value: int, **where: Any) -> None:
    try:
        pen.polygon(points, fill=value)
    except (TypeError, ValueError) as error:
        raise DataError(f"cannot be drawn: {error}", **where) from None


def digest(runs: LabelRuns) -> str:
    """Hash of a map's pixels: polygons are written again only where their map is still the same."""
    found = hashlib.sha256(np.asarray(runs.values, np.int64).tobytes())
    found.update(runs.ends.tobytes())
    return found.hexdigest()
