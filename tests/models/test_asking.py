"""Windows and mirrored images: the numbers of a plain oracle, and of how mmsegmentation slides its window."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from models import small_set
from tiny_runs import write_data, write_model

import segbench
from segbench.cli import main
from segbench.models import Batch, ModelInfo, SemanticPrediction
from segbench.models.asking import Asking, ByViews, softmax, windows
from segbench.models.types import InstancePrediction


class Net:
    """Logits of half the size, which depend on where a pixel is and on all others."""

    info = ModelInfo(name="net", tasks=("semantic",), id2label={0: "road", 1: "sky", 2: "car"}, revision="1")

    def __init__(self):
        self.calls = []

    def predict(self, batch):
        self.calls.append(len(batch))
        return [SemanticPrediction(logits=self.logits(image)) for image in batch.images]

    def logits(self, image):
        assert image.flags.c_contiguous
        small = image[:, ::2, ::2].astype(np.float32) / 64
        return small - small.mean() + np.arange(small.shape[2], dtype=np.float32) / 9


def full(image):
    """The logits of an image as a whole, at its size."""
    return segbench.kernels.resize_bilinear(Net().logits(np.ascontiguousarray(image)), *image.shape[1:])


def ask(image, net=None, **how):
    asked = ByViews(net or Net(), Asking.of(how.get("window"), how.get("stride"), how.get("flips", ())))
    (answer,) = asked.predict(Batch(images=[image], image_ids=["a"], task="semantic"))
    return answer.logits


def naive_windows(image, window, stride):
    """Pixel by pixel: which windows it lies in, and the mean of what they say there."""
    height, width = image.shape[1:]
    rows = sorted({max(min(y, height - window[0]), 0) for y in range(0, height, stride[0])})
    columns = sorted({max(min(x, width - window[1]), 0) for x in range(0, width, stride[1])})
    said = {(y, x): full(image[:, y : y + window[0], x : x + window[1]]) for y in rows for x in columns}
    out = np.empty((3, height, width))
    for i in range(height):
        for j in range(width):
            found = [
                part[:, i - y, j - x]
                for (y, x), part in said.items()
                if 0 <= i - y < part.shape[1] and 0 <= j - x < part.shape[2]
            ]
            out[:, i, j] = np.mean(found, axis=0)
    return out


@pytest.mark.parametrize(
    ("window", "stride"),
    [((16, 20), (16, 20)), ((16, 20), (7, 9)), ((40, 200), (30, 1)), ((50, 70), (50, 70))],
)
def test_windows_are_those_of_the_oracle(window, stride):
    image = small_set.picture(0)
    found = ask(image, window=window, stride=stride)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, naive_windows(image, window, stride), atol=1e-5)


@pytest.mark.parametrize(
    ("size", "window", "stride"), [(s, w, t) for s in (1, 7, 16, 33) for w in (7, 16) for t in (1, 5, 7)]
)
def test_windows_stand_where_mmsegmentation_has_them(size, window, stride):
    """``slide_inference`` of mmseg/models/segmentors/encoder_decoder.py, for one side."""
    grids = max(size - window + stride - 1, 0) // stride + 1
    expected = []
    for i in range(grids):
        end = min(i * stride + window, size)
        expected.append((max(end - window, 0), end))
    found = windows((size, 1), Asking.of((window, 1), (stride, 1)))
    assert [(rows.start, rows.stop) for rows, _ in found] == expected


def test_flips_are_the_mean_of_probabilities():
    image = small_set.picture(1)
    views = {"horizontal": np.s_[:, :, ::-1], "vertical": np.s_[:, ::-1], "both": np.s_[:, ::-1, ::-1]}
    total = softmax(full(image))
    for view in views.values():
        total = total + softmax(full(image[view]))[view]
    np.testing.assert_allclose(ask(image, flips=list(views)), total / 4, atol=1e-6)
    one = (softmax(full(image)) + softmax(full(image[:, :, ::-1]))[:, :, ::-1]) / 2
    np.testing.assert_allclose(ask(image, flips=["horizontal"]), one, atol=1e-6)


def test_softmax_is_that_of_torch():
    torch = pytest.importorskip("torch")
    logits = np.random.default_rng(0).normal(0, 50, (5, 7, 9)).astype(np.float32)
    np.testing.assert_allclose(softmax(logits), torch.from_numpy(logits).softmax(0).numpy(), atol=1e-6)


def test_a_call_has_as_many_windows_as_it_would_have_images():
    net = Net()
    asked = ByViews(net, Asking.of(20, None))
    images = [small_set.picture(0)] * 4
    answers = asked.predict(Batch(images=images, image_ids=list("abcd"), task="semantic"))
    assert set(net.calls) == {4}
    assert len(net.calls) == 4 * 20 / 4
    np.testing.assert_allclose(answers[0].logits, ask(images[0], window=20), atol=1e-6)


@pytest.mark.parametrize(
    "answer", [np.zeros((9, 9), np.uint8), SemanticPrediction(mask=np.zeros((9, 9), np.uint8))]
)
def test_label_maps_have_no_mean(answer):
    class Hard(Net):
        def predict(self, batch):
            return [answer for _ in batch.images]

    with pytest.raises(segbench.PluginError, match="answers with label maps: windows and flips need logits"):
        ask(np.zeros((3, 9, 9), np.uint8), Hard(), flips=["both"])


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"flips": ["diagonal"]}, "unknown flip 'diagonal'"),
        ({"flips": ["both", "both"]}, "named twice"),
        ({"stride": 3}, "name the window"),
        ({"window": 0}, "height and width in pixels"),
        ({"window": (4, 5, 6)}, "height and width in pixels"),
        ({"window": 5, "stride": 6}, "leaves gaps"),
    ],
)
def test_what_cannot_be_asked(how, message):
    with pytest.raises(segbench.UsageError, match=message):
        segbench.models.Setup(**how)


def test_settings_of_a_record():
    assert Asking.of(None, None).settings == {}
    assert not Asking.of(None, None)
    how = Asking.of([512, 768], None, ["horizontal"])
    assert how.settings == {"window": [512, 768], "stride": [341, 512], "flips": ["horizontal"]}


class Instances(Net):
    info = ModelInfo(name="boxes", tasks=("instance",), id2label=Net.info.id2label, revision="1")

    def predict(self, batch):
        return [InstancePrediction(masks=[], scores=[], category_ids=[]) for _ in batch.images]


def test_a_run_says_how_its_model_was_asked(tmp_path):
    truth = small_set.dataset()
    plain = segbench.run(Net(), truth, task="semantic", out=tmp_path)
    how = {"window": (24, 24), "flips": ["horizontal"]}
    record = small_set.run_saved(Net(), truth, tmp_path, task="semantic", **how)
    asked = ByViews(Net(), Asking.of((24, 24), None, ["horizontal"]))
    answers = asked.predict(
        Batch(images=[small_set.picture(i) for i in range(4)], image_ids=list("abcd"), task="semantic")
    )
    assert record.metrics["miou"].value == small_set.mean_iou([a.logits.argmax(0) for a in answers])
    assert record.metrics["miou"].value != plain.metrics["miou"].value
    said = {"window": [24, 24], "stride": [16, 16], "flips": ["horizontal"]}
    assert record.protocol["inference"] == said
    assert "window=24,24|stride=16,16|flips=horizontal" in record.signature
    assert "inference" not in plain.protocol
    assert "differs" not in {check.verdict for check in segbench.verify(record.path)}
    board = segbench.build_leaderboard(tmp_path, tmp_path / "board")
    assert len(board.boards) == 2, "runs that were asked otherwise share no board"


@pytest.mark.parametrize("how", [{"window": 8}, {"flips": ["both"]}, {"prompts": "categories"}])
def test_predictions_in_files_cannot_be_asked(how, tmp_path):
    with pytest.raises(segbench.UsageError, match="are in files already: no model is asked"):
        segbench.run(f"preds:{tmp_path}", small_set.dataset(), out=None, **how)


def test_only_semantic_models_are_asked_so():
    truth = small_set.dataset([small_set.near_regions([], []) for _ in range(4)])
    with pytest.raises(segbench.UsageError, match="for the semantic task, not for instance"):
        segbench.run(Instances(), truth, task="instance", window=32, out=None)


def test_the_command(tmp_path):
    data, spec = write_data(tmp_path / "set", 4), write_model(tmp_path)
    command = ["run", spec, str(data), "--out", str(tmp_path / "out"), "--flip", "both", "--window", "6x8"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 4
    assert "image 00000: predict raised PluginError: answers with label maps" in done.stderr
    done = CliRunner().invoke(main, [*command, "--stride", "6xx8"])
    assert done.exit_code == 2
    assert "--stride is height and width in pixels, such as 512x768, not '6xx8'" in done.stderr
