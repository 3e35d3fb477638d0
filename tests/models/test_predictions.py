import numpy as np
import pytest

from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.errors import PluginError
from segbench.kernels import resize_bilinear
from segbench.models import ClassMap, InstancePrediction, PanopticPrediction, SemanticPrediction
from segbench.models.predictions import prediction_sample

H, W = 4, 6
TRUTH = Sample(image_id="a7", height=H, width=W)
MAP = ClassMap("net", {0: 5, 1: 3, 2: None}, {0: "x", 1: "y", 2: "z"})


def read(prediction, class_map=MAP, ignore_index=255):
    return prediction_sample(prediction, TRUTH, class_map, ignore_index)


def refuse(prediction, field, message, class_map=MAP):
    with pytest.raises(PluginError, match=message) as caught:
        read(prediction, class_map)
    assert str(caught.value).startswith(f"net: image a7: {field}: ")


def naive_resize(logits, height, width):
    """Pixel by pixel, as the documentation of interpolate words it."""
    out = np.empty((len(logits), height, width))
    for y in range(height):
        for x in range(width):
            sy = max((y + 0.5) * logits.shape[1] / height - 0.5, 0)
            sx = max((x + 0.5) * logits.shape[2] / width - 0.5, 0)
            y0, x0 = int(sy), int(sx)
            y1, x1 = min(y0 + 1, logits.shape[1] - 1), min(x0 + 1, logits.shape[2] - 1)
            v, u = sy - y0, sx - x0
            upper = (1 - u) * logits[:, y0, x0] + u * logits[:, y0, x1]
            lower = (1 - u) * logits[:, y1, x0] + u * logits[:, y1, x1]
            out[:, y, x] = (1 - v) * upper + v * lower
    return out


SIZES = [
    ((1, 1), (5, 4)),
    ((3, 5), (7, 11)),
    ((8, 8), (16, 32)),
    ((9, 7), (4, 3)),
    ((5, 1), (5, 9)),
    ((4, 6), (4, 6)),
]


@pytest.mark.parametrize(("size", "wanted"), SIZES)
def test_resize_is_that_of_interpolate(size, wanted):
    logits = np.random.default_rng(1).normal(size=(3, *size)).astype(np.float32)
    resized = resize_bilinear(logits, *wanted)
    assert resized.dtype == np.float32
    np.testing.assert_allclose(resized, naive_resize(logits, *wanted), atol=1e-5)


def test_resize_known_values():
    resized = resize_bilinear(np.array([[[0.0, 1.0], [2.0, 3.0]]]), 4, 4)
    assert resized[0].tolist() == [
        [0.0, 0.25, 0.75, 1.0],
        [0.5, 0.75, 1.25, 1.5],
        [1.5, 1.75, 2.25, 2.5],
        [2.0, 2.25, 2.75, 3.0],
    ]


@pytest.mark.parametrize(
    "wrap", [lambda mask: mask, lambda mask: SemanticPrediction(mask=mask), lambda mask: mask.tolist()]
)
@pytest.mark.parametrize("ignore_index", [255, 65_535])
def test_semantic_mask(wrap, ignore_index):
    mask = np.arange(H * W, dtype=np.int64).reshape(H, W) % 3
    sample = read(wrap(mask), ignore_index=ignore_index)
    assert sample.kind == "semantic"
    assert sample.mask.dtype == (np.uint8 if ignore_index == 255 else np.uint16)
    assert np.array_equal(sample.mask, np.array([5, 3, ignore_index])[mask])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_semantic_logits_are_resized_before_the_argmax(dtype):
    logits = np.random.default_rng(2).normal(size=(3, 2, 3)).astype(dtype)
    expected = np.array([5, 3, 255])[naive_resize(logits.astype(np.float64), H, W).argmax(0)]
    assert np.array_equal(read(SemanticPrediction(logits=logits)).mask, expected)


def test_equal_logits_give_the_first_and_native_ones_may_be_infinite():
    assert (read(SemanticPrediction(logits=np.zeros((3, H, W)))).mask == 5).all()
    logits = np.zeros((3, H, W))
    logits[0] = -np.inf
    assert (read(SemanticPrediction(logits=logits)).mask == 3).all()


class FakeTensor:
    """What NumPy needs of a torch tensor on a GPU."""

    def __init__(self, array):
        self.array = array

    def detach(self):
        return self

    def cpu(self):
        return self.array


def test_tensors_are_brought_to_the_host():
    assert (read(FakeTensor(np.ones((H, W), np.int64))).mask == 3).all()


@pytest.mark.parametrize(
    ("prediction", "field", "message"),
    [
        (np.zeros((H, W + 1), int), "mask", r"is \[4, 7\], the image \[4, 6\]"),
        (np.zeros((1, H, W), int), "mask", "expected integers of 2 dimensions"),
        (np.zeros((H, W)), "mask", "expected integers of 2 dimensions, got float64"),
        (np.zeros((2, H, W)), "mask", r"got float64 \[2, 4, 6\]; logits are to come as SemanticPrediction"),
        (np.full((H, W), 3), "mask", "category id 3 is not in the model's id2label"),
        (np.full((H, W), 255, np.uint8), "mask", "category id 255"),
        (np.full((H, W), -1), "mask", "category id -1"),
        ("cat", "mask", "expected integers"),
        (None, "mask", "either a mask or logits"),
        ([[1, 2], [3]], "mask", "is no array"),
        (SemanticPrediction(), "mask", "either a mask or logits"),
        (SemanticPrediction(logits=np.zeros((3, H, W), int)), "logits", "expected floats"),
        (SemanticPrediction(logits=np.zeros((2, H, W))), "logits", "have 2 channels"),
        (SemanticPrediction(logits=np.full((3, 2, 2), np.nan)), "logits", "NaN"),
        (SemanticPrediction(logits=np.full((3, 2, 2), np.inf)), "logits", "infinite"),
        (SemanticPrediction(logits=np.zeros((3, 0, 2))), "logits", "empty"),
    ],
)
def test_semantic_faults(prediction, field, message):
    refuse(prediction, field, message)


def masks(n=3):
    return np.random.default_rng(3).random((n, H, W)) < 0.5


def forms(array):
    rles = [Rle.from_mask(mask) for mask in array]
    return {
        "array": array,
        "rle": rles,
        "bytes": [{"size": [H, W], "counts": r.counts} for r in rles],
        "text": [{"size": [H, W], "counts": r.counts.decode()} for r in rles],
        "runs": [{"size": (H, W), "counts": r.runs.tolist()} for r in rles],
    }


@pytest.mark.parametrize("form", ["array", "rle", "bytes", "text", "runs"])
def test_instances(form):
    array = masks()
    prediction = InstancePrediction(
        masks=forms(array)[form], scores=np.array([0.5, 0.25, 1.0], np.float32), category_ids=[1, 2, 0]
    )
    sample = read(prediction)
    assert sample.kind == "instance"
    assert [(s.id, s.category_id, s.score) for s in sample.segments] == [(1, 3, 0.5), (3, 5, 1.0)]
    assert all(np.array_equal(s.rle.to_mask(), array[s.id - 1]) for s in sample.segments)


@pytest.mark.parametrize("empty", [[], np.zeros((0, H, W), bool)])
def test_no_instances(empty):
    assert read(InstancePrediction(masks=empty, scores=[], category_ids=[])).segments == []


def instance(**change):
    content = {"masks": masks(), "scores": np.array([0.5, 0.2, 0.1]), "category_ids": [0, 1, 0], **change}
    return InstancePrediction(**content)


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"masks": masks().astype(np.uint8)}, "masks", "expected bool of 3 dimensions, got uint8"),
        ({"masks": masks()[:, :, 1:]}, "masks", r"is \[3, 4, 5\]"),
        ({"masks": masks(2)}, "masks", "2 masks, 3 scores and 3 category ids"),
        ({"scores": np.array([0.5, np.nan, 0.1])}, "scores", "score 1 is nan"),
        ({"scores": np.array([1, 2, 3])}, "scores", "expected floats"),
        ({"category_ids": [0, 1, 9]}, "category_ids", "category id 9"),
        ({"category_ids": [0.0, 1.0, 0.0]}, "category_ids", "expected integers"),
        ({"masks": [{"size": [W, H], "counts": "0"}] * 3}, "masks", "an RLE is of size"),
        ({"masks": [{"counts": "0"}] * 3}, "masks", "an RLE is of size None"),
        ({"masks": [Rle(W, H, b"h0")] * 3}, "masks", "an RLE is of size"),
        ({"masks": [{"size": [H, W], "counts": "1"}] * 3}, "masks", "an RLE is broken"),
        ({"masks": [{"size": [H, W], "counts": "é"}] * 3}, "masks", "an RLE is broken"),
        ({"masks": [{"size": [H, W], "counts": [1, 2]}] * 3}, "masks", "an RLE is broken"),
        ({"masks": [{"size": [H, W], "counts": None}] * 3}, "masks", "an RLE is broken"),
    ],
)
def test_instance_faults(change, field, message):
    refuse(instance(**change), field, message)


SEGMENT_MAP = np.array([[0, 4, 4, 9, 9, 9]] * H)
SEGMENTS = [{"id": 4, "category_id": 0, "score": 0.5, "was_fused": False}, {"id": 9, "category_id": 1}]


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_panoptic(dtype):
    sample = read(PanopticPrediction(segment_map=SEGMENT_MAP.astype(dtype), segments=SEGMENTS))
    assert sample.kind == "panoptic"
    assert sample.segment_map.dtype == np.int32
    assert np.array_equal(sample.segment_map, SEGMENT_MAP)
    assert [(s.id, s.category_id, s.score) for s in sample.segments] == [(4, 5, 0.5), (9, 3, None)]


def test_segments_of_ignored_categories_become_void():
    segments = [SEGMENTS[0], {"id": 9, "category_id": 2}]
    sample = read(PanopticPrediction(segment_map=SEGMENT_MAP, segments=segments))
    assert [s.id for s in sample.segments] == [4]
    assert np.array_equal(sample.segment_map, np.where(SEGMENT_MAP == 4, 4, 0))
    assert (SEGMENT_MAP == 9).any()


def panoptic(segment_map=SEGMENT_MAP, segments=SEGMENTS):
    return PanopticPrediction(segment_map=segment_map, segments=segments)


@pytest.mark.parametrize(
    ("prediction", "field", "message"),
    [
        (panoptic(SEGMENT_MAP[1:]), "segment_map", "the image"),
        (panoptic(SEGMENT_MAP.astype(float)), "segment_map", "expected integers"),
        (panoptic(-SEGMENT_MAP), "segment_map", "ids must be 0"),
        (panoptic(SEGMENT_MAP << 40), "segment_map", "ids must be 0"),
        (panoptic(segments=SEGMENTS[:1]), "segments", "segment id 9 is in the map but not in segments"),
        (panoptic(SEGMENT_MAP % 9), "segments", "segment id 9 is in segments but not in the map"),
        (panoptic(segments=[*SEGMENTS, SEGMENTS[0]]), "segments", "an id stands twice"),
        (panoptic(segments=[{"id": 4}, SEGMENTS[1]]), "segments", "integer id and category_id"),
        (panoptic(segments=[{"id": 4, "category_id": 7}, SEGMENTS[1]]), "segments", "category id 7"),
        (
            panoptic(segments=[{**SEGMENTS[0], "score": np.nan}, SEGMENTS[1]]),
            "segments",
            "score of segment 4",
        ),
    ],
)
def test_panoptic_faults(prediction, field, message):
    refuse(prediction, field, message)


@pytest.mark.parametrize(("size", "wanted"), [*SIZES, ((60, 80), (240, 320)), ((57, 76), (227, 301))])
def test_resize_is_that_of_torch(size, wanted):
    torch = pytest.importorskip("torch")
    logits = np.random.default_rng(4).normal(size=(19, *size)).astype(np.float32)
    theirs = torch.nn.functional.interpolate(torch.from_numpy(logits)[None], wanted, mode="bilinear")[0]
    found = resize_bilinear(logits, *wanted)
    np.testing.assert_allclose(found, theirs.numpy(), atol=2e-6)
    if size[0] > 50:  # of tiny ones, and where it makes smaller, torch rounds otherwise
        assert np.array_equal(found, theirs.numpy())
