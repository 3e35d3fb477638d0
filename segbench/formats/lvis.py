"""LVIS: COCO's JSON of instances, of which each image says for which categories it is annotated.

Source: LVIS 0.5 and 1.0, and ``lvis`` 0.5.3, which scores them. ``neg_category_ids`` are surely absent;
of ``not_exhaustive_category_ids`` not every instance is marked; categories have a ``frequency``. Images of
LVIS 1.0 have no ``file_name``: the last two parts of ``coco_url`` name the picture.

An image that is annotated for every category has all that it lacks in ``neg_category_ids``, by rising id, and
no others: it is read as an image without lists, and written so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.paths import check_name
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.sample import ImageFile, Sample
from segbench.errors import DataError
from segbench.formats import coco
from segbench.formats import coco_layout as layout
from segbench.formats.coco import read_ahead, write_predictions
from segbench.formats.coco_common import split_name
from segbench.formats.coco_index import CocoIndex
from segbench.formats.coco_write import URL_NAMES, count_text_ids, file_name
from segbench.formats.jsonfile import starts_with
from segbench.formats.plain_json import head_has

__all__ = [
    "CARRIES",
    "KIND",
    "LAYOUT",
    "LOSES",
    "PREDICTIONS",
    "TASKS",
    "TITLE",
    "read",
    "read_ahead",
    "read_predictions",
    "scan",
    "sniff",
    "write",
    "write_predictions",
]

TITLE = "LVIS (COCO's JSON with federated annotations) and results"
TASKS = ("instance",)
PREDICTIONS = {"instance": "predictions.json"}
KIND = "lvis"
CARRIES = coco.CARRIES - {"crowd", "ignore"}
LOSES = {"ids": count_text_ids}
LAYOUT = """\
lvis_v1_val.json            {"images": [{…, "neg_category_ids", "not_exhaustive_category_ids"}, …],
                             "annotations": […], "categories": [{…, "frequency", "synset"}, …]}
val2017/000000139.jpg       pictures: "file_name", or the last two parts of "coco_url"; looked for as COCO's
results.json                predictions: [{"image_id", "category_id", "segmentation" | "bbox", "score"}, …]
or                          annotations/lvis_<split>.json and a folder of pictures a split"""
_LOOKED_AT = 16


def sniff(path: Path) -> bool:
    """Tell whether a file, or the first one of a layout, has negative categories or frequencies."""
    if path.is_dir():
        files = sorted((path / "annotations").glob(f"{KIND}_*.json"))
        return bool(files) and sniff(files[0])
    if path.suffix != ".json" or not path.is_file() or not starts_with(path, b"{"):
        return False
    return head_has(path, b'"neg_category_ids"') or head_has(path, b'"frequency"', b'"synset"')


def read(path: Path, *, images: Path | None = None) -> Dataset:
    """Open a file, or every split of a folder in COCO's layout.

    Parameters
    ----------
    path
        The JSON file, or the folder that has ``annotations/lvis_*.json``.
    images
        Folder of the pictures, or of ``train2017`` and ``val2017``; looked for where it is not given.

    Raises
    ------
    DataError
        As :func:`segbench.formats.coco.read`.
    """
    return _read(path, images, coco.read)


def scan(path: Path, *, images: Path | None = None) -> Dataset:
    """Open as :func:`read` does, but with no masks in memory, to read one sample after the other."""
    return _read(path, images, coco.scan)


def _read(path: Path, images: Path | None, read_coco: Callable[..., Dataset]) -> Dataset:
    if path.is_dir():
        return layout.read_layout(path, KIND, partial(_read, images=images, read_coco=read_coco))
    dataset = read_coco(path, images=images)
    names = [_url_name(dataset[i]) for i in range(min(_LOOKED_AT, len(dataset)))]
    urls = all(names)
    pictures = _Pictures(path, images, [name for name in names if name]) if urls else None
    read_one = partial(_read_one, dataset, pictures)
    return Dataset(
        name=dataset.name,
        categories=dataset.categories,
        image_ids=dataset.image_ids,
        load=read_one,
        tasks=TASKS,
        format="lvis",
        path=path,
        splits=dataset.splits,
        extra=dataset.extra | ({URL_NAMES: True} if urls else {}),
        notes=dataset.notes,
        instances=dataset.instances,
        about=dataset.about,
    )


def read_predictions(
    path: Path, truth: Dataset, ahead: Callable[[], CocoIndex | None] | None = None
) -> Dataset:
    """Open predictions; see :func:`segbench.formats.coco.read_predictions`."""
    return coco.predictions_by(read, path, truth, ahead)


def write(dataset: Dataset, target: Path, *, images: str = "link", pen: Pen = PLAIN) -> None:
    """Write one file (``*.json``), or a folder in COCO's layout; whole or not at all.

    Crowds and ignore regions, which LVIS does not have, are left out, and their categories are marked as not
    exhaustive. A category's ``frequency``, which ``lvis`` wants to score by, is written where it is known.
    """
    layout.write_layout(dataset, target, KIND, _write_json, images=images, pen=pen)


def _write_json(dataset: Dataset, target: Path, pen: Pen, pictures: layout.Pictures) -> None:
    coco.write_json(dataset, target, pen, pictures, _Rows)


class _Rows(coco.Rows):
    """LVIS's entries: without ``iscrowd``, with both lists in each image."""

    def image(self, sample: Sample) -> dict[str, Any]:
        entry = super().image(_told(sample, self.dataset.categories))
        if self.dataset.extra.get(URL_NAMES) and file_name(sample) == _tail(sample.extra):
            del entry["file_name"]
        return entry

    def annotations(self, sample: Sample) -> Iterator[dict[str, Any]]:
        for row in super().annotations(replace(sample, segments=_written(sample))):
            del row["iscrowd"]
            yield row


def _written(sample: Sample) -> tuple[Any, ...]:
    return tuple(s for s in sample.segments if not s.iscrowd and not s.ignore)


def _told(sample: Sample, categories: Categories) -> Sample:
    """The sample with both lists, and with the categories of regions that are left out as not exhaustive."""
    neg = sample.neg_category_ids
    vague = sample.not_exhaustive_category_ids or ()
    left_out = dict.fromkeys(s.category_id for s in sample.segments if s.iscrowd or s.ignore)
    return replace(
        sample,
        neg_category_ids=_absent(sample, categories) if neg is None else neg,
        not_exhaustive_category_ids=(*vague, *(i for i in left_out if i not in vague)),
    )


def _absent(sample: Sample, categories: Categories) -> tuple[int, ...]:
    present = {s.category_id for s in sample.segments}
    return tuple(c.id for c in categories if c.id not in present)


def _read_one(dataset: Dataset, pictures: _Pictures | None, index: int) -> Sample:
    sample = dataset[index]
    if (
        sample.neg_category_ids is not None
        and sample.not_exhaustive_category_ids == ()
        and sample.neg_category_ids == _absent(sample, dataset.categories)
    ):
        sample = replace(sample, neg_category_ids=None, not_exhaustive_category_ids=None)
    return sample if pictures is None else pictures.name(sample)


@dataclass(frozen=True, slots=True, init=False)
class _Pictures:
    """Where the pictures are that ``coco_url`` names; ``root`` is None where they are not found."""

    root: Path | None
    parts: int

    def __init__(self, path: Path, images: Path | None, names: list[str]) -> None:
        split = split_name(path)
        below = ["", "images", split, f"images/{split}"]
        roots = [images] if images else [b / sub for b in (path.parent, path.parent.parent) for sub in below]
        found = (
            (root, parts)
            for parts in (2, 1)
            for root in roots
            if any((root / _last(name, parts)).is_file() for name in names)
        )
        root, parts = next(found, (images, 2))
        object.__setattr__(self, "root", root)
        object.__setattr__(self, "parts", parts)

    def name(self, sample: Sample) -> Sample:
        """Name the picture of a sample that has no ``file_name``."""
        name = _url_name(sample)
        if name is None:
            return sample
        path = None if self.root is None else self.root / _last(name, self.parts)
        image = None if path is None else ImageFile(name=name, path=path)
        return replace(sample, image_file=image, source_path=name)


def _url_name(sample: Sample) -> str | None:
    return None if sample.source_path is not None else _tail(sample.extra)


def _tail(extra: Mapping[str, Any]) -> str | None:
    """``train2017/000000139.jpg`` of a URL that ends so; None where there is none, or it leads away."""
    url = extra.get("coco_url")
    if not isinstance(url, str):
        return None
    try:
        return check_name(_last(urlsplit(url).path.strip("/"), 2))
    except (DataError, ValueError):
        return None


def _last(name: str, parts: int) -> str:
    return "/".join(PurePosixPath(name).parts[-parts:])
