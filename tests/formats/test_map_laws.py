"""Formats of maps, on data sets drawn at random: what is not announced as lost is read again as it was."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.formats import load_format
from segbench.formats.drawn import drawn_segments
from segbench.formats.value_maps import ZERO_ID
from segbench.kernels import LabelRuns

IDS = [
    1,
    2,
    5,
    253,
    254,
    255,
    256,
    257,
    300,
    512,
    773,
    1000,
    1001,
    2000,
    26_000,
    26_001,
    65_535,
    70_000,
    ZERO_ID,
]
NAMES = [
    ("cat", "road", "thing", "x"), ("person", "car", "sky", "road"), ("background", "car", "dog", "cow"),
]  # fmt: skip
KINDS = (True, False, None)


def draw(seed, names, *, instances):
    """A picture of up to seven segments of every kind, as a segment map or as instances that overlap."""
    rng = np.random.default_rng(seed)
    categories = Categories(Category(i, n, isthing=KINDS[rng.integers(3)]) for i, n in enumerate(names))
    ids = rng.choice(IDS, rng.integers(1, 8), replace=False).tolist()
    fields = [
        {
            "id": i, "category_id": int(rng.integers(len(names))), "iscrowd": bool(rng.random() < 0.2),
            "ignore": bool(rng.random() < 0.15),
        }
        for i in ids
    ]  # fmt: skip
    given_fields = {"image_id": "a", "height": 6, "width": 9}
    if instances:
        masks = [rng.random((6, 9)) < rng.choice([0.0, 0.2, 0.8]) for _ in ids]
        segments = [
            Segment(**f, rle=Rle.from_mask(m), source_kind="rle") for f, m in zip(fields, masks, strict=True)
        ]
        sample = Sample(segments=segments, overlap=True, **given_fields)
    else:
        ids_map = LabelRuns.of(
            np.kron(rng.choice([0, *ids], (3, 3)), np.ones((2, 3), np.int32)).astype(np.int32)
        )
        segments = [Segment(**f) for f in fields]
        sample = Sample(segments=segments, load_segment_map=lambda: ids_map, **given_fields)
    return Dataset(
        name="x", categories=categories, image_ids=["a"], load=[sample].__getitem__,
        tasks=("instance",) if instances else ("panoptic", "semantic"),
    )  # fmt: skip


def pairs(before, after):
    """``{place in one sample: {place in the other}}`` of the segments that share pixels; -1 is none."""
    found = {}
    for a, b in zip(
        before.places.to_map().ravel().tolist(), after.places.to_map().ravel().tolist(), strict=True
    ):
        found.setdefault(a - 1, set()).add(b - 1)
    return found


@pytest.mark.parametrize("instances", [False, True])
@pytest.mark.parametrize("name", ["cityscapes", "voc", "mapillary", "kitti", "kitti-step", "bdd100k"])
@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), names=st.sampled_from(NAMES))
def test_what_is_not_announced_is_read_as_it_was(name, instances, seed, names, tmp_path_factory):
    dataset = draw(seed, names, instances=instances)
    target = tmp_path_factory.mktemp("map") / "out"
    report = segbench.convert(dataset, target, target_format=name, dry_run=True)
    counts = {loss.feature: loss.count for loss in report.losses}
    load_format(name).write(dataset, target, images="none")
    (before,), read = dataset, segbench.open_dataset(target, format=name)
    (after,) = read
    joined, renumbered, kept = 0, 0, set()
    for place, others in pairs(before, after).items():
        segment = None if place < 0 else before.segments[place]
        if segment is None or (segment.ignore and name != "bdd100k"):
            for other in others:
                background = other >= 0 and after.segments[other].category_id == 0 and counts.get("void")
                assert other < 0 or after.segments[other].ignore or (segment is None and background)
            continue
        (other,) = others  # all its pixels are of one segment again
        twin = after.segments[other]
        assert read.id2label[twin.category_id] == names[segment.category_id]
        if other in kept:
            joined += 1
            continue
        kept.add(other)
        renumbered += twin.id != segment.id
        if not counts.get("crowd") and not counts.get("instances"):
            assert twin.iscrowd == segment.iscrowd
    seen = {i - 1 for i in before.places.ids().tolist() if i}
    hidden = sum(i not in seen and not s.ignore for i, s in enumerate(before.segments))
    assert counts.get("instances", 0) >= joined + hidden
    assert counts.get("ids", 0) >= renumbered - counts.get("instances", 0)
    if joined + hidden == 0 and renumbered == 0 and not counts.get("instances"):
        assert not counts.get("ids")
    assert bool(counts.get("ignore")) == (name != "bdd100k" and any(s.ignore for s in before.segments))


@pytest.mark.parametrize("instances", [False, True])
@pytest.mark.parametrize("name", ["ade20k", "coco-stuff", "camvid", "png", "nifti"])
@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), names=st.sampled_from([*NAMES, ("Road", "Car", "Sky", "Tree")]))
def test_every_pixel_has_its_class_again(name, instances, seed, names, tmp_path_factory):
    dataset = draw(seed, names, instances=instances)
    target = tmp_path_factory.mktemp("map") / "out"
    load_format(name).write(dataset, target, images="none")
    (before,), read = dataset, segbench.open_dataset(target, format=name)
    (after,) = read
    for a, b in zip(before.mask.ravel().tolist(), after.mask.ravel().tolist(), strict=True):
        assert read.id2label.get(b) == (None if a == 255 else names[a])


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), names=st.sampled_from(NAMES))
@pytest.mark.parametrize("instances", [False, True])
def test_instances_have_their_pixels_again(instances, seed, names, tmp_path_factory):
    dataset = draw(seed, names, instances=instances)
    target = tmp_path_factory.mktemp("map") / "out"
    report = segbench.convert(dataset, target, target_format="instance-png", dry_run=True)
    assert "ids" not in {loss.feature for loss in report.losses}
    load_format("instance-png").write(dataset, target, images="none")
    (before,), read = dataset, segbench.open_dataset(target, format="instance-png")
    (after,) = read
    drawn = [
        {
            (s.id, d.id2label[s.category_id], rle.counts)
            for s, rle in drawn_segments(x, d.categories, stuff=True)
        }
        for d, x in ((dataset, before), (read, after))
    ]
    assert drawn[0] == drawn[1]


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), names=st.sampled_from([*NAMES, ("car", "pedestrian", "dog")]))
@pytest.mark.parametrize("instances", [False, True])
def test_objects_of_mots_are_what_they_were(instances, seed, names, tmp_path_factory):
    """Stuff goes, crowds and ignore regions become regions to ignore; every other pixel is of its object."""
    dataset = draw(seed, names, instances=instances)
    target = tmp_path_factory.mktemp("map") / "out"
    report = segbench.convert(dataset, target, target_format="mots", dry_run=True)
    counts = {loss.feature: loss.count for loss in report.losses}
    load_format("mots").write(dataset, target, images="none")
    (before,), read = dataset, segbench.open_dataset(target, format="mots")
    (after,) = read
    renumbered, kept = 0, set()
    for place, others in pairs(before, after).items():
        segment = None if place < 0 else before.segments[place]
        if segment is None or dataset.categories[segment.category_id].isthing is False:
            assert others == {-1}
            continue
        (other,) = others
        twin = after.segments[other]
        assert twin.ignore == (segment.ignore or segment.iscrowd)
        assert twin.ignore or read.id2label[twin.category_id] == names[segment.category_id]
        assert other not in kept
        kept.add(other)
        renumbered += twin.id != segment.id
    assert bool(counts.get("ids")) == bool(renumbered)
    hidden = {i for i in range(len(before.segments)) if i + 1 not in before.places.ids().tolist()}
    things = (before.segments[i] for i in hidden if not before.segments[i].ignore)
    stuff = {c.id for c in dataset.categories if c.isthing is False}
    assert counts.get("instances", 0) == sum(s.category_id not in stuff for s in things)
