"""The columns of COCO's files say what their samples say, and are measured like them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from compat import synth

from segbench.errors import DataError
from segbench.formats import coco
from segbench.formats.coco_index import read_index
from segbench.metrics import MaskAP
from segbench.scoring import stepping
from segbench.scoring.evaluate import score


def write(folder, truth, results):
    for name, content in (("truth", truth), ("results", results)):
        (folder / f"{name}.json").write_text(json.dumps(content))
    truth = coco.read(folder / "truth.json")
    return truth, coco.read_predictions(folder / "results.json", truth)


@pytest.fixture(params=range(6))
def sides(request, tmp_path):
    kinds = ("segm", "both")
    return write(tmp_path, *synth.make(request.param, kind=kinds[request.param % 2]))


def test_records_of_a_table_are_those_of_its_samples(sides):
    truth, _ = sides
    expected = [sample.record_sha256 for sample in truth]
    assert truth.instances.record_hashes(truth.image_ids, range(len(truth))) == expected
    assert truth.instances.record_hashes(truth.image_ids, range(2, 5)) == expected[2:5]


def test_samples_of_columns_are_those_of_the_json(sides, monkeypatch):
    truth, _ = sides
    quick = list(truth)
    monkeypatch.setattr("segbench.formats.coco_quick.QuickSegments.read", lambda *_: None)
    slow = list(truth)
    assert [sample.segments for sample in quick] == [sample.segments for sample in slow]
    assert any(sample.segments for sample in quick)
    kinds = {segment.source_kind for sample in quick for segment in sample.segments}
    assert kinds >= {"polygon"}


def test_rows_of_an_image_may_stand_apart(tmp_path):
    content, _ = synth.make(0, kind="segm")
    content["annotations"] = content["annotations"][::2] + content["annotations"][1::2]
    content["annotations"][0]["attributes"] = {"é": 1}
    (tmp_path / "t.json").write_text(json.dumps(content))
    rows = {a["id"]: a for a in content["annotations"]}
    for sample in coco.read(tmp_path / "t.json"):
        for segment in sample.segments:
            row = rows[segment.id]
            assert (segment.source_area, list(segment.bbox)) == (row["area"], row["bbox"])
            assert segment.attributes == {
                k: row[k] for k in row.keys() & {"attributes", "ignore"} - {"ignore"}
            }


@pytest.mark.parametrize("iou_type", ["segm", "bbox"])
def test_a_span_is_measured_as_its_samples_are(sides, iou_type):
    truth, predictions = sides
    metric = MaskAP(truth.categories, iou_type)
    for span in (range(len(truth)), range(1, 3)):
        stats = metric.measure_tables(predictions.instances, truth.instances, truth.image_ids, span)
        for index, found in zip(span, stats.by_image(), strict=True):
            expected = metric.measure_sample(predictions[index], truth[index], index)
            assert (found.image_id, found.index) == (expected.image_id, expected.index)
            assert found.doubts == expected.doubts
            for name in (
                "category_ids",
                "truths",
                "pred_category_ids",
                "ranks",
                "scores",
                "matched",
                "ignored",
            ):
                np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
                assert getattr(found, name).dtype == getattr(expected, name).dtype


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("protocol", ["coco-instance", "coco-bbox"])
def test_a_record_does_not_tell_which_way_it_was_measured(sides, monkeypatch, threads, protocol):
    truth, predictions = sides
    monkeypatch.setattr(stepping, "_SPANS", dict.fromkeys(stepping._SPANS, 3))
    by_tables = score(truth, predictions, protocol=protocol, threads=threads)
    predictions.instances = None
    by_samples = score(truth, predictions, protocol=protocol, threads=threads)
    assert by_tables.run_id == by_samples.run_id
    assert by_tables.warnings == by_samples.warnings
    assert by_tables.images.equals(by_samples.images)
    assert by_tables.detections.equals(by_samples.detections)


@pytest.mark.parametrize("threads", [1, 3])
def test_several_protocols_are_measured_by_tables_as_each_alone_is(sides, monkeypatch, threads):
    truth, predictions = sides
    monkeypatch.setattr(stepping, "_SPANS", dict.fromkeys(stepping._SPANS, 3))
    names = ["coco-bbox", "coco-instance"]
    with monkeypatch.context() as patched:
        patched.setattr("segbench.scoring.panel.Panel.measure", None)  # no image is looked at by itself
        together = score(truth, predictions, protocol=names, threads=threads)
    for record, name in zip(together, names, strict=True):
        alone = score(truth, predictions, protocol=name)
        assert record.run_id == alone.run_id
        assert record.warnings == alone.warnings
        assert record.images.equals(alone.images)
        assert record.detections.equals(alone.detections)
    assert together.reasons[0].rule == "iou_type"


def test_what_stands_beside_the_columns_is_part_of_the_record(tmp_path):
    plain, results = synth.make(3)
    rich = json.loads(json.dumps(plain))
    rich["annotations"][0]["attributes"] = {"é": [1, None]}
    rich["images"][1]["neg_category_ids"] = [3]
    for name in ("before", "after"):
        (tmp_path / name).mkdir()
    before, _ = write(tmp_path / "before", plain, results)
    after, predictions = write(tmp_path / "after", rich, results)
    hashes = after.instances.record_hashes(after.image_ids, range(len(after)))
    assert 1 <= hashes.count(None) <= 2
    record = score(after, predictions)
    assert record.dataset["fingerprint"] == after.fingerprint != before.fingerprint


UNUSUAL = {
    "text ids": lambda truth: (
        [i.update(id=str(i["id"])) for i in truth["images"]]
        + [a.update(image_id=str(a["image_id"])) for a in truth["annotations"]]
    ),
    "ids with a fraction": lambda truth: truth["annotations"][0].update(id=7.0),
    "a size that is no integer": lambda truth: truth["images"][0].update(height=30.0),
    "a flag of a float": lambda truth: truth["annotations"][0].update(iscrowd=0.0),
}


@pytest.mark.parametrize("change", UNUSUAL)
def test_an_unusual_truth_is_read_sample_by_sample(tmp_path, change):
    truth, results = synth.make(4)
    UNUSUAL[change](truth)
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    opened = coco.read(tmp_path / "truth.json")
    assert opened.instances is None
    assert len([segment for sample in opened for segment in sample.segments]) == len(truth["annotations"])
    (tmp_path / "results.json").write_text(json.dumps(results))
    if change != "text ids":
        assert coco.read_predictions(tmp_path / "results.json", opened).instances is None


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ("0", "the runs are too short"),
        ("~", "a character outside"),
        ([1, 2], "the runs sum to less than"),
        (None, "neither a list nor an ASCII string"),
    ],
)
def test_a_malformed_mask_is_named_as_by_the_general_reader(tmp_path, counts, message):
    truth, results = synth.make(5)
    results = [r for r in results if r["category_id"] != 99]
    results[3]["segmentation"]["counts"] = counts
    truth, predictions = write(tmp_path, truth, results)
    place = rf"results\.json: image {results[3]['image_id']}: \[3\]\.segmentation: "
    with pytest.raises(DataError, match=place + f".*{message}"):
        score(truth, predictions, threads=1)


def test_sizes_that_differ_are_refused_by_both_ways(tmp_path):
    truth, results = synth.make(5)
    results = [r for r in results if r["category_id"] != 99]
    results[3]["segmentation"]["size"][0] += 1
    truth, predictions = write(tmp_path, truth, results)
    with pytest.raises(DataError, match=rf"image {results[3]['image_id']}: \[3\].segmentation: is of size"):
        score(truth, predictions, threads=1)


def test_an_unknown_image_is_named(tmp_path):
    truth, results = synth.make(5)
    results[2]["image_id"] = 12345
    with pytest.raises(DataError, match=r"results.json: image 12345: \[2\]: the prediction is for an image"):
        write(tmp_path, truth, results)


def test_a_small_block_holds_an_item_of_any_length(tmp_path, monkeypatch):
    truth, _ = synth.make(6)
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    whole = read_index(tmp_path / "truth.json")
    monkeypatch.setattr("segbench.formats.coco_index._BLOCK", 16)
    pieces = read_index(tmp_path / "truth.json")
    assert list(pieces.require("annotations")) == list(whole.require("annotations")) == truth["annotations"]
    for name in ("image_ids", "category_ids", "ids", "areas", "boxes", "iscrowd"):
        np.testing.assert_array_equal(getattr(pieces.annotations, name), getattr(whole.annotations, name))


def test_a_file_that_is_not_there_has_no_index(tmp_path):
    assert read_index(tmp_path / "missing.json") is None
    assert read_index(tmp_path) is None
