"""The protocols of LVIS against lvis 0.5.3, bit for bit."""

from __future__ import annotations

import json
import sys
import types
from collections import defaultdict
from copy import deepcopy

import numpy as np
import pytest
from pycocotools import mask as coco_mask

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError
from segbench.leaderboard.evidence import read_evidence
from segbench.metrics import MaskAP
from segbench.protocols import get_protocol

SOURCE_IDS = [7, 3, 90, 12, 41]  # dense ids are not in the order of source ids
FREQUENCY = ["f", "r", "c", "c", "f"]
CATEGORIES = Categories(
    Category(i, f"c{key}", source_id=key, frequency=FREQUENCY[i]) for i, key in enumerate(SOURCE_IDS)
)
UNKNOWN = 5
KEYS = {
    "ap": "AP", "ap50": "AP50", "ap75": "AP75", "ap_small": "APs", "ap_medium": "APm", "ap_large": "APl",
    "ap_rare": "APr", "ap_common": "APc", "ap_frequent": "APf",
    "ar_300": "AR@300", "ar_small": "ARs@300", "ar_medium": "ARm@300", "ar_large": "ARl@300",
}  # fmt: skip


pytestmark = pytest.mark.filterwarnings("ignore:The 'warn' method is deprecated:DeprecationWarning")  # lvis


@pytest.fixture
def lvis(monkeypatch):
    """The package, which needs OpenCV for its pictures and names that NumPy has dropped."""
    if "cv2" not in sys.modules:
        monkeypatch.setitem(sys.modules, "cv2", types.ModuleType("cv2"))
    monkeypatch.setattr(np, "float", float, raising=False)
    monkeypatch.setattr(np, "int", int, raising=False)
    return pytest.importorskip("lvis")


def shape(rng, size, box=None):
    """A box with a corner bitten off: polygon or run lengths, and its own idea of a box."""
    if box is None:
        x, y = int(rng.integers(0, size[1] - 2)), int(rng.integers(0, size[0] - 2))
        box = [x, y, int(rng.integers(1, size[1] - x)), int(rng.integers(1, size[0] - y))]
    x, y, w, h = box
    mask = np.zeros(size, np.uint8)
    mask[y : y + h, x : x + w] = 1
    mask[y : y + h // 3, x : x + w // 3] = 0
    rle = coco_mask.encode(np.asfortranarray(mask))
    return {
        "segmentation": {"size": list(size), "counts": rle["counts"].decode()},
        "bbox": [float(x), float(y), float(w), float(h) * float(rng.choice([1, 1, 1, 0]))],
    }


def near(rng, truth, size):
    x, y, w, h = (int(v) for v in truth["bbox"])
    h = max(h, 1)
    return shape(
        rng, size, [x, y, max(1, w - int(rng.integers(0, 1 + w // 3))), max(1, h - int(rng.integers(0, 4)))]
    )


def random_case(seed):
    """Federated truth and results with ties, flags, ids 0, areas 0 and on the bounds, unknown categories."""
    rng = np.random.default_rng(seed)
    images, truths, results = [], [], []
    for i in rng.choice([9, 10, 100, 3, 21], rng.integers(1, 5), replace=False).tolist():
        size = tuple(rng.choice([30, 110, 150], 2).tolist())
        told = [rng.choice(SOURCE_IDS, rng.integers(0, 4), replace=False).tolist() for _ in range(2)]
        images.append(
            {"id": i, "height": size[0], "width": size[1], "neg_category_ids": told[0],
             "not_exhaustive_category_ids": told[1]}
        )  # fmt: skip
        for _ in range(rng.integers(0, 7)):
            truth = {"image_id": i, "category_id": int(rng.choice(SOURCE_IDS[:4])), **shape(rng, size)}
            truth["iscrowd"] = int(rng.random() < 0.2)
            if rng.random() < 0.4:
                truth["ignore"] = int(rng.random() < 0.4)
            truth["area"] = float(rng.choice([1024, 9216, 1023.5, 9217, 500, 4000, 20000, 0]))
            truths.append(truth)
            place = {key: truth[key] for key in ("image_id", "category_id")}
            results += [{**near(rng, truth, size), **place} for _ in range(rng.integers(0, 5))]
        for _ in range(rng.integers(0, 6)):
            category = int(rng.choice([*SOURCE_IDS, UNKNOWN]))
            results.append({"image_id": i, "category_id": category, **shape(rng, size)})
    first = int(rng.integers(0, 2))
    for i, k in enumerate(rng.permutation(len(truths)).tolist()):
        truths[k]["id"] = first + i
    results.append({"image_id": images[0]["id"], "category_id": 3, **shape(rng, (30, 30))})
    results[-1]["segmentation"]["size"] = [images[0]["height"], images[0]["width"]]
    results[-1] |= shape(rng, (images[0]["height"], images[0]["width"]))
    for result in results:
        result["score"] = float(rng.choice([0.1, 0.25, 0.5, 0.5, 0.9, rng.random()]))
        if seed % 3 == 0:
            del result["bbox"]
    categories = [{"id": c.source_id, "name": c.name, "frequency": c.frequency} for c in reversed(CATEGORIES)]
    truth = {"images": images, "annotations": truths, "categories": categories}
    return truth, [results[i] for i in rng.permutation(len(results)).tolist()]


def best_of_categories(results, limit):
    """What the script of Dave et al. hands to lvis: the best of each category, by the order of the file."""
    by_category = defaultdict(list)
    for row in results:
        by_category[row["category_id"]].append(row)
    return [
        row
        for rows in by_category.values()
        for row in sorted(rows, key=lambda row: row["score"], reverse=True)[:limit]
    ]


def reference(lvis, truth, results, iou_type, per_image=300, per_category=None):
    """lvis' evaluation, run."""
    with_truth = lvis.LVIS.__new__(lvis.LVIS)
    with_truth.logger = lvis.lvis.logging.getLogger("lvis")
    with_truth.dataset = deepcopy(truth)
    with_truth._create_index()
    found = deepcopy(results)
    if per_category is not None:
        found, per_image = best_of_categories(found, per_category), -1
    evaluation = lvis.LVISEval(with_truth, lvis.LVISResults(with_truth, found, max_dets=per_image), iou_type)
    evaluation.run()
    return evaluation


def segment_of(row, size, number):
    key = row["category_id"]
    return Segment(
        id=row.get("id", number),
        category_id=SOURCE_IDS.index(key) if key in SOURCE_IDS else -1,
        iscrowd=bool(row.get("iscrowd")),
        ignore=bool(row.get("ignore")),
        source_area=row.get("area"),
        bbox=tuple(row["bbox"]) if "bbox" in row else None,
        rle=Rle(*size, row["segmentation"]["counts"].encode()),
        score=row.get("score"),
    )


def samples_of(truth, results):
    """(prediction, truth) of every image, as the readers make them."""
    for image in truth["images"]:
        size = (image["height"], image["width"])
        told = {
            key: tuple(SOURCE_IDS.index(i) for i in image[key])
            for key in ("neg_category_ids", "not_exhaustive_category_ids")
        }
        yield tuple(
            Sample(
                image_id=str(image["id"]), height=size[0], width=size[1], overlap=True, **extra,
                segments=[
                    segment_of(row, size, i)
                    for i, row in enumerate(rows, start=1)
                    if row["image_id"] == image["id"]
                ],
            )
            for rows, extra in ((results, {}), (truth["annotations"], told))
        )  # fmt: skip


def ours(truth, results, **options):
    metric = MaskAP(CATEGORIES, **options)
    for pred, true in samples_of(truth, results):
        metric.add(metric.measure_sample(pred, true))
    return metric


def same_bits(metric, expected):
    drawn = metric.curves()
    assert drawn.precision[..., 0].tobytes() == expected.eval["precision"].tobytes()
    assert drawn.recall[..., 0].tobytes() == expected.eval["recall"].tobytes()
    scores = metric.compute()
    limit = metric.rules.max_detections[-1]
    theirs = {key.partition("@")[0]: value for key, value in expected.results.items()}
    names = {key.replace("ar_300", f"ar_{limit}"): name.partition("@")[0] for key, name in KEYS.items()}
    assert list(scores) == list(names)
    assert (
        np.nan_to_num(list(scores.values()), nan=-1).tobytes()
        == np.array([theirs[name] for name in names.values()], np.float64).tobytes()
    )


@pytest.mark.parametrize("seed", range(120))
def test_bit_for_bit_as_lvis(lvis, seed):
    truth, results = random_case(seed)
    iou_type = ("segm", "bbox")[seed % 2 if seed % 3 else 0]
    limit = (300, 6, 2)[seed // 2 % 3]
    expected = reference(lvis, truth, results, iou_type, per_image=limit)
    same_bits(ours(truth, results, protocol="lvis", iou_type=iou_type, max_detections=(limit,)), expected)


@pytest.mark.parametrize("seed", range(120, 220))
def test_bit_for_bit_as_fixed_ap(lvis, seed):
    truth, results = random_case(seed)
    iou_type = ("segm", "bbox")[seed % 2 if seed % 3 else 0]
    limit = (10_000, 3, 1, 5)[seed // 2 % 4]
    expected = reference(lvis, truth, results, iou_type, per_category=limit)
    metric = ours(truth, results, protocol="lvis-fixed", iou_type=iou_type, max_detections=(limit,))
    same_bits(metric, expected)


def test_the_fuzz_reaches_what_matters(lvis):
    cut = ties = excused = uncounted = unsized = flagged = 0
    for seed in range(220):
        truth, results = random_case(seed)
        told = {
            image["id"]: ({*image["neg_category_ids"]}, {*image["not_exhaustive_category_ids"]})
            for image in truth["images"]
        }
        for row in truth["annotations"]:
            told[row["image_id"]][0].add(row["category_id"])
        excused += sum(row["category_id"] in told[row["image_id"]][1] for row in results)
        uncounted += sum(row["category_id"] not in told[row["image_id"]][0] for row in results)
        unsized += sum(row.get("bbox", [1] * 4)[3] == 0 for row in results)
        flagged += sum(row.get("ignore", 0) for row in truth["annotations"])
        ties += len(results) - len({(row["category_id"], row["score"]) for row in results})
        cut += len(results) - len(best_of_categories(results, 3))
    assert min(cut, ties, excused, uncounted, unsized, flagged) > 200


def columns(truth, results, image, boxes):
    """One image of a case as ``update`` takes it."""
    sides = []
    for rows in (results, truth["annotations"]):
        here = [row for row in rows if row["image_id"] == image["id"] and row["category_id"] != UNKNOWN]
        side = {
            "masks": [row["segmentation"] for row in here],
            "category_ids": [row["category_id"] for row in here],
        }
        if boxes and here:
            side["boxes"] = np.array([row["bbox"] for row in here])
        sides.append(side | {"rows": here})
    sides[0]["scores"] = [row["score"] for row in sides[0].pop("rows")]
    rows = sides[1].pop("rows")
    sides[1] |= {"ids": [row["id"] for row in rows], "area": [row["area"] for row in rows]}
    sides[1] |= {
        "ignore": [row.get("ignore", 0) for row in rows],
        "iscrowd": [row["iscrowd"] for row in rows],
    }
    return sides[0], sides[1] | {
        key: image[key] for key in ("neg_category_ids", "not_exhaustive_category_ids")
    }


@pytest.mark.filterwarnings("ignore::segbench.errors.SegbenchWarning")
@pytest.mark.parametrize("seed", range(8))
def test_update_takes_federated_truth(seed):
    truth, results = random_case(seed)
    known = [row for row in results if row["category_id"] != UNKNOWN]
    rows = [{"id": c.source_id, "name": c.name, "frequency": c.frequency} for c in CATEGORIES]
    metric = MaskAP(rows, protocol="lvis")
    for image in truth["images"]:
        metric.update(*columns(truth, results, image, boxes=seed % 3 > 0), image_id=image["id"])
    expected = ours(truth, known, protocol="lvis")
    assert (
        np.array(list(metric.compute().values())).tobytes()
        == np.array(list(expected.compute().values())).tobytes()
    )


def image(**told):
    rle = Rle.from_mask(np.ones((4, 4), np.uint8))
    segments = [Segment(id=1, category_id=0, rle=rle, score=1.0)]
    return Sample(
        image_id="1", height=4, width=4, overlap=True, segments=segments, source_path="a.jpg", **told
    )


@pytest.mark.parametrize("missing", ["neg_category_ids", "not_exhaustive_category_ids"])
def test_truth_that_is_not_federated_is_refused(missing):
    told = {"neg_category_ids": (), "not_exhaustive_category_ids": ()} | {missing: None}
    with pytest.raises(
        DataError, match=f"a.jpg: image 1: {missing}: is missing; the protocols of LVIS need it"
    ):
        MaskAP(1, protocol="lvis").measure_sample(image(), image(**told))


def test_categories_without_a_frequency_are_counted_and_told():
    metric = MaskAP([{"id": 0, "name": "a", "frequency": "r"}, {"id": 1, "name": "b"}], protocol="lvis")
    told = {"neg_category_ids": (), "not_exhaustive_category_ids": ()}
    metric.add(metric.measure_sample(image(), image(**told)))
    assert metric.warnings[0] == (
        "1 of 2 categories have no frequency (r, c or f); they count in ap, and in none of ap_rare, "
        "ap_common, ap_frequent"
    )
    scores = metric.compute()
    assert scores["ap_rare"] == scores["ap"] == pytest.approx(1)
    assert np.isnan(scores["ap_common"])


@pytest.mark.parametrize("iou_type", ["segm", "bbox"])
@pytest.mark.parametrize("protocol", ["lvis", "lvis-fixed"])
def test_real_files_from_score_to_leaderboard(data_dir, tmp_path, lvis, protocol, iou_type):
    files = data_dir / "lvis_val100/data/lvis_val_100.json", data_dir / "lvis_val100/pred_perturbed.json"
    settings = {"iou_type": iou_type, **({"max_detections": [7]} if protocol == "lvis-fixed" else {})}
    record = segbench.score(*files, protocol=protocol, settings=settings, out=tmp_path)
    record = segbench.read_record(record.path)
    categories = Categories.from_json(record.dataset["categories"])
    metric = get_protocol(protocol).build(categories, record.protocol["settings"])
    metric.add_tables(record.images, record.detections)
    truth, results = (json.loads(file.read_text()) for file in files)
    same_bits(
        metric,
        reference(lvis, truth, results, iou_type, per_category=settings.get("max_detections", [None])[0]),
    )
    assert {key: metric.value for key, metric in record.metrics.items()} == dict(metric.compute())
    if protocol == "lvis":
        expected = json.loads((data_dir / "lvis_val100/expected.json").read_text())[iou_type]
        assert {key: record.metrics[key].value for key in KEYS} == {k: expected[v] for k, v in KEYS.items()}
    pooled = read_evidence(record).pooled
    assert pooled.scores(np.ones((1, 100)))[0] == pytest.approx(record.metrics["ap"].value, abs=1e-12)


def test_the_canonical_form_keeps_what_lvis_needs(data_dir, tmp_path):
    files = data_dir / "lvis_val100/data/lvis_val_100.json", data_dir / "lvis_val100/pred_perturbed.json"
    segbench.convert(files[0], tmp_path / "set", images="none")
    direct, converted = (
        segbench.score(truth, files[1], protocol="lvis") for truth in (files[0], tmp_path / "set")
    )
    assert converted.metrics == direct.metrics
    assert converted.dataset["fingerprint"] == direct.dataset["fingerprint"]
