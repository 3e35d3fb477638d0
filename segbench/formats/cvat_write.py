"""The writing half of CVAT's XML: ``annotations.xml`` and the pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from segbench.canonical.categories import Categories
from segbench.canonical.colors import to_hex
from segbench.canonical.dataset import Dataset
from segbench.canonical.paths import without_suffix
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.place import check_mode
from segbench.canonical.sample import Sample
from segbench.errors import DataError
from segbench.formats.cvat_elements import kept_groups, write_shapes
from segbench.formats.cvat_shapes import ATTRIBUTES, PLACES, SHAPES
from segbench.formats.cvat_stack import count_ids, stack
from segbench.formats.drawn import (
    check_names,
    colored_fields,
    drawn_segments,
    pixelless,
    stated_beside,
)
from segbench.formats.image_names import ImageNames, below_splits
from segbench.formats.pictures import Names, in_splits, picture_name, place_picture
from segbench.formats.xml_file import Node, child_text, write_document


def count_untold(sample: Sample, _: Categories) -> int:
    """Segments with fields that are no text: CVAT's attributes are, and hold them as JSON."""
    own = (SHAPES, PLACES, ATTRIBUTES)
    return sum(
        any(k not in own for k in s.attributes) or any(not isinstance(v, str) for v in _named(s.attributes))
        for s in sample.segments
    )


def _named(attributes: Any) -> list[Any]:
    named = attributes.get(ATTRIBUTES, {})
    return list(named.values()) if isinstance(named, dict) else [named]


def count_others(sample: Sample, _: Categories) -> int:
    """Images of which the source says what no attribute of ``<image>`` is."""
    return int(any(key not in ("cvat", "shapes") for key in sample.extra))


def count_stated(sample: Sample, categories: Categories) -> int:
    """Segments with an area, a box beside their outline, or a box whose sides are a last digit off."""
    boxes = [s.bbox for s in sample.segments if s.bbox is not None and s.source_kind == "box"]
    moved = sum((x + w - x, y + h - y) != (w, h) for x, y, w, h in boxes)
    return stated_beside(sample, categories) + moved


LOSES = {
    "instances": pixelless,
    "ids": count_ids,
    "stated": count_stated,
    "attributes": count_untold,
    "extra": count_others,
    "category_fields": colored_fields,
    "about": lambda dataset: [k for k in dataset.extra if k not in ("cvat", "category_fields", "string_ids")],
}


def write(dataset: Dataset, target: Path, *, images: str = "link", pen: Pen = PLAIN) -> None:
    """Write one XML (``*.xml``), or ``annotations.xml`` and ``images``; several splits are subsets.

    Objects are stacked as the data set has them.

    Raises
    ------
    DataError
        When two pictures would have one name, one is missing, two categories have one name, a name begins or
        ends with space, or a text holds what XML cannot.
    """
    check_mode(images)
    check_names(dataset.categories)
    for name in (c.name for c in dataset.categories if c.name != c.name.strip()):
        raise DataError(
            f"the name {name!r} begins or ends with space, which XML's readers drop; rename it with --labels",
            field="categories",
        )
    if target.suffix.lower() == ".xml":
        _write_xml(dataset, target, pen, None, "none")
        return
    with pen.folder(target) as folder:
        _write_xml(dataset, folder / "annotations.xml", pen, folder / "images", images)


def _write_xml(dataset: Dataset, file: Path, pen: Pen, pictures: Path | None, images: str) -> None:
    taken, put = Names(), _Put(dataset, in_splits(dataset.splits), pictures, images)

    def children() -> Iterator[str]:
        yield child_text(["version", {}, "1.1", []])
        for node in _meta(dataset):
            yield child_text(node, field="meta", file=dataset.path)
        for image_id, (name, text) in zip(dataset.image_ids, pen.each(dataset, put), strict=True):
            taken.take(name, image_id)
            yield text

    with pen.file(file) as part, part.open("w", encoding="utf-8") as handle:
        write_document(handle, "annotations", children())


def ids_of(paths: Sequence[str]) -> list[str]:
    """Return the image ids of pictures: paths without suffixes, where they differ in more than these."""
    short = [without_suffix(path) for path in paths]
    return short if len(set(short)) == len(short) else list(paths)


def _name(sample: Sample, *_: object) -> str:
    return picture_name(sample)


def _ids(names: Sequence[str], splits: Sequence[str]) -> list[str]:
    return ids_of(below_splits(names, splits))


NAMES = ImageNames(_name, _ids)


class _Put:
    """Writes the picture of a sample where there is a folder for it; returns its name and ``<image>``."""

    def __init__(self, dataset: Dataset, splits: Sequence[str], pictures: Path | None, images: str) -> None:
        self._categories, self._path = dataset.categories, dataset.path
        self._splits, self._pictures, self._images = splits, pictures, images
        self._several, self._told = len(dataset.splits) > 1, list(dataset.splits) != ["train"]

    def __call__(self, index: int, sample: Sample) -> tuple[str, str]:
        split, name = self._splits[index], picture_name(sample)
        if self._pictures is not None:
            place_picture(
                self._pictures / split / name if self._several else self._pictures / name,
                sample,
                self._images,
                named=True,
            )
        given = {"id": str(index), "name": name} | ({"subset": split} if self._told else {})
        node = _image(sample, self._categories, given)
        return f"{split}/{name}", child_text(node, image_id=sample.image_id, file=self._path)


def _image(sample: Sample, categories: Categories, given: dict[str, str]) -> Node:
    own = sample.extra.get("cvat", {})
    kept = {k: v for k, v in own.items() if k != "subset" or "subset" not in given}
    size = {"width": str(sample.width), "height": str(sample.height)}
    groups = [group for segment in sample.segments for group in kept_groups(segment)]
    free = max(groups, default=0) + 1
    written = []
    for number, (segment, rle) in enumerate(drawn_segments(sample, categories, stuff=True)):
        label = categories[segment.category_id].name
        written.append(write_shapes(segment, sample, label, rle, free + number))
    stack(sample, [[node for _, node in parts] for parts in written])
    placed: list[tuple[int, int, Node]] = []
    for parts in written:
        placed += [(len(placed) + i if at is None else at, i, n) for i, (at, n) in enumerate(parts)]
    placed += [(at, -1, node) for at, node in sample.extra.get("shapes", [])]
    placed.sort(key=lambda row: row[:2])
    return ["image", given | kept | size, "", [node for *_, node in placed]]


def _meta(dataset: Dataset) -> list[Node]:
    """``<meta>`` of the source while its labels are those of the data set, else a new one."""
    names = [c.name for c in dataset.categories]
    kept = dataset.extra.get("cvat")
    if isinstance(kept, list) and kept and _names_of(kept) == names[: len(_names_of(kept))]:
        return kept
    labels: list[Node] = []
    for category in dataset.categories:
        fields: list[Node] = [["name", {}, category.name, []]]
        if category.color is not None:
            fields.append(["color", {}, to_hex(category.color), []])
        labels.append(["label", {}, "", [*fields, ["attributes", {}, "", []]]])
    task = [["name", {}, dataset.name, []], ["labels", {}, "", labels]]
    return [["meta", {}, "", [["task", {}, "", task]]]]


def _names_of(nodes: list[Node]) -> list[str]:
    found: dict[str, None] = {}
    for tag, _, _, children in nodes:
        if tag == "labels":
            found |= {
                next((f[2] for f in c[3] if f[0] == "name"), ""): None for c in children if c[0] == "label"
            }
        else:
            found |= dict.fromkeys(_names_of(children))
    return list(found)
