"""The canonical form as one of the formats: it carries everything, in both layouts."""

import pytest
from formats import tiny

import segbench
from segbench.errors import DataError, UsageError
from segbench.formats import FEATURES, carries, open_predictions

SOURCES = {"coco": tiny.put_instances, "coco-panoptic": tiny.put_panoptic, "png": tiny.put_labels}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", SOURCES)
def test_every_format_survives_in_both_layouts(name, packed, tmp_path):
    source = segbench.open_dataset(SOURCES[name](tmp_path / "in"))
    report = segbench.convert(source, tmp_path / "out", packed=packed)
    assert (report.losses, report.written) == ([], True)
    read = segbench.open_dataset(tmp_path / "out")
    assert read.format == "segbench"
    assert read.stated_fingerprint == source.fingerprint
    assert (read.tasks, read.splits, read.extra) == (source.tasks, source.splits, source.extra)
    for before, after in zip(source, read, strict=True):
        assert before.record_sha256 == after.record_sha256
        assert before.image_file.read() == after.image_file.read()


def test_it_carries_every_feature():
    assert carries("segbench") == dict.fromkeys(FEATURES, True)


def test_other_formats_have_no_packed_layout(tmp_path):
    with pytest.raises(UsageError, match="packed is a layout of the canonical form"):
        segbench.convert(tiny.put_instances(tmp_path), tmp_path / "out", target_format="coco", packed=True)


def test_predictions_in_the_canonical_form(tmp_path):
    truth = segbench.open_dataset(tiny.put_labels(tmp_path / "truth"))
    segbench.convert(truth, tmp_path / "pred", images="none")
    predictions = open_predictions(tmp_path / "pred", truth)
    assert predictions.image_ids == truth.image_ids
    assert segbench.score(truth, predictions).metrics["miou"].value == 1.0
    less = segbench.open_dataset(tiny.put_panoptic(tmp_path / "other"))
    with pytest.raises(DataError, match="pred: categories: the category .road. is none of the truth"):
        open_predictions(tmp_path / "pred", less)


def test_predictions_in_the_canonical_form_must_have_the_same_images(tmp_path):
    masks = tiny.masks()
    both = tiny.put_masks(tmp_path / "both", masks)
    one = tiny.put_masks(tmp_path / "one", {1: masks[1]})
    for folder in (both, one):
        segbench.convert(folder, tmp_path / f"c_{folder.name}", images="none", options={"num_classes": 3})
    truths = {f.name: segbench.open_dataset(f, options={"num_classes": 3}) for f in (both, one)}
    with pytest.raises(DataError, match="c_one: image 2: there is no prediction for this image"):
        open_predictions(tmp_path / "c_one", truths["both"])
    with pytest.raises(DataError, match="c_both: image 2: the prediction is for an image that the truth"):
        open_predictions(tmp_path / "c_both", truths["one"])
