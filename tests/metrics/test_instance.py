"""MaskAP against pycocotools, bit for bit, and against its own promises."""

from __future__ import annotations

import contextlib
import io
import math
import pickle
import warnings
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from segbench.canonical.categories import Categories, Category
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError, SegbenchWarning, UsageError
from segbench.metrics import MaskAP

SOURCE_IDS = [7, 3, 90]  # dense ids are not in the order of source ids
CATEGORIES = Categories(Category(i, f"c{key}", source_id=key) for i, key in enumerate(SOURCE_IDS))
SIZES = [(110, 130), (40, 33), (150, 104)]


def encode(mask):
    rle = coco_mask.encode(np.asfortranarray(mask))
    return {"size": rle["size"], "counts": rle["counts"].decode()}


def random_box(rng, size):
    y, x = rng.integers(0, size[0] - 2), rng.integers(0, size[1] - 2)
    return [int(x), int(y), int(rng.integers(1, size[1] - x)), int(rng.integers(1, size[0] - y))]


def random_shape(rng, size, box=None):
    """A box with a corner bitten off, as a COCO annotation."""
    x, y, w, h = box or random_box(rng, size)
    mask = np.zeros(size, np.uint8)
    mask[y : y + h, x : x + w] = 1
    mask[y : y + h // 3, x : x + int(rng.integers(0, w + 1)) // 2] = 0
    kind = rng.random()
    polygon = [[x, y, x + w, y, x + w * 0.7, y + h * 0.9, x, y + h]]
    return {
        "segmentation": polygon if kind < 0.3 else encode(mask),
        "bbox": [x + rng.random(), y, w, h + 0.5],
    }


def near(rng, truth, size):
    x, y, w, h = (int(v) for v in truth["bbox"])
    box = [x, y, max(1, w - int(rng.integers(0, 1 + w // 3))), max(1, h - int(rng.integers(0, 1 + h // 3)))]
    return random_shape(rng, size, box)


def random_case(seed):
    """A COCO truth and results with ties, crowds, empty cells, ids 0 and areas on the bounds."""
    rng = np.random.default_rng(seed)
    ids = rng.choice([9, 10, 100, 3, 21], rng.integers(1, 5), replace=False).tolist()
    images = [
        {"id": i, "height": size[0], "width": size[1]}
        for i, size in zip(ids, rng.permutation(SIZES + SIZES).tolist(), strict=False)
    ]
    truths, results, with_box = [], [], seed % 3 > 0
    for image in images:
        size = (image["height"], image["width"])
        for _ in range(rng.integers(0, 6)):
            truth = {
                "image_id": image["id"],
                "category_id": int(rng.choice(SOURCE_IDS)),
                **random_shape(rng, size),
            }
            truth["iscrowd"] = int(rng.random() < 0.2)
            if truth["iscrowd"] and isinstance(truth["segmentation"], dict):
                truth["ignore"] = 0
            truth["area"] = float(rng.choice([1024, 9216, 1023.5, 9217, 500, 4000, 20000, 0]))
            truths.append(truth)
            place = {key: truth[key] for key in ("image_id", "category_id")}
            results += [{**near(rng, truth, size), **place} for _ in range(rng.integers(0, 4))]
        for _ in range(rng.integers(0, 4)):
            category = int(rng.choice([*SOURCE_IDS, 5]))
            results.append({"image_id": image["id"], "category_id": category, **random_shape(rng, size)})
    results.append({"image_id": ids[-1], "category_id": 5, **random_shape(rng, size)})
    first = int(rng.integers(0, 2))
    for i, k in enumerate(rng.permutation(len(truths)).tolist()):
        truths[k]["id"] = first + i
    for result in results:
        result["score"] = float(rng.choice([0.1, 0.25, 0.5, 0.5, 0.9, rng.random()]))
        if isinstance(result["segmentation"], list):
            rles = coco_mask.frPyObjects(result["segmentation"], *sizes_of(images)[result["image_id"]])
            rle = coco_mask.merge(rles)
            result["segmentation"] = {"size": rle["size"], "counts": rle["counts"].decode()}
        if not with_box:
            del result["bbox"]
    order = rng.permutation(len(results)).tolist()
    categories = [{"id": c.source_id, "name": c.name} for c in CATEGORIES]
    return {"images": images, "annotations": truths, "categories": categories}, [results[i] for i in order]


def sizes_of(images):
    return {image["id"]: (image["height"], image["width"]) for image in images}


OPTIONS = [
    {},
    {"max_detections": (1, 2, 100)},
    {"iou_thresholds": (0.3, 0.5, 0.75, 1.0), "recall_thresholds": 11},
    {"max_detections": (3, 1, 2), "recall_thresholds": (0.0, 0.0, 0.4, 1.0)},
    {"area_ranges": {"all": (0, 1e10), "small": (0, 1024), "medium": (1024, 1024), "large": (1024, 9216)}},
]


def reference(truth, results, iou_type, options):
    """Pycocotools' arrays and twelve numbers."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = pickle.loads(pickle.dumps(truth))
        coco.createIndex()
        evaluator = COCOeval(coco, coco.loadRes(pickle.loads(pickle.dumps(results))), iou_type)
        params = evaluator.params
        params.maxDets = list(options.get("max_detections", params.maxDets))
        params.useCats = int(options.get("use_categories", True))
        params.iouThrs = np.array(options.get("iou_thresholds", params.iouThrs))
        points = options.get("recall_thresholds", 101)
        params.recThrs = np.linspace(0, 1, points) if isinstance(points, int) else np.array(points)
        params.areaRng = [
            list(bounds) for bounds in options.get("area_ranges", {}).values()
        ] or params.areaRng
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return evaluator


def segment_of(row, size):
    shape = row["segmentation"]
    polygons = tuple(map(tuple, shape)) if isinstance(shape, list) else None
    key = row["category_id"]
    return Segment(
        id=row.get("id", 1),
        category_id=SOURCE_IDS.index(key) if key in SOURCE_IDS else -1,
        iscrowd=bool(row.get("iscrowd")),
        ignore=True,  # COCOeval overwrites it
        source_area=row.get("area"),
        bbox=tuple(row["bbox"]) if "bbox" in row else None,
        rle=None if polygons else Rle(*size, shape["counts"].encode()),
        polygons=polygons,
        score=row.get("score"),
    )


def samples_of(truth, results):
    """(prediction, truth) of every image, as the readers make them."""
    for image in truth["images"]:
        size = (image["height"], image["width"])
        yield tuple(
            Sample(
                image_id=str(image["id"]),
                height=size[0],
                width=size[1],
                overlap=True,
                segments=[segment_of(row, size) for row in rows if row["image_id"] == image["id"]],
            )
            for rows in (results, truth["annotations"])
        )


def ours(truth, results, iou_type, options):
    metric = MaskAP(CATEGORIES, iou_type, **options)
    for pred, true in samples_of(truth, results):
        metric.add(metric.measure_sample(pred, true))
    return metric


def test_what_no_threshold_measures_is_undefined():
    metric = MaskAP(num_classes=1, iou_thresholds=[0.6])
    truth = {"masks": np.ones((1, 4, 4), bool), "category_ids": [0]}
    metric.update(truth | {"scores": [0.9]}, truth, image_id=1)
    scores = metric.compute()
    assert scores["ap"] == pytest.approx(1)
    assert math.isnan(scores["ap50"])
    assert math.isnan(scores.class_rows[0]["ap75"])


@pytest.mark.parametrize("seed", range(160))
def test_bit_for_bit_as_pycocotools(seed):
    truth, results = random_case(seed)
    iou_type, options = ("segm", "bbox")[seed % 2], OPTIONS[seed // 2 % len(OPTIONS)]
    expected = reference(truth, results, iou_type, options)
    metric = ours(truth, results, iou_type, options)
    for name, array in metric.curves()._asdict().items():
        assert array.shape == expected.eval[name].shape
        assert array.tobytes() == expected.eval[name].tobytes(), name
    numbers = np.nan_to_num(list(metric.compute().values()), nan=-1.0)
    start = 0 if 100 in metric.rules.max_detections else 1  # COCOeval's AP is fixed at 100 predictions
    if 0.75 in metric.rules.iou_thresholds and set(metric.rules.area_ranges) == {
        "all",
        "small",
        "medium",
        "large",
    }:
        assert numbers[start:].tobytes() == expected.stats[start:].tobytes()
    for row in metric.compute().class_rows:
        k = sorted(SOURCE_IDS).index(SOURCE_IDS[row["category_id"]])
        defined = [p for p in expected.eval["precision"][:, :, k, 0, -1].ravel() if p > -1]
        assert row["ap"] == (np.mean(defined) if defined else pytest.approx(math.nan, nan_ok=True)) or start


def test_the_fuzz_reaches_what_matters():
    matched = ignored = truths = crowds = with_id_0 = ties = 0
    for seed in range(160):
        truth, results = random_case(seed)
        metric = ours(truth, results, "segm", {})
        for image in metric._images.by_id():
            matched += np.count_nonzero(image.matched[0])
            ignored += np.count_nonzero(image.ignored)
            truths += image.truths.sum()
            ties += len(image.scores) - len(set(image.scores.tolist()))
        crowds += sum(row["iscrowd"] for row in truth["annotations"])
        with_id_0 += any("id 0" in text for text in metric.warnings)
    assert min(matched, ignored, truths, ties) > 500
    assert min(crowds, with_id_0) > 50


def random_metric_input(seed):
    """The same image as COCO has it and as ``update`` takes it."""
    truth, results = random_case(seed)
    return truth, [row for row in results if row["category_id"] in SOURCE_IDS]


@pytest.mark.parametrize("form", ["rles", "arrays", "Rle"])
def test_update_takes_masks_in_every_form(form):
    truth, results = random_metric_input(3)
    metric = MaskAP([{"id": c.source_id, "name": c.name} for c in CATEGORIES])
    for image in truth["images"]:
        size = (image["height"], image["width"])
        sides = []
        for rows in (results, truth["annotations"]):
            here = [row for row in rows if row["image_id"] == image["id"]]
            rles = [segment_of(row, size).to_rle(*size) for row in here]
            masks = {
                "rles": [{"size": list(size), "counts": rle.counts.decode()} for rle in rles],
                "arrays": np.array([rle.to_mask() for rle in rles], bool).reshape(-1, *size),
                "Rle": rles,
            }[form]
            sides.append({"masks": masks, "category_ids": [row["category_id"] for row in here]})
            if here and "bbox" in here[0]:
                sides[-1]["boxes"] = np.array([row["bbox"] for row in here])
            if rows is not results:
                names = {"area": "area", "iscrowd": "iscrowd", "ids": "id"}
                sides[-1] |= {name: [row[key] for row in here] for name, key in names.items()}
        sides[0]["scores"] = [row["score"] for row in results if row["image_id"] == image["id"]]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SegbenchWarning)
            metric.update(*sides, image_id=image["id"])
    same_bits(metric.compute(), ours(truth, results, "segm", {}).compute())


def boxes(*rows, size=20):
    masks = np.zeros((len(rows), size, size), bool)
    for mask, (x, y, w, h) in zip(masks, rows, strict=True):
        mask[y : y + h, x : x + w] = True
    return masks


def measured(pred, truth, **options):
    metric = MaskAP(num_classes=2, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SegbenchWarning)
        metric.update(pred, truth, 1)
    return metric


def test_predicted_area_is_that_of_the_box_where_there_is_one():
    truth = {"masks": boxes((0, 0, 10, 10)), "category_ids": [0]}
    pred = {"masks": boxes((0, 0, 9, 9), (10, 0, 9, 9)), "category_ids": [0, 0], "scores": [0.5, 0.9]}
    options = {"area_ranges": {"all": (0, 1e10), "small": (0, 150), "large": (150, 1e10)}}
    assert measured(pred, truth, **options).compute()["ap_small"] < 0.5
    grown = pred | {"boxes": [[0, 0, 9, 9], [10, 0, 20, 20]]}
    assert measured(grown, truth, **options).compute()["ap_small"] > 0.5


def test_a_prediction_of_a_box_alone_has_the_box_as_its_mask():
    truth = {"masks": boxes((2, 3, 10, 10)), "category_ids": [0]}
    metric = measured({"boxes": [[2, 3, 10, 10]], "category_ids": [0], "scores": [1]}, truth)
    assert metric.compute()["ap"] == pytest.approx(1)
    with pytest.raises(DataError, match="image 1: segmentation: a segment has no mask"):
        measured(
            {"masks": [], "category_ids": [], "scores": []}, {"boxes": [[2, 3, 4, 5]], "category_ids": [0]}
        )


def test_boxes_fall_back_on_those_of_masks():
    truth = {"masks": boxes((2, 3, 10, 10)), "category_ids": [0]}
    metric = measured(
        {"boxes": [[2, 3, 10, 10]], "category_ids": [0], "scores": [1]}, truth, protocol="coco-bbox"
    )
    assert metric.compute()["ap"] == pytest.approx(1)
    stated = {"boxes": [[2, 3, 10, 10]], "category_ids": [0]}
    assert measured(stated | {"scores": [1]}, stated, iou_type="bbox").compute()["ap"] == pytest.approx(1)


def test_segments_whose_pixels_are_in_a_map():
    segment_map = np.zeros((6, 7), np.int32)
    segment_map[1:4, 2:5] = 300
    segments = [Segment(id=300, category_id=0, score=0.5)]
    sample = Sample(image_id="1", height=6, width=7, segments=segments, load_segment_map=lambda: segment_map)
    metric = MaskAP(num_classes=1)
    metric.add(metric.measure_sample(sample, sample))
    assert metric.compute()["ap"] == pytest.approx(1)


def test_ap_is_at_the_most_predictions_where_100_is_no_limit():
    truth = {"masks": boxes((0, 0, 5, 5), (10, 10, 5, 5)), "category_ids": [0, 0]}
    metric = measured(truth | {"scores": [0.9, 0.8]}, truth, max_detections=(1, 300))
    assert metric.compute()["ap"] == pytest.approx(1)
    assert metric.compute()["ar_1"] == 0.5
    assert list(metric.compute())[-5:] == ["ar_1", "ar_300", "ar_small", "ar_medium", "ar_large"]


def test_unknown_categories_are_left_out_and_warned_of():
    truth = {"masks": boxes((0, 0, 5, 5)), "category_ids": [0]}
    pred = {"masks": boxes((0, 0, 5, 5), (0, 0, 5, 5)), "category_ids": [7, 0], "scores": [0.9, 0.8]}
    metric = MaskAP(num_classes=1)
    with pytest.warns(SegbenchWarning, match="image 4: category_id: 1 predictions of unknown categories"):
        metric.update(pred, truth, 4)
    assert metric.compute()["ap"] == pytest.approx(1)
    with pytest.raises(DataError, match="image 5: category_ids: the truth has unknown category 9"):
        metric.update(pred, truth | {"category_ids": [9]}, 5)
    segment = Segment(id=1, category_id=4, rle=Rle.from_mask(boxes((0, 0, 5, 5))[0]), score=1)
    sample = Sample(image_id="5", height=20, width=20, overlap=True, segments=[segment])
    with pytest.raises(DataError, match="image 5: category_id: the truth has unknown category 4"):
        metric.measure_sample(sample, sample)


@pytest.mark.parametrize(
    ("pred", "message"),
    [
        ({"scores": [math.nan]}, "image 1: score: prediction 0 has score nan"),
        ({"scores": [None]}, "image 1: score: prediction 0 has score None"),
        ({"masks": boxes((0, 0, 5, 5), size=21)}, "image 1: size: it is 21×21 pixels, the image 20×20"),
        ({"masks": [{"size": [20, 20], "counts": "~"}]}, "image 1: masks: "),
        ({"masks": [{"size": [20, 20], "counts": [399]}]}, "image 1: masks: "),
        ({"masks": [{"size": [20, 20]}]}, "image 1: masks: an RLE needs size"),
    ],
)
def test_errors_name_image_and_field(pred, message):
    truth = {"masks": boxes((0, 0, 5, 5)), "category_ids": [0]}
    with pytest.raises(DataError, match=message):
        measured({**truth, "scores": [0.9], **pred}, truth)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            {"rle": Rle(19, 20, b"`<")},
            "p.json: image 1: segmentation: the mask is 20×19 pixels, the image 20×20",
        ),
        ({"rle": Rle(20, 20, b"~")}, "p.json: image 1: segmentation: "),
        ({"polygons": ((1.0, 2.0, math.nan, 4.0, 5.0, 5.0),)}, "p.json: image 1: segmentation: "),
        ({}, "p.json: image 1: segmentation: a segment has no mask"),
    ],
)
def test_masks_that_cannot_be_read(shape, message):
    truth = Sample(image_id="1", height=20, width=20, overlap=True)
    segment = Segment(id=1, category_id=0, score=1.0, **shape)
    pred = Sample(image_id="1", height=20, width=20, overlap=True, segments=[segment], source_path="p.json")
    with pytest.raises(DataError, match=message):
        MaskAP(num_classes=1).measure_sample(pred, truth)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (MaskAP, "categories or num_classes"),
        (lambda: MaskAP(2, num_classes=2), "categories or num_classes"),
        (lambda: MaskAP(0), "one category or more"),
        (lambda: MaskAP(2, "mask"), "measures 'segm', not 'mask'"),
        (lambda: MaskAP(2, "segm", "coco-bbox"), "measures 'bbox', not 'segm'"),
        (lambda: MaskAP(2, protocol="coco-boxes"), "Did you mean 'coco-bbox'"),
        (lambda: MaskAP(2, iou_thresholds=[0.5] * 65), "1 to 64"),
        (lambda: MaskAP(2, recall_thresholds=(0.5, 0.1)), "rising"),
        (lambda: MaskAP(2, max_detections=(0, 1)), "1 at least"),
        (lambda: MaskAP(2, area_ranges={}), "one entry each"),
        (lambda: MaskAP(2).merge(MaskAP(2, max_detections=(1, 2))), "settings"),
        (lambda: MaskAP(2).merge(MaskAP(2, "bbox")), "protocol"),
        (lambda: MaskAP(2).add_tables(pa.table({})), "table of detections"),
        (lambda: MaskAP(2).update({"category_ids": []}, {"category_ids": []}, 1), "pred lacks scores"),
        (lambda: MaskAP(2).update({"labels": []}, {}, 1), "unknown column 'labels'"),
        (lambda: measured({"category_ids": [0], "scores": []}, {"category_ids": []}), "scores has 0 entries"),
        (
            lambda: measured(
                {"masks": np.zeros((2, 2)), "category_ids": [], "scores": []}, {"category_ids": []}
            ),
            "N, H",
        ),
    ],
)
def test_wrong_use_is_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_an_image_counts_once():
    truth = {"masks": boxes((0, 0, 5, 5)), "category_ids": [0]}
    metric = measured(truth | {"scores": [0.9]}, truth)
    with pytest.raises(DataError, match="image 1: this image is scored twice"):
        metric.update(truth | {"scores": [0.9]}, truth, "1")
    with pytest.raises(DataError, match="image 1: this image is scored twice"):
        metric.merge(measured(truth | {"scores": [0.9]}, truth))
    assert metric.compute()["ar_1"] == 1


def test_nothing_scored_is_nan():
    metric = MaskAP(CATEGORIES)
    assert all(math.isnan(value) for value in metric.compute().values())
    metric.update({"category_ids": [], "scores": []}, {"category_ids": []}, 1)
    assert all(math.isnan(value) for value in metric.compute().values())
    assert (metric.curves().precision == -1).all()


def pool(index=True):
    metric, stats = MaskAP(CATEGORIES), []
    for seed in (1, 4, 9):
        for pred, truth in samples_of(*random_case(seed)):
            stats.append(metric.measure_sample(pred, truth, index=len(stats) if index else None))
    for i, image in enumerate(stats):
        object.__setattr__(image, "image_id", str(97 - i * 13 % 41))
    return stats


POOL = pool()


def whole_metric(stats=POOL):
    metric = MaskAP(CATEGORIES)
    for image in stats:
        metric.add(image)
    return metric


def same_bits(one, other):
    assert np.array(list(one.values())).tobytes() == np.array(list(other.values())).tobytes()
    assert repr(one.class_rows) == repr(other.class_rows)


@settings(max_examples=40, deadline=None)
@given(st.permutations(POOL), st.lists(st.integers(0, len(POOL)), max_size=4), st.randoms())
def test_no_order_or_grouping_changes_a_bit(stats, cuts, random):
    metrics = [whole_metric(stats[a:b]) for a, b in pairwise([0, *sorted(cuts), len(stats)])]
    random.shuffle(metrics)
    total = MaskAP(CATEGORIES)
    for metric in metrics:
        total.merge(pickle.loads(pickle.dumps(metric)))
    for one, other in zip(total.curves(), whole_metric().curves(), strict=True):
        assert one.tobytes() == other.tobytes()
    same_bits(total.compute(), whole_metric().compute())
    assert total.warnings == whole_metric().warnings


def tables_of(metric, stats):
    images = [metric.image_row(image) | {"image_id": image.image_id, "index": image.index} for image in stats]
    images.append(metric.image_row(None) | {"image_id": "failed", "index": 99})
    rows = [metric.detection_rows(image) for image in stats]
    return (
        pa.table({name: [row[name] for row in images] for name in images[0]}),
        pa.table({name: np.concatenate([row[name] for row in rows]) for name in rows[0]}),
    )


def test_the_tables_are_all_a_score_needs():
    metric = whole_metric()
    images, detections = tables_of(metric, POOL)
    assert images.column_names[:5] == [
        "category_ids",
        "truths_all",
        "truths_small",
        "truths_medium",
        "truths_large",
    ]
    assert detections.column_names[:6] == [
        "image_index",
        "category_id",
        "rank",
        "score",
        "matched_all",
        "ignored_all",
    ]
    assert [str(field.type) for field in detections.schema][:6] == [
        "int64",
        "int32",
        "int32",
        "double",
        "uint64",
        "uint64",
    ]
    again = MaskAP.build(CATEGORIES, "coco-instance", metric.settings)
    again.add_tables(images, detections)
    for one, other in zip(again.curves(), metric.curves(), strict=True):
        assert one.tobytes() == other.tobytes()
    same_bits(again.compute(), metric.compute())
    metric.reset()
    assert math.isnan(metric.compute()["ap"])
    few = MaskAP(CATEGORIES, max_detections=(1, 2))
    rows = few.detection_rows(few.measure_sample(*next(samples_of(*random_case(4))), index=0))
    assert set(rows["rank"].tolist()) == {0, 1}
    with pytest.raises(UsageError, match="without its index"):
        metric.detection_rows(pool(index=False)[0])
