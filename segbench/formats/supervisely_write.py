"""The writing half of Supervisely's projects: ``meta.json``, an annotation and a picture for each item."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from segbench.canonical.categories import Categories
from segbench.canonical.colors import to_hex
from segbench.canonical.dataset import Dataset
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.place import check_mode, place
from segbench.canonical.sample import Sample
from segbench.formats.drawn import check_names, colored_fields, drawn_segments
from segbench.formats.image_names import ImageNames
from segbench.formats.pictures import SUFFIXES, Names, in_splits, picture_name, place_picture
from segbench.formats.plain_json import dump_json
from segbench.formats.supervisely_objects import (
    FLAGS,
    REST,
    SCORE,
    box_is_whole,
    read_tags,
    shape_of,
    write_objects,
)

META, ANNOTATIONS, PICTURES, NESTED = "meta.json", "ann", "img", "datasets"
SAID, OTHERS, CUSTOM = "supervisely", "objects", "segbench"
"""Keys: of ``extra``, what the source says of the project or an image, and ``[place, object]`` of what is no
region; of ``customBigData``, the rest of ``Sample.extra``."""

_TAGS = {**dict.fromkeys(FLAGS, "none"), SCORE: "any_number", REST: "any_string"}
_COLORS = ((230, 25, 75), (60, 180, 75), (255, 225, 25), (0, 130, 200), (245, 130, 48), (145, 30, 180))


def count_stated(sample: Sample, _: Categories) -> int:
    """Segments with an area, a box beside the mask, or a box that is not one of whole pixels."""
    return sum(
        s.source_area is not None
        or (s.bbox is not None and (s.source_kind != "box" or not box_is_whole(s.bbox)))
        for s in sample.segments
    )


def count_unseen(sample: Sample, categories: Categories) -> int:
    """Objects without a pixel, but boxes alone and those that the source wrote so; or a label map."""
    if sample.kind == "semantic":
        return 1
    drawn = list(drawn_segments(sample, categories, stuff=True))
    titles = (categories[segment.category_id].name for segment, _ in drawn)
    return sum(
        (rle is None or rle.area == 0) and not write_objects(segment, sample, title, rle, {})
        for (segment, rle), title in zip(drawn, titles, strict=True)
    )


LOSES = {
    "instances": count_unseen,
    "stated": count_stated,
    "category_fields": colored_fields,
    "about": lambda dataset: [
        k for k in dataset.extra if k not in (SAID, "category_fields", "string_ids", "url_names")
    ],
}


def write(
    dataset: Dataset,
    target: Path,
    *,
    images: str = "link",
    pen: Pen = PLAIN,
) -> None:
    """Write ``meta.json``, and for each split a data set of ``ann`` and ``img``; folders of names are nested.

    Masks are written as bitmaps, whatever drew them; what the source wrote is written again while it is true.

    Raises
    ------
    DataError
        When two pictures would have one name, one is missing, or two categories have one name.
    """
    check_mode(images)
    check_names(dataset.categories)
    taken, used = Names(), _Used(dataset)
    with pen.folder(target) as folder:
        put = _Put(folder, in_splits(dataset.splits), images, dataset.categories, used.shapes)
        rows = zip(dataset.image_ids, pen.each(dataset, put), strict=True)
        for image_id, (file, shapes, tags) in rows:
            taken.take(file, image_id)
            used.add(shapes, tags)
        place(folder / META, dump_json(used.meta(), indent=2))


_Use = tuple[list[tuple[str, str]], list[str]]
"""Class and geometry of each object, and tags."""


@dataclass(frozen=True, slots=True)
class _Put:
    """Writes the annotation and the picture of a sample; returns the name of the former and what it uses."""

    folder: Path
    splits: Sequence[str]
    images: str
    categories: Categories
    shapes: Mapping[str, str]

    def __call__(self, index: int, sample: Sample) -> tuple[str, list[tuple[str, str]], list[str]]:
        split = self.splits[index]
        *folders, name = _item_name(sample, split).split("/")
        below = f"/{NESTED}/".join([split, *folders])
        file = f"{below}/{ANNOTATIONS}/{name}.json"
        content, (shapes, tags) = _content(sample, self.categories, self.shapes)
        place(self.folder / file, dump_json(content, image_id=sample.image_id))
        place_picture(self.folder / below / PICTURES / name, sample, self.images)
        return file, shapes, tags


class _Used:
    """Gathers what objects need of ``meta.json``: the geometries of each class, and tags."""

    def __init__(self, dataset: Dataset) -> None:
        kept = dataset.extra.get(SAID)
        names = [c.name for c in dataset.categories]
        self._kept: dict[str, Any] = dict(kept) if isinstance(kept, dict) else {}
        rows = self._kept.get("classes", [])
        self._rows = rows if [row.get("title") for row in rows] == names else _rows(dataset.categories)
        self.shapes = {str(row["title"]): str(row.get("shape", "any")) for row in rows}
        self._geometries: dict[str, set[str]] = {name: set() for name in names}
        self._tags: dict[str, None] = {}

    def add(self, shapes: Iterable[tuple[str, str]], tags: Iterable[str]) -> None:
        """Take note of the objects of a sample."""
        for title, shape in shapes:
            self._geometries[title].add(shape)
        self._tags |= dict.fromkeys(tags)

    def meta(self) -> dict[str, Any]:
        """What the project says: as the source did, and what is new beside it."""
        classes = [
            row if row.get("shape", "any") == "any" or self._geometries[row["title"]] <= {row["shape"]}
            else {**row, "shape": "any"}
            for row in self._rows
        ]  # fmt: skip
        tags = list(self._kept.get("tags") or [])
        known = {tag.get("name") for tag in tags if isinstance(tag, dict)}
        tags += [
            {"name": name, "value_type": _TAGS[name], "color": to_hex(_COLORS[i % len(_COLORS)]).upper(),
             "hotkey": "", "applicable_type": "objectsOnly", "classes": []}
            for i, name in enumerate(self._tags) if name not in known
        ]  # fmt: skip
        return (self._kept or {"projectType": "images"}) | {"classes": classes, "tags": tags}


def _rows(categories: Categories) -> list[dict[str, Any]]:
    """New classes of any geometry; their ids stand there where they are not their places."""
    said = any(c.key != c.id for c in categories)
    return [
        {
            "title": c.name,
            "description": "",
            "shape": "any",
            "color": to_hex(c.color or _COLORS[c.id % len(_COLORS)]).upper(),
            "geometry_config": {},
            "hotkey": "",
        }
        | ({"id": c.key} if said else {})
        for c in categories
    ]


def _item_name(sample: Sample, split: str) -> str:
    """The name of an item below its split: that of the picture, or of the annotation where there is none."""
    if sample.image_file is None and SAID in sample.extra and sample.source_path is not None:
        parts = PurePosixPath(sample.source_path.removesuffix(".json")).parts
        name = "/".join(part for part in (*parts[:-2], parts[-1]) if part != NESTED)
        return name.removeprefix(f"{split}/")
    return picture_name(sample).removeprefix(f"{split}/")


def _path(sample: Sample, split: str, _: Sequence[str]) -> str:
    return f"{split}/{_item_name(sample, split)}"


def stem_of(item: str) -> str:
    """Return the name of an item without the suffix of a picture."""
    suffix = PurePosixPath(item).suffix
    return item.removesuffix(suffix) if suffix.lower() in SUFFIXES else item


def ids_of(items: Sequence[str], _: Sequence[str] = ()) -> list[str]:
    """Return the image ids of items: without suffixes, but for later ones that differ in these alone."""
    first: dict[str, str] = {}
    for item in sorted(items):
        first.setdefault(stem_of(item), item)
    return [stem if first[stem := stem_of(item)] == item else item for item in items]


NAMES = ImageNames(_path, ids_of)


def _content(
    sample: Sample, categories: Categories, shapes: Mapping[str, str]
) -> tuple[dict[str, Any], _Use]:
    used: _Use = [], []
    placed: list[tuple[int, int, dict[str, Any]]] = []
    for segment, rle in drawn_segments(sample, categories, stuff=True):
        title = categories[segment.category_id].name
        for at, item in write_objects(segment, sample, title, rle, shapes):
            placed.append((len(placed) if at is None else at, len(placed), item))
            used[0].append((title, shape_of(item, {})))
            used[1].extend(name for name in read_tags(item, field="tags") if name in _TAGS)
    placed += [(at, -1, item) for at, item in sample.extra.get(OTHERS, [])]
    placed.sort(key=lambda row: row[:2])
    said = dict(sample.extra.get(SAID, {}))
    if rest := {k: v for k, v in sample.extra.items() if k not in (SAID, OTHERS)}:
        said["customBigData"] = {**(said.get("customBigData") or {}), CUSTOM: rest}
    content = {
        "description": "",
        "tags": [],
        **said,
        "size": {"height": sample.height, "width": sample.width},
        "objects": [item for *_, item in placed],
    }
    return content, used
