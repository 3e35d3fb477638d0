"""validate() finds what was planted and goes on after damage."""

import numpy as np
import pytest
from click.testing import CliRunner
from formats import tiny
from reshape.test_subsets import put_many

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_labels
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.cli.main import main
from segbench.conversions.validation import validate
from segbench.errors import DataError


def problems(path_or_dataset):
    dataset = (
        path_or_dataset if isinstance(path_or_dataset, Dataset) else segbench.open_dataset(path_or_dataset)
    )
    return [(p.level, p.message.split(": ", 1)[1]) for p in validate(dataset) if p.level != "note"]


@pytest.mark.parametrize("put", [tiny.put_instances, tiny.put_panoptic, tiny.put_labels])
def test_sound_data_has_no_problem(put, tmp_path):
    source = put(tmp_path / "in")
    assert problems(source) == []
    segbench.convert(source, tmp_path / "out")
    assert problems(tmp_path / "out") == []


def test_planted_problems_of_instances(tmp_path):
    content = tiny.instances()
    content["categories"][1]["name"] = "cat"
    first, second, third = content["annotations"]
    first["bbox"] = [0, 0, 2.5, 30]
    second["id"] = 0
    del third["segmentation"]
    content["annotations"].append(third | {"segmentation": tiny.rle(np.zeros((5, 5), np.uint8))})
    source = tiny.put_instances(tmp_path, content)
    (tmp_path / "val/2.png").write_bytes(b"damaged")
    *found, (level, last) = problems(source)
    assert (level, last[:31]) == ("error", "image 2: is no readable image: ")
    assert found == [
        ("warning", "categories: the name 'cat' stands 2 times"),
        ("warning", "1 annotation ids repeat; pycocotools would confuse these annotations"),
        ("warning", "image 1: segments: the id 0 never counts as matched in COCOeval"),
        ("warning", "image 1: segment 11: bbox: [0, 0, 2.5, 30] does not fit the mask"),
        ("error", "image 2: segments: the id 13 stands twice"),
        ("warning", "image 2: segment 13: has a box and no mask"),
        ("warning", "image 2: segment 13: covers no pixel"),
    ]


def test_a_damaged_image_does_not_end_the_search(tmp_path):
    content = tiny.panoptic()
    content["annotations"][0]["segments_info"][0]["category_id"] = 4
    content["annotations"][1]["segments_info"][0]["area"] = 3
    source = tiny.put_panoptic(tmp_path, content)
    found = problems(source)
    assert [level for level, _ in found] == ["error", "error"]
    assert "image 1: annotations[0].segments_info[0].category_id: unknown category id 4" in found[0][1]
    assert found[1][1] == "image 2: segment 5: area: says 3, has 16 pixels"


def test_missing_and_equal_pictures(tmp_path):
    source = tiny.put_instances(tmp_path)
    content = tiny.instances()
    content["images"].append(content["images"][0] | {"id": 3})
    tiny.dump(source, content)
    assert problems(source) == [("warning", "image 3: image: has the same bytes as image 1")]
    (tmp_path / "val/2.png").unlink()
    assert problems(source)[0] == ("error", "image 2: cannot read the file: No such file or directory")


def test_a_mask_and_a_canonical_set_that_were_changed(tmp_path):
    segbench.convert(tiny.put_labels(tmp_path / "in"), tmp_path / "out")
    mask = next((tmp_path / "out").rglob("masks/1.png"))
    mask.write_bytes(encode_labels(np.tile(np.array([0, 9, 8], np.uint8), (4, 2))))
    found = problems(tmp_path / "out")
    assert ("error", "image 1: mask: has ids that are no category: 8, 9") in found
    assert any("fingerprint" in message for _, message in found)
    mask.write_bytes(b"damaged")
    assert [level for level, _ in problems(tmp_path / "out")] == ["error"]


def test_ids_of_memory(tmp_path):
    ids = np.array([[1, 1, 2, 0]], np.int32)
    segments = tuple(Segment(id=i, category_id=0, source_area=2) for i in (1, 1, 3))
    sample = Sample(image_id="a", height=1, width=4, segments=segments, load_segment_map=lambda: ids)
    dataset = Dataset(
        name="memory",
        categories=Categories([Category(0, "cat")]),
        image_ids=["a"],
        load=lambda _: sample,
        tasks=["panoptic"],
        path=tmp_path,
    )
    assert problems(dataset) == [
        ("error", "image a: segments: the id 1 stands twice"),
        ("error", "image a: segment_map: the id 2 is not in the list of segments"),
        ("error", "image a: segment 3: has no pixel in the segment map"),
        ("warning", "image a: segments: 2 of fewer than 4 pixels: 1 (2), 1 (2)"),
    ]


def test_an_error_that_names_no_image_gets_its_id(tmp_path):
    def load(index):
        raise DataError("is broken", field="mask")

    dataset = Dataset(
        name="memory",
        categories=Categories([Category(0, "cat")]),
        image_ids=["a", "b"],
        load=load,
        tasks=["semantic"],
        path=tmp_path,
    )
    assert problems(dataset) == [("error", f"image {i}: mask: is broken") for i in "ab"]


def test_the_command_exits_with_3_on_errors_alone(tmp_path):
    source = tiny.put_masks(tmp_path / "set")
    result = CliRunner().invoke(main, ["validate", str(source)])
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "images: 2, problems: 1")
    assert "warning: " in result.stdout
    (source / "1.png").write_bytes(b"")
    result = CliRunner().invoke(main, ["validate", str(source), "--option", "num_classes=3"])
    assert result.exit_code == 3
    assert "1.png: image 1: mask: is no PNG" in result.stdout


def test_pictures_that_stand_in_two_splits_are_leakage(tmp_path):
    source = put_many(tmp_path)
    (tmp_path / "images").mkdir()
    for split in ("train", "val"):
        (tmp_path / split / split).rename(tmp_path / "images" / split)
    same = (tmp_path / "images/train/2.png").read_bytes()
    for name in ("train/0.png", "val/1.png"):
        (tmp_path / "images" / name).write_bytes(same)
    found = [p for p in problems(source) if "bytes" in p[1]]
    assert found == [
        ("warning", "image 2: image: has the same bytes as image 0"),
        (
            "error",
            "image 1: image: has the same bytes as image 0, and is in split 'val', "
            "that one in 'train': leakage",
        ),
    ]


def test_tiny_segments_and_areas_that_no_outline_explains(tmp_path):
    content = tiny.instances()
    content["annotations"][0] |= {"area": 300}
    content["annotations"][2] |= {
        "segmentation": tiny.rle(tiny.square((5, 5), 0, 0, 1, 2)),
        "bbox": [0, 0, 2, 1],
        "area": 2,
    }
    source = tiny.put_instances(tmp_path, content)
    area = segbench.open_dataset(source)[0].segments[0].to_rle(4, 6).area
    assert problems(source) == [
        ("warning", f"image 1: segment 11: area: says 300, has {area} pixels, which no outline explains"),
        ("warning", "image 2: segments: 1 of fewer than 4 pixels: 13 (2)"),
    ]
    assert [p.message for p in validate(segbench.open_dataset(source), tiny=2) if "fewer" in p.message] == []


def test_boxes_and_tiny_segments_of_maps(tmp_path):
    content, maps = tiny.panoptic(), tiny.segment_maps()
    content["annotations"][0]["segments_info"][0]["bbox"] = [0, 0, 60, 2]
    maps[2][2:, 4] = 5
    for row in content["annotations"][1]["segments_info"]:
        row["area"] = int((maps[2] == row["id"]).sum())
    found = problems(tiny.put_panoptic(tmp_path, content, maps))
    assert found == [
        ("warning", "image 1: segment 70000: bbox: [0, 0, 60, 2] does not fit the mask"),
        ("warning", "image 2: segments: 1 of fewer than 4 pixels: 300 (1)"),
    ]


def findings(dataset):
    return [(p.level, p.message.split(": ", 1)[1]) for p in validate(dataset)]


def boxes(counts, splits):
    """A data set of images that each have so many segments of the categories a, b, c."""
    samples = [
        Sample(
            image_id=str(i), height=1, width=1, overlap=True,
            segments=[Segment(id=j, category_id=c, source_kind="box") for j, c in enumerate(ids, 1)],
        )
        for i, ids in enumerate(counts)
    ]  # fmt: skip
    return Dataset(
        name="memory",
        categories=Categories(Category(i, name) for i, name in enumerate("abcd")),
        image_ids=[s.image_id for s in samples],
        load=samples.__getitem__,
        tasks=("instance",),
        splits=splits,
    )


def test_what_is_imbalanced_or_missing_is_told():
    dataset = boxes([[0] * 200 + [1], [], [2]], {"train": 2, "val": 1})
    assert [f for f in findings(dataset) if "box and no mask" not in f[1]] == [
        ("note", "images: 1 have no annotation"),
        ("note", "categories: 1 of 4 never occur: d"),
        (
            "warning",
            "categories: class imbalance: 'a' has 200 segments, 'b' 1; 2 categories are 100 times as rare",
        ),
        ("warning", "categories: 1 occur in other splits and not in 'train': c"),
    ]
    balanced = boxes([[0, 1, 2, 3]], {"val": 1})
    assert [f for f in findings(balanced) if "box and no mask" not in f[1]] == []


def test_notes_are_no_problems(tmp_path):
    shown = CliRunner().invoke(main, ["validate", str(tiny.put_instances(tmp_path))])
    assert shown.stdout.endswith("categories: 1 of 3 never occur: grass\nimages: 2, problems: 0\n")
    assert shown.exit_code == 0


def test_faults_that_real_data_has(data_dir):
    found = problems(data_dir / "taco/data/annotations.json")
    said = "image 11: segment 31: area: says 273.5, has 13285 pixels, which no outline explains"
    assert ("warning", said) in found
    assert len(found) == 6
