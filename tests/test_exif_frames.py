"""Pictures that EXIF turns: image and masks of a sample always lie the same way, whatever is made of it.

The picture of each sample has the colours of its mask, so that a look tells whether they agree.
"""

import re
from dataclasses import replace

import numpy as np
import pytest
from canonical.make import oriented, saved
from PIL import Image

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.exif import frame_of
from segbench.canonical.images import upright
from segbench.canonical.rle import Rle
from segbench.canonical.sample import ImageFile, Sample
from segbench.canonical.segment import Segment
from segbench.conversions.health import summarize
from segbench.conversions.validation import validate
from segbench.errors import DataError, UsageError
from segbench.formats import FORMATS, load_format
from segbench.models.types import InstancePrediction, ModelInfo
from segbench.reshape import apply
from segbench.reshape.turning import turning_steps

WRITABLE = [name for name in FORMATS if hasattr(load_format(name), "write") and name != "nifti"]
"""What links pictures; nifti makes volumes of them."""
SIZE_OF_PICTURE = {"yolo-seg"}
"""These do not say how large a picture is, and so their shares are of it as it is seen."""
COLORS = {"cat": (250, 10, 20), "dog": (30, 240, 40)}
BACK = {6: 8, 8: 6}
"""Which orientation undoes one; the others undo themselves."""
SIZES = {"wide": (9, 14), "square": (12, 12)}


def case(shape, orientation, drawn):
    """A sample that was drawn on a picture as it is ``stored``, or as it is seen ``upright``."""
    height, width = SIZES[shape]
    masks = [np.zeros((height, width), np.uint8) for _ in range(2)]
    masks[0][0:2, 1:4] = 1
    masks[1][3:8, 5:7] = 1
    picture = np.zeros((height, width, 3), np.uint8)
    for mask, color in zip(masks, COLORS.values(), strict=True):
        picture[mask == 1] = color
    if drawn == "upright":
        picture = upright(picture, BACK.get(orientation, orientation))
    name = f"{shape}-{orientation}-{drawn}"
    data = saved(Image.fromarray(np.ascontiguousarray(picture)), exif=oriented(orientation))
    segments = [
        Segment(id=i + 1, category_id=i, rle=Rle.from_mask(m), source_kind="rle") for i, m in enumerate(masks)
    ]
    return Sample(
        image_id=name, height=height, width=width, segments=segments, overlap=True,
        image_file=ImageFile(name=f"{name}.png", data=data),
    )  # fmt: skip


def data_set(samples):
    return Dataset(
        name="turned", categories=Categories(Category(i, n, isthing=True) for i, n in enumerate(COLORS)),
        image_ids=[s.image_id for s in samples], load=list(samples).__getitem__, tasks=("instance",),
    )  # fmt: skip


def all_cases(drawn=("stored", "upright")):
    return [case(shape, o, d) for shape in SIZES for o in range(1, 9) for d in drawn]


def painted(sample, dataset):
    """What the picture of a sample has to look like, by its mask."""
    seen = np.zeros((sample.height, sample.width, 3), np.uint8)
    for i, name in dataset.id2label.items():
        if name in COLORS:
            seen[sample.mask == i] = COLORS[name]
    return seen


def key(sample):
    """``(shape, orientation, drawn)``, of the picture's name: formats name samples anew."""
    shape, orientation, drawn = re.search(
        r"(wide|square)-(\d)-(stored|upright)", sample.image_file.name
    ).groups()
    return shape, int(orientation), drawn


def by_case(dataset):
    return {key(sample): sample for sample in dataset}


def is_told(shape, orientation):
    """Whether the size of annotations tells on which picture they were drawn."""
    return shape == "wide" and orientation >= 5


def agrees(sample, dataset):
    return np.array_equal(sample.image.transpose(1, 2, 0), painted(sample, dataset))


@pytest.mark.parametrize("name", WRITABLE)
def test_image_and_mask_agree_in_a_source_and_in_all_that_is_made_of_it(name, tmp_path):
    cases = all_cases()
    if name in SIZE_OF_PICTURE:
        cases = [s for s in cases if key(s)[2] == "upright"]
    load_format(name).write(data_set(cases), tmp_path / "source", images="copy")
    before = segbench.open_dataset(tmp_path / "source", format=name)
    segbench.convert(before, tmp_path / "canonical", allow_loss=True)
    middle = segbench.open_dataset(tmp_path / "canonical")
    segbench.convert(middle, tmp_path / "again", target_format=name, allow_loss=True)
    segbench.convert(before, tmp_path / "straight", target_format=name, allow_loss=True)
    first, canonical = by_case(before), by_case(middle)
    again = segbench.open_dataset(tmp_path / "again", format=name)
    straight = segbench.open_dataset(tmp_path / "straight", format=name)
    assert first.keys() == {key(s) for s in cases}
    for this, others in ((again, by_case(again)), (straight, by_case(straight))):
        for at, sample in first.items():
            shape, orientation, drawn = at
            seen = painted(sample, before)
            if is_told(shape, orientation) and drawn == "stored" and seen.shape[:2] == SIZES[shape]:
                seen = upright(seen, orientation)
            assert agrees(sample, before) or (drawn == "stored" and not is_told(shape, orientation))
            for dataset, found in ((middle, canonical[at]), (this, others[at])):
                np.testing.assert_array_equal(painted(found, dataset), seen)
                assert found.image.shape[1:] == seen.shape[:2]
                assert agrees(found, dataset) == agrees(sample, before)
                assert found.image_file.read() == sample.image_file.read()


@pytest.fixture
def coco(tmp_path):
    """A COCO folder of all cases of which the size tells, and of those that are drawn upright."""
    cases = [s for s in all_cases() if key(s)[2] == "upright" or is_told(*key(s)[:2])]
    load_format("coco").write(data_set(cases), tmp_path / "coco", images="copy")
    return tmp_path / "coco"


@pytest.mark.parametrize("target", ["segbench", "coco", "voc", "yolo-seg"])
def test_the_report_announces_what_is_turned_and_what_is_linked(coco, target, tmp_path):
    dataset = segbench.open_dataset(coco)
    report = segbench.convert(coco, tmp_path / "out", target_format=target, dry_run=True, allow_loss=True)
    (change,) = report.changes
    assert (change.count, change.images) == (4, 4)
    names = [s.image_id for s in dataset if key(s) in {("wide", o, "stored") for o in range(5, 9)}]
    shown = ", ".join(f"image {name}" for name in names[:3])
    assert str(change) == (
        f"images whose annotations are turned upright, as EXIF turns the picture: 4 ({shown}, …)"
    )
    assert [note.split(" (")[0] for note in report.notes] == [
        "pictures that EXIF turns, with annotations upright as it is: 4",
        "pictures that EXIF turns to the same size; annotations count as upright: 10",
    ]
    assert str(change) in str(report)
    assert report.has_news


@pytest.mark.parametrize("name", ["segbench", "coco", "voc", "yolo-seg"])
def test_where_nothing_tells_the_user_may(name, tmp_path):
    """All cases that were drawn on the stored picture are upright then, and so is what was said to be so."""
    load_format("coco").write(data_set(all_cases(("stored",))), tmp_path / "coco", images="copy")
    options = {"target_format": name, "allow_loss": True}
    report = segbench.convert(tmp_path / "coco", tmp_path / "out", exif="stored", **options)
    told, unknown = report.changes
    assert (told.count, unknown.count, report.notes) == (4, 10, [])
    assert "turned upright, as drawn on the stored picture: 10 (image " in str(unknown)
    found = segbench.open_dataset(tmp_path / "out", format=name)
    for at, sample in by_case(found).items():
        assert agrees(sample, found), at
        drawn = painted(case(*at), data_set([case(*at)]))
        np.testing.assert_array_equal(painted(sample, found), upright(drawn, at[1]))
    if name == "coco":
        for sample in found:
            for segment in sample.segments:
                assert segment.bbox == segment.to_rle(sample.height, sample.width).bbox
    said = segbench.convert(tmp_path / "coco", tmp_path / "said", exif="upright", **options)
    assert (len(said.changes), len(said.notes)) == (1, 1)
    with pytest.raises(UsageError, match="exif must be one of upright, stored, not 'sideways'"):
        segbench.convert(tmp_path / "coco", tmp_path / "no", exif="sideways", **options)
    with pytest.raises(UsageError, match="images=none looks at none"):
        segbench.convert(tmp_path / "coco", tmp_path / "no", exif="stored", images="none", **options)
    assert not (tmp_path / "no").exists()


def test_annotations_alone_stay_as_they_are(coco, tmp_path):
    report = segbench.convert(coco, tmp_path / "out", target_format="coco", images="none")
    assert (report.changes, report.notes) == ([], [])
    before, after = segbench.open_dataset(coco), segbench.open_dataset(tmp_path / "out")
    assert after.fingerprint == before.fingerprint


def test_what_is_turned_is_told_with_other_steps_and_in_every_process(coco, tmp_path):
    """Turned first, then the rest; and the same by two processes."""
    one, two = (
        segbench.convert(
            coco, tmp_path / str(n), target_format="voc", overlap="order", workers=n, allow_loss=True
        )
        for n in (1, 2)
    )
    assert [str(c) for c in one.changes] == [str(c) for c in two.changes]
    assert one.changes
    for at, sample in by_case(segbench.open_dataset(tmp_path / "2")).items():
        dataset = segbench.open_dataset(tmp_path / "2")
        assert agrees(sample, dataset), at
    files = sorted(p.relative_to(tmp_path / "1") for p in (tmp_path / "1").rglob("*.*") if p.is_file())
    assert files
    assert all((tmp_path / "1" / f).read_bytes() == (tmp_path / "2" / f).read_bytes() for f in files)


def test_validate_and_inspect_agree_with_the_samples(coco):
    dataset = segbench.open_dataset(coco)
    found = [p for p in validate(dataset) if "EXIF" in p.message]
    assert [(p.level, p.message.partition(": images: ")[2].split(" (")[0]) for p in found] == [
        ("note", "4 that EXIF turns"),
        ("note", "4 that EXIF turns"),
        ("warning", "10 that EXIF turns"),
    ]
    assert not [p for p in validate(dataset) if p.level == "error"]
    sizes = {f"{image.shape[2]}x{image.shape[1]}" for image in (s.image for s in dataset)}
    assert set(summarize(dataset).sizes) == sizes
    upright_alone = data_set([case("square", 3, "upright"), case("wide", 1, "upright")])
    assert [p.level for p in validate(upright_alone) if "EXIF" in p.message] == ["note"]


def test_a_sample_that_is_turned_says_its_size(coco):
    dataset = segbench.open_dataset(coco)
    turned = apply(dataset, turning_steps())
    for index, sample in enumerate(turned):
        assert turned.size(index) == (sample.height, sample.width) == sample.mask.shape
    assert any(turned.size(i) != dataset.size(i) for i in range(len(dataset)))


class ByColor:
    """A model that knows the classes by their colours."""

    info = ModelInfo(name="by-color", tasks=("instance",), id2label=dict(enumerate(COLORS)))

    def predict(self, batch):
        return [
            InstancePrediction(
                masks=np.stack([(image.transpose(1, 2, 0) == color).all(2) for color in COLORS.values()]),
                scores=[0.9, 0.8],
                category_ids=[0, 1],
            )
            for image in batch.images
        ]


def test_a_run_sees_the_picture_as_its_truth_lies(coco, tmp_path):
    record = segbench.run(ByColor(), coco, task="instance", out=tmp_path / "results")
    assert record.metrics["ap"].value == 1.0


def test_a_picture_of_neither_size_is_an_error():
    sample = replace(case("wide", 6, "stored"), width=13)
    with pytest.raises(DataError, match="the image is 9×14 pixels, its annotation 13×9"):
        _ = sample.image
    assert frame_of(sample) is None


@pytest.mark.parametrize("damage", [lambda data: data[:40], lambda data: b"", lambda data: data[::-1]])
def test_a_picture_that_cannot_be_read_is_not_turned(damage, tmp_path):
    """What reads it says what is wrong with it."""
    sample = case("wide", 6, "stored")
    file = tmp_path / "a.png"
    file.write_bytes(damage(sample.image_file.data))
    for image in (ImageFile(name="a.png", path=file), ImageFile(name="a.png", data=file.read_bytes())):
        assert replace(sample, image_file=image).turn is None
    assert replace(sample, image_file=ImageFile(name="b.png", path=tmp_path / "b.png")).turn is None
