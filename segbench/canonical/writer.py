"""Writer of the canonical form: a folder, or Parquet shards with the pictures inside. Whole or not at all."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from segbench.canonical import card, maps
from segbench.canonical import images as codec
from segbench.canonical.arrow import table_of
from segbench.canonical.atomic import replace_folder
from segbench.canonical.dataset import Dataset, fingerprint
from segbench.canonical.exif import to_upright
from segbench.canonical.paths import check_name
from segbench.canonical.place import check_mode, place, place_image
from segbench.canonical.rows import FOLDER_NAMES, FOLDER_SCHEMA, PACKED_SCHEMA, row_from_sample
from segbench.canonical.sample import ImageFile, Sample
from segbench.errors import DataError, UsageError
from segbench.kernels import LabelRuns

FORMAT_VERSION = 1
ROW_GROUP = 100
SHARD_BYTES = 500_000_000
_REPEATED_COLUMNS = ["segments.list.element.source_kind", "segments.list.element.attributes", "extra"]
"""Columns of text that repeats; for numbers a dictionary takes longer to make than it saves."""


def write_dataset(
    dataset: Dataset,
    target: str | Path,
    *,
    images: str = "link",
    packed: bool = False,
    source: Mapping[str, Any] | None = None,
    made: Mapping[str, Any] | None = None,
    progress: Callable[[Iterator[Sample]], Iterator[Sample]] = iter,
) -> str:
    """Write a data set in the canonical form and return its fingerprint.

    Parameters
    ----------
    dataset
        Any data set; its samples are read one at a time.
    target
        Folder to write; one that is there is replaced once the new one is whole.
    images
        ``link`` the original files (copied where a link cannot be made), ``copy`` them, or ``none``.
    packed
        Write Parquet shards that hold the pictures, instead of a folder of files.
    source
        ``{format, options, files}`` for ``dataset.json``.
    made
        What else ``dataset.json`` says of how it was made: ``policies``, ``labels`` …
    progress
        Wraps the iterator of samples, to show how far it is.

    Raises
    ------
    UsageError
        When ``images`` is unknown, or ``target`` is the source or a folder above it.
    DataError
        When an image is missing or unreadable, is not of the size of its annotation, or names collide.
        Nothing is left behind.
    """
    check_mode(images)
    _refuse_to_replace_the_source(dataset, Path(target))
    with replace_folder(Path(target)) as folder:
        hashes: list[str] = []
        samples = iter(progress(iter(dataset)))
        for split, count in dataset.splits.items():
            layout = _Packed(folder, split) if packed else _Folder(folder, split, images)
            hashes += [_write_sample(s, dataset, layout, images) for s in islice(samples, count)]
            layout.close()
        next(samples, None)  # lets a progress bar end
        found = fingerprint(dataset.categories, hashes)
        how = {"source": {"format": dataset.format, **(source or {})}, **(made or {})}
        _write_description(dataset, folder, found, packed, how)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pictures:
    """The encoded pictures of one sample, and the name that their file names derive from."""

    name: str
    image: ImageFile | None
    mask: bytes
    segment_map: bytes | None


def _refuse_to_replace_the_source(dataset: Dataset, target: Path) -> None:
    if dataset.path is not None and dataset.path.resolve().is_relative_to(target.resolve()):
        raise UsageError(
            f"{target} would replace {dataset.path}, which it is made from; choose another target"
        )


def _write_sample(sample: Sample, dataset: Dataset, layout: _Folder | _Packed, images: str) -> str:
    """Write one sample and return the hash of its record."""
    name = sample.image_file.name if sample.image_file else f"{sample.image_id}.png"
    name = check_name(name, file=dataset.path, image_id=sample.image_id, field="file_name")
    image, orientation, digest = None, 1, None
    if images != "none":
        image = _read_image(sample, dataset)
        sample, orientation = _turn(sample, image)
        digest = hashlib.sha256(image.read()).hexdigest()
    row = row_from_sample(sample, dataset.categories)
    layout.add(
        {**row, "exif_orientation": orientation, "image_sha256": digest},
        _Pictures(
            name=name,
            image=image,
            mask=codec.encode_labels(_fitting(sample.mask_runs, dataset.ignore_index, sample.image_id)),
            segment_map=codec.encode_segment_map(sample.segment_runs) if sample.load_segment_map else None,
        ),
    )
    return str(row["record_sha256"])


def _fitting(runs: LabelRuns, ignore_index: int, image_id: str) -> LabelRuns:
    return replace(runs, values=maps.fit(runs.values, ignore_index, image_id=image_id))


def _read_image(sample: Sample, dataset: Dataset) -> ImageFile:
    """Return the image of a sample with its bytes."""
    if sample.image_file is None:
        raise DataError(
            "there is no picture of it; pass images='none' (--images none) to convert annotations alone",
            file=dataset.path,
            image_id=sample.image_id,
            field="image",
        )
    return replace(sample.image_file, data=sample.image_file.read(sample.image_id))


def _turn(sample: Sample, image: ImageFile) -> tuple[Sample, int]:
    """Return the sample in the upright frame of its image, and the image's EXIF orientation."""
    where: dict[str, Any] = {"file": image.path or image.name, "image_id": sample.image_id}
    height, width, orientation = codec.image_size(image.read(), **where)
    sample = to_upright(sample, orientation, height, width)
    sample.check_size(height, width, **where)
    return sample, orientation


class _Folder:
    """``<split>/metadata.parquet`` beside ``images/``, ``masks/`` and ``segment_maps/``."""

    def __init__(self, root: Path, split: str, images: str) -> None:
        self._folder = root / _check_split(split)
        self._folder.mkdir()
        self._images = images
        self._names: set[str] = set()
        self._rows = _RowWriter(self._folder / "metadata.parquet", FOLDER_SCHEMA)

    def add(self, row: dict[str, Any], pictures: _Pictures) -> None:
        image_id = row["image_id"]
        files: dict[str, str | None] = dict.fromkeys(FOLDER_NAMES.values())
        if pictures.image is not None:
            file = files["file_name"] = self._claim(f"images/{pictures.name}", image_id)
            place_image(self._folder / file, pictures.image, self._images)
        for kind, data in (("mask", pictures.mask), ("segment_map", pictures.segment_map)):
            if data is not None:
                file = files[FOLDER_NAMES[kind]] = self._claim_map(f"{kind}s", pictures.name, image_id)
                place(self._folder / file, data)
        self._rows.add({**files, **row})

    def close(self) -> None:
        self._rows.close()

    def _claim_map(self, folder: str, name: str, image_id: str) -> str:
        """``a.png`` for ``a.jpg``; where there is ``a.bmp`` too, ``a.jpg.png``."""
        short = f"{folder}/{_png_name(name)}"
        return self._claim(short if _key(short) not in self._names else f"{folder}/{name}.png", image_id)

    def _claim(self, file: str, image_id: str) -> str:
        if _key(file) in self._names:
            raise DataError(
                f"two images are called {file!r} (or differ in case alone)",
                image_id=image_id,
                field="file_name",
            )
        self._names.add(_key(file))
        return file


class _Packed:
    """``data/<split>-00000-of-000NN.parquet``; the number of shards is known at the end."""

    def __init__(self, root: Path, split: str) -> None:
        self._folder = root / "data"
        self._folder.mkdir(exist_ok=True)
        self._split = _check_split(split)
        self._schema = PACKED_SCHEMA.with_metadata({"huggingface": card.features_json()})
        self._shards: list[Path] = []
        self._bytes = 0
        self._rows: _RowWriter | None = None

    def add(self, row: dict[str, Any], pictures: _Pictures) -> None:
        image, path = pictures.image, _png_name(pictures.name)
        cells: dict[str, dict[str, Any] | None] = {
            "image": None if image is None else {"bytes": image.read(), "path": pictures.name},
            "mask": {"bytes": pictures.mask, "path": path},
            "segment_map": None,
        }
        if pictures.segment_map is not None:
            cells["segment_map"] = {"bytes": pictures.segment_map, "path": path}
        size = sum(len(cell["bytes"]) for cell in cells.values() if cell is not None)
        if self._rows is None or self._bytes + size > SHARD_BYTES:
            self._rows = self._next_shard()
        self._bytes += size
        self._rows.add({**cells, **row})

    def close(self) -> None:
        if self._rows is not None:
            self._rows.close()
        for i, shard in enumerate(self._shards):
            shard.rename(self._folder / f"{self._split}-{i:05d}-of-{len(self._shards):05d}.parquet")

    def _next_shard(self) -> _RowWriter:
        if self._rows is not None:
            self._rows.close()
        self._bytes = 0
        self._shards.append(self._folder / f"{self._split}-{len(self._shards):05d}.part")
        return _RowWriter(self._shards[-1], self._schema)


@dataclass
class _RowWriter:
    """Rows to Parquet, at most ``ROW_GROUP`` or 64 MB of pictures held."""

    file: Path
    schema: pa.Schema
    _rows: list[dict[str, Any]] = field(default_factory=list)
    _bytes: int = 0

    def __post_init__(self) -> None:
        self._writer = pq.ParquetWriter(
            self.file, self.schema, compression="zstd", use_dictionary=_REPEATED_COLUMNS
        )

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        self._bytes += sum(len(v["bytes"]) for v in row.values() if isinstance(v, dict) and "bytes" in v)
        if len(self._rows) == ROW_GROUP or self._bytes > 64_000_000:
            self._flush()

    def close(self) -> None:
        if self._rows:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        self._writer.write_table(table_of(self._rows, self.schema))
        self._rows, self._bytes = [], 0


def _check_split(split: str) -> str:
    """A split becomes a folder, or the beginning of a file name: one part of a path."""
    if "/" in split or check_name(split, field="split") != split:
        raise DataError(f"the name {split!r} has a slash; a split is one folder", field="split")
    return split


def _png_name(name: str) -> str:
    return Path(name).with_suffix(".png").as_posix()


def _key(file: str) -> str:
    """What a file system that ignores case and the composition of accents compares."""
    return unicodedata.normalize("NFC", file).casefold()


def _write_description(
    dataset: Dataset, folder: Path, found: str, packed: bool, how: Mapping[str, Any]
) -> None:
    from segbench._version import __version__

    description = {
        "format_version": FORMAT_VERSION,
        "name": dataset.name,
        "tasks": list(dataset.tasks),
        "layout": "packed" if packed else "folder",
        "categories": dataset.categories.to_json(),
        "ignore_index": dataset.ignore_index,
        "splits": dataset.splits,
        "overlap_policy": dataset[0].overlap_policy if "instance" in dataset.tasks else None,
        **how,
        "extra": dataset.extra,
        "segbench": __version__,
        "fingerprint": found,
    }
    texts = {
        "dataset.json": json.dumps(description, indent=1, ensure_ascii=False),
        "id2label.json": json.dumps(dataset.id2label, indent=1, ensure_ascii=False),
        "README.md": card.card(description),
    }
    for name, text in texts.items():
        (folder / name).write_text(text + "\n", encoding="utf-8")
