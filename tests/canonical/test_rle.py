"""Rle: column-major run lengths of one mask. The kernels behind it have tests of their own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from segbench.canonical.rle import Rle
from segbench.errors import DataError


@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_a_mask_survives_and_equals_pycocotools(mask):
    rle = Rle.from_mask(mask)
    assert np.array_equal(rle.to_mask(), mask)
    assert rle.to_mask().dtype == np.uint8
    assert rle.counts == coco.encode(np.asfortranarray(mask, np.uint8))["counts"]
    assert rle.area == mask.sum()
    assert rle.check() is rle
    assert Rle.from_runs(rle.runs.tolist(), *mask.shape) == rle


def test_the_box_encloses_the_mask():
    mask = np.zeros((9, 9), np.uint8)
    mask[2:4, 5:8] = 1
    assert Rle.from_mask(mask).bbox == (5.0, 2.0, 3.0, 2.0)


def test_polygons_are_drawn_as_pycocotools_draws_them():
    polygons = [[1.5, 2.0, 7.25, 2.0, 7.0, 7.5], [0.0, 0.0, 3.0, 0.0, 3.0, 3.0, 0.0, 3.0]]
    drawn = coco.merge(coco.frPyObjects(polygons, 10, 12))
    assert Rle.from_polygons(polygons, 10, 12).counts == drawn["counts"]


@pytest.mark.parametrize(
    "runs",
    [[5, -1, 8], [3, 3], [13], [1.5, 10.5], [4.0, 8.0], [[12]], ["a"], [2**70], None, [[1], 2]],
)
def test_runs_that_are_not_the_image_are_refused_with_the_place(runs):
    with pytest.raises(DataError, match=r"a\.json: image 4: counts: "):
        Rle.from_runs(runs, 3, 4, file="a.json", image_id=4, field="counts")


@pytest.mark.parametrize("counts", [b"", b"2", b"3P", b"~~", Rle.from_mask(np.ones((5, 5), bool)).counts])
def test_damaged_strings_are_refused_with_the_place(counts):
    with pytest.raises(DataError, match=r"a\.json: image 4: counts: "):
        Rle(4, 4, counts).check(file="a.json", image_id=4, field="counts")


@pytest.mark.parametrize("mask", [np.zeros(4, bool), np.zeros((2, 2, 2), bool), np.zeros((2, 2))])
def test_a_mask_is_a_plane_of_bool_or_uint8(mask):
    with pytest.raises(ValueError, match="must be bool or uint8"):
        Rle.from_mask(mask)


@pytest.mark.parametrize("polygons", [[[]], [[1.0, 2.0, 3.0]], [[1.0, np.nan]]])
def test_polygons_that_cannot_be_drawn_are_refused(polygons):
    with pytest.raises(ValueError, match=r"polygon|coordinate"):
        Rle.from_polygons(polygons, 4, 4)
