"""Every format: 200 spoilt data sets are read or refused, with nothing half-written."""

import shutil

import pytest
from formats import (
    test_hf,
    test_open_images,
    test_roboflow,
    test_sa_1b,
    test_scalabel,
    test_videos_and_scenes,
    tiny,
)
from formats.mutations import check

import segbench
from segbench.errors import SegbenchError
from segbench.formats import FORMATS, load_format

WRITABLE = [name for name in FORMATS if hasattr(load_format(name), "write")]
ONLY_READ = {
    "sa-1b": (test_sa_1b.put,),
    "roboflow": (test_roboflow.put, test_roboflow.put_masks),
    "open-images": (test_open_images.put,),
    "ade20k-full": (test_videos_and_scenes.put_rich_ade,),
    "scalabel": (test_scalabel.put_all,),
    "davis": (test_videos_and_scenes.put_rich_davis,),
    "hf": (test_hf.put_saved, test_hf.put_card, test_hf.put_folder),
}
"""What makes data sets of formats that cannot be written."""
SUFFIXES = (
    ".json", ".txt", ".yaml", ".xml", ".csv", ".tsv", ".png", ".parquet", ".tar", ".gz", ".nii", ".toml",
    ".seqmap", ".jsonl", ".arrow", ".md",
)  # fmt: skip
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


def test_formats_that_are_only_read_are_all_here():
    assert ONLY_READ.keys() == FORMATS.keys() - set(WRITABLE)


@pytest.mark.parametrize(("name", "put"), [(name, put) for name, puts in ONLY_READ.items() for put in puts])
def test_spoilt_data_sets_of_others_are_read_or_refused(name, put, tmp_path):
    def make(root):
        found = put(root / "set")
        return root / "set" if found is None else found

    n = 200 // len(ONLY_READ[name])
    assert n // 20 < check(make, tmp_path, format_name=name, n=n, suffixes=SUFFIXES) < n
