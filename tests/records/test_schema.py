"""The schema of run.json: shipped, a schema itself, of the version that is written."""

import json
from pathlib import Path

import jsonschema
import pytest

from segbench.records.results import SCHEMA_VERSION, find_records, read_content
from segbench.records.schema import faults, run_schema

BOARDS = Path(__file__).resolve().parents[2] / "leaderboards"


def test_it_is_a_schema_of_this_version():
    schema = run_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"]["schema_version"] == {"const": SCHEMA_VERSION}
    assert schema["$id"] == f"urn:segbench:run:{SCHEMA_VERSION}"


@pytest.mark.skipif(not BOARDS.is_dir(), reason="a source distribution has no leaderboards/")
def test_the_committed_records_follow_it():
    records = find_records(BOARDS)
    assert len(records) >= 9
    for folder in records:
        assert faults(read_content(folder)) == [], folder


def test_a_fault_is_one_line_whatever_the_record_holds():
    record = {"run_id": "\n" * 1000, "metrics": [json.dumps(list(range(1000)))]}
    found = faults(record)
    assert any(text.startswith("metrics: ") for text in found)
    assert all("\n" not in text and len(text) < 300 for text in found)
