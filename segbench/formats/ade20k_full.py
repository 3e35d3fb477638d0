"""ADE20K as published in 2021: a picture of classes and objects, and a JSON that names them. Read only.

Source: the README, ``utils/utils_ade20k.py`` and the three pictures of CSAILVision/ADE20K: in ``…_seg.png``
the class is ``R // 10 * 256 + G``, and each value of B is another object; 0 is no class. The JSON, in
latin-1, names the classes by ``name_ndx``. Ids are the colours, ``R + 256 G + 65536 B``: neither B nor its
rank is the ``id`` of the JSON. Parts, and parts of parts, stand in maps of their own, which are read so too.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from segbench.canonical import images as codec
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import ImageFile, Sample
from segbench.errors import DataError
from segbench.formats.folders import Frame, find_ending, open_frames, read_file
from segbench.formats.label_maps import MAP
from segbench.formats.plain_json import need_items
from segbench.formats.value_maps import Meaning, read_segments

__all__ = ["CARRIES", "INSTEAD", "LAYOUT", "TASKS", "TITLE", "read", "sniff"]

TITLE = "ADE20K, full (classes and objects, 2021)"
TASKS = ("panoptic", "semantic")
CARRIES = frozenset(
    {
        "stuff",
        "instances",
        "holes",
        "ids",
        "repeated_ids",
        "category_ids",
        "wide_ids",
        "extra",
        "splits",
        "images",
    }
)
INSTEAD = "write segbench, or ade20k for its 150 classes"
LAYOUT = """\
images/ADE/training/urban/street/ADE_train_00016869.jpg
images/ADE/training/urban/street/ADE_train_00016869_seg.png   class: R // 10 × 256 + G, object: B
images/ADE/training/urban/street/ADE_train_00016869_parts_1.png   the same of parts; 2: parts of parts; …
images/ADE/training/urban/street/ADE_train_00016869.json      {"annotation": {"object": [{"name_ndx"}]}}"""
_ENDING, _JSON = "_seg.png", "json"
_SPLITS = ("training", "validation")


def sniff(path: Path) -> bool:
    """Tell whether a folder has, in the data set's folders, ``…_seg.png`` beside a JSON of its name."""
    for pattern in ("images/ADE/*/*/*", "ADE/*/*/*", "training/*/*", "validation/*/*"):
        found = next(path.glob(f"{pattern}/ADE_*{_ENDING}"), None)
        if found is not None:
            return found.with_name(found.name.removesuffix(_ENDING) + ".json").is_file()
    return False


def read(path: Path, *, parts: int = 0) -> Dataset:
    """Open a folder of ADE20K; all its JSONs are read for the names of classes.

    Parameters
    ----------
    path
        The folder of the data set, or one above or below.
    parts
        0 reads objects, 1 their parts, 2 the parts of these, and so on, of pictures that have such a map.

    Raises
    ------
    DataError
        When there is no map, one has no JSON, or a file is damaged.
    """
    ending = f"_parts_{parts}.png" if parts else _ENDING
    files = find_ending(path, ending)
    if not files:
        raise DataError(f"holds no *{ending}", file=path)
    frames = [
        Frame(
            name=name.rpartition("/")[2],
            split=next((part for part in name.split("/")[:-1] if part in _SPLITS), "train"),
            files={MAP: file, _JSON: file.with_name(file.name.removesuffix(ending) + ".json")},
            picture=_picture(file.with_name(file.name.removesuffix(ending)), name),
        )
        for name, file in files.items()
    ]
    names: dict[int, str] = {}
    for frame in frames:
        names |= _names(_annotation(frame), frame, parts)
    categories = Categories(
        Category(i, names[key], source_id=None if key == i else key) for i, key in enumerate(sorted(names))
    )
    return open_frames(
        frames,
        partial(_sample, categories, path),
        path=path,
        format="ade20k-full",
        categories=categories,
        tasks=TASKS,
        notes=_without_parts(path, len(files)) if parts else (),
    )


def _without_parts(path: Path, n_maps: int) -> tuple[str, ...]:
    lone = len(find_ending(path, _ENDING)) - n_maps
    return (f"pictures without such parts, which are left out: {lone}",) if lone else ()


def _picture(bare: Path, name: str) -> ImageFile | None:
    for suffix in (".jpg", ".png"):
        picture = bare.with_name(bare.name + suffix)
        if picture.is_file():
            return ImageFile(name=name + suffix, path=picture)
    return None


def _annotation(frame: Frame) -> dict[str, Any]:
    where = frame.where(_JSON)
    try:
        content = json.loads(read_file(frame.files[_JSON], image_id=frame.name).decode("latin-1"))
    except (ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"is not valid JSON: {error}", **where) from None
    annotation = content.get("annotation") if isinstance(content, dict) else None
    if not isinstance(annotation, dict):
        raise DataError("is missing, or no object", field="annotation", **where)
    return annotation


def _names(annotation: dict[str, Any], frame: Frame, level: int) -> dict[int, str]:
    names: dict[int, str] = {}
    for i, item in enumerate(need_items(annotation, "object", field="annotation", **frame.where(_JSON))):
        key, name = item.get("name_ndx"), item.get("name")
        if type(key) is not int or not 0 < key < 1 << 16 or not isinstance(name, str):
            raise DataError("has no name and name_ndx", field=f"annotation.object[{i}]", **frame.where(_JSON))
        if _level(item) == str(level):
            names[key] = name
    return names


def _level(item: dict[str, Any]) -> str:
    """0 of an object, 1 of a part of one, and so on."""
    parts = item.get("parts")
    level = parts.get("part_level") if isinstance(parts, dict) else None
    return "0" if level is None else str(level)


def _sample(categories: Categories, root: Path, frame: Frame) -> Sample:
    where = frame.where(MAP)
    colors = codec.decode_segment_runs(frame.read(MAP), **where)

    def meaning(value: int) -> Meaning | None:
        key = (value & 255) // 10 * 256 + (value >> 8 & 255)
        if key == 0:
            return None
        category = categories.find(key)
        if category is None:
            raise DataError(f"has the class {key}, which no JSON names", field="class", **where)
        return Meaning(category.id)

    runs, segments = read_segments(colors, meaning)
    scene = _annotation(frame).get("scene")
    return Sample(
        image_id=frame.name,
        height=colors.shape[0],
        width=colors.shape[1],
        segments=segments,
        load_segment_map=lambda: runs,
        ignore_index=categories.ignore_index,
        image_file=frame.picture,
        source_path=frame.files[MAP].relative_to(root).as_posix(),
        extra={} if scene is None else {"scene": scene},
    )
