"""Gates of continuous integration: a score must reach a threshold, or not be worse than a baseline's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segbench.errors import DataError, UsageError, did_you_mean
from segbench.records.results import RunRecord, find_records, read_record


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a record passes a gate: which gate, and what was found."""

    record: RunRecord
    gate: str
    passed: bool
    text: str

    def __str__(self) -> str:
        return f"{'passed' if self.passed else 'FAILED'}  {self.gate}: {self.text}"


def judge(
    records: Sequence[RunRecord], fail_under: Mapping[str, float], baseline: str | Path | None = None
) -> list[Outcome]:
    """Hold records that were written against thresholds and a baseline.

    Parameters
    ----------
    records
        Of one run, one a protocol.
    fail_under
        ``{key: least}``; keys are those of ``record.to_dict(flat=True)``, such as ``miou`` or ``iou/road``.
        A record without the key is not concerned.
    baseline
        Folder of a run record: the record of its protocol fails where it is significantly worse, by the
        paired test of :func:`segbench.compare_runs`.

    Raises
    ------
    UsageError
        When no record has a key, or none is of the baseline's protocol.
    DataError
        When the baseline is no record, or of other data, settings or images.
    """
    outcomes = [outcome for key, least in fail_under.items() for outcome in _reached(records, key, least)]
    return outcomes if baseline is None else [*outcomes, _held(records, Path(baseline))]


def _reached(records: Sequence[RunRecord], key: str, least: float) -> Iterator[Outcome]:
    found = [(record, record.to_dict(flat=True).get(key)) for record in records]
    undefined = [record for record in records if key in record.metrics]
    concerned = [(r, value) for r, value in found if value is not None or r in undefined]
    if not concerned:
        known = dict.fromkeys(key for record in records for key in record.to_dict(flat=True))
        raise UsageError(f"there is no score {key!r} to hold a threshold against.{did_you_mean(key, known)}")
    for record, value in concerned:
        passed = value is not None and value >= least
        yield Outcome(record, f"{key} ≥ {least:g}", passed, "undefined" if value is None else f"{value:.6g}")


def read_baseline(baseline: Path) -> tuple[Path, RunRecord]:
    """Return the folder of the one record that a baseline is, and this record without its tables.

    Raises
    ------
    DataError
        When it is no record, or several.
    """
    folders = find_records(baseline)
    if len(folders) > 1:
        raise DataError(f"holds {len(folders)} run records: name one of them as the baseline", file=baseline)
    folder = folders[0] if folders else baseline
    return folder, read_record(folder, tables=False)


def _held(records: Sequence[RunRecord], baseline: Path) -> Outcome:
    """Whether the record of the baseline's protocol is not significantly worse."""
    from segbench.leaderboard import compare_runs
    from segbench.leaderboard.rank import ALPHA

    folder, old = read_baseline(baseline)
    record = next((r for r in records if r.protocol["name"] == old.protocol["name"]), None)
    if record is None or record.path is None:
        raise UsageError(f"the baseline {folder} is of protocol {old.protocol['name']}, which was not run")
    gate = f"not worse than {old.model['name']} {old.run_id}"
    if record.status != "complete":
        return Outcome(record, gate, False, f"the run is {record.status}: it cannot be compared")
    found = compare_runs(folder, record.path)
    score = found.score
    worse = score.difference < 0 and score.p < ALPHA
    text = (
        f"{found.metric} {score.b:.6g} against {score.a:.6g}, {score.difference:+.6g} "
        f"(95 %: {score.low:+.4g} to {score.high:+.4g}, p {score.p:.2g}, {found.n_images:,} images)"
    )
    return Outcome(record, gate, not worse, text)
