"""The bootstrap scores every protocol as its metric does: from real tables, whole and resampled."""

from __future__ import annotations

import numpy as np
import pytest
import together

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.leaderboard import build_leaderboard
from segbench.leaderboard.evidence import MATCH, PRIMARY, primary, read_evidence
from segbench.leaderboard.resample import resamples
from segbench.protocols import PROTOCOLS

N = 12
HEIGHT, WIDTH = 12, 18
NAMES = ["road", "sidewalk", "building", "sky", "car", "bus", "unlabeled", "train"]
THINGS = ("car", "bus", "train")
CATEGORIES = Categories(Category(i, name, isthing=name in THINGS) for i, name in enumerate(NAMES))
BELOW = len(NAMES) - 1  # no train anywhere
TESTED = [
    name for name, protocol in PROTOCOLS.items() if protocol.task in PRIMARY and protocol.task != "instance"
]


def block_map(seed, index, high):
    rng = np.random.default_rng([seed // 2, index])
    own = np.random.default_rng([seed, index])
    ids = np.kron(rng.integers(0, high, (4, 3)), np.ones((3, 6), int))
    other = np.kron(own.integers(0, high, (4, 3)), np.ones((3, 6), int))
    return np.where(own.random(ids.shape) < 0.8, ids, other)


def sample(seed, index, task):
    ids = block_map(seed, index, BELOW if task == "semantic" else BELOW + 1)
    common = {"image_id": str(index), "height": HEIGHT, "width": WIDTH}
    if task == "semantic":
        mask = ids.astype(np.uint8)
        return Sample(**common, load_mask=lambda: mask)
    segment_map = ids.astype(np.int32)
    segments = [
        Segment(id=i, category_id=(i - 1) % BELOW, iscrowd=seed == 0 and i == 5)
        for i in np.unique(ids[ids > 0]).tolist()
    ]
    return Sample(**common, load_segment_map=lambda: segment_map, segments=segments)


def dataset(seed, task):
    return Dataset(
        name=f"set {seed}",
        categories=CATEGORIES,
        image_ids=[str(i) for i in range(N)],
        load=lambda index: sample(seed, index, task),
        tasks=[task],
    )


def literal(record, row):
    """The metric's own score of images held as often as ``row`` says."""
    metric = PROTOCOLS[record.protocol["name"]].build(CATEGORIES, record.protocol["settings"])
    held = [i for i in range(N) for _ in range(int(row[i]))]
    table = record.images.take(held)
    for name, values in (("image_id", [str(i) for i in range(len(held))]), ("index", range(len(held)))):
        place = table.column_names.index(name)
        table = table.set_column(place, name, [list(values)])
    metric.add_tables(table)
    return metric.compute()[primary(record)]


@pytest.mark.parametrize("name", TESTED)
def test_the_bootstrap_scores_as_the_metric(name, tmp_path):
    task = PROTOCOLS[name].task
    record = segbench.score(dataset(0, task), dataset(1, task), protocol=name, out=tmp_path)
    record = segbench.read_record(record.path)
    pooled = read_evidence(record).pooled
    weights = np.concatenate([np.ones((1, N)), *resamples(N, 20, 0, 5)])
    tolerance = MATCH if "decimals" in record.protocol["settings"] else 1e-6
    for row, score in zip(weights, pooled.scores(weights), strict=True):
        assert score == pytest.approx(literal(record, row), abs=tolerance, nan_ok=True)


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if PROTOCOLS[name].task == "instance"])
def test_instances_of_equal_score_go_by_image_id_whatever_the_order_of_the_data(name, tmp_path):
    truth, pred = (together.data(side, together.instance) for side in ("truth", "pred"))
    record = segbench.score(truth, pred, protocol=name, out=tmp_path)
    evidence = read_evidence(segbench.read_record(record.path))
    assert list(evidence.image_ids) == [str(i) for i in range(15, 21)]
    [board] = build_leaderboard(tmp_path, tmp_path / "o", formats=("html",), n_boot=100).boards
    assert board.rows[0].value == record.metrics[board.metric].value
