"""Instances of every kind, and what is compared when a format of shapes has written and read them again."""

import numpy as np
from formats import tiny

from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_image
from segbench.canonical.rle import Rle
from segbench.canonical.sample import ImageFile, Sample
from segbench.canonical.segment import Segment
from segbench.formats.drawn import drawn_segments

SIZE = (20, 31)


def with_hole(size=SIZE):
    mask = np.zeros(size, np.uint8)
    mask[2:12, 3:20] = 1
    mask[4:6, 5:9] = mask[8:10, 12:15] = 0
    mask[15:19, 22:30] = 1
    return mask


def instances():
    """A mask with holes and parts, polygons of one and two parts, a box of one pixel, and a whole image."""
    square = ((1.5, 1.25, 9.0, 1.0, 9.25, 9.5, 1.0, 9.0),)
    parts = (*square, (12.0, 3.0, 20.1, 3.0, 20.0, 11.7))
    given = [
        {"rle": Rle.from_mask(with_hole()), "source_kind": "rle"},
        {"polygons": square, "source_kind": "polygon"},
        {"polygons": parts, "source_kind": "polygon"},
        {"rle": Rle.from_mask(tiny.square(SIZE, 19, 30, 20, 31)), "source_kind": "rle"},
        {"rle": Rle.from_mask(np.ones(SIZE, np.uint8)), "source_kind": "runs"},
    ]
    return tuple(Segment(id=i, category_id=i % 3, **fields) for i, fields in enumerate(given, 1))


def data_set(segments=None, *, splits=None):
    """Two images, the second empty; or one of each split."""
    segments = instances() if segments is None else segments
    picture = encode_image(np.full((3, *SIZE), 9, np.uint8))
    n = 2 if splits is None else len(splits)
    samples = [
        Sample(
            image_id=f"é{i}", height=SIZE[0], width=SIZE[1], segments=() if i else segments, overlap=True,
            image_file=ImageFile(name=f"é{i}.png", data=picture),
        )
        for i in range(n)
    ]  # fmt: skip
    return Dataset(
        name="shapes",
        categories=Categories([Category(0, "sky"), Category(1, "cat & <dog>"), Category(2, "日本")]),
        image_ids=[s.image_id for s in samples],
        load=samples.__getitem__,
        tasks=("instance",),
        splits=splits,
    )


def masks(dataset):
    """``[[(name, run lengths, crowd, ignore, score), …] of each image]``."""
    return [
        [
            (dataset.id2label[s.category_id], rle and rle.counts, s.iscrowd, s.ignore, s.score)
            for s, rle in drawn_segments(sample, dataset.categories)
        ]
        for sample in dataset
    ]
