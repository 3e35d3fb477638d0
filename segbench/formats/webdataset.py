"""WebDataset: tar shards; members of one name are a sample: ``0001.jpg``, ``0001.mask.png``, ``0001.json``.

Source: the documentation and the reader of ``webdataset`` 1.0.2. Members are read where they stand, in any
order; nothing is unpacked. What we write holds all of the canonical form, a row of it in each JSON; of shards
of others the mask is read, and their JSON is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segbench.canonical import images as codec
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import ImageFile, Sample
from segbench.errors import DataError, UsageError
from segbench.formats.plain_json import read_object
from segbench.formats.png_ids import IdReader, labels_from_file
from segbench.formats.split_names import split_of
from segbench.formats.tar_shards import read_shard
from segbench.formats.webdataset_ours import Samples, parse_member, read_ours
from segbench.formats.webdataset_write import INFO, KIND, MASK, RECORD, write

__all__ = ["CARRIES", "LAYOUT", "PREDICTIONS", "TASKS", "TITLE", "read", "sniff", "write"]

TITLE = "WebDataset (tar shards)"
TASKS = ("semantic", "instance", "panoptic")
PREDICTIONS = {"semantic": "predictions", "instance": "predictions", "panoptic": "predictions"}
CARRIES = frozenset(
    {
        "stuff", "instances", "overlap", "stacking", "holes", "parts", "polygons", "crowd", "ignore", "ids",
        "repeated_ids", "image_ids", "category_ids", "category_fields", "wide_ids", "isthing", "stated",
        "scores", "attributes", "tracks", "federated", "extra", "about", "splits", "images",
    }
)  # fmt: skip
WRITES_WITH = ("segbench.formats.webdataset_record",)
LAYOUT = """\
id2label.json               {"0": "road", "1": "sidewalk", …}
info.json                   where we wrote it: categories, tasks, the shards of each split
train-000000.tar
  0001.jpg                  the picture: jpg, jpeg, png, webp, bmp, tif
  0001.mask.png             category ids; also seg.png, label.png, segmentation.png, annotation.png, or png
  0001.segments.png         panoptic only: segment ids, R + 256 G + 65536 B
  0001.json                 segments with their run lengths, and what else is known of the image"""
_PICTURES = ("jpg", "jpeg", "webp", "bmp", "tif", "tiff", "png", "image.jpg", "image.png", "img.png")
_MASKS = (
    MASK, "seg.png", "label.png", "labels.png", "segmentation.png", "annotation.png", "semantic.png",
    "target.png", "gt.png", "png",
)  # fmt: skip


def sniff(path: Path) -> bool:
    """Tell whether a path is a tar, or a folder of tars, whose first has a mask."""
    try:
        file = _shards(path)[0]
        return any(any(name in _MASKS for name in endings) for endings in read_shard(file).endings[:16])
    except DataError:
        return (path / INFO).is_file()


def read(
    path: Path,
    *,
    image: str | None = None,
    mask: str | None = None,
    labels: Path | None = None,
    num_classes: int | None = None,
    ignore_index: int | None = None,
    reduce_zero_label: bool = False,
) -> Dataset:
    """Open tar shards: one file, or all of a folder.

    Parameters
    ----------
    path
        The tar, or the folder.
    image, mask
        Endings of pictures and of masks (``seg.png``), where they are unusual.
    labels
        JSON ``{id: name}``; by default ``id2label.json`` in the folder.
    num_classes
        Names the ids 0..N-1 by their numbers where nothing names them.
    ignore_index
        Id of pixels that are never scored, beside 255 (65,535 in 16 bits).
    reduce_zero_label
        0 becomes ignore, and every other id one less.

    Raises
    ------
    DataError
        When a shard is damaged or hostile, or a sample has no mask.
    UsageError
        When ids are to be read anew of what we wrote.
    """
    folder = path if path.is_dir() else path.parent
    asked = image, mask, labels, num_classes, ignore_index, reduce_zero_label or None
    if (folder / INFO).is_file() and read_object(folder / INFO).get("format") == KIND:
        if set(asked) != {None}:
            raise UsageError(f"{INFO} says what the ids of {folder} mean; it is read without options")
        return read_ours(path, folder)
    shards = [read_shard(file) for file in _shards(path)]
    samples = Samples(shards)
    masks = _Masks(samples, image, mask)
    options: dict[str, Any] = {"ignore_index": ignore_index, "reduce_zero_label": reduce_zero_label}
    ids = _id_reader(folder, masks, options, labels=labels, num_classes=num_classes)
    splits: dict[str, int] = {}
    for shard in shards:
        split = split_of(shard.file)
        splits[split] = splits.get(split, 0) + len(shard)
    return Dataset(
        name=path.resolve().stem,
        categories=ids.categories,
        image_ids=samples.keys,
        load=_Foreign(masks, ids),
        tasks=("semantic",),
        format="webdataset",
        path=path,
        splits=splits,
        notes=ids.notes,
    )


def _shards(path: Path) -> list[Path]:
    """The tars of a folder by split and name."""
    if path.is_file():
        return [path]
    files = [*path.glob("*.tar"), *path.glob("*/*.tar")]
    found = sorted((f for f in files if not f.name.startswith(".")), key=lambda f: (split_of(f), f))
    if not found:
        packed = next((file for ending in ("*.tar.gz", "*.tgz") for file in path.glob(ending)), None)
        message = "holds no .tar" if packed is None else "is compressed: unpack it to a .tar"
        raise DataError(message, file=packed or path)
    return found


class _Masks:
    """Pictures and masks of samples that others wrote."""

    def __init__(self, samples: Samples, image: str | None, mask: str | None) -> None:
        self.samples = samples
        self._image, self._mask = image, mask

    def where(self, index: int) -> dict[str, Any]:
        """What messages name."""
        shard, place = self.samples.at(index)
        return {"file": shard.file, "image_id": shard.keys[place]}

    def mask(self, index: int) -> bytes:
        """Return the bytes of a mask."""
        shard, place = self.samples.at(index)
        endings = shard.endings[place]
        picture = self._picture(endings)
        names = _MASKS if self._mask is None else (self._mask,)
        name = next((n for n in names if n in endings and n != picture), None)
        if name is None:
            message = f"has no mask among its members {', '.join(endings)}; name one: --option mask=ENDING"
            raise DataError(message, **self.where(index))
        return shard.read(place, name)

    def picture(self, index: int) -> ImageFile | None:
        """Return the picture of a sample; None without one."""
        shard, place = self.samples.at(index)
        name = self._picture(shard.endings[place])
        if name is None:
            return None
        ending = name.rpartition(".")[2]
        return ImageFile(name=f"{shard.keys[place]}.{ending}", data=shard.read(place, name))

    def record(self, index: int) -> dict[str, Any]:
        """Return what the JSON of a sample says."""
        shard, place = self.samples.at(index)
        if RECORD not in shard.endings[place]:
            return {}
        return parse_member(shard.read(place, RECORD), **self.where(index))

    def _picture(self, endings: Sequence[str]) -> str | None:
        if self._image is not None:
            return self._image if self._image in endings else None
        found = [name for name in _PICTURES if name in endings and name != self._mask]
        if found == ["png"] and not any(name in endings for name in _MASKS[:-1]) and self._mask is None:
            return None  # a mask alone
        return found[0] if found else None


@dataclass(frozen=True, slots=True)
class _Foreign:
    """Makes samples of masks."""

    masks: _Masks
    ids: IdReader

    def __call__(self, index: int) -> Sample:
        where = self.masks.where(index)
        runs = self.ids.decode(self.masks.mask(index), **where)
        said = self.masks.record(index)
        return Sample(
            image_id=where["image_id"],
            height=runs.shape[0],
            width=runs.shape[1],
            ignore_index=self.ids.categories.ignore_index,
            load_mask=lambda: runs,
            image_file=self.masks.picture(index),
            source_path=where["file"].name,
            extra={"webdataset": said} if said else {},
        )


def _id_reader(
    folder: Path, masks: _Masks, options: dict[str, Any], *, labels: Path | None, num_classes: int | None
) -> IdReader:
    labels = labels or next((f for f in (folder / "id2label.json",) if f.is_file()), None)
    if labels is not None:
        return IdReader(labels_from_file(labels, options["ignore_index"]), **options)
    if num_classes is not None:
        if not 1 <= num_classes <= 65_535:
            raise UsageError(f"num_classes must be 1 to 65535, not {num_classes}")
        return IdReader(Categories.from_id2label({i: str(i) for i in range(num_classes)}), **options)
    maps = (codec.decode_label_runs(masks.mask(i), **masks.where(i)) for i in range(len(masks.samples)))
    return IdReader.guess_from(maps, **options)
