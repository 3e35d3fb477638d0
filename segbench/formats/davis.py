"""DAVIS and YouTube-VOS: a palette PNG a frame, whose indices are objects that keep their index in a video.

Sources: the DAVIS 2017 README (``Annotations/480p/<video>/00000.png``, ``ImageSets/2017``) and that of
YouTube-VOS, whose ``meta.json`` names the category of each object. 0 is no object, 255 is void. Read only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from segbench.canonical import images as codec
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample
from segbench.errors import DataError
from segbench.formats.folders import (
    Frame,
    find_ending,
    find_pictures,
    note_left_out,
    open_frames,
    read_list,
)  # fmt: skip
from segbench.formats.label_maps import MAP
from segbench.formats.plain_json import read_object
from segbench.formats.value_maps import Meaning, read_segments

__all__ = ["CARRIES", "INSTEAD", "LAYOUT", "TASKS", "TITLE", "read", "sniff"]

TITLE = "DAVIS and YouTube-VOS (palette PNGs of objects in videos)"
TASKS = ("panoptic",)
CARRIES = frozenset(
    {"instances", "holes", "parts", "ignore", "ids", "repeated_ids", "tracks", "splits", "images"}
)
INSTEAD = "write segbench, which keeps tracks"
LAYOUT = """\
Annotations/[480p/]bear/00000.png     indices are objects, 0 is none, 255 is void
JPEGImages/[480p/]bear/00000.jpg      optional
ImageSets/2017/train.txt              optional: videos, a line each
meta.json                             of YouTube-VOS, optional: {"videos": {"bear": {"objects": …}}}"""
OBJECT = "object"
VOID = 255
_SIZES = ("480p", "Full-Resolution", "1080p")


def sniff(path: Path) -> bool:
    """Tell whether a folder has ``Annotations`` with PNGs in folders of videos."""
    folder = path / "Annotations"
    return any(next(folder.glob(pattern), None) is not None for pattern in ("*/*.png", "*/*/*.png"))


def read(path: Path, *, resolution: str | None = None) -> Dataset:
    """Open a folder of DAVIS, or one split of YouTube-VOS.

    Parameters
    ----------
    path
        The folder of ``Annotations``.
    resolution
        Its folder, such as ``480p``; by default the first that is there, if any.

    Raises
    ------
    DataError
        When there is no frame, or a file is damaged.
    """
    part = resolution or next((size for size in _SIZES if (path / "Annotations" / size).is_dir()), "")
    files = {n: f for n, f in find_ending(path / "Annotations" / part, ".png").items() if n.count("/") == 1}
    if not files:
        raise DataError(f"holds no Annotations/{part}/<video>/*.png", file=path)
    pictures = find_pictures(path / "JPEGImages" / part)
    splits = _splits(path, {name.partition("/")[0] for name in files})
    objects = _objects(path / "meta.json")
    names = sorted({name for video in objects.values() for name in video.values()}) or [OBJECT]
    categories = Categories(Category(i, name, isthing=True) for i, name in enumerate(names))
    shown = {name for name in files if name.partition("/")[0] in splits}
    return open_frames(
        (
            Frame(
                name=name,
                split=splits[name.partition("/")[0]],
                files={MAP: file},
                picture=pictures.get(name),
            )
            for name, file in files.items()
            if name in shown
        ),
        partial(_sample, objects, {name: i for i, name in enumerate(names)}, path),
        path=path,
        format="davis",
        categories=categories,
        tasks=TASKS,
        notes=note_left_out(pictures, shown),
    )


def _splits(path: Path, videos: set[str]) -> dict[str, str]:
    """The split of each video: that of the smallest list that names it; ``train`` without lists."""
    files = sorted((path / "ImageSets/2017").glob("*.txt"))
    lists = {file.stem: list(read_list(file, videos)) for file in files}
    splits: dict[str, str] = {}
    for split, names in sorted(lists.items(), key=lambda item: len(item[1])):
        for name in names:
            if name in videos:
                splits.setdefault(name, split)
    return splits or dict.fromkeys(videos, "train")


def _objects(file: Path) -> dict[str, dict[int, str]]:
    """``{video: {object: category}}`` of YouTube-VOS."""
    if not file.is_file():
        return {}
    videos = read_object(file).get("videos")
    if not isinstance(videos, dict):
        raise DataError("is missing, or no object", file=file, field="videos")
    found: dict[str, dict[int, str]] = {}
    for video, content in videos.items():
        objects = content.get("objects") if isinstance(content, dict) else None
        if not isinstance(objects, dict):
            raise DataError("is missing, or no object", file=file, field=f"videos.{video}.objects")
        found[video] = {}
        for key, row in objects.items():
            name = row.get("category") if isinstance(row, dict) else None
            if not key.isdecimal() or not isinstance(name, str):
                raise DataError(
                    "is no object with a category", file=file, field=f"videos.{video}.objects.{key}"
                )
            found[video][int(key)] = name
    return found


def _sample(
    objects: Mapping[str, Mapping[int, str]], ids: Mapping[str, int], root: Path, frame: Frame
) -> Sample:
    where: dict[str, Any] = frame.where(MAP)
    video, _, number = frame.name.partition("/")
    named = objects.get(video, {})

    def meaning(value: int) -> Meaning | None:
        if value in (0, VOID):
            return None
        if named and value not in named:
            raise DataError(f"has the object {value}, which meta.json lacks", field="object", **where)
        return Meaning(ids.get(named.get(value, OBJECT), 0))

    values = codec.decode_label_runs(frame.read(MAP), **where)
    runs, segments = read_segments(values, meaning)
    return Sample(
        image_id=frame.name,
        height=values.shape[0],
        width=values.shape[1],
        segments=tuple(replace(s, track_id=s.id) for s in segments),
        load_segment_map=lambda: runs,
        image_file=frame.picture,
        source_path=frame.files[MAP].relative_to(root).as_posix(),
        video_id=video,
        frame=int(number) if number.isdecimal() and len(number) < 16 else None,
    )
