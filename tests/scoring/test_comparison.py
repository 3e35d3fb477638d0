"""Comparison: rows, reasons and text of the records of one pass."""

import json
import math

import pytest
from together import data, instance, voided

import segbench
from segbench.cli.printed import warnings_of
from segbench.metrics.reasons import Reason
from segbench.scoring.comparison import Row

SEMANTIC = ["exact", "mmseg", "detectron2", "image-level"]


@pytest.fixture(scope="module")
def semantic():
    return segbench.score(data("truth"), data("pred"), protocol=SEMANTIC)


def test_it_is_the_sequence_of_its_records(semantic):
    assert [record.protocol["name"] for record in semantic] == SEMANTIC
    assert semantic[0] is semantic.records[0]
    assert semantic[1:] == semantic.records[1:]
    assert len(semantic) == 4


def test_rows_have_a_value_for_each_protocol_that_has_the_metric(semantic):
    rows = {row.metric: row for row in semantic.metric_rows()}
    assert rows["miou"].values == {
        name: r.metrics["miou"].value for name, r in zip(SEMANTIC, semantic, strict=True)
    }
    assert list(rows["miou_i"].values) == ["image-level"]
    values = rows["miou"].values.values()
    assert rows["miou"].spread == max(values) - min(values) > 0
    assert rows["miou_i"].spread == 0


def test_categories_that_differ_come_by_falling_spread(semantic):
    rows = semantic.class_rows()
    spreads = [row.spread for row in rows]
    assert spreads[:-1] == sorted(spreads[:-1], reverse=True)
    assert rows[-1].category == "train", "detectron2 leaves it undefined"
    assert spreads[-1] == math.inf > spreads[0]
    assert {row.metric for row in rows} == {"iou"}


def test_the_spread_of_undefined_values():
    def spread(*values):
        return Row(task="t", metric="m", values=dict(enumerate(values))).spread

    assert spread(math.nan, math.nan) == 0
    assert spread(math.nan, 0.5) == math.inf
    assert spread(0.25, 0.5) == 0.25


def test_everything_is_plain_json(semantic):
    content = json.loads(json.dumps(semantic.to_dict(), allow_nan=False))
    assert [record["run_id"] for record in content["records"]] == [r.run_id for r in semantic]
    train = next(row for row in content["categories"] if row["category"] == "train")
    assert train["values"]["detectron2"] is None
    assert train["spread"] is None
    assert train["differs"]
    reason = next(row for row in content["reasons"] if row["rule"] == "averaged")
    assert (reason["base"], reason["protocol"], reason["names"]) == ("exact", "detectron2", ["train"])
    assert reason["changes"]["miou"] > 0
    undefined = Reason(base="a", protocol="b", rule="r", text="t", changes={"pq": math.nan})
    assert undefined.to_dict()["changes"] == {"pq": None}


def test_the_text_has_the_table_and_the_reasons(semantic):
    text = str(semantic)
    lines = text.splitlines()
    assert lines[0] == "predictions on truth: 6 images, semantic, in %"
    assert lines[1].split() == [*SEMANTIC, "spread"]
    miou = semantic[0].metrics["miou"].value
    assert lines[2].split()[:2] == ["miou", f"{100 * miou:.3f}"]
    assert "mmseg rounds percentages to 2 decimals, exact rounds nothing\n    " in text
    assert "averages the categories that truth or prediction have: 1 categories (train)\n    miou +" in text
    assert "image-level and exact: no rule matters here" in text
    assert "categories that differ, 5 of 6: iou" in text
    assert all(line == line.rstrip() for line in lines)


def test_tasks_have_tables_of_their_own():
    both = segbench.score(
        data("truth", voided), data("pred", voided), protocol=["panopticapi", "exact", "pq-dagger"]
    )
    assert {row.task for row in both.metric_rows()} == {"panoptic", "semantic"}
    semantic, panoptic = str(both).split("\n\npredictions on")[1], str(both).split("\n\npredictions on")[0]
    assert "exact" in semantic
    assert "exact" not in panoptic
    assert "pq-dagger scores stuff by the IoU of all overlaps" in panoptic
    assert [r.protocol for r in both.reasons] == ["pq-dagger"]


def test_instances_are_compared_by_their_matches():
    text = str(
        segbench.score(
            data("truth", instance), data("pred", instance), protocol=["coco-instance", "coco-bbox"]
        )
    )
    assert "coco-bbox measures IoU on boxes, coco-instance measures IoU on masks: " in text
    assert " of 45 predictions match otherwise" in text


def test_a_warning_is_printed_once_with_the_protocols_that_have_it(semantic):
    lines = list(warnings_of(semantic))
    assert len(lines) == len(set(lines))
    absent = "1 of 6 categories are not in the truth (train): "
    assert f"exact, mmseg, image-level: {absent}they count as 0 in miou" in lines
    assert f"detectron2: {absent}they are left out of miou" in lines
    assert list(warnings_of(semantic[2])) == [f"{absent}they are left out of miou"]
