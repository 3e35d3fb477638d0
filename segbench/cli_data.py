"""Commands of data sets: convert, formats, inspect, validate."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from segbench.cli_options import PATH, pairs, print_json, progress


@click.command()
@click.argument("source", type=PATH)
@click.argument("target", type=PATH)
@click.option("--from", "source_format", metavar="F", help="Format of SOURCE; recognised by default.")
@click.option(
    "--to", "target_format", metavar="F", default="segbench", show_default=True, help="Format to write."
)
@click.option("--split", "splits", metavar="S", multiple=True, help="Convert this split; may be repeated.")
@click.option(
    "--images", type=click.Choice(["link", "copy", "none"]), default="link", show_default=True,
    help="Hard-link the pictures, copy them, or leave them out.",
)  # fmt: skip
@click.option(
    "--overlap",
    type=click.Choice(["score", "area", "order", "error"]),
    help="Which object maps show where several overlap: of higher score, smaller area (default), the later.",
)
@click.option(
    "--crowd",
    type=click.Choice(["ignore", "merge", "drop"]),
    help="Make group regions ignore regions, objects like others, or leave them out.",
)
@click.option(
    "--holes", type=click.Choice(["seam", "drop", "error"]),
    help="Keep holes by a seam where outlines have none (default), fill them, or refuse them.",
)  # fmt: skip
@click.option(
    "--labels", metavar="MAP",
    help="Other categories: MAP.toml, a name that `segbench labels` lists, or TABLE.tsv#COLUMN.",
)  # fmt: skip
@click.option("--packed", is_flag=True, help="Write the canonical form as Parquet shards.")
@click.option("--allow-loss", is_flag=True, help="Convert even if pixels, instances or ids are lost.")
@click.option("--overwrite", is_flag=True, help="Replace TARGET if it is there.")
@click.option("--dry-run", is_flag=True, help="Say what would be lost, and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@pairs("--option", "SOURCE's format, such as reduce_zero_label=true")
def convert(
    source: Path,
    target: Path,
    splits: tuple[str, ...],
    options: dict[str, Any],
    as_json: bool,
    **settings: Any,
) -> None:
    """Convert a data set, after saying what would be lost.

    What TARGET's format cannot carry is counted first; loss of pixels, instances or ids is refused (exit code
    3) unless allowed. The report is kept beside TARGET, as TARGET.report.
    """
    from segbench.conversion import convert as run_convert

    reports: list[Any] = []

    def announce(report: Any) -> None:
        reports.append(report)
        if not as_json:
            click.echo(str(report))

    try:
        run_convert(
            source, target, splits=splits or None, options=options, progress=progress("convert"),
            announce=announce, **settings,
        )  # fmt: skip
    finally:
        if as_json and reports:
            print_json(reports[0].to_dict())
    if reports[0].written and not as_json:
        click.echo(f"written: {target}, {reports[0].n_segments} segments; report: {reports[0].path}")


@click.command()
@click.argument("name", metavar="[MAP]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def labels(name: str | None, as_json: bool) -> None:
    """List maps of labels, or print one.

    MAP is a TOML file, a name of the list, or TABLE.tsv#COLUMN; `convert --labels MAP` goes by it.
    """
    from segbench.reshape.label_files import read_labels, shipped
    from segbench.reshape.labels import description

    if name is None:
        known = shipped()
        width = max(map(len, known))
        text = "\n".join(f"{known_name:<{width}}  {about}" for known_name, about in known.items())
        print_json(known) if as_json else click.echo(text)
        return
    labels = read_labels(name)
    print_json(description(labels)) if as_json else click.echo(f"{labels.about}\n\n{labels.table()}".lstrip())


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the matrix as JSON.")
def formats(name: str | None, as_json: bool) -> None:
    """List what each format carries, or show one's layout."""
    from segbench.formats import FEATURES, FORMATS, carries, load_format

    if as_json:
        print_json({n: carries(n) for n in ([name] if name else FORMATS)})
    elif name:
        module = load_format(name)
        click.echo(f"{module.TITLE}\n\n{module.LAYOUT}\n")
        for feature, kept in carries(name).items():
            click.echo(f"  {'keeps' if kept else 'loses'}  {FEATURES[feature]}")
    else:
        width = max(map(len, FEATURES)) + 2
        click.echo(" " * width + "  ".join(FORMATS))
        for feature in FEATURES:
            cells = [("yes" if carries(n)[feature] else "–").ljust(len(n)) for n in FORMATS]
            click.echo(feature.ljust(width) + "  ".join(cells).rstrip())


@click.command()
@click.argument("dataset", type=PATH)
@click.option("--from", "source_format", metavar="F", help="Format of DATASET; recognised by default.")
@click.option("--split", metavar="S", help="Only this split.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@pairs("--option", "the format")
def inspect(
    dataset: Path, source_format: str | None, split: str | None, as_json: bool, options: dict[str, Any]
) -> None:
    """Count images, sizes, categories and segments."""
    from segbench.formats import open_dataset
    from segbench.health import summarize

    opened = open_dataset(dataset, format=source_format, split=split, options=options)
    summary = summarize(opened, progress("inspect", len(opened)))
    print_json(summary.to_dict()) if as_json else click.echo(str(summary))


@click.command()
@click.argument("dataset", type=PATH)
@click.option("--from", "source_format", metavar="F", help="Format of DATASET; recognised by default.")
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
@pairs("--option", "the format")
def validate(dataset: Path, source_format: str | None, as_json: bool, options: dict[str, Any]) -> None:
    """Report every problem of a data set.

    Each line names file, image id and field. Exit code 3 if one is an error.
    """
    from segbench.formats import open_dataset
    from segbench.health import validate as check

    opened = open_dataset(dataset, format=source_format, options=options)
    problems = list(check(opened, progress("validate", len(opened))))
    if as_json:
        print_json([{"level": p.level, "message": p.message} for p in problems])
    else:
        for problem in problems:
            click.echo(f"{problem.level}: {problem.message}")
        click.echo(f"images: {len(opened)}, problems: {len(problems)}")
    if any(problem.level == "error" for problem in problems):
        sys.exit(3)
