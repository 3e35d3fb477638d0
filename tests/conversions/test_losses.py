"""What each format cannot carry, counted."""

import pytest
from formats import tiny
from rich import put_rich

import segbench
from segbench import Categories, Dataset, Sample, Segment
from segbench.conversions.losses import (
    COUNTERS,
    GRAVE,
    IMAGE_IDS,
    LISTERS,
    Counting,
    LossCount,
    RepeatedIds,
    find_losses,
)
from segbench.formats import FEATURES, FORMATS, carries, load_format


def losses(source, target_format, **options):
    report = segbench.convert(source, "nowhere", target_format=target_format, dry_run=True, **options)
    assert not report.written
    return {loss.feature: (loss.count, loss.examples) for loss in report.losses}


def test_every_feature_that_some_format_lacks_has_a_counter():
    for name in FORMATS:
        lacking = {feature for feature, kept in carries(name).items() if not kept}
        assert lacking <= COUNTERS.keys() | LISTERS.keys() | {IMAGE_IDS}, name
        named = hasattr(load_format(name), "NAMES")
        assert not named or IMAGE_IDS in lacking, name
        assert named or IMAGE_IDS not in lacking or not hasattr(load_format(name), "write"), name
    assert FEATURES.keys() >= GRAVE
    assert FEATURES.keys() == COUNTERS.keys() | LISTERS.keys() | {IMAGE_IDS}
    assert not COUNTERS.keys() & LISTERS.keys()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("segbench", {}),
        ("coco", {"stuff": (1, ["image 2"])}),
        (
            "coco-panoptic",
            {
                "overlap": (4 + 2, ["image 1", "image 2"]),
                "polygons": (1, ["image 1"]),
                "ignore": (1, ["image 1"]),
                "stated": (3, ["image 1", "image 2"]),
                "federated": (1, ["image 1"]),
            },
        ),
        (
            "png",
            {
                "instances": (4, ["image 1", "image 2"]),
                "overlap": (4 + 2, ["image 1", "image 2"]),
                "crowd": (1, ["image 2"]),
                "ids": (4, ["image 1", "image 2"]),
                "category_fields": (3, ["cat", "dog", "grass"]),
                "isthing": (1, ["image 2"]),
                "scores": (1, ["image 1"]),
                "attributes": (1, ["image 1"]),
                "federated": (1, ["image 1"]),
                "extra": (2, ["image 1", "image 2"]),
                "about": (2, ["info", "licenses"]),
                "splits": (1, ["val"]),
            },
        ),
    ],
)
def test_losses_of_instances_are_counted(target, expected, tmp_path):
    assert losses(put_rich(tmp_path), target) == expected


def test_losses_of_panoptic_are_counted(tmp_path):
    source = tiny.put_panoptic(tmp_path)
    assert losses(source, "coco-panoptic") == {}
    both = ["image 1", "image 2"]
    assert losses(source, "coco") == {"stuff": (2, both), "repeated_ids": (1, ["image 2"])}
    assert losses(source, "png") == {
        "instances": (4, both),
        "crowd": (1, ["image 2"]),
        "ids": (4, both),
        "category_fields": (3, ["cat", "dog", "grass"]),
        "isthing": (4, both),
        "extra": (2, both),
        "about": (1, ["info"]),
        "splits": (1, ["val"]),
    }


def test_label_maps_lose_nothing_where_they_can_go(tmp_path):
    source = tiny.put_labels(tmp_path)
    assert losses(source, "segbench") == losses(source, "png") == {}


def test_hidden_instances_are_announced(tmp_path):
    content = tiny.instances()
    whole = tiny.rle(tiny.square((4, 6), 0, 0, 4, 6))
    content["annotations"][0] |= {"segmentation": whole}
    content["annotations"][1] |= {"segmentation": whole, "iscrowd": 1}
    assert losses(tiny.put_instances(tmp_path, content), "coco-panoptic")["instances"] == (1, ["image 1"])


def test_examples_are_the_first_three_images(tmp_path):
    source = tiny.put_masks(tmp_path / "set", {i: tiny.masks()[1] for i in range(5)})
    dataset = segbench.open_dataset(source)
    content = tiny.panoptic()
    content["images"] = [content["images"][0] | {"id": i, "file_name": f"{i}.png"} for i in range(5)]
    content["annotations"] = [
        content["annotations"][0] | {"image_id": i, "file_name": f"{i}.png"} for i in range(5)
    ]
    source = tiny.put_panoptic(tmp_path / "p", content, {i: tiny.segment_maps()[1] for i in range(5)})
    report = segbench.convert(source, tmp_path / "out", target_format="png", dry_run=True)
    assert [str(loss) for loss in report.losses][:1] == [
        "objects told apart: 10 (image 0, image 1, image 2, …)"
    ]
    assert report.losses[0].images == len(dataset) == 5


class Narrow:
    """A format that carries nothing."""

    CARRIES = frozenset()


def counted(dataset, module=Narrow):
    counting = Counting(dataset.categories, module)
    count = LossCount(dataset, counting)
    for sample in dataset:
        count.add(sample.image_id, counting.look(sample))
    return {loss.feature: str(loss) for loss in count.losses}


def test_holes_and_parts_are_counted(tmp_path):
    content = tiny.instances()
    ring = tiny.square((5, 5), 0, 0, 5, 5)
    ring[1:4, 1:4] = 0
    split = tiny.square((5, 5), 0, 0, 1, 1) + tiny.square((5, 5), 3, 3, 5, 5)
    for annotation, mask in zip(content["annotations"][1:], (ring, split), strict=True):
        annotation |= {"image_id": 2, "segmentation": tiny.rle(mask)}
    found = counted(segbench.open_dataset(tiny.put_instances(tmp_path, content)))
    assert found["holes"] == "objects with holes: 1 (image 2)"
    assert found["parts"] == "objects of several parts: 2 (image 1, image 2)"


def test_holes_of_a_segment_map(tmp_path):
    maps = tiny.segment_maps()
    maps[2][:] = 5
    maps[2][2, 2] = 300
    found = counted(segbench.open_dataset(tiny.put_panoptic(tmp_path, maps=maps)))
    assert found["holes"] == "objects with holes: 1 (image 2)"
    assert "parts" not in found


def test_what_the_data_set_as_a_whole_loses_is_named(tmp_path):
    for split in ("train", "val"):
        tiny.put_masks(tmp_path / "in/masks" / split)
    labels = {i if i < 3 else 2 * i: f"c{i}" for i in range(300)}
    dataset = segbench.open_dataset(
        tmp_path / "in", options={"labels": tiny.dump(tmp_path / "l.json", labels)}
    )
    found = counted(dataset)
    assert found["splits"] == "splits by name: 2 (train, val)"
    assert found["category_ids"] == "category ids of the source: 297 (c3 is 6, c4 is 8, c5 is 10, …)"
    assert (
        found["wide_ids"]
        == "categories that there is no number for (8 bits hold 255): 45 (c255, c256, c257, …)"
    )


def test_ids_that_repeat_count_within_a_split():
    def sample(image_id, *ids):
        segments = [Segment(id=i, category_id=0) for i in ids]
        return Sample(image_id=image_id, height=1, width=1, segments=segments, overlap=True)

    repeated = RepeatedIds()
    seen = [repeated.look(sample("a", 1, 2)), repeated.look(sample("b", 2, 3, 3))]
    assert [repeated.count(ids) for ids in seen] == [0, 2]
    samples = [sample("a", 1), sample("b", 1)]
    dataset = Dataset(
        name="two",
        categories=Categories.from_id2label({0: "a"}),
        image_ids=["a", "b"],
        load=samples.__getitem__,
        tasks=("instance",),
        splits={"train": 1, "val": 1},
    )
    assert find_losses(dataset, load_format("coco")).losses == []
    assert [loss.feature for loss in find_losses(dataset.split("train"), load_format("coco")).losses] == []
    together = Dataset(
        name="one", categories=dataset.categories, image_ids=["a", "b"], load=samples.__getitem__,
        tasks=("instance",),
    )  # fmt: skip
    [loss] = find_losses(together, load_format("coco")).losses
    assert (loss.feature, loss.count, loss.grave) == ("repeated_ids", 1, False)


def test_tracks_and_text_ids_are_lost_by_coco():
    segment = Segment(id=1, category_id=0, source_id="a7", track_id=3)
    sample = Sample(image_id="1", height=2, width=2, segments=[segment], overlap=True, video_id="v", frame=0)
    dataset = Dataset(
        name="video", categories=Categories.from_id2label({0: "a"}), image_ids=["1"],
        load=[sample].__getitem__, tasks=("instance",),
    )  # fmt: skip
    found = find_losses(dataset, load_format("coco"))
    assert {loss.feature: loss.count for loss in found.losses} == {"ids": 1, "tracks": 1}
    assert found.n_segments == 1
