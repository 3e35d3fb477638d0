"""Where the tables of a Hugging Face data set are, which split each belongs to, and what is said of columns.

Source: the documentation of ``datasets`` on the structure of repositories and on image folders, tried with
``datasets`` 5.2.0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segbench.canonical.paths import inside
from segbench.errors import DataError, UsageError, did_you_mean
from segbench.formats.hf_tables import ArrowTable, NameTable, ParquetTable, Table
from segbench.formats.pictures import read_text
from segbench.formats.plain_json import parse_json, read_object
from segbench.formats.split_names import SPLITS, split_of

METADATA = ("metadata.parquet", "metadata.jsonl", "metadata.csv")
"""Names of the table of an image folder."""

_MOST_CARD = 1 << 24


@dataclass(frozen=True, slots=True)
class Repository:
    """The tables of a data set.

    Attributes
    ----------
    root
        Folder to which file names in cells of Parquet files are relative.
    splits
        ``{split: its tables}``
    features
        ``{column: its description}``, as ``datasets`` writes it.
    """

    root: Path
    splits: dict[str, list[Table]]
    features: Mapping[str, Any]


def find_tables(path: Path, config: str | None) -> Repository:
    """Find the tables of a Parquet file, a ``save_to_disk`` folder, an image folder or a repository.

    Parameters
    ----------
    path
        The file or folder.
    config
        Which configuration, where a repository has several.

    Raises
    ------
    DataError
        When there is none, or a file is damaged.
    UsageError
        When there are several configurations, or none of this name.
    """
    if path.is_file():
        return _described(path.parent, {split_of(path, path.parent): [_table(path)]}, {})
    if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
        return _saved(path)
    metadata = _metadata_files(path)
    if metadata:
        tables: list[Table] = [NameTable(file) for file in metadata]
        return _described(path, _by_split(path, tables), {})
    card = _card(path)
    files, said = _data_files(path, card, config)
    splits = {split: [_table(file) for file in found] for split, found in files.items()}
    return _described(path, splits, _card_features(card, said))


def _table(file: Path) -> Table:
    return ArrowTable(file) if file.suffix == ".arrow" else ParquetTable(file)


def _described(root: Path, splits: dict[str, list[Table]], said: Mapping[str, Any]) -> Repository:
    """Take what the first file says of its columns, or else the card."""
    first = next(iter(splits.values()))[0]
    text = (first.schema.metadata or {}).get(b"huggingface")
    if text is not None:
        info = parse_json(text.decode("utf-8", "replace"), file=first.file, field="huggingface")
        found = info.get("info", {}) if isinstance(info, dict) else {}
        found = found.get("features") if isinstance(found, dict) else None
        said = found if isinstance(found, dict) else said
    return Repository(root, splits, said)


def _saved(path: Path) -> Repository:
    """A ``Dataset`` or ``DatasetDict`` written by ``save_to_disk``."""
    names = [""]
    if (path / "dataset_dict.json").is_file():
        file = path / "dataset_dict.json"
        names = read_object(file).get("splits", [])
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise DataError("is missing, or no list of names", file=file, field="splits")
    folders = {name: inside(path, name, file=path, field="splits") if name else path for name in names}
    splits = {name or _stated_split(folder): _shards(folder) for name, folder in folders.items()}
    features = read_object(next(iter(folders.values())) / "dataset_info.json").get("features")
    return _described(path, splits, features if isinstance(features, dict) else {})


def _stated_split(folder: Path) -> str:
    split = read_object(folder / "state.json").get("_split")
    return split if isinstance(split, str) and split else "train"


def _shards(folder: Path) -> list[Table]:
    state = folder / "state.json"
    content = read_object(state)
    if content.get("_indices_data_files"):
        message = "the rows are in another order; open it with datasets and save it after flatten_indices()"
        raise DataError(message, file=state, field="_indices_data_files")
    rows = content.get("_data_files")
    if not isinstance(rows, list) or not rows:
        raise DataError("is missing, or no list of files", file=state, field="_data_files")
    names = [row.get("filename") if isinstance(row, dict) else None for row in rows]
    if not all(isinstance(name, str) for name in names):
        raise DataError("has a row without a filename", file=state, field="_data_files")
    return [ArrowTable(inside(folder, str(name), file=state, field="_data_files")) for name in names]


def _metadata_files(path: Path) -> list[Path]:
    """The tables of an image folder: in the folder, or in those of its splits."""
    for folders in ([path], sorted(f for f in path.iterdir() if f.is_dir())):
        found = [next((f / n for n in METADATA if (f / n).is_file()), None) for f in folders]
        if any(found):
            return [file for file in found if file is not None]
    return []


def _data_files(
    path: Path, card: Mapping[str, Any], config: str | None
) -> tuple[dict[str, list[Path]], Mapping[str, Any]]:
    """The Parquet files of each split, and what the card says of their configuration."""
    stated = {
        str(c.get("config_name", "default")): c for c in _dicts(card.get("configs")) if c.get("data_files")
    }
    if stated:
        said = stated[_choose(stated, config, next((n for n, c in stated.items() if c.get("default")), None))]
        return _listed(path, said["data_files"]), said
    files = sorted(file for file in path.rglob("*.parquet") if not file.name.startswith("."))
    folders: dict[str, list[Path]] = {}
    for file in files:
        parts = file.relative_to(path).parts[:-1]
        name = next((p for p in parts if p != "data" and p.lower() not in SPLITS), "default")
        folders.setdefault(name, []).append(file)
    if not folders:
        raise DataError("holds no Parquet files, and no metadata.jsonl beside pictures", file=path)
    splits: dict[str, list[Path]] = {}
    name = _choose(folders, config, None)
    for file in folders[name]:
        splits.setdefault(split_of(file, path), []).append(file)
    return splits, {"config_name": name}


def _choose(known: Mapping[str, Any], config: str | None, default: str | None) -> str:
    if config is not None:
        if config not in known:
            raise UsageError(f"there is no configuration {config!r}.{did_you_mean(config, known)}")
        return config
    if len(known) > 1 and default is None and "default" not in known:
        some = ", ".join(list(known)[:8])
        raise UsageError(f"there are several configurations ({some}); name one: --option config=NAME")
    return default or ("default" if "default" in known else next(iter(known)))


def _listed(path: Path, given: Any) -> dict[str, list[Path]]:
    """The files that a card names: a pattern, a list of patterns, or ``[{split, path}]``."""
    rows = given if isinstance(given, list) else [given]
    splits: dict[str, list[Path]] = {}
    for row in rows:
        patterns = row.get("path") if isinstance(row, dict) else row
        for pattern in patterns if isinstance(patterns, list) else [patterns]:
            for file in _matching(path, pattern):
                split = row.get("split") if isinstance(row, dict) else None
                splits.setdefault(str(split or split_of(file, path)), []).append(file)
    if not splits:
        raise DataError("names no file that is there", file=path / "README.md", field="configs.data_files")
    return splits


def _matching(path: Path, pattern: Any) -> list[Path]:
    where: dict[str, Any] = {"file": path / "README.md", "field": "configs.data_files"}
    if not isinstance(pattern, str):
        raise DataError(f"has {pattern!r}, which is no pattern of file names", **where)
    inside(path, pattern, **where)
    try:
        found = sorted(path.glob(pattern))
    except (ValueError, NotImplementedError, IndexError) as error:
        raise DataError(f"has {pattern!r}, which is no pattern of file names: {error}", **where) from None
    return [file for file in found if file.is_file() and file.suffix in (".parquet", ".arrow")]


def _by_split(path: Path, tables: Sequence[Table]) -> dict[str, list[Table]]:
    splits: dict[str, list[Table]] = {}
    for table in tables:
        folder = table.file.parent
        splits.setdefault("train" if folder == path else folder.name, []).append(table)
    return splits


def _card(path: Path) -> Mapping[str, Any]:
    """The front matter of ``README.md``; empty where there is none that can be read."""
    file = path / "README.md"
    if not file.is_file() or file.stat().st_size > _MOST_CARD:
        return {}
    match = re.match(r"---\s*\n(.*?\n)---\s*(\n|$)", read_text(file).replace("\r\n", "\n"), re.DOTALL)
    if match is None:
        return {}
    import yaml

    try:
        content = yaml.load(match[1], getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"its front matter is no YAML: {' '.join(str(error).split())}", file=file) from None
    return content if isinstance(content, dict) else {}


def _card_features(card: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Features as the card lists them; classes are ``{class_label: {names: {"0": …}}}``."""
    infos = _dicts(card.get("dataset_info"))
    name = said.get("config_name", "default")
    info = next((i for i in infos if i.get("config_name", "default") == name), infos[0] if infos else {})
    return {str(f["name"]): f for f in _dicts(info.get("features")) if "name" in f}


def _dicts(value: Any) -> list[dict[str, Any]]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict)]
