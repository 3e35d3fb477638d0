"""Types of errors of instances: counted and mended as tidecv does it, beside which these tests run."""

from __future__ import annotations

import json
import sys
import types

import numpy as np
import pytest

import segbench
from segbench.errors import SegbenchWarning
from segbench.leaderboard import build_leaderboard
from segbench.metrics import MaskAP

SHORT = ("Cls", "Loc", "Both", "Dupe", "Bkg", "Miss")
NAMES = dict(zip(["class", "location", "both", "duplicate", "background", "missed"], SHORT, strict=True))
PER_IMAGE, IMAGES, CATEGORIES = 3, 13, 3
"""Of 39 truths a category no recall but 0 and 1 is a hundredth, which tidecv rounds otherwise than COCO."""


@pytest.fixture
def quantify(monkeypatch):
    """tidecv without the packages that draw its plots."""
    for name in ("cv2", "seaborn", "appdirs"):
        stub = types.ModuleType(name)
        vars(stub).update(FONT_HERSHEY_SIMPLEX=0, LINE_AA=0, user_data_dir=str)
        monkeypatch.setitem(sys.modules, name, stub)
    return pytest.importorskip("tidecv.quantify")


def boxes(rng):
    """Truth on a grid, and predictions that are shifted, renamed, repeated or made up; no equal scores."""
    truth, pred = [], []
    for image in range(IMAGES):
        for i in range(PER_IMAGE * CATEGORIES):
            box = [20.0 * (i % 3), 20.0 * (i // 3), 12.0, 12.0]
            truth.append({"image_id": image, "category_id": i % CATEGORIES, "bbox": box})
            for _ in range(rng.integers(0, 4)):
                moved = [*(np.array(box[:2]) + rng.normal(0, 2.5, 2)).tolist(), *box[2:]]
                category = int(rng.integers(CATEGORIES)) if rng.random() < 0.3 else i % CATEGORIES
                pred.append({"image_id": image, "category_id": category, "bbox": moved})
        for _ in range(3):
            box = [*rng.uniform(0, 60, 2).tolist(), 4.0, 4.0]
            pred.append({"image_id": image, "category_id": int(rng.integers(CATEGORIES)), "bbox": box})
    for place, score in enumerate(rng.permutation(len(pred)).tolist()):
        pred[place]["score"] = (score + 0.5) / len(pred)
    return truth, pred


def scored(folder, truth, pred, **settings):
    rows = [
        {**row, "id": i + 1, "iscrowd": 0, "area": 144.0, "segmentation": []} for i, row in enumerate(truth)
    ]
    content = {
        "images": [{"id": i, "height": 80, "width": 80, "file_name": f"{i}.jpg"} for i in range(IMAGES)],
        "annotations": rows,
        "categories": [{"id": i, "name": f"c{i}"} for i in range(CATEGORIES)],
    }
    (folder / "truth.json").write_text(json.dumps(content))
    (folder / "pred.json").write_text(json.dumps(pred))
    return segbench.score(
        folder / "truth.json", folder / "pred.json", protocol="coco-bbox", settings=settings, out=folder / "r"
    )


def tide(quantify, truth, pred):
    from tidecv.data import Data

    sides = Data("truth"), Data("pred")
    for row in truth:
        sides[0].add_ground_truth(row["image_id"], row["category_id"], row["bbox"])
    for row in pred:
        sides[1].add_detection(row["image_id"], row["category_id"], row["score"], row["bbox"])
    return quantify.TIDERun(*sides, 0.5, 0.1, quantify.TIDE.BOX, 100)


def board_of(folder):
    [board] = build_leaderboard(folder / "r", folder / "o", formats=(), n_boot=100).boards
    return board


@pytest.mark.parametrize("seed", range(4))
def test_types_and_gains_are_those_of_tidecv(quantify, tmp_path, seed):
    truth, pred = boxes(np.random.default_rng(seed))
    run = tide(quantify, truth, pred)
    counts = {kind.short_name: n for kind, n in run.count_errors().items()}
    gains = {kind.short_name: gain for kind, gain in run.fix_main_errors().items()}
    record = scored(tmp_path, truth, pred, keep_errors=True)
    assert 100 * record.metrics["ap50"].value == pytest.approx(run.ap, abs=1e-6)
    board = board_of(tmp_path)
    frame = board.frame("errors")
    total = frame[frame["category_id"].isna()].set_index("error")
    assert {NAMES[name]: n for name, n in total["count"].items()} == counts
    assert total["share"].sum() == pytest.approx(1, abs=1e-5)
    for name, short in NAMES.items():
        tolerance = 0.2 if name == "missed" else 1e-4  # fewer truths: then recalls are hundredths
        assert 100 * total["gain"][name] == pytest.approx(gains[short], abs=tolerance), name
    by_class = frame[frame["category_id"].notna()].groupby("error")["count"].sum()
    assert by_class.to_dict() == total["count"].to_dict()


def test_who_is_taken_for_whom(tmp_path):
    truth, pred = boxes(np.random.default_rng(7))
    scored(tmp_path, truth, pred, keep_errors=True)
    board = board_of(tmp_path)
    rows, errors = board.analyses["confusion"].rows, board.frame("errors")
    assert sum(row[3] for row in rows) == errors["count"][errors["error"] == "class"].max()
    assert all(row[1] != row[2] for row in rows)


def test_no_score_depends_on_what_is_kept(tmp_path):
    truth, pred = boxes(np.random.default_rng(1))
    plain, more = scored(tmp_path, truth, pred), scored(tmp_path, truth, pred, keep_errors=True)
    assert plain.metrics == more.metrics
    assert plain.detections.equals(more.detections.select(plain.detections.column_names))
    board = board_of(tmp_path)
    assert len(board.rows) == 2
    assert {row[0] for row in board.analyses["errors"].rows} < {0, 1}


def test_what_is_near_a_prediction():
    masks = np.zeros((3, 8, 8), bool)
    masks[0, :, :4] = masks[1, :, 4:] = True
    metric = MaskAP(num_classes=3, settings={"keep_errors": True})
    pred = {"masks": masks[[0, 0, 1, 2]], "category_ids": [0, 0, 2, 2], "scores": [0.9, 0.8, 0.7, 0.6]}
    metric.update(pred, {"masks": masks[:2], "category_ids": [0, 1]}, image_id=1)
    [stats] = metric._images.by_id()
    assert stats.near["own_truth"].tolist() == [0, 0, -1, -1]
    assert stats.near["own_iou"].tolist() == [1, 1, 0, 0]
    assert stats.near["other_truth"].tolist() == [-1, -1, 1, -1]
    assert stats.near["other_category_id"].tolist() == [-1, -1, 1, -1]
    empty = {"masks": masks[:0], "category_ids": [], "scores": []}
    with pytest.warns(SegbenchWarning, match="there is none for 2 true segments"):
        metric.update(empty, {"masks": masks[:2], "category_ids": [0, 1]}, image_id=2)
    metric.update(pred, {"masks": masks[:0], "category_ids": []}, image_id=3)
    assert metric._images.by_id()[2].near["own_truth"].tolist() == [-1] * 4
