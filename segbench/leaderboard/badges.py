"""How far a run can be trusted to be what it says: self-reported, verifiable, reproduced."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from segbench.results import RunRecord

BADGES = {
    "reproduced": "a second run, made at another time or place, gave the same scores to the last digit",
    "verifiable": "the record names code and weights by hash or commit, so that anyone can run it again",
    "self-reported": "the scores follow from the record's own tables; where these come from is not proved",
}
"""Badge → what it means, strongest first. No board shows a score that its tables do not give."""

_CIRCUMSTANCES = ("timing", "env", "provenance")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


def badge_of(record: RunRecord, copies: Sequence[RunRecord]) -> str:
    """The badge of a run; ``copies`` are the other runs of the same run id.

    A copy of the folder is no second run: only one that was made under other circumstances counts, at a time
    or on a machine of its own.
    """
    mine = _circumstances(record)
    if any(_circumstances(copy) != mine for copy in copies):
        return "reproduced"
    return "verifiable" if _verifiable(record.model, record.provenance) else "self-reported"


def _circumstances(record: RunRecord) -> list[Mapping[str, Any]]:
    return [dict(getattr(record, name)) for name in _CIRCUMSTANCES]


def _verifiable(model: Mapping[str, Any], provenance: Mapping[str, Any]) -> bool:
    """Whether code and, where there are any, weights are pinned."""
    by_hash = [_is_hash(model.get(key)) for key in ("weights_sha256", "code_sha256", "revision")]
    clean = _is_hash(provenance.get("git_commit")) and provenance.get("git_dirty") is False
    weightless = model.get("n_params") == 0
    code = by_hash[1] or by_hash[2] or clean
    return bool(code and (by_hash[0] or by_hash[2] or weightless))


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and _COMMIT.fullmatch(value) is not None
