"""score() and run(): one number whatever the threads, splits and merges; models; what is refused."""

import json
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_image
from segbench.canonical.rle import Rle
from segbench.canonical.sample import ImageFile, Sample
from segbench.canonical.segment import Segment
from segbench.protocols import default_protocol
from segbench.scoring.stepping import ordered_map

N = 7
HEIGHT, WIDTH = 15, 26
CATEGORIES = Categories(
    Category(id=i, name=f"class {i}", source_id=3 * i + 1, isthing=i < 3) for i in range(5)
)


def semantic(seed, index):
    rng = np.random.default_rng([seed, index])
    mask = np.kron(rng.integers(0, 5, (3, 2)), np.ones((5, 13), int)).astype(np.uint8)
    if seed == 0:
        mask[:2] = 255
    return {"load_mask": lambda: mask}


def panoptic(seed, index):
    rng = np.random.default_rng([seed, index])
    ids = np.kron(rng.integers(0, 5, (3, 2)), np.ones((5, 13), int)).astype(np.int32)
    segments = [
        Segment(id=i, category_id=i % 4, iscrowd=seed == 0 and i == 4)
        for i in np.unique(ids[ids > 0]).tolist()
    ]
    return {"load_segment_map": lambda: ids, "segments": segments}


def instance(seed, index):
    rng = np.random.default_rng([seed, index])
    segments = []
    for i in range(int(rng.integers(0, 6))):
        mask = np.zeros((HEIGHT, WIDTH), bool)
        y, x = rng.integers(0, 10), rng.integers(0, 20)
        mask[y : y + 5, x : x + int(rng.integers(3, 6))] = True
        rle = Rle.from_mask(mask)
        score = None if seed == 0 else float(rng.integers(1, 4)) / 4
        segments.append(
            Segment(
                id=i + 1,
                category_id=int(rng.integers(0, 2)),
                rle=rle,
                source_area=float(rle.area),
                score=score,
            )
        )
    return {"segments": segments, "overlap": True}


MAKERS = {"semantic": semantic, "instance": instance, "panoptic": panoptic}


def make(task, seed, **extra):
    def load(index):
        content = MAKERS[task](seed, index)
        return Sample(image_id=str(10 - index), height=HEIGHT, width=WIDTH, **content, **extra)

    return Dataset(
        name=f"set {seed}",
        categories=CATEGORIES,
        image_ids=[str(10 - i) for i in range(N)],
        load=load,
        tasks=[task],
    )


def numbers(record_or_scores):
    if isinstance(record_or_scores, segbench.RunRecord):
        content = record_or_scores.to_dict()
        return json.dumps([{k: v["value"] for k, v in content["metrics"].items()}, content["per_class"]])
    values = {k: None if np.isnan(v) else v for k, v in record_or_scores.items()}
    rows = [
        {k: None if str(v) == "nan" else v for k, v in row.items()} for row in record_or_scores.class_rows
    ]
    return json.dumps([values, rows])


@pytest.mark.parametrize("task", MAKERS)
@settings(max_examples=25)
@given(data=st.data())
def test_any_split_into_updates_and_any_order_of_merging_gives_the_same_bytes(task, data):
    truth, pred = make(task, 0), make(task, 1)
    whole = numbers(segbench.score(truth, pred, threads=1))
    assert numbers(segbench.score(truth, pred, threads=2)) == whole
    parts = data.draw(st.lists(st.integers(0, 2), min_size=N, max_size=N), label="part of each image")
    metrics = [default_protocol(task).build(CATEGORIES) for _ in range(3)]
    for index in data.draw(st.permutations(range(N)), label="order of updates"):
        metric = metrics[parts[index]]
        metric.add(metric.measure_sample(pred[index], truth[index], index))
    first, *others = data.draw(st.permutations(metrics), label="order of merging")
    for other in others:
        first.merge(other)
    assert numbers(first.compute()) == whole


@pytest.mark.parametrize("task", MAKERS)
def test_the_tables_of_a_record_hold_all_that_its_score_needs(task, tmp_path):
    record = segbench.score(make(task, 0), make(task, 1), out=tmp_path)
    read = segbench.read_record(record.path)
    metric = default_protocol(task).build(CATEGORIES, read.protocol["settings"])
    metric.add_tables(read.images, read.detections)
    assert numbers(metric.compute()) == numbers(record) == numbers(read)


@pytest.mark.parametrize("task", MAKERS)
def test_a_record_is_the_same_from_one_or_several_threads(task, tmp_path):
    one, two = (segbench.score(make(task, 0), make(task, 1), threads=n, out=tmp_path) for n in (1, 2))
    assert one.path == two.path
    assert one.images == two.images
    assert one.detections == two.detections
    assert len(list(tmp_path.rglob("run.json"))) == 1


def test_a_perfect_prediction_scores_one():
    assert segbench.score(make("semantic", 2), make("semantic", 2)).metrics["miou"].value == 1
    assert segbench.score(make("panoptic", 2), make("panoptic", 2)).metrics["pq"].value == 1


def test_tasks_that_do_not_meet_are_refused():
    with pytest.raises(segbench.UsageError, match="set 0 serves semantic, the predictions panoptic"):
        segbench.score(make("semantic", 0), make("panoptic", 1))
    with pytest.raises(segbench.UsageError, match="protocol exact is for semantic"):
        segbench.score(make("panoptic", 0), make("panoptic", 1), protocol="exact")
    with pytest.raises(segbench.UsageError, match="Did you mean 'panopticapi'"):
        segbench.score(make("panoptic", 0), make("panoptic", 1), protocol="panoptic-api")


@pytest.mark.parametrize(
    ("device", "message"),
    [("cuda", "segbench.cuda12|on the CPU"), ("cuda:0", "segbench.cuda12|on the CPU"), ("tpu", "unknown")],
)
def test_a_device_that_is_not_there_is_refused(device, message):
    """Where there is a GPU, metrics take its arrays; files are counted on the CPU even so."""
    with pytest.raises(segbench.UsageError, match=message):
        segbench.score(make("semantic", 0), make("semantic", 1), device=device)


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_the_record_says_where_files_were_counted(device):
    record = segbench.score(make("semantic", 0), make("semantic", 1), device=device)
    assert record.env["device"] == "cpu"


class Plugin:
    """Answers with the true mask of each image, or misbehaves."""

    def __init__(self, fault=None, **info):
        fields = {"name": "oracle", "tasks": ("semantic",), "id2label": CATEGORIES.id2label}
        self.info = segbench.ModelInfo(**{**fields, **info})
        self.fault = fault
        self.sizes = []

    def predict(self, batch):
        self.sizes.append(len(batch))
        if self.fault == "raise":
            raise KeyError("no weights")
        if self.fault in ("short", "none"):
            return [] if self.fault == "short" else None
        masks = [make("semantic", 2).by_id(i).mask for i in batch.image_ids]
        if self.fault == "shape":
            return [mask[:-1] for mask in masks]
        if self.fault == "range":
            return [mask + 100 for mask in masks]
        return masks


@pytest.fixture
def pictures():
    image = encode_image(np.zeros((3, HEIGHT, WIDTH), np.uint8))
    return make("semantic", 2, image_file=ImageFile(name="black.png", data=image))


@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_model_is_run_image_by_image_and_recorded(pictures, tmp_path, batch_size):
    plugin = Plugin()
    record = segbench.run(plugin, pictures, batch_size=batch_size, out=tmp_path)
    assert record.metrics["miou"].value == 1
    assert sum(plugin.sizes) == N
    assert max(plugin.sizes) == batch_size
    assert record.model["name"] == "oracle"
    assert record.timing["batch_size"] == batch_size
    assert record.images["latency_ms"].null_count == 0
    assert record.dataset["n_scored"] == N
    assert segbench.read_record(record.path).run_id == record.run_id


def test_settings_reach_the_metric_of_a_model(pictures):
    record = segbench.run(Plugin(), pictures, protocol="mmseg", settings={"beta": 2}, out=None)
    assert record.protocol["settings"]["beta"] == 2
    with pytest.raises(segbench.UsageError, match="unknown setting 'bet'. Did you mean 'beta'"):
        segbench.run(Plugin(), pictures, settings={"bet": 2}, out=None)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("raise", "oracle: image 10: predict raised KeyError: 'no weights'"),
        ("short", "oracle: image 10: predict returned 0 predictions for 1 images"),
        ("none", "oracle: image 10: predict returned NoneType for 1 images"),
        ("shape", "oracle: image 10: .*14"),
        ("range", "oracle: image 10: .*10"),
    ],
)
def test_a_misbehaving_plugin_is_named_with_the_image(pictures, tmp_path, fault, message):
    with pytest.raises(segbench.PluginError, match=message):
        segbench.run(Plugin(fault), pictures, out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_categories_of_the_model_must_be_those_of_the_data(pictures):
    plugin = Plugin(id2label={0: "class 0", 1: "klass 1"})
    with pytest.raises(segbench.SegbenchError, match="klass 1"):
        segbench.run(plugin, pictures, out=None)
    assert segbench.run(
        Plugin(id2label={**CATEGORIES.id2label, 9: "sky"}), pictures, ignore=["sky"], out=None
    )


def test_a_data_set_without_pictures_cannot_be_run():
    with pytest.raises(segbench.DataError, match="no picture"):
        segbench.run(Plugin(), make("semantic", 2), out=None)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_ordered_map_keeps_the_order_and_raises_what_is_raised(threads):
    assert list(ordered_map(lambda x: x * x, range(50), threads)) == [x * x for x in range(50)]
    with pytest.raises(ZeroDivisionError):
        list(ordered_map(partial(divmod, 1), [1, 2, 0, 3], threads))


def test_ordered_map_does_not_run_ahead():
    drawn = []

    def items():
        for i in range(100):
            drawn.append(i)
            yield i

    results = ordered_map(lambda x: x, items(), 2)
    next(results)
    assert len(drawn) <= 4
    results.close()
