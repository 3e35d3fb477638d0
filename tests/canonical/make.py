"""Small samples, data sets and pictures for the tests of the canonical form."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_image, encode_labels
from segbench.canonical.reader import read_dataset
from segbench.canonical.rle import Rle
from segbench.canonical.sample import ImageFile, Sample
from segbench.canonical.segment import Segment
from segbench.canonical.writer import write_dataset

HEIGHT, WIDTH = 12, 17
layouts = pytest.mark.parametrize("packed", [False, True], ids=["folder", "packed"])


def categories(n=3):
    """Return a thing, a stuff and others that are neither, with source ids that are not dense."""
    first = [
        Category(0, "cat", 17, isthing=True, color=(0, 0, 0), parent="animal", synset="cat.n.01"),
        Category(1, "Straße 路", 3, isthing=False, color=(128, 64, 128)),
        Category(2, "unknown", 90),
    ]
    return Categories([*first[:n], *(Category(i, f"c{i}", 100 + i) for i in range(3, n))])


def pixels(seed, height=HEIGHT, width=WIDTH):
    """Return a picture, uint8 [3, H, W]."""
    return np.random.default_rng(seed).integers(0, 256, (3, height, width), dtype=np.uint8)


def labels(seed, n=3, ignore=255, height=HEIGHT, width=WIDTH):
    """Return a label map with some pixels to ignore."""
    mask = np.random.default_rng(seed).integers(0, n, (height, width))
    mask[0, :3] = ignore
    return mask.astype(np.uint8 if ignore == 255 else np.uint16)


def saved(picture, kind="PNG", **settings):
    """Return the bytes of a Pillow picture."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **settings)
    return buffer.getvalue()


def opened(data):
    """Return what Pillow reads."""
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
    return picture


def oriented(orientation):
    """Return EXIF that says how a picture is to be turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def image_file(seed, name="a.png", folder=None, **size):
    """Return a picture in memory, or in a folder."""
    data = encode_image(pixels(seed, **size))
    if folder is None:
        return ImageFile(name=name, data=data)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return ImageFile(name=name, path=path)


def semantic(image_id="s", seed=0, n=3, ignore=255, **settings):
    """Return a sample whose truth is a label map."""
    mask = labels(seed, n, ignore)
    defaults = {"image_file": image_file(seed, f"{image_id}.png"), "load_mask": lambda: mask}
    shape = {"height": HEIGHT, "width": WIDTH, "ignore_index": ignore}
    return Sample(image_id=image_id, **{**shape, **defaults, **settings})


def ring():
    """Return a mask with a hole."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[2:9, 3:11] = 1
    mask[4:6, 5:8] = 0
    return mask


INSTANCES = (
    Segment(
        id=901, category_id=0, source_area=30, bbox=(1, 2, 6, 5.5), source_kind="polygon",
        polygons=((1.5, 2.0, 7.25, 2, 7, 7.5), (9.0, 9.0, 12.0, 9.0, 12.0, 11.0)),
        track_id=7, source_id="añ-1", attributes={"occluded": True, "名": [1, {"x": None}]},
    ),
    Segment(
        id=5, category_id=2, iscrowd=True, source_area=50.0, rle=Rle.from_mask(ring()), source_kind="runs"
    ),
    Segment(
        id=6, category_id=0, ignore=True, rle=Rle.from_mask(np.eye(HEIGHT, WIDTH, dtype=bool)),
        source_kind="rle",
    ),
    Segment(id=2**40, category_id=0, bbox=(0.5, 0.5, 3.0, 3.0), source_kind="box", score=0.1 + 0.2),
)  # fmt: skip


def instances(image_id="i", seed=1, **settings):
    """Return a sample whose truth are overlapping segments."""
    defaults = {
        "segments": INSTANCES,
        "image_file": image_file(seed, f"{image_id}.png"),
        "source_path": "annotations/i.json",
        "neg_category_ids": (1,),
        "not_exhaustive_category_ids": (),
        "video_id": "clip 1",
        "frame": 3,
        "extra": {"license": 4, "städte": ["Köln"]},
    }
    return Sample(image_id=image_id, height=HEIGHT, width=WIDTH, overlap=True, **{**defaults, **settings})


def segment_map():
    """Return segment ids: two things, stuff with a large id, void."""
    ids = np.zeros((HEIGHT, WIDTH), np.int32)
    ids[:5] = 70_000
    ids[6:9, 2:9] = 2
    ids[7:, 10:] = 3
    return ids


PANOPTIC = (
    Segment(id=70_000, category_id=1, source_area=85, bbox=(0, 0, 17, 5)),
    Segment(id=2, category_id=0),
    Segment(id=3, category_id=2, iscrowd=True),
)


def panoptic(image_id="p", seed=2, **settings):
    """Return a sample whose truth is a segment map."""
    defaults = {
        "segments": PANOPTIC,
        "image_file": image_file(seed, f"{image_id}.png"),
        "load_segment_map": segment_map,
    }
    return Sample(image_id=image_id, height=HEIGHT, width=WIDTH, **{**defaults, **settings})


def dataset(samples, n=3, **settings):
    """Return a data set of samples in memory."""
    defaults = {"name": "tiny", "tasks": ("semantic", "instance", "panoptic"), "categories": categories(n)}
    return Dataset(
        image_ids=[s.image_id for s in samples], load=samples.__getitem__, **{**defaults, **settings}
    )


def mixed(folder=None, **settings):
    """Return a data set of two splits with a sample of each kind."""
    samples = [instances("i"), panoptic("p"), semantic("s")]
    if folder is not None:
        names = ["ü/i.png", "p.png", "s.png"]
        files = [{"image_file": image_file(9 + i, name, folder)} for i, name in enumerate(names)]
        samples = [instances("i", **files[0]), panoptic("p", **files[1]), semantic("s", **files[2])]
    return dataset(samples, **{"splits": {"train": 2, "val": 1}, **settings})


def label_png(mask):
    """Return a label map as PNG."""
    return encode_labels(mask)


def round_trip(data, target, **settings):
    """Write a data set, read it back, and compare fingerprints."""
    fingerprint = write_dataset(data, target, **settings)
    found = read_dataset(target)
    assert found.fingerprint == fingerprint == data.fingerprint
    return found
