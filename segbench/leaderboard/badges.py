"""How far a run can be trusted to be what it says: self-reported, verifiable, reproduced."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from segbench.leaderboard.runs import Run
from segbench.records.tables import hash_tables

BADGES = {
    "reproduced": "a second run, at another time and with its own timings, gave the very same scores",
    "verifiable": "the record names code and weights by hash or commit, so that anyone can run it again",
    "self-reported": "the scores follow from the record's own tables; where these come from is not proved",
}
"""Badge → what it means, strongest first. No board shows a score that its tables do not give.

Records are files: they can show that scores follow from tables and that two runs were measured apart, and not
who made them. What a badge claims is what whoever edits a copy of a record would have to make up.
"""

_COMMIT = re.compile(r"[0-9a-f]{7,64}")


def badge_of(run: Run, copies: Sequence[Run]) -> str:
    """The badge of a run; ``copies`` are the other runs of the same run id."""
    if any(is_another(copy, run) for copy in copies):
        return "reproduced"
    return "verifiable" if _verifiable(run.record.model, run.record.provenance) else "self-reported"


def is_another(copy: Run, run: Run) -> bool:
    """Whether two records of one run id are of two runs, and not one of them a copy of the other.

    Both state when they were finished, not at the same time; both had a model answer, whose time for each
    image is in a table of its own, which is the one that the record was written with. Scoring predictions
    again, which repeats no model, makes no second run.
    """
    both = (copy.record, run.record)
    finished = [record.provenance.get("finished") for record in both]
    hashes = [record.tables.get("images") for record in both]
    return (
        all("latency_ms" in record.timing for record in both)
        and None not in finished
        and finished[0] != finished[1]
        and None not in hashes
        and hashes[0] != hashes[1]
        and all(hash_tables(one.folder) == dict(one.record.tables) for one in (copy, run))
    )


def _verifiable(model: Mapping[str, Any], provenance: Mapping[str, Any]) -> bool:
    """Whether code and, where there are any, weights are pinned."""
    by_hash = [_is_hash(model.get(key)) for key in ("weights_sha256", "code_sha256", "revision")]
    clean = _is_hash(provenance.get("git_commit")) and provenance.get("git_dirty") is False
    weightless = model.get("n_params") == 0
    code = by_hash[1] or by_hash[2] or clean
    return bool(code and (by_hash[0] or by_hash[2] or weightless))


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and _COMMIT.fullmatch(value) is not None
