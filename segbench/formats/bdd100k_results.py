"""Predictions for BDD100K: bitmasks named like the images of the truth, and a JSON of their objects' scores.

Source: ``bdd100k/eval/ins_seg.py`` and ``pan_seg.py`` of bdd100k 1.0.1: ``{"name": "x.png", "labels":
[{"index", "score"}]}`` a picture; objects that are listed count, in panoptic predictions all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path, PurePosixPath

from segbench.canonical.dataset import Dataset
from segbench.canonical.images import PNG_SIGNATURE
from segbench.canonical.paths import files_below
from segbench.canonical.sample import Sample
from segbench.errors import DataError, UnpairedError
from segbench.formats.aligned import NUMBERS_OF_TRUTH
from segbench.formats.bdd100k_bitmasks import Bitmasks, read_bitmask
from segbench.formats.folders import Frame
from segbench.formats.label_maps import MAP
from segbench.formats.plain_json import need_items, read_json

_RGBA = 6
"""PNG's colour type."""


def find_bitmasks(path: Path, truth: Dataset) -> dict[str, Path]:
    """Return ``{image id: file}`` of RGBA pictures below a folder, by the ends of their paths."""
    found: dict[str, Path] = {}
    for below in sorted(files_below(path)) if path.is_dir() else ():
        if below.endswith(".png"):
            parts = below.removesuffix(".png").split("/")
            ends = ("/".join(parts[i:]) for i in range(len(parts)))
            image_id = next((end for end in ends if truth.has(end)), None)
            if image_id is not None and _is_rgba(path / below):
                found[image_id] = path / below
    return found


def read_bitmasks(path: Path, truth: Dataset, files: Mapping[str, Path]) -> Dataset:
    """Open bitmasks as what the truth is.

    Raises
    ------
    DataError
        When one is missing, or a JSON of scores is damaged.
    """
    for image_id in truth.image_ids:
        if image_id not in files:
            raise UnpairedError("there is no prediction for this image", file=path, image_id=image_id)
    task = "pan_seg" if "panoptic" in truth.tasks else "ins_seg"
    scores = {k: v for file in sorted(path.glob("*.json")) for k, v in _scores(file).items()}
    frames = [Frame(name=i, files={MAP: files[i]}) for i in truth.image_ids]
    reader = Bitmasks(task, truth.categories, NUMBERS_OF_TRUTH)
    return Dataset(
        name=path.resolve().name,
        categories=truth.categories,
        image_ids=truth.image_ids,
        load=_Load(frames, reader, path, scores if task == "ins_seg" else None),
        tasks=("panoptic", "semantic") if task == "pan_seg" else ("instance",),
        format="bdd100k",
        path=path,
    )


@dataclass(frozen=True, slots=True)
class _Load:
    """Reads the prediction of an index; it can be sent to another process."""

    frames: list[Frame]
    reader: Bitmasks
    root: Path
    scores: Mapping[str, Mapping[int, float]] | None

    def __call__(self, index: int) -> Sample:
        frame = self.frames[index]
        sample = read_bitmask(self.reader, self.root, frame)
        if self.scores is None:
            return sample
        scores = self.scores.get(PurePosixPath(frame.name).name, {})
        listed = tuple(replace(s, score=scores[s.id]) for s in sample.segments if s.id in scores)
        return replace(sample, segments=listed)


def _is_rgba(file: Path) -> bool:
    with file.open("rb") as handle:
        head = handle.read(26)
    return head.startswith(PNG_SIGNATURE) and head[25:] == bytes([_RGBA])


def _scores(file: Path) -> dict[str, dict[int, float]]:
    """``{stem of the picture: {number: score}}``."""
    content = read_json(file)
    wrapped = content if isinstance(content, dict) else {"frames": content}
    found: dict[str, dict[int, float]] = {}
    for i, row in enumerate(need_items(wrapped, "frames", file=file)):
        field = f"frames[{i}]"
        name = row.get("name")
        if not isinstance(name, str):
            raise DataError("is missing, or no name", file=file, field=f"{field}.name")
        labels = need_items(row, "labels", field=field, file=file) if row.get("labels") else []
        for k, label in enumerate(labels):
            number, score = label.get("index"), label.get("score")
            if type(number) is not int or not isinstance(score, int | float) or not isfinite(score):
                raise DataError("has no index and score", file=file, field=f"{field}.labels[{k}]")
            found.setdefault(PurePosixPath(name).stem, {})[number] = float(score)
    return found
