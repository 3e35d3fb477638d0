"""COCO panoptic: read, written, made of instances, and what panopticapi makes of it."""

import contextlib
import io

import numpy as np
import pytest
from formats import tiny
from panopticapi.evaluation import pq_compute_single_core

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import decode_segment_map
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.conversions.validation import validate
from segbench.errors import DataError, UsageError
from segbench.formats import coco_panoptic, open_predictions
from segbench.formats.coco_merge import count_hidden, to_panoptic


def rewrite(content, tmp_path):
    source = tiny.put_panoptic(tmp_path / "in", content)
    coco_panoptic.write(segbench.open_dataset(source), tmp_path / "out/panoptic_val.json")
    return tiny.load(tmp_path / "out/panoptic_val.json")


def test_everything_is_read(tmp_path):
    dataset = segbench.open_dataset(tiny.put_panoptic(tmp_path))
    assert (dataset.format, dataset.tasks, dataset.splits) == (
        "coco-panoptic",
        ("panoptic", "semantic"),
        {"val": 2},
    )
    assert [c.isthing for c in dataset.categories] == [True, True, False]
    assert dataset.categories[1].color == (7, 0, 9)
    first, second = dataset
    np.testing.assert_array_equal(second.segment_map, tiny.segment_maps()[2])
    np.testing.assert_array_equal(first.mask, [[2] * 6] * 2 + [[0, 0, 0, 255, 255, 255]] * 2)
    assert [(s.id, s.category_id, s.iscrowd) for s in second.segments] == [(5, 2, False), (300, 1, True)]
    assert second.image.shape == (3, 5, 5)


def test_it_comes_back_as_it_was(tmp_path):
    assert rewrite(tiny.panoptic(), tmp_path) == tiny.panoptic()
    for image_id, ids in tiny.segment_maps().items():
        png = (tmp_path / f"out/panoptic_val/{image_id}.png").read_bytes()
        np.testing.assert_array_equal(decode_segment_map(png), ids)


def test_fields_of_annotations_segments_and_file_names_are_kept(tmp_path):
    content = tiny.panoptic()
    content["annotations"][0] |= {"file_name": "1_panoptic.png", "reviewed": True}
    content["annotations"][1]["segments_info"][0] |= {"score": 0.5, "track": [1], "isthing": 1}
    source = tiny.put_panoptic(tmp_path / "in", content)
    (tmp_path / "in/panoptic_val/1.png").rename(tmp_path / "in/panoptic_val/1_panoptic.png")
    segbench.convert(source, tmp_path / "canonical")
    segbench.convert(tmp_path / "canonical", tmp_path / "back.json", target_format="coco-panoptic")
    assert tiny.load(tmp_path / "back.json") == content
    assert (tmp_path / "back/1_panoptic.png").is_file()
    segbench.convert(source, tmp_path / "coco.json", target_format="coco", allow_loss=True)
    assert tiny.load(tmp_path / "coco.json")["images"] == content["images"]


def test_images_without_an_annotation_are_left_out_and_counted(tmp_path):
    content = tiny.panoptic()
    del content["annotations"][0]
    dataset = segbench.open_dataset(tiny.put_panoptic(tmp_path, content))
    assert dataset.image_ids == ["2"]
    assert dataset.notes == ("1 images without an annotation are left out",)
    report = segbench.convert(dataset, tmp_path / "out", dry_run=True)
    assert "note: 1 images without an annotation" in str(report)


def test_an_image_that_is_all_void(tmp_path):
    content = tiny.panoptic()
    content["annotations"][0]["segments_info"] = []
    maps = tiny.segment_maps() | {1: np.zeros((4, 6), np.int32)}
    source = tiny.put_panoptic(tmp_path, content, maps)
    segbench.convert(source, tmp_path / "canonical")
    segbench.convert(tmp_path / "canonical", tmp_path / "back.json", target_format="coco-panoptic")
    assert tiny.load(tmp_path / "back.json") == content
    assert (segbench.open_dataset(source)[0].mask == 255).all()


def test_two_maps_of_one_name_are_refused(tmp_path):
    content = tiny.panoptic()
    content["images"][1]["file_name"] = "1.jpg"
    source = tiny.put_panoptic(tmp_path / "in", content)
    dataset = segbench.open_dataset(source)
    samples = [Sample(**{**vars(s), "extra": {}}) for s in dataset]
    alike = Dataset(
        name="x",
        categories=dataset.categories,
        image_ids=dataset.image_ids,
        load=samples.__getitem__,
        tasks=dataset.tasks,
    )
    with pytest.raises(DataError, match="image 2: file_name: two segment maps are called '1.png'"):
        coco_panoptic.write(alike, tmp_path / "out.json")
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_the_folder_beside_the_json_is_not_overwritten_unasked(tmp_path):
    source = tiny.put_panoptic(tmp_path / "in")
    (tmp_path / "val").mkdir()
    (tmp_path / "val/precious.txt").touch()
    with pytest.raises(UsageError, match=r"/val is there already"):
        segbench.convert(source, tmp_path / "val.json", target_format="coco-panoptic")
    assert (tmp_path / "val/precious.txt").exists()
    segbench.convert(source, tmp_path / "val.json", target_format="coco-panoptic", overwrite=True)
    assert sorted(p.name for p in (tmp_path / "val").iterdir()) == ["1.png", "2.png"]


def test_a_layout_comes_back_as_it_was(tmp_path):
    for split in ("train", "val"):
        content = tiny.panoptic()
        shift = 0 if split == "train" else 10
        for row in (*content["images"], *content["annotations"]):
            row["file_name"] = f"{int(row['file_name'][0]) + shift}.png"
            for key in {"id", "image_id"} & row.keys():
                row[key] += shift
        maps = {i + shift: ids for i, ids in tiny.segment_maps().items()}
        tiny.put_panoptic(tmp_path / "set/annotations", content, maps, name=f"panoptic_{split}")
        tiny.put_pictures(tmp_path / "set" / split, {i + shift: size for i, size in tiny.SIZES.items()})
    source = tmp_path / "set"
    for file in (source / "annotations/val").iterdir():
        file.unlink()
    (source / "annotations/val").rmdir()
    assert segbench.open_dataset(source).splits == {"train": 2, "val": 2}
    segbench.convert(source, tmp_path / "canonical")
    segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="coco-panoptic")
    files = [sorted(p.relative_to(r).as_posix() for p in r.rglob("*.*")) for r in (source, tmp_path / "back")]
    assert files[0] == files[1]
    for split in ("train", "val"):
        name = f"annotations/panoptic_{split}.json"
        assert tiny.load(tmp_path / "back" / name) == tiny.load(source / name)


def test_maps_are_found_where_they_are_named(tmp_path):
    source = tiny.dump(tmp_path / "a/panoptic_val.json", tiny.panoptic())
    tiny.put_maps(tmp_path / "here")
    tiny.put_maps(tmp_path / "there/panoptic_val")
    for folder in ("here", "there"):
        dataset = segbench.open_dataset(source, options={"maps": tmp_path / folder})
        np.testing.assert_array_equal(dataset[0].segment_map, tiny.segment_maps()[1])


def test_predictions_need_only_annotations_in_any_order(tmp_path):
    truth = segbench.open_dataset(tiny.put_panoptic(tmp_path / "truth"))
    content = {"annotations": tiny.panoptic()["annotations"][::-1]}
    predictions = open_predictions(tiny.put_panoptic(tmp_path / "pred", content), truth)
    assert predictions.image_ids == truth.image_ids
    for pred, true in zip(predictions, truth, strict=True):
        np.testing.assert_array_equal(pred.segment_map, true.segment_map)
        assert pred.image_id == true.image_id
    record = segbench.score(truth, predictions)
    assert record.metrics["pq"].value == 1.0


# Instances made into panoptic


def sample_of(*segments, size=(4, 8)):
    return Sample(image_id="1", height=size[0], width=size[1], segments=segments, overlap=True)


def segment(segment_id, left, right, **fields):
    mask = np.zeros((4, 8), np.uint8)
    mask[:, left:right] = 1
    return Segment(id=segment_id, category_id=fields.pop("category_id", 0), rle=Rle.from_mask(mask), **fields)


def test_crowds_lie_at_the_bottom_and_the_smaller_is_on_top():
    sample = to_panoptic(
        sample_of(segment(1, 2, 4), segment(2, 0, 6), segment(3, 5, 6, iscrowd=True), segment(4, 7, 8))
    )
    np.testing.assert_array_equal(sample.segment_map[0], [2, 2, 1, 1, 2, 2, 0, 4])
    assert [s.id for s in sample.segments] == [1, 2, 4]  # 3 is hidden
    assert sample.kind == "panoptic"
    assert all(s.source_kind == "map" and s.rle is None for s in sample.segments)


def test_ignore_regions_are_void_and_boxes_are_dropped():
    sample = sample_of(
        segment(1, 0, 8),
        segment(2, 0, 2, ignore=True),
        Segment(id=3, category_id=0, bbox=(0, 0, 1, 1), source_kind="box"),
    )
    assert count_hidden(sample, Categories([])) == 1
    merged = to_panoptic(sample)
    np.testing.assert_array_equal(merged.segment_map[0], [0, 0, 1, 1, 1, 1, 1, 1])
    assert [s.id for s in merged.segments] == [1]


@pytest.mark.parametrize("ids", [(900_100_000_001, 7), (0, 7), (-1, 7), (7, 7), (1 << 24, 7)])
def test_ids_that_do_not_fit_are_numbered_anew_and_kept_beside(ids):
    sample = to_panoptic(sample_of(segment(ids[0], 0, 2), segment(ids[1], 2, 8, attributes={"a": 1})))
    np.testing.assert_array_equal(sample.segment_map[0], [1, 1, 2, 2, 2, 2, 2, 2])
    assert [(s.id, s.attributes.get("source_id", s.id)) for s in sample.segments] == [
        (1, ids[0]),
        (2, ids[1]),
    ]
    assert sample.segments[1].attributes["a"] == 1


def test_an_image_without_instances_is_all_void():
    merged = to_panoptic(sample_of())
    assert not merged.segment_map.any()
    assert to_panoptic(merged) is merged


def test_written_instances_state_what_is_seen(tmp_path):
    sample = sample_of(segment(1, 2, 4, source_area=99.5, bbox=(0, 0, 8, 4)), segment(2, 0, 6, iscrowd=True))
    dataset = Dataset(
        name="memory",
        categories=Categories([Category(0, "cat", source_id=5), Category(1, "sky", isthing=False)]),
        image_ids=["1"],
        load=lambda _: sample,
        tasks=["instance"],
    )
    coco_panoptic.write(dataset, tmp_path / "a.json")
    content = tiny.load(tmp_path / "a.json")
    assert [(c["id"], c["isthing"]) for c in content["categories"]] == [(5, 1), (1, 0)]
    assert content["annotations"] == [
        {
            "image_id": 1,
            "file_name": "1.png",
            "segments_info": [
                {"id": 1, "category_id": 5, "iscrowd": 0, "area": 8, "bbox": [2, 0, 2, 4]},
                {"id": 2, "category_id": 5, "iscrowd": 1, "area": 16, "bbox": [0, 0, 6, 4]},
            ],
        }
    ]


# What panopticapi makes of it


@pytest.mark.parametrize("source", ["panoptic", "instances"])
def test_panopticapi_reads_what_we_write(source, data_dir, tmp_path):
    if source == "panoptic":
        path = data_dir / "panopticapi_sample/sample_data/panoptic_examples.json"
    else:
        few = tiny.load(data_dir / "coco_tiny/annotations/instances_val2017.json")
        few["images"] = few["images"][:8]
        ids = {image["id"] for image in few["images"]}
        few["annotations"] = [a for a in few["annotations"] if a["image_id"] in ids]
        path = tiny.dump(tmp_path / "few.json", few)
    target = tmp_path / "out.json"
    segbench.convert(path, target, target_format="coco-panoptic", allow_loss=True)
    content = tiny.load(target)
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = pq_compute_single_core(
            0,
            [(row, row) for row in content["annotations"]],
            str(tmp_path / "out"),
            str(tmp_path / "out"),
            {row["id"]: row for row in content["categories"]},
        )
    average, _ = theirs.pq_average({row["id"]: row for row in content["categories"]}, isthing=None)
    assert average["pq"] == 1.0
    assert average["n"] > 3
    assert segbench.score(target, target).metrics["pq"].value == 1.0


def test_truth_whose_map_and_json_differ_is_scored_as_panopticapi_does_and_reported(tmp_path):
    maps = tiny.segment_maps()
    pred = tiny.put_panoptic(tmp_path / "pred", maps=maps)
    maps[1][maps[1] == 5] = 0  # in the JSON alone
    maps[2][0, 0] = 6  # in the map alone
    truth = tiny.put_panoptic(tmp_path / "truth", maps=maps)
    record = segbench.score(truth, pred)
    content = tiny.load(truth)
    categories = {row["id"]: row for row in content["categories"]}
    rows = list(zip(content["annotations"], tiny.load(pred)["annotations"], strict=True))
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = pq_compute_single_core(
            0, rows, str(truth.with_suffix("")), str(pred.with_suffix("")), categories
        )
    assert record.metrics["pq"].value == theirs.pq_average(categories, isthing=None)[0]["pq"]
    assert "image 1: segment_map: 1 of 2 true segments have no pixel in their map (id 5)" in record.warnings
    assert "image 2: segments: 1 ids of the true map have no segment (id 6)" in record.warnings
    problems = [problem.message for problem in validate(segbench.open_dataset(truth))]
    assert any("image 1: segment 5: has no pixel" in text for text in problems)
    assert any("the id 6 is not in the list of segments" in text for text in problems)
