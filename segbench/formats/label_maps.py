"""Folders of label maps with one value a class: what values mean, and how any data set is written in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from segbench.canonical import images as codec
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.paths import check_name
from segbench.canonical.pen import Pen
from segbench.canonical.place import place
from segbench.canonical.sample import ImageFile, Sample
from segbench.errors import DataError
from segbench.formats import png
from segbench.formats.flatten import flatten
from segbench.formats.folders import Frame, note_left_out, open_frames
from segbench.formats.image_names import ImageNames
from segbench.formats.pictures import Names, in_splits, picture_name, picture_stem, place_picture
from segbench.formats.split_names import folder_split
from segbench.kernels import LabelRuns

MAP = "map"
"""Kind of the file of a :class:`Frame` that is the label map."""
CARRIES = frozenset(
    {"stuff", "holes", "parts", "ignore", "category_ids", "category_fields", "wide_ids", "isthing"}
    | {"splits", "images"}
)
"""What such a format carries, but for what :func:`losses` counts."""

Color = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Values:
    """What the values of a map mean.

    Attributes
    ----------
    categories
        The classes.
    by_value
        ``{value, or r + 256 g + 65536 b of a colour: dense id}``.
    void
        Values that are ignored.
    hint
        What an error says of a value that means nothing.
    """

    categories: Categories
    by_value: Mapping[int, int]
    void: frozenset[int]
    hint: str = ""

    def mask(self, runs: LabelRuns, **where: Any) -> LabelRuns:
        """Return the dense ids of a map.

        Raises
        ------
        DataError
            When a value means nothing; ``where`` goes into its message.
        """
        ignore, values = self.categories.ignore_index, runs.ids()
        dense = [ignore if v in self.void else self.by_value.get(v, -1) for v in values.tolist()]
        if -1 in dense:
            value = int(values[dense.index(-1)])
            color = [value & 255, value >> 8 & 255, value >> 16]
            shown = f"the colour {color}" if runs.values.dtype == np.int32 else f"the value {value}"
            raise DataError(f"has {shown}, which is none of the classes{self.hint}", field="mask", **where)
        table = np.array(dense, self.categories.mask_dtype)
        return runs.renamed(table[np.searchsorted(values, runs.values)])


def read_sample(values: Values, colors: Values | None, root: Path, frame: Frame) -> Sample:
    """Read a map of values, or of colours where these have a meaning too.

    Raises
    ------
    DataError
        When it is damaged, or has a value that means nothing.
    """
    where = frame.where(MAP)
    data = frame.read(MAP)
    if colors is None:
        mask = values.mask(codec.decode_label_runs(data, **where), **where)
    else:
        runs = codec.decode_any_runs(data, **where)
        mask = (colors if runs.values.dtype == np.int32 else values).mask(runs, **where)
    return Sample(
        image_id=frame.name,
        height=mask.shape[0],
        width=mask.shape[1],
        ignore_index=values.categories.ignore_index,
        load_mask=partial(_itself, mask),
        image_file=frame.picture,
        source_path=frame.files[MAP].relative_to(root).as_posix(),
    )


def frames_of(files: Mapping[str, Path], pictures: Mapping[str, ImageFile]) -> Iterator[Frame]:
    """Frames of maps ``{split/name: file}``, and of the pictures that are called so."""
    for below, file in files.items():
        split, _, name = below.partition("/")
        yield Frame(name=name, split=split, files={MAP: file}, picture=pictures.get(below))


def open_maps(
    path: Path,
    files: Mapping[str, Path],
    pictures: Mapping[str, ImageFile],
    values: Values,
    *,
    format: str,  # noqa: A002 - the field's word
) -> Dataset:
    """Return the data set of maps ``{split/…/stem: file}`` and of the pictures that are called so.

    Raises
    ------
    DataError
        When there is no map, or two have one stem.
    """
    frames = (
        Frame(
            name=name.rpartition("/")[2],
            split=folder_split(name),
            files={MAP: file},
            picture=pictures.get(name),
        )
        for name, file in files.items()
    )
    return open_frames(
        frames,
        partial(read_sample, values, None, path),
        path=path,
        format=format,
        categories=values.categories,
        tasks=("semantic",),
        notes=note_left_out(pictures, files),
    )


def _itself(mask: LabelRuns) -> LabelRuns:
    return mask


def read_predictions(path: Path, truth: Dataset, *, shift: int = 0, void: int | None = None) -> Dataset:
    """Open predicted maps named like the images of the truth, whose values are its source ids less ``shift``.

    Raises
    ------
    DataError
        As :func:`segbench.formats.png.read_predictions`.
    """
    if shift:
        moved = Categories(Category(c.id, c.name, source_id=c.key - shift) for c in truth.categories)
        shifted = Dataset(
            name=truth.name, categories=moved, image_ids=truth.image_ids, load=truth.__getitem__,
            tasks=truth.tasks,
        )  # fmt: skip
        found = png.read_predictions(path, shifted, ignore_index=void)
        found.categories = truth.categories
        return found
    return png.read_predictions(path, truth, ignore_index=void)


class Written(NamedTuple):
    """A class as it is written: its name, value, kind and colour."""

    name: str
    value: int
    isthing: bool | None
    color: Color | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The classes that a data set is written with.

    Attributes
    ----------
    rows
        That of each category, by dense id; None where there is no room for it.
    own
        Whether they are the format's own, and need not be told.
    """

    rows: tuple[Written | None, ...]
    own: bool


def own_categories(own: Sequence[Written], read_key: Callable[[Written], int]) -> Categories:
    """Return a format's own classes as categories, by the source id that each is read with."""
    return Categories(
        Category(i, row.name, source_id=read_key(row), isthing=row.isthing) for i, row in enumerate(own)
    )


def choose(categories: Categories, own: Sequence[Written], first: int, last: int) -> Chosen:
    """Choose the format's own classes where every category is called like one, else new ones from ``first``.

    Beyond ``last`` there is no room.
    """
    by_name = {row.name: row for row in own}
    if len(categories) and all(c.name in by_name for c in categories):
        return Chosen(tuple(by_name[c.name] for c in categories), own=True)
    rows = [Written(c.name, c.id + first, None, c.color) for c in categories]
    return Chosen(tuple(row if row.value <= last else None for row in rows), own=False)


def source_ids_of(categories: Categories, *, shift: int = 0) -> Chosen:
    """Choose the source ids of categories, less a shift, as values of predictions."""
    return Chosen(tuple(Written(c.name, c.key - shift, None, None) for c in categories), own=False)


def put_predictions(dataset: Dataset, folder: Path, encode: Callable[[Sample], bytes], pen: Pen) -> None:
    """Write a map of each sample, called like its image id; ``encode`` can be sent to another process.

    Raises
    ------
    DataError
        When two maps would have one name.
    """
    Names().take_all(pen.each(dataset, partial(_put_prediction, folder, encode)), dataset.image_ids)


def _put_prediction(folder: Path, encode: Callable[[Sample], bytes], _: int, sample: Sample) -> str:
    name = f"{check_name(sample.image_id, image_id=sample.image_id, field='image_id')}.png"
    place(folder / name, encode(sample))
    return name


def paint(sample: Sample, chosen: Chosen, void: int) -> LabelRuns:
    """Return the map of a sample, uint8; ignore regions and what has no class are ``void``."""
    flat = flatten(sample)
    rows = [None if s.ignore else chosen.rows[s.category_id] for s in flat.segments]
    return flat.painted([None if row is None else row.value for row in rows], void, np.uint8)


class Place(NamedTuple):
    """A sample and the name of its files."""

    sample: Sample
    split: str
    stem: str

    @property
    def suffix(self) -> str:
        """Suffix of its picture."""
        return PurePosixPath(picture_name(self.sample)).suffix


def stem_in(sample: Sample, split: str, _: Sequence[str] = ()) -> str:
    """Return the stem of the files of a sample, in folders of its split: that of its picture.

    Raises
    ------
    DataError
        When that is no name of a file.
    """
    stem = picture_stem(sample).removeprefix(f"{split}/").replace("/", "-")
    return check_name(stem, image_id=sample.image_id, field="file_name")


NAMES = ImageNames(stem_in)
"""What images are called by :func:`put_all`."""


@dataclass(frozen=True, slots=True)
class _Put:
    """Writes a sample at its place, and returns the name of that."""

    splits: Sequence[str]
    put: Callable[[Place], None]

    def __call__(self, index: int, sample: Sample) -> str:
        split = self.splits[index]
        stem = stem_in(sample, split)
        self.put(Place(sample, split, stem))
        return f"{split}/{stem}"


def put_all(dataset: Dataset, pen: Pen, put: Callable[[Place], None]) -> None:
    """Have every sample written, with the split and stem that name its files; a split stands once in it.

    Parameters
    ----------
    dataset, pen
        What is written, and with what.
    put
        Writes one; a function of a module, an object, or a partial of those.

    Raises
    ------
    DataError
        When two samples would have one name.
    """
    Names().take_all(pen.each(dataset, _Put(in_splits(dataset.splits), put)), dataset.image_ids)


@dataclass(frozen=True, slots=True)
class MapWriter:
    """Writes the map of a sample into ``<maps>/<split>``, and its picture into ``<pictures>/<split>``.

    Attributes
    ----------
    maps, pictures
        The folders.
    images
        How pictures are put there.
    chosen, void
        What :func:`paint` paints with.
    """

    maps: Path
    pictures: Path
    images: str
    chosen: Chosen
    void: int

    def __call__(self, at: Place) -> None:
        """Write one."""
        data = codec.encode_labels(paint(at.sample, self.chosen, self.void))
        place(self.maps / at.split / f"{at.stem}.png", data)
        put_picture(self.pictures / at.split, at, self.images)


def put_picture(folder: Path, at: Place, images: str, ending: str = "") -> None:
    """Put the picture of a sample into a folder, unless pictures are left out."""
    place_picture(folder / f"{at.stem}{ending}{at.suffix}", at.sample, images)


def losses(choose_for: Callable[[Categories], Chosen], read_key: Callable[[Written], int]) -> dict[str, Any]:
    """Return ``LOSES`` of a format, by its choice of classes and the source id that these are read with."""

    def without_value(dataset: Dataset) -> list[str]:
        pairs = zip(dataset.categories, choose_for(dataset.categories).rows, strict=True)
        return [c.name for c, row in pairs if row is None]

    def renumbered(dataset: Dataset) -> list[str]:
        pairs = zip(dataset.categories, choose_for(dataset.categories).rows, strict=True)
        return [f"{c.name} is {c.key}" for c, row in pairs if row is not None and read_key(row) != c.key]

    def fields(dataset: Dataset) -> list[str]:
        others = dataset.extra.get("category_fields", {})
        pairs = zip(dataset.categories, choose_for(dataset.categories).rows, strict=True)
        return [
            c.name
            for c, row in pairs
            if c.parent or c.synset or c.frequency or others.get(str(c.key))
            or (row is not None and c.color not in (None, row.color))
        ]  # fmt: skip

    def isthing(sample: Sample, categories: Categories) -> int:
        rows = choose_for(categories).rows
        segments = ((categories[s.category_id].isthing, rows[s.category_id]) for s in sample.segments)
        return sum(said is not None and row is not None and row.isthing is not said for said, row in segments)

    def ignored(sample: Sample, _: Categories) -> int:
        return sum(s.ignore for s in sample.segments)

    return {
        "wide_ids": without_value,
        "category_ids": renumbered,
        "category_fields": fields,
        "isthing": isthing,
        "ignore": ignored,
    }
