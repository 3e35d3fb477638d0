"""Several protocols in one pass: the records of scoring each alone, from one decode and one table."""

from functools import partial

import numpy as np
import pytest
from together import CATEGORIES, SIZE, N, data, instance, panoptic, voided

import segbench
from segbench import kernels
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_image
from segbench.canonical.sample import ImageFile, Sample
from segbench.protocols import PROTOCOLS

NAMES = {task: [p.name for p in PROTOCOLS.values() if p.task == task] for task in ("semantic", "panoptic")}
INSTANCE = [p.name for p in PROTOCOLS.values() if p.task == "instance"]
CIRCUMSTANCES = ("timing", "env", "provenance", "tables")


def same(one, other):
    """Whether two records are the same to the last bit, circumstances aside."""
    assert one.run_id == other.run_id
    content = [{k: v for k, v in r.to_dict().items() if k not in CIRCUMSTANCES} for r in (one, other)]
    assert content[0] == content[1]
    assert one.images.drop("latency_ms") == other.images.drop("latency_ms")
    assert one.detections == other.detections


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    ("make", "names"),
    [(panoptic, NAMES["semantic"]), (panoptic, NAMES["panoptic"]), (instance, INSTANCE),
     (voided, NAMES["panoptic"]), (voided, ["exact", "panopticapi", "mapillary", "pq-dagger"])],
)  # fmt: skip
def test_each_record_is_that_of_scoring_the_protocol_alone(make, names, threads):
    together = segbench.score(data("truth", make), data("pred", make), protocol=names, threads=threads)
    assert [record.protocol["name"] for record in together] == names
    for record, name in zip(together, names, strict=True):
        same(record, segbench.score(data("truth", make), data("pred", make), protocol=name, threads=1))


def test_the_records_are_written_side_by_side(tmp_path):
    together = segbench.score(data("truth"), data("pred"), protocol=("exact", "hf"), out=tmp_path)
    assert len(together) == len(list(tmp_path.rglob("run.json"))) == 2
    for record in together:
        same(segbench.read_record(record.path), record)


def test_each_image_is_decoded_once_and_each_table_counted_once(monkeypatch):
    calls = {"confusion": 0, "pair_counts": 0}
    for name in calls:

        def counted(name, original, *arguments):
            calls[name] += 1
            return original(*arguments)

        monkeypatch.setattr(kernels, name, partial(counted, name, getattr(kernels, name)))
    decoded = []
    sides = (data("truth", counts=decoded), data("pred", counts=decoded))
    names = [name for name in NAMES["semantic"] if name != "cityscapes"] + NAMES["panoptic"]
    names.remove("boundary-pq")  # ids as small as these make it count a table of its own
    segbench.score(*sides, protocol=names, threads=1)
    assert sorted(decoded) == sorted((side, i) for side in ("truth", "pred") for i in range(N))
    assert calls == {"confusion": N, "pair_counts": N}


def test_a_name_alone_is_one_record_and_a_list_is_a_comparison():
    sides = data("truth"), data("pred")
    assert isinstance(segbench.score(*sides), segbench.RunRecord)
    assert isinstance(segbench.score(*sides, protocol="exact"), segbench.RunRecord)
    assert isinstance(segbench.score(*sides, protocol=["exact"]), segbench.Comparison)


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        (
            ["exact", "coco-instance"],
            "coco-instance is for instance; truth serves panoptic/semantic",
        ),
        (["exact", "exact"], "protocol exact is named twice"),
        ([], "there must be one protocol or more"),
        (["exact", "exat"], "unknown protocol 'exat'. Did you mean 'exact'"),
    ],
)
def test_protocols_that_cannot_be_scored_together_are_refused(protocol, message):
    with pytest.raises(segbench.UsageError, match=message):
        segbench.score(data("truth"), data("pred"), protocol=protocol)
    with pytest.raises(segbench.UsageError, match="protocol exact is for semantic, not panoptic"):
        segbench.score(data("truth"), data("pred"), task="panoptic", protocol=["panopticapi", "exact"])


class Plugin:
    """Answers with label maps, and counts how often it is asked."""

    info = segbench.ModelInfo(name="plugin", tasks=("semantic", "panoptic"), id2label=CATEGORIES.id2label)

    def __init__(self):
        self.asked = []

    def predict(self, batch):
        self.asked += batch.image_ids
        return [data("pred").by_id(image_id).mask for image_id in batch.image_ids]


@pytest.fixture
def pictures():
    image = ImageFile(name="black.png", data=encode_image(np.zeros((3, *SIZE), np.uint8)))
    truth = data("truth")

    def load(index):
        content = panoptic("truth", index)
        return Sample(
            image_id=truth.image_ids[index], height=SIZE[0], width=SIZE[1], image_file=image, **content
        )

    return Dataset(
        name="pictures", categories=CATEGORIES, image_ids=truth.image_ids, load=load, tasks=truth.tasks
    )


def test_a_model_is_asked_once_for_all_protocols(pictures, tmp_path):
    plugin, names = Plugin(), ["exact", "mapillary", "image-level"]
    together = segbench.run(plugin, pictures, protocol=names, out=tmp_path, batch_size=4)
    assert plugin.asked == list(pictures.image_ids)
    for record, name in zip(together, names, strict=True):
        assert record.images["latency_ms"].null_count == 0
        same(record, segbench.run(Plugin(), pictures, protocol=name, out=None))


def test_a_model_is_asked_for_one_task(pictures):
    with pytest.raises(segbench.UsageError, match="exact is for semantic, panopticapi for panoptic: run"):
        segbench.run(Plugin(), pictures, protocol=["exact", "panopticapi"], out=None)
