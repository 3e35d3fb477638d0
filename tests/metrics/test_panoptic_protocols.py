"""Every panoptic protocol against its reference: restated plainly, and itself where it is installed."""

from __future__ import annotations

import contextlib
import io
import math
import warnings

import numpy as np
import pytest
from metrics.test_panoptic import ROWS, random_images, reference, write

from segbench.errors import SegbenchWarning
from segbench.metrics import PanopticQuality

SEEDS = range(40)
IDS = [row["id"] for row in ROWS]
STUFF = [row["id"] for row in ROWS if not row["isthing"]]


def cases(seed):
    """Images whose truth states no area of its own and has predicted crowds, too."""
    rng = np.random.default_rng(seed)
    images = []
    for (pred_map, pred), (truth_map, truth) in random_images(seed):
        ids = set(np.unique(truth_map).tolist())
        rows = [{**row, "area": None} for row in truth if row["id"] in ids and row["id"]]
        known = [row["id"] for row in rows]
        crowds = [{**row, "iscrowd": int(rng.random() < 0.15)} for row in pred]
        images.append(((pred_map, crowds), (np.where(np.isin(truth_map, known), truth_map, 0), rows)))
    return images


def scored(protocol, images, **settings):
    metric = PanopticQuality(ROWS, protocol, settings=settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SegbenchWarning)
        for i, (pred, truth) in enumerate(images):
            metric.update(pred, truth, image_id=i)
        return metric.compute()


def pq_of(scores):
    return [row["pq"] for row in scores.class_rows]


@pytest.mark.parametrize("seed", SEEDS)
def test_cityscapes_is_panopticapi(seed, tmp_path):
    averages, _ = reference(random_images(seed), tmp_path)
    scores = scored("cityscapes-panoptic", random_images(seed))
    expected = [average[key] for average in averages for key in ("pq", "sq", "rq")]
    assert np.array(list(scores.values())).tobytes() == np.array(expected, np.float64).tobytes()


@pytest.mark.parametrize("seed", SEEDS)
def test_cityscapesscripts_itself(seed, tmp_path):
    module = pytest.importorskip("cityscapesscripts.evaluation.evalPanopticSemanticLabeling")
    images, categories = random_images(seed), {row["id"]: row for row in ROWS}
    pairs = list(zip(write(tmp_path, images, 1), write(tmp_path, images, 0), strict=True))
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        total = module.pq_compute_single_core(0, pairs, tmp_path, tmp_path, categories)
    with contextlib.suppress(ZeroDivisionError):
        theirs, _ = total.pq_average(categories, isthing=None)
        scores = scored("cityscapes-panoptic", images)
        assert [scores[key] for key in ("pq", "sq", "rq")] == [theirs[key] for key in ("pq", "sq", "rq")]


def seamseg(images):
    """panoptic_stats and get_panoptic_scores: one matrix an image, void first."""
    iou, tp, fp, fn = np.zeros((4, len(ROWS)))
    for (pred_map, pred), (truth_map, truth) in images:
        sides = []
        for ids, segments in ((truth_map, truth), (pred_map, pred)):
            rows = sorted((r for r in segments if not r.get("iscrowd")), key=lambda r: r["id"])
            place = {r["id"]: i for i, r in enumerate(rows, 1)}
            flat = np.array([place.get(i, 0) for i in ids.ravel().tolist()])
            sides.append((flat, [255] + [IDS.index(r["category_id"]) for r in rows]))
        (t_flat, t_cat), (p_flat, p_cat) = sides
        if len(t_cat) == 1:
            continue
        matrix = np.zeros((len(t_cat), len(p_cat)))
        np.add.at(matrix, (t_flat, p_flat), 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            n_pred = matrix.sum(0)
            valid = matrix[0] / n_pred <= 0.5
            ious = matrix / ((n_pred - matrix[0])[None] + matrix.sum(1)[:, None] - matrix)
        matches = (np.array(t_cat)[:, None] == np.array(p_cat)[None]) & (ious > 0.5)
        matches[0, 0] = False
        one = np.zeros(len(ROWS))
        for t, p in np.argwhere(matches).tolist():
            one[t_cat[t]] += ious[t, p]
            tp[t_cat[t]] += 1
        iou += one
        for t in range(1, len(t_cat)):
            fn[t_cat[t]] += not matches[t].any()
        for p in range(1, len(p_cat)):
            fp[p_cat[p]] += bool(not matches[:, p].any() and valid[p])
    whole = tp + 0.5 * (fp + fn)
    whole[whole == 0] = 1
    return iou / whole


@pytest.mark.parametrize("seed", SEEDS)
def test_mapillary(seed):
    scores, expected = scored("mapillary-panoptic", cases(seed)), seamseg(cases(seed))
    assert pq_of(scores) == expected.tolist()
    assert scores["pq"] == pytest.approx(expected.mean(), rel=1e-15)
    assert scores["pq_stuff"] == pytest.approx(expected[[1, 3]].mean(), rel=1e-15)


def test_mapillary_skips_images_of_void_alone():
    void = np.zeros((3, 3), np.int32)
    pred = np.ones((3, 3), np.int32), [{"id": 1, "category_id": 17}]
    crowd = np.ones((3, 3), np.int32), [{"id": 1, "category_id": 17, "iscrowd": 1}]
    for truth in ((void, []), crowd):
        assert scored("mapillary-panoptic", [(pred, truth)])["pq"] == 0
    full = np.ones((3, 3), np.int32), [{"id": 1, "category_id": 17}]
    assert scored("mapillary-panoptic", [(pred, full), (pred, crowd)])["pq"] == 1 / 4


def colours(ids, rows, categories):
    """Each pixel as (category, instance), stuff without instance, None for void."""
    known = {row["id"]: row for row in rows}
    out = []
    for i in ids.ravel().tolist():
        row = known.get(i)
        stuff = row is not None and row["category_id"] in categories
        out.append(None if row is None else (row["category_id"], 0 if stuff else i))
    return out


def counted(values):
    counts = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts


def torchmetrics_image(pair, loose):
    """Sum of IoU, tp, fp and fn by category of one image."""
    pred, truth = (colours(*side, STUFF) for side in pair)
    areas, common = (counted(pred), counted(truth)), counted(zip(pred, truth, strict=True))
    rows = {c: [0.0, 0, 0, 0] for c in IDS}
    matched = (set(), set())
    for (p, t), n in common.items():
        if p is None or t is None or p[0] != t[0]:
            continue
        union = areas[0][p] - common.get((p, None), 0) + areas[1][t] - common.get((None, t), 0) - n
        iou = float(np.float32(n) / np.float32(union))
        if t[0] in loose or iou > 0.5:
            rows[t[0]][0] += iou
            rows[t[0]][1] += t[0] not in loose
            matched[0].add(p)
            matched[1].add(t)
    for side, place in ((0, 2), (1, 3)):
        for colour, area in areas[side].items():
            if colour is None or colour in matched[side] or colour[0] in loose:
                continue
            void = common.get((colour, None) if side == 0 else (None, colour), 0)
            rows[colour[0]][place] += void / area <= 0.5
    for colour in areas[1]:
        if colour is not None and colour[0] in loose:
            rows[colour[0]][1] += 1
    return rows


def torchmetrics_restated(images, loose=()):
    total = np.zeros((len(IDS), 4))
    for pair in images:
        rows = torchmetrics_image(pair, loose)
        total += np.array([rows[c] for c in IDS])
    iou, tp, fp, fn = total.T
    whole = tp + 0.5 * fp + 0.5 * fn
    with np.errstate(invalid="ignore", divide="ignore"):
        sq = np.where(tp > 0, iou / tp, 0.0)
        rq = (tp.astype(np.float32) / whole.astype(np.float32)).astype(float)
    return np.where(whole > 0, sq * rq, np.nan)


@pytest.mark.parametrize("stuff", ["match", "overlap"])
@pytest.mark.parametrize("seed", SEEDS)
def test_torchmetrics(seed, stuff):
    scores = scored("torchmetrics-pq", cases(seed), stuff=stuff)
    expected = torchmetrics_restated(cases(seed), STUFF if stuff == "overlap" else ())
    np.testing.assert_array_equal(pq_of(scores), expected)
    if not np.isnan(expected).all():
        assert scores["pq"] == pytest.approx(np.nanmean(expected), rel=1e-15)


@pytest.mark.parametrize("stuff", ["match", "overlap"])
@pytest.mark.parametrize("seed", SEEDS)
def test_torchmetrics_itself(seed, stuff):
    torch = pytest.importorskip("torch")
    detection = pytest.importorskip("torchmetrics.detection")
    kind = detection.PanopticQuality if stuff == "match" else detection.ModifiedPanopticQuality
    things = set(IDS) - set(STUFF)
    theirs = kind(things=things, stuffs=set(STUFF), allow_unknown_preds_category=True)
    for pair in cases(seed):
        maps = [
            torch.tensor([c or (255, 0) for c in colours(*side, STUFF)]).reshape(1, *side[0].shape, 2)
            for side in pair
        ]
        theirs.update(*maps)
    found = scored("torchmetrics-pq", cases(seed), stuff=stuff)["pq"]
    assert found == pytest.approx(float(theirs.compute()), rel=1e-14, nan_ok=True)


def dagger(images):
    """PQ of things by panopticapi; stuff by the definition of the paper."""
    iou, n_true = dict.fromkeys(STUFF, 0.0), dict.fromkeys(STUFF, 0)
    for (pred_map, pred), (truth_map, truth) in images:
        for t in (row for row in truth if row["category_id"] in STUFF and not row["iscrowd"]):
            n_true[t["category_id"]] += 1
            for p in (row for row in pred if row["category_id"] == t["category_id"]):
                mine, found = truth_map == t["id"], pred_map == p["id"]
                common = np.count_nonzero(mine & found)
                union = np.count_nonzero(mine | found) - np.count_nonzero(found & (truth_map == 0))
                iou[t["category_id"]] += common / union if common else 0.0
    return {c: iou[c] / n_true[c] if n_true[c] else math.nan for c in STUFF}


@pytest.mark.parametrize("seed", SEEDS)
def test_pq_dagger(seed):
    images = cases(seed)
    scores, plain = scored("pq-dagger", images), scored("panopticapi", images)
    expected = dagger(images)
    for row, old, category in zip(scores.class_rows, plain.class_rows, IDS, strict=True):
        pq = expected[category] if category in STUFF else old["pq"]
        assert row["pq"] == pytest.approx(pq, rel=1e-14, nan_ok=True)
        assert category not in STUFF or math.isnan(pq) or row["rq"] == 1
    kept = [pq for pq in pq_of(scores) if not math.isnan(pq)]
    assert scores["pq"] == pytest.approx(sum(kept) / len(kept) if kept else math.nan, nan_ok=True)


def test_predicted_void_excuses_in_torchmetrics_alone():
    truth = np.full((2, 5), 1, np.int32), [{"id": 1, "category_id": 17}]
    pred_map = truth[0].copy()
    pred_map[:, 2:] = 0
    pred = pred_map, truth[1]
    assert scored("torchmetrics-pq", [(pred, truth)])["pq"] == 1.0
    assert scored("panopticapi", [(pred, truth)])["pq"] == 0.0
