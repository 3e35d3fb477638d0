"""RLE kernels against their naive twins and, bit for bit, against pycocotools."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from segbench import kernels

SIZES = [(1, 1), (1, 7), (7, 1), (5, 5), (13, 4), (3, 300), (300, 3), (37, 70)]
FILLS = ["empty", "full", "first", "last", "noise", "blobs", "sparse"]


def make_mask(height, width, fill, seed=0):
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    if fill == "full":
        mask[:] = 1
    elif fill in ("first", "last"):
        mask.flat[0 if fill == "first" else -1] = 1
    elif fill == "blobs":
        for _ in range(3):
            y, x = rng.integers(0, height), rng.integers(0, width)
            mask[y : y + 1 + height // 3, x : x + 1 + width // 3] = 1
    elif fill != "empty":
        mask[:] = rng.random((height, width)) < (0.5 if fill == "noise" else 0.05)
    return mask


def as_coco(rle, height, width):
    return {"size": [height, width], "counts": rle}


@pytest.fixture(params=[(size, fill) for size in SIZES for fill in FILLS], ids=str)
def mask(request):
    (height, width), fill = request.param
    return make_mask(height, width, fill)


def test_encode_decode_measure(mask):
    rle = kernels.rle_from_mask(mask)
    theirs = coco.encode(np.asfortranarray(mask))
    assert isinstance(rle, bytes)
    assert rle == naive.rle_from_mask(mask) == theirs["counts"]
    decoded = kernels.rle_to_mask(rle, *mask.shape)
    assert decoded.dtype == np.uint8
    assert decoded.flags.c_contiguous
    np.testing.assert_array_equal(decoded, mask)
    np.testing.assert_array_equal(decoded, naive.rle_to_mask(rle, *mask.shape))
    areas, boxes = kernels.rle_measure([rle], *mask.shape)
    area, box = naive.rle_measure(rle, mask.shape[0])
    assert (areas.dtype.type, boxes.dtype) == (np.int64, np.float64)
    assert areas.tolist() == [area] == [coco.area(theirs)]
    assert boxes.tolist() == [box] == [coco.toBbox(theirs).tolist()]


def test_runs_there_and_back(mask):
    rle = kernels.rle_from_mask(mask)
    runs = kernels.rle_to_runs(rle, *mask.shape, strict=True)
    assert runs.dtype == np.uint32
    assert runs.tolist() == naive.runs_from_mask(mask)
    assert kernels.rle_from_runs(runs, *mask.shape) == rle
    assert kernels.rle_check(rle, *mask.shape) is None


def test_any_nonzero_value_is_inside():
    mask = np.uint8([[0, 1, 255], [2, 3, 0], [0, 0, 7]])
    assert kernels.rle_from_mask(mask) == kernels.rle_from_mask(mask != 0) == naive.rle_from_mask(mask)
    assert kernels.rle_from_mask(mask.T) == naive.rle_from_mask(mask.T)


def test_measure_images_of_different_sizes():
    masks = [make_mask(h, w, "blobs") for h, w in SIZES]
    rles = [kernels.rle_from_mask(m) for m in masks]
    areas, boxes = kernels.rle_measure(rles, [h for h, _ in SIZES], [w for _, w in SIZES])
    expected = [naive.rle_measure(rle, h) for rle, (h, _) in zip(rles, SIZES, strict=True)]
    assert list(zip(areas.tolist(), boxes.tolist(), strict=True)) == expected
    assert [v.shape for v in kernels.rle_measure([], 5, 5)] == [(0,), (0, 4)]


@st.composite
def run_lists(draw, pixels):
    """Runs that sum to `pixels`; only the first may be 0."""
    cuts = sorted(draw(st.sets(st.integers(0, pixels - 1), max_size=12)))
    return np.diff([0, *cuts, pixels]).tolist()


@st.composite
def loose_run_lists(draw, pixels):
    """Runs that sum to `pixels`; any may be 0."""
    cuts = sorted(draw(st.lists(st.integers(0, pixels), max_size=12)))
    return np.diff([0, *cuts, pixels]).tolist()


@given(loose_run_lists(60), st.sampled_from([(6, 10), (10, 6), (1, 60), (60, 1)]))
@settings(max_examples=80)
def test_runs_fuzz(runs, size):
    rle = kernels.rle_from_runs(runs, *size)
    assert rle == naive.rle_from_runs(runs)
    assert rle == coco.frPyObjects({"counts": runs, "size": list(size)}, *size)["counts"]
    assert kernels.rle_to_runs(rle, *size).tolist() == runs == naive.rle_to_runs(rle)
    np.testing.assert_array_equal(kernels.rle_to_mask(rle, *size), naive.rle_to_mask(rle, *size))
    area, box = naive.rle_measure(rle, size[0])
    areas, boxes = kernels.rle_measure([rle], *size)
    assert (areas[0], boxes[0].tolist()) == (area, box)
    if area:  # of an empty mask with runs of 0 pixels, pycocotools makes a box of about 2**32 pixels
        assert coco.toBbox(as_coco(rle, *size)).tolist() == box


@given(loose_run_lists(60), st.lists(run_lists(60), max_size=3), st.booleans())
@settings(max_examples=80)
def test_merge_fuzz(loose, run_sets, intersect):
    rles = [kernels.rle_from_runs(runs, 6, 10) for runs in [loose, *run_sets]]
    merged = kernels.rle_merge(rles, 6, 10, intersect)
    assert merged == coco.merge([as_coco(rle, 6, 10) for rle in rles], intersect)["counts"]


@given(st.lists(loose_run_lists(60), min_size=1, max_size=4), st.booleans())
@settings(max_examples=80)
def test_merge_of_loose_runs(run_sets, intersect):
    rles = [kernels.rle_from_runs(runs, 6, 10) for runs in run_sets]
    merged = kernels.rle_merge(rles, 6, 10, intersect)
    mask = naive.rle_to_mask(naive.rle_merge(rles, 6, 10, intersect), 6, 10)
    np.testing.assert_array_equal(naive.rle_to_mask(merged, 6, 10), mask)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("intersect", [False, True])
def test_merge_of_masks(size, intersect):
    rles = [kernels.rle_from_mask(make_mask(*size, fill, seed)) for seed, fill in enumerate(FILLS[4:])]
    assert kernels.rle_merge(rles, *size, intersect) == naive.rle_merge(rles, *size, intersect)


def test_merge_of_few():
    assert kernels.rle_merge([], 4, 5) == naive.rle_from_mask(np.zeros((4, 5)))
    unmerged = naive.rle_from_runs([5, 0, 10, 5])
    assert kernels.rle_merge([unmerged], 4, 5) == unmerged


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_iou(size):
    preds = [kernels.rle_from_mask(make_mask(*size, fill, 1)) for fill in FILLS]
    truths = [kernels.rle_from_mask(make_mask(*size, fill, 2)) for fill in FILLS[::-1]]
    crowd = np.arange(len(truths)) % 2 == 1
    found = kernels.rle_iou(preds, truths, crowd, *size)
    theirs = coco.iou([as_coco(r, *size) for r in preds], [as_coco(r, *size) for r in truths], crowd)
    np.testing.assert_array_equal(found, theirs)
    np.testing.assert_array_equal(found, naive.rle_iou(preds, truths, crowd, *size))


@given(st.lists(loose_run_lists(60), max_size=4), st.lists(run_lists(60), min_size=1, max_size=4), st.data())
@settings(max_examples=80)
def test_iou_fuzz(loose, runs, data):
    preds, truths = ([kernels.rle_from_runs(r, 10, 6) for r in rows] for rows in (loose or runs, runs))
    crowd = data.draw(st.lists(st.booleans(), min_size=len(truths), max_size=len(truths)))
    found = kernels.rle_iou(preds, truths, crowd, 10, 6)
    theirs = coco.iou([as_coco(r, 10, 6) for r in preds], [as_coco(r, 10, 6) for r in truths], crowd)
    np.testing.assert_array_equal(found, theirs)
    np.testing.assert_array_equal(found, naive.rle_iou(preds, truths, crowd, 10, 6))


def test_runs_of_no_pixels_that_meet_do_not_end_a_mask():
    full = kernels.rle_from_runs([0, 0, 0, 60], 10, 6)
    assert kernels.rle_iou([full], [full], [False], 10, 6).item() == 1  # pycocotools gives 0
    assert kernels.rle_to_mask(kernels.rle_merge([full, full], 10, 6), 10, 6).all()


def test_iou_of_none():
    assert kernels.rle_iou([], [b"1"], [False], 1, 1).shape == (0, 1)
    assert kernels.rle_iou([b"1"], [], [], 1, 1).shape == (1, 0)


MALFORMED = [
    (b"T", "truncated"),
    (b"1P", "truncated"),
    (b"/", "character"),
    (b"p", "character"),
    (b"\x00", "character"),
    (b"1\xff", "character"),
    (b"O", "negative"),
    (b"200O", "negative"),  # the fourth run is a difference: 0 - 1
    (b"o" * 7 + b"0", "too large"),
    (b"PPPPPP8", "too large"),
    (b"T2", "too long"),
    (b"53O5O", "negative"),
    (b"0000" + b"ooooo1", "too long"),
]


@pytest.mark.parametrize(("rle", "reason"), MALFORMED)
def test_malformed_strings_are_refused(rle, reason):
    doors = [
        lambda: kernels.rle_check(rle, 2, 5),
        lambda: kernels.rle_to_runs(rle, 2, 5),
        lambda: kernels.rle_to_mask(rle, 2, 5),
        lambda: kernels.rle_measure([rle], 2, 5),
        lambda: kernels.rle_merge([rle], 2, 5),
        lambda: kernels.rle_merge([b":", rle], 2, 5),
        lambda: kernels.rle_iou([b":"], [rle], [False], 2, 5),
        lambda: kernels.rle_iou([rle], [b":"], [False], 2, 5),
        lambda: kernels.paint(np.zeros((2, 5), np.int32), [rle], [1]),
    ]
    for door in doors:
        with pytest.raises(ValueError, match=reason):
            door()


def test_the_message_names_the_place():
    with pytest.raises(ValueError, match=r"RLE 2: .* \(at character 1, in an image of 10 pixels\)"):
        kernels.rle_measure([b":", b":", b"1/"], 2, 5)


@pytest.mark.parametrize("runs", [[], [4], [0, 3], [1, 2, 3], [0, 0]])
def test_short_runs_leave_the_rest_outside(runs):
    rle = naive.rle_from_runs(runs)
    for strict in (lambda: kernels.rle_check(rle, 2, 5), lambda: kernels.rle_to_runs(rle, 2, 5, strict=True)):
        with pytest.raises(ValueError, match="too short"):
            strict()
    assert kernels.rle_to_runs(rle, 2, 5).tolist() == runs
    mask = naive.mask_from_runs(runs, 2, 5)
    np.testing.assert_array_equal(kernels.rle_to_mask(rle, 2, 5), mask)
    full = naive.rle_from_runs([0, 10])
    both = kernels.rle_merge([rle, full], 2, 5, True)
    np.testing.assert_array_equal(kernels.rle_to_mask(both, 2, 5), mask)
    assert kernels.rle_measure([rle], 2, 5)[0][0] == mask.sum() == coco.area(as_coco(rle, 2, 5))


@pytest.mark.parametrize(
    ("runs", "reason"),
    [
        ([11], "more than 10"),
        ([5, 4], "less than 10"),
        ([], "less than 10"),
        ([5, -1, 6], "run 1 is negative"),
        ([2**62, 2**62], "more than 10"),
        ([10.0], "integers"),
        ([[10]], "shape"),
    ],
)
def test_runs_that_are_refused(runs, reason):
    with pytest.raises(ValueError, match=reason):
        kernels.rle_from_runs(runs, 2, 5)


@pytest.mark.parametrize(
    "call",
    [
        lambda: kernels.rle_from_mask(np.zeros((0, 3), bool)),
        lambda: kernels.rle_from_mask(np.zeros(3, bool)),
        lambda: kernels.rle_from_mask(np.zeros((2, 3), int)),
        lambda: kernels.rle_to_mask(b"1", 0, 1),
        lambda: kernels.rle_to_mask(b"1", -1, -1),
        lambda: kernels.rle_to_mask(b"1", 2**40, 2**40),
        lambda: kernels.rle_check(b"1", 2**16, 2**16),
        lambda: kernels.rle_measure([b"1", b"1"], [1, 1, 1], 1),
        lambda: kernels.rle_iou([b"1"], [b"1"], [], 1, 1),
        lambda: kernels.rle_merge([], 1, 1, True),
    ],
)
def test_bad_shapes_and_sizes_are_refused(call):
    with pytest.raises(ValueError, match=r".+"):
        call()


@given(st.binary(max_size=40) | st.text(alphabet=[chr(c) for c in range(48, 112)]).map(str.encode))
@example(b"")
@settings(max_examples=200)
def test_no_string_breaks_a_reader(rle):
    try:
        runs = kernels.rle_to_runs(rle, 7, 11)
    except ValueError:
        with pytest.raises(ValueError, match="RLE"):
            kernels.rle_to_mask(rle, 7, 11)
        return
    assert runs.tolist() == naive.rle_to_runs(rle)
    np.testing.assert_array_equal(kernels.rle_to_mask(rle, 7, 11), naive.rle_to_mask(rle, 7, 11))
    kernels.rle_merge([rle, rle], 7, 11)
    assume(kernels.rle_to_mask(rle, 7, 11).any())
    assert kernels.rle_iou([rle], [rle], [False], 7, 11).item() == 1
