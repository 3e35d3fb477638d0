"""The functions of ``mask``: equal to pycocotools in bytes, types, shapes, memory order and errors."""

import numpy as np
import pytest
from compat.both import OURS, THEIRS, assert_same, assert_same_outcome

from segbench.errors import SegbenchWarning

M, ORIGINAL = OURS.mask, THEIRS.mask


def both(name, *args, **options):
    """Call a function of both and hold the outcomes equal; return ours, None where it raises."""
    calls = [lambda api=api: getattr(api, name)(*args, **options) for api in (M, ORIGINAL)]
    assert_same_outcome(*calls)
    try:
        return calls[0]()
    except Exception:  # noqa: BLE001 - equal to theirs, as was just held
        return None


def random_masks(rng, height, width, n):
    """[H, W, N] of 0 and 1 in Fortran order: empty, full, noise, blocks."""
    masks = np.zeros((height, width, n), np.uint8, order="F")
    for i in range(n):
        if i % 4 == 1:
            masks[:, :, i] = 1
        elif i % 4 == 2:
            masks[:, :, i] = rng.random((height, width)) < rng.random()
        elif i % 4 == 3:
            y, x = rng.integers(0, height), rng.integers(0, width)
            masks[y : y + height // 2 + 1, x : x + width // 2 + 1, i] = 1
    return masks


@pytest.mark.parametrize("seed", range(10))
def test_masks_there_and_back(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 40, 2).tolist()
    masks = random_masks(rng, height, width, 8)
    rles = both("encode", masks)
    both("encode", masks[:, :, 2])
    assert (both("decode", rles) == masks).all()
    both("decode", rles[3])
    both("area", rles)
    both("area", rles[3])
    both("toBbox", rles)
    both("toBbox", rles[3])
    for intersect in (0, 1, True):
        both("merge", rles[2:5], intersect)
        both("merge", rles[1:2], intersect=intersect)
    for crowd in (np.zeros(5), [1, 0, 1, 0, 1], np.array([True] * 5), (2, 1, 0, 0, 3)):
        both("iou", rles, rles[3:], crowd)


def test_text_and_bytes_are_one():
    rle = M.encode(np.asfortranarray(np.eye(7, dtype=np.uint8)))
    text = {**rle, "counts": rle["counts"].decode()}
    for name in ("decode", "area", "toBbox"):
        both(name, text)
        both(name, [text, rle])
    both("merge", [text, rle])
    both("iou", [text], [rle], [0])


def test_several_values_make_no_mask_and_are_warned_of():
    values = np.asfortranarray(np.random.default_rng(0).integers(0, 4, (9, 11)).astype(np.uint8))
    with pytest.warns(SegbenchWarning, match="several values") as caught:
        ours = M.encode(values)
    assert caught[0].filename == __file__
    assert_same(ours, ORIGINAL.encode(values))
    with pytest.warns(SegbenchWarning, match="several values") as caught:
        M.encode(values[:, :, None])
    assert caught[0].filename == __file__
    assert_same(M.encode(values[:, :1] * 0 + 255), ORIGINAL.encode(values[:, :1] * 0 + 255))


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros((0, 5), np.uint8),
        np.zeros((4, 5, 0), np.uint8, order="F"),
        np.ones((4, 5), np.bool_, order="F"),
        np.ones((4, 5), np.int64, order="F"),
        np.ones((4, 5), np.float32, order="F"),
        np.ones(4, np.uint8),
        np.ones((1, 1, 4, 5), np.uint8),
        [[1, 0]],
    ],
)
def test_arrays_that_are_hardly_masks(mask):
    both("encode", mask)


def test_any_memory_order_is_encoded():
    """A deviation: pycocotools wants Fortran order."""
    mask = np.random.default_rng(1).integers(0, 2, (6, 9, 3)).astype(np.uint8)
    with pytest.raises(ValueError, match="Fortran"):
        ORIGINAL.encode(mask)
    assert_same(M.encode(mask), ORIGINAL.encode(np.asfortranarray(mask)))
    assert_same(M.encode(mask[::2, ::-1, 0]), ORIGINAL.encode(np.asfortranarray(mask[::2, ::-1, 0])))


POLYGONS = {
    "square": [[1, 1, 8, 1, 8, 8, 1, 8]],
    "two": [[1, 1, 8, 1, 8, 8], [3.5, 2, 11, 4, 5, 9.25]],
    "out of the image": [[-5, -5, 30, -5, 30, 30, -5, 30]],
    "outside": [[30, 30, 40, 30, 40, 40]],
    "one column": [[3, 1, 3, 5, 3, 9]],
    "one row": [[1, 3, 5, 3, 9, 3]],
    "one point": [[4, 4, 4, 4, 4, 4]],
    "repeated points": [[1, 1, 1, 1, 8, 1, 8, 1, 8, 8, 8, 8]],
    "a bow tie": [[1, 1, 9, 9, 9, 1, 1, 9]],
    "an odd value": [[1, 1, 8, 1, 8, 8, 7]],
    "tuples": [(1, 1, 8, 1, 8, 8)],
    "arrays": [np.array([1, 1, 8, 1, 8, 8], np.float32)],
    "a line second": [[1, 1, 8, 1, 8, 8], [1, 1, 8, 8]],
    "a point second": [[1, 1, 8, 1, 8, 8], [4, 4]],
    "a line first": [[1, 1, 8, 8], [1, 1, 8, 1, 8, 8]],
    "a point first": [[4, 4]],
    "flat": [1, 1, 8, 1, 8, 8],
    "flat box": [1, 1, 8, 8],
    "listed boxes": [[1, 1, 8, 8], [2, 2, 3, 3]],
    "nothing": [],
    "nothing inside": [[]],
    "text": "abc",
    "none": None,
    "a tuple": ([1, 1, 8, 1, 8, 8],),
    "no dict of ours": {"counts": [1, 2]},
}
RUNS = {
    "even": {"size": [3, 4], "counts": [1, 2, 9]},
    "starting inside": {"size": [3, 4], "counts": [0, 12]},
    "zeros": {"size": [3, 4], "counts": [0, 0, 0, 0, 0]},
    "none": {"size": [3, 4], "counts": []},
    "short": {"size": [3, 4], "counts": [1, 2]},
    "long": {"size": [3, 4], "counts": [1, 200, 3000]},
    "falling": {"size": [100, 100], "counts": [9000, 5, 500, 1, 400, 2, 92]},
    "floats": {"size": [3, 4], "counts": [1.0, 2.7, 9.0]},
    "an array": {"size": np.array([3, 4]), "counts": np.array([1, 2, 9])},
    "negative": {"size": [3, 4], "counts": [1, -2]},
    "compressed": {"size": [3, 4], "counts": b"129"},
    "nested": {"size": [3, 4], "counts": [[1, 2]]},
}
BOXES = {
    "one": np.array([[1.5, 2, 3, 4.25]]),
    "some": np.array([[0, 0, 12, 10.0], [-3, -3, 5, 5], [4, 4, 0, 0], [20, 20, 4, 4]]),
    "none": np.zeros((0, 4)),
    "integers": np.array([[1, 2, 3, 4]]),
    "float32": np.array([[1, 2, 3, 4]], np.float32),
    "flat": np.array([1, 2, 3, 4.0]),
}
OBJECTS = {f"polygon: {k}": v for k, v in POLYGONS.items()}
OBJECTS |= {f"run: {k}": v for k, v in RUNS.items()}
OBJECTS |= {f"runs: {k}": [v, RUNS["even"]] for k, v in RUNS.items()}
OBJECTS |= {f"box: {k}": v for k, v in BOXES.items()}


@pytest.mark.parametrize("name", OBJECTS)
@pytest.mark.parametrize("size", [(10, 12), (10.0, np.int64(12)), (0, 12)])
def test_shapes_become_rles(name, size):
    both("frPyObjects", OBJECTS[name], *size)


@pytest.mark.parametrize("seed", range(40))
def test_random_polygons(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 60, 2).tolist()
    polygons = [
        (rng.uniform(-10, 70, 2 * rng.integers(3, 12)) * 2).round(seed % 3) / 2
        for _ in range(rng.integers(1, 4))
    ]
    rles = both("frPyObjects", [p.tolist() for p in polygons], height, width)
    both("merge", rles)
    both("decode", rles)
    both("iou", rles, rles, [0] * len(rles))


REGIONS = {
    "lists": ([[1, 2, 3, 4.5]], [[2, 2, 3, 3], [50, 50, 1, 1]], [0, 1]),
    "arrays": (
        np.array([[1, 2, 3, 4]]),
        np.array([[2, 2, 3, 3], [0, 0, 9, 9]], np.float32),
        np.array([1, 0]),
    ),
    "list and array": ([[1, 2, 3, 4]], np.array([[1, 2, 3, 4.5]]), [0]),
    "list of arrays": ([np.array([1, 2, 3, 4])], [[1, 2, 3, 4]], [0]),
    "no sides": ([[1, 1, 0, 0]], [[1, 1, 0, 0], [0, 0, 5, 5]], [0, 0]),
    "negative sides": ([[5, 5, -3, -3]], [[2, 2, 3, 3]], [0]),
    "no predictions": ([], [[1, 2, 3, 4]], [0]),
    "no truths": ([[1, 2, 3, 4]], [], []),
    "nothing": ([], [], []),
    "no arrays": (np.zeros((0, 4)), np.zeros((0, 4)), []),
    "too few flags": ([[1, 2, 3, 4]], [[1, 2, 3, 4]], []),
    "too many flags": ([[1, 2, 3, 4]], [[1, 2, 3, 4]], [0, 1]),
    "flags too deep": ([[1, 2, 3, 4]], [[1, 2, 3, 4]], [[0]]),
    "flags too large": ([[1, 2, 3, 4]], [[1, 2, 3, 4]], [256]),
    "tuples": ([(1, 2, 3, 4)], [[1, 2, 3, 4]], [0]),
    "a tuple": (([1, 2, 3, 4],), [[1, 2, 3, 4]], [0]),
    "flat": ([1, 2, 3, 4], [[1, 2, 3, 4]], [0]),
    "five numbers": (np.ones((1, 5)), np.ones((1, 4)), [0]),
    "masks and boxes": ([{"size": [3, 4], "counts": b"129"}], [[1, 2, 3, 4]], [0]),
    "a mixed list": ([{"size": [3, 4], "counts": b"129"}, [1, 2, 3, 4]], [[1, 2, 3, 4]], [0]),
    "a mask alone": ({"size": [3, 4], "counts": b"129"}, [{"size": [3, 4], "counts": b"129"}], [0]),
}


@pytest.mark.parametrize("name", REGIONS)
def test_regions(name):
    both("iou", *REGIONS[name])


def test_random_boxes():
    rng = np.random.default_rng(3)
    boxes = rng.uniform(-5, 50, (2, 60, 4)).round(1)
    both("iou", boxes[0], boxes[1], rng.integers(0, 2, 60))
    both("iou", boxes[0].tolist(), boxes[1].tolist(), rng.integers(0, 2, 60).tolist())


def test_masks_of_several_sizes():
    sizes = [(5, 6), (6, 5), (5, 6), (1, 30)]
    rles = [M.encode(np.ones(size, np.uint8)) for size in sizes]
    rles.append(M.encode(np.zeros((6, 5), np.uint8)))
    assert (both("iou", rles, rles, [0, 1, 0, 0, 1]) == -1).any()
    both("merge", rles)
    both("area", rles)
    both("toBbox", rles)
    with pytest.raises(ValueError, match="one size"):  # pycocotools reads beyond the first
        M.decode(rles)


def test_masks_of_no_pixels():
    nothing = both("merge", [])
    both("area", nothing)
    both("toBbox", [nothing])
    both("decode", {"size": [0, 5], "counts": b"0"})
    for name in ("area", "toBbox"):
        both(name, [])


@pytest.mark.parametrize("name", ["decode", "area", "toBbox", "merge"])
def test_run_lengths_go_through_frpyobjects_first(name):
    plain = {"size": [3, 4], "counts": [1, 2, 9]}
    both(name, [plain])
    with pytest.raises(TypeError, match="frPyObjects"):
        getattr(M, name)([plain])


@pytest.mark.parametrize("counts", [b"5", b"\x01", b"999", b"0`"])
def test_malformed_strings(counts):
    """A deviation: pycocotools notices only runs beyond the image, and only to decode."""
    rle = {"size": [2, 2], "counts": counts}
    for call in (M.decode, M.area, M.toBbox):
        with pytest.raises(ValueError, match="RLE"):
            call(rle)


def test_short_runs_leave_the_rest_outside():
    """A deviation: pycocotools leaves the rest as the memory was."""
    rle = {"size": [2, 3], "counts": b"12"}
    assert M.decode(rle).tolist() == [[0, 1, 0], [1, 0, 0]]


def test_more_than_255_masks_have_areas():
    """A deviation: there pycocotools 2.0.11 fails under NumPy 2."""
    rle = M.encode(np.ones((3, 3), np.uint8))
    assert M.area([rle] * 300).tolist() == [9] * 300


def test_boxes_need_not_be_contiguous():
    """A deviation: pycocotools reads the numbers between."""
    boxes = np.array([[1, 1, 3, 3], [2, 2, 4, 4.0]])
    wide = np.repeat(boxes, 2, axis=1)[:, ::2]
    assert_same(M.frPyObjects(wide, 10, 10), ORIGINAL.frPyObjects(boxes, 10, 10))
    with pytest.raises(ValueError, match=r"\[N, 4\]"):
        M.frPyObjects(np.ones((2, 8)), 10, 10)
