"""Cityscapes' average precision against cityscapesScripts 2.3.0, bit for bit, on folders as it reads them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError, SegbenchWarning, UsageError
from segbench.leaderboard.evidence import read_evidence
from segbench.leaderboard.resample import resamples
from segbench.metrics import CityscapesAP
from segbench.metrics.cityscapes import LABELS
from segbench.metrics.cityscapes_instance import SCORED, average_precision
from segbench.metrics.cityscapes_match import CityscapesRules
from segbench.metrics.instance_curves import count_truths
from segbench.metrics.instance_joined import Detections
from segbench.protocols import get_protocol

DRAWN = [label for label in LABELS if label.id >= 0]
CATEGORIES = Categories(Category(i, label.name, source_id=label.id) for i, label in enumerate(DRAWN))
HEIGHT, WIDTH = 60, 90
SIDES = (4, 9, 10, 20, 34, 40)  # 100 pixels is the least that counts


def write_json(content, file):
    Path(file).write_text(json.dumps(content, default=float))


@pytest.fixture
def reference(monkeypatch, tmp_path):
    """Cityscapes' evaluator, with a name that NumPy has dropped; it writes to the folder that it runs in."""
    monkeypatch.setattr(np, "in1d", lambda array, values: np.isin(array, values).ravel(), raising=False)
    monkeypatch.chdir(tmp_path)
    module = pytest.importorskip("cityscapesscripts.evaluation.evalInstanceLevelSemanticLabeling")
    monkeypatch.setattr(module, "writeDict2JSON", write_json)  # theirs stops at NumPy's integers
    return module


def draw_truth(rng):
    """An ``instanceIds`` map: stuff, void, groups (ids below 1000), instances of scored and other classes."""
    ids = np.full((HEIGHT, WIDTH), int(rng.choice([7, 11, 23])), np.int32)
    for n in range(int(rng.integers(1, 14))):
        h, w = (int(rng.choice(SIDES)) for _ in range(2))
        y, x = int(rng.integers(0, HEIGHT - 3)), int(rng.integers(0, WIDTH - 3))
        kind, label = rng.random(), int(rng.choice([24, 24, 26, 26, 33, 31]))
        if kind < 0.2:
            value = int(rng.choice([0, 4, 5, 9, 16, 29, 30, 8]))  # void, other groups, stuff
        elif kind < 0.35:
            value = label
        elif kind < 0.42:
            value = int(rng.choice([29, 30])) * 1000 + n
        else:
            value = label * 1000 + n
        ids[y : y + h, x : x + w] = value
    return ids


def draw_predictions(rng, ids):
    """Masks near the truth and anywhere, with ties of scores, empty ones and classes that are not scored."""
    found = []
    for value in np.unique(ids).tolist():
        label = value // 1000 if value >= 1000 else value
        for _ in range(int(rng.integers(0, 4)) if label >= 24 or rng.random() < 0.3 else 0):
            mask = ids == value
            shift = rng.integers(-3, 4, 2).tolist() if rng.random() < 0.7 else [0, 0]
            mask = np.roll(mask, shift, (0, 1))
            if rng.random() < 0.3:
                mask[:, : int(rng.integers(0, WIDTH))] = False
            if rng.random() < 0.2:  # an IoU of 1/2 is reached and not exceeded
                columns = np.flatnonzero(mask.any(0))
                mask[:, columns[len(columns) // 2 :]] = False
            other = int(rng.choice([24, 26, 33, 28]))
            found.append((mask, label if label >= 24 and rng.random() < 0.8 else other))
    for _ in range(int(rng.integers(0, 4))):
        mask = np.zeros((HEIGHT, WIDTH), bool)
        y, x = rng.integers(0, HEIGHT), rng.integers(0, WIDTH)
        mask[y : y + int(rng.choice(SIDES)), x : x + int(rng.choice(SIDES))] = True
        found.append((mask, int(rng.choice([24, 26, 33, 28, 29, 11]))))
    if rng.random() < 0.3:
        found.append((np.zeros((HEIGHT, WIDTH), bool), 24))
    scores = rng.choice([0.1, 0.5, 0.5, 0.75, rng.random(), rng.random()], len(found))
    return [(mask, label, float(score)) for (mask, label), score in zip(found, scores, strict=True)]


def random_case(seed):
    """``[(instance ids, predictions)]`` of a few images."""
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(int(rng.integers(1, 4))):
        ids = draw_truth(rng)
        images.append((ids, draw_predictions(rng, ids)))
    return images


def distances_of(images, seed):
    """Distance and how sure it is, of every id of every image."""
    rng = np.random.default_rng([seed, 1])
    return [
        {
            value: (float(rng.choice([20, 50, 50.5, 100, 130])), float(rng.choice([0.2, 0.5, 0.9])))
            for value in np.unique(ids).tolist()
        }
        for ids, _ in images
    ]


def write_folders(images, folder):
    """The files that Cityscapes' evaluator reads."""
    truths, preds = [], []
    (folder / "results").mkdir()
    for i, (ids, found) in enumerate(images):
        stem = f"city_{i:06d}_000019"
        truths.append(str(folder / f"{stem}_gtFine_instanceIds.png"))
        Image.fromarray(ids.astype(np.uint16)).save(truths[-1])
        lines = []
        for n, (mask, label, score) in enumerate(found):
            name = f"{stem}_{n}.png"
            Image.fromarray(mask.astype(np.uint8) * 255).save(folder / "results" / name)
            lines.append(f"{name} {label} {score!r}\n")
        preds.append(str(folder / "results" / f"{stem}.txt"))
        (folder / "results" / f"{stem}.txt").write_text("".join(lines))
    return truths, preds


def evaluate(reference, images, folder, distances=None):
    """What Cityscapes' evaluator returns: its matrix and its averages."""
    truths, preds = write_folders(images, folder)
    args = reference.args
    args.predictionPath = str(folder / "results")
    args.gtInstancesFile = str(folder / "gtInstances.json")
    args.exportFile = str(folder / "export" / "result.json")
    args.quiet, args.distanceAvailable = True, distances is not None
    if distances is not None:
        reference.setInstanceLabels(args)
        told = reference.getGtInstances(truths, args)
        for key, known in zip(truths, distances, strict=True):
            for instance in (one for rows in told[key].values() for one in rows):
                instance["medDist"], instance["distConf"] = known[instance["instID"]]
        reference.writeDict2JSON(told, args.gtInstancesFile)
    return reference.evaluateImgLists(preds, truths, args)


def dense(value):
    return next(i for i, label in enumerate(DRAWN) if label.id == (value // 1000 if value >= 1000 else value))


def prediction_sample(image_id, found):
    segments = [
        Segment(id=n, category_id=dense(label), rle=Rle.from_mask(mask), score=score)
        for n, (mask, label, score) in enumerate(found, start=1)
    ]
    return Sample(image_id=image_id, height=HEIGHT, width=WIDTH, segments=segments, overlap=True)


def truth_sample(image_id, ids, known, as_map):
    """The truth as masks with void to be ignored, or as a map of segments."""
    segments = []
    for value in np.unique(ids).tolist():
        label = DRAWN[dense(value)]
        group = value < 1000 and label.size is not None
        told = {} if known is None else dict(zip(("medDist", "distConf"), known[value], strict=True))
        if as_map:
            if value != 0:
                rest = {"iscrowd": group}
                segments.append(Segment(id=value, category_id=dense(value), attributes=told, **rest))
        elif label.size is not None or not label.scored:
            rest = {"iscrowd": group, "ignore": group and not label.scored and value % 2 == 0}
            rle = Rle.from_mask(ids == value)
            segments.append(Segment(id=value, category_id=dense(value), attributes=told, rle=rle, **rest))
    common = {"image_id": image_id, "height": HEIGHT, "width": WIDTH, "segments": segments}
    if as_map:
        return Sample(**common, load_segment_map=lambda: ids)
    return Sample(**common, overlap=True)


def ours(images, distances=None, as_map=False):
    settings = {} if distances is None else {"distances": True}
    metric = get_protocol("cityscapes-instance").build(CATEGORIES, settings)
    for i, (ids, found) in enumerate(images):
        known = None if distances is None else distances[i]
        pair = prediction_sample(str(i), found), truth_sample(str(i), ids, known, as_map)
        metric.add(metric.measure_sample(*pair, i))
    return metric


def same_bits(metric, expected):
    averages = expected["averages"]
    assert metric.precisions().tobytes() == np.array(expected["resultApMatrix"]).tobytes()
    scores = metric.compute()
    names = {"ap": "allAp", "ap50": "allAp50%"}
    if metric.rules.distances:
        names |= {"ap_100m": "allAp100m", "ap_50m": "allAp50m", "ap50_50m": "allAp50%50m"}
    assert list(scores) == list(names)
    assert [repr(value) for value in scores.values()] == [repr(float(averages[n])) for n in names.values()]
    rows = {row["name"]: row for row in scores.class_rows}
    for name, theirs in averages["classes"].items():
        for key, value in theirs.items():
            mine = rows[name][
                {"ap": "ap", "ap50%": "ap50", "ap50m": "ap_50m", "ap100m": "ap_100m"}.get(key, "ap50_50m")
            ]
            assert repr(mine) == repr(float(value))
    assert all(math.isnan(rows[label.name]["ap"]) for label in DRAWN if label not in SCORED)


def all_ignored(metric):
    """Whether, at some threshold, there are instances of a class and all its predictions are ignored."""
    images = metric._images.by_id()
    truths = count_truths(images, len(CATEGORIES), len(metric.rules.ranges))
    joined = Detections.joined(images, len(metric.rules.ranges))
    for r, category in np.argwhere(truths).tolist():
        ignored = joined.of_category(category).ignored[r]
        if len(ignored) and np.bitwise_and.reduce(ignored):
            return True
    return False


@pytest.mark.filterwarnings("ignore:Mean of empty slice:RuntimeWarning")
@pytest.mark.parametrize("seed", range(60))
def test_bit_for_bit_as_cityscapes(reference, tmp_path, seed):
    images = random_case(seed)
    distances = distances_of(images, seed) if seed % 3 == 0 else None
    metric = ours(images, distances, as_map=seed % 2 == 1)
    try:
        expected = evaluate(reference, images, tmp_path, distances)
    except IndexError:
        assert all_ignored(metric)
        return
    same_bits(metric, expected)


MAP = "mmseg_testdata/tests/data/pseudo_cityscapes_dataset/gtFine/val/frankfurt/frankfurt_000000_000294"


@pytest.mark.filterwarnings("ignore:Mean of empty slice:RuntimeWarning")
@pytest.mark.parametrize("as_map", [False, True])
def test_windows_of_a_real_map(data_dir, reference, tmp_path, as_map):
    whole = np.array(Image.open(data_dir / f"{MAP}_gtFine_instanceIds.png")).astype(np.int32)
    rng = np.random.default_rng(3)
    images = []
    for y, x in zip(rng.integers(0, 128 - HEIGHT, 9), rng.integers(0, 256 - WIDTH, 9), strict=True):
        ids = whole[y : y + HEIGHT, x : x + WIDTH]
        images.append((ids, draw_predictions(rng, ids)))
    metric = ours(images, as_map=as_map)
    assert 0 < metric.compute()["ap"] < 1
    same_bits(metric, evaluate(reference, images, tmp_path))


def test_the_fuzz_reaches_what_matters():
    matched = ignored = wrong = truths = far = 0
    for seed in range(60):
        images = random_case(seed)
        distances = distances_of(images, seed) if seed % 3 == 0 else None
        for image in ours(images, distances)._images.by_id():
            matched += np.count_nonzero(image.matched[0])
            ignored += np.count_nonzero(image.ignored[0])
            wrong += np.count_nonzero((image.matched[0] | image.ignored[0]) == 0)
            truths += image.truths[0].sum()
            far += 0 if distances is None else image.truths[1].sum()
    assert min(matched, ignored, wrong, truths) > 150
    assert far > 2


def test_the_thresholds_are_those_of_cityscapes():
    assert CityscapesRules().iou_thresholds == tuple(np.arange(0.5, 1.0, 0.05).tolist())
    assert [label.name for label in SCORED] == [
        "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
    ]  # fmt: skip


def coco_files(images, folder):
    """Truth with groups as crowds and void to be ignored, and results, as COCO files."""
    annotations, results = [], []
    for i, (ids, found) in enumerate(images):
        for value in np.unique(ids).tolist():
            label = DRAWN[dense(value)]
            if label.size is None and label.scored:
                continue
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": i,
                    "category_id": label.id,
                    "segmentation": coco_rle(ids == value),
                    "iscrowd": int(value < 1000 and label.size is not None),
                    "ignore": int(label.size is None),
                    "area": 1.0,
                }
            )
        results += [
            {"image_id": i, "category_id": label, "segmentation": coco_rle(mask), "score": score}
            for mask, label, score in found
        ]
    categories = [{"id": c.source_id, "name": c.name} for c in CATEGORIES]
    pictures = [{"id": i, "height": HEIGHT, "width": WIDTH} for i in range(len(images))]
    content = {"images": pictures, "annotations": annotations, "categories": categories}
    (folder / "truth_val.json").write_text(json.dumps(content))
    (folder / "results.json").write_text(json.dumps(results))
    return folder / "truth_val.json", folder / "results.json"


def coco_rle(mask):
    return {"size": [HEIGHT, WIDTH], "counts": Rle.from_mask(mask).counts.decode()}


def test_from_coco_files_to_the_leaderboard(reference, tmp_path):
    images = [image for seed in (5, 8, 11, 14) for image in random_case(seed)]
    record = segbench.score(*coco_files(images, tmp_path), protocol="cityscapes-instance", out=tmp_path / "r")
    expected = evaluate(reference, images, tmp_path)["averages"]
    assert record.metrics["ap"].value == expected["allAp"]
    assert record.metrics["ap50"].value == expected["allAp50%"]
    record = segbench.read_record(record.path)
    assert record.detections.column_names[3:] == ["score", "matched_all", "ignored_all"]
    metric = get_protocol("cityscapes-instance").build(CATEGORIES, record.protocol["settings"])
    metric.add_tables(record.images, record.detections)
    assert dict(metric.compute()) == {key: value.value for key, value in record.metrics.items()}
    segbench.convert(tmp_path / "truth_val.json", tmp_path / "set", images="none")
    converted = segbench.score(tmp_path / "set", tmp_path / "results.json", protocol="cityscapes-instance")
    assert converted.metrics == record.metrics
    board = segbench.build_leaderboard(tmp_path / "r", tmp_path / "board", formats=("csv",))
    assert not board.left_out
    assert "cityscapes-instance" in (tmp_path / "board" / "leaderboard.csv").read_text()


def test_the_bootstrap_scores_as_the_metric(tmp_path):
    images = [image for seed in range(20, 26) for image in random_case(seed)]
    record = segbench.score(*coco_files(images, tmp_path), protocol="cityscapes-instance")
    pooled = read_evidence(record).pooled
    weights = np.concatenate([np.ones((1, len(images))), *resamples(len(images), 20, 0, 5)])
    for row, found in zip(weights, pooled.scores(weights), strict=True):
        held = np.repeat(np.arange(len(images)), row.astype(int)).tolist()
        literal = ours([images[i] for i in held]).compute()["ap"]
        assert found == pytest.approx(literal, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("seed", [1, 2])
def test_update_merge_and_reset(seed):
    images = random_case(seed)
    rows = [{"id": c.source_id, "name": c.name} for c in CATEGORIES]
    parts = [CityscapesAP(rows), CityscapesAP(rows)]
    for i, (ids, found) in enumerate(images):
        values = [
            v
            for v in np.unique(ids).tolist()
            if not (DRAWN[dense(v)].size is None and DRAWN[dense(v)].scored)
        ]
        labels = [DRAWN[dense(v)] for v in values]
        truth = {
            "masks": np.array([ids == v for v in values]).reshape(-1, HEIGHT, WIDTH),
            "category_ids": [label.id for label in labels],
            "iscrowd": [v < 1000 and label.size is not None for v, label in zip(values, labels, strict=True)],
            "ignore": [label.size is None for label in labels],
        }
        pred = {
            "masks": np.array([mask for mask, _, _ in found]).reshape(-1, HEIGHT, WIDTH),
            "category_ids": [label for _, label, _ in found],
            "scores": [score for _, _, score in found],
        }
        parts[i % 2].update(pred, truth, i)
    parts[1].merge(parts[0])
    scores = parts[1].compute()
    assert repr(dict(scores)) == repr(dict(ours(images).compute()))
    assert scores.signature.startswith(f"segbench={segbench.__version__}|protocol=cityscapes-instance|iou_")
    parts[1].reset()
    assert math.isnan(parts[1].compute()["ap"])


def test_what_the_original_stops_at_is_zero():
    masks = np.zeros((2, 20, 20), bool)
    masks[0, :15], masks[1, 15:] = True, True
    truth = {"masks": masks, "category_ids": [26, 0], "ignore": [0, 1]}
    metric = CityscapesAP([{"id": 26, "name": "car"}, {"id": 0, "name": "unlabeled"}])
    metric.update({"masks": masks[1:], "category_ids": [26], "scores": [0.9]}, truth, 1)
    assert metric.compute()["ap"] == 0
    assert average_precision(np.empty(0), np.empty(0, bool), 3) == 0


def test_unknown_categories_are_left_out_and_warned_of():
    metric = CityscapesAP([{"id": 26, "name": "car"}])
    truth = {"masks": np.ones((1, 20, 20), bool), "category_ids": [26]}
    pred = {"masks": np.ones((2, 20, 20), bool), "category_ids": [27, 26], "scores": [0.5, 0.4]}
    with pytest.warns(SegbenchWarning, match="image 4: category_id: 1 predictions of unknown categories"):
        metric.update(pred, truth, 4)
    assert metric.warnings == ["image 4: category_id: 1 predictions of unknown categories are left out"]
    assert metric.compute()["ap"] == 1


def test_images_without_predictions_and_classes_without_instances_are_told():
    metric = CityscapesAP([{"id": 26, "name": "car"}, {"id": 28, "name": "bus"}, {"id": 7, "name": "road"}])
    truth = {"masks": np.ones((1, 20, 20), bool), "category_ids": [26]}
    with pytest.warns(SegbenchWarning, match="image 4: predictions: there is none for 1 true segments"):
        metric.update({"category_ids": [], "scores": [], "masks": np.ones((0, 20, 20), bool)}, truth, 4)
    assert metric.warnings == [
        "image 4: predictions: there is none for 1 true segments",
        "1 of 3 categories are not in the truth (bus): they are left out of means",
    ]


def one_car(**changes):
    segment = Segment(**{"id": 1, "category_id": 0, "rle": Rle.from_mask(np.ones((20, 20), bool)), **changes})
    return Sample(image_id="7", height=20, width=20, overlap=True, segments=[segment], source_path="a.json")


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (one_car(category_id=4), "image 7: category_id: the truth has unknown category 4"),
        (one_car(rle=None), "a.json: image 7: segmentation: a segment has no mask"),
        (one_car(rle=Rle(20, 20, b"~")), "a.json: image 7: segmentation: "),
        (one_car(), "a.json: image 7: medDist: segment 1 has no number medDist"),
        (one_car(attributes={"medDist": 3, "distConf": "?"}), "image 7: distConf: segment 1 has no number"),
    ],
)
def test_truth_that_cannot_be_scored_is_named(truth, message):
    metric = CityscapesAP([{"id": 26, "name": "car"}], settings={"distances": True})
    with pytest.raises(DataError, match=message):
        metric.measure_sample(one_car(score=0.5), truth)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: CityscapesAP([{"id": 99, "name": "cat"}]),
            r"category 99 \('cat'\) is no class of Cityscapes",
        ),
        (lambda: CityscapesAP([{"id": 1, "name": "car"}, {"id": 2, "name": "car"}]), "the same class"),
        (lambda: CityscapesAP(CATEGORIES, "cityscapes"), "Did you mean 'cityscapes-instance'"),
        (lambda: CityscapesAP(CATEGORIES, settings={"iou_thresholds": 0.4}), "none below 0.5"),
        (lambda: CityscapesAP(CATEGORIES, settings={"least": 1}), "Did you mean 'least_area'"),
        (lambda: CityscapesAP(CATEGORIES).add_tables(None), "table of detections"),
        (
            lambda: CityscapesAP(CATEGORIES).merge(CityscapesAP(CATEGORIES, settings={"least_area": 1})),
            "settings",
        ),
    ],
)
def test_wrong_use_is_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()
