"""The writing half of Pascal VOC: two palette PNGs a picture, lists of names, and the classes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_labels
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.place import check_mode, place
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.formats import map_losses
from segbench.formats.flatten import Flat, flatten
from segbench.formats.image_names import ImageNames
from segbench.formats.pictures import Names, in_splits, picture_name, picture_stem, place_picture
from segbench.formats.voc_labels import BACKGROUND, COLORS, VOID, Chosen, Classes, choose_classes, to_text
from segbench.formats.voc_objects import BASE, Pair, Wanted, give_pairs, kept, read_id

_classes_of = lru_cache(maxsize=4)(choose_classes)


def write(
    dataset: Dataset,
    target: Path,
    *,
    images: str = "link",
    pen: Pen = PLAIN,
) -> None:
    """Write maps, pictures, a list for each split, and ``labelmap.txt`` where classes are not VOC's own.

    Data without objects has no ``SegmentationObject``. What instances do not cover is background; void of
    segment maps and label maps stays void.

    Raises
    ------
    DataError
        When two pictures would have one name, a picture is missing, or a class has no room for its name.
    """
    check_mode(images)
    chosen, splits = _classes_of(dataset.categories), in_splits(dataset.splits)
    with pen.folder(target) as folder:
        put = _Put(folder, images, dataset.categories, chosen, _palette(chosen.classes))
        stems = Names().take_all(pen.each(dataset, put), dataset.image_ids)
        for split in dict.fromkeys(splits):
            text = "".join(f"{stem}\n" for stem, own in zip(stems, splits, strict=True) if own == split)
            place(folder / f"ImageSets/Segmentation/{split}.txt", text.encode())
        if not chosen.classes.own:
            place(folder / "labelmap.txt", to_text(chosen.classes).encode())


@dataclass(frozen=True, slots=True)
class _Put:
    """Writes the maps and the picture of a sample; returns the stem of their names."""

    folder: Path
    images: str
    categories: Categories
    chosen: Chosen
    colors: NDArray[np.uint8]

    def __call__(self, _: int, sample: Sample) -> str:
        stem = _stem(sample)
        flat = flatten(sample)
        pairs = _pairs(flat, self.categories, self.chosen)
        rest = BACKGROUND if sample.kind == "instance" else VOID
        classes = flat.painted([pair.class_id for pair in pairs], rest, np.uint8)
        place(self.folder / f"SegmentationClass/{stem}.png", encode_labels(classes, self.colors))
        if sample.kind != "semantic":
            objects = flat.painted([pair.object_id for pair in pairs], rest, np.uint8)
            place(self.folder / f"SegmentationObject/{stem}.png", encode_labels(objects, COLORS))
        suffix = PurePosixPath(picture_name(sample)).suffix
        place_picture(self.folder / f"JPEGImages/{stem}{suffix}", sample, self.images)
        return stem


def _stem(sample: Sample, *_: object) -> str:
    return picture_stem(sample).replace("/", "-")


NAMES = ImageNames(_stem)


def _palette(classes: Classes) -> Any:
    colors = COLORS.copy()
    colors[: len(classes.rows)] = [color for _, color in classes.rows]
    return colors


def _pairs(flat: Flat, categories: Categories, chosen: Chosen) -> list[Pair]:
    seen = zip(flat.segments, flat.pixels, strict=True)
    return give_pairs([_wanted(s, categories[s.category_id], chosen, n) for s, n in seen])


def _wanted(segment: Segment, category: Category, chosen: Chosen, pixels: int = 0) -> Wanted:
    index = chosen.index[category.id]
    own = chosen.classes.own  # whose classes are things, whatever the data set says of them
    return Wanted(segment, index, own or None, own or category.isthing is not False, pixels)


@map_losses.once
def _plan(sample: Sample, categories: Categories) -> map_losses.Plan:
    flat, chosen = flatten(sample), _classes_of(categories)
    pairs = _pairs(flat, categories, chosen)
    objects = [0 < pair.object_id < VOID and pair.class_id != VOID for pair in pairs]
    n_parts = Counter(pair.object_id for pair in pairs)
    values: list[int | None] = []
    for s, pair, is_object in zip(flat.segments, pairs, objects, strict=True):
        is_part = is_object and n_parts[pair.object_id] > 1 and s.id >= BASE
        values.append(None if pair == Pair(VOID, VOID) else s.id if is_part else read_id(pair))
    return map_losses.Plan(flat, values, objects)


def _instances(sample: Sample, categories: Categories) -> int:
    """Segments that are hidden, share a region with others of their class, or have no id left."""
    if sample.kind == "semantic":
        return 0
    chosen = _classes_of(categories)
    regions = {
        s.category_id for s in sample.segments if _kept_apart(_wanted(s, categories[s.category_id], chosen))
    }
    return map_losses.lost(
        _plan(sample, categories),
        lambda category_id: categories[category_id].isthing is not False and category_id not in regions,
    )


def _kept_apart(wanted: Wanted) -> bool:
    """Whether it is the region of a class that was read so: no object, and nothing is lost."""
    pair = kept(wanted)
    return pair is not None and pair.object_id == 0


def _ids(sample: Sample, categories: Categories) -> int:
    return 0 if sample.kind == "semantic" else map_losses.renumbered(_plan(sample, categories))


def _ignored(sample: Sample, categories: Categories) -> int:
    """Ignore regions that become void; those that were void with an object's id stay what they are."""
    chosen = _classes_of(categories)
    return sum(
        s.ignore and kept(_wanted(s, categories[s.category_id], chosen)) == Pair(VOID, VOID)
        for s in sample.segments
    )


def _uncovered(sample: Sample, _: Categories) -> int:
    """Pixels that no object covers, which are background."""
    if sample.kind != "instance":
        return 0
    runs = sample.places
    lengths = np.diff(runs.ends.astype(np.int64), prepend=0)
    return int(lengths[runs.values == 0].sum())


def _crowds(sample: Sample, categories: Categories) -> int:
    """Groups of the background."""
    index = _classes_of(categories).index
    return sum(s.iscrowd and index[s.category_id] == BACKGROUND for s in sample.segments)


@lru_cache(maxsize=4)
def _read_again(categories: Categories) -> Categories:
    """The categories of what is written."""
    return _classes_of(categories).classes.categories


def _isthing(sample: Sample, categories: Categories) -> int:
    """Segments of whose category something else is read again than it says."""
    chosen, read = _classes_of(categories), _read_again(categories)
    pairs = ((categories[s.category_id].isthing, chosen.index[s.category_id]) for s in sample.segments)
    return sum(said is not None and i is not None and read[i].isthing is not said for said, i in pairs)


def _without_class(dataset: Dataset) -> list[str]:
    chosen = _classes_of(dataset.categories)
    return [c.name for c in dataset.categories if chosen.index[c.id] is None]


def _renumbered_categories(dataset: Dataset) -> list[str]:
    index = _classes_of(dataset.categories).index
    return [f"{c.name} is {c.key}" for c in dataset.categories if index[c.id] not in (None, c.key)]


def _fields(dataset: Dataset) -> list[str]:
    """Categories of which more is said than name and colour, or whose colour is another here."""
    others, chosen = dataset.extra.get("category_fields", {}), _classes_of(dataset.categories)
    return [
        c.name
        for c in dataset.categories
        if c.parent or c.synset or c.frequency or others.get(str(c.key)) or _is_recolored(c, chosen)
    ]


def _is_recolored(category: Category, chosen: Chosen) -> bool:
    index = chosen.index[category.id]
    return index is not None and category.color not in (None, chosen.classes.rows[index][1])


LOSES: dict[str, Any] = {
    "instances": _instances,
    "ids": _ids,
    "ignore": _ignored,
    "void": _uncovered,
    "crowd": _crowds,
    "isthing": _isthing,
    "wide_ids": _without_class,
    "category_ids": _renumbered_categories,
    "category_fields": _fields,
}
