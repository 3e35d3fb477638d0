"""The writing half of WebDataset: tar shards of a bounded size, the same bytes for the same data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from segbench.canonical import images as codec
from segbench.canonical import maps
from segbench.canonical.atomic import replace_folder
from segbench.canonical.dataset import Dataset
from segbench.canonical.paths import check_name
from segbench.canonical.place import check_mode
from segbench.canonical.sample import Sample
from segbench.errors import DataError
from segbench.formats.pictures import picture_name
from segbench.formats.plain_json import dump_json
from segbench.formats.tar_shards import ShardWriter

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
    progress: Callable[[Iterator[Sample]], Iterator[Sample]] = iter,
) -> None:
    """Write ``<split>-000000.tar`` …, ``info.json`` and ``id2label.json``.

    Raises
    ------
    DataError
        When a picture is missing, a mask cannot be drawn, or a split has no name for files.
    """
    check_mode(images)
    with replace_folder(target) as folder:
        samples = progress(iter(dataset))
        splits: dict[str, Any] = {}
        for split, count in dataset.splits.items():
            if "/" in split or check_name(split, field="split") != split:
                message = f"the name {split!r} has a slash; it is the beginning of file names"
                raise DataError(message, field="split")
            splits[split] = _write_split(dataset, islice(samples, count), folder, split, images)
        next(samples, None)  # lets a progress bar end
        (folder / INFO).write_bytes(dump_json(_info(dataset, splits), indent=1))
        id2label = {str(key): name for key, name in dataset.id2label.items()}
        (folder / "id2label.json").write_bytes(dump_json(id2label, indent=1))


def _write_split(
    dataset: Dataset, samples: Iterator[Sample], folder: Path, split: str, images: str
) -> dict[str, Any]:
    """Write the shards of one split; return their names, and the image ids that are no names of members."""
    writer = ShardWriter(folder, split, max_bytes=SHARD_BYTES, max_samples=SHARD_SAMPLES)
    taken: set[str] = set()
    renamed: dict[str, str] = {}
    try:
        for number, sample in enumerate(samples):
            key = _key(sample.image_id, number, taken)
            if key != sample.image_id:
                renamed[key] = sample.image_id
            writer.add(_members(sample, dataset, key, images))
    finally:
        writer.close()
    return {"shards": [file.name for file in writer.files], "image_ids": renamed}


def _key(image_id: str, number: int, taken: set[str]) -> str:
    """The image id where it can be the name of a member, and differs in more than case; else a number."""
    key = image_id
    if not _is_name(key) or key.casefold() in taken:
        key = f"{number:09d}"
        while key in taken:
            key = f"{key}-"
    taken.add(key.casefold())
    return key


def _is_name(key: str) -> bool:
    """Tell whether tars, file systems and readers of tars take it for a name: no dots, no climbing."""
    try:
        return check_name(key) == key and "." not in key and not key.startswith("_") and key.isprintable()
    except DataError:
        return False


def _members(sample: Sample, dataset: Dataset, key: str, images: str) -> list[tuple[str, bytes]]:
    from segbench.formats.webdataset_record import to_json  # pyarrow takes 0.15 s to import

    found: list[tuple[str, bytes]] = []
    name = picture_name(sample)
    if images != "none" and sample.image_file is not None:
        suffix = PurePosixPath(name).suffix.lower() or ".jpg"
        found.append((f"{key}{suffix}", sample.image_file.read(sample.image_id)))
    mask = codec.encode_labels(maps.fit(sample.mask, dataset.ignore_index, image_id=sample.image_id))
    found.append((f"{key}.{MASK}", mask))
    if sample.load_segment_map is not None:
        found.append((f"{key}.{SEGMENTS}", codec.encode_segment_map(sample.segment_map)))
    found.append((f"{key}.{RECORD}", to_json(sample, dataset.categories, name)))
    return found


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
