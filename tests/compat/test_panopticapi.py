"""panopticapi: tables, numbers and errors equal to those of the original, however many cores it sees."""

import copy
import json
import multiprocessing
from types import SimpleNamespace

import numpy as np
import panopticapi.evaluation
import panopticapi.utils
import pytest
from compat.both import assert_same, printed

import segbench.compat.panopticapi.evaluation
import segbench.compat.panopticapi.utils
from segbench.canonical.images import encode_labels, encode_segment_map
from segbench.errors import DataError

OURS, THEIRS = segbench.compat.panopticapi.evaluation, panopticapi.evaluation
OUR_UTILS, THEIR_UTILS = segbench.compat.panopticapi.utils, panopticapi.utils
CATEGORIES = [
    {"id": 5, "name": "thing", "isthing": 1, "color": [220, 20, 60]},
    {"id": 2, "name": "other thing", "isthing": 1, "color": [0, 0, 0]},
    {"id": 9, "name": "stuff", "isthing": 0, "color": [10, 20, 30]},
    {"id": 11, "name": "absent", "isthing": 0, "color": [255, 255, 255]},
]


class SerialPool:
    """A pool that works at once, in this process, on copies, as another process would."""

    def __init__(self, processes):
        self.processes = processes

    def apply_async(self, function, args):
        value = function(*copy.deepcopy(args))
        return SimpleNamespace(get=lambda: value)


@pytest.fixture(params=[1, 2, 3, 7])
def cores(request, monkeypatch):
    """How many cores both see."""
    count = lambda: request.param  # noqa: E731 - a stand-in of one line
    monkeypatch.setattr(multiprocessing, "cpu_count", count)
    monkeypatch.setattr(THEIRS, "multiprocessing", SimpleNamespace(cpu_count=count, Pool=SerialPool))
    return request.param


def lines(text):
    """Lines of a run, those of the cores sorted: cores print as they come."""
    all_lines = text.splitlines()
    return [line for line in all_lines if line[:5] != "Core:"], sorted(
        line for line in all_lines if line[:5] == "Core:"
    )


def compute_both(*args, **options):
    """Call pq_compute of both, hold all equal, and return ours."""
    (our_text, ours), (their_text, theirs) = (
        printed(api.pq_compute, *args, **options) for api in (OURS, THEIRS)
    )
    assert lines(our_text) == lines(their_text)
    assert_same(ours, theirs)
    return ours


def panoptic_pair(rng, number):
    """A map of squares and its noisy copy, with void and crowds, wrong areas and wrong categories."""
    height, width = rng.integers(12, 40, 2).tolist()
    truth = np.zeros((height, width), np.int32)
    ids = rng.choice(1 << 24, 7, replace=False).tolist()
    for i in ids:
        y, x = rng.integers(0, height), rng.integers(0, width)
        truth[y : y + rng.integers(4, 20), x : x + rng.integers(4, 20)] = i
    pred = np.roll(truth, rng.integers(-2, 3, 2), (0, 1))
    pred[rng.random(pred.shape) < 0.1] = 0
    truth[rng.random(truth.shape) < 0.1] = 0
    rows = []
    for segment_map, is_truth in ((truth, True), (pred, False)):
        found, counts = np.unique(segment_map[segment_map > 0], return_counts=True)
        segments = []
        for i, area in zip(found.tolist(), counts.tolist(), strict=True):
            place = ids.index(i)
            category = (5, 2, 9)[(place + (not is_truth and rng.random() < 0.1)) % 3]
            segment = {"id": i, "category_id": category, "isthing": 1}
            if is_truth:
                segment |= {"area": area + int(rng.random() < 0.1), "iscrowd": int(place < 2)}
            segments.append(segment)
        if is_truth and rng.random() < 0.3:  # in the JSON alone
            segments.append({"id": 77, "category_id": 5, "area": 10, "iscrowd": 0})
        rows.append({"image_id": number, "file_name": f"{number}.png", "segments_info": segments})
    return (truth, rows[0]), (pred, rows[1])


@pytest.fixture
def files(tmp_path):
    """Write eleven images and return (truth JSON, prediction JSON)."""
    rng = np.random.default_rng(0)
    contents = {"truth": [], "pred": []}
    for name in contents:
        (tmp_path / name).mkdir()
    for number in range(11):
        for name, (segment_map, row) in zip(contents, panoptic_pair(rng, number), strict=True):
            (tmp_path / name / row["file_name"]).write_bytes(encode_segment_map(segment_map))
            contents[name].append(row)
    paths = []
    for name, rows in contents.items():
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"annotations": rows, "categories": CATEGORIES}))
        paths.append(str(path))
    return paths


def test_random_images(files, cores):
    results = compute_both(*files)
    assert 0 < results["All"]["pq"] < 1
    assert results["All"]["n"] == 3


def test_folders_may_be_named(files, cores, tmp_path):
    compute_both(*files, gt_folder=str(tmp_path / "truth"), pred_folder=str(tmp_path / "pred"))


@pytest.mark.parametrize(
    ("truth", "pred"),
    [
        ("lightly_coco128/panoptic_segmentation/annotations/panoptic_train2017.json",
         "lightly_coco128/pred_panoptic_train2017.json"),
        ("panopticapi_sample/sample_data/panoptic_examples.json",
         "panopticapi_sample/sample_data/panoptic_examples.json"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("cores", [2], indirect=True)
def test_real_images(data_dir, truth, pred, cores):
    assert compute_both(str(data_dir / truth), str(data_dir / pred))["All"]["n"] > 1


def load(path):
    with open(path) as file:  # noqa: PTH123 - as scripts do
        return json.load(file)


def test_one_core_directly(files, tmp_path):
    outcomes = []
    for api in (OURS, THEIRS):
        truth, pred = (load(path) for path in files)
        pairs = list(zip(truth["annotations"], pred["annotations"], strict=True))
        categories = {row["id"]: row for row in truth["categories"]}
        text, stat = printed(
            api.pq_compute_single_core, 4, pairs, str(tmp_path / "truth"), str(tmp_path / "pred"), categories
        )
        sums = {label: vars(cell) for label, cell in stat.pq_per_cat.items()}
        averages = [stat.pq_average(categories, isthing) for isthing in (None, True, False)]
        outcomes.append((text, {label: sums[label] for label in sorted(sums)}, averages, pairs))
    assert_same(*outcomes)
    assert "area" in outcomes[0][3][0][1]["segments_info"][0]  # set in place, as there


def edit(path, change):
    content = load(path)
    change(content)
    with open(path, "w") as file:  # noqa: PTH123 - as scripts do
        json.dump(content, file)


def segments(content, i=3):
    return content["annotations"][i]["segments_info"]


MISTAKES = {
    "id only in the PNG": (1, lambda c: segments(c).pop(0)),
    "ids only in the JSON": (
        1,
        lambda c: segments(c).extend([{"id": i, "category_id": 5} for i in (70, 9, 123)]),
    ),
    "unknown category": (1, lambda c: segments(c)[1].update(category_id=77)),
    "unknown category of truth": (0, lambda c: c["categories"].pop(0)),
    "no prediction": (1, lambda c: c["annotations"].pop(5)),
    "no file": (1, lambda c: c["annotations"][2].update(file_name="none.png")),
    "no iscrowd": (0, lambda c: segments(c)[0].pop("iscrowd")),
    "no area": (0, lambda c: [s.pop("area") for s in segments(c)]),
    "no images": (0, lambda c: c["annotations"].clear()),
    "no categories": (0, lambda c: c["categories"].clear()),
    "an unknown group": (0, lambda c: [row.update(isthing=1) for row in c["categories"]]),
}


@pytest.mark.parametrize("name", MISTAKES)
@pytest.mark.parametrize("cores", [2], indirect=True)
def test_mistakes_raise_the_same(files, cores, name):
    which, change = MISTAKES[name]
    edit(files[which], change)
    caught = []
    for api in (OURS, THEIRS):
        with pytest.raises(Exception) as error:  # noqa: PT011 - each mistake has its own
            printed(api.pq_compute, *files)
        caught.append((type(error.value), str(error.value)))
    assert caught[0] == caught[1]


@pytest.mark.parametrize("folder", ["gt_folder", "pred_folder"])
def test_a_missing_folder(files, folder):
    caught = []
    for api in (OURS, THEIRS):
        with pytest.raises(Exception, match="exist") as error:
            printed(api.pq_compute, *files, **{folder: "/none"})
        caught.append(str(error.value))
    assert caught[0] == caught[1]


@pytest.mark.parametrize("cores", [2], indirect=True)
def test_a_map_without_colours_is_refused(files, cores, tmp_path):
    (tmp_path / "pred" / "2.png").write_bytes(encode_labels(np.zeros((9, 9), np.uint8)))
    with pytest.raises(DataError, match=r"2\.png"):
        printed(OURS.pq_compute, *files)


def test_few_threads_for_many_cores(files, monkeypatch):
    monkeypatch.setattr(multiprocessing, "cpu_count", lambda: 192)
    monkeypatch.setattr(OURS, "ThreadPoolExecutor", few := FewThreads)
    printed(OURS.pq_compute, *files)
    assert few.most <= 4


class FewThreads(OURS.ThreadPoolExecutor):
    """Remembers how many threads were asked for."""

    most = 0

    def __init__(self, max_workers):
        FewThreads.most = max(FewThreads.most, max_workers)
        super().__init__(max_workers)


def test_statistics_add():
    outcomes = []
    for api in (OURS, THEIRS):
        total, part = api.PQStat(), api.PQStat()
        part[3].iou, part[3].tp, part[3].fn, part[7].fp = 0.75, 1, 2, 3
        total += part
        total += part
        categories = {3: {"isthing": 1}, 7: {"isthing": 0}, 8: {"isthing": 0}}
        sums = {label: vars(cell) for label, cell in total.pq_per_cat.items()}
        outcomes.append((sums, total.pq_average(categories, None), total.pq_average(categories, True)))
    assert_same(*outcomes)


def test_nothing_found_divides_by_zero():
    for api in (OURS, THEIRS):
        with pytest.raises(ZeroDivisionError):
            api.PQStat().pq_average({1: {"isthing": 1}}, None)


COLORS = {
    "a list": [1, 2, 3],
    "a tuple": (255, 255, 255),
    "an array": np.array([1, 2, 3]),
    "a picture": np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8),
    "a picture with alpha": np.random.default_rng(1).integers(0, 256, (5, 7, 4)).astype(np.uint8),
    "a wide picture": np.random.default_rng(2).integers(0, 256, (5, 7, 3)).astype(np.uint32),
}
IDS = {
    "a number": 123_456,
    "NumPy's": np.int64(9_999_999),
    "zero": 0,
    "a map": np.random.default_rng(0).integers(0, 1 << 24, (5, 7)),
    "int32": np.random.default_rng(0).integers(0, 1 << 24, (5, 7)).astype(np.int32),
    "uint32": np.random.default_rng(0).integers(0, 1 << 24, (5, 7)).astype(np.uint32),
    "floats": np.arange(0.0, 1e6, 12345.0),
    "one axis": np.arange(600),
}


@pytest.mark.parametrize("name", COLORS)
def test_rgb2id(name):
    assert_same(OUR_UTILS.rgb2id(COLORS[name]), THEIR_UTILS.rgb2id(COLORS[name]))


@pytest.mark.parametrize("name", IDS)
def test_id2rgb(name):
    before = copy.deepcopy(IDS[name])
    assert_same(OUR_UTILS.id2rgb(IDS[name]), THEIR_UTILS.id2rgb(IDS[name]))
    assert_same(IDS[name], before)


def test_ids_for_new_segments():
    outcomes = []
    for api in (OUR_UTILS, THEIR_UTILS):
        np.random.seed(3)  # noqa: NPY002 - the generator that panopticapi draws from
        generator = api.IdGenerator({row["id"]: row for row in CATEGORIES})
        wanted = [5, 9, 5, 2, 5, 2, 2, 9, 11] * 20
        drawn = [(generator.get_id_and_color(c), generator.get_id(c), generator.get_color(c)) for c in wanted]
        outcomes.append((drawn, sorted(map(str, generator.taken_colors))))
    assert_same(*outcomes)


def test_tracebacks_are_printed(capsys):
    for api in (OUR_UTILS, THEIR_UTILS):

        @api.get_traceback
        def fail(value):
            """Raise."""
            raise ValueError(value)

        assert (fail.__name__, fail.__doc__) == ("fail", "Raise.")
        with pytest.raises(ValueError, match="seven"):
            fail("seven")
        out, error = capsys.readouterr()
        assert out == "Caught exception in worker thread:\n"
        assert "ValueError: seven" in error


def test_json_files(tmp_path):
    for api in (OUR_UTILS, THEIR_UTILS):
        api.save_json({"a": [1, 2]}, str(tmp_path / f"{api.__name__}.json"))
    ours, theirs = (path.read_bytes() for path in sorted(tmp_path.iterdir(), key=lambda p: len(p.name))[::-1])
    assert ours == theirs
