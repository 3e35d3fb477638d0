"""Image ids through every format: they come back, or the report says which do not, and as what."""

import numpy as np
import pytest
from formats.tiny import square

import segbench
from segbench import Categories, Category, Dataset, Sample, Segment
from segbench.canonical.images import encode_image
from segbench.canonical.rle import Rle
from segbench.canonical.sample import ImageFile
from segbench.canonical.views import split_of_each
from segbench.errors import DataError
from segbench.formats import FORMATS, carries, load_format

WRITABLE = [name for name in FORMATS if hasattr(load_format(name), "write")]
BY_NAME = [name for name in WRITABLE if hasattr(load_format(name), "NAMES")]

CASES = {
    "ids are names": [("a", "train", "a.png"), ("b", "train", "b.png")],
    "ids are numbers": [("1000", "train", "a.png"), ("7", "train", "b.png")],
    "numbers with zeros": [("0007", "train", "0007.png"), ("8", "train", "0008.png")],
    "folders": [("x/a", "train", "x/a.png"), ("y/a", "train", "y/a.png")],
    "folders, ids without": [("a", "train", "x/a.png"), ("b", "train", "b.png")],
    "another split": [("a", "val", "a.png"), ("val/b", "val", "b.png")],
    "splits": [("a", "train", "a.png"), ("b", "val", "b.png")],
    "splits of one name": [("train/a", "train", "a.png"), ("val/a", "val", "a.png")],
    "splits of one name, ids are numbers": [("1", "train", "a.png"), ("2", "val", "a.png")],
    "splits in names": [("train/a", "train", "train/a.png"), ("b", "val", "val/b.png")],
    "splits with folders": [("train/x/a", "train", "x/a.png"), ("b", "val", "x/b.png")],
    "dots and spaces": [("a.b c", "train", "a.b c.png"), ("ä", "train", "ä.png")],
    "one name with two endings": [("a.png", "train", "a.png"), ("a", "train", "a.bmp")],
    "no pictures": [("x/a", "train", None), ("b", "train", None)],
    "cities": [("bonn_000000_000019", "train", "p.png"), ("a_000000_000000", "train", "q.png")],
    "lines": [("a_b", "train", "a_b.png"), ("a-c", "train", "a-c.png")],
    "video": [("v/000000", "train", "v/000000.png"), ("1", "train", "v/000001.png")],
    "videos of two splits": [("v/000000", "train", "v/0.png"), ("w/w-0000002", "val", "w/1.png")],
}
"""Image id, split and picture of each image."""
VIDEOS = {"video": ["v", "v"], "videos of two splits": ["v", "w"]}
REFUSED = ("would be called", "are called", "is in two splits")
SIZES = [(6, 8), (7, 9)]


def sample_of(kind, index, image_id, picture, folder, video):
    size = SIZES[index]
    file = None
    if picture is not None:
        file = folder / f"{index}.png"
        file.write_bytes(encode_image(np.full((3, *size), 50 * index, np.uint8)))
    mask = square(size, 1, 1, 4, 5)
    drawn = {"segments": (Segment(id=1, category_id=0, rle=Rle.from_mask(mask)),)}
    annotations = {
        "instance": {**drawn, "overlap": True},
        "panoptic": {
            "segments": (Segment(id=1, category_id=0),),
            "load_segment_map": lambda: mask.astype(int),
        },
        "semantic": {"load_mask": lambda: 1 - mask},
    }
    return Sample(
        image_id=image_id,
        height=size[0],
        width=size[1],
        image_file=None if file is None else ImageFile(name=picture, path=file),
        video_id=video,
        frame=None if video is None else index,
        **annotations[kind],
    )


def dataset_of(kind, case, folder):
    rows, splits = CASES[case], {}
    for _, split, _ in rows:
        splits[split] = splits.get(split, 0) + 1
    videos = VIDEOS.get(case, [None, None])
    samples = [
        sample_of(kind, i, image_id, picture, folder, videos[i])
        for i, (image_id, _, picture) in enumerate(rows)
    ]
    return Dataset(
        name="named",
        categories=Categories(Category(i, name) for i, name in enumerate(["thing", "other"])),
        image_ids=[sample.image_id for sample in samples],
        load=samples.__getitem__,
        tasks=(kind,),
        splits=splits,
    )


def there_and_back(name, kind, case, folder):
    """The report; and id and split that are read, by image: None where that cannot be written."""
    dataset = dataset_of(kind, case, folder)
    there, images = folder / "there", "none" if CASES[case][0][2] is None else "link"
    try:
        report = segbench.convert(dataset, there, target_format=name, allow_loss=True, images=images)
    except DataError as error:
        assert any(reason in str(error) for reason in REFUSED), error  # noqa: PT017
        return None, None
    if name == "yolo-seg" and CASES[case][0][2] is None:
        return report, None
    read = segbench.open_dataset(there, format=name)
    rows = zip(read, split_of_each(read), strict=True)
    by_size = {(s.height, s.width): (s.image_id, split) for s, split in rows}
    return report, [by_size[size] for size in SIZES]


def announced(report, feature="image_ids"):
    return next(((loss.count, loss.examples) for loss in report.losses if loss.feature == feature), (0, []))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", WRITABLE)
def test_ids_that_are_read_as_others_are_announced(name, case, tmp_path):
    for kind in load_format(name).TASKS:
        folder = tmp_path / kind
        folder.mkdir()
        report, read = there_and_back(name, kind, case, folder)
        if read is None:
            continue
        rows = list(zip(CASES[case], read, strict=True))
        told = [f"image {i} as {r}" for (i, *_), (r, _) in rows if i != r]
        assert announced(report) == (len(told), told), (kind, read)
        lost = list(dict.fromkeys(split for (_, split, _), (_, other) in rows if split != other))
        assert announced(report, "splits") == (len(lost), lost), (kind, read)


@pytest.mark.parametrize("name", set(WRITABLE) - set(BY_NAME))
def test_formats_that_state_ids_keep_all(name, tmp_path):
    assert carries(name)["image_ids"]
    report, read = there_and_back(name, load_format(name).TASKS[0], "ids are numbers", tmp_path)
    assert [image_id for image_id, _ in read] == ["1000", "7"]
    assert announced(report) == (0, [])


def test_formats_that_go_by_names_say_so():
    assert len(BY_NAME) > 12
    assert not any(carries(name)["image_ids"] for name in BY_NAME)
