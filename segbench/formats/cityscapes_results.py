"""Predictions for Cityscapes: a PNG of labels a picture, or a text file that lists masks with their scores.

Source: cityscapesScripts 2.3.0: a prediction is found by its name, ``<city>_<sequence>_<frame>*.png`` or
``.txt``, in any folder; a line of a text file is ``mask.png label score``, a mask is inside where not 0.
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from math import isfinite
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

import numpy as np

from segbench.canonical import images as codec
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.paths import files_below, inside
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError, UnpairedError
from segbench.formats.cityscapes_labels import NUMBERING
from segbench.formats.folders import Frame, Frames, read_file
from segbench.formats.pictures import read_text
from segbench.formats.value_maps import Meaning, Numbering, read_segments

_WORDS = 3
_LOOKED_AT = 16


def read_predictions(path: Path, truth: Dataset) -> Dataset:
    """Open predictions named like the images of the truth.

    Text files hold instances with scores; PNGs of 16 bits objects as in ``instanceIds``; other PNGs labels.
    Labels mean what they mean in the truth: its source ids.

    Raises
    ------
    DataError
        When a prediction is missing, or one image has two.
    """
    return open_results(path, truth, NUMBERING, "cityscapes")


def lists_masks(path: Path) -> bool:
    """Tell whether the first text file of a folder that has content lists masks with their scores."""
    for file in islice(sorted(path.glob("*.txt")), _LOOKED_AT):
        with file.open("rb") as handle:
            words = handle.readline(1 << 12).split()
        if words:
            return len(words) == _WORDS and words[0].endswith(b".png")
    return False


def open_results(
    path: Path,
    truth: Dataset,
    numbering: Numbering,
    format: str,  # noqa: A002 - the field's word
) -> Dataset:
    """Open predictions of a format whose objects are numbered so; see :func:`read_predictions`.

    Raises
    ------
    DataError
        When a prediction is missing, or one image has two.
    """
    texts = _by_image(path, truth, ".txt")
    files = texts if any(texts.values()) else _by_image(path, truth, ".png")
    for image_id, found in files.items():
        if len(found) != 1:
            what = "there are two predictions for" if found else "there is no prediction for"
            raise UnpairedError(f"{what} this image", file=found[0] if found else path, image_id=image_id)
    frames = [Frame(name=i, files={"prediction": found[0]}) for i, found in files.items()]
    tasks: tuple[str, ...] = ("instance",)
    read: Any = partial(_read_text, path, truth)
    if files is not texts:
        objects = _has_objects(frames[0])
        read = partial(_read_map, numbering if objects else None, truth.categories)
        tasks = ("panoptic", "semantic") if objects else ("semantic",)
    return Dataset(
        name=path.resolve().name,
        categories=truth.categories,
        image_ids=truth.image_ids,
        load=Frames(frames, read),
        tasks=tasks,
        format=format,
        path=path,
    )


def _by_image(path: Path, truth: Dataset, suffix: str) -> dict[str, list[Path]]:
    """The files of each image: those whose name is its id, or begins with it and ``_``."""
    found: dict[str, list[Path]] = {image_id: [] for image_id in truth.image_ids}
    for below in sorted(files_below(path)) if path.is_dir() else ():
        name = PurePosixPath(below)
        if name.suffix == suffix and (image_id := _image_of(name.stem, found)) is not None:
            found[image_id].append(path / below)
    return found


def _image_of(stem: str, known: dict[str, list[Path]]) -> str | None:
    while stem not in known:
        stem, cut, _ = stem.rpartition("_")
        if not cut:
            return None
    return stem


def _has_objects(frame: Frame) -> bool:
    runs = codec.decode_label_runs(frame.read("prediction"), **frame.where("prediction"))
    return runs.values.dtype == np.uint16


def _read_map(numbering: Numbering | None, categories: Categories, frame: Frame) -> Sample:
    where = frame.where("prediction")
    values = codec.decode_label_runs(frame.read("prediction"), **where)
    given: dict[str, Any] = {
        "image_id": frame.name,
        "height": values.shape[0],
        "width": values.shape[1],
        "ignore_index": categories.ignore_index,
        "source_path": str(frame.files["prediction"]),
    }
    if numbering is not None:
        runs, segments = read_segments(values, partial(_meaning, numbering, categories, where))
        return Sample(segments=segments, load_segment_map=lambda: runs, **given)
    table = np.array([_dense(categories, where, value) for value in values.ids().tolist()], np.int32)
    dense = table[np.searchsorted(values.ids(), values.values)]
    mask = values.renamed(dense.astype(categories.mask_dtype))
    return Sample(load_mask=lambda: mask, **given)


def _meaning(
    numbering: Numbering, categories: Categories, where: dict[str, Any], value: int
) -> Meaning | None:
    key, number = numbering.parts(value)
    category = categories.find(key)
    if category is None:
        raise DataError(f"has the value {value}, which names no label", field="prediction", **where)
    return Meaning(category.id) if value or number is not None else None


def _dense(categories: Categories, where: dict[str, Any], value: int) -> int:
    category = categories.find(value)
    if category is None and value != categories.ignore_index:
        raise DataError(f"has the value {value}, which names no label", field="prediction", **where)
    return categories.ignore_index if category is None else category.id


def _read_text(root: Path, truth: Dataset, frame: Frame) -> Sample:
    file, categories = frame.files["prediction"], truth.categories
    segments: list[Segment] = []
    size = None
    for number, line in enumerate(read_text(file, frame.name).splitlines(), 1):
        where: dict[str, Any] = {"file": file, "image_id": frame.name, "field": f"line {number}"}
        words = line.split()
        if not words:
            continue
        if len(words) != _WORDS:
            raise DataError(f"has {len(words)} words; {_WORDS} are mask, label and score", **where)
        mask = _mask(root, file, words[0], where)
        size = size or mask.shape
        if mask.shape != size:
            raise DataError("its mask is of another size than the one before", **where)
        category_id, score = _label_and_score(words, categories, where)
        rle = Rle.from_mask(mask.astype(np.bool_))
        segments.append(Segment(id=number, category_id=category_id, rle=rle, source_kind="rle", score=score))
    if size is None:  # nothing was found there
        image = truth.by_id(frame.name)
        size = image.height, image.width
    return Sample(
        image_id=frame.name,
        height=size[0],
        width=size[1],
        segments=segments,
        overlap=True,
        ignore_index=categories.ignore_index,
        source_path=str(file),
    )


def _mask(root: Path, file: Path, name: str, where: dict[str, Any]) -> Any:
    """The mask of a line, whose path starts from its text file or from the predictions, and stays below."""
    from_text = normpath((file.relative_to(root).parent / name).as_posix())
    beside = inside(root, from_text, **where)
    mask = beside if ".." in name or beside.is_file() else inside(root, name, **where)
    at = {"file": mask, "image_id": where["image_id"]}
    return codec.decode_labels(read_file(mask, image_id=where["image_id"]), **at)


def _label_and_score(words: list[str], categories: Categories, where: dict[str, Any]) -> tuple[int, float]:
    try:
        label, score = int(words[1]), float(words[2])
    except ValueError:
        raise DataError(f"has {' '.join(words[1:])!r}, no label and score", **where) from None
    if not isfinite(score):
        raise DataError("its score is not finite", **where)
    return categories.by_source_id(label, **where).id, score
