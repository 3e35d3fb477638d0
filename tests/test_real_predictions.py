"""Predictions on real data, saved in every format that takes them, are scored as the run was."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from runs.test_saving import PAIRS

import segbench
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_image
from segbench.canonical.sample import ImageFile
from segbench.models import InstancePrediction, ModelInfo, PanopticPrediction
from segbench.records.results import saved_predictions

SETS = {
    "panoptic": "panopticapi_sample/sample_data/panoptic_examples.json",
    "semantic": "panopticapi_sample/sample_data/panoptic_examples.json",
    "instance": "coco_tiny/annotations/instances_val2017.json",
}
N = 8


@lru_cache(maxsize=4)
def opened(file):
    """The first images of a file; what its annotations say is drawn once."""
    found = segbench.open_dataset(file)
    samples = [pictured(sample) for sample in found[:N]]
    return Dataset(
        name="real", categories=found.categories, image_ids=found.image_ids[:N], load=samples.__getitem__,
        tasks=found.tasks, extra=found.extra,
    )  # fmt: skip


def pictured(sample):
    """The sample with a black picture: what is predicted does not depend on it."""
    black = np.zeros((3, sample.height, sample.width), np.uint8)
    return replace(sample, image_file=ImageFile(name=f"{sample.image_id}.png", data=encode_image(black)))


class Moved:
    """Answers the truth, three pixels to the right."""

    def __init__(self, truth, task):
        self.truth = truth
        labels = {c.id: c.name for c in truth.categories}
        self.info = ModelInfo(name="moved", tasks=(task,), id2label=labels, revision="1")

    def predict(self, batch):
        return [getattr(self, batch.task)(self.truth.by_id(image_id)) for image_id in batch.image_ids]

    def semantic(self, sample):
        mask = np.roll(sample.mask, 3, 1)
        return np.where(mask == sample.ignore_index, 0, mask)

    def panoptic(self, sample):
        known = {s.id: s for s in sample.segments if not s.iscrowd}
        moved = np.roll(sample.segment_map, 3, 1)
        moved = np.where(np.isin(moved, list(known)), moved, 0)
        rows = [{"id": i, "category_id": known[i].category_id} for i in np.unique(moved).tolist() if i]
        return PanopticPrediction(segment_map=moved, segments=rows)

    def instance(self, sample):
        objects = [s for s in sample.segments if not s.iscrowd]
        masks = [np.roll(s.to_rle(sample.height, sample.width).to_mask(), 3, 1) != 0 for s in objects]
        return InstancePrediction(
            masks=np.array(masks).reshape(len(masks), sample.height, sample.width),
            scores=np.linspace(0.9, 0.3, len(masks)).astype(np.float32),
            category_ids=np.array([s.category_id for s in objects], np.int64),
        )


@pytest.mark.parametrize(("name", "task"), PAIRS)
def test_saved_predictions_are_scored_as_the_run(name, task, data_dir, tmp_path):
    truth = opened(data_dir / SETS[task])
    model = Moved(truth, task)
    record = segbench.run(model, truth, task=task, out=tmp_path, save_predictions=name, shard_size=3)
    again = segbench.score(truth, saved_predictions(record.path), task=task)
    assert json.dumps(again.to_dict()["metrics"]) == json.dumps(record.to_dict()["metrics"])
    assert 0.5 < next(iter(record.metrics.values())).value < 1
