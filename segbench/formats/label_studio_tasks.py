"""Label Studio's JSON as a list of tasks: one reading notices their ids, splits, labels and pictures."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from segbench.canonical.paths import check_name
from segbench.errors import DataError
from segbench.formats import pictures
from segbench.formats.jsonfile import JsonFile
from segbench.formats.label_studio_regions import Result, label_of, labels_of, shape_of, split_regions
from segbench.formats.plain_json import need_items

_LOOKED_AT = 16
KINDS = ("annotations", "predictions")
_UPLOAD = re.compile(r"^[0-9a-f]{8}-")
_UNLABELLED = "{} tasks have no annotation, and count as without objects"
_SEVERAL = "{} tasks have several annotations; the ground truth counts, else the first that was not cancelled"
_TWO = "{} regions have several labels; the first counts"
_UNNAMED = "{} regions have no label, and are no objects"
_NOTES = (_UNLABELLED, _SEVERAL, _TWO, _UNNAMED)
_PREDICTED = "no task has an annotation: predictions are read in their place"


class Tasks:
    """What the one reading of a file notices of its tasks.

    Attributes
    ----------
    file, items
        The JSON, and its tasks, parsed when asked for.
    split_of
        The split of each task, an empty text where it has none.
    labels
        The labels of the regions that count.
    annotated, predicted
        Whether a task has an annotation, or a prediction.

    Raises
    ------
    DataError
        When the file is damaged.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.split_of: list[str] = []
        self.labels: set[str] = set()
        self.annotated = self.predicted = False
        self._ids: list[tuple[Any, Any]] = []
        self._paths: list[str] = []
        self._counts = dict.fromkeys(_NOTES, 0)
        self.items = JsonFile(file, self._take).require("")

    def image_ids(self) -> list[str]:
        """Return the ids of all tasks."""
        stated = all(given is not None for _, given in self._ids)
        return [
            str(given if stated else place if task_id is None else task_id)
            for place, (task_id, given) in enumerate(self._ids, 1)
        ]

    def splits(self) -> dict[str, int]:
        """Return ``{split: number of images}``, in order of appearance."""
        return dict(Counter(self.split_of))

    def roots(self, images: Path | None) -> list[Path]:
        """Return the folder of pictures, where it has one of the first."""
        if images is not None:
            if not images.is_dir():
                raise DataError("the folder of pictures is no folder", file=images)
            return [images]
        tried = [self.file.parent / "images", self.file.parent]
        return [root for root in tried if any(find_picture(root, path) for path in self._paths)][:1]

    def notes(self) -> list[str]:
        """Return what a reader of a score should know."""
        notes = [text.format(n) for text, n in self._counts.items() if n]
        return notes if self.annotated or not self.predicted else [_PREDICTED, *notes]

    def _take(self, _: str, index: int, task: dict[str, Any]) -> None:
        where: dict[str, Any] = {"file": self.file, "image_id": task.get("id", index + 1)}
        data = task.get("data")
        if not isinstance(data, dict):
            raise DataError("is missing, or no object", field="data", **where)
        self._ids.append((_id(task, "id", **where), _id(data, "image_id", **where)))
        split = data.get("split")
        self.split_of.append(check_name(split, field="data.split", **where) if isinstance(split, str) else "")
        path = picture_path(data)
        if path and len(self._paths) < _LOOKED_AT:
            self._paths.append(path)
        for kind in KINDS:
            self._take_results(task, kind, where)

    def _take_results(self, task: dict[str, Any], kind: str, where: dict[str, Any]) -> None:
        rows = [] if task.get(kind) is None else need_items(task, kind, **where)
        chosen = choose(task, kind, **where)
        if kind == "annotations":
            self.annotated |= chosen is not None
            self._counts[_UNLABELLED] += chosen is None
            self._counts[_SEVERAL] += len(rows) > 1
        else:
            self.predicted |= chosen is not None
        results = (
            [] if chosen is None or chosen.get("result") is None else need_items(chosen, "result", **where)
        )
        regions, others = split_regions(results, **where)
        self.labels.update(label_of(region) for region in regions)
        self._counts[_TWO] += sum(len(labels_of(region[0][1])) > 1 for region in regions)
        self._counts[_UNNAMED] += sum(shape_of(result) is not None for _, result in others)


def choose(task: Result, kind: str, **where: Any) -> Result | None:
    """Return the ground truth among annotations, else the first not cancelled; or the first prediction.

    Raises
    ------
    DataError
        When these are no list of objects; ``where`` goes into its message.
    """
    rows = [] if task.get(kind) is None else need_items(task, kind, **where)
    rows = [row for row in rows if not row.get("was_cancelled")]
    return next((row for row in rows if row.get("ground_truth") is True), rows[0] if rows else None)


def picture_path(data: Result) -> str | None:
    """Return the path of the picture that a task's data name; None where there is none, or it leads away."""
    texts = [data.get("image"), *data.values()]
    url = next((t for t in texts if isinstance(t, str) and _suffix(t) in pictures.SUFFIXES), None)
    if url is None:
        return None
    with suppress(DataError, ValueError):
        return check_name(_path_of(url))
    return None


def _path_of(url: str) -> str:
    parts = urlsplit(url)
    (path, *_) = parse_qs(parts.query).get("d", [unquote(parts.path)])
    local = path != unquote(parts.path)
    return path.lstrip("/").removeprefix("images/") if local else PurePosixPath(path).name


def _suffix(url: str) -> str:
    try:
        return PurePosixPath(_path_of(url)).suffix.lower()
    except ValueError:
        return ""


def find_picture(root: Path, path: str) -> Path | None:
    """Return the file below a folder: by its path, its last part, or that without an upload's mark."""
    last = PurePosixPath(path).name
    tried = (root / name for name in dict.fromkeys((path, last, _UPLOAD.sub("", last))))
    return next((file for file in tried if file.is_file()), None)


def _id(item: Result, key: str, **where: Any) -> int | str | None:
    value = item.get(key)
    if value is None or type(value) in (int, str):
        return value
    raise DataError("is neither an integer nor a text", field=key, **where)


def need_file(path: Path) -> Path:
    """Return what :func:`find_file` finds.

    Raises
    ------
    DataError
        When it finds nothing.
    """
    file = find_file(path)
    if file is None:
        raise DataError("has no tasks.json, nor one JSON alone", file=path)
    return file


def find_file(path: Path) -> Path | None:
    """Return the JSON itself, or ``tasks.json`` of a folder, or the only JSON there."""
    if path.is_file():
        return path if path.suffix.lower() == ".json" else None
    named = path / "tasks.json"
    files = [named] if named.is_file() else sorted(path.glob("*.json"))
    return files[0] if len(files) == 1 else None
