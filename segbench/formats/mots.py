"""MOTS: objects of videos, as a PNG of 16 bits a frame, or as a text file of run lengths a video.

Source: ``mots_common/io.py`` of VisualComputingInstitute/mots_tools (Voigtlaender et al., CVPR 2019): a value
is ``class * 1000 + number``, which is the id and the track of an object; class 1 is car, 2 pedestrian, 10 a
region to ignore, 0 no object. A region to ignore is a crowd of a class of its own here, and never scored: in
MOTS it excuses predictions of every class.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from segbench.canonical import images as codec
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import ImageFile, Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError, UsageError, did_you_mean
from segbench.formats.drawn import separate
from segbench.formats.folders import Frame, find_ending, find_pictures, note_left_out, open_frames
from segbench.formats.label_maps import MAP
from segbench.formats.mots_text import Row, is_text, read_rows
from segbench.formats.mots_write import (
    CLASSES,
    IGNORED,
    LOSES,
    MAPS,
    MOST_CLASSES,
    NUMBERING,
    OWN,
    PICTURES,
    TEXTS,
    write,
)
from segbench.formats.pictures import picture_size, read_text
from segbench.formats.sequences import NAMES, frame_number
from segbench.formats.value_maps import Meaning, read_segments

__all__ = ["CARRIES", "LAYOUT", "LOSES", "NAMES", "TASKS", "TITLE", "read", "sniff", "write"]

TITLE = "MOTS (objects of videos: maps, and text files of run lengths)"
TASKS = ("instance",)
CARRIES = frozenset(
    {
        "instances", "holes", "parts", "crowd", "ignore", "ids", "repeated_ids", "category_ids", "wide_ids",
        "isthing", "tracks", "splits", "images",
    }
)  # fmt: skip
LAYOUT = """\
instances/0002/000000.png             16 bit: class × 1000 + n; of class 10 ignored; 0 is no object; else
instances_txt/0002.txt                frame id class height width rle, a line an object; or
train/MOTS20-02/gt/gt.txt             the same of MOTSChallenge, pictures in img1
training/image_02/0002/000000.png     the picture; optional
val.seqmap                            0002 empty 000000 000232: a video and its frames, a line each; optional
classes.txt                           where classes are not car and pedestrian: 1 car"""
KINDS = ("png", "txt")
_CHALLENGE = "train/*/gt/gt.txt"


def sniff(path: Path) -> bool:
    """Tell whether a folder has maps called by number in folders of videos, or MOTS' text files."""
    first = next((path / MAPS).glob("*/*.png"), None)
    if first is not None and len(first.stem) == len("000000") and first.stem.isdecimal():
        return True
    texts = (next(path.glob(pattern), None) for pattern in (f"{TEXTS}/*.txt", _CHALLENGE))
    return any(file is not None and is_text(file) for file in texts)


def read(path: Path, *, annotation: str | None = None, classes: Path | None = None) -> Dataset:
    """Open a folder of MOTS; image ids are ``video/frame``.

    Parameters
    ----------
    path
        The folder of ``instances`` or ``instances_txt``, or of MOTSChallenge's ``train``; or one of these
        itself, as results of trackers are.
    annotation
        ``png`` or ``txt``; by default the first that is there. Text files tell of frames without objects by
        their pictures alone.
    classes
        List of classes; by default ``classes.txt`` in the folder, else car and pedestrian.

    Raises
    ------
    DataError
        When there is neither, or a file is damaged.
    UsageError
        When ``annotation`` is unknown.
    """
    if annotation is not None and annotation not in KINDS:
        hint = did_you_mean(annotation, KINDS)
        raise UsageError(f"annotation must be one of {', '.join(KINDS)}, not {annotation!r}.{hint}")
    categories = _categories(classes or path / CLASSES, needed=classes is not None)
    pictures = dict(_pictures(path))
    maps = {n: f for n, f in find_ending(_below(path, MAPS), ".png").items() if n.count("/") == 1}
    splits = _splits(path, {name.partition("/")[0] for name in (*pictures, *maps)})
    if annotation == "txt" or (annotation is None and not maps):
        frames, reader = _of_texts(path, pictures), partial(_text_sample, categories, path)
    else:
        frames = [(name, {MAP: file}, None) for name, file in maps.items()]
        reader = partial(_map_sample, categories, path)
    if not frames:
        raise DataError(f"holds no {MAPS}/<video>/*.png and no {TEXTS}/<video>.txt", file=path)
    found = [name for name, _, _ in frames]
    rows = {name: rows for name, _, rows in frames if rows is not None}
    return open_frames(
        (
            Frame(
                name=name,
                split=splits.get(name.partition("/")[0], "train"),
                files=files,
                picture=pictures.get(name),
            )
            for name, files, _ in frames
        ),
        partial(reader, rows),
        path=path,
        format="mots",
        categories=categories,
        tasks=TASKS,
        notes=note_left_out(pictures, found),
    )


def _below(path: Path, folder: str) -> Path:
    return path / folder if (path / folder).is_dir() else path


def _categories(file: Path, *, needed: bool) -> Categories:
    """The classes of a list of ``1 car`` lines; MOTS' own where there is none."""
    if not needed and not file.is_file():
        return Categories(
            Category(i, row.name, source_id=row.value, isthing=row.isthing) for i, row in enumerate(OWN)
        )
    names: dict[int, str] = {}
    for number, line in enumerate(read_text(file).splitlines(), 1):
        key, _, name = line.strip().partition(" ")
        if not line.strip():
            continue
        if not key.isdecimal() or not 0 < int(key) <= MOST_CLASSES or int(key) in names or not name.strip():
            raise DataError(
                f'is no "class name" of a class of 1 to {MOST_CLASSES}, or a second one', file=file,
                field=f"line {number}",
            )  # fmt: skip
        names[int(key)] = name.strip()
    return Categories(
        Category(i, names[key], source_id=key, isthing=None if key == IGNORED else True)
        for i, key in enumerate(sorted(names))
    )


def _pictures(path: Path) -> Iterator[tuple[str, ImageFile]]:
    """``(video/frame, picture)`` of KITTI's folders, or of MOTSChallenge's."""
    yield from find_pictures(path / PICTURES).items()
    for folder in sorted(path.glob("train/*/img1")):
        video = folder.parent.name
        for name, image in find_pictures(folder).items():
            yield f"{video}/{name}", ImageFile(name=f"{video}/{image.name}", path=image.path)


def _splits(path: Path, videos: set[str]) -> dict[str, str]:
    """The split of each video that a list names: of the smallest that does."""
    lists = {file.stem: list(_videos(file, videos)) for file in sorted(path.glob("*.seqmap"))}
    splits: dict[str, str] = {}
    for split, names in sorted(lists.items(), key=lambda item: len(item[1])):
        for name in names:
            splits.setdefault(name, split)
    return splits


def _videos(file: Path, known: set[str]) -> Iterator[str]:
    """Yield the video of each ``0002 empty 000000 000232``; spaces in the name of a known one are its own."""
    for line in read_text(file).splitlines():
        if words := line.split():
            name = line.strip().rpartition(" empty ")[0]
            yield name if name in known else words[0]


_Listed = list[tuple[str, dict[str, Path], list[Row] | None]]


def _of_texts(path: Path, pictures: Mapping[str, ImageFile]) -> _Listed:
    """``(video/frame, files, objects)`` of text files, and of pictures of their videos."""
    folder = _below(path, TEXTS)
    texts = {
        name: file
        for name, file in find_ending(folder, ".txt").items()
        if "/" not in name and (folder != path or is_text(file))
    }
    texts |= {file.parent.parent.name: file for file in sorted(path.glob(_CHALLENGE))}
    found: _Listed = []
    for video, file in texts.items():
        shown = {frame_number(name): name for name in pictures if name.partition("/")[0] == video}
        rows = read_rows(file)
        for number in sorted(rows.keys() | {n for n in shown if n is not None}):
            name = shown.get(number, f"{video}/{number:06d}")
            found.append((name, {MAP: file}, rows.get(number, [])))
    return found


def _map_sample(categories: Categories, root: Path, _: Any, frame: Frame) -> Sample:
    where = frame.where(MAP)
    values = codec.decode_label_runs(frame.read(MAP), **where)

    def meaning(value: int) -> Meaning | None:
        key = value // NUMBERING.base
        category = categories.find(key)
        if category is None and value:
            raise DataError(f"has the value {value}, which is of no class", field="instances", **where)
        return None if category is None else Meaning(category.id, key == IGNORED, key == IGNORED)

    runs, segments = read_segments(values, meaning)
    size = values.shape
    given = _given(frame, root, size, categories)
    sample = Sample(segments=_tracked(segments), load_segment_map=lambda: runs, **given)
    return separate(sample, categories)


def _text_sample(categories: Categories, root: Path, rows: Mapping[str, list[Row]], frame: Frame) -> Sample:
    listed, segments = rows[frame.name], []
    for row in listed:
        category = categories.by_source_id(row.key, field="class", **frame.where(MAP))
        ignored = row.key == IGNORED
        fields: dict[str, Any] = {"category_id": category.id, "iscrowd": ignored, "ignore": ignored}
        segments.append(Segment(id=row.id, rle=row.rle, source_kind="rle", **fields))
    if listed:
        size = listed[0].rle.height, listed[0].rle.width
    elif frame.picture is not None:
        size = picture_size(frame.picture, frame.name)
    return Sample(segments=_tracked(segments), overlap=True, **_given(frame, root, size, categories))


def _tracked(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    return tuple(s if s.ignore else replace(s, track_id=s.id) for s in segments)


def _given(frame: Frame, root: Path, size: tuple[int, int], categories: Categories) -> dict[str, Any]:
    return {
        "image_id": frame.name,
        "height": size[0],
        "width": size[1],
        "ignore_index": categories.ignore_index,
        "image_file": frame.picture,
        "source_path": frame.files[MAP].relative_to(root).as_posix(),
        "video_id": frame.name.partition("/")[0],
        "frame": frame_number(frame.name),
    }
