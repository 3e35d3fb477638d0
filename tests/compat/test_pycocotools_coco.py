"""COCO: queries, results, masks and drawings equal to those of pycocotools."""

import copy
import json

import numpy as np
import pytest
from compat import synth
from compat.both import OURS, THEIRS, assert_same, printed

from segbench.errors import UsageError

TRUTH, RESULTS = synth.make(400)
CAPTIONS = [{"image_id": i, "caption": f"text {i}"} for i in (1, 3)]
KEYPOINTS = [
    {"image_id": 1, "category_id": 3, "keypoints": [1, 2, 2, 9, 4, 1, 5.5, 8, 0], "score": 0.5},
    {"image_id": 2, "category_id": 3, "keypoints": [3, 3, 1], "score": 0.5},
]


@pytest.fixture
def pair():
    """Return the same data set in ours and in theirs."""
    made = []
    for api in (OURS, THEIRS):
        coco = api.COCO()
        coco.dataset = copy.deepcopy(TRUTH)
        printed(coco.createIndex)
        made.append(coco)
    return made


def call_both(pair, call):
    """Call with both, hold the outcome equal, and return ours."""
    outcomes = []
    for coco in pair:
        try:
            outcomes.append(printed(call, coco))
        except Exception as error:  # noqa: BLE001 - whatever the original raises
            outcomes.append(("", (type(error), str(error))))
    (our_text, ours), (their_text, theirs) = outcomes
    assert our_text == their_text
    assert_same(ours, theirs)
    return ours


def test_the_index(pair):
    for name in ("dataset", "anns", "imgs", "cats", "imgToAnns", "catToImgs"):
        assert_same(getattr(pair[0], name), getattr(pair[1], name), name)


QUERIES = [
    ("getAnnIds", {}),
    ("getAnnIds", {"imgIds": 3}),
    ("getAnnIds", {"imgIds": [3, 99, 1, 3]}),
    ("getAnnIds", {"imgIds": np.array([1, 2])}),
    ("getAnnIds", {"imgIds": {1, 2}}),
    ("getAnnIds", {"catIds": 0}),
    ("getAnnIds", {"catIds": [3, 7], "iscrowd": True}),
    ("getAnnIds", {"catIds": np.array([3, 0]), "iscrowd": 0}),
    ("getAnnIds", {"catIds": (3,), "areaRng": [100, 1e4]}),
    ("getAnnIds", {"areaRng": [1024, 9216], "iscrowd": None}),
    ("getAnnIds", {"imgIds": 1, "catIds": 3, "areaRng": (0, 1e5), "iscrowd": False}),
    ("getAnnIds", {"catIds": [[3]]}),
    ("getCatIds", {}),
    ("getCatIds", {"catNms": "cat3"}),
    ("getCatIds", {"catNms": "cat12, cat3"}),
    ("getCatIds", {"catNms": ["cat3", "none"]}),
    ("getCatIds", {"supNms": ["super1"]}),
    ("getCatIds", {"catIds": 7}),
    ("getCatIds", {"catIds": [7, 0], "supNms": "super1"}),
    ("getImgIds", {}),
    ("getImgIds", {"imgIds": [5, 3, 3, 77]}),
    ("getImgIds", {"catIds": 0}),
    ("getImgIds", {"catIds": [0, 3]}),
    ("getImgIds", {"catIds": [12, 3]}),
    ("getImgIds", {"imgIds": [1, 2, 3], "catIds": [3]}),
    ("loadAnns", {"ids": [3, 0]}),
    ("loadAnns", {"ids": 1}),
    ("loadAnns", {"ids": np.int64(1)}),
    ("loadAnns", {"ids": [12345]}),
    ("loadAnns", {}),
    ("loadCats", {"ids": [7, 3]}),
    ("loadCats", {"ids": 3}),
    ("loadImgs", {"ids": (1,)}),
    ("loadImgs", {"ids": 1.0}),
    ("info", {}),
]


@pytest.mark.parametrize(("name", "options"), QUERIES)
def test_queries(pair, name, options):
    call_both(pair, lambda coco: getattr(coco, name)(**options))


def test_masks(pair):
    for number in pair[0].anns:
        call_both(pair, lambda coco, number=number: coco.annToRLE(coco.anns[number]))
        call_both(pair, lambda coco, number=number: coco.annToMask(coco.anns[number]))


@pytest.mark.parametrize("shape", [
    [[1, 1, 9, 9]], [[1, 1, 9, 1, 9, 9], [2, 2, 4, 4]], [], [[]], [[1, 1, 9, 1, 9, 9, 3]],
    [np.array([1, 1, 9, 1, 9, 9.0])],
])  # fmt: skip
def test_polygons_that_are_hardly_shapes(pair, shape):
    def convert(coco):
        try:
            return coco.annToRLE({"image_id": 1, "segmentation": shape})
        except Exception as error:  # noqa: BLE001 - whatever the original raises
            return type(error)

    call_both(pair, convert)


def results_of(kind):
    return copy.deepcopy(
        {"captions": CAPTIONS, "keypoints": KEYPOINTS}.get(kind) or synth.make(400, kind=kind)[1]
    )


@pytest.mark.parametrize("kind", ["segm", "bbox", "both", "captions", "keypoints"])
@pytest.mark.parametrize("as_file", [True, False])
def test_results(pair, tmp_path, kind, as_file):
    (tmp_path / "results.json").write_text(json.dumps(results_of(kind)))

    def load(coco):
        source = str(tmp_path / "results.json") if as_file else results_of(kind)
        loaded = coco.loadRes(source)
        return {
            name: getattr(loaded, name)
            for name in ("dataset", "anns", "imgs", "cats", "imgToAnns", "catToImgs")
        }

    loaded = call_both(pair, load)
    assert loaded["anns"]


def test_results_as_an_array(pair):
    rows = np.array([[r["image_id"], *r["bbox"], r["score"], r["category_id"]] for r in results_of("bbox")])
    call_both(pair, lambda coco: coco.loadRes(rows).dataset)
    call_both(pair, lambda coco: coco.loadNumpyAnnotations(rows[:0]))


@pytest.mark.parametrize("bad", [
    [], {"image_id": 1}, [{"image_id": 12345, "bbox": [1, 2, 3, 4], "score": 1, "category_id": 3}],
    [{"image_id": 1, "segmentation": {"size": [3, 4], "counts": b"129"}, "bbox": [], "category_id": 3}],
    [{"image_id": 1, "score": 1, "category_id": 3}],
])  # fmt: skip
def test_results_that_are_hardly_results(pair, bad):
    call_both(pair, lambda coco: coco.loadRes(copy.deepcopy(bad)).dataset)


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        (np.ones((3, 6)), AssertionError),
        ([{"image_id": 1, "segmentation": [[1, 1, 5, 1, 5, 5]], "score": 1, "category_id": 3}], TypeError),
        (
            [{"image_id": 1, "segmentation": {"size": [3, 4], "counts": [1, 2, 9]}, "category_id": 3}],
            TypeError,
        ),
    ],
)
def test_results_of_another_shape(pair, rows, error):
    for coco in pair:
        with pytest.raises(error):
            printed(coco.loadRes, copy.deepcopy(rows))


def test_files(tmp_path):
    (tmp_path / "truth.json").write_text(json.dumps(TRUTH))
    texts = [
        printed(lambda api=api: api.COCO(str(tmp_path / "truth.json")).dataset) for api in (OURS, THEIRS)
    ]
    assert_same(*texts)
    assert printed(OURS.COCO, tmp_path / "truth.json")[1].imgs
    (tmp_path / "list.json").write_text("[]")
    for api in (OURS, THEIRS):
        with pytest.raises(AssertionError, match="not supported"):
            printed(api.COCO, str(tmp_path / "list.json"))
        with pytest.raises(FileNotFoundError):
            printed(api.COCO, str(tmp_path / "none.json"))


def test_nothing_is_downloaded(pair, tmp_path):
    call_both(pair, lambda coco: coco.download())
    with pytest.raises(UsageError, match="coco_url"):
        pair[0].download(str(tmp_path / "images"))
    assert list(tmp_path.iterdir()) == []


def canvas(coco, anns, **options):
    """Draw on a canvas of 200 by 200 pixels and return it."""
    import matplotlib.pyplot as plt

    np.random.seed(0)  # noqa: NPY002 - showAnns draws its colours from there
    figure = plt.figure(figsize=(2, 2), dpi=100)
    try:
        plt.imshow(np.zeros((100, 100, 3)))
        value = coco.showAnns(anns, **options)
        figure.canvas.draw()
        return value, np.asarray(figure.canvas.buffer_rgba()).copy()
    finally:
        plt.close(figure)


@pytest.mark.parametrize("draw_bbox", [False, True])
def test_drawings(pair, monkeypatch, draw_bbox):
    import matplotlib as mpl

    mpl.use("Agg")
    crowds = [ann for ann in TRUTH["annotations"] if ann["iscrowd"]]
    anns = copy.deepcopy(TRUTH["annotations"][:8] + crowds[:2])
    rle = THEIRS.mask.encode(np.asfortranarray(np.eye(50, dtype=np.uint8)))
    anns.append({**anns[0], "segmentation": rle, "iscrowd": 0})
    anns.append({**anns[0], "category_id": 3, "keypoints": [10, 10, 2, 60, 20, 1, 30, 70, 2, 5, 5, 0]})
    for coco in pair:
        coco.cats[3]["skeleton"] = [[1, 2], [2, 3], [3, 4]]
    assert crowds
    drawn = call_both(pair, lambda coco: canvas(coco, anns, draw_bbox=draw_bbox))
    assert len(np.unique(drawn[1])) > 10


def test_captions_and_nothing_to_draw(pair):
    call_both(pair, lambda coco: coco.showAnns(copy.deepcopy(CAPTIONS)))
    call_both(pair, lambda coco: coco.showAnns([]))
    call_both(pair, lambda coco: coco.showAnns([{"id": 1}]))
