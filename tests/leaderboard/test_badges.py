"""Badges: what pins a run, and what repeats it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from leaderboard.synth import make_record

from segbench.leaderboard.badges import BADGES, badge_of

RECORD = make_record("semantic", n_images=5)
SHA = "0123abc" * 8


def run(model=(), provenance=()):
    return replace(
        RECORD,
        model={"name": "m", **dict(model)},
        provenance={"git_commit": None, "git_dirty": None, **dict(provenance)},
    )


@pytest.mark.parametrize(
    ("model", "provenance", "badge"),
    [
        ({}, {}, "self-reported"),
        ({"revision": "main"}, {"git_commit": SHA, "git_dirty": False}, "self-reported"),
        ({"weights_sha256": SHA}, {}, "self-reported"),
        ({"weights_sha256": SHA}, {"git_commit": SHA, "git_dirty": True}, "self-reported"),
        ({"weights_sha256": SHA}, {"git_commit": SHA, "git_dirty": False}, "verifiable"),
        ({"weights_sha256": SHA, "code_sha256": SHA}, {}, "verifiable"),
        ({"code_sha256": SHA, "n_params": 0}, {}, "verifiable"),
        ({"revision": SHA[:40]}, {}, "verifiable"),
    ],
)
def test_what_pins_a_run(model, provenance, badge):
    assert badge_of(run(model, provenance), []) == badge
    assert badge in BADGES


def test_a_copied_folder_is_no_second_run():
    first = run()
    assert badge_of(first, [run()]) == "self-reported"
    again = replace(first, env={**first.env, "processor": "another"})
    assert badge_of(first, [run(), again]) == "reproduced"
