"""Small data sets with pictures on disk, and models in a file that misbehave when they are told to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import segbench
from segbench.canonical.images import encode_image, encode_labels
from segbench.records.results import read_content
from segbench.records.schema import faults

MODEL = '''
"""Answers the truth with mistakes that depend on the picture alone; FAULT says how it misbehaves."""
import json, os, signal, time
import numpy as np
import segbench

OTHERWISE = "{}"

def once(marker, image_id):
    """Whether this is asked for the first time; always, without a marker."""
    try:
        return marker is None or not os.close(os.open(marker + image_id, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False

class Model:
    info = segbench.ModelInfo(name="m", tasks=("semantic",), id2label={0: "a", 1: "b", 2: "c"})

    def __init__(self):
        self.fault = json.loads(os.environ.get("FAULT", OTHERWISE))
        if limit := self.fault.get("limit"):
            import resource
            resource.setrlimit(resource.RLIMIT_AS, (limit << 20, limit << 20))

    def predict(self, batch):
        time.sleep(self.fault.get("seconds", 0) * len(batch))
        return [self.answer(i, image) for i, image in zip(batch.image_ids, batch.images)]

    def answer(self, image_id, image):
        kind = self.fault.get("kind") if image_id in self.fault.get("images", [image_id]) else None
        mask = (image[0] + (image[1] > 200)) % 3
        if kind == "print":
            print("found:", image_id)
            os.system("echo by a program")
        if kind == "raise":
            raise RuntimeError("out of\\nluck")
        if kind == "exit":
            raise SystemExit(0)
        if kind == "hang":
            time.sleep(3600)
        if kind == "kill" and once(self.fault.get("once"), image_id):
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "shape":
            return mask[:-1]
        if kind == "random":
            mask = (mask + np.random.default_rng().integers(0, 3, mask.shape)) % 3
        if kind == "leak":
            Model.leaked = getattr(Model, "leaked", []) + [np.empty(self.fault.get("megabytes", 8) << 17)]
        if kind == "count":
            Model.calls = getattr(Model, "calls", 0) + 1
            if image_id == self.fault.get("stop"):
                raise RuntimeError("out of luck")
            mask = mask + Model.calls % 3
        return (mask % 3).astype(np.uint8)
'''


def write_data(folder: Path, n: int, height: int = 8, width: int = 12) -> Path:
    """Write n pictures with masks of three categories; the mask is what the red channel says, mod 3."""
    rng = np.random.default_rng(n)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    (folder / "id2label.json").write_text(json.dumps({0: "a", 1: "b", 2: "c"}))
    for i in range(n):
        image = rng.integers(0, 256, (3, height, width), dtype=np.uint8)
        (folder / f"images/{i:05d}.png").write_bytes(encode_image(image))
        (folder / f"masks/{i:05d}.png").write_bytes(encode_labels(image[0] % 3))
    return folder


def write_model(folder: Path, **fault: object) -> str:
    """Write the model; return its spec. Without FAULT in its environment it misbehaves as is said here."""
    text = MODEL.replace('OTHERWISE = "{}"', f"OTHERWISE = {json.dumps(fault)!r}")
    (folder / "model.py").write_text(text)
    return f"file:{folder / 'model.py'}:Model"


def same_result(one: segbench.RunRecord, two: segbench.RunRecord) -> bool:
    """Whether two records say the same to the last byte, but for time and machine."""
    texts = [
        json.dumps([r.run_id, r.to_dict()["metrics"], r.per_class, list(r.warnings)]) for r in (one, two)
    ]
    images = [record.images.drop_columns("latency_ms") for record in (one, two)]
    return texts[0] == texts[1] and images[0].equals(images[1]) and one.detections == two.detections


@contextmanager
def checked() -> Iterator[None]:
    """Within it, each record that a score or run leaves is held against the schema, one of each shape."""
    keep, seen = segbench.RunRecord.kept, set()

    def checked_kept(record: segbench.RunRecord, *where: Any) -> segbench.RunRecord:
        kept = keep(record, *where)
        content = read_content(kept.path)
        shape = (_shape(content), record.protocol["name"])
        if shape not in seen:
            seen.add(shape)
            assert faults(content) == [], kept.path
        return kept

    with mock.patch.object(segbench.RunRecord, "kept", checked_kept):
        yield


def _shape(value: object) -> object:
    """Types of a JSON value, and of what it holds."""
    if isinstance(value, dict):
        return frozenset((key, _shape(item)) for key, item in value.items())
    return frozenset(map(_shape, value)) if isinstance(value, list) else type(value)
