"""What is said of a record before an image is looked at is what the record says in the end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from models import small_set

import segbench
from segbench.canonical.dataset import Dataset
from segbench.protocols import PROTOCOLS


def predictions(truth):
    """The truth as predictions: with scores where it has instances."""
    if "instance" not in truth.tasks:
        return truth
    return Dataset(
        name="predictions",
        categories=truth.categories,
        image_ids=truth.image_ids,
        load=lambda index: small_set.scored(truth[index]),
        tasks=truth.tasks,
    )


def objects():
    """Instances, of all of which it is said that all of their categories are annotated."""
    blocks = [small_set.blocks(i) for i in range(4)]
    regions = [([ids == k for k in kinds], list(kinds.values())) for ids, kinds in blocks]
    truth = small_set.dataset(regions)
    fields = {"neg_category_ids": (), "not_exhaustive_category_ids": ()}
    return Dataset(
        name="objects",
        categories=truth.categories,
        image_ids=truth.image_ids,
        load=lambda index: replace(truth[index], **fields),
        tasks=truth.tasks,
    )


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_record_has_the_rules_and_keys_that_were_foreseen(name):
    task = PROTOCOLS[name].task
    truth = small_set.dataset() if task != "instance" else objects()
    seen = []
    record = segbench.score(truth, predictions(truth), protocol=name, before=seen.extend)
    (forecast,) = seen
    assert forecast.protocol.name == record.protocol["name"]
    assert forecast.rules == record.rules
    assert forecast.truth is truth
    assert forecast.keys[0] == next(iter(record.metrics))
    assert not record.to_dict(flat=True).keys() - set(forecast.keys)
    assert {key for key in forecast.keys if "/" not in key} == record.metrics.keys()


def test_what_is_raised_ends_the_scoring_before_an_image_is_read():
    def refuse(_):
        raise segbench.UsageError("not so")

    read = []
    truth = small_set.dataset()
    watched = Dataset(
        name="watched", categories=truth.categories, image_ids=truth.image_ids, tasks=truth.tasks,
        load=lambda index: read.append(index) or truth[index],
    )  # fmt: skip
    with pytest.raises(segbench.UsageError, match="not so"):
        segbench.score(watched, watched, before=refuse)
    assert read == []
