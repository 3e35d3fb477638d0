"""Writer of the canonical form: a folder, or Parquet shards with the pictures inside. Whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from segbench.canonical import card, maps
from segbench.canonical import images as codec
from segbench.canonical.arrow import array_of
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset, fingerprint
from segbench.canonical.exif import to_upright
from segbench.canonical.paths import caseless, check_name, check_splits
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.place import check_mode, place, place_image
from segbench.canonical.row_writer import RowWriter, Written, pack, unpack
from segbench.canonical.rows import (
    COMMON,
    FOLDER_NAMES,
    FOLDER_SCHEMA,
    PACKED_SCHEMA,
    PICTURES,
    row_from_sample,
)
from segbench.canonical.sample import ImageFile, Sample
from segbench.errors import DataError, UsageError
from segbench.kernels import LabelRuns

FORMAT_VERSION = 1
SHARD_BYTES = 500_000_000
_COMMON_SCHEMA = pa.schema(COMMON)


def write_dataset(
    dataset: Dataset,
    target: str | Path,
    *,
    images: str = "link",
    packed: bool = False,
    source: Mapping[str, Any] | None = None,
    made: Mapping[str, Any] | None = None,
    pen: Pen = PLAIN,
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
    pen
        What it is written with.

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
    with pen.folder(Path(target)) as folder:
        check_splits(dataset.splits, file=dataset.path)
        hashes: list[str] = []
        for split in dataset.splits:
            write = _write_packed if packed else _write_folder
            hashes += write(dataset.split(split), folder, _check_split(split), images, pen)
        found = fingerprint(dataset.categories, hashes)
        how = {"source": {"format": dataset.format, **(source or {})}, **(made or {})}
        _write_description(dataset, folder, found, packed, how)
    return found


def _refuse_to_replace_the_source(dataset: Dataset, target: Path) -> None:
    if dataset.path is not None and dataset.path.resolve().is_relative_to(target.resolve()):
        raise UsageError(
            f"{target} would replace {dataset.path}, which it is made from; choose another target"
        )


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the row and the encoded pictures of a sample."""

    categories: Categories
    path: Path | None
    images: str

    def make(self, sample: Sample) -> tuple[dict[str, Any], str, ImageFile | None, dict[str, bytes]]:
        """Return the row, the name that names of files derive from, the picture, and the maps by kind."""
        name = sample.image_file.name if sample.image_file else f"{sample.image_id}.png"
        name = check_name(name, file=self.path, image_id=sample.image_id, field="file_name")
        image, orientation, digest = None, 1, None
        if self.images != "none":
            image = _read_image(sample, self.path)
            sample, orientation = _turn(sample, image)
            digest = hashlib.sha256(image.read()).hexdigest()
        row = row_from_sample(sample, self.categories)
        runs = _fitting(sample.mask_runs, self.categories.ignore_index, sample.image_id)
        encoded = {"mask": codec.encode_labels(runs)}
        if sample.load_segment_map is not None:
            encoded["segment_map"] = codec.encode_segment_map(sample.segment_runs)
        return {**row, "exif_orientation": orientation, "image_sha256": digest}, name, image, encoded


def _fitting(runs: LabelRuns, ignore_index: int, image_id: str) -> LabelRuns:
    return replace(runs, values=maps.fit(runs.values, ignore_index, image_id=image_id))


def _read_image(sample: Sample, path: Path | None) -> ImageFile:
    """Return the image of a sample with its bytes."""
    if sample.image_file is None:
        raise DataError(
            "there is no picture of it; pass images='none' (--images none) to convert annotations alone",
            file=path,
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


def _write_folder(dataset: Dataset, root: Path, split: str, images: str, pen: Pen) -> Iterator[str]:
    """Write ``metadata.parquet`` beside ``images/``, ``masks/`` and ``segment_maps/``; yield hashes."""
    folder = root / split
    folder.mkdir(exist_ok=True)
    put = _PutFiles(_Maker(dataset.categories, dataset.path, images), folder)
    names, rows = _Names(folder), RowWriter(folder / "metadata.parquet", FOLDER_SCHEMA)
    at = 0
    for data in pen.chunks(dataset, put, partial(pack, _COMMON_SCHEMA)):
        written, table = unpack(data)
        files = [names.give(one, at + i, dataset.image_ids[at + i]) for i, one in enumerate(written)]
        yield from (one.sha256 for one in written)
        at += len(written)
        columns = [array_of([file[name] for file in files], pa.string()) for name in FOLDER_NAMES.values()]
        rows.add(pa.Table.from_arrays([*columns, *table.columns], schema=FOLDER_SCHEMA))
    rows.close()


@dataclass(frozen=True, slots=True)
class _PutFiles:
    """Puts the picture in its place, and maps under names of their own, which :class:`_Names` changes."""

    maker: _Maker
    folder: Path

    def __call__(self, index: int, sample: Sample) -> tuple[Written, dict[str, Any]]:
        row, name, image, encoded = self.maker.make(sample)
        if image is not None:
            place_image(self.folder / "images" / name, image, self.maker.images)
        for kind, data in encoded.items():
            place(_staged(self.folder, kind, index), data)
        return Written(name, image is not None, tuple(encoded), row["record_sha256"]), row


def _staged(folder: Path, kind: str, index: int) -> Path:
    return folder / f"{kind}s" / f".{index}.part"


class _Names:
    """Names of the files of a split: the maps' depend on those that are taken."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: set[str] = set()

    def give(self, written: Written, index: int, image_id: str) -> dict[str, str | None]:
        """Return the names of the files of a sample by column, after moving its maps there."""
        files: dict[str, str | None] = dict.fromkeys(FOLDER_NAMES.values())
        if written.has_image:
            files["file_name"] = self._claim(f"images/{written.name}", image_id)
        for kind in written.maps:
            file = files[FOLDER_NAMES[kind]] = self._claim_map(f"{kind}s", written.name, image_id)
            self._move(_staged(self._folder, kind, index), self._folder / file)
        return files

    def _move(self, staged: Path, file: Path) -> None:
        try:
            staged.rename(file)
        except FileNotFoundError:
            if staged.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                staged.rename(file)
            elif not file.exists():  # else a writer that was killed has done it
                raise

    def _claim_map(self, folder: str, name: str, image_id: str) -> str:
        """``a.png`` for ``a.jpg``; where there is ``a.bmp`` too, ``a.jpg.png``."""
        short = f"{folder}/{_png_name(name)}"
        return self._claim(short if caseless(short) not in self._taken else f"{folder}/{name}.png", image_id)

    def _claim(self, file: str, image_id: str) -> str:
        if caseless(file) in self._taken:
            raise DataError(
                f"two images are called {file!r} (or differ in case alone)",
                image_id=image_id,
                field="file_name",
            )
        self._taken.add(caseless(file))
        return file


def _write_packed(dataset: Dataset, root: Path, split: str, images: str, pen: Pen) -> Iterator[str]:
    """Write ``data/<split>-00000-of-000NN.parquet``, whose number is known at the end; yield hashes."""
    shards = _Shards(root / "data", split)
    put = partial(_cells, _Maker(dataset.categories, dataset.path, images))
    for data in pen.chunks(dataset, put, partial(pack, PACKED_SCHEMA), large=True):
        written, table = unpack(data)
        for i, one in enumerate(written):
            shards.add(table.slice(i, 1))
            yield one.sha256
    shards.close()


def _cells(maker: _Maker, _: int, sample: Sample) -> tuple[Written, dict[str, Any]]:
    row, name, image, encoded = maker.make(sample)
    path = _png_name(name)
    cells: dict[str, dict[str, Any] | None] = {
        "image": None if image is None else {"bytes": image.read(), "path": name},
        "mask": {"bytes": encoded["mask"], "path": path},
        "segment_map": {"bytes": encoded["segment_map"], "path": path} if "segment_map" in encoded else None,
    }
    written = Written(name, image is not None, tuple(encoded), row["record_sha256"])
    return written, {**cells, **row}


class _Shards:
    """The Parquet files of a split, each of at most ``SHARD_BYTES`` of pictures."""

    def __init__(self, folder: Path, split: str) -> None:
        self._folder, self._split = folder, split
        self._folder.mkdir(exist_ok=True)
        self._schema = PACKED_SCHEMA.with_metadata({"huggingface": card.features_json()})
        self._shards: list[Path] = []
        self._bytes = 0
        self._rows: RowWriter | None = None

    def add(self, row: pa.Table) -> None:
        size = _picture_bytes(row)
        if self._rows is None or self._bytes + size > SHARD_BYTES:
            self._rows = self._next_shard()
        self._bytes += size
        self._rows.add(row.replace_schema_metadata(self._schema.metadata), size)

    def close(self) -> None:
        if self._rows is not None:
            self._rows.close()
        for i, shard in enumerate(self._shards):
            shard.replace(self._folder / f"{self._split}-{i:05d}-of-{len(self._shards):05d}.parquet")

    def _next_shard(self) -> RowWriter:
        if self._rows is not None:
            self._rows.close()
        self._bytes = 0
        self._shards.append(self._folder / f"{self._split}-{len(self._shards):05d}.part")
        return RowWriter(self._shards[-1], self._schema)


def _picture_bytes(table: pa.Table) -> int:
    cells = (table[name].combine_chunks().field("bytes") for name in PICTURES)
    return sum(len(cell.as_py() or b"") for cells_of_one in cells for cell in cells_of_one)


def _check_split(split: str) -> str:
    """A split becomes a folder, or the beginning of a file name: one part of a path."""
    if "/" in split or check_name(split, field="split") != split:
        raise DataError(f"the name {split!r} has a slash; a split is one folder", field="split")
    return split


def _png_name(name: str) -> str:
    return Path(name).with_suffix(".png").as_posix()


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
