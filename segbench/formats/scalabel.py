"""Scalabel's JSON, which BDD100K publishes and takes predictions in: run lengths, polygons, scores.

Read only. Sources: ``label/typing.py`` and ``label/transforms.py`` of scalabel 0.3.1, and bdd100k's
configurations: a list of frames, or ``{"frames", "config"}``. A region is ``rle``, COCO's, or ``poly2d``,
whose vertices of type C are the two handles of a curve. In a label map the later region is seen. Polygons are
drawn as COCO's are; bdd100k draws them by Matplotlib.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import ImageFile, Sample
from segbench.errors import DataError, UsageError, did_you_mean
from segbench.formats.aligned import in_order_of
from segbench.formats.bdd100k_labels import TASKS as BDD_TASKS
from segbench.formats.bdd100k_labels import leaves
from segbench.formats.pictures import SUFFIXES, find_files
from segbench.formats.plain_json import check_size, head_has, need_items, read_json
from segbench.formats.scalabel_labels import ALIASES, Known, has_region, read_label
from segbench.formats.split_names import split_of

__all__ = ["CARRIES", "INSTEAD", "LAYOUT", "TASKS", "TITLE", "read", "read_predictions", "sniff"]

TITLE = "Scalabel's JSON (BDD100K's run lengths and polygons)"
TASKS = ("instance", "semantic")
CARRIES = frozenset(
    {
        "stuff", "instances", "overlap", "holes", "parts", "polygons", "crowd", "ignore", "ids", "wide_ids",
        "isthing", "scores", "attributes", "tracks", "extra", "splits", "images",
    }
)  # fmt: skip
INSTEAD = "write bdd100k, whose bitmasks the same tools read"
LAYOUT = """\
ins_seg_val.json or labels/ins_seg/rles/ins_seg_val.json, labels/…/polygons/…
  [{"name", "videoName", "frameIndex", "size", "labels": [{"id", "category", "score", "rle", "poly2d"}]}]
images/10k/val/x.jpg       pictures by name; optional"""
_LISTS = ("labels/*/rles/*.json", "labels/*/polygons/*.json")
_SIZE = 720, 1280
"""Height and width of BDD100K's pictures: where neither frame nor configuration states any."""


def sniff(path: Path) -> bool:
    """Tell whether a JSON file, or one in a folder of BDD100K, has regions of Scalabel."""
    file = path if path.is_file() else next((f for p in _LISTS for f in path.glob(p)), None)
    return file is not None and head_has(file, b'"labels"') and (
        head_has(file, b'"poly2d"') or head_has(file, b'"rle"')
    )  # fmt: skip


def read(path: Path, *, annotation: str | None = None) -> Dataset:
    """Open a JSON of Scalabel, or a folder of BDD100K: its run lengths, or its polygons where there are none.

    Parameters
    ----------
    path
        The file or folder.
    annotation
        ``ins_seg``, ``seg_track``, ``pan_seg``, ``sem_seg`` or ``drivable``, whose classes are read and no
        others. By default those of the configuration in the file; else of the task that its path names; else
        all that occur.

    Raises
    ------
    DataError
        When there is no such file, or it is damaged.
    UsageError
        When ``annotation`` is unknown.
    """
    if annotation is not None and annotation not in BDD_TASKS:
        hint = did_you_mean(annotation, BDD_TASKS)
        raise UsageError(f"annotation must be one of {', '.join(BDD_TASKS)}, not {annotation!r}.{hint}")
    files = _files(path, annotation)
    frames = [frame for file in files for frame in _frames(file)]
    return _open(path, frames, _categories(frames, files, annotation), left_out=True)


def read_predictions(path: Path, truth: Dataset) -> Dataset:
    """Open predictions: labels with scores, whose categories are called as in the truth.

    Raises
    ------
    DataError
        When a frame of the truth or a category is missing, or the JSON is damaged.
    """
    frames = [frame for file in _files(path, None) for frame in _frames(file)]
    return in_order_of(truth, _open(path, frames, truth.categories, left_out=False))


@dataclass(frozen=True, slots=True)
class _Frame:
    """One frame, and where it stands in which file."""

    file: Path
    field: str
    split: str
    content: Mapping[str, Any]
    config: Mapping[str, Any]

    @property
    def image_id(self) -> str:
        """Name without suffix, after that of the video."""
        name, video = str(self.content["name"]), self.content.get("videoName")
        stem = PurePosixPath(name).with_suffix("").as_posix() if PurePosixPath(name).suffix else name
        return stem if video is None or "/" in name else f"{video}/{stem}"

    @property
    def labels(self) -> list[tuple[int, dict[str, Any]]]:
        """Labels that have a region, and their places."""
        return [(i, label) for i, label in enumerate(self._all) if has_region(label)]

    @property
    def n_without(self) -> int:
        """How many have none: boxes, and lines."""
        return len(self._all) - len(self.labels)

    @property
    def _all(self) -> list[dict[str, Any]]:
        found = self.content.get("labels")
        return need_items(self.content, "labels", field=self.field, file=self.file) if found else []


def _files(path: Path, annotation: str | None) -> list[Path]:
    if path.is_file():
        return [path]
    for task in BDD_TASKS if annotation is None else (annotation,):
        for folder in BDD_TASKS[task].folders:
            for kind in ("rles", "polygons"):
                if files := sorted((path / "labels" / folder / kind).glob("*.json")):
                    return files
    raise DataError(f"holds no labels/{annotation or 'ins_seg'}/rles/*.json", file=path)


def _frames(file: Path) -> Iterator[_Frame]:
    content = read_json(file)
    wrapped = content if isinstance(content, dict) else {"frames": content}
    config = wrapped.get("config")
    for i, row in enumerate(need_items(wrapped, "frames", file=file)):
        if not isinstance(row.get("name"), str) or not row["name"].strip("/. "):
            raise DataError("is missing, or no name", file=file, field=f"frames[{i}].name")
        if type(row.get("videoName")) not in (str, type(None)):
            raise DataError("is no name", file=file, field=f"frames[{i}].videoName")
        yield _Frame(file, f"frames[{i}]", split_of(file), row, config if isinstance(config, dict) else {})


def _categories(frames: list[_Frame], files: list[Path], annotation: str | None) -> Categories:
    """Those of the task that is asked for, of the configuration, of the path's task, or all that occur."""
    named = next((t for t in BDD_TASKS if t in files[0].name or t in files[0].parent.parent.name), None)
    listed = next((f.config["categories"] for f in frames if f.config.get("categories")), None)
    if annotation is None and isinstance(listed, list):
        rows = [(row.get("name"), row.get("isThing")) for row in leaves(listed, files[0])]
        if not all(isinstance(name, str) and type(thing) in (bool, type(None)) for name, thing in rows):
            where: dict[str, Any] = {"file": files[0], "field": "config.categories"}
            raise DataError("has no name, or an isThing that is no bool", **where)
        return Categories(Category(i, str(name), isthing=thing) for i, (name, thing) in enumerate(rows))
    task = annotation or named
    if task is not None:
        return Categories(
            Category(i, r.name, source_id=None if r.value == i else r.value, isthing=r.isthing, color=r.color)
            for i, r in enumerate(BDD_TASKS[task].own)
        )
    names = sorted({str(label.get("category")) for frame in frames for _, label in frame.labels})
    if not names:
        raise DataError("holds no label with a region, so that there are no classes", file=files[0])
    return Categories(Category(i, name) for i, name in enumerate(names))


def _open(path: Path, frames: list[_Frame], categories: Categories, *, left_out: bool) -> Dataset:
    """The data set of frames; labels of other categories are left out, or else an error."""
    names = {c.name for c in categories}
    aliases = {a: name for a, name in ALIASES.items() if a not in names and name[0] in names and left_out}
    others = Counter(
        str(label.get("category"))
        for frame in frames
        for _, label in frame.labels
        if left_out and str(label.get("category")) not in names | aliases.keys()
    )
    ordered = sorted(frames, key=lambda frame: (frame.split, frame.image_id))
    splits: dict[str, int] = {}
    for frame in ordered:
        splits[frame.split] = splits.get(frame.split, 0) + 1
    folder = path / "images"
    pictures = find_files(folder, SUFFIXES) if path.is_dir() and folder.is_dir() else {}
    return Dataset(
        name=path.resolve().name,
        categories=categories,
        image_ids=[frame.image_id for frame in ordered],
        load=_Load(
            ordered,
            categories,
            aliases,
            frozenset(others),
            _tracks(ordered),
            _by_id(ordered, pictures, folder),
        ),
        tasks=TASKS,
        format="scalabel",
        path=path,
        splits=splits,
        notes=tuple(_notes(frames, others)),
    )


def _notes(frames: list[_Frame], others: Counter[str]) -> Iterator[str]:
    if lone := sum(frame.n_without for frame in frames):
        yield f"labels without region (boxes, lines), which are left out: {lone}"
    if others:
        some = ", ".join(sorted(others)[:3]) + ", …" * (len(others) > 3)
        yield f"labels of other categories, which are left out: {others.total()} ({some})"


def _by_id(frames: list[_Frame], pictures: Mapping[str, Path], folder: Path) -> dict[str, ImageFile]:
    """The picture of each image: that whose path ends on its split and id."""
    ends: dict[str, Path] = {}
    for name, file in pictures.items():
        parts = name.split("/")
        ends |= {"/".join(parts[i:]): file for i in range(len(parts))}
    found = ((f.image_id, ends.get(f"{f.split}/{f.image_id}")) for f in frames)
    return {i: ImageFile(name=p.relative_to(folder).as_posix(), path=p) for i, p in found if p is not None}


def _tracks(frames: list[_Frame]) -> dict[str, dict[str, int]]:
    """``{video: {label id: track}}``: the ids where all of a video are numbers, else their places."""
    ids: dict[str, set[str]] = {}
    for frame in frames:
        if (video := frame.content.get("videoName")) is not None:
            ids.setdefault(video, set()).update(str(label.get("id")) for _, label in frame.labels)
    return {
        video: {
            i: int(i) if all(map(_is_number, found)) else place for place, i in enumerate(sorted(found), 1)
        }
        for video, found in ids.items()
    }


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 16


@dataclass(frozen=True, slots=True)
class _Load:
    """Reads the frame of an index; it can be sent to another process."""

    frames: list[_Frame]
    categories: Categories
    aliases: Mapping[str, tuple[str, bool]]
    others: frozenset[str]
    tracks: Mapping[str, Mapping[str, int]]
    pictures: Mapping[str, ImageFile]

    def __call__(self, index: int) -> Sample:
        frame = self.frames[index]
        where: dict[str, Any] = {"file": frame.file, "image_id": frame.image_id}
        size = self._size(frame, where)
        video = frame.content.get("videoName")
        number = frame.content.get("frameIndex")
        tracks = {} if video is None else self.tracks.get(video, {})
        segments = []
        for i, label in frame.labels:
            if str(label.get("category")) in self.others:
                continue
            at = {**where, "field": f"{frame.field}.labels[{i}]"}
            segments.append(read_label(label, Known(size, self.categories, self.aliases, tracks), at))
        if len({s.id for s in segments}) < len(segments):
            segments = [
                replace(s, id=i, source_id=s.source_id or str(s.id)) for i, s in enumerate(segments, 1)
            ]
        said = frame.content.get("attributes")
        return Sample(
            image_id=frame.image_id,
            height=size[0],
            width=size[1],
            segments=segments,
            overlap=True,
            overlap_policy="order",
            ignore_index=self.categories.ignore_index,
            image_file=self.pictures.get(frame.image_id),
            source_path=frame.file.name,
            video_id=video,
            frame=number if type(number) is int and 0 <= number < 1 << 53 else None,
            extra={"attributes": said} if isinstance(said, dict) and said else {},
        )

    def _size(self, frame: _Frame, where: dict[str, Any]) -> tuple[int, int]:
        for said in (frame.content.get("size"), frame.config.get("imageSize")):
            if isinstance(said, dict):
                where |= {"field": f"{frame.field}.size"}
                return check_size(said.get("height"), said.get("width"), **where)
        return _SIZE
