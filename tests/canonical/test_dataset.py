"""Dataset: a lazy sequence of samples with one fingerprint."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from canonical.make import (
    INSTANCES,
    categories,
    dataset,
    image_file,
    instances,
    labels,
    mixed,
    panoptic,
    segment_map,
    semantic,
)

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset, concat, fingerprint
from segbench.errors import DataError, UsageError


def ids(samples):
    return [s.image_id for s in samples]


def test_it_is_a_sequence_of_samples():
    data = mixed()
    assert len(data) == 3
    assert ids(data) == list(data.image_ids) == ["i", "p", "s"]
    assert data[0].image_id == data[-3].image_id == "i"
    assert ids(data[1:]) == ["p", "s"]
    assert ids(data[::-2]) == ["s", "i"]
    for index in (3, -4):
        with pytest.raises(IndexError, match=f"sample {index} of 3"):
            data[index]
    assert repr(data).startswith("Dataset('tiny', 3 images, 3 categories, semantic/instance/panoptic")
    assert data.id2label == {0: "cat", 1: "Straße 路", 2: "unknown"}
    assert data.ignore_index == 255


def test_samples_are_loaded_when_they_are_asked_for():
    loaded = []
    data = Dataset(
        name="x", categories=categories(), image_ids=["a", "b"], load=loaded.append, tasks=("semantic",)
    )
    iterator = iter(data)
    assert loaded == []
    next(iterator)
    assert loaded == [0]
    data[-1]
    assert loaded == [0, 1]


def test_samples_are_found_by_id():
    data = mixed(path="x.json")
    assert data.by_id("p").image_id == "p"
    assert data.has("p")
    assert not data.has("q")
    with pytest.raises(DataError, match=r"x\.json: image q: there is no such image"):
        data.by_id("q")


def test_splits_are_data_sets_of_their_own():
    data = mixed(notes=["a note"], extra={"a": 1}, fingerprint="f")
    train, val = data.split("train"), data.split("val")
    assert (ids(train), ids(val)) == (["i", "p"], ["s"])
    assert val[-1].image_id == val.by_id("s").image_id == "s"
    assert (val.splits, val.notes, val.extra) == ({"val": 1}, ("a note",), {"a": 1})
    assert val.stated_fingerprint is None
    assert val.fingerprint != data.fingerprint == "f"
    assert val.split("val").fingerprint == val.fingerprint
    with pytest.raises(UsageError, match="tiny has no split 'vall'. Did you mean 'val'"):
        data.split("vall")


def test_empty_splits_are_dropped():
    data = mixed(splits={"train": 2, "empty": 0, "val": 1})
    assert data.splits == {"train": 2, "val": 1}
    assert ids(data.split("val")) == ["s"]


@pytest.mark.parametrize(
    ("samples", "settings", "message"),
    [
        ([], {}, r"x\.json: holds no images"),
        (
            [semantic("a"), semantic("b"), semantic("a")],
            {},
            r"x\.json: image a: image_id: this image id stands twice",
        ),
        (
            [semantic("a")],
            {"splits": {"train": 1, "val": 1}},
            r"x\.json: the splits have 2 images, the data set 1",
        ),
    ],
)
def test_data_sets_that_cannot_be_are_refused(samples, settings, message):
    with pytest.raises(DataError, match=message):
        dataset(samples, path="x.json", **settings)


def test_data_sets_are_joined(tmp_path):
    parts = [
        dataset([semantic("a"), semantic("b")], splits={"train": 2}, notes=["same"], fingerprint="1"),
        dataset([semantic("c")], splits={"val": 1}, notes=["same", "more"]),
    ]
    joined = concat(parts, "both", tmp_path)
    assert ids(joined) == ids(joined[i] for i in range(3)) == ["a", "b", "c"]
    assert joined.splits == {"train": 2, "val": 1}
    assert ids(joined.split("val")) == ["c"]
    assert joined.notes == ("same", "more")
    assert joined.fingerprint == dataset([semantic("c"), semantic("a"), semantic("b")]).fingerprint


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (dataset([semantic("c")], n=2, splits={"val": 1}), "has other categories"),
        (dataset([semantic("c")]), "two files claim the same split"),
        (dataset([semantic("a")], splits={"val": 1}), "image a: image_id: this image id stands twice"),
    ],
)
def test_data_sets_that_do_not_go_together_are_refused(tmp_path, other, message):
    with pytest.raises(DataError, match=message):
        concat([dataset([semantic("a")]), other], "both", tmp_path)


def small(image_id):
    mask = labels(0, height=4, width=5)
    file = image_file(0, "x.png", height=4, width=5)
    return semantic(image_id, height=4, width=5, load_mask=lambda: mask, image_file=file)


def test_batches_are_stacked_and_end_where_the_size_changes():
    samples = [*map(semantic, "abc"), small("d"), *map(semantic, "ef")]
    batches = list(dataset(samples).batches(2))
    assert [b.image_ids for b in batches] == [("a", "b"), ("c",), ("d",), ("e", "f")]
    assert [b.image.shape for b in batches] == [(2, 3, 12, 17), (1, 3, 12, 17), (1, 3, 4, 5), (2, 3, 12, 17)]
    assert [b.mask.shape for b in batches] == [(2, 1, 12, 17), (1, 1, 12, 17), (1, 1, 4, 5), (2, 1, 12, 17)]
    assert {(b.image.dtype, b.mask.dtype) for b in batches} == {(np.dtype(np.uint8), np.dtype(np.uint8))}
    assert np.array_equal(batches[0].image[1], samples[1].image)
    assert np.array_equal(batches[3].mask[0, 0], samples[4].mask)
    assert batches[0].id2label == dataset(samples).id2label


def test_one_sample_is_a_batch():
    assert [b.image_ids for b in mixed().batches()] == [("i",), ("p",), ("s",)]
    assert [b.image_ids for b in mixed().batches(100)] == [("i", "p", "s")]


def test_more_than_255_categories_are_refused_as_uint8_and_given_as_int32():
    many = dataset([semantic("a", n=300, ignore=65_535)], n=300)
    with pytest.raises(UsageError, match=r"300 categories do not fit uint8 masks; pass mask_dtype='int32'"):
        many.batches()
    (batch,) = many.batches(mask_dtype="int32")
    assert batch.mask.dtype == np.int32
    assert np.array_equal(batch.mask[0, 0], labels(0, 300, 65_535))
    assert batch.mask.max() == 65_535


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"size": 0}, "at least 1 sample, not 0"), ({"mask_dtype": "int64"}, "'uint8' or 'int32', not 'int64'")],
)
def test_settings_of_batches_are_checked_at_once(settings, message):
    with pytest.raises(UsageError, match=message):
        mixed().batches(**settings)


def test_the_fingerprint_does_not_depend_on_order_images_or_splits():
    samples = [instances("i"), panoptic("p"), semantic("s")]
    expected = mixed().fingerprint
    assert dataset(samples[::-1]).fingerprint == expected
    assert dataset([replace(s, image_file=None) for s in samples]).fingerprint == expected
    assert dataset(samples, name="other", tasks=("semantic",)).fingerprint == expected


def test_a_published_fingerprint_never_changes():
    assert mixed().fingerprint == "5e469087f9a5b0a28034222c2111c5e44ace0eca1abaf8ad8766214293377c76"


def changed_pixel():
    mask = labels(0)
    mask[5, 5] = (mask[5, 5] + 1) % 3
    return mask


def moved_vertex():
    polygon, other = INSTANCES[0].polygons
    return replace(INSTANCES[0], polygons=((*polygon[:-1], 7.75), other))


@pytest.mark.parametrize(
    "samples",
    [
        [instances("i", segments=(moved_vertex(), *INSTANCES[1:])), panoptic("p"), semantic("s")],
        [instances("i"), panoptic("p", load_segment_map=lambda: segment_map()[:, ::-1]), semantic("s")],
        [instances("i"), panoptic("p"), semantic("s", load_mask=changed_pixel)],
        [
            instances("i", segments=(replace(INSTANCES[0], iscrowd=True), *INSTANCES[1:])),
            panoptic("p"),
            semantic("s"),
        ],
        [instances("i"), panoptic("p")],
    ],
    ids=["vertex", "segment map", "pixel", "crowd", "sample"],
)
def test_the_fingerprint_changes_with_the_truth(samples):
    assert dataset(samples).fingerprint != mixed().fingerprint


@pytest.mark.parametrize("change", [{"name": "cats"}, {"source_id": 18}, {"isthing": False}])
def test_the_fingerprint_changes_with_the_meaning_of_the_ids(change):
    first, *others = categories()
    assert (
        mixed(categories=Categories([replace(first, **change), *others])).fingerprint != mixed().fingerprint
    )


def test_the_fingerprint_does_not_depend_on_colours():
    first, *others = categories()
    assert fingerprint(Categories([replace(first, color=(1, 2, 3)), *others]), []) == fingerprint(
        categories(), []
    )


def test_iteration_holds_nothing():
    def load(index):
        mask = np.full((300, 300), index % 3, np.uint8)
        return semantic(str(index), height=300, width=300, load_mask=lambda: mask, image_file=None)

    n = 300
    data = Dataset(
        name="x",
        categories=categories(),
        image_ids=[str(i) for i in range(n)],
        load=load,
        tasks=("semantic",),
    )
    tracemalloc.start()
    assert sum(int(sample.mask[0, 0]) for sample in data) == n
    assert len(data.fingerprint) == 64
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * 300 * 300
