"""PanopticQuality against panopticapi, bit for bit, and against its own promises."""

from __future__ import annotations

import contextlib
import io
import math
import pickle
import warnings
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panopticapi.evaluation import PQStat, pq_compute_single_core
from panopticapi.utils import id2rgb
from PIL import Image

from segbench.canonical.categories import Categories, Category
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError, SegbenchWarning, UsageError
from segbench.metrics import PanopticQuality
from segbench.metrics.panoptic import measure, score

ROWS = [
    {"id": 17, "name": "cat", "isthing": 1},
    {"id": 3, "name": "grass", "isthing": 0},
    {"id": 5, "name": "dog", "isthing": 1},
    {"id": 90, "name": "sky", "isthing": 0},
]
SIZE = (12, 17)


def random_map(rng, ids):
    """A map of rectangles, each over the last, with void where none is."""
    segment_map = np.zeros(SIZE, np.int32)
    for i in ids:
        y, x = rng.integers(0, SIZE[0] - 1), rng.integers(0, SIZE[1] - 1)
        segment_map[y : y + rng.integers(1, SIZE[0]), x : x + rng.integers(1, SIZE[1])] = i
    return segment_map


def random_image(rng):
    """A truth with crowds, wrong areas and ids without pixels or segments, and a prediction near it."""
    some_ids = rng.choice(2**24, 12, replace=False)
    if rng.random() < 0.1:
        some_ids[0] = 0
    truth_map = random_map(rng, some_ids[:6])
    truth = [
        {
            "id": int(i),
            "category_id": int(rng.choice([row["id"] for row in ROWS])),
            "iscrowd": int(rng.random() < 0.25),
            "area": int((truth_map == i).sum()) if rng.random() < 0.85 else float(rng.integers(1, 400)) / 2,
        }
        for i in rng.permutation(some_ids[: rng.integers(3, 8)])
    ]
    pred_map = np.where(rng.random(SIZE) < 0.9, truth_map, 0)
    pred_map = np.where(pred_map == some_ids[1], some_ids[8], pred_map)
    extra = random_map(rng, some_ids[9 : rng.integers(9, 12)])
    pred_map = np.where(extra > 0, extra, pred_map).astype(np.int32)
    known = {row["id"]: row["category_id"] for row in truth}
    pred = [
        {"id": i, "category_id": known.get(i, 17) if rng.random() < 0.8 else int(rng.choice([3, 5, 90]))}
        for i in rng.permutation(np.unique(pred_map)).tolist()
        if i != 0
    ]
    return (pred_map, pred), (truth_map, truth)


def random_images(seed):
    rng = np.random.default_rng(seed)
    return [random_image(rng) for _ in range(rng.integers(1, 7))]


def write(path, annotations, side):
    out = []
    for i, images in enumerate(annotations):
        segment_map, segments = images[side]
        name = f"{side}_{i}.png"
        Image.fromarray(id2rgb(segment_map)).save(path / name)
        out.append({"image_id": i, "file_name": name, "segments_info": [dict(row) for row in segments]})
    return out


def reference(images, path, chunks=1):
    """Panopticapi's averages (all, things, stuff) and classes, from PNGs, in as many parts."""
    categories = {row["id"]: row for row in ROWS}
    pairs = list(zip(write(path, images, 1), write(path, images, 0), strict=True))
    total = PQStat()
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a wrong area divides by zero there
        for part in np.array_split(np.arange(len(pairs)), chunks):
            total += pq_compute_single_core(0, [pairs[i] for i in part], path, path, categories)
    averages = []
    for isthing in (None, True, False):
        try:
            averages.append(total.pq_average(categories, isthing=isthing)[0])
        except ZeroDivisionError:
            averages.append({"pq": math.nan, "sq": math.nan, "rq": math.nan})
    counts = [total[row["id"]] for row in ROWS]
    return averages, counts


def ours(images, chunks=1):
    metric = PanopticQuality(ROWS, chunks=chunks)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SegbenchWarning)
        for i, (pred, truth) in enumerate(images):
            metric.update(pred, truth, image_id=i)
        return metric, metric.compute()


@pytest.mark.parametrize("seed", range(150))
def test_bit_for_bit_as_panopticapi(seed, tmp_path):
    images = random_images(seed)
    chunks = 1 + seed % 4
    averages, counts = reference(images, tmp_path, chunks)
    _, scores = ours(images, chunks)
    expected = [average[key] for average in averages for key in ("pq", "sq", "rq")]
    assert np.array(list(scores.values())).tobytes() == np.array(expected, np.float64).tobytes()
    for row, count in zip(scores.class_rows, counts, strict=True):
        whole = count.tp + 0.5 * count.fp + 0.5 * count.fn
        if whole:
            assert (row["pq"], row["rq"]) == (count.iou / whole, count.tp / whole)
            assert row["sq"] == (count.iou / count.tp if count.tp else 0)
        else:
            assert math.isnan(row["pq"] + row["sq"] + row["rq"])


def test_the_fuzz_reaches_what_matters():
    fates = {"tp": 0, "fp": 0, "fn": 0}
    texts = ""
    for seed in range(150):
        metric, _ = ours(random_images(seed))
        texts += " ".join(metric.warnings)
        for image in metric._images.by_index():
            for fate in fates:
                fates[fate] += int(getattr(image, fate).sum())
    assert min(fates.values()) > 150
    assert "area" in texts
    assert "of the true map have no segment" in texts


def flat(*rows):
    return np.repeat(np.array(rows, np.int32), 1, axis=0)


def segments(*rows, **options):
    return [Segment(id=i, category_id=c, **options) for i, c in rows]


def counts_of(stats):
    return {
        c: (tp, fp, fn)
        for c, tp, fp, fn in zip(
            *(getattr(stats, name).tolist() for name in ("category_ids", "tp", "fp", "fn")), strict=True
        )
    }


def test_half_is_no_match_and_more_is():
    truth = flat([1] * 4), segments((1, 0))
    half = flat([9, 9, 0, 0]), segments((9, 0))
    more = flat([9, 9, 9, 0]), segments((9, 0))
    assert counts_of(measure(half, truth, 1)) == {0: (0, 1, 1)}
    stats = measure(more, truth, 1)
    assert counts_of(stats) == {0: (1, 0, 0)}
    assert stats.match_ious.tolist() == [0.75]


def test_void_leaves_the_union_and_excuses_a_prediction():
    truth = flat([1, 1, 0, 0, 0, 0]), segments((1, 0))
    assert measure((flat([9, 9, 9, 9, 0, 0]), segments((9, 0))), truth, 1).match_ious.tolist() == [1.0]
    assert counts_of(measure((flat([0, 9, 9, 9, 0, 0]), segments((9, 0))), truth, 1)) == {0: (0, 0, 1)}
    assert counts_of(measure((flat([9, 0, 9, 0, 0, 0]), segments((9, 1))), truth, 2)) == {
        0: (0, 0, 1),
        1: (0, 1, 0),
    }


def test_only_the_last_crowd_of_a_category_excuses():
    crowds = [Segment(id=1, category_id=0, iscrowd=True), Segment(id=2, category_id=0, iscrowd=True)]
    truth_map = flat([1, 1, 2, 2])
    on_first, on_last = (flat(row) for row in ([9, 9, 0, 0], [0, 0, 9, 9]))
    assert counts_of(measure((on_first, segments((9, 0))), (truth_map, crowds), 1)) == {0: (0, 1, 0)}
    assert counts_of(measure((on_last, segments((9, 0))), (truth_map, crowds), 1)) == {}


def test_an_ignored_truth_is_void():
    truth = flat([1, 1, 2, 2]), [Segment(id=1, category_id=0, ignore=True), Segment(id=2, category_id=1)]
    pred = flat([9, 9, 8, 8]), segments((9, 0), (8, 1))
    assert counts_of(measure(pred, truth, 2)) == {1: (1, 0, 0)}


def test_a_wrong_area_is_used_as_panopticapi_does_and_reported():
    truth = flat([1] * 4), segments((1, 0), source_area=1)
    metric = PanopticQuality(1)
    with pytest.warns(
        SegbenchWarning, match=r"image 7: area: 1 of 1 true segments .* \(segment 1 states 1 and has 4\)"
    ):
        metric.update((flat([9] * 4), segments((9, 0))), truth, image_id=7)
    assert metric.compute()["pq"] == 4.0
    assert len(metric.warnings) == 1


@pytest.mark.parametrize(
    ("pred", "truth", "message"),
    [
        (([[9]], []), ([[0]], []), "image 7: segments: the predicted map holds id 9"),
        (([[0]], [(9, 0)]), ([[0]], []), "image 7: segment_map: predicted segment 9 has no pixel"),
        (([[9]], [(9, 4)]), ([[0]], []), "image 7: category_id: segment 9 has unknown category 4"),
        (([[0]], []), ([[1]], [(1, 4)]), "t.png: image 7: category_id: segment 1 has unknown category 4"),
        (([[9]], [(9, 0), (9, 0)]), ([[0]], []), "p.png: image 7: segments: segment id 9 stands twice"),
        (([[9]], [(9, 0)]), ([[0, 0]], []), r"image 7: segment_map: the segment map is \(1, 1\)"),
        (([[-9]], [(-9, 0)]), ([[0]], []), "image 7: segment_map: a segment id is negative"),
    ],
)
def test_errors_name_image_and_field(pred, truth, message):
    names = {"image_id": "7", "pred_file": "p.png", "truth_file": "t.png"}
    with pytest.raises(DataError, match=message):
        measure((pred[0], segments(*pred[1])), (truth[0], segments(*truth[1])), 2, **names)


def test_wrong_use_is_refused():
    image = flat([1]), [{"id": 1, "category_id": 17}]
    metric = PanopticQuality(ROWS)
    with pytest.raises(DataError, match="image 7: category_id: segment 1 has unknown category 0"):
        metric.update((flat([1]), [{"id": 1, "category_id": 0}]), image, 7)
    with pytest.raises(UsageError, match="needs id and category_id"):
        metric.update((flat([1]), [{"id": 1}]), image)
    with pytest.raises(UsageError, match="chunks"):
        PanopticQuality(ROWS, chunks=0)
    with pytest.raises(UsageError, match="one category or more"):
        PanopticQuality([])
    with pytest.raises(UsageError, match="settings"):
        metric.merge(PanopticQuality(ROWS, chunks=2))
    with pytest.raises(UsageError, match="integer id"):
        PanopticQuality([{"name": "cat"}])
    metric.update(image, image, 7)
    with pytest.raises(DataError, match="image 7: this image is scored twice"):
        metric.update(image, image, "7")
    other = PanopticQuality(ROWS)
    other.update(image, image, 7)
    with pytest.raises(DataError, match="image 7"):
        metric.merge(other)


def test_no_category_at_all_is_nan_and_warned_of():
    with pytest.warns(SegbenchWarning, match="no segment of any category"):
        scores = score([], Categories([Category(0, "cat")]))
    assert all(math.isnan(value) for value in scores.values())


def test_means_over_things_and_stuff():
    metric = PanopticQuality(ROWS)
    metric.update(
        (
            [[1, 2, 4]],
            [{"id": 1, "category_id": 17}, {"id": 2, "category_id": 3}, {"id": 4, "category_id": 5}],
        ),
        (
            [[1, 2, 3]],
            [{"id": 1, "category_id": 17}, {"id": 2, "category_id": 3}, {"id": 3, "category_id": 17}],
        ),
    )
    scores = metric.compute()
    assert (scores["pq"], scores["pq_things"], scores["pq_stuff"]) == (
        (1 / 1.5 + 1 + 0) / 3,
        (1 / 1.5) / 2,
        1.0,
    )
    assert [row["name"] for row in scores.class_rows] == ["cat", "grass", "dog", "sky"]
    assert scores.signature.endswith("|protocol=panopticapi|chunks=1")


def sample_of(side, image_id):
    segment_map, rows = side
    return Sample(
        image_id=image_id,
        height=SIZE[0],
        width=SIZE[1],
        segments=[
            Segment(
                id=row["id"],
                category_id=[r["id"] for r in ROWS].index(row["category_id"]),
                iscrowd=bool(row.get("iscrowd")),
                source_area=row.get("area"),
            )
            for row in rows
        ],
        load_segment_map=lambda: segment_map,
    )


CATEGORIES = Categories(
    Category(i, row["name"], source_id=row["id"], isthing=bool(row["isthing"])) for i, row in enumerate(ROWS)
)
POOL = [
    PanopticQuality.build(CATEGORIES, "panopticapi", {}).measure_sample(
        *(sample_of(side, image_id) for side in random_image(np.random.default_rng(seed)))
    )
    for seed, image_id in enumerate(["10", "9", "100", "-1", "0", "77", "8", "11"])
]


def whole_metric(stats=POOL, **options):
    metric = PanopticQuality(CATEGORIES, **options)
    for image in stats:
        metric.add(image)
    return metric


def same_bits(one, other):
    assert np.array(list(one.values())).tobytes() == np.array(list(other.values())).tobytes()
    assert repr(one.class_rows) == repr(other.class_rows)


@settings(max_examples=60, deadline=None)
@given(
    st.permutations(POOL), st.lists(st.integers(0, len(POOL)), max_size=4), st.randoms(), st.integers(1, 5)
)
def test_no_order_or_grouping_changes_a_bit(stats, cuts, random, chunks):
    cuts = [0, *sorted(cuts), len(stats)]
    metrics = [whole_metric(stats[a:b], chunks=chunks) for a, b in pairwise(cuts)]
    random.shuffle(metrics)
    total = PanopticQuality(CATEGORIES, chunks=chunks)
    for metric in metrics:
        total.merge(pickle.loads(pickle.dumps(metric)))
    same_bits(total.compute(), whole_metric(chunks=chunks).compute())
    assert total.warnings == whole_metric().warnings


def test_images_are_summed_by_index_then_by_id():
    metric = whole_metric()
    assert [image.image_id for image in metric._images.by_index()] == [
        "-1",
        "0",
        "8",
        "9",
        "10",
        "11",
        "77",
        "100",
    ]
    named = [measure(([[0]], []), ([[0]], []), 4, image_id=name) for name in ("9", "10", "a")]
    assert [image.image_id for image in whole_metric(named)._images.by_index()] == ["10", "9", "a"]
    placed = [measure(([[0]], []), ([[0]], []), 4, image_id=str(i), index=-i) for i in range(3)]
    assert [image.image_id for image in whole_metric(placed)._images.by_index()] == ["2", "1", "0"]
    nameless = [measure(([[0]], []), ([[0]], []), 4, image_id=name) for name in ("9", None, "1")]
    assert [image.image_id for image in whole_metric(nameless)._images.by_index()] == ["9", None, "1"]


def test_the_image_table_is_all_a_score_needs():
    metric = whole_metric()
    rows = [
        metric.image_row(image) | {"image_id": image.image_id, "index": i} for i, image in enumerate(POOL)
    ]
    rows.append(metric.image_row(None) | {"image_id": "failed", "index": 99})
    table = pa.table({name: [row[name] for row in rows] for name in rows[0]})
    again, indexed = (
        PanopticQuality.build(CATEGORIES, "panopticapi", metric.settings),
        PanopticQuality(CATEGORIES),
    )
    again.add_tables(table)
    for i, image in enumerate(POOL):
        pred, truth = (sample_of(side, image.image_id) for side in random_image(np.random.default_rng(i)))
        indexed.add(indexed.measure_sample(pred, truth, index=i))
    same_bits(again.compute(), indexed.compute())
    assert metric.detection_rows(POOL[0]) == {}
    metric.reset()
    metric.add_tables(table)
    same_bits(metric.compute(), again.compute())
