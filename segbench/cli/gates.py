"""Gates of continuous integration: a score must reach a threshold, or not be worse than a baseline's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.errors import DataError, UsageError, did_you_mean
from segbench.records.results import RunRecord, find_records, read_record

if TYPE_CHECKING:
    from segbench.scoring.forecast import Forecast


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


def foresee(
    forecasts: Sequence[Forecast], fail_under: Mapping[str, float], baseline: str | Path | None = None
) -> None:
    """Refuse, before a run, what :func:`judge` would refuse after it, as far as it can be known.

    Raises
    ------
    UsageError
        When no record will have a key, or none will be of the baseline's protocol.
    DataError
        When the baseline is no complete record, or of other settings, images or categories.
    """
    known = dict.fromkeys(key for forecast in forecasts for key in forecast.keys)
    for key in fail_under:
        if key not in known:
            raise UsageError(_no_score(key, known))
    if baseline is not None:
        folder, old = read_baseline(Path(baseline))
        _check_baseline(_of_protocol(forecasts, folder, old), folder, old)


def _of_protocol(forecasts: Sequence[Forecast], folder: Path, old: RunRecord) -> Forecast:
    found = next((f for f in forecasts if f.protocol.name == old.protocol["name"]), None)
    if found is None:
        run = ", ".join(forecast.protocol.name for forecast in forecasts)
        raise UsageError(
            f"the baseline {folder} is of protocol {old.protocol['name']}, which is not run, but {run}"
        )
    return found


def _check_baseline(new: Forecast, folder: Path, old: RunRecord) -> None:
    """Check that a record that is to come can be compared with a baseline."""
    from segbench.leaderboard.evidence import rankable
    from segbench.leaderboard.runs import UNSCORED, scoring_settings

    if reason := rankable(old):
        raise DataError(f"cannot be a baseline: {reason}", file=folder)
    settings = {key: value for key, value in new.rules.items() if key not in UNSCORED}
    parts = [
        ("protocol.version", old.protocol.get("version"), new.protocol.version),
        *((f"protocol.settings.{key}", was, settings.get(key)) for key, was in scoring_settings(old).items()),
        *((f"protocol.settings.{key}", None, is_) for key, is_ in settings.items() if key not in old.rules),
        ("dataset.n_expected", old.dataset.get("n_expected"), len(new.truth)),
        ("dataset.fingerprint", old.dataset["fingerprint"], new.truth.stated_fingerprint),
    ]
    for field, was, is_ in parts:
        if was != _as_json(is_) and not (field == "dataset.fingerprint" and is_ is None):
            raise DataError(
                f"the baseline has {was}, this run {is_}: only runs of the same task, data, protocol and "
                "settings can be compared",
                file=folder, field=field,
            )  # fmt: skip
    _check_names(new, folder, old)


def _check_names(new: Forecast, folder: Path, old: RunRecord) -> None:
    """Check categories and images by name; what is in them, the fingerprint tells after the run."""
    from segbench.leaderboard.runs import Run, evidence_of

    listed = evidence_of(Run(str(folder), folder, old, old.run_id)).image_ids
    names = [row.get("name") for row in old.per_class], [c.name for c in new.truth.categories]
    for field, (was, is_), is_same in (
        ("categories", names, not names[0] or names[0] == names[1]),
        ("image_id", (listed, new.truth.image_ids), set(listed) == set(new.truth.image_ids)),
    ):
        if not is_same:
            apart = sorted(map(str, set(was) ^ set(is_)))
            raise DataError(
                f"the baseline is of other data: it has {len(was)}, this run {len(is_)}"
                + (f", and {apart[0]!r} is in one of them alone" if apart else ", in another order"),
                file=folder, field=field,
            )  # fmt: skip


def _as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _no_score(key: str, known: Iterable[str]) -> str:
    return f"there is no score {key!r} to hold a threshold against.{did_you_mean(key, known)}"


def _reached(records: Sequence[RunRecord], key: str, least: float) -> Iterator[Outcome]:
    found = [(record, record.to_dict(flat=True).get(key)) for record in records]
    undefined = [record for record in records if key in record.metrics]
    concerned = [(r, value) for r, value in found if value is not None or r in undefined]
    if not concerned:
        known = dict.fromkeys(key for record in records for key in record.to_dict(flat=True))
        raise UsageError(_no_score(key, known))
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
