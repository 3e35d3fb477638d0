"""Boards of real data: the numbers of the reference tools stand in their cells.

What is expected was computed with pycocotools 2.0.11, panopticapi 7bb4655 and mmsegmentation's formula, and
lies beside the data.
"""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

import segbench
from segbench.leaderboard import build_leaderboard
from segbench.leaderboard.text import decimals, percent

YOLACT = "yolact_dets/derived"
MODELS = ("yolact_base", "yolact_resnet50", "yolact_darknet53")
LIGHTLY = "lightly_coco128/panoptic_segmentation/annotations/panoptic_train2017.json"
AP = {"ap": "AP", "ap50": "AP50", "ap75": "AP75", "ar_1": "AR1", "ar_10": "AR10", "ar_100": "AR100"}
AP |= {
    f"{kind}_{size}": f"{kind.upper()}{size[0]}"
    for kind in ("ap", "ar")
    for size in ("small", "medium", "large")
}


@pytest.fixture(scope="module")
def built(data_dir, tmp_path_factory):
    root = tmp_path_factory.mktemp("real")
    out, kept = root / "results", {"keep_errors": True}
    for model in MODELS:
        pair = data_dir / YOLACT / "pseudo_gt.json", data_dir / YOLACT / f"{model}_segm.json"
        segbench.score(*pair, model=model, settings=kept, out=out)
    segbench.score(
        data_dir / "camvid/CamVid/valannot",
        data_dir / "camvid/pred_val",
        truth_options={"num_classes": 11, "ignore_index": 11},
        model="camvid",
        out=out,
    )
    pair = data_dir / LIGHTLY, data_dir / "lightly_coco128/pred_panoptic_train2017.json"
    segbench.score(*pair, model="lightly", out=out)
    return build_leaderboard(out, root / "board", formats=("md", "csv", "json", "tex"), n_boot=200)


@pytest.fixture(scope="module")
def expected(data_dir):
    def read(file, key):
        return json.loads((data_dir / file).read_text())[key]

    numbers = {
        model: {ours: read("yolact_dets/expected.json", model)[theirs] for ours, theirs in AP.items()}
        for model in MODELS
    }
    camvid = read("camvid/expected_val.json", "val")
    names = {"miou": "mIoU", "mean_accuracy": "mAcc", "pixel_accuracy": "pixel_acc", "fw_iou": "fwIoU"}
    numbers["camvid"] = {ours: camvid[theirs] for ours, theirs in names.items()}
    lightly = read("lightly_coco128/expected_panoptic_train2017.json", "train2017")
    numbers["lightly"] = {
        key + suffix: lightly[group][key]
        for group, suffix in (("All", ""), ("Things", "_things"), ("Stuff", "_stuff"))
        for key in ("pq", "sq", "rq")
    }
    return numbers


def test_every_reference_number_stands_in_csv_and_json(built, expected):
    with built.paths[1].open(encoding="utf-8", newline="") as handle:
        lines = {line["model"]: line for line in csv.DictReader(handle)}
    content = json.loads(next(path for path in built.paths if path.suffix == ".json").read_text())
    rows = {row["model"]: row for board in content["boards"] for row in board["rows"]}
    assert lines.keys() == rows.keys() == expected.keys()
    for model, numbers in expected.items():
        for key, number in numbers.items():
            assert float(lines[model][key]) == pytest.approx(number, abs=1e-12), (model, key)
            assert rows[model]["metrics"][key] == pytest.approx(number, abs=1e-12), (model, key)


def test_and_in_the_cells_of_markdown_and_latex(built, expected):
    by_suffix = {path.suffix: path.read_text(encoding="utf-8") for path in built.paths}
    for board in built.boards:
        digits = decimals(board)
        for row in board.rows:
            shown = {percent(number, digits) for number in expected[row.model].values()}
            line = next(one for one in by_suffix[".md"].splitlines() if f"| {row.model} |" in one)
            assert shown <= {cell.strip("* ") for cell in line.split("|")}
            primary = percent(expected[row.model][board.metric], digits)
            name = row.model.replace("_", r"\_")
            line = next(one for one in by_suffix[".tex"].splitlines() if f" & {name} & " in one)
            assert f" {primary}" in line or rf"\textbf{{{primary}}}" in line


def test_curves_sizes_and_errors_of_the_three_yolacts(built, expected):
    [board] = [board for board in built.boards if board.task == "instance"]
    assert board.rows[0].model == "yolact_base"
    curves, sizes, errors = (board.frame(name) for name in ("curves", "sizes", "errors"))
    for row in board.rows:
        numbers = expected[row.model]
        mine = curves[(curves["model"] == row.model) & (curves["iou"] == 0.5)]
        assert mine["precision"].mean() == pytest.approx(numbers["ap50"], abs=1e-6)
        mine = sizes[(sizes["model"] == row.model) & sizes["category_id"].isna()].set_index("size")["ap"]
        for size in ("small", "medium", "large"):
            assert mine[size] == pytest.approx(numbers[f"ap_{size}"], abs=1e-6)
        mine = errors[(errors["model"] == row.model) & errors["category_id"].isna()]
        assert mine["share"].sum() == pytest.approx(1, abs=1e-5)
        assert (mine["gain"] >= 0).all()


def test_confusion_of_camvid_adds_up_to_what_is_missed(built):
    [board] = [board for board in built.boards if board.task == "semantic"]
    frame = board.frame("confusion")
    accuracy = board.rows[0].record.metrics["pixel_accuracy"].value
    images = segbench.read_record(board.rows[0].record.path).images
    right = sum(np.sum(one) for one in images["tp"].to_pylist())
    assert 1 - frame["amount"].sum() / (right + frame["amount"].sum()) == pytest.approx(accuracy, abs=1e-9)
