"""A run with a model of other names: its class map is kept in the record, and printed."""

import json

import numpy as np
from models import small_set

import segbench
from segbench.cli.printed import class_map_text


class Other:
    """Says "street" everywhere."""

    info = segbench.ModelInfo(
        name="other", tasks=("semantic",), id2label={0: "street", 1: "void", 2: "Sky"}, revision="1"
    )

    def predict(self, batch):
        return [np.zeros(image.shape[1:], np.uint8) for image in batch.images]


def test_the_map_is_kept_and_printed(tmp_path):
    file = tmp_path / "names.toml"
    file.write_text('street = "road"\nvoid = false\n')
    record = segbench.run(Other(), small_set.dataset(), task="semantic", synonyms=file, out=tmp_path)
    kept = json.loads((record.path / "run.json").read_text())["model"]
    assert kept["class_map"] == {"0": 0, "1": None, "2": 1}
    assert kept["id2label"] == {"0": "street", "1": "void", "2": "Sky"}
    assert class_map_text(record).splitlines() == [
        "other: 2 of 3 classes are in the data set",
        "  0 street → road",
        "  1 void → ignored",
        "  2 Sky → sky",
        "  not known to the model: car",
    ]
    roads = [np.zeros(size, int) for size in small_set.SIZES]
    assert record.metrics["miou"].value == small_set.mean_iou(roads)
