"""run --suite: many runs that a TOML file names, and what the command line shows of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from segbench.cli.gate_options import report
from segbench.cli.options import PATH, print_json, stdout_kept
from segbench.errors import PartialError, UsageError

_OWN = ("suite", "dry_run", "out", "as_json", "junit")
"""Parameters of ``run`` that go with ``--suite``."""

_OPTIONS = (
    click.option("--suite", type=PATH, help="TOML of models, data sets and protocols: run all combinations."),
    click.option("--dry-run", is_flag=True, help="With --suite, only say what is to be run."),
)


def suite_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give ``run`` these options; with ``--suite`` it is not called."""

    @functools.wraps(command)
    def called(*, suite: Path | None, dry_run: bool, **options: Any) -> None:
        if suite is not None:
            _refuse_others(click.get_current_context())
            out = options["out"] if _is_given("out") else None
            _run_suite(suite, out, dry_run, options["as_json"], options["junit"])
            return
        if dry_run:
            raise UsageError("--dry-run goes with --suite")
        missing = next((name for name in ("model", "dataset") if options[name] is None), None)
        if missing is not None:
            raise UsageError(f"{missing.upper()} is missing; or name a file of runs with --suite")
        command(**options)

    wrapped: Callable[..., None] = called
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def _is_given(name: str) -> bool:
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE


def _refuse_others(context: click.Context) -> None:
    for parameter in context.command.params:
        if parameter.name not in _OWN and _is_given(str(parameter.name)):
            what = parameter.opts[0] if isinstance(parameter, click.Option) else str(parameter.name).upper()
            raise UsageError(f"{what} does not go with --suite: the file says what is run, and how")


def _run_suite(file: Path, out: Path | None, dry_run: bool, as_json: bool, junit: Path | None) -> None:
    """Run a suite, a line a job as it is done, then a table; exit code 5 where a job failed or is partial."""
    from segbench.runs.suite_file import read_suite
    from segbench.runs.suites import run_suite

    n_jobs, n_seen = len(read_suite(file)), 0

    def tell(result: Any) -> None:
        nonlocal n_seen
        n_seen += 1
        click.echo(f"[{n_seen}/{n_jobs}] {_line(result)}", err=True)

    with stdout_kept():
        results = run_suite(file, out=out, dry_run=dry_run, progress=tell)
    if as_json:
        print_json([_plain(result) for result in results])
    elif not dry_run:
        click.echo("\n".join(_table(results)))
    if junit is not None and not dry_run:
        records = [record for result in results for record in result.read()]
        failed = [result for result in results if not result.records]
        report(junit, records, errors=[(str(one.job), one.state, str(one.error)) for one in failed])
    wrong = [result for result in results if result.state in ("failed", "partial")]
    if wrong:
        raise PartialError(
            f"{len(wrong)} of {n_jobs} jobs failed or are partial, the first: {_line(wrong[0])}"
        )


def _line(result: Any) -> str:
    took = f" ({result.seconds:.1f} s)" if result.state == "done" else ""
    return f"{result.state}{took}: {result.job}" + (f": {result.error}" if result.error else "")


def _plain(result: Any) -> dict[str, Any]:
    job = result.job
    return {
        "model": job.model,
        "dataset": str(job.dataset["path"]),
        "protocols": list(job.protocols),
        "state": result.state,
        "error": result.error,
        "seconds": result.seconds,
        "records": [str(folder) for folder in result.records],
    }


def _table(results: Sequence[Any]) -> Iterator[str]:
    """A row a record: model, data set, protocol, its first metric, images, and whether it was done now."""
    from segbench.leaderboard.text import clean

    rows = [("model", "data set", "protocol", "score", "images", "state")]
    for result in results:
        for record in result.read():
            key, metric = next(iter(record.metrics.items()))
            data = record.dataset
            rows.append(
                (
                    record.model["name"],
                    data["name"],
                    record.protocol["name"],
                    f"{key} {100 * metric.value:.2f}",
                    f"{data['n_scored']:,}",
                    result.state,
                )
            )
        if not result.records:
            name = Path(result.job.dataset["path"]).name
            rows.append((result.job.model, name, ", ".join(result.job.protocols), "–", "–", result.state))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield clean("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
