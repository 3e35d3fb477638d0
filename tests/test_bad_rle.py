# ruff: noqa: E501 - a table, one case a line
"""Malformed run lengths, of masks of 4 × 6 pixels: refused through every door, with the place and the reason."""

import warnings

import numpy as np
import pytest
from click.testing import CliRunner
from formats import tiny
from pycocotools import mask as coco_mask

import segbench
import segbench.compat.pycocotools.coco
import segbench.compat.pycocotools.cocoeval
import segbench.compat.pycocotools.mask as our_mask
from segbench.canonical.rle import Rle
from segbench.cli import main
from segbench.errors import DataError
from segbench.metrics import MaskAP

SIZE = [4, 6]


def string(*runs):
    """COCO's string of runs, whatever they sum to."""
    return coco_mask.frPyObjects({"size": SIZE, "counts": list(runs)}, *SIZE)["counts"].decode()


# name: (counts, the reason). Below are those that are no string of COCO's.
STRINGS = {
    "too long": (string(0, 25), "the runs are too long"),
    "too long by a last empty run": (string(3, 21, 0, 1), "the runs are too long"),
    "far too long": (string(0, 4_000_000_000), "the runs are too long"),
    "twice as long as 32 bits": (string(4_294_967_295, 4_294_967_295), "the runs are too long"),
    "too short": (string(3, 20), "the runs are too short"),
    "empty": ("", "the runs are too short"),
    "negative": ("O", "a run is negative"),
    "negative after adding": (string(3, 3, 3) + "G", "a run is negative"),
    "truncated": ("5Q", "truncated: the last run lacks its end"),
    "beyond seven digits": ("oooooooo0", "a run is too large for 32 bits"),
    "beyond 32 bits": ("PPPPPP4", "a run is too large for 32 bits"),
    "a blank": ("3 e0", "a character outside '0'..'o'"),
    "beyond the alphabet": ("p0", "a character outside '0'..'o'"),
    "a character of 0": ("3\0", "a character outside '0'..'o'"),
}
LISTS = {
    "runs too long": ([0, 25], "the runs sum to more than 24"),
    "runs too short": ([0, 23], "the runs sum to less than 24"),
    "no runs": ([], "the runs sum to less than 24"),
    "a run negative": ([5, -1, 20], "run 1 is negative"),
    "a run beyond 32 bits": ([1 << 40], "the runs sum to more than 24"),
    "a run beyond 64 bits": ([1 << 70], "runs must be integers of 64 bits"),
}
OTHERS = {
    "not ASCII": ("3é", "ASCII"),  # "?" in its place would be a digit
    "null": (None, "counts are neither a list nor an ASCII string"),
    "a number": (5, "counts are neither a list nor an ASCII string"),
    "an object": ({}, "counts are neither a list nor an ASCII string"),
    "a run of a half": ([0.5, 23.5], "has a run that is no integer"),
    "a run of text": (["3", 21], "has a run that is no integer"),
    "a run of true": ([True, 23], "has a run that is no integer"),
    "a run of a list": ([[3], 21], "has a run that is no integer"),
}
FILES = STRINGS | LISTS | OTHERS
SIZES = {"null": None, "one side": [4], "three sides": [4, 6, 1], "text": "46", "texts": ["4", "6"], "halves": [4.5, 6],
         "negative": [-4, -6], "nought": [0, 6], "another": [6, 4], "beyond 32 bits": [1 << 16, 1 << 17]}  # fmt: skip


def spoilt_truth(root, segmentation):
    content = tiny.instances()
    content["annotations"][1]["segmentation"] = segmentation
    return tiny.put_instances(root, content)


def score_truth(root, segmentation):
    return [
        "score",
        spoilt_truth(root, segmentation),
        tiny.dump(root / "results.json", tiny.results()),
        "--out",
        root / "out",
    ]


def score_results(root, segmentation):
    content = tiny.results()
    content[1]["segmentation"] = segmentation
    return [
        "score",
        tiny.put_instances(root),
        tiny.dump(root / "results.json", content),
        "--out",
        root / "out",
    ]


def score_odd_results(root, segmentation):
    """The same, with an integer spelled as other writers do, which is read in another way."""
    command = score_results(root, segmentation)
    command[2].write_text(command[2].read_text().replace('"image_id": 1', '"image_id": 1.0'))
    return command


DOORS = {
    "score, the truth": (score_truth, "instances_val.json: image 1: annotations[1].segmentation: "),
    "score, the results": (score_results, "results.json: image 1: [1].segmentation: "),
    "score, odd results": (score_odd_results, "results.json: image 1: [1].segmentation: "),
    "validate": (lambda *a: ["validate", spoilt_truth(*a)], "instances_val.json: image 1: annotations[1].segmentation: "),
    "convert": (lambda *a: ["convert", spoilt_truth(*a), a[0] / "target"], "instances_val.json: image 1: annotations[1].segmentation: "),
}  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", FILES)
def test_malformed_counts_in_a_file(name, door, tmp_path):
    counts, reason = FILES[name]
    check_refused(door, {"size": SIZE, "counts": counts}, reason, tmp_path)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", SIZES)
def test_a_wrong_size_in_a_file(name, door, tmp_path):
    check_refused(door, {"size": SIZES[name], "counts": string(3, 21)}, "is of size ", tmp_path)


def check_refused(door, segmentation, reason, root):
    build, place = DOORS[door]
    result = CliRunner().invoke(main, [str(a) for a in build(root, segmentation)])
    lines = (result.stdout if door == "validate" else result.stderr).splitlines()
    assert result.exit_code == 3
    assert lines[0].startswith("error: ")
    assert place in lines[0]
    assert reason in lines[0]
    assert lines[1:] == (["images: 2, problems: 1"] if door == "validate" else [])
    assert not (root / "out").exists()
    assert not (root / "target").exists()


@pytest.mark.parametrize("side", ["pred", "truth"])
@pytest.mark.parametrize("name", [name for name in FILES if name != "a run of true"])  # NumPy takes it for 1
def test_malformed_counts_in_memory(name, side):
    counts, reason = FILES[name]
    if name in OTHERS:  # NumPy is asked what they are
        reason = "ASCII" if name == "not ASCII" else "runs must be integers"
    with pytest.raises(DataError, match=f"^image 7: masks: .*{reason}"):
        update(side, {"size": SIZE, "counts": counts})


@pytest.mark.parametrize("side", ["pred", "truth"])
@pytest.mark.parametrize("name", SIZES)
def test_a_wrong_size_in_memory(name, side):
    with pytest.raises(DataError, match=r"^image 7: (masks|size): "):
        update(side, {"size": SIZES[name], "counts": string(3, 21)})


@pytest.mark.parametrize("name", STRINGS)
def test_malformed_rle_objects(name):
    with pytest.raises(DataError, match="^image 7: masks: "):
        update("pred", Rle(*SIZE, STRINGS[name][0].encode()))


def update(side, mask):
    columns = {"pred": string(3, 21), "truth": string(3, 21)}
    masks = {key: [{"size": SIZE, "counts": counts}] for key, counts in columns.items()} | {side: [mask]}
    MaskAP(num_classes=1).update(
        {"masks": masks["pred"], "category_ids": [0], "scores": [0.5]},
        {"masks": masks["truth"], "category_ids": [0]},
        image_id=7,
    )


SHORT = {"too short", "empty"}
"""What pycocotools takes, and so do the drop-ins: the rest is outside."""


@pytest.mark.parametrize("name", STRINGS)
def test_the_drop_in_of_mask(name):
    """pycocotools notices runs beyond the image in ``decode`` alone, and reads on beyond what is truncated."""
    rle = {"size": SIZE, "counts": STRINGS[name][0]}
    good = {"size": SIZE, "counts": string(3, 21)}
    calls = [
        lambda: our_mask.decode(rle),
        lambda: our_mask.area(rle),
        lambda: our_mask.toBbox(rle),
        lambda: our_mask.merge([rle, good]),
        lambda: our_mask.iou([rle], [good], [0]),
    ]
    for call in calls:
        if name in SHORT:
            call()
            continue
        with pytest.raises(ValueError, match="RLE"):
            call()


@pytest.mark.parametrize("name", STRINGS)
def test_the_drop_in_of_an_evaluation(name, capsys):
    truth = segbench.compat.pycocotools.coco.COCO()
    truth.dataset = tiny.instances()
    truth.createIndex()
    results = tiny.results()
    results[1]["segmentation"] = {"size": SIZE, "counts": STRINGS[name][0]}
    for row in results:
        row["bbox"] = [0.0, 0.0, 2.0, 2.0]
    run = segbench.compat.pycocotools.cocoeval.COCOeval(truth, truth.loadRes(results), "segm")
    if name in SHORT:
        run.evaluate()
        return
    with pytest.raises(ValueError, match="RLE"):
        run.evaluate()


@pytest.mark.parametrize("name", [name for name in LISTS if name != "no runs"])
def test_the_drop_in_of_runs(name):
    """Sums are not looked at, as in pycocotools; runs that are negative or beyond 32 bits raise in both."""
    runs, _ = LISTS[name]
    rle = {"size": SIZE, "counts": runs}
    outcomes = []
    for tool in (our_mask, coco_mask):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                outcomes.append(tool.frPyObjects(rle, *SIZE))
        except (OverflowError, ValueError) as error:
            outcomes.append(type(error))
    assert outcomes[0] == outcomes[1]


def test_the_table_is_malformed_and_nothing_else():
    update("pred", {"size": SIZE, "counts": string(3, 21)})
    update("truth", {"size": np.array(SIZE), "counts": np.array([3, 21])})
