"""Every format that can be written: 200 spoilt data sets are read or refused, with nothing half-written."""

import shutil

import pytest
from formats import tiny
from formats.mutations import check

import segbench
from segbench.errors import SegbenchError
from segbench.formats import FORMATS, load_format

WRITABLE = [name for name in FORMATS if hasattr(load_format(name), "write")]
SUFFIXES = (".json", ".txt", ".yaml", ".xml", ".csv", ".tsv", ".png", ".parquet", ".tar", ".gz", ".nii")
SOURCES = (tiny.put_panoptic, tiny.put_instances, tiny.put_labels)


def made(name, root):
    """Write the richest of the tiny data sets that the format takes; return where it stands."""
    for put in SOURCES:
        source = put(root / put.__name__)
        target = root / "made"
        try:
            segbench.convert(source, target, target_format=name, allow_loss=True)
        except SegbenchError:
            continue
        return target
    raise AssertionError(f"{name} takes none of the tiny data sets")


@pytest.mark.parametrize("name", WRITABLE)
def test_spoilt_data_sets_are_read_or_refused(name, tmp_path):
    valid = made(name, tmp_path / "valid")

    def put(root):
        shutil.copytree(valid, root / "in")
        return root / "in"

    segbench.convert(put(tmp_path / "check"), tmp_path / "out", source_format=name, images="none")
    refused = check(put, tmp_path / "spoilt", format_name=name, n=200, suffixes=SUFFIXES)
    assert 20 < refused < 200
