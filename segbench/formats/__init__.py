"""Formats: what is on disk, and how it becomes the canonical form and back.

Each format is one module with ``TITLE``, ``TASKS`` (kinds of truth that it stores), ``CARRIES``, ``LAYOUT``,
``sniff(path)``, ``read(path)`` and ``write(dataset, target, *, images, pen)``, which has the pen
(:mod:`segbench.canonical.pen`) write each sample and joins what that returns; one that can only be read has
``INSTEAD``, which says what to write in its place, and no ``write``. Where its files can be predictions it
has ``read_predictions(path, truth)`` and, where much of that needs no truth, ``read_ahead(path)``, whose
result ``read_predictions(path, truth, ahead)`` asks for; ``is_whole(path, truth)`` tells whether they are a
whole data set of the format, which says itself what its values mean, and is read as one. ``PREDICTIONS``
names the file or folder of predictions, by task, where these are scored as what they were made of; they are
written by ``write_predictions`` if there is one, else like truth. What they must be: ``PREDICTED_IDS``,
task -> range of the source ids of categories, or ``PREDICTED_CLASSES``, how many there may be; and
``PLACED``, where each stands in the truth's video or volume. Where writing needs a package, ``ready()``
raises if it is not there. Where it depends on the data whether a feature is carried: ``LOSES``,
feature -> function that counts what a sample would lose, or a class whose
``look(sample)`` returns what ``count`` of one instance a split adds up
(:class:`segbench.conversions.losses.RepeatedIds`); of a feature of the data set as a whole (``LISTERS`` of
:mod:`segbench.conversions.losses`), a function that names what the data set would lose. Where it states no
image ids, ``NAMES`` tells which are read (:mod:`segbench.formats.image_names`). Where it writes beside its
target, ``outputs(target)``. ``WRITES_WITH`` names modules that it imports late, and needs to write.
Adding one is a file, its test and a line in ``FORMATS``.

A path is recognised in two steps, so that tens of formats cost no time: what an :class:`Entry` says of names
alone, and then ``sniff`` of the modules that are left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from segbench.canonical.dataset import Dataset
from segbench.canonical.options import checked_options
from segbench.errors import DataError, UsageError, did_you_mean
from segbench.formats.aligned import in_categories_of, in_order_of, paired, without_split
from segbench.formats.joined import as_asked


class Entry(NamedTuple):
    """Where a format is implemented, and which paths may be in it.

    Attributes
    ----------
    module
        To be imported.
    files
        Endings of files, in lower case.
    folders
        Patterns of :meth:`pathlib.Path.glob`: a folder holds something that one of them matches.
    """

    module: str
    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()

    def may_be(self, path: Path) -> bool:
        """Tell by names alone whether a file or folder may be in this format."""
        if path.is_dir():
            return any(next(path.glob(pattern), None) is not None for pattern in self.folders)
        return path.name.lower().endswith(self.files)


FORMATS = {
    "segbench": Entry("segbench.formats.segbench", folders=("dataset.json",)),
    "nifti": Entry(
        "segbench.formats.nifti", files=(".nii", ".nii.gz"), folders=("labelsTr/*.nii*", "labels/*.nii*")
    ),
    "coco-panoptic": Entry(
        "segbench.formats.coco_panoptic", files=(".json",), folders=("annotations/panoptic_*.json",)
    ),
    "sa-1b": Entry("segbench.formats.sa_1b", files=(".json",), folders=("sa_*.json", "*/sa_*.json")),
    "roboflow": Entry(
        "segbench.formats.roboflow",
        files=("_annotations.coco.json",),
        folders=("_annotations.coco.json", "*/_annotations.coco.json", "_classes.csv", "*/_classes.csv"),
    ),
    "open-images": Entry(
        "segbench.formats.open_images",
        files=(".csv",),
        folders=("*-object-segmentation.csv", "annotations/*-object-segmentation.csv"),
    ),
    "lvis": Entry("segbench.formats.lvis", files=(".json",), folders=("annotations/lvis_*.json",)),
    "coco": Entry("segbench.formats.coco", files=(".json",), folders=("annotations/instances_*.json",)),
    "label-studio": Entry("segbench.formats.label_studio", files=(".json",), folders=("*.json",)),
    "cvat": Entry("segbench.formats.cvat", files=(".xml",), folders=("*.xml",)),
    "cityscapes": Entry(
        "segbench.formats.cityscapes",
        folders=(
            "gtFine",
            "gtCoarse",
            *(f"{split}/*/*_gt[FC]*" for split in ("train*", "val", "test")),
            "*.txt",
        ),
    ),
    "voc": Entry(
        "segbench.formats.voc",
        folders=("SegmentationClass", "VOCdevkit/VOC*/SegmentationClass", "VOC[0-9]*/SegmentationClass"),
    ),
    "coco-stuff": Entry(
        "segbench.formats.coco_stuff", folders=("stuffthingmaps", "stuffthingmaps_trainval2017")
    ),
    "ade20k": Entry("segbench.formats.ade20k", folders=("annotations",)),
    "camvid": Entry("segbench.formats.camvid", folders=("*annot", "LabeledApproved_full")),
    "ade20k-full": Entry(
        "segbench.formats.ade20k_full",
        folders=("images/ADE", "ADE", "training/*/*/ADE_*_seg.png", "validation/*/*/ADE_*_seg.png"),
    ),
    "davis": Entry("segbench.formats.davis", folders=("Annotations",)),
    "bdd100k": Entry("segbench.formats.bdd100k", folders=("labels/*/bitmasks", "labels/*/masks")),
    "scalabel": Entry(
        "segbench.formats.scalabel",
        files=(".json",),
        folders=("labels/*/rles/*.json", "labels/*/polygons/*.json"),
    ),
    "instance-png": Entry("segbench.formats.instance_png", folders=("*/masks", "*/*/masks")),
    "mapillary": Entry("segbench.formats.mapillary", folders=("config*.json",)),
    "kitti": Entry("segbench.formats.kitti", folders=("*/instance", "*/semantic")),
    "kitti-step": Entry("segbench.formats.kitti_step", folders=("panoptic_maps",)),
    "supervisely": Entry("segbench.formats.supervisely", folders=("*/ann", "*/datasets/**/ann")),
    "mots": Entry("segbench.formats.mots", folders=("instances", "instances_txt", "train/*/gt/gt.txt")),
    "labelme": Entry(
        "segbench.formats.labelme", files=(".json",), folders=("*.json", "*/*.json", "*/*/*.json")
    ),
    "webdataset": Entry(
        "segbench.formats.webdataset", files=(".tar",), folders=("info.json", "*.tar", "*/*.tar")
    ),
    "hf": Entry(
        "segbench.formats.hf",
        files=(".parquet",),
        folders=(
            "dataset_dict.json",
            "state.json",
            "metadata.*",
            "*/metadata.*",
            "*.parquet",
            "*/*.parquet",
            "*/*/*.parquet",
        ),
    ),
    "yolo-seg": Entry(
        "segbench.formats.yolo_seg",
        files=(".yaml", ".yml"),
        folders=("*.yaml", "*.yml", "*.txt", "labels/**/*.txt"),
    ),
    "png": Entry("segbench.formats.png", folders=("masks", "labels", "annotations", "*.png")),
}
"""Every format, in the order in which they are sniffed: the particular before the general."""

FEATURES = {
    "stuff": "uncountable categories",
    "instances": "objects told apart",
    "overlap": "pixels that several objects cover",
    "stacking": "which of overlapping objects lies on top",
    "holes": "objects with holes",
    "parts": "objects of several parts",
    "polygons": "outlines as they were drawn",
    "crowd": "group regions (iscrowd)",
    "ignore": "regions that are never scored",
    "void": "pixels that nothing covers",
    "ids": "segment ids of the source",
    "repeated_ids": "segment ids that repeat, unless numbered anew",
    "image_ids": "image ids of the source",
    "category_ids": "category ids of the source",
    "category_fields": "colours, parents and other fields of categories",
    "wide_ids": "categories that there is no number for (8 bits hold 255)",
    "isthing": "thing or stuff, said of each category",
    "stated": "areas and boxes as the source states them",
    "scores": "confidence of predictions",
    "attributes": "other fields of a segment",
    "tracks": "identity in a video",
    "federated": "negative and not exhaustive categories of an image",
    "extra": "other fields of an image",
    "about": "what is said of the data set as a whole",
    "splits": "splits by name",
    "images": "the pictures",
}
"""What a format can carry or lose."""

SELDOM_LOST = frozenset({"void"})
"""Features that every format keeps whose ``LOSES`` does not count them."""


def load_format(name: str) -> ModuleType:
    """Return the module of a format.

    Raises
    ------
    UsageError
        When there is none of this name.
    """
    if name not in FORMATS:
        raise UsageError(f"unknown format {name!r}.{did_you_mean(name, FORMATS)}")
    return import_module(FORMATS[name].module)


def carries(name: str) -> dict[str, bool]:
    """Return, for each of ``FEATURES``, whether a format keeps it."""
    module = load_format(name)
    kept = module.CARRIES | (SELDOM_LOST - getattr(module, "LOSES", {}).keys())
    return {feature: feature in kept for feature in FEATURES}


_LOOKED_AT = 8
"""Files of a folder in no known format that are looked at for one that is."""


def sniff(path: str | Path) -> str:
    """Return the name of the format that a file or folder is in.

    Raises
    ------
    DataError
        When it does not exist, or is in none that is known.
    """
    source = Path(path)
    if not source.exists():
        raise DataError("there is no such file or folder", file=source)
    if (found := _recognised(source)) is not None:
        return found
    files = sorted(source.glob("*.json"))[:_LOOKED_AT] if source.is_dir() else []
    within = next((f"{file.name} in it is {name}" for file in files if (name := _recognised(file))), None)
    known = f"is in no format that is known ({', '.join(FORMATS)}); name it with --from"
    raise DataError(known if within is None else f"is in no format that is known, but {within}", file=source)


def _recognised(source: Path) -> str | None:
    try:
        for name, entry in FORMATS.items():
            if entry.may_be(source) and load_format(name).sniff(source):
                return name
    except OSError as error:
        raise DataError(f"cannot read it: {error.strerror}", file=source) from None
    return None


def open_dataset(
    path: str | Path,
    *,
    split: str | None = None,
    format: str | None = None,  # noqa: A002 - the field's word
    options: Mapping[str, Any] | None = None,
    scan: bool = False,
) -> Dataset:
    """Open a data set in any readable format, lazily.

    Parameters
    ----------
    path
        File or folder.
    split
        One split; by default all of them, one after the other.
    format
        Name of the format; by default it is recognised.
    options
        Settings of the format's ``read``: ``{"reduce_zero_label": True}``, say.
    scan
        Hold less in memory, where samples are read one after the other.

    Raises
    ------
    DataError
        When it cannot be read.
    UsageError
        When the format, the split or an option is unknown.
    """
    name = format or sniff(path)
    module = load_format(name)
    read = getattr(module, "scan", module.read) if scan else module.read
    dataset: Dataset = read(Path(path), **_checked(read, options))
    again = partial(open_dataset, Path(path).absolute(), format=name, options=options, scan=scan)
    dataset.opened_by(again)
    return dataset if split is None else dataset.split(split)


def open_predictions(
    path: str | Path,
    truth: Dataset,
    *,
    format: str | None = None,  # noqa: A002 - the field's word
    options: Mapping[str, Any] | None = None,
    ahead: Callable[[], Any] | None = None,
) -> Dataset:
    """Open predictions against their truth, in any format that can hold them.

    ``ahead`` gives what :func:`read_ahead` returned, where that was called.

    Raises
    ------
    DataError, UsageError
        As :func:`open_dataset`; and when an image is unknown, or lacks a prediction that it must have.
    """
    name = format or sniff(path)
    module = load_format(name)
    whole = hasattr(module, "is_whole") and module.is_whole(Path(path), truth)
    if whole or not hasattr(module, "read_predictions"):
        found = open_dataset(path, format=name, options=options)
        return as_asked(paired(lambda named: _align(found, named), truth), truth)
    known = [] if ahead is None or not hasattr(module, "read_ahead") else [ahead]
    given = _checked(module.read_predictions, options)

    def open_against(named: Dataset) -> Dataset:
        found: Dataset = module.read_predictions(Path(path), named, *known, **given)
        return found

    return as_asked(paired(open_against, truth), truth)


def read_ahead(path: str | Path, format: str | None = None) -> Any:  # noqa: A002 - the field's word
    """Read what predictions need no truth for, as another thread opens the truth; None where that is nothing.

    Raises
    ------
    DataError, UsageError
        As :func:`open_predictions`.
    """
    module = load_format(format or sniff(path))
    return module.read_ahead(Path(path)) if hasattr(module, "read_ahead") else None


def _align(predictions: Dataset, truth: Dataset) -> Dataset:
    """Put predictions that are a data set of their own beside their truth: its order, its categories."""
    named = without_split(truth, in_categories_of(truth, predictions))
    return in_order_of(truth, named, notes=predictions.notes)


def _checked(function: Any, options: Mapping[str, Any] | None) -> dict[str, Any]:
    module = function.__module__.rsplit(".", 1)[-1].replace("_", "-")
    return checked_options(function, options, f"format {module}")
