"""RunRecord: everything that one scored run leaves behind, written whole and read back."""

from __future__ import annotations

import json
import math
import posixpath
import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.errors import DataError
from segbench.records import columns
from segbench.records.results import MetricValue, RunRecord, find_records, read_record, slug
from segbench.records.tables import hash_tables

IMAGES = pa.table(
    {
        "image_id": ["a", "ü"],
        "index": [0, 1],
        "latency_ms": pa.array([1.5, None]),
        "error": pa.array([None, "no"], pa.string()),
        "category_ids": pa.array([[0, 2], []], pa.list_(pa.int32())),
        "tp": pa.array([[5, 2**40], []], pa.list_(pa.int64())),
    }
)
DETECTIONS = pa.table(
    {"image_index": [0], "score": [0.1 + 0.2], "matched_all": pa.array([2**63], pa.uint64())}
)


def record(**changes):
    defaults = {
        "task": "semantic",
        "model": {"name": "deeplab v3", "class_map": {1: 0}},
        "dataset": {"name": "Cityscapes", "fingerprint": "0123456789abcdef", "n_images": 2},
        "protocol": {"name": "exact", "version": 1, "settings": {"ignore_index": 255, "areas": (0, 32)}},
        "metrics": {"miou": MetricValue(1 / 3, ci_low=0.1, n_boot=1000), "fw_iou": MetricValue(math.nan)},
        "per_class": [
            {"category_id": 0, "name": "Straße", "iou": 0.5},
            {"category_id": 1, "name": "b", "iou": math.nan},
        ],
        "env": {"segbench": "0.1.0"},
        "warnings": ["mind the gap"],
        "images": IMAGES,
        "detections": DETECTIONS,
    }
    return RunRecord(**{**defaults, **changes})


def same(a, b):
    """Compare plain values, NaN being NaN."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def test_a_record_survives(tmp_path):
    given = record(timing={"fps": 3.5}, provenance={"commit": "abc"}, status="partial")
    found = read_record(given.write(tmp_path))
    assert same(found.to_dict(), {**given.to_dict(), "tables": hash_tables(found.path)})
    assert found.tables.keys() == {"images", "detections"}
    assert (found.run_id, found.signature) == (given.run_id, given.signature)
    assert found.metrics["miou"] == given.metrics["miou"]
    assert math.isnan(found.metrics["fw_iou"].value)
    assert math.isnan(found.per_class[1]["iou"])
    assert found.images.equals(given.images)
    assert found.detections.equals(given.detections)
    assert found.status == "partial"


def test_a_record_has_a_place_of_its_own(tmp_path):
    folder = record().write(tmp_path)
    assert folder == tmp_path / "Cityscapes/semantic" / slug("deeplab v3") / record().run_id
    assert sorted(p.name for p in folder.iterdir()) == ["detections.parquet", "images.parquet", "run.json"]
    assert read_record(folder).path == folder
    assert find_records(tmp_path) == [folder]


def test_tables_are_read_when_asked_for(tmp_path):
    folder = record(detections=None).write(tmp_path)
    assert read_record(folder).detections is None
    assert read_record(folder, tables=False).images is None


def test_the_file_is_strict_json_with_the_id_first(tmp_path):
    text = (record().write(tmp_path) / "run.json").read_text(encoding="utf-8")
    content = json.loads(text, parse_constant=pytest.fail)
    assert next(iter(content)) == "run_id"
    assert content["metrics"]["fw_iou"]["value"] is None
    assert content["run_id"] == record().run_id
    assert "Straße" in text


def test_numpy_values_and_infinities_are_written(tmp_path):
    model = {"name": "m", "n_params": np.int64(7), "flags": (np.bool_(True), np.float32(0.5), math.inf)}
    found = read_record(record(model=model).write(tmp_path))
    assert found.model == {"name": "m", "n_params": 7, "flags": [True, 0.5, None]}


def test_loggers_get_numbers_by_flat_keys():
    found = record(timing={"latency_ms": {"p50": 2, "p99": math.inf}, "device": "cpu"}).to_dict(flat=True)
    assert found == {"miou": 1 / 3, "iou/Straße": 0.5, "timing/latency_ms/p50": 2.0}
    assert {type(value) for value in found.values()} == {float}


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_a_logger_takes_any_name_of_a_category(names):
    """MLflow refuses other characters, paths that are not normal, and keys of more than 250."""
    rows = [{"category_id": i, "name": name, "iou": i / 4} for i, name in enumerate([*names, "..", "a/b"])]
    found = record(per_class=rows, metrics={}).to_dict(flat=True)
    assert list(found.values()) == [row["iou"] for row in rows]
    for key in found:
        assert re.fullmatch(r"[/\w.\- :]{1,250}", key)
        assert posixpath.normpath(key) == key


@pytest.mark.parametrize(
    "changes",
    [
        {"timing": {"fps": 9}}, {"env": {"segbench": "9"}}, {"provenance": {"commit": "x"}}, {"warnings": []},
        {"images": None}, {"path": "x"}, {"model": {"class_map": {1: 0}, "name": "deeplab v3"}},
    ],
)  # fmt: skip
def test_a_run_repeated_elsewhere_has_the_same_id(changes):
    assert record(**changes).run_id == record().run_id


@pytest.mark.parametrize(
    "changes",
    [
        {"task": "panoptic"}, {"status": "failed"}, {"model": {"name": "other"}}, {"dataset": {"name": "x"}},
        {"protocol": {"name": "exact", "version": 2}}, {"per_class": []},
        {"metrics": {"miou": MetricValue(math.nextafter(1 / 3, 1))}},
    ],
)  # fmt: skip
def test_another_run_has_another_id(changes):
    assert record(**changes).run_id != record().run_id


def test_the_signature_says_what_a_score_means():
    assert record().signature == (
        "segbench=0.1.0|data=Cityscapes@0123456789ab|protocol=exact/1|ignore_index=255|areas=0,32"
    )


def test_a_record_that_is_there_is_replaced_as_a_whole(tmp_path, monkeypatch):
    folder = record(warnings=["old"]).write(tmp_path)
    assert record(warnings=["new"], detections=None).write(tmp_path) == folder
    assert sorted(p.name for p in folder.iterdir()) == ["images.parquet", "run.json"]
    monkeypatch.setattr(RunRecord, "to_json", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        record(warnings=["half"]).write(tmp_path)
    monkeypatch.undo()
    assert read_record(folder).warnings == ["new"]
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


def test_a_half_written_record_is_not_found(tmp_path):
    folder = record().write(tmp_path)
    (folder.parent / ".x.0123456789abcdef.part").mkdir()
    folder.rename(folder.parent / ".x.0123456789abcdef.part/new")
    assert find_records(tmp_path) == []
    again = record().write(tmp_path)
    assert find_records(tmp_path) == [again]
    hidden = tmp_path / ".hidden"
    assert find_records(record().write(hidden).parent) == [hidden / again.relative_to(tmp_path)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not JSON"), ("{", "is not JSON"), ("\udcff", "is not JSON"), ("[]", "version 1, found None"),
        ("{}", "expected schema version 1, found None"), ('{"schema_version": 2}', "version 1, found 2"),
        ('{"schema_version": 1}', "is not a run record"), ("[" * 200_000, "is not JSON"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_by_name(tmp_path, content, message):
    (tmp_path / "run.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=rf"run\.json: .*{message}"):
        read_record(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metrics", {"miou": 0.5}), ("metrics", {"miou": {"value": 1, "colour": 2}}), ("metrics", [1]),
        ("metrics", {"miou": {}}), ("per_class", ["a"]), ("per_class", None), ("task", None),
    ],
)  # fmt: skip
def test_a_damaged_field_is_refused_by_file(tmp_path, field, value):
    file = record().write(tmp_path) / "run.json"
    content = {**json.loads(file.read_text(encoding="utf-8")), field: value}
    file.write_text(json.dumps({k: v for k, v in content.items() if k != "task" or v}), encoding="utf-8")
    with pytest.raises(DataError, match=r"run\.json: is not a run record"):
        read_record(file.parent)


def test_a_missing_record_is_refused_by_name(tmp_path):
    with pytest.raises(DataError, match=r"run\.json: cannot read the record: No such file"):
        read_record(tmp_path)
    assert find_records(tmp_path / "nowhere") == []


@pytest.mark.parametrize("name", ["deeplab-v3", "a_b.c", "X" * 80, "0"])
def test_a_plain_name_is_its_own_file_name(name):
    assert slug(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "../../etc/passwd", "/", "a/b", "a\\b", "C:\\x", "a\0b", "x" * 300, "x" * 81, "ü",
        "a b", "-rf", ".git", "a.", "\n", "\udcff", "路", "CON:",
    ],
)  # fmt: skip
def test_any_other_name_is_made_one_and_told_apart(name):
    made = slug(name)
    assert made != name
    assert slug(made) == made
    assert len({made, slug(name + "x"), slug("y" + name)}) == 3


@given(st.text())
def test_a_slug_is_one_part_of_a_path(name):
    made = slug(name)
    assert 0 < len(made) <= 80
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert made[0] not in ".-"


def test_names_that_are_no_utf8_are_escaped(tmp_path):
    """What Python makes of bytes of a file name that are none."""
    given = record(
        model={"name": "m\udcff", "\udcfe": 1},
        images=columns.table({"image_id": columns.strings(["a\udcff"])}),
    )
    found = read_record(given.write(tmp_path / "out\udcff"))
    assert found.model == {"name": "m\\udcff", "\\udcfe": 1}
    assert found.images.column("image_id").to_pylist() == ["a\\udcff"]
    assert found.run_id == given.run_id


def test_hostile_names_stay_below_the_folder(tmp_path):
    hostile = record(
        task="../../x", model={"name": "../../../m"}, dataset={"name": "/etc/" + "d" * 300}, images=None
    )
    folder = hostile.write(tmp_path / "out")
    assert folder.resolve().is_relative_to(tmp_path / "out")
    assert read_record(folder).model["name"] == "../../../m"
    assert read_record(replace(hostile, detections=None).write(tmp_path / "out")).detections is None
