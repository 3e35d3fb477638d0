"""CVAT for images 1.1: one XML of polygons, masks, boxes and ellipses.

Source: CVAT's description of its XML format 1.1. A mask is cut out to its box; its run lengths go row by row
and begin with zeros. Shapes are stacked by ``z_order``, equal ones in the order of the file, so that the last
is on top. Shapes of one label and ``group_id`` are parts of one object, as in CVAT's own export to COCO. The
attribute ``is_crowd``, by which that export tells crowds, is read and written, and so are ``ignore`` and
``score``. Lines, points, cuboids, skeletons and tags are no regions: they are kept and written again, but are
no segments. Polygons are filled by cocoapi's rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from segbench.canonical.categories import Categories, Category
from segbench.canonical.colors import from_hex
from segbench.canonical.dataset import Dataset
from segbench.canonical.paths import check_name
from segbench.canonical.sample import ImageFile, Sample
from segbench.errors import DataError
from segbench.formats.cvat_shapes import REGIONS, read_shapes
from segbench.formats.cvat_write import LOSES, NAMES, ids_of, write
from segbench.formats.plain_json import check_size, head_has
from segbench.formats.xml_file import Node, XmlIndex, read_index

__all__ = ["CARRIES", "LAYOUT", "LOSES", "NAMES", "PREDICTIONS", "TASKS", "TITLE", "read", "sniff", "write"]

TITLE = "CVAT for images 1.1 (XML)"
TASKS = ("instance",)
PREDICTIONS = dict.fromkeys(("semantic", "instance", "panoptic"), "predictions.xml")
CARRIES = frozenset(
    {
        "stuff", "instances", "overlap", "stacking", "holes", "parts", "polygons", "crowd", "ignore",
        "scores", "wide_ids", "attributes", "extra", "splits", "images",
    }
)  # fmt: skip
LAYOUT = """\
annotations.xml             <annotations><version>1.1</version><meta>… <label><name>, <color> …</meta>
                              <image id name width height subset>
                                <polygon label points="x,y;x,y;…" z_order group_id> <attribute name>…
                                <mask label rle="zeros, ones, …" left top width height z_order>
                                <box label xtl ytl xbr ybr rotation> <ellipse label cx cy rx ry rotation>
images/[subset/]0001.jpg    pictures: also beside the XML"""
_LOOKED_AT = 16
_VIDEO = 'holds tracks of a video; export it from CVAT as "CVAT for images 1.1"'


def sniff(path: Path) -> bool:
    """Tell whether a file, or the first XML of a folder, begins as CVAT's."""
    file = _find(path)
    return file is not None and head_has(file, b"<annotations>") and head_has(file, b"<meta>", b"<version>")


def read(path: Path, *, images: Path | None = None) -> Dataset:
    """Open an XML, or the folder that holds it; its subsets are splits.

    Parameters
    ----------
    path
        The file or its folder.
    images
        Folder of the pictures; looked for where it is not given.

    Raises
    ------
    DataError
        When the file is damaged, declares entities, or holds tracks of a video.
    """
    file = _find(path)
    if file is None:
        raise DataError("has no XML file", file=path)
    seen = _Seen(file)
    index = read_index(file, "image", seen.take)
    if index.root[:1] != ["annotations"]:
        raise DataError("is XML, but not CVAT's: its root is no <annotations>", file=file)
    if any(tag == "track" for tag, *_ in index.others):
        raise DataError(_VIDEO, file=file)
    order = [i for split in seen.splits for i, of in enumerate(seen.subsets) if of == split]
    several = len(seen.splits) > 1
    names = [_Name(seen.subsets[i] if several else "", seen.names[i]) for i in order]
    image_ids = ids_of([name.path for name in names])
    categories, kept = _categories(index.others, seen.labels)
    source = _Source(index, order, names, _roots(file, images, names), categories)
    return Dataset(
        name=path.resolve().stem,
        categories=categories,
        image_ids=image_ids,
        load=partial(_sample, source, image_ids),
        tasks=TASKS,
        format="cvat",
        path=path,
        splits={split or "train": seen.splits[split] for split in seen.splits},
        extra={"cvat": kept},
    )


@dataclass(frozen=True, slots=True)
class _Name:
    """Name of a picture, and of the subset that it stands in where there are several."""

    subset: str
    name: str

    @property
    def path(self) -> str:
        """Both in one."""
        return f"{self.subset}/{self.name}".lstrip("/")


@dataclass(slots=True)
class _Seen:
    """What the reading of a file notices of its images."""

    file: Path
    names: list[str] = field(default_factory=list)
    subsets: list[str] = field(default_factory=list)
    labels: dict[str, None] = field(default_factory=dict)

    @property
    def splits(self) -> dict[str, int]:
        """``{subset: number of images}``, in order of appearance."""
        return dict(Counter(self.subsets))

    def take(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "image":
            where: dict[str, Any] = {"file": self.file, "field": f"image {len(self.names)}: name"}
            if not attributes.get("name"):
                raise DataError("is missing", **where)
            self.names.append(check_name(attributes["name"].replace("\\", "/"), **where))
            subset = attributes.get("subset", "")
            self.subsets.append(check_name(subset, **where) if subset else "")
        elif tag in REGIONS:
            self.labels[attributes.get("label", "")] = None


@dataclass(frozen=True, slots=True)
class _Source:
    """What a sample is made of."""

    index: XmlIndex
    order: list[int]
    names: list[_Name]
    roots: list[Path]
    categories: Categories


def _sample(source: _Source, image_ids: list[str], at: int) -> Sample:
    where: dict[str, Any] = {"file": source.index.path, "image_id": image_ids[at]}
    _, attributes, _, children = source.index.node(source.order[at], image_id=image_ids[at])
    sides = (attributes.get(key, "") for key in ("height", "width"))
    height, width = (int(v) if v.isdecimal() and len(v) < 10 else v for v in sides)
    size = check_size(height, width, field="width", **where)
    ids = {c.name: c.id for c in source.categories}
    segments, others = read_shapes(children, size, ids, **where)
    name = source.names[at]
    said = {k: v for k, v in attributes.items() if k not in ("name", "width", "height")}
    return Sample(
        image_id=image_ids[at],
        height=size[0],
        width=size[1],
        segments=segments,
        overlap=True,
        overlap_policy="order",
        ignore_index=source.categories.ignore_index,
        image_file=_picture(source.roots, name),
        source_path=name.name,
        extra={"cvat": said} | ({"shapes": others} if others else {}),
    )


def _picture(roots: list[Path], name: _Name) -> ImageFile | None:
    for root in roots:
        for path in (name.path, name.name):
            if (root / path).is_file():
                return ImageFile(name=name.name, path=root / path)
    return ImageFile(name=name.name, path=roots[0] / name.path) if roots else None


def _roots(file: Path, images: Path | None, names: list[_Name]) -> list[Path]:
    """The folder of pictures, where it has one of the first."""
    if images is not None:
        if not images.is_dir():
            raise DataError("the folder of pictures is no folder", file=images)
        return [images]
    tried = [file.parent / "images", file.parent]
    paths = [path for name in names[:_LOOKED_AT] for path in (name.path, name.name)]
    return [root for root in tried if any((root / path).is_file() for path in paths)][:1]


def _find(path: Path) -> Path | None:
    """The XML itself, or ``annotations.xml`` of a folder, or the only XML there."""
    if path.is_file():
        return path if path.suffix.lower() == ".xml" else None
    named = path / "annotations.xml"
    files = [named] if named.is_file() else sorted(path.glob("*.xml"))
    return files[0] if len(files) == 1 else None


def _categories(others: list[Node], present: Mapping[str, None]) -> tuple[Categories, list[Node]]:
    """The labels of ``<meta>`` in order, then others that occur; and ``<meta>`` itself."""
    meta = [node for node in others if node[0] == "meta"]
    colors: dict[str, tuple[int, int, int] | None] = {}
    for label in _labels(meta):
        said = {tag: text for tag, _, text, _ in label[3]}
        colors.setdefault(said.get("name", ""), from_hex(said.get("color", "")))
    names = [*colors, *sorted(present.keys() - colors.keys())]
    return Categories(Category(id=i, name=n, color=colors.get(n)) for i, n in enumerate(names)), meta


def _labels(nodes: list[Node]) -> list[Node]:
    """Every ``<label>`` of a ``<labels>`` below these nodes."""
    found: list[Node] = []
    for tag, _, _, children in nodes:
        found += [c for c in children if c[0] == "label"] if tag == "labels" else _labels(children)
    return found
