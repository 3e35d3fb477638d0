"""validate() finds what was planted and goes on after damage; summarize() counts."""

import numpy as np
import pytest
from click.testing import CliRunner
from formats import tiny

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_labels
from segbench.canonical.sample import Sample, Segment
from segbench.cli import main
from segbench.errors import DataError
from segbench.health import summarize, validate


def problems(path_or_dataset):
    dataset = (
        path_or_dataset if isinstance(path_or_dataset, Dataset) else segbench.open_dataset(path_or_dataset)
    )
    return [(p.level, p.message.split(": ", 1)[1]) for p in validate(dataset)]


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


def test_a_summary_of_instances_counts(tmp_path):
    summary = summarize(segbench.open_dataset(tiny.put_instances(tmp_path)))
    assert (summary.n_images, summary.n_segments, summary.n_crowd) == (2, 3, 1)
    assert summary.sizes == {"6x4": 1, "5x5": 1}
    assert summary.splits == {"val": 2}
    masks = [sample.mask for sample in segbench.open_dataset(tmp_path / "instances_val.json")]
    for row in summary.categories:
        assert row["pixels"] == sum(int((mask == row["id"]).sum()) for mask in masks)
    counts = [(c["source_id"], c["images"], c["segments"]) for c in summary.categories]
    assert counts == [(3, 2, 2), (7, 1, 1), (90, 0, 0)]
    assert "2 images, 3 segments (1 crowd), 3 categories; instance, format coco" in str(summary)


def test_a_summary_of_real_data_agrees_with_a_plain_count(data_dir):
    source = data_dir / "lightly_coco128/panoptic_segmentation"
    content = tiny.load(source / "annotations/panoptic_train2017.json")
    content["annotations"] = content["annotations"][:100]
    summary = summarize(segbench.open_dataset(source))
    rows = [row for a in content["annotations"] for row in a["segments_info"]]
    assert (
        (summary.n_segments, summary.n_crowd) == (len(rows), sum(row["iscrowd"] for row in rows)) == (1111, 6)
    )
    for category in summary.categories:
        mine = [row for row in rows if row["category_id"] == category["source_id"]]
        assert category["pixels"] == sum(row["area"] for row in mine)
        assert category["segments"] == len(mine)


def test_summary_and_search_hold_one_image_at_a_time():
    alive = []

    class Watched(Sample):
        def __del__(self):
            alive.remove(self.image_id)

    def load(index):
        alive.append(str(index))
        assert len(alive) <= 2
        return Watched(image_id=str(index), height=2, width=2, load_mask=lambda: np.zeros((2, 2), np.uint8))

    dataset = Dataset(
        name="many",
        categories=Categories([Category(0, "a")]),
        image_ids=[str(i) for i in range(20)],
        load=load,
        tasks=["semantic"],
    )
    assert list(validate(dataset)) == []
    assert summarize(dataset).categories[0]["pixels"] == 80
