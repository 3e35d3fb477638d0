"""Cityscapes: a folder of maps a city, in labels (``labelIds``), train ids, and objects (``instanceIds``).

Sources: cityscapesScripts 2.3.0, ``helpers/labels.py``, ``preparation/createPanopticImgs.py`` and the file
names that its evaluations look for. A thing is ``label * 1000 + n`` in 16 bits; the label by itself is stuff,
or of things a group, which becomes a crowd. Labels that no evaluation looks at become ignore regions where
objects are told apart, and are kept so; 0 is void. Pixels of polygons are used where there is no map.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from segbench.canonical import images as codec
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import ImageFile, Sample
from segbench.errors import DataError, UsageError, did_you_mean
from segbench.formats.cityscapes_labels import (
    LABELS,
    NO_TRAIN_ID,
    NUMBERING,
    UNLABELED,
    Label,
    categories_of,
    read_labels,
    train_categories,
)
from segbench.formats.cityscapes_polygons import digest, draw_objects
from segbench.formats.cityscapes_results import lists_masks, read_predictions
from segbench.formats.cityscapes_results_write import write_predictions
from segbench.formats.cityscapes_write import EXTRA, LOSES, NAMES, core_of, write
from segbench.formats.drawn import separate
from segbench.formats.folders import Frame, find_ending, find_pictures, note_left_out, open_frames
from segbench.formats.labelled_maps import LabelReader
from segbench.formats.plain_json import read_object
from segbench.formats.split_names import folder_split
from segbench.formats.value_maps import read_segments

__all__ = [
    "CARRIES",
    "LAYOUT",
    "LOSES",
    "NAMES",
    "PREDICTED_IDS",
    "PREDICTIONS",
    "TASKS",
    "TITLE",
    "is_whole",
    "read",
    "read_predictions",
    "sniff",
    "write",
    "write_predictions",
]

TITLE = "Cityscapes (maps of labels and of objects)"
TASKS = ("panoptic", "semantic")
PREDICTIONS = {"semantic": "predictions", "instance": "predictions"}
PREDICTED_IDS = {"semantic": range(255)}
CARRIES = frozenset(
    {
        "stuff", "instances", "holes", "parts", "crowd", "ignore", "ids", "repeated_ids", "category_ids",
        "category_fields", "isthing", "extra", "splits", "images",
    }
)  # fmt: skip
LAYOUT = """\
leftImg8bit/val/frankfurt/
  frankfurt_000000_000294_leftImg8bit.png        the picture; optional
gtFine/val/frankfurt/                            or gtCoarse, and …_gtCoarse_…
  frankfurt_000000_000294_gtFine_instanceIds.png   16 bit: label × 1000 + n, or the label; else
  frankfurt_000000_000294_gtFine_labelIds.png      8 bit: labels 0 to 33; else
  frankfurt_000000_000294_gtFine_labelTrainIds.png 8 bit: 0 to 18, 255 is ignored; else
  frankfurt_000000_000294_gtFine_polygons.json     {"imgHeight", "imgWidth", "objects": […]}
labels.json                                      where labels are not Cityscapes' own: [{"name", "id", …}]"""
KINDS = {
    "instanceIds": "instanceIds.png",
    "labelIds": "labelIds.png",
    "labelTrainIds": "labelTrainIds.png",
    "polygons": "polygons.json",
}
"""Annotations, the first that is there is read; and how their files end."""
_OBJECTS = ("instanceIds", "polygons")
_FOLDERS = ("gtFine", "gtCoarse")


def sniff(path: Path) -> bool:
    """Tell whether a folder has a map of Cityscapes' name two folders down, below ``gtFine`` or by itself.

    Or it has text files that list masks with their scores.
    """
    return _has_annotations(path) or lists_masks(path)


def is_whole(path: Path, _: Dataset) -> bool:
    """Tell whether predictions are a whole folder of Cityscapes, whose labels are found by name."""
    return _has_annotations(path)


def read(
    path: Path,
    *,
    annotation: str | None = None,
    labels: Path | None = None,
    scored_only: bool | None = None,
    instances: bool = False,
) -> Dataset:
    """Open a folder of Cityscapes.

    Parameters
    ----------
    path
        The folder that holds ``gtFine`` (or ``gtCoarse``), or one of these.
    annotation
        ``instanceIds``, ``labelIds``, ``labelTrainIds`` or ``polygons``; by default the first that is there.
    labels
        JSON of labels; by default ``labels.json`` in the folder, else Cityscapes' own.
    scored_only
        Labels that no evaluation looks at are ignore regions. By default so where segments keep their labels
        (``instanceIds``, ``polygons``); with True in maps of labels too, which then are 255 there.
    instances
        Objects have masks of their own, which can be scored as instances, and stuff is left out.

    Raises
    ------
    DataError
        When there is no such file, or one is damaged.
    UsageError
        When ``annotation`` is unknown, or objects are asked for of maps that do not tell them apart.
    """
    folder, quality = _annotations(path)
    root = path if folder != path else path.parent
    kind, files = _choose(folder, quality, annotation)
    table = _labels(labels, path, root)
    pictures = find_pictures(root / "leftImg8bit", "_leftImg8bit")
    polygons = find_ending(folder, f"_{quality}_{KINDS['polygons']}") if kind == "instanceIds" else {}
    found = _splits_of(pictures, files)
    reader = _reader(kind, table, scored_only)
    if instances and reader.numbering is None:
        raise UsageError(f"instances=true needs instanceIds or polygons; here are {kind}")
    return open_frames(
        (_frame(name, {kind: file}, polygons.get(name), found.get(name)) for name, file in files.items()),
        partial(_instances if instances else _sample, reader, root),
        path=path,
        format="cityscapes",
        categories=reader.categories,
        tasks=("instance",) if instances else TASKS if reader.numbering is not None else ("semantic",),
        notes=note_left_out(found, files),
    )


def _has_annotations(path: Path) -> bool:
    folder, quality = _annotations(path)
    endings = (f"*/*/*_{quality}_{ending}" for ending in KINDS.values())
    return any(next(folder.glob(ending), None) is not None for ending in endings)


def _annotations(path: Path) -> tuple[Path, str]:
    """The folder of annotations, and how its files are called."""
    for name in _FOLDERS:
        if (path / name).is_dir():
            return path / name, name
    return path, path.name if path.name in _FOLDERS else _FOLDERS[0]


def _choose(folder: Path, quality: str, annotation: str | None) -> tuple[str, dict[str, Path]]:
    if annotation is not None and annotation not in KINDS:
        hint = did_you_mean(annotation, KINDS)
        raise UsageError(f"annotation must be one of {', '.join(KINDS)}, not {annotation!r}.{hint}")
    for kind in KINDS if annotation is None else (annotation,):
        if files := find_ending(folder, f"_{quality}_{KINDS[kind]}"):
            return kind, files
    wanted = " or ".join(f"*_{quality}_{KINDS[k]}" for k in ([annotation] if annotation else KINDS))
    raise DataError(f"holds no {wanted}", file=folder)


def _labels(labels: Path | None, *folders: Path) -> tuple[Label, ...]:
    file = labels or next((f / "labels.json" for f in folders if (f / "labels.json").is_file()), None)
    return LABELS if file is None else read_labels(file)


def _splits_of(pictures: Mapping[str, ImageFile], files: Iterable[str]) -> dict[str, ImageFile]:
    """The pictures of splits that have annotations: those of the test split have none."""
    splits = {name.split("/", 1)[0] for name in files}
    return {name: image for name, image in pictures.items() if name.split("/", 1)[0] in splits}


def _frame(name: str, files: dict[str, Path], polygons: Path | None, picture: ImageFile | None) -> Frame:
    split = folder_split(name)
    others = {} if polygons is None else {"polygons": polygons}
    return Frame(name=core_of(name), split=split, files=files | others, picture=picture)


def _reader(kind: str, labels: tuple[Label, ...], scored_only: bool | None) -> LabelReader:
    tells, trained = kind in _OBJECTS, kind == "labelTrainIds"
    return LabelReader(
        kind=kind,
        labels=labels,
        categories=train_categories(labels) if trained else categories_of(labels),
        numbering=NUMBERING if tells else None,
        scored_only=tells if scored_only is None else scored_only,
        void=NO_TRAIN_ID if trained else UNLABELED,
    )


def _instances(reader: LabelReader, root: Path, frame: Frame) -> Sample:
    return separate(_sample(reader, root, frame), reader.categories)


def _sample(reader: LabelReader, root: Path, frame: Frame) -> Sample:
    where = frame.where(reader.kind)
    given: dict[str, Any] = {
        "image_id": frame.name,
        "ignore_index": reader.categories.ignore_index,
        "image_file": frame.picture,
        "source_path": frame.files[reader.kind].relative_to(root).as_posix(),
    }
    if reader.numbering is None:
        mask = reader.mask(codec.decode_label_runs(frame.read(reader.kind), **where), where)
        return Sample(height=mask.shape[0], width=mask.shape[1], load_mask=lambda: mask, **given)
    content = read_object(frame.files["polygons"], frame.name) if "polygons" in frame.files else None
    if reader.kind == "polygons" and content is not None:
        values = draw_objects(content, {label.name: label for label in reader.labels}, **where)
    else:
        values = codec.decode_label_runs(frame.read(reader.kind), **where)
    runs, segments = read_segments(values, partial(reader.meaning, where))
    extra = {} if content is None else {EXTRA: {"polygons": content, "map": digest(values)}}
    given |= {"height": values.shape[0], "width": values.shape[1]}
    return Sample(segments=segments, load_segment_map=lambda: runs, extra=extra, **given)
