"""Commands of run records: show and verify."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from segbench.cli.options import PATH, pairs, print_json
from segbench.errors import DataError


@click.command()
@click.argument("run", type=PATH)
@click.option("--classes", is_flag=True, help="Every category, however many there are.")
@click.option("--json", "as_json", is_flag=True, help="Print run.json.")
def show(run: Path, classes: bool, as_json: bool) -> None:
    """Print a run record.

    RUN is the folder of one, or holds one alone: scores, categories, rules, machine and how it came about.
    """
    from segbench.cli.shown import record_text
    from segbench.records.results import read_content, read_record
    from segbench.records.schema import faults

    run = _one_record(run)
    content = read_content(run)
    if as_json:
        print_json(content)
        return
    wrong = faults(content)
    if wrong:
        raise DataError(f"is not what its schema asks for: {wrong[0]}", file=run / "run.json")

    click.echo(record_text(read_record(run, tables=False), all_classes=classes))


@click.command()
@click.argument("runs", metavar="RUN...", type=PATH, nargs=-1, required=True)
@click.option("--dataset", type=PATH, help="What it was scored on: its fingerprint is made again.")
@click.option("--dataset-format", metavar="F", help="Format of the data set; recognised by default.")
@click.option(
    "--predictions", type=PATH, help="What its model answered, to be scored again; by default what it saved."
)
@click.option("--model", metavar="MODEL", help="Its model: code, weights and revision are compared.")
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
@pairs("--dataset-option", "the data set's format, such as ignore_index=11", "dataset_options")
def verify(runs: tuple[Path, ...], as_json: bool, **beside: Any) -> None:
    """Count scores again, make hashes again.

    RUN is the folder of a run record, or one that holds records. Every score is computed again from the
    tables. Ends with exit code 3 where a record is not what it says.
    """
    from segbench.scoring.verification import verify as run_verify

    found = {folder: run_verify(folder, **beside) for run in runs for folder in _records(run)}
    if as_json:
        print_json({str(folder): [asdict(check) for check in checks] for folder, checks in found.items()})
    else:
        for folder, checks in found.items():
            click.echo("\n".join([str(folder), *(f"  {check}" for check in checks)]))
    wrong = [
        (folder, check) for folder, checks in found.items() for check in checks if check.verdict == "differs"
    ]
    if wrong:
        more = f"; {len(wrong) - 1} more checks differ" if len(wrong) > 1 else ""
        raise DataError(f"{wrong[0][1].text}{more}", file=wrong[0][0], field=wrong[0][1].what)


def _one_record(run: Path) -> Path:
    """The record in a folder, or the only one below it."""
    found = _records(run)
    if len(found) > 1:
        first = "".join(f"\n  {folder}" for folder in found[:10]) + "\n  …" * (len(found) > 10)
        raise DataError(f"holds {len(found)} run records, of which one is shown: name it{first}", file=run)
    return found[0]


def _records(run: Path) -> list[Path]:
    """The record in a folder, or those below it."""
    from segbench.records.results import find_records

    found = [] if (run / "run.json").exists() else find_records(run)
    return found or [run]
