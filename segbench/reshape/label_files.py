"""Files of labels: TOML of segbench's own, tables with a column for each data set (MSeg's), shipped ones.

::

    name = "people"
    ignore = ["sky"]                              # pixels are never scored, segments are left out
    drop = ["grass"]                              # likewise, and said to be wanted so
    [[category]]
    name = "person, large"                        # in the order of the dense ids
    from = [{category = "person", where = "area >= 9216"}]
    [[category]]
    name = "person"
    from = ["person", 25, {category = "people", ignore = true}]       # names, or ids of the source
    id = 7                                        # its source id from then on
    isthing = true
    color = [220, 20, 60]
    parent = "human"
"""

from __future__ import annotations

import csv
import hashlib
import io
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from segbench.errors import DataError, UsageError, did_you_mean
from segbench.reshape.labels import LabelMap, Source, Target
from segbench.reshape.where import parse_where

_UNLABELLED = ("unlabeled", "unlabelled", "void", "ignore", "")
_KEYS = {"name", "about", "category", "ignore", "drop"}
_CATEGORY_KEYS = {"name", "from", "id", "isthing", "color", "parent"}


def shipped() -> dict[str, str]:
    """Return the maps that are part of the package: ``{name: what it is}``."""
    folder = resources.files("segbench.reshape") / "maps"
    files = sorted(file.name for file in folder.iterdir() if file.name.endswith(".toml"))
    return {name.removesuffix(".toml"): read_labels(name.removesuffix(".toml")).about for name in files}


def read_labels(given: str | Path) -> LabelMap:
    """Read a map of labels.

    Parameters
    ----------
    given
        A TOML file, the name of a shipped one, or ``table.tsv#SOURCE`` or ``table.tsv#SOURCE:TARGET``, the
        columns of a table; a table of two columns needs no names, and TARGET is ``universal`` by default.

    Raises
    ------
    UsageError
        When there is no such file or map, or no such column.
    DataError
        When it is damaged, or a field is missing, unknown or of a wrong type.
    """
    name, _, columns = str(given).partition("#")
    file = Path(name)
    packaged = resources.files("segbench.reshape") / "maps" / f"{name}.toml"
    if not file.is_file():
        if "/" in name or not packaged.is_file():
            known = [
                p.name.removesuffix(".toml") for p in (resources.files("segbench.reshape") / "maps").iterdir()
            ]
            raise UsageError(
                f"there is no file of labels {name!r}, nor are they shipped.{did_you_mean(name, known)}"
            )
        return _from_toml(packaged.read_bytes(), Path(name))
    data = file.read_bytes()
    return _from_table(data, file, columns) if file.suffix in (".tsv", ".csv") else _from_toml(data, file)


def _from_toml(data: bytes, file: Path) -> LabelMap:
    try:
        content = tomllib.loads(data.decode("utf-8"))
    except ValueError as error:
        raise DataError(f"is no TOML: {error}", file=file) from None
    _check_keys(content, _KEYS, file, "")
    rows = content.get("category")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise DataError("has no [[category]]", file=file, field="category")
    targets = tuple(_target(row, file, f"category[{i}]") for i, row in enumerate(rows))
    names = [target.name for target in targets]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"the name {twice[0]!r} stands twice", file=file, field="category")
    return LabelMap(
        name=str(content.get("name", file.stem)),
        about=str(content.get("about", "")),
        targets=targets,
        ignore=_sources(content.get("ignore", []), file, "ignore"),
        drop=_sources(content.get("drop", []), file, "drop"),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _target(row: Mapping[str, Any], file: Path, field: str) -> Target:
    _check_keys(row, _CATEGORY_KEYS, file, field)
    name = row.get("name")
    if not isinstance(name, str) or not name:
        raise DataError("has no name", file=file, field=field)
    for key, kind in (("id", int), ("isthing", bool), ("parent", str)):
        if key in row and type(row[key]) is not kind:
            raise DataError(f"is no {kind.__name__}: {row[key]!r}", file=file, field=f"{field}.{key}")
    return Target(
        name=name,
        id=row.get("id"),
        isthing=row.get("isthing"),
        color=_color(row.get("color"), file, f"{field}.color"),
        parent=row.get("parent"),
        sources=_sources(row.get("from", [name]), file, f"{field}.from"),
    )


def _color(value: Any, file: Path, field: str) -> tuple[int, int, int] | None:
    if value is None:
        return None
    if (
        not isinstance(value, list)
        or len(value) != 3
        or not all(type(v) is int and 0 <= v < 256 for v in value)
    ):
        raise DataError(f"is no [red, green, blue] of 0 to 255: {value!r}", file=file, field=field)
    return value[0], value[1], value[2]


def _sources(values: Any, file: Path, field: str) -> tuple[Source, ...]:
    if not isinstance(values, list):
        raise DataError("is no list of categories", file=file, field=field)
    return tuple(_source(value, file, f"{field}[{i}]") for i, value in enumerate(values))


def _source(value: Any, file: Path, field: str) -> Source:
    row = value if isinstance(value, dict) else {"category": value}
    _check_keys(row, {"category", "where", "ignore"}, file, field)
    category, where = row.get("category"), row.get("where")
    if isinstance(category, bool) or not isinstance(category, str | int) or not isinstance(where, str | None):
        raise DataError(f"is no name, id or rule: {value!r}", file=file, field=field)
    try:
        parsed = None if where is None else parse_where(where)
    except UsageError as error:
        raise DataError(str(error), file=file, field=f"{field}.where") from None
    return Source(category=category, where=parsed, ignore=bool(row.get("ignore")))


def _check_keys(row: Mapping[str, Any], known: set[str], file: Path, field: str) -> None:
    for key in row:
        if key not in known:
            raise DataError(f"unknown key {key!r}.{did_you_mean(key, known)}", file=file, field=field or None)


def _from_table(data: bytes, file: Path, columns: str) -> LabelMap:
    """Read two columns of a table; a cell ``{a, b}`` names several categories."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"is no UTF-8: {error}", file=file) from None
    rows = list(csv.reader(io.StringIO(text), delimiter="\t" if file.suffix == ".tsv" else ","))
    header = [name.strip() for name in rows[0]] if rows else []
    before, after = _columns(header, columns, file)
    targets: dict[str, list[Source]] = {}
    ignore: list[Source] = []
    for row in rows[1:]:
        sources, (target, *more) = _cell(row, before), _cell(row, after) or [""]
        if more:
            raise DataError(
                f"names several categories to have: {row[after]!r}", file=file, field=header[after]
            )
        made = [Source(category=name) for name in sources]
        if made and target.lower() in _UNLABELLED:
            ignore += made
        elif made:
            targets.setdefault(target, []).extend(made)
    if not targets:
        raise DataError("has no row that names both", file=file, field=f"{header[before]}, {header[after]}")
    return LabelMap(
        name=f"{file.stem} {header[before]} to {header[after]}",
        targets=tuple(Target(name=name, sources=tuple(of)) for name, of in targets.items()),
        ignore=tuple(ignore),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _columns(header: list[str], columns: str, file: Path) -> tuple[int, int]:
    if not columns and len(header) == 2:
        return 0, 1
    before, _, after = columns.partition(":")
    for name in (before, after or "universal"):
        if name not in header:
            hint = did_you_mean(name, filter(None, header))
            raise UsageError(f"{file} has no column {name!r}; name two as FILE#SOURCE:TARGET.{hint}")
    return header.index(before), header.index(after or "universal")


def _cell(row: list[str], at: int) -> list[str]:
    text = row[at].strip() if at < len(row) else ""
    parts = text[1:-1].split(",") if text.startswith("{") and text.endswith("}") else [text]
    return [part.strip() for part in parts if part.strip()]
