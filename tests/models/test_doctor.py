"""segbench doctor: what behaves passes, and each way to misbehave is found."""

import threading
import time

import numpy as np
import pytest
from click.testing import CliRunner

from segbench.cli import main
from segbench.demo_models import SmoothColor
from segbench.models import TASKS, InstancePrediction, ModelInfo, SemanticPrediction
from segbench.models.doctor import examine


def verdicts(model):
    return {(f.task, f.check.partition(",")[0]): f.verdict for f in examine(model)}


class Bright:
    """The well-behaved model that the faulty ones below are changed from."""

    info = ModelInfo(name="bright", tasks=("semantic",), id2label={0: "dark", 1: "bright"})

    def predict(self, batch):
        return [self.answer(image) for image in batch.images]

    def answer(self, image):
        return (image.mean(0) > 127).astype(np.uint8)


def test_a_model_that_behaves():
    found = verdicts(SmoothColor())
    assert set(found.values()) == {"ok"}
    assert {task for task, _ in found} == set(TASKS)
    assert len(found) == 32


class Raises(Bright):
    def answer(self, image):
        if image.shape[1:] == (1, 1):
            raise ValueError("too small")
        return super().answer(image)


class WrongSize(Bright):
    def answer(self, image):
        return super().answer(image)[:-1]


class UnknownId(Bright):
    def answer(self, image):
        return super().answer(image) + 1


class NotANumber(Bright):
    def answer(self, image):
        return SemanticPrediction(logits=np.full((2, 4, 4), np.nan))


class WrongTask(Bright):
    def answer(self, image):
        return InstancePrediction(masks=[], scores=[], category_ids=[])


class Short(Bright):
    def predict(self, batch):
        return []


class Exits(Bright):
    def predict(self, batch):
        raise SystemExit(0)


@pytest.mark.parametrize("model", [Exits, WrongSize, UnknownId, NotANumber, WrongTask, Short])
def test_answers_that_are_not_as_they_must_be(model):
    assert verdicts(model())["semantic", "plain picture"] == "fault"


def test_one_size_that_fails():
    found = verdicts(Raises())
    assert found.pop(("semantic", "one pixel picture")) == "fault"
    assert set(found.values()) == {"ok"}


class Random(Bright):
    def answer(self, image):
        return np.random.default_rng().integers(0, 2, image.shape[1:])


class ByBatch(Bright):
    def predict(self, batch):
        limit = np.mean([image.mean() for image in batch.images])
        return [(image.mean(0) > limit).astype(np.uint8) for image in batch.images]


class Shared(Bright):
    """Keeps the picture in a field, where another thread puts its own."""

    def predict(self, batch):
        self.images = batch.images
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.05)
        return [self.answer(image) for image in self.images]


def test_another_answer_each_time_is_a_fault():
    assert verdicts(Random())["semantic", "the same again"] == "fault"


def test_answers_that_depend_on_the_batch_are_a_note():
    found = verdicts(ByBatch())
    assert found["semantic", "a batch of 3"] == "note"
    assert found["semantic", "the same again"] == "ok"


class Pairs(Bright):
    """Answers alike for up to three images, as its second half does for more."""

    def predict(self, batch):
        return [self.answer(image if len(batch) < 4 else 255 - image) for image in batch.images]


def test_a_larger_batch_finds_more():
    assert verdicts(Pairs())["semantic", "a batch of 3"] == "ok"
    found = {f.check: f for f in examine(Pairs(), batch=5)}
    assert found["a batch of 5"].verdict == "note"


class Percents(Bright):
    info = ModelInfo(name="percents", tasks=("instance",), id2label={0: "all"})

    def answer(self, image):
        masks = np.ones((1, *image.shape[1:]), bool)
        return InstancePrediction(masks=masks, scores=np.array([87.5]), category_ids=np.array([0]))


def test_scores_that_are_no_probabilities_are_a_note():
    (found,) = [f for f in examine(Percents()) if f.verdict != "ok"]
    assert (found.check, found.text) == ("scores", "lie outside 0 to 1: 87.5")


class Eight(Bright):
    """Fails at pictures all of whose channels are one, which files of grey become."""

    def answer(self, image):
        if np.array_equal(image[0], image[1]):
            raise ValueError("grey")
        return super().answer(image)


def test_pictures_of_grey_and_of_16_bits_are_asked():
    found = verdicts(Eight())
    faults = {check for (_, check), verdict in found.items() if verdict == "fault"}
    assert {"grey picture", "16-bit picture", "black picture"} <= faults


def test_answers_that_depend_on_other_threads_are_a_note():
    assert verdicts(Shared())["semantic", "two threads"] == "note"


def test_the_command(tmp_path):
    done = CliRunner().invoke(main, ["doctor", "module:segbench.demo_models:PixelColor"])
    assert done.exit_code == 0
    assert "ok    panoptic  very wide picture, 16 × 1000" in done.output
    plugin = tmp_path / "plugin.py"
    plugin.write_text(
        "import segbench\n"
        "class Model:\n"
        "    info = segbench.ModelInfo(name='m', tasks=('semantic',), id2label={0: 'a'})\n"
        "    def predict(self, batch):\n"
        "        return [image[0] for image in batch.images]\n"
    )
    done = CliRunner().invoke(main, ["doctor", f"file:{plugin}:Model"])
    assert done.exit_code == 4
    assert "fault semantic  plain picture, 64 × 96: m: image doctor-0: mask: category id" in done.output
