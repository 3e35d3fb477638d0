"""PNG label maps: a folder of masks, beside a folder of images of the same names, and an id2label file.

The layout of mmsegmentation and of most semantic data sets. Ids that ``id2label.json`` leaves sparse become
dense; ``reduce_zero_label`` is mmsegmentation's: 0 becomes ignore, every other id one less.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.label_table import LabelTable
from segbench.canonical.paths import files_below
from segbench.canonical.sample import ImageFile, Sample
from segbench.errors import DataError, UnpairedError, UsageError
from segbench.formats.aligned import NUMBERS_OF_TRUTH
from segbench.formats.pictures import SUFFIXES
from segbench.formats.png_ids import IdReader, colors_from_file, labels_from_file, read_file
from segbench.formats.png_write import NAMES, list_renumbered, write
from segbench.formats.split_names import folder_split
from segbench.kernels import LabelRuns

__all__ = [
    "CARRIES",
    "LAYOUT",
    "LOSES",
    "NAMES",
    "PREDICTED_IDS",
    "PREDICTIONS",
    "TASKS",
    "TITLE",
    "read",
    "read_predictions",
    "sniff",
    "write",
]

TITLE = "PNG label maps (folders of images and masks)"
TASKS = ("semantic",)
PREDICTIONS = {"semantic": "predictions"}
PREDICTED_IDS = {"semantic": range(65_535)}
CARRIES = frozenset({"stuff", "holes", "parts", "ignore", "category_ids", "wide_ids", "splits", "images"})
LOSES = {"category_ids": list_renumbered}
LAYOUT = """\
id2label.json               {"0": "road", "1": "sidewalk", …}   optional; ids may be sparse
images/[split/]0001.jpg     optional
masks/[split/]0001.png      grey or palette, 8 or 16 bits; also called labels/ or annotations/
                            a folder of nothing but PNGs is read as masks alone"""
_MASK_FOLDERS = ("masks", "labels", "annotations")


def sniff(path: Path) -> bool:
    """Tell whether a folder holds label maps."""
    if not path.is_dir():
        return False
    if (path / "masks").is_dir() or any(path.glob("*.png")):
        return True
    return any(any((path / name).rglob("*.png")) for name in _MASK_FOLDERS if (path / name).is_dir())


def read(
    path: Path,
    *,
    images: Path | None = None,
    labels: Path | None = None,
    colors: Path | None = None,
    num_classes: int | None = None,
    ignore_index: int | None = None,
    reduce_zero_label: bool = False,
    beside: Path | None = None,
) -> Dataset:
    """Open a folder of label maps.

    Parameters
    ----------
    path
        Folder with ``images`` and ``masks``, or a folder of masks alone.
    images
        Folder of the pictures, where it is not ``images``.
    labels
        JSON ``{id: name}``; by default ``id2label.json`` in the folder or above it.
    colors
        JSON of colours, for masks that are RGB pictures: ``{name: [r, g, b]}``, or a list of
        ``{"name", "color"}`` in which the name null means ignore.
    num_classes
        Names the ids 0..N-1 by their numbers where there is no id2label.
    ignore_index
        Id of pixels that are never scored, beside 255 (65,535 in 16 bits).
    reduce_zero_label
        0 becomes ignore, and every other id one less.
    beside
        A second folder of masks (predictions) whose ids count where the number of classes is guessed.

    Raises
    ------
    DataError
        When there is no mask, an image has no mask or a mask no image, or a file is damaged.
    UsageError
        When ``ignore_index`` or ``num_classes`` is out of range.
    """
    _check_range("ignore_index", ignore_index, 0)
    _check_range("num_classes", num_classes, 1)
    masks = _mask_folder(path)
    files = _list(masks, (".png",))
    pictures = _pictures(path, images, masks, files)
    options: dict[str, Any] = {"ignore_index": ignore_index, "reduce_zero_label": reduce_zero_label}
    if colors is not None:
        categories, table = colors_from_file(colors)
        ids = IdReader(categories, colors=table, **options)
    else:
        ids = _id_reader(path, files, options, labels=labels, num_classes=num_classes, beside=beside)
    names, root = sorted(files, key=lambda name: (folder_split(name), name)), _prefix(path)
    splits: dict[str, int] = {}
    for name in names:
        splits[folder_split(name)] = splits.get(folder_split(name), 0) + 1
    return Dataset(
        name=path.resolve().name,
        categories=ids.categories,
        image_ids=names,
        load=lambda index: _sample(
            names[index],
            files[names[index]],
            ids,
            source_path=files[names[index]].removeprefix(root),
            image_file=pictures.get(names[index]),
        ),
        tasks=TASKS,
        format="png",
        path=path,
        splits=splits,
        notes=ids.notes,
        labels=_table(names, files, ids),
    )


def read_predictions(
    path: Path, truth: Dataset, *, ignore_index: int | None = None, reduce_zero_label: bool = False
) -> Dataset:
    """Open a folder of predicted label maps, named like those of the truth.

    Ids mean what they mean in the truth: its source ids.

    Raises
    ------
    DataError
        When a prediction is missing, belongs to no image of the truth, or the folder has none.
    UsageError
        When ``ignore_index`` is out of range.
    """
    _check_range("ignore_index", ignore_index, 0)
    masks = _mask_folder(path)
    files = _list(masks, (".png",))
    for name in truth.image_ids:
        if name not in files:
            raise UnpairedError(
                "there is no prediction for this image", file=masks / f"{name}.png", image_id=name
            )
    if len(files) > len(truth):
        unknown = min(files.keys() - set(truth.image_ids))
        raise UnpairedError(
            "the prediction is for an image that the truth does not have",
            file=files[unknown],
            image_id=unknown,
        )
    ids = IdReader(
        truth.categories,
        ignore_index=ignore_index,
        reduce_zero_label=reduce_zero_label,
        hint=NUMBERS_OF_TRUTH,
    )
    return Dataset(
        name=path.resolve().name,
        categories=truth.categories,
        image_ids=truth.image_ids,
        load=lambda index: _sample(
            truth.image_ids[index],
            files[truth.image_ids[index]],
            ids,
            source_path=files[truth.image_ids[index]],
        ),
        tasks=TASKS,
        format="png",
        path=path,
        labels=_table(truth.image_ids, files, ids),
    )


def _table(names: Sequence[str], files: Mapping[str, str], ids: IdReader) -> LabelTable:
    return LabelTable(
        lambda index: _read_mask(names[index], files[names[index]], ids, refuse=False),
        ids.categories.ignore_index,
    )


def _read_mask(name: str, file: str, ids: IdReader, *, refuse: bool = True) -> LabelRuns:
    data = read_file(file, image_id=name, field="mask")
    return ids.decode(data, refuse=refuse, file=file, image_id=name)


def _sample(
    name: str, file: str, ids: IdReader, *, source_path: str, image_file: ImageFile | None = None
) -> Sample:
    """Read the mask at once: its size is that of the sample."""
    mask = _read_mask(name, file, ids)
    return Sample(
        image_id=name,
        height=mask.shape[0],
        width=mask.shape[1],
        ignore_index=ids.categories.ignore_index,
        load_mask=lambda: mask,
        image_file=image_file,
        source_path=source_path,
    )


def _id_reader(
    path: Path,
    files: Mapping[str, str],
    options: dict[str, Any],
    *,
    labels: Path | None,
    num_classes: int | None,
    beside: Path | None,
) -> IdReader:
    """Categories from the file given, from ``id2label.json``, from their number, or from the largest id."""
    candidates = [path / "id2label.json", path.parent / "id2label.json"]
    labels = labels or next((file for file in candidates if file.is_file()), None)
    if labels is not None:
        return IdReader(labels_from_file(labels, options["ignore_index"]), **options)
    if num_classes is not None:
        return IdReader(Categories.from_id2label({i: str(i) for i in range(num_classes)}), **options)
    others = _list(_mask_folder(beside), (".png",)) if beside is not None and beside.is_dir() else {}
    return IdReader.guess([*files.items(), *others.items()], **options)


def _check_range(option: str, value: int | None, least: int) -> None:
    if value is not None and not least <= value <= 65_535:
        raise UsageError(f"{option} must be {least} to 65535, not {value}")


def _mask_folder(path: Path) -> Path:
    if not path.is_dir():
        raise DataError("is no folder of label maps", file=path)
    return next((path / name for name in _MASK_FOLDERS if (path / name).is_dir()), path)


def _list(folder: Path, suffixes: tuple[str, ...]) -> dict[str, str]:
    """``{path below the folder without suffix: file}``; hidden files (``._0001.png`` of macOS) are none.

    Texts and no paths, which take as long to make as everything else here.
    """
    files: dict[str, str] = {}
    prefix = _prefix(folder)
    for below in sorted(files_below(folder)):
        name, suffix = os.path.splitext(below)  # noqa: PTH122
        if suffix.lower() in suffixes and not below.rpartition("/")[2].startswith("."):
            if name in files:
                other = files[name].rpartition("/")[2]
                raise DataError(f"has the same name as {other!r}", file=folder / below, image_id=name)
            files[name] = prefix + below
    if not files:
        raise DataError("holds no images" if len(suffixes) > 1 else "holds no PNG label maps", file=folder)
    return files


def _prefix(folder: Path) -> str:
    """What every path below a folder begins with."""
    return (folder / "_").as_posix()[:-1]


def _pictures(path: Path, images: Path | None, masks: Path, files: Mapping[str, str]) -> dict[str, ImageFile]:
    folder = images or (path / "images" if masks != path and (path / "images").is_dir() else None)
    if folder is None:
        return {}
    found = _list(folder, SUFFIXES)
    for name, file in found.items():
        if name not in files:
            raise DataError("the image has no mask", file=file, image_id=name, field="mask")
    for name, file in files.items():
        if name not in found:
            raise DataError("the mask has no image", file=file, image_id=name, field="image")
    prefix = _prefix(folder)
    return {n: ImageFile(name=f.removeprefix(prefix), path=Path(f)) for n, f in found.items()}
