"""Mapillary Vistas: maps of labels and of objects, in the layouts of v1.2 and v2.0, and its panoptic JSON.

Source: the data set's README and ``demo.py`` (Neuhold et al., ICCV 2017): ``instances`` is a PNG of 16 bits,
``class * 256 + n``; ``config.json`` says which have instances. The class of unlabelled pixels is void.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from segbench.canonical import images as codec
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset, concat
from segbench.canonical.sample import ImageFile, Sample
from segbench.errors import DataError, UsageError, did_you_mean
from segbench.formats import coco_panoptic, label_maps
from segbench.formats.drawn import separate
from segbench.formats.folders import Frame, find_ending, find_pictures, note_left_out, open_frames
from segbench.formats.label_maps import MAP, NAMES, Values, frames_of
from segbench.formats.mapillary_labels import NUMBERING, Config, read_config
from segbench.formats.mapillary_write import EXTRA, LOSES, write
from segbench.formats.png_write import write as write_predictions
from segbench.formats.value_maps import Meaning, read_segments

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

TITLE = "Mapillary Vistas (maps of labels and of objects)"
TASKS = ("panoptic", "semantic")
PREDICTIONS = {"semantic": "predictions"}
PREDICTED_IDS = {"semantic": range(65_535)}
CARRIES = frozenset(
    {
        "stuff", "instances", "holes", "parts", "ignore", "ids", "repeated_ids", "category_ids",
        "category_fields", "wide_ids", "isthing", "about", "splits", "images",
    }
)  # fmt: skip
LAYOUT = """\
config.json or config_v1.2.json, config_v2.0.json   {"labels": [{"name", "instances", "color"}, …]}
training/images/x.jpg                               optional
training/[v1.2/ or v2.0/]instances/x.png            16 bit: class × 256 + n; else
training/[v1.2/ or v2.0/]labels/x.png               8 bit: class
training/[v1.2/ or v2.0/]panoptic/panoptic_20*.json as COCO panoptic, with its PNGs beside; by name alone"""
KINDS = ("instances", "labels", "panoptic")
VERSIONS = ("v2.0", "v1.2")
_OPTIONS = {"annotation": KINDS, "version": VERSIONS}


def sniff(path: Path) -> bool:
    """Tell whether a folder has a config and, below a split, maps of labels or objects."""
    if next(path.glob("config*.json"), None) is None:
        return False
    patterns = (f"*/{v}{kind}" for kind in KINDS for v in ("", "v2.0/", "v1.2/"))
    return any(next(path.glob(pattern), None) is not None for pattern in patterns)


def read(
    path: Path,
    *,
    annotation: str | None = None,
    version: str | None = None,
    config: Path | None = None,
    instances: bool = False,
) -> Dataset:
    """Open a folder of Mapillary Vistas.

    Parameters
    ----------
    path
        The folder of ``config.json`` and of the splits.
    annotation
        ``instances``, ``labels`` or ``panoptic``; by default the first that is there.
    version
        ``v2.0`` or ``v1.2``; by default the first that is there.
    config
        JSON of the labels; by default that of the folder.
    instances
        Objects have masks of their own, which can be scored as instances, and stuff is left out.

    Raises
    ------
    DataError
        When there is no map or no config, or a file is damaged.
    UsageError
        When an option is unknown, or objects are asked for of maps that do not tell them apart.
    """
    for name, value in (("annotation", annotation), ("version", version)):
        if value is not None and value not in _OPTIONS[name]:
            hint = did_you_mean(value, _OPTIONS[name])
            raise UsageError(f"{name} must be one of {', '.join(_OPTIONS[name])}, not {value!r}.{hint}")
    kind, part, folders = _choose(path, annotation, version)
    if instances and kind != "instances":
        raise UsageError(f"instances=true needs the annotation instances; here are {kind}")
    if kind == "panoptic":
        return _read_panoptic(path, folders)
    labels = read_config(config or _config(path, part))
    files = {f"{s}/{n}": f for s, folder in folders.items() for n, f in find_ending(folder, ".png").items()}
    pictures = _pictures(path, folders)
    reader: Any = partial(label_maps.read_sample, _values(labels), None, path)
    if kind == "instances":
        reader = partial(_sample, _Reader(labels, labels.categories, instances), path)
    return open_frames(
        frames_of(files, pictures),
        reader,
        path=path,
        format="mapillary",
        categories=labels.categories,
        tasks=("instance",) if instances else TASKS if kind == "instances" else ("semantic",),
        notes=note_left_out(pictures, files),
        extra={EXTRA: labels.content},
    )


def is_whole(path: Path, _: Dataset) -> bool:
    """Tell whether predictions are a whole folder of Mapillary Vistas, whose labels are found by name."""
    return sniff(path)


def read_predictions(path: Path, truth: Dataset) -> Dataset:
    """Open predicted maps of labels, in the folder or below it.

    Raises
    ------
    DataError
        As :func:`segbench.formats.png.read_predictions`.
    """
    kept = truth.extra.get(EXTRA)
    labels = kept.get("labels") if isinstance(kept, dict) else None
    void = len(truth.categories) if not isinstance(labels, list) else len(labels) - 1
    return label_maps.read_predictions(path, truth, void=None if truth.categories.find(void) else void)


def _choose(path: Path, annotation: str | None, version: str | None) -> tuple[str, str, dict[str, Path]]:
    """The annotation, the folder of its version, and its folder in each split."""
    parts = [f"{v}/" for v in VERSIONS if version in (None, v)] + ([""] if version in (None, "v1.2") else [])
    for kind in KINDS if annotation is None else (annotation,):
        for part in parts:
            folders = {
                folder.relative_to(path).parts[0]: folder
                for folder in sorted(path.glob(f"*/{part}{kind}"))
                if next(folder.glob("*.json" if kind == "panoptic" else "*.png"), None) is not None
            }
            if folders:
                return kind, part, folders
    raise DataError(f"holds no <split>/{annotation or 'instances'}/*.png", file=path)


def _config(path: Path, part: str) -> Path:
    names = [f"config_{part[:-1]}.json", "config.json"] if part else ["config.json", "config_v1.2.json"]
    found = next((path / name for name in names if (path / name).is_file()), None)
    if found is None:
        raise DataError(f"there is no {names[0]}, which names the labels", file=path)
    return found


def _pictures(path: Path, folders: Mapping[str, Path]) -> dict[str, ImageFile]:
    return {
        f"{split}/{name}": ImageFile(name=f"{split}/{image.name}", path=image.path)
        for split in folders
        for name, image in find_pictures(path / split / "images").items()
    }


def _read_panoptic(path: Path, folders: Mapping[str, Path]) -> Dataset:
    parts = []
    for split, folder in folders.items():
        file = sorted(folder.glob("*.json"))[0]
        part = coco_panoptic.read(file, maps=folder, images=path / split / "images")
        part.splits = {split: len(part)}
        parts.append(part)
    return concat(parts, path.resolve().name, path)


def _values(config: Config) -> Values:
    categories = config.categories
    return Values(categories, {c.key: c.id for c in categories}, frozenset({config.void}))


@dataclass(frozen=True, slots=True)
class _Reader:
    config: Config
    categories: Categories
    separate: bool

    def meaning(self, where: dict[str, Any], value: int) -> Meaning | None:
        key, _ = NUMBERING.parts(value)
        if key >= len(self.config.labels):
            raise DataError(f"has the value {value}, which names no label", field="instances", **where)
        category = self.categories.find(key)
        if category is None:
            return None
        return Meaning(category.id)


def _sample(reader: _Reader, root: Path, frame: Frame) -> Sample:
    where = frame.where(MAP)
    values = codec.decode_label_runs(frame.read(MAP), **where)
    runs, segments = read_segments(values, partial(reader.meaning, where))
    sample = Sample(
        image_id=frame.name,
        height=values.shape[0],
        width=values.shape[1],
        segments=segments,
        load_segment_map=lambda: runs,
        ignore_index=reader.categories.ignore_index,
        image_file=frame.picture,
        source_path=frame.files[MAP].relative_to(root).as_posix(),
    )
    return separate(sample, reader.categories) if reader.separate else sample
