"""What the values of volumes mean: ``labels`` of the Decathlon's or nnU-Net's ``dataset.json``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from segbench.canonical.categories import Categories, Category
from segbench.errors import DataError
from segbench.formats.label_maps import Values
from segbench.formats.nifti_slices import LARGEST, values_in

IGNORE = "ignore"
"""Name of the label that nnU-Net never scores."""


def labels_of(content: Mapping[str, Any], file: Path) -> dict[int, str]:
    """Return the name of each value: of ``{"1": "liver"}``, or of nnU-Net's ``{"liver": 1}``.

    Raises
    ------
    DataError
        When there are none, or one stands twice.
    """
    labels = content.get("labels")
    if not isinstance(labels, dict) or not labels:
        raise DataError("is missing, or no object", file=file, field="labels")
    names: dict[int, str] = {}
    for key, value in labels.items():
        turned = type(value) is int
        number, name = (value, key) if turned else (_number(key), value)
        if number is None or not isinstance(name, str) or not 0 <= number <= LARGEST or number in names:
            raise DataError(
                f"is no name of a value of 0 to {LARGEST}, or its second", file=file, field=f"labels.{key}"
            )
        names[number] = name
    return names


def ignored_of(content: Mapping[str, Any]) -> frozenset[int]:
    """Return the values of the name ``ignore``; other labels may be what nnU-Net calls regions."""
    labels = content.get("labels")
    pairs = labels.items() if isinstance(labels, dict) else ()
    found = [value if key == IGNORE else _number(key) if value == IGNORE else None for key, value in pairs]
    return frozenset(value for value in found if type(value) is int)


def values_of(files: Iterable[Path]) -> dict[int, str]:
    """Return a name for each value that occurs in volumes.

    Raises
    ------
    DataError
        When one is damaged.
    """
    found = sorted({value for file in files for value in values_in(file)})
    return {value: f"label {value}" if value else "background" for value in found}


def categories_of(names: Mapping[int, str]) -> Values:
    """Return what values mean; that of the name ``ignore`` is never scored.

    Raises
    ------
    DataError
        When that is the only one.
    """
    void = frozenset(value for value, name in names.items() if name == IGNORE)
    kept = sorted(names.keys() - void)
    if not kept:
        raise DataError("names nothing but what is ignored", field="labels")
    categories = Categories(
        Category(i, names[value], source_id=None if value == i else value) for i, value in enumerate(kept)
    )
    return Values(categories, {value: i for i, value in enumerate(kept)}, void)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else None
