"""Made-up runs for the leaderboard's tests: statistics drawn from a seed, scored by a plain oracle.

An image is a dict of its statistics, a run is a list of images, and every oracle takes such a list, so that
a resample can be scored literally: by a list that holds an image several times.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict

import numpy as np
import pyarrow as pa

from segbench.records.results import MetricValue, RunRecord

NAMES = ["road", "building", "sky", "person", "car", "bicycle", "traffic sign", "vegetation"]
N_THINGS = 4
THRESHOLDS = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
AREAS = {"all": [0.0, 1e10], "small": [0.0, 1024.0], "medium": [1024.0, 9216.0], "large": [9216.0, 1e10]}
SETTINGS = {
    "semantic": {"ignore_index": 255, "average": "mean over categories seen"},
    "instance": {
        "iou_type": "segm",
        "iou_thresholds": THRESHOLDS,
        "area_ranges": AREAS,
        "max_detections": [1, 10, 100],
    },
    "panoptic": {"iou_above": 0.5},
}
PROTOCOLS = {"semantic": "exact", "instance": "coco-instance", "panoptic": "panopticapi"}
MASK = (1 << len(THRESHOLDS)) - 1


def make_record(task, model="model", *, quality=0.7, n_images=40, seed=0, **changes):
    """One run. Runs of the same ``seed`` see the same images; ``quality`` in 0..1 says how well."""
    images = draw(task, quality, n_images, seed, model)
    return record_of(task, model, images, **changes)


def draw(task, quality, n_images, seed, model="model"):
    shared = np.random.default_rng([seed, 1])
    own = np.random.default_rng([seed, 2, *model.encode("utf-8", "replace")])
    scenes = [_scene(shared) for _ in range(n_images)]
    return [DRAW[task](scene, quality, own) for scene in scenes]


def _scene(rng):
    present = sorted(rng.choice(len(NAMES), size=rng.integers(2, 6), replace=False).tolist())
    return {"present": present, "hard": rng.normal(0, 0.08), "sizes": rng.integers(500, 20_000, len(NAMES))}


def _chance(scene, category, quality, rng):
    return float(np.clip(quality - 0.05 * category + scene["hard"] + rng.normal(0, 0.05), 0.02, 0.98))


def _semantic(scene, quality, rng):
    counts = defaultdict(lambda: [0, 0, 0])
    for category in scene["present"]:
        size = int(scene["sizes"][category])
        hit = int(size * _chance(scene, category, quality, rng))
        counts[category][0] += hit
        counts[category][2] += size - hit
        counts[int(rng.integers(len(NAMES)))][1] += size - hit
    return {"counts": {category: tuple(counts[category]) for category in sorted(counts)}}


def _panoptic(scene, quality, rng):
    counts, matches = {}, []
    for category in scene["present"]:
        segments = int(rng.integers(1, 4)) if category < N_THINGS else 1
        ious = 0.5 + 0.5 * rng.beta(4, 2, segments)
        hit = rng.random(segments) < _chance(scene, category, quality, rng)
        matches += [(category, float(iou)) for iou in ious[hit]]
        missed = segments - int(hit.sum())
        counts[category] = (segments - missed, int(rng.binomial(3, 1 - quality)), missed)
    return {"counts": counts, "matches": matches}


def _instance(scene, quality, rng):
    truths, found = defaultdict(lambda: defaultdict(int)), []
    for category in (category for category in scene["present"] if category < N_THINGS):
        mine = []
        for _ in range(int(rng.integers(1, 4))):
            area = str(rng.choice(["small", "medium", "large"]))
            truths[category][area] += 1
            iou = _chance(scene, category, quality, rng) + rng.normal(0, 0.15)
            mine.append((round(float(np.clip(iou + rng.normal(0, 0.1), 0.05, 0.99)), 2), iou, area))
        mine += [
            (round(float(rng.uniform(0, 0.7)), 2), 0.0, str(rng.choice(["small", "large"])))
            for _ in range(int(rng.integers(0, 3)))
        ]
        mine.sort(key=lambda one: -one[0])
        found += [(category, rank, *one) for rank, one in enumerate(mine)]
    return {"truths": {category: dict(areas) for category, areas in truths.items()}, "found": found}


DRAW = {"semantic": _semantic, "panoptic": _panoptic, "instance": _instance}


# ---------------------------------------------------------------------------------------------- oracles


def semantic_scores(images):
    tp, fp, fn = ({}, {}, {})
    for image in images:
        for category, counts in image["counts"].items():
            for total, value in zip((tp, fp, fn), counts, strict=True):
                total[category] = total.get(category, 0) + value
    seen = [c for c in tp if tp[c] + fp[c] + fn[c]]
    iou = {c: tp[c] / (tp[c] + fp[c] + fn[c]) for c in seen}
    accuracy = {c: tp[c] / (tp[c] + fn[c]) for c in seen if tp[c] + fn[c]}
    dice = {c: 2 * tp[c] / (2 * tp[c] + fp[c] + fn[c]) for c in seen}
    truth = sum(tp[c] + fn[c] for c in seen)
    metrics = {
        "miou": math.fsum(iou.values()) / len(iou),
        "pixel_accuracy": sum(tp.values()) / truth,
        "mean_accuracy": math.fsum(accuracy.values()) / len(accuracy),
        "fw_iou": math.fsum((tp[c] + fn[c]) / truth * iou[c] for c in seen),
        "mean_dice": math.fsum(dice.values()) / len(dice),
    }
    return metrics, {c: {"iou": iou[c], "accuracy": accuracy.get(c, math.nan), "dice": dice[c]} for c in seen}


def panoptic_scores(images):
    counts, ious = defaultdict(lambda: [0, 0, 0]), defaultdict(float)
    for image in images:
        for category, values in image["counts"].items():
            counts[category] = [a + b for a, b in zip(counts[category], values, strict=True)]
        for category, iou in image["matches"]:
            ious[category] += iou
    classes = {}
    for category, (tp, fp, fn) in sorted(counts.items()):
        sq, rq = (ious[category] / tp if tp else 0.0), tp / (tp + fp / 2 + fn / 2)
        classes[category] = {"pq": ious[category] / (tp + fp / 2 + fn / 2), "sq": sq, "rq": rq}
    metrics = {}
    for suffix, wanted in (("", range(99)), ("_things", range(N_THINGS)), ("_stuff", range(N_THINGS, 99))):
        for key in ("pq", "sq", "rq"):
            rows = [classes[c][key] for c in classes if c in wanted]
            metrics[key + suffix] = math.fsum(rows) / len(rows) if rows else math.nan
    return metrics, classes


def instance_scores(images):
    table = {area: average_precision(images, area) for area in AREAS}
    metrics = {"ap": _mean(table["all"].values())}
    for key, place in (("ap50", 0), ("ap75", THRESHOLDS.index(0.75))):
        metrics[key] = _mean(row[place : place + 1] for row in table["all"].values())
    metrics |= {f"ap_{area}": _mean(table[area].values()) for area in ("small", "medium", "large")}
    return metrics, {c: {"ap": _mean([row]), "ap50": row[0]} for c, row in table["all"].items()}


def average_precision(images, area="all"):
    """``{category: AP at each threshold}``, COCO's accumulate written out for one list of images.

    Equal scores stand in the order of images, copies of one image together, then by rank; within copies, the
    detection of better rank comes first in all of them.
    """
    result = {}
    for category in sorted({c for image in images for c in image["truths"]}):
        n_truths = sum(_in_area(image["truths"].get(category, {}), area) for image in images)
        if not n_truths:
            continue
        mine = [
            (-found[2], image.get("place", i), found[1], found)
            for i, image in enumerate(images)
            for found in image["found"]
            if found[0] == category and found[1] < 100
        ]
        mine.sort(key=lambda one: one[:3])
        result[category] = [_one_ap([one[3] for one in mine], n_truths, t, area) for t in THRESHOLDS]
    return result


def _one_ap(found, n_truths, threshold, area):
    tp = fp = 0
    recall, precision = [], []
    for one in found:
        if area not in ("all", one[4]):
            continue
        tp, fp = (tp + 1, fp) if one[3] >= threshold else (tp, fp + 1)
        recall.append(tp / n_truths)
        precision.append(tp / (tp + fp + np.spacing(1)))
    for i in range(len(precision) - 1, 0, -1):
        precision[i - 1] = max(precision[i - 1], precision[i])
    places = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
    return sum(precision[place] for place in places if place < len(precision)) / 101


def _in_area(areas, area):
    return sum(areas.values()) if area == "all" else areas.get(area, 0)


def _mean(rows):
    values = [value for row in rows for value in row]
    return math.fsum(values) / len(values) if values else math.nan


SCORES = {"semantic": semantic_scores, "panoptic": panoptic_scores, "instance": instance_scores}
PRIMARY = {"semantic": "miou", "instance": "ap", "panoptic": "pq"}


def primary(task, images):
    if task == "instance":
        return _mean(average_precision(images).values())
    return SCORES[task](images)[0][PRIMARY[task]]


# ---------------------------------------------------------------------------------------------- records


def record_of(task, model, images, /, *, names=NAMES, settings=None, data="Toy streets", **changes):
    metrics, classes = SCORES[task](images)
    speed = changes.pop("speed", None)
    ids = changes.pop("image_ids", [f"{i:05d}" for i in range(len(images))])
    content = {
        "task": task,
        "model": {"name": model, "revision": "main", "spec": f"file:{model[:20]}.py:Model"},
        "dataset": {
            "name": data,
            "split": "val",
            "format": "segbench",
            "fingerprint": hashlib.sha256(task.encode()).hexdigest(),
            "n_images": len(images),
            "n_expected": len(images),
            "n_scored": len(images),
            "n_failed": 0,
            "categories": [{"id": i, "name": name} for i, name in enumerate(names)],
        },
        "protocol": {"name": PROTOCOLS[task], "version": "1", "settings": settings or SETTINGS[task]},
        "metrics": {key: MetricValue(value) for key, value in metrics.items()},
        "per_class": [{"category_id": c, "name": names[c], **row} for c, row in sorted(classes.items())],
        "timing": {} if speed is None else {"images_per_second": speed, "p50_ms": 1000 / speed},
        "env": {"segbench": "0.1.0", "device": "cpu", "packages": {"numpy": "2.0"}},
        "provenance": {"git_commit": "0123abc", "command": ["segbench", "run", "…"]},
    }
    tables = {"images": TABLES[task](ids, images), "detections": None}
    if task == "instance":
        tables["detections"] = _detections(images)
    return RunRecord(**{**content, **tables, **changes})


def _counts_table(ids, images):
    counts = [image["counts"] for image in images]
    columns = {
        "image_id": pa.array(ids, pa.string()),
        "index": pa.array(range(len(ids)), pa.int64()),
        "category_ids": pa.array([list(row) for row in counts], pa.list_(pa.int32())),
    }
    for place, name in enumerate(("tp", "fp", "fn")):
        values = [[triple[place] for triple in row.values()] for row in counts]
        columns[name] = pa.array(values, pa.list_(pa.int64()))
    return pa.table(columns)


def _panoptic_table(ids, images):
    table = _counts_table(ids, images)
    for place, (name, kind) in enumerate((("match_category_ids", pa.int32()), ("match_ious", pa.float64()))):
        values = [[match[place] for match in image["matches"]] for image in images]
        table = table.append_column(name, pa.array(values, pa.list_(kind)))
    return table


def _truths_table(ids, images):
    rows = [sorted({*image["truths"], *(one[0] for one in image["found"])}) for image in images]
    columns = {"image_id": pa.array(ids, pa.string()), "index": pa.array(range(len(ids)), pa.int64())}
    columns["category_ids"] = pa.array(rows, pa.list_(pa.int32()))
    for area in AREAS:
        values = [
            [_in_area(image["truths"].get(c, {}), area) for c in row]
            for row, image in zip(rows, images, strict=True)
        ]
        columns[f"truths_{area}"] = pa.array(values, pa.list_(pa.int64()))
    return pa.table(columns)


def _detections(images):
    rows = [(index, *one) for index, image in enumerate(images) for one in image["found"]]
    columns = {
        "image_index": pa.array([row[0] for row in rows], pa.int64()),
        "category_id": pa.array([row[1] for row in rows], pa.int32()),
        "rank": pa.array([row[2] for row in rows], pa.int32()),
        "score": pa.array([row[3] for row in rows], pa.float64()),
    }
    bits = [sum(1 << t for t, threshold in enumerate(THRESHOLDS) if row[4] >= threshold) for row in rows]
    for area in AREAS:
        ignored = [0 if area in ("all", row[5]) else MASK for row in rows]
        columns[f"matched_{area}"] = pa.array(bits, pa.uint64())
        columns[f"ignored_{area}"] = pa.array(ignored, pa.uint64())
    return pa.table(columns)


TABLES = {"semantic": _counts_table, "panoptic": _panoptic_table, "instance": _truths_table}
