"""The writing half of YOLO-seg: pictures, label files and ``data.yaml``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.paths import without_suffix
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.place import check_mode, place
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import LossError
from segbench.formats.drawn import drawn_segments, renumbered, stated_beside
from segbench.formats.image_names import ImageNames, below_splits
from segbench.formats.pictures import Names, in_splits, picture_name, place_picture
from segbench.formats.yolo_seg_lines import LineWriter, outline, to_box, to_pixels
from segbench.formats.yolo_seg_yaml import write_config


def count_unseen(sample: Sample, categories: Categories) -> int:
    """Objects of which there is no line: without a pixel or a box; or a label map."""
    if sample.kind == "semantic":
        return 1
    size = sample.height, sample.width
    return sum(
        (rle is None or rle.area == 0) and outline(segment, size, rle) is None
        for segment, rle in _written(sample, categories)
    )


def count_polygons(sample: Sample, categories: Categories) -> int:
    """Objects of polygons that are read otherwise: of several, beyond the picture, or a last digit off."""
    size, lost = (sample.height, sample.width), 0
    for segment, rle in _written(sample, categories):
        if segment.polygons is not None:
            numbers = outline(segment, size, rle) if len(segment.polygons) == 1 else None
            lost += numbers is None or to_pixels(numbers, size).tolist() != list(segment.polygons[0])
    return lost


def count_stated(sample: Sample, categories: Categories) -> int:
    """Segments with an area, a box beside their outline, or a box that is a last digit off."""
    size, moved = (sample.height, sample.width), 0
    for segment, rle in _written(sample, categories):
        if segment.source_kind == "box" and rle is None and segment.bbox is not None:
            numbers = outline(segment, size, None)
            moved += numbers is None or to_box(numbers, size).tolist() != list(segment.bbox)
    return stated_beside(sample, categories) + moved


LOSES = {
    "instances": count_unseen,
    "ids": renumbered,
    "polygons": count_polygons,
    "stated": count_stated,
}


def write(
    dataset: Dataset,
    target: Path,
    *,
    images: str = "link",
    pen: Pen = PLAIN,
) -> None:
    """Write ``images``, ``labels`` and ``data.yaml``; crowds, ignore regions and stuff are left out.

    A hole is cut out by a seam of no width, and parts are tied by such seams.

    Raises
    ------
    DataError
        When two label files would have one name, or a picture is missing.
    """
    check_mode(images)
    class_ids, names = _classes(dataset)
    with pen.folder(target) as folder:
        put = _Put(folder, in_splits(dataset.splits), images, dataset.categories, LineWriter(class_ids))
        Names().take_all(pen.each(dataset, put), dataset.image_ids)
        write_config(folder / "data.yaml", names, list(dataset.splits), dataset.extra.get("yolo", {}))


def write_predictions(
    dataset: Dataset,
    target: Path,
    *,
    images: str = "none",
    pen: Pen = PLAIN,
) -> None:
    """Write a label file an image, named by its id, whose lines end with the score; ``images`` never are.

    Raises
    ------
    LossError
        When an instance has no pixel.
    DataError
        When two files would have one name.
    """
    check_mode(images)
    with pen.folder(target) as folder:
        put = partial(_put_lines, folder / "labels", dataset.categories, LineWriter(_classes(dataset)[0]))
        Names().take_all(pen.each(dataset, put), dataset.image_ids)


def _put_lines(folder: Path, categories: Categories, writer: LineWriter, _: int, sample: Sample) -> str:
    label = f"{sample.image_id}.txt"
    if n := count_unseen(sample, categories):
        raise LossError(
            f"{n} of its instances have no pixel, and no line of a label file; save them as segbench",
            image_id=sample.image_id,
            field="segments",
        )
    place(folder / label, _text(sample, categories, writer).encode())
    return label


def _stem(sample: Sample, *_: object) -> str:
    return without_suffix(picture_name(sample))


NAMES = ImageNames(_stem, below_splits)


@dataclass(frozen=True, slots=True)
class _Put:
    """Writes a label file and its picture; returns the name of the label file."""

    folder: Path
    splits: Sequence[str]
    images: str
    categories: Categories
    writer: LineWriter

    def __call__(self, index: int, sample: Sample) -> str:
        split, name = self.splits[index], picture_name(sample)
        label = f"{split}/{without_suffix(name)}.txt"
        place(self.folder / "labels" / label, _text(sample, self.categories, self.writer).encode())
        place_picture(self.folder / "images" / split / name, sample, self.images)
        return label


def _text(sample: Sample, categories: Categories, writer: LineWriter) -> str:
    lines = [writer.line(segment, sample, rle) for segment, rle in _written(sample, categories)]
    return "".join(f"{line}\n" for line in lines if line is not None)


def _written(sample: Sample, categories: Categories) -> Iterator[tuple[Segment, Rle | None]]:
    """The segments that have a line, with their masks."""
    return ((s, rle) for s, rle in drawn_segments(sample, categories) if not s.iscrowd and not s.ignore)


def _classes(dataset: Dataset) -> tuple[dict[int, int], dict[int, str]]:
    """``{dense id: class}`` and ``{class: name}``: those of a YOLO source as they are, else 0, 1, …"""
    own = "yolo" in dataset.extra
    class_ids = {c.id: c.key if own else c.id for c in dataset.categories}
    return class_ids, {class_ids[c.id]: c.name for c in dataset.categories}
