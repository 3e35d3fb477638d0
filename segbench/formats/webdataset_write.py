"""The writing half of WebDataset: tar shards of a bounded size, the same bytes for the same data."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from segbench.canonical import images as codec
from segbench.canonical import maps
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.paths import caseless, check_name, check_splits
from segbench.canonical.pen import PLAIN, Pen, pack_bytes, unpack_bytes
from segbench.canonical.place import check_mode
from segbench.canonical.sample import Sample
from segbench.errors import DataError
from segbench.formats.pictures import picture_name
from segbench.formats.plain_json import dump_json
from segbench.formats.tar_shards import ShardWriter, tar_members

INFO = "info.json"
KIND = "segbench-webdataset"
VERSION = 1
MASK, SEGMENTS, RECORD = "mask.png", "segments.png", "json"
"""Endings of the members that we write beside the picture."""

SHARD_BYTES, SHARD_SAMPLES = 500_000_000, 10_000


def write(
    dataset: Dataset,
    target: Path,
    *,
    images: str = "link",
    pen: Pen = PLAIN,
) -> None:
    """Write ``<split>-000000.tar`` …, ``info.json`` and ``id2label.json``.

    Raises
    ------
    DataError
        When a picture is missing, a mask cannot be drawn, or a split has no name for files.
    """
    check_mode(images)
    with pen.folder(target) as folder:
        splits: dict[str, Any] = {}
        keys = _Keys()
        for split, name in zip(dataset.splits, check_splits(dataset.splits, file=dataset.path), strict=True):
            if "/" in name or name != split:
                message = f"the name {split!r} has a slash; it is the beginning of file names"
                raise DataError(message, field="split")
            splits[split] = _write_split(dataset.split(split), folder, keys, images, pen)
        (folder / INFO).write_bytes(dump_json(_info(dataset, splits), indent=1))
        id2label = {str(key): name for key, name in dataset.id2label.items()}
        (folder / "id2label.json").write_bytes(dump_json(id2label, indent=1))


def _write_split(dataset: Dataset, folder: Path, names: _Keys, images: str, pen: Pen) -> dict[str, Any]:
    """Write the shards of one split; return their names, and the image ids that are no names of members."""
    (split,) = dataset.splits
    keys = [names.give(image_id) for image_id in dataset.image_ids]
    put = partial(_members, dataset.categories, keys, images)
    writer = ShardWriter(folder, split, max_bytes=SHARD_BYTES, max_samples=SHARD_SAMPLES)
    try:
        for data in pen.chunks(dataset, put, pack_bytes, large=True):
            for members in unpack_bytes(data):
                writer.add(members)
    finally:
        writer.close()
    renamed = {key: i for key, i in zip(keys, dataset.image_ids, strict=True) if key != i}
    return {"shards": [file.name for file in writer.files], "image_ids": renamed}


class _Keys:
    """Names of samples, each given once in all shards, which may be unpacked into one folder."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def give(self, image_id: str) -> str:
        """The image id where it can be the name of a member, and differs in more than case; else a number."""
        key = image_id
        if not _is_name(key) or caseless(key) in self._taken:
            key = f"{len(self._taken):09d}"
            while key in self._taken:
                key = f"{key}-"
        self._taken.add(caseless(key))
        return key


def _is_name(key: str) -> bool:
    """Tell whether tars, file systems and readers of tars take it for a name: no dots, no climbing."""
    try:
        return check_name(key) == key and "." not in key and not key.startswith("_") and key.isprintable()
    except DataError:
        return False


def _members(categories: Categories, keys: Sequence[str], images: str, index: int, sample: Sample) -> bytes:
    """The members of a sample as they stand in a tar."""
    from segbench.formats.webdataset_record import to_json  # pyarrow takes 0.15 s to import

    found: list[tuple[str, bytes]] = []
    name, key = picture_name(sample), keys[index]
    if images != "none" and sample.image_file is not None:
        suffix = PurePosixPath(name).suffix.lower() or ".jpg"
        found.append((f"{key}{suffix}", sample.image_file.read(sample.image_id)))
    mask = codec.encode_labels(maps.fit(sample.mask, categories.ignore_index, image_id=sample.image_id))
    found.append((f"{key}.{MASK}", mask))
    if sample.load_segment_map is not None:
        found.append((f"{key}.{SEGMENTS}", codec.encode_segment_map(sample.segment_map)))
    found.append((f"{key}.{RECORD}", to_json(sample, categories, name)))
    return tar_members(found)


def _info(dataset: Dataset, splits: dict[str, Any]) -> dict[str, Any]:
    return {
        "format": KIND,
        "format_version": VERSION,
        "name": dataset.name,
        "tasks": list(dataset.tasks),
        "categories": dataset.categories.to_json(),
        "splits": splits,
        "overlap_policy": dataset[0].overlap_policy if "instance" in dataset.tasks else None,
        "extra": dataset.extra,
    }
