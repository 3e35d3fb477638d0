"""What the values in a PNG mask mean: ids, palette indices or colours, turned into dense category ids."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical import images as codec
from segbench.canonical.categories import Categories, Category
from segbench.canonical.paths import read_bytes
from segbench.errors import DataError
from segbench.kernels import LabelRuns


class IdReader:
    """Decodes masks to dense category ids, ``categories.ignore_index`` for ignore.

    Parameters
    ----------
    categories
        Whose source ids the masks hold.
    colors
        ``{r + 256 g + 65536 b: dense id or None for ignore}`` for masks that are RGB pictures.
    ignore_index
        One more id that means ignore.
    reduce_zero_label
        0 is ignore, and every other id one too high.
    notes
        What a reader of a score should know.
    hint
        What an error says of an id that means nothing.
    """

    def __init__(
        self,
        categories: Categories,
        *,
        colors: Mapping[int, int | None] | None = None,
        ignore_index: int | None = None,
        reduce_zero_label: bool = False,
        notes: tuple[str, ...] = (),
        hint: str = "",
    ) -> None:
        self.categories = categories
        self.notes, self._hint = notes, hint
        self._colors = colors
        lookup = np.full(65_536, -1, np.int32)
        ignore = categories.ignore_index
        for value in (255, 65_535):
            lookup[value] = ignore
        shift = int(reduce_zero_label)
        for category in categories:
            if 0 <= category.key + shift < 65_536:
                lookup[category.key + shift] = category.id
        if reduce_zero_label:
            lookup[0] = ignore
        if ignore_index is not None:
            lookup[ignore_index] = ignore
        dtype = categories.mask_dtype
        self._meanings = {n: _Meaning.of(lookup[:n], dtype) for n in (256, 65_536)}

    @classmethod
    def guess(cls, files: Iterable[tuple[str, str]], *, ignore_index: int | None, **options: Any) -> IdReader:
        """Take as many categories as the largest id in the files says, and note it."""
        maps = (
            codec.decode_label_runs(read_file(file, image_id=name), file=file, image_id=name)
            for name, file in files
        )
        return cls.guess_from(maps, ignore_index=ignore_index, **options)

    @classmethod
    def guess_from(cls, maps: Iterable[LabelRuns], *, ignore_index: int | None, **options: Any) -> IdReader:
        """Take as many categories as the largest stored id in these maps says, and note it."""
        largest = -1
        for runs in maps:
            ids = runs.values
            ignored = [255 if ids.dtype == np.uint8 else 65_535, -1 if ignore_index is None else ignore_index]
            ids = ids[~np.isin(ids, ignored)].astype(np.int32)
            largest = max(largest, int(ids.max(initial=-1)))
        n = max(1, largest + 1 - bool(options.get("reduce_zero_label")))
        note = f"no id2label was given: {n} categories, as many as the largest id says"
        categories = Categories.from_id2label({i: str(i) for i in range(n)})
        return cls(categories, ignore_index=ignore_index, notes=(note,), **options)

    def decode(self, data: bytes, *, refuse: bool = True, **where: Any) -> LabelRuns:
        """Decode a PNG to the runs of its dense ids, uint8 or uint16.

        Without ``refuse``, an id that means nothing may stay as it is where all others are what they mean.

        Raises
        ------
        DataError
            When it is damaged, or has an id or a colour that means nothing.
        """
        if self._colors is not None:
            return self._from_colors(data, where)
        return self.dense(codec.decode_label_runs(data, **where), refuse=refuse, **where)

    def dense(self, stored: LabelRuns, *, refuse: bool = True, **where: Any) -> LabelRuns:
        """Return the runs of dense ids for those of stored ones, uint8 or uint16; as :meth:`decode`."""
        meaning = self._meanings[256 if stored.values.dtype == np.uint8 else 65_536]
        if meaning.same and not refuse:
            return stored
        value = stored.first_unknown(meaning.known)
        if value is not None:
            raise DataError(
                f"has the id {value}, which is none of the {len(self.categories)} categories and not ignored"
                + self._hint,
                field="mask",
                **where,
            )
        return stored if meaning.same else stored.renamed(meaning.dense[stored.values])

    def _from_colors(self, data: bytes, where: dict[str, Any]) -> LabelRuns:
        table = self._colors or {}
        packed = codec.decode_segment_runs(data, **where)
        values, inverse = np.unique(packed.values, return_inverse=True)
        for value in values.tolist():
            if value not in table:
                color = [value & 255, value >> 8 & 255, value >> 16]
                raise DataError(f"has the colour {color}, which the colour map lacks", field="mask", **where)
        ignore = self.categories.ignore_index
        found = [table[v] for v in values.tolist()]
        dense = np.array([ignore if v is None else v for v in found], self.categories.mask_dtype)
        return packed.renamed(dense[inverse])


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What the values of a PNG mean: which are known, their dense ids, and whether these are the values."""

    known: NDArray[np.bool_]
    dense: NDArray[Any]
    same: bool

    @classmethod
    def of(cls, lookup: NDArray[np.int32], dtype: np.dtype[Any]) -> _Meaning:
        """Read ``lookup``, int32 [256 or 65,536]: a dense id or -1 for each value."""
        known = lookup >= 0
        unchanged = bool((lookup == np.arange(len(lookup)))[known].all())
        return cls(known, lookup.astype(dtype), unchanged and len(lookup) == 256**dtype.itemsize)


def labels_from_file(file: Path, ignore_index: int | None = None) -> Categories:
    """Read ``{id: name}``, leaving out ids that mean ignore: 65,535, and 255 where no id is larger.

    Raises
    ------
    DataError
        When the file is no such JSON.
    """
    content = _read_json(file)
    try:
        id2label = {int(key): str(name) for key, name in content.items()}
    except (AttributeError, ValueError):
        raise DataError('is no JSON object {"0": "name", …}', file=file) from None
    ignored = {65_535, ignore_index} | ({255} if max(id2label, default=0) <= 255 else set())
    return Categories.from_id2label({k: v for k, v in id2label.items() if k not in ignored})


def colors_from_file(file: Path) -> tuple[Categories, dict[int, int | None]]:
    """Read a colour map: the categories, and ``{r + 256 g + 65536 b: dense id or None}``.

    Raises
    ------
    DataError
        When the file is no such JSON, or a colour stands twice.
    """
    content = _read_json(file)
    rows = [{"name": k, "color": v} for k, v in content.items()] if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise DataError('is neither {"name": [r, g, b], …} nor a list of {"name", "color"}', file=file)
    categories: list[Category] = []
    table: dict[int, int | None] = {}
    for i, row in enumerate(rows):
        try:
            name, (r, g, b) = row["name"], row["color"]
            key = int.from_bytes(bytes([r, g, b]), "little")
        except (KeyError, TypeError, ValueError):
            raise DataError(
                'is no {"name": …, "color": [r, g, b]} of 0 to 255', file=file, field=f"[{i}]"
            ) from None
        if key in table:
            raise DataError(f"the colour {[r, g, b]} stands twice", file=file, field=f"[{i}]")
        table[key] = None if name is None else len(categories)
        if name is not None:
            categories.append(Category(id=len(categories), name=str(name), color=(r, g, b)))
    return Categories(categories), table


def read_file(file: str | Path, **where: Any) -> bytes:
    """Return the bytes of a file.

    Raises
    ------
    DataError
        When it cannot be read.
    """
    try:
        return read_bytes(file)
    except OSError as error:
        raise DataError(f"cannot read it: {error.strerror}", file=file, **where) from None


def _read_json(file: Path) -> Any:
    try:
        return json.loads(read_file(file))
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"is not JSON: {error}", file=file) from None
