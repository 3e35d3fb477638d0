"""Options of continuous integration, which score and run share: thresholds, a baseline, a JUnit report."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from segbench.cli.options import PATH
from segbench.errors import PartialError, SegbenchError, ThresholdError, UsageError


@dataclass(frozen=True)
class Gates:
    """What a run must reach, and where that is reported."""

    fail_under: Mapping[str, float]
    baseline: Path | None
    junit: Path | None

    def look_ahead(self) -> None:
        """Refuse a baseline that is no record before the run, which may take hours, and not after it."""
        from segbench.cli.gates import read_baseline

        if self.baseline is not None:
            read_baseline(self.baseline)

    def foresee(self, forecasts: Sequence[Any]) -> None:
        """Refuse a key that no record will have, and a baseline of other data or rules, before the run.

        Raises
        ------
        UsageError
            When no record will have a key, or none is of the baseline's protocol.
        DataError
            When the baseline is of other settings, images or categories.
        """
        from segbench.cli.gates import foresee

        foresee(forecasts, self.fail_under, self.baseline)

    def pass_through(self, records: Sequence[Any]) -> None:
        """Say which gates the records pass.

        Raises
        ------
        PartialError
            When images were not scored.
        ThresholdError
            When a gate is not passed.
        """
        from segbench.cli.gates import judge

        outcomes = judge(records, self.fail_under, self.baseline)
        for outcome in outcomes:
            click.echo(str(outcome), err=True)
        if self.junit is not None:
            report(self.junit, records, outcomes)
        _refuse_partial(records[0])
        failed = [outcome for outcome in outcomes if not outcome.passed]
        if failed:
            more = f"; {len(failed) - 1} more gates are not passed" if len(failed) > 1 else ""
            raise ThresholdError(f"{failed[0].gate} is not reached: {failed[0].text}{more}")

    def fail(self, what: str, error: SegbenchError) -> None:
        """Report an error that ended the run."""
        if self.junit is not None and not isinstance(error, PartialError | ThresholdError):
            report(self.junit, errors=[(what, type(error).__name__, str(error))])


def report(
    file: Path,
    records: Sequence[Any] = (),
    outcomes: Sequence[Any] = (),
    errors: Sequence[tuple[str, str, str]] = (),
) -> None:
    """Write a JUnit report of records, of gates and of what left no record."""
    from segbench.canonical.atomic import replace_file
    from segbench.cli.junit import junit_xml

    with replace_file(file) as part:
        part.write_bytes(junit_xml(records, outcomes, errors))


def _thresholds(_: click.Context, __: click.Parameter, words: tuple[str, ...]) -> dict[str, float]:
    """Turn KEY=NUMBER words into a dict."""
    found = {}
    for word in words:
        key, equals, text = word.rpartition("=")
        try:
            found[key] = float(text)
        except ValueError:
            equals = ""
        if not equals or not key or found[key] != found[key]:
            raise UsageError(f"{word!r} is no KEY=NUMBER, such as miou=0.75")
        if found[key] > 1 and not key.startswith("timing/"):
            raise UsageError(f"{word!r}: scores are fractions; did you mean {key}={found[key] / 100:g}?")
    return found


_OPTIONS = (
    click.option(
        "--fail-under", metavar="KEY=NUMBER", multiple=True, callback=_thresholds,
        help="End with exit code 6 below this score, such as miou=0.75 or iou/road=0.9; may be repeated.",
    ),
    click.option(
        "--baseline", metavar="RUN", type=PATH,
        help="End with exit code 6 where the score is significantly worse than that of this record.",
    ),
    click.option("--junit", metavar="FILE", type=PATH, help="Report these as JUnit XML."),
)  # fmt: skip


def gate_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options; it is called with ``gates``."""

    @functools.wraps(command)
    def called(*, fail_under: Any, baseline: Path | None, junit: Path | None, **options: Any) -> None:
        gates = Gates(fail_under, baseline, junit)
        try:
            gates.look_ahead()
            command(gates=gates, **options)
        except SegbenchError as error:
            gates.fail(command.__name__, error)
            raise

    wrapped: Callable[..., None] = called
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def _refuse_partial(record: Any) -> None:
    """End with exit code 5 where images were not scored."""
    counts = record.dataset
    if record.status == "partial":
        raise PartialError(
            f"the record is partial: {counts['n_scored']:,} of {counts['n_expected']:,} images are scored; "
            "run again to try the others"
        )
