"""Which runs can be ranked, and which of them together."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segbench.errors import DataError
from segbench.leaderboard.boards import LeftOut
from segbench.leaderboard.evidence import RunEvidence, rankable, read_evidence
from segbench.records.results import RunRecord, find_records, read_record

UNSCORED = ("keep_errors",)
"""Settings that say what a record keeps: no score depends on them."""


def scoring_settings(record: RunRecord) -> dict[str, Any]:
    """Those of the protocol that a score depends on."""
    return {key: value for key, value in record.rules.items() if key not in UNSCORED}


@dataclass(frozen=True)
class Run:
    """A complete run: its folder below the results, and its record without tables."""

    path: str
    folder: Path
    record: RunRecord
    run_id: str

    @property
    def key(self) -> tuple[str, ...]:
        """What runs of one board share; sorts by task and data set."""
        protocol, dataset = self.record.protocol, self.record.dataset
        settings = json.dumps(scoring_settings(self.record), sort_keys=True)
        rules = protocol["name"], str(protocol.get("version")), settings
        return self.record.task, dataset["fingerprint"], *rules

    def left_out(self, reason: str) -> LeftOut:
        """The run on the list of those without a rank."""
        return LeftOut(self.path, self.record.model["name"], reason)


@dataclass(frozen=True)
class Entry:
    """A run on a board, with what its tables say, and other runs that gave the same."""

    run: Run
    evidence: RunEvidence
    copies: Sequence[Run] = ()


def read_runs(results: Path) -> tuple[list[Run], list[LeftOut]]:
    """Read every ``run.json`` below a folder, without its tables."""
    runs: list[Run] = []
    left_out: list[LeftOut] = []
    for folder in find_records(results):
        path = folder.relative_to(results).as_posix()
        try:
            record = read_record(folder, tables=False)
            run_id, reason = record.run_id, rankable(record)
        except (DataError, TypeError, ValueError, AttributeError, RecursionError) as error:
            left_out.append(LeftOut(path, None, f"run.json {getattr(error, 'message', error)}"))
            continue
        if reason:
            name = record.model.get("name") if isinstance(record.model, dict) else None
            left_out.append(LeftOut(path, None if name is None else str(name), reason))
        else:
            runs.append(Run(path, folder, record, run_id))
    return runs, left_out


def comparable(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs in groups of the same task, data, protocol and settings."""
    groups: dict[tuple[str, ...], list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.key].append(run)
    return [group for _, group in sorted(groups.items())]


def entries_of(group: Sequence[Run]) -> tuple[list[Entry], list[LeftOut]]:
    """Read the tables of comparable runs, and leave out copies and those of other images."""
    ranked: dict[str, Entry] = {}
    copies: dict[str, list[Run]] = defaultdict(list)
    left_out: list[LeftOut] = []
    for run in group:
        if run.run_id in ranked:
            copies[run.run_id].append(run)
            left_out.append(run.left_out(f"is a copy of {ranked[run.run_id].run.path}"))
            continue
        try:
            ranked[run.run_id] = Entry(run, evidence_of(run))
        except DataError as error:
            left_out.append(run.left_out(str(error)))
    entries = [Entry(entry.run, entry.evidence, copies[run_id]) for run_id, entry in ranked.items()]
    kept, more = _same_images(entries)
    return kept, left_out + more


def evidence_of(run: Run) -> RunEvidence:
    """Read what a run's tables say; DataError where they are missing, damaged or of another score."""
    try:
        return read_evidence(read_record(run.folder))
    except DataError:
        raise
    except (OSError, LookupError, TypeError, ValueError) as error:  # a table that is damaged or not ours
        reason = f"{type(error).__name__}: {error}".splitlines()[0].replace(str(run.folder), run.path)
        raise DataError(f"its tables cannot be read ({reason})") from None


def _same_images(entries: list[Entry]) -> tuple[list[Entry], list[LeftOut]]:
    """Keep the runs over the images that most of them have; a paired test needs the same ones."""
    counts = Counter(entry.evidence.image_ids for entry in entries)
    if len(counts) < 2:
        return entries, []
    common = max(counts, key=lambda ids: (counts[ids], len(ids), ids))
    kept = [entry for entry in entries if entry.evidence.image_ids == common]
    others = [entry.run for entry in entries if entry.evidence.image_ids != common]
    return kept, [run.left_out("its images are not those of the other runs of the board") for run in others]
