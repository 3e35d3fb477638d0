"""doctor: does a model plugin behave? It is asked for odd sizes, again, in batches and in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.images import decode_image, encode_labels
from segbench.canonical.sample import Sample
from segbench.errors import PluginError, raised
from segbench.models.class_map import ClassMap
from segbench.models.predictions import prediction_sample
from segbench.models.types import Batch, SegModel, Task

SIZES = {"plain": (64, 96), "odd": (37, 53), "one pixel": (1, 1), "very wide": (16, 1000)}
"""Height and width of the pictures."""

Verdict = Literal["ok", "note", "fault"]
Ask = Callable[[Sequence[NDArray[np.uint8]]], list[Any]]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: ``fault`` where the model misbehaves, ``note`` where scores depend on the run."""

    task: str
    check: str
    verdict: Verdict
    text: str = ""

    def __str__(self) -> str:
        return f"{self.verdict:<6}{self.task:<10}{self.check}" + (f": {self.text}" if self.text else "")


def examine(model: SegModel, batch: int = 3) -> Iterator[Finding]:
    """Ask a model for each of its tasks, and yield what each check finds.

    Every answer is read as a run reads it, which looks at shapes, dtypes, NaN, scores and category ids.
    ``batch`` is how many images are asked together.
    """
    for task in model.info.tasks:
        yield from _examine_task(model, task, batch)


def _examine_task(model: SegModel, task: Task, batch: int) -> Iterator[Finding]:
    def ask(images: Sequence[NDArray[np.uint8]]) -> list[Any]:
        return _answers(model, task, images)

    faulty = False
    for name, image in _pictures().items():
        size = f"{name} picture, {image.shape[1]} × {image.shape[2]}"
        found = _checked(task, size, lambda image=image: _read(ask, image))  # type: ignore[misc]
        faulty |= found.verdict == "fault" and image.shape[1:] == SIZES["plain"]
        yield found
    if faulty:  # the rest would only say the same again
        return
    several = [_picture(SIZES["plain"], i) for i in range(batch)]
    yield _checked(task, "the same again", lambda: _twice(ask, several))
    yield _checked(task, f"a batch of {batch}", lambda: _in_batch(ask, several))
    yield _checked(task, "two threads", lambda: _in_threads(ask, several))
    if task != "semantic":
        yield _checked(task, "scores", lambda: _in_range(ask, several))


def _checked(task: str, name: str, check: Callable[[], tuple[Verdict, str]]) -> Finding:
    try:
        return Finding(task, name, *check())
    except PluginError as error:
        return Finding(task, name, "fault", str(error))


def _read(ask: Ask, image: NDArray[np.uint8]) -> tuple[Verdict, str]:
    ask([image])
    return "ok", ""


def _twice(ask: Ask, images: Sequence[NDArray[np.uint8]]) -> tuple[Verdict, str]:
    first, again = ([ask([image]) for image in images] for _ in range(2))
    return (
        ("ok", "") if first == again else ("fault", "the answer is another one: results cannot be repeated")
    )


def _in_batch(ask: Ask, images: Sequence[NDArray[np.uint8]]) -> tuple[Verdict, str]:
    alone = [answer for image in images for answer in ask([image])]
    return (
        ("ok", "") if ask(images) == alone else ("note", "answers depend on the batch: run with batch size 1")
    )


def _in_threads(ask: Ask, images: Sequence[NDArray[np.uint8]]) -> tuple[Verdict, str]:
    alone = [ask([image]) for image in images]
    try:
        with ThreadPoolExecutor(2) as pool:
            together = list(pool.map(lambda image: ask([image]), [*images, *images]))
    except PluginError as error:
        return "note", f"cannot be asked from two threads, which no run does: {error}"
    same = together == alone * 2
    return ("ok", "") if same else ("note", "answers change when two threads ask, which no run does")


def _in_range(ask: Ask, images: Sequence[NDArray[np.uint8]]) -> tuple[Verdict, str]:
    """Scores are only ranked; but thresholds and calibration mean nothing where they are no probabilities."""
    scores = [score for image in images for _, _, score, _ in ask([image])[0][0] if score is not None]
    odd = next((score for score in scores if not 0 <= score <= 1), None)
    return ("ok", "") if odd is None else ("note", f"lie outside 0 to 1: {odd:g}")


def _answers(model: SegModel, task: Task, images: Sequence[NDArray[np.uint8]]) -> list[Any]:
    """Answers in a form that can be compared.

    Raises
    ------
    PluginError
        When the model raises, or an answer is not as it must be.
    """
    ids = [f"doctor-{i}" for i in range(len(images))]
    try:
        answers = model.predict(Batch(images=list(images), image_ids=ids, task=task))
        n = len(answers)
    except (Exception, SystemExit) as error:  # whatever a stranger's code raises
        raise PluginError(f"predict {raised(error)}") from error
    if n != len(images):
        raise PluginError(f"predict returned {n} predictions for {len(images)} images")
    info = model.info
    # Every category is one of the data set, under its own id.
    class_map = ClassMap(info.name, {i: i for i in info.id2label}, info.id2label)
    truths = [
        Sample(image_id=i, height=a.shape[1], width=a.shape[2]) for i, a in zip(ids, images, strict=True)
    ]
    return [
        _content(prediction_sample(answer, truth, class_map, 65_535), task)
        for answer, truth in zip(answers, truths, strict=True)
    ]


def _content(sample: Sample, task: Task) -> Any:
    if sample.kind != task:
        raise PluginError(f"was asked for {task}, and answered with {sample.kind}")
    segments = [(s.id, s.category_id, s.score, s.rle and s.rle.counts) for s in sample.segments]
    if task == "instance":
        return segments, b""
    return segments, (sample.mask if task == "semantic" else sample.segment_map).tobytes()


def _pictures() -> dict[str, NDArray[np.uint8]]:
    """Pictures of each size; and of files that are grey, of 16 bits, and black: they come as RGB."""
    grey = _picture(SIZES["plain"], 9)[0]
    files = {"grey": grey, "16-bit": grey.astype(np.uint16) * 256 + grey[::-1], "black": np.zeros_like(grey)}
    sizes = {name: _picture(size, i) for i, (name, size) in enumerate(SIZES.items())}
    return {**sizes, **{name: decode_image(encode_labels(values)) for name, values in files.items()}}


def _picture(size: tuple[int, int], seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng([17, seed]).integers(0, 256, (3, *size), dtype=np.uint8)
