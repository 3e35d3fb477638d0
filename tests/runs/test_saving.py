"""--save-predictions: what a run writes beside its record is scored as the run was, to the last bit."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from models import small_set
from tiny_runs import same_result, write_data, write_model

import segbench
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.cli.main import main
from segbench.formats import FORMATS, load_format
from segbench.models import InstancePrediction, ModelInfo, PanopticPrediction
from segbench.records.results import saved_predictions
from segbench.runs.predicted import pack_prediction, unpack_prediction

PAIRS = [(name, task) for name in FORMATS for task in sorted(getattr(load_format(name), "PREDICTIONS", {}))]


DENSE = [1, 2, 0, 0]
"""Category of the data set of each of the model's; the last is ignored there."""


class Model:
    """Answers every task with shapes that depend on the image id alone; its class 3 is to be ignored."""

    info = ModelInfo(
        name="shapes",
        tasks=("semantic", "instance", "panoptic"),
        id2label={0: "sky", 1: "car", 2: "road", 3: "other"},
        revision="1",
    )

    def predict(self, batch):
        return [
            getattr(self, batch.task)(int(i.rpartition("/")[2]), im)
            for i, im in zip(batch.image_ids, batch.images, strict=True)
        ]

    def semantic(self, seed, image):
        ids = self.panoptic(seed, image).segment_map
        return np.where(ids == 0, 3, ids % 4).astype(np.uint8)

    def instance(self, seed, image):
        """Rectangles that overlap, with a hole, of two parts, of one score; the last image has none."""
        rng = np.random.default_rng(seed)
        masks = np.zeros((12 if seed < 4 else 0, *image.shape[1:]), bool)
        for k, mask in enumerate(masks):
            y, x = rng.integers(0, 20, 2)
            mask[y : y + rng.integers(3, 20), x : x + rng.integers(3, 20)] = True
            mask[y + 1, x + 1] = k != 3
            mask[-2:, -2:] |= k == 5
        scores = rng.integers(1, 5, len(masks)).astype(np.float32) / np.float32(7)
        return InstancePrediction(masks=masks, scores=scores, category_ids=rng.integers(0, 4, len(masks)))

    def panoptic(self, seed, image):
        rng = np.random.default_rng(seed)
        ids = np.kron(rng.integers(0, 7, (5, 5)), np.ones((20, 20), int))
        ids = ids[: image.shape[1], : image.shape[2]] * 300_000_007 % 2**31
        return PanopticPrediction(
            segment_map=ids,
            segments=[{"id": i, "category_id": i % 4, "score": 0.5} for i in np.unique(ids).tolist() if i],
        )


NAMES = {
    "plain": [str(i + 1) for i in range(4)],
    "folders": ["b/1", "b/2", "a/3", "a/4"],
    "frames": ["0002/000001", "0002/000002", "0002/000003", "0011/000004"],
}
"""Ids of images: numbers, paths, and frames of videos."""


def truth_of(task, names="plain", **more):
    """What the model answers in part, in the categories of the data set."""
    truth = []
    for index, size in enumerate(small_set.SIZES):
        if task == "instance":
            answer = Model().instance(min(index + 1, 3), np.zeros((3, *size)))
            kinds = [DENSE[k] for k in answer.category_ids]
            truth.append(small_set.near_regions(list(answer.masks), kinds))
        else:
            answer = Model().panoptic(index + 1, np.zeros((3, *size)))
            ids = np.unique(answer.segment_map, return_inverse=True)[1].reshape(size)
            kinds = {i: DENSE[s["category_id"]] for i, s in enumerate(answer.segments, 1)}
            truth.append(small_set.near_map((ids.astype(np.int32), kinds)))
    return called(small_set.dataset(truth), names, **more)


def called(truth, names, categories=None):
    """The data set with images of these names, which ``frames`` says are of videos, and other categories."""

    def load(index):
        sample = replace(truth[index], image_id=NAMES[names][index])
        if names != "frames":
            return sample
        video, _, frame = sample.image_id.partition("/")
        return replace(sample, video_id=video, frame=int(frame))

    return Dataset(
        name=truth.name,
        categories=categories or truth.categories,
        image_ids=NAMES[names],
        load=load,
        tasks=truth.tasks,
        splits={"val": 3, "test": 1} if names == "frames" else None,
    )


def check_saved(truth, task, name, out):
    """Run, save and score again: everything is the same, whether the format is told or recognised."""
    record = segbench.run(
        Model(), truth, task=task, ignore=["other"], out=out, save_predictions=name, shard_size=3
    )
    saved = saved_predictions(record.path)
    assert saved is not None
    for told in (None, name):
        again = segbench.score(truth, saved, task=task, predictions_format=told)
        assert json.dumps(again.to_dict()["metrics"]) == json.dumps(record.to_dict()["metrics"])
        assert again.images.drop_columns("latency_ms") == record.images.drop_columns("latency_ms")
        assert again.detections == record.detections
    assert 0 < next(iter(record.metrics.values())).value < 1
    return record


@pytest.mark.parametrize(("name", "task"), PAIRS)
def test_saved_predictions_are_scored_as_the_run(name, task, tmp_path):
    record = check_saved(truth_of(task), task, name, tmp_path)
    assert record.provenance["predictions"] == name
    assert not (tmp_path / ".shards").exists()


@pytest.mark.parametrize("names", ["folders", "frames"])
@pytest.mark.parametrize(("name", "task"), PAIRS)
def test_whatever_images_are_called(name, task, names, tmp_path):
    check_saved(truth_of(task, names), task, name, tmp_path)


def test_every_format_that_is_written_has_predictions_or_says_why_not():
    written = {name for name in FORMATS if hasattr(load_format(name), "write")}
    assert written - {name for name, _ in PAIRS} == {"mots"}
    counts = {task: sum(task == other for _, other in PAIRS) for task in REFUSED}
    assert counts == {"semantic": 17, "instance": 11, "panoptic": 9}
    for task, others in REFUSED.items():
        assert {name for name in written if (name, task) not in PAIRS} == others.keys()


MAPS = "it cannot carry objects told apart"
NO_STUFF = "it cannot carry uncountable categories"
ONE = "pixels that several objects cover"
SCORES = "confidence of predictions"
REFUSED = {
    "semantic": {
        "mots": NO_STUFF, "coco": NO_STUFF, "lvis": NO_STUFF, "yolo-seg": NO_STUFF,
        "coco-panoptic": "its predictions are panoptic ones",
        "label-studio": "its predictions are instance ones",
    },
    "instance": {
        "mots": f"it cannot carry {ONE}, or {SCORES}", "bdd100k": f"it cannot carry {ONE}, or {SCORES}",
        "kitti-step": f"it cannot carry {ONE}, or {SCORES}", "voc": f"it cannot carry {ONE}, or {SCORES}",
        "mapillary": f"it cannot carry {ONE}, or {SCORES}", "instance-png": f"it cannot carry {SCORES}",
        "coco-panoptic": f"it cannot carry {ONE};", "ade20k": MAPS, "camvid": MAPS, "coco-stuff": MAPS,
        "nifti": MAPS, "png": MAPS,
    },
    "panoptic": {
        "mots": NO_STUFF, "coco": NO_STUFF, "lvis": NO_STUFF, "yolo-seg": NO_STUFF,
        "ade20k": MAPS, "camvid": MAPS, "coco-stuff": MAPS, "nifti": MAPS, "png": MAPS,
        "voc": "its predictions are semantic ones", "mapillary": "its predictions are semantic ones",
        "cityscapes": "its predictions are semantic or instance ones",
        "kitti": "its predictions are semantic or instance ones",
        "label-studio": "its predictions are instance ones",
    },
}  # fmt: skip
"""Why a format that is written has no predictions of a task."""


class Unasked:
    """A model that must not be asked, nor even be loaded."""

    def __init__(self):
        raise AssertionError("the model was loaded")


@pytest.mark.parametrize(("task", "name"), [(task, name) for task, row in REFUSED.items() for name in row])
def test_what_a_format_cannot_carry_is_refused_before_the_model_is_loaded(task, name, tmp_path):
    how = {"out": tmp_path / "out", "save_predictions": name}
    message = rf"{task} predictions in {name} cannot be scored again: {REFUSED[task][name]}.*segbench"
    with pytest.raises(segbench.UsageError, match=message):
        segbench.run("module:runs.test_saving:Unasked", truth_of(task), task=task, **how)
    protocol = {"semantic": "mmseg", "instance": "coco-instance", "panoptic": "panopticapi"}[task]
    with pytest.raises(segbench.UsageError, match=message):
        segbench.run("module:runs.test_saving:Unasked", truth_of(task), protocol=[protocol], **how)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "task", "keys"),
    [
        ("ade20k", "semantic", (0, 1, 2)),  # 0 is no class there
        ("coco-stuff", "semantic", (0, 1, 2)),
        ("coco-stuff", "semantic", (1, 2, 256)),
        ("cityscapes", "semantic", (1, 2, 255)),
        ("kitti", "semantic", (1, 2, 255)),
        ("bdd100k", "panoptic", (0, 1, 2)),
        ("bdd100k", "semantic", (1, 2, 255)),
        ("nifti", "semantic", (1, 2, 65_535)),
        ("png", "semantic", (1, 2, 65_535)),
        ("voc", "semantic", (-1, 1, 2)),
        ("camvid", "semantic", (-1, 1, 2)),
        ("mapillary", "semantic", (-1, 1, 2)),
    ],
)
def test_ids_that_a_format_has_no_number_for_are_refused_before_the_model_is_asked(
    name, task, keys, tmp_path
):
    class Silent(Model):
        def predict(self, batch):
            raise AssertionError("it was asked")

    categories = Categories(
        replace(c, source_id=key) for c, key in zip(small_set.CATEGORIES, keys, strict=True)
    )
    truth = truth_of(task, categories=categories)
    with pytest.raises(
        segbench.LossError, match=rf"predictions in {name} hold category ids from .* is -?\d+;"
    ):
        segbench.run(Silent(), truth, task=task, ignore=["other"], out=tmp_path, save_predictions=name)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "task"), PAIRS)
def test_ids_at_the_ends_of_what_a_format_holds(name, task, tmp_path):
    held = getattr(load_format(name), "PREDICTED_IDS", {}).get(task, range(3, 90_000))
    keys = (held[-1], held[0], held[1])
    categories = Categories(
        replace(c, source_id=key) for c, key in zip(small_set.CATEGORIES, keys, strict=True)
    )
    check_saved(truth_of(task, categories=categories), task, name, tmp_path)


def test_a_video_and_a_volume_are_written_in_their_place(tmp_path):
    truth = truth_of("panoptic", "frames")
    record = check_saved(truth, "panoptic", "kitti-step", tmp_path / "step")
    maps = saved_predictions(record.path) / "panoptic_maps/predictions"
    assert sorted(f.relative_to(maps).as_posix() for f in maps.rglob("*.png")) == [
        f"{name}.png" for name in NAMES["frames"]
    ]


def test_slices_are_put_back_into_the_volume_of_the_truth(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    labels = np.random.default_rng(5).integers(0, 3, (12, 9, 4)).astype(np.uint8)
    (tmp_path / "set/labelsTr").mkdir(parents=True)
    (tmp_path / "set/imagesTr").mkdir()
    affine = np.diag([2.0, 3, 4, 1])
    for folder, voxels in (("labelsTr", labels), ("imagesTr", labels * 80)):
        nibabel.save(nibabel.Nifti1Image(voxels, affine), tmp_path / "set" / folder / "liver.nii.gz")

    class Levels:
        info = ModelInfo(
            name="levels", tasks=("semantic",), revision="1",
            id2label={0: "background", 1: "label 1", 2: "label 2", 3: "unsure"},
        )  # fmt: skip

        def predict(self, batch):
            masks = [(image[0] // 80).astype(np.uint8) for image in batch.images]
            for mask in masks:
                mask[:3] = 1
                mask[3] = 3
            return masks

    options = {"ignore": ["unsure"], "out": tmp_path / "out", "save_predictions": "nifti", "shard_size": 3}
    record = segbench.run(Levels(), tmp_path / "set", **options)
    saved = saved_predictions(record.path)
    written = nibabel.load(saved / "labelsTr/liver.nii.gz")
    assert written.shape == labels.shape
    np.testing.assert_array_equal(written.affine, affine)
    again = segbench.score(tmp_path / "set", saved)
    assert json.dumps(again.to_dict()["metrics"]) == json.dumps(record.to_dict()["metrics"])
    assert 0 < again.metrics["miou"].value < 1


@pytest.mark.parametrize("name", ["supervisely", "instance-png", "labelme", "cvat"])
@pytest.mark.parametrize("task", ["semantic", "panoptic"])
def test_an_image_in_which_nothing_is_predicted(name, task, tmp_path):
    class Nothing(Model):
        def panoptic(self, seed, image):
            found = super().panoptic(seed, image)
            return PanopticPrediction(segment_map=found.segment_map * 0, segments=[]) if seed == 2 else found

    truth, model = truth_of(task), Nothing()
    record = segbench.run(model, truth, task=task, ignore=["other"], out=tmp_path, save_predictions=name)
    again = segbench.score(truth, saved_predictions(record.path), task=task)
    assert json.dumps(again.to_dict()["metrics"]) == json.dumps(record.to_dict()["metrics"])


def test_more_classes_than_a_format_has_numbers_for(tmp_path):
    categories = Categories(
        replace(small_set.CATEGORIES[min(i, 2)], id=i, name=str(i), source_id=i) for i in range(256)
    )
    truth = truth_of("panoptic", categories=categories)
    how = {"task": "panoptic", "out": tmp_path, "save_predictions": "kitti-step"}
    with pytest.raises(segbench.LossError, match="kitti-step have 255 classes at most, and small has 256"):
        segbench.run(Model(), truth, ignore=["sky", "car", "road", "other"], **how)


def test_more_objects_than_a_format_has_numbers_for(tmp_path):
    """A thousand cars in one image; nothing is joined in silence."""

    class Crowded(Model):
        def panoptic(self, seed, image):
            height, width = image.shape[1:]
            ids = np.arange(1, height * width + 1, dtype=np.int32).reshape(height, width)
            ids[ids > 1001] = 0
            return PanopticPrediction(
                segment_map=ids, segments=[{"id": i, "category_id": 1} for i in range(1, 1002)]
            )

    truth = truth_of("panoptic")
    with pytest.raises(segbench.LossError, match=r"image 1.* more objects; save them as segbench"):
        segbench.run(
            Crowded(), truth, task="panoptic", ignore=["other"], out=tmp_path, save_predictions="kitti-step"
        )
    assert list(tmp_path.rglob("run.json")) == []


@pytest.mark.parametrize("task", ["semantic", "instance", "panoptic"])
def test_a_prediction_is_unpacked_as_it_was(task):
    for index in range(3):
        sample = truth_of(task)[index]
        if task == "semantic":
            mask = sample.mask
            sample = replace(sample, load_mask=lambda mask=mask: mask, load_segment_map=None, segments=())
        segments = [
            replace(s, source_area=None, source_kind="rle" if s.rle else "map", score=0.1)
            for s in sample.segments
        ]
        sample = replace(sample, segments=segments)
        found = unpack_prediction(pack_prediction(sample), sample.image_id, sample.ignore_index)
        assert found.record_sha256 == sample.record_sha256
        assert list(found.segments) == segments


def test_ids_beyond_three_bytes_are_numbered_in_their_order():
    ids = np.array([[0, 5, 2**31 - 1], [2**24, 5, 0]], np.int32)
    segments = [Segment(id=i, category_id=i % 3) for i in (2**31 - 1, 5, 2**24)]
    sample = Sample(image_id="1", height=2, width=3, load_segment_map=lambda: ids, segments=segments)
    found = unpack_prediction(pack_prediction(sample), "1", 255)
    assert found.segment_map.tolist() == [[0, 1, 3], [2, 1, 0]]
    assert [(s.id, s.category_id) for s in found.segments] == [(3, (2**31 - 1) % 3), (1, 2), (2, 2**24 % 3)]


@pytest.fixture
def data(tmp_path):
    return write_data(tmp_path / "set", 30)


@pytest.fixture
def spec(tmp_path):
    return write_model(tmp_path)


def fault(monkeypatch, **how):
    monkeypatch.setenv("FAULT", json.dumps(how))


def test_a_run_that_goes_on_has_the_predictions_of_its_shards(data, spec, tmp_path, monkeypatch):
    fault(monkeypatch, kind="kill", images=["00017"])
    command = ["run", spec, str(data), "--out", str(tmp_path / "out"), "--shard-size", "4"]
    pid_of_child = _forked(lambda: CliRunner().invoke(main, [*command, "--save-predictions", "png"]))
    assert pid_of_child == 9
    fault(monkeypatch, kind="raise", images=["00001"])  # of shard 0, which is not asked again
    done = CliRunner().invoke(main, [*command, "--save-predictions", "png"], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    record = segbench.read_record(next((tmp_path / "out").rglob("run.json")).parent)
    assert segbench.score(data, saved_predictions(record.path)).metrics == record.metrics
    fault(monkeypatch)
    assert same_result(segbench.run(spec, data, out=None), record)


def _forked(function):
    """Call a function in a child, and return the signal that it ended by."""
    import os

    if not hasattr(os, "fork"):
        pytest.skip("no fork on this system")
    child = os.fork()
    if child == 0:
        function()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) * -1


def test_workers_save_what_one_process_does(data, spec, tmp_path):
    records = [
        segbench.run(spec, data, out=tmp_path / name, save_predictions="png", shard_size=8, **how)
        for name, how in (("alone", {}), ("two", {"workers": 2}))
    ]
    one, two = (saved_predictions(record.path) / "masks" for record in records)
    assert {f.name: f.read_bytes() for f in one.iterdir()} == {f.name: f.read_bytes() for f in two.iterdir()}
    assert same_result(*records)


def test_images_that_fail_have_no_prediction(data, spec, tmp_path, monkeypatch):
    fault(monkeypatch, kind="raise", images=["00003", "00029"])
    record = segbench.run(spec, data, out=tmp_path, on_error="skip", save_predictions="png", shard_size=4)
    saved = saved_predictions(record.path)
    names = sorted(path.stem for path in (saved / "masks").iterdir())
    assert names == [f"{i:05d}" for i in range(30) if i not in (3, 29)]
    with pytest.raises(segbench.DataError, match="image 00003: there is no prediction"):
        segbench.score(data, saved)
    listed = tmp_path / "scored.txt"
    listed.write_text("\n".join(names))
    segbench.convert(data, tmp_path / "part", image_list=listed)
    assert segbench.score(tmp_path / "part", saved).metrics == record.metrics


def test_what_is_saved_stays_when_the_run_is_repeated_without(data, spec, tmp_path):
    first = segbench.run(spec, data, out=tmp_path, save_predictions="png", protocol=["exact", "mmseg"])
    for record in first:
        name = record.protocol["name"]
        assert segbench.score(data, saved_predictions(record.path), protocol=name).metrics == record.metrics
    again = segbench.run(spec, data, out=tmp_path)
    assert again.path == first[0].path
    assert len(list((saved_predictions(again.path) / "masks").iterdir())) == 30


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pmg", "unknown format 'pmg'. Did you mean 'png'"),
        ("coco", "semantic predictions in coco cannot be scored again: .*; save them as one of segbench"),
        (
            "davis",
            "predictions in davis cannot be scored again: it is only read. The format segbench",
        ),
        (
            "mots",
            "predictions in mots cannot be scored again: it cannot carry unc.*; it cannot carry pix",
        ),
    ],
)
def test_formats_that_cannot_be_scored_again_are_refused_before_the_run(data, spec, tmp_path, name, message):
    with pytest.raises(segbench.UsageError, match=message):
        segbench.run(spec, data, out=tmp_path / "out", save_predictions=name)
    assert not (tmp_path / "out").exists()


def test_where_there_is_no_record_there_are_no_predictions(data, spec):
    with pytest.raises(segbench.UsageError, match="beside the record"):
        segbench.run(spec, data, out=None, save_predictions="png")
    with pytest.raises(segbench.UsageError, match="in files already"):
        segbench.run(f"preds:{data}", data, save_predictions="png")


def test_what_a_format_loses_is_refused_and_costs_no_prediction(tmp_path):
    """An instance without pixels is in no YOLO file; the canonical form takes it, from the same shards."""
    asked = []

    class Empty(Model):
        def instance(self, seed, image):
            asked.append(seed)
            answer = super().instance(seed, image)
            answer.masks[:1] = False
            return answer

    truth = truth_of("instance")
    how = {"task": "instance", "ignore": ["other"], "out": tmp_path}
    with pytest.raises(segbench.LossError, match="image 1: segments: 1 of its instances have no pixel"):
        segbench.run(Empty(), truth, save_predictions="yolo-seg", **how)
    assert list(tmp_path.rglob("run.json")) == []
    record = segbench.run(Empty(), truth, save_predictions="segbench", **how)
    assert len(asked) == 4
    assert segbench.score(truth, saved_predictions(record.path)).metrics == record.metrics
