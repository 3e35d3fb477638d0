"""YOLO's ``data.yaml``: the names of classes, and where the pictures of each split are."""

from __future__ import annotations

import math
import reprlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segbench.canonical.categories import Categories, Category
from segbench.errors import DataError
from segbench.formats.pictures import read_text

SPLITS = ("train", "val", "test", "minival")
_OWN_KEYS = ("path", "names", "nc", *SPLITS)
_FOLDER = "images"
_MOST_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class Config:
    """What a ``data.yaml`` says.

    Attributes
    ----------
    file
        Where it is.
    categories
        Names by rising class.
    splits
        ``{split: folders or lists of pictures, as written}``.
    skip_unlabelled
        Pictures without a label file are left out, and are no empty images.
    extra
        Whatever else it says.
    """

    file: Path
    categories: Categories
    splits: dict[str, list[str]]
    skip_unlabelled: bool = False
    path: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


def find_config(path: Path) -> Path | None:
    """Return the file itself, or the ``data.yaml`` of a folder, or its only YAML file; None without one."""
    if path.is_file():
        return path if path.suffix.lower() in (".yaml", ".yml") else None
    if (path / "data.yaml").is_file():
        return path / "data.yaml"
    files = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
    return files[0] if len(files) == 1 else None


def is_config(file: Path) -> bool:
    """Tell whether a YAML file names classes and splits, and no folder of label maps."""
    try:
        content = _parse(file)
    except DataError:
        return False
    return "names" in content and "masks_dir" not in content and bool(_split_keys(content))


def read_config(file: Path) -> Config:
    """Read a ``data.yaml``.

    Raises
    ------
    DataError
        When it is no YAML, or lacks names or splits.
    """
    content = _parse(file)
    splits = {}
    for split in _split_keys(content):
        values = content[split] if isinstance(content[split], list) else [content[split]]
        if not values or not all(isinstance(v, str) for v in values):
            raise DataError("is neither a folder nor a list of folders", file=file, field=split)
        splits[split] = values
    if not splits:
        raise DataError(f"names no split; one of {', '.join(SPLITS)} is needed", file=file)
    path = content.get("path")
    return Config(
        file=file,
        categories=_read_names(content.get("names"), file),
        splits=splits,
        skip_unlabelled=content.get("skip_if_label_file_missing") is True,
        path=path if isinstance(path, str) else "",
        extra={str(k): v for k, v in content.items() if k not in (*_OWN_KEYS, *splits) and _is_plain(v)},
    )


def write_config(file: Path, names: dict[int, str], splits: list[str], extra: dict[str, Any]) -> None:
    """Write a ``data.yaml``."""
    import yaml

    content = {
        "path": ".",
        **{_key_of(split, splits): f"{_FOLDER}/{split}" for split in splits},
        "nc": len(names),
        "names": names,
        **extra,
    }
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)
    file.write_text(text, encoding="utf-8")


def _split_keys(content: dict[str, Any]) -> list[str]:
    """Keys that name a split: those that YOLO knows, and any other whose folder is called like it."""
    return [key for key, value in content.items() if value and (key in SPLITS or value == f"{_FOLDER}/{key}")]


def _key_of(split: str, splits: list[str]) -> str:
    """The key under which a split is written: ``val`` for ``val2017``, where no other split is a ``val``."""
    for key in SPLITS:
        if split.startswith(key) and sum(other.startswith(key) for other in splits) == 1:
            return key
    return split


def _parse(file: Path) -> dict[str, Any]:
    import yaml

    text = read_text(file)
    if len(text) > _MOST_BYTES:
        raise DataError(f"has {len(text)} characters; at most {_MOST_BYTES} are read", file=file)
    try:
        content = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = " ".join(str(error).split()) or "it is nested too deep"
        raise DataError(f"is no YAML: {problem}", file=file) from None
    if not isinstance(content, dict):
        raise DataError("is YAML, but no mapping", file=file)
    return content


def _read_names(names: Any, file: Path) -> Categories:
    rows = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(rows, dict):
        raise DataError("is neither a list of names nor {class: name}", file=file, field="names")
    where: dict[str, Any] = {"file": file, "field": "names"}
    for class_id, name in rows.items():
        if type(class_id) is not int or not 0 <= class_id < 1 << 31:
            raise DataError(f"has the class {reprlib.repr(class_id)}, which is no number", **where)
        if not isinstance(name, (str, int, float)):
            raise DataError(f"the name of {class_id} is no text: {reprlib.repr(name)}", **where)
    return Categories(
        Category(id=i, name=str(name), source_id=None if class_id == i else class_id)
        for i, (class_id, name) in enumerate(sorted(rows.items()))
    )


def _is_plain(value: Any) -> bool:
    """Tell whether a value is a text, a number or a flat list of these; aliases could make more endless."""
    items = value if isinstance(value, list) else [value]
    return all(
        item is None or isinstance(item, (str, int)) or (isinstance(item, float) and math.isfinite(item))
        for item in items
    )
