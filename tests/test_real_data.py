"""Scores on real files equal those of the reference tools, in every digit that they print.

The expected numbers were computed with pycocotools 2.0.11 and panopticapi 7bb4655, and stand beside the data.
"""

import contextlib
import io
import json
import math

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

import segbench
from segbench.protocols import get_protocol

KEYS = {
    "ap": "AP", "ap50": "AP50", "ap75": "AP75", "ap_small": "APs", "ap_medium": "APm", "ap_large": "APl",
    "ar_1": "AR1", "ar_10": "AR10", "ar_100": "AR100",
    "ar_small": "ARs", "ar_medium": "ARm", "ar_large": "ARl",
}  # fmt: skip
FAKE = "coco2014_fake100/tests/dataset/cocoapi/instances_val2014_100.json"
YOLACT = "yolact_dets/derived"
# truth, predictions, protocol, expected file, key in it
INSTANCES = [
    (FAKE, "cocoapi_results/results/instances_val2014_fakesegm100_results.json", "coco-instance",
     "coco2014_fake100/expected.json", "segm"),
    (FAKE, "cocoapi_results/results/instances_val2014_fakebbox100_results.json", "coco-bbox",
     "coco2014_fake100/expected.json", "bbox"),
    ("coco_tiny/annotations/instances_val2017.json", "coco_tiny/pred_val.json", "coco-instance",
     "coco_tiny/expected_ap_val.json", None),
    ("coco128_coco/annotations/instances_train2017.json", "coco128_coco/pred_coco128.json", "coco-instance",
     "coco128_coco/expected_ap_coco128.json", None),
    *((f"{YOLACT}/pseudo_gt.json", f"{YOLACT}/{m}_segm.json", "coco-instance", "yolact_dets/expected.json", m)
      for m in ("yolact_base", "yolact_resnet50", "yolact_darknet53")),
]  # fmt: skip
PANOPTIC = [
    ("lightly_coco128/panoptic_segmentation/annotations/panoptic_train2017.json",
     "lightly_coco128/pred_panoptic_train2017.json",
     "lightly_coco128/expected_panoptic_train2017.json", "train2017"),
    ("panopticapi_sample/sample_data/panoptic_examples.json",
     "panopticapi_sample/sample_data/panoptic_examples.json",
     "panopticapi_sample/expected.json", "gt_vs_itself"),
]  # fmt: skip
SEMANTIC = [
    ("camvid/CamVid/valannot", "camvid/pred_val", {"num_classes": 11, "ignore_index": 11},
     "camvid/expected_val.json", "val"),
    ("pyimsegm/data-images/drosophila_ovary_slice/annot_struct",
     "pyimsegm/data-images/drosophila_ovary_slice/segm", {},
     "pyimsegm/expected.json", "all"),
]  # fmt: skip


def expected(data_dir, file, key):
    content = json.loads((data_dir / file).read_text())
    return content[key] if key else content


def same(ours, theirs):
    if theirs is None:
        return math.isnan(ours)
    return abs(ours - theirs) <= 1e-12


@pytest.mark.parametrize(("truth", "predictions", "protocol", "file", "key"), INSTANCES)
def test_average_precision_equals_pycocotools(data_dir, truth, predictions, protocol, file, key):
    record = segbench.score(data_dir / truth, data_dir / predictions)
    reference = expected(data_dir, file, key)
    assert record.protocol["name"] == protocol
    assert {k: record.metrics[k].value for k in KEYS} == {k: reference[v] for k, v in KEYS.items()}
    per_class = {row["name"]: row["ap"] for row in record.per_class}
    assert all(same(per_class[name], value) for name, value in reference["per_category_AP"].items())


@pytest.mark.parametrize(("truth", "predictions", "protocol", "file", "key"), INSTANCES)
def test_curves_from_the_record_are_bit_equal_to_pycocotools(
    data_dir, truth, predictions, protocol, file, key
):
    record = segbench.score(data_dir / truth, data_dir / predictions)
    categories = segbench.Categories.from_json(record.dataset["categories"])
    metric = get_protocol(protocol).build(categories, record.protocol["settings"])
    metric.add_tables(record.images, record.detections)
    curves = metric.curves()
    reference = pycocotools_arrays(data_dir / truth, data_dir / predictions, protocol)
    for name in ("precision", "recall", "scores"):
        np.testing.assert_array_equal(getattr(curves, name), reference[name], err_msg=name)


def pycocotools_arrays(truth, predictions, protocol):
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(truth))
        evaluation = COCOeval(
            coco, coco.loadRes(str(predictions)), "bbox" if protocol == "coco-bbox" else "segm"
        )
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval


@pytest.mark.parametrize(("truth", "predictions", "file", "key"), PANOPTIC)
def test_panoptic_quality_equals_panopticapi(data_dir, truth, predictions, file, key):
    record = segbench.score(data_dir / truth, data_dir / predictions)
    reference = expected(data_dir, file, key)
    assert record.task == "panoptic"
    for group, suffix in (("All", ""), ("Things", "_things"), ("Stuff", "_stuff")):
        for name in ("pq", "sq", "rq"):
            assert same(record.metrics[name + suffix].value, reference[group][name]), (group, name)
    source = {c["id"]: str(c["source_id"]) for c in record.dataset["categories"]}
    rows = {source[row["category_id"]]: row for row in record.per_class}
    scored = {c: row for c, row in rows.items() if not math.isnan(row["pq"])}
    assert len(scored) == reference["All"]["n"]
    for category, row in reference.get("per_class", {}).items():
        assert category not in scored or all(same(scored[category][k], row[k]) for k in ("pq", "sq", "rq"))


@pytest.mark.parametrize(("truth", "predictions", "options", "file", "key"), SEMANTIC)
def test_miou_equals_the_reference(data_dir, truth, predictions, options, file, key):
    record = segbench.score(data_dir / truth, data_dir / predictions, truth_options=options)
    reference = expected(data_dir, file, key)
    names = {"miou": "mIoU", "mean_accuracy": "mAcc", "pixel_accuracy": "pixel_acc", "fw_iou": "fwIoU"}
    for ours, theirs in names.items():
        assert same(record.metrics[ours].value, reference[theirs]), ours
    assert all(same(row["iou"], iou) for row, iou in zip(record.per_class, reference["iou"], strict=True))


@pytest.mark.parametrize(
    ("truth", "predictions", "options"),
    [
        (INSTANCES[2][0], INSTANCES[2][1], {}),
        (PANOPTIC[0][0], PANOPTIC[0][1], {"images": "lightly_coco128/images/train2017"}),
        (SEMANTIC[0][0], SEMANTIC[0][1], {**SEMANTIC[0][2], "images": "camvid/CamVid/val"}),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_the_converted_data_set_has_the_same_score_and_fingerprint(
    data_dir, tmp_path, truth, predictions, options, packed
):
    if "images" in options:
        options = {**options, "images": data_dir / options["images"]}
    direct = segbench.score(data_dir / truth, data_dir / predictions, truth_options=options)
    segbench.convert(data_dir / truth, tmp_path / "set", options=options, packed=packed)
    converted = segbench.score(tmp_path / "set", data_dir / predictions)
    assert converted.metrics == direct.metrics
    assert converted.to_dict()["per_class"] == direct.to_dict()["per_class"]
    assert converted.dataset["fingerprint"] == direct.dataset["fingerprint"]


@pytest.mark.parametrize(
    ("truth", "predictions", "options", "names"),
    [
        (INSTANCES[3][0], INSTANCES[3][1], {}, ["coco-bbox", "coco-instance"]),
        (
            *PANOPTIC[0][:2],
            {},
            ["panopticapi", "torchmetrics-pq", "pq-dagger", "mapillary-panoptic", "mmseg"],
        ),
        (*SEMANTIC[0][:3], ["mmseg", "detectron2", "ade20k"]),
    ],
)
def test_protocols_scored_together_leave_the_records_of_each_alone(
    data_dir, truth, predictions, options, names
):
    together = segbench.score(data_dir / truth, data_dir / predictions, protocol=names, truth_options=options)
    for record, name in zip(together, names, strict=True):
        alone = segbench.score(data_dir / truth, data_dir / predictions, protocol=name, truth_options=options)
        assert record.run_id == alone.run_id
        assert record.warnings == alone.warnings
        assert record.images == alone.images
        assert record.detections == alone.detections
    for reason in together.reasons:
        assert reason.count or reason.changes
