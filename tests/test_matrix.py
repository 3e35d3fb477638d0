"""From COCO to every format and back: each difference is one that was announced; README holds the table.

``python tests/test_matrix.py`` writes the table anew.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest
from matrix import ASPECTS, BEGIN, END, cell, put_everything, table, there_and_back

from segbench.formats import FORMATS, load_format

WRITABLE = [name for name in FORMATS if hasattr(load_format(name), "write")]
README = Path(__file__).resolve().parent.parent / "README.md"
VARIANTS = {"plain": (5, True), "no overlaps": (5, False), "300 categories": (300, True)}


def cells(name, folder, variant="plain"):
    source = put_everything(folder / "source", *VARIANTS[variant])
    report, differing = there_and_back(name, source, folder)
    return {aspect: cell(aspect, report, differing) for aspect in ASPECTS}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", WRITABLE)
def test_every_difference_was_announced(name, variant, tmp_path):
    found = cells(name, tmp_path, variant)
    assert found["images"] == "="
    assert "NOT ANNOUNCED" not in found.values(), found


def test_the_canonical_form_and_coco_lose_nothing(tmp_path):
    for name in ("segbench", "coco"):
        assert set(cells(name, tmp_path / name).values()) == {"="}


def test_readme_has_the_table_of_these_round_trips(tmp_path):
    rows = {name: cells(name, tmp_path / name) for name in WRITABLE}
    assert README.read_text("utf-8").partition(BEGIN)[2].partition(END)[0] == table(rows)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        made = table({name: cells(name, Path(folder) / name) for name in WRITABLE})
    before, _, rest = README.read_text("utf-8").partition(BEGIN)
    README.write_text(f"{before}{BEGIN}{made}{END}{rest.partition(END)[2]}", encoding="utf-8")
    sys.stdout.write(made)
