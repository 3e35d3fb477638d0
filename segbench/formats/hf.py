"""Hugging Face data sets on disk: Parquet shards, ``save_to_disk`` folders, image folders with masks.

Read with pyarrow alone, a few rows at a time; ``datasets`` is not needed. A mask is a PNG of category ids,
or rows of numbers; with ``segments_info`` it is a panoptic PNG. Names of categories come from class labels in
the features of the mask, or from a JSON beside the data. Layouts follow ``datasets`` 5.2.0. It is read only:
the canonical form is a repository that ``datasets.load_dataset`` opens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segbench.canonical import images as codec
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample
from segbench.errors import DataError, UsageError
from segbench.formats import coco_fields as fields
from segbench.formats import hf_cells as cells
from segbench.formats.aligned import in_order_of
from segbench.formats.png_ids import IdReader

if TYPE_CHECKING:
    from segbench.formats.hf_columns import Columns
    from segbench.formats.hf_layout import Repository
    from segbench.formats.hf_tables import Rows

__all__ = ["CARRIES", "INSTEAD", "LAYOUT", "TASKS", "TITLE", "read", "read_predictions", "sniff"]

TITLE = "Hugging Face data sets (Parquet, save_to_disk, image folders)"
TASKS = ("semantic", "panoptic")
CARRIES = frozenset(
    {
        "stuff", "instances", "holes", "parts", "crowd", "ignore", "ids", "repeated_ids", "image_ids",
        "category_ids", "wide_ids", "isthing", "stated", "attributes", "extra", "splits", "images",
    }
)  # fmt: skip
INSTEAD = (
    "--to segbench writes a repository that datasets.load_dataset opens (with --packed, of Parquet shards)"
)
LAYOUT = """\
README.md                             optional: configs with their data_files, features
id2label.json                         {"0": "road", …}; also label2id, or class labels in the features
data/train-00000-of-00002.parquet     columns image and mask (or label, annotation, segmentation …): PNGs
or, as save_to_disk writes it:
dataset_dict.json                     {"splits": ["train", …]}
train/state.json dataset_info.json data-00000-of-00001.arrow
or an image folder:
train/metadata.jsonl                  {"file_name": "0001.jpg", "mask_file_name": "0001.png"}; or .csv …
train/0001.jpg train/0001.png"""


def sniff(path: Path) -> bool:
    """Tell whether a path has tables with a column of masks."""
    if (path / "dataset_dict.json").is_file() or (
        (path / "state.json").is_file() and any(path.glob("*.arrow"))
    ):
        return True
    from segbench.formats.hf_columns import choose_columns
    from segbench.formats.hf_layout import find_tables

    try:
        table = next(iter(find_tables(path, None).splits.values()))[0]
        return bool(choose_columns(table).mask)
    except UsageError:  # several configurations: reading tells which
        return True
    except DataError as error:
        return "--option mask=" in error.message


def read(
    path: Path,
    *,
    config: str | None = None,
    image: str | None = None,
    mask: str | None = None,
    labels: Path | None = None,
    num_classes: int | None = None,
    ignore_index: int | None = None,
    reduce_zero_label: bool = False,
) -> Dataset:
    """Open a data set of the Hugging Face Hub that is on disk, or one Parquet file of it.

    Parameters
    ----------
    path
        Parquet file, ``save_to_disk`` folder, image folder, or repository.
    config
        Configuration, where the repository has several.
    image, mask
        Columns, where their names do not say which they are.
    labels
        JSON ``{id: name}``; by default class labels of the mask, or ``id2label.json`` beside the data.
    num_classes
        Names the ids 0..N-1 by their numbers where nothing names them.
    ignore_index
        Id of pixels that are never scored, beside 255 (65,535 in 16 bits).
    reduce_zero_label
        0 becomes ignore, and every other id one less.

    Raises
    ------
    DataError
        When a file is damaged, or no column holds masks.
    UsageError
        When an option names nothing that is there.
    """
    source = _Source.open(path, config, image, mask)
    categories, notes = source.categories(labels, num_classes, reduce_zero_label)
    reader = IdReader(categories, ignore_index=ignore_index, reduce_zero_label=reduce_zero_label)
    return source.dataset(reader, notes)


def read_predictions(
    path: Path,
    truth: Dataset,
    *,
    config: str | None = None,
    image: str | None = None,
    mask: str | None = None,
) -> Dataset:
    """Open predicted masks, whose ids mean what they mean in the truth; rows are found by their image id.

    Raises
    ------
    DataError
        When a prediction is missing, or belongs to no image of the truth.
    UsageError
        As :func:`read`.
    """
    source = _Source.open(path, config, image, mask)
    return in_order_of(truth, source.dataset(IdReader(truth.categories), []))


@dataclass(frozen=True, slots=True)
class _Source:
    """The tables of a data set, and what is read of them."""

    path: Path
    repository: Repository
    columns: Columns
    rows: Rows
    notes: tuple[str, ...]

    @classmethod
    def open(cls, path: Path, config: str | None, image: str | None, mask: str | None) -> _Source:
        from segbench.formats.hf_columns import choose_columns, left_out
        from segbench.formats.hf_layout import find_tables
        from segbench.formats.hf_tables import Rows

        found = find_tables(path, config)
        tables = [table for split in found.splits.values() for table in split]
        columns = choose_columns(tables[0], image=image, mask=mask)
        for table in tables:
            if lacking := [name for name in columns.names if name not in table.schema.names]:
                raise DataError(
                    f"lacks the columns {', '.join(lacking)} of {tables[0].file.name}", file=table.file
                )
        unread = left_out(tables[0], columns)
        notes = (f"the columns {', '.join(unread)} are left out",) if unread else ()
        return cls(path, found, columns, Rows(tables, columns.names), notes)

    def categories(
        self, labels: Path | None, num_classes: int | None, reduce_zero_label: bool
    ) -> tuple[Categories, list[str]]:
        """The categories, and a note where they are guessed."""
        from segbench.formats.hf_columns import stated_categories

        root = self.repository.root
        found = stated_categories(labels, [root, root.parent], self.repository.features, self.columns)
        if found is not None:
            return found, []
        notes = []
        if num_classes is None:
            num_classes = self._largest() + 1 - reduce_zero_label
            notes = [f"no id2label was given: {num_classes} categories, as many as the largest id says"]
        if not 1 <= num_classes <= 65_535:
            raise UsageError(f"num_classes must be 1 to 65535, not {num_classes}")
        return Categories.from_id2label({i: str(i) for i in range(num_classes)}), notes

    def _largest(self) -> int:
        """The largest id that is not ignored; every mask is read for it."""
        largest = 0
        for index in range(self._length()):
            row, file = self.rows[index]
            where: dict[str, Any] = {"file": file, "field": self.columns.mask}
            if self.columns.segments is not None:
                rows = cells.segment_rows(row[self.columns.segments], **where)
                largest = max([largest, *(fields.need_int(r, "category_id", **where) for r in rows)])
                continue
            ids = cells.stored_runs(row[self.columns.mask], where).values
            ids = ids[ids != np.iinfo(ids.dtype).max]
            largest = max(largest, int(ids.max(initial=0)))
        return largest

    def dataset(self, reader: IdReader, notes: Sequence[str]) -> Dataset:
        """The data set, its masks read so."""
        ids, splits = cells.image_ids(self.repository.splits, self.columns)
        load = _Loader(self.rows, self.columns, ids, reader)
        return Dataset(
            name=self.path.resolve().stem,
            categories=reader.categories,
            image_ids=ids,
            load=load,
            tasks=("semantic",) if self.columns.segments is None else ("panoptic", "semantic"),
            format="hf",
            path=self.path,
            splits=splits,
            notes=[*self.notes, *notes],
        )

    def _length(self) -> int:
        return sum(len(table) for tables in self.repository.splits.values() for table in tables)


@dataclass(frozen=True, slots=True)
class _Loader:
    """Makes samples of rows."""

    rows: Rows
    columns: Columns
    image_ids: Sequence[str]
    reader: IdReader

    def __call__(self, index: int) -> Sample:
        row, file = self.rows[index]
        image_id, columns = self.image_ids[index], self.columns
        where: dict[str, Any] = {"file": file, "image_id": image_id, "field": columns.mask}
        given = self._semantic(row, where) if columns.segments is None else self._panoptic(row, where)
        said = {name: value for name in columns.others if (value := row[name]) is not None}
        image = None if columns.image is None else cells.image_file(row[columns.image], image_id, where)
        return Sample(
            image_id=image_id,
            ignore_index=self.reader.categories.ignore_index,
            image_file=image,
            source_path=file.name,
            extra={"hf": cells.plain(said)} if said else {},
            **given,
        )

    def _semantic(self, row: Mapping[str, Any], where: dict[str, Any]) -> dict[str, Any]:
        runs = self.reader.dense(cells.stored_runs(row[self.columns.mask], where), **cells.no_field(where))
        return {"height": runs.shape[0], "width": runs.shape[1], "load_mask": lambda: runs}

    def _panoptic(self, row: Mapping[str, Any], where: dict[str, Any]) -> dict[str, Any]:
        name = self.columns.segments or ""
        runs = codec.decode_segment_runs(
            cells.cell_bytes(row[self.columns.mask], where), **cells.no_field(where)
        )
        segments = cells.segments(row[name], self.reader.categories, **{**where, "field": name})
        size = {"height": runs.shape[0], "width": runs.shape[1]}
        return {**size, "segments": segments, "load_segment_map": lambda: runs}
