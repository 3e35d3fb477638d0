"""Commands that tell of formats and data sets: formats, inspect, validate."""

from __future__ import annotations

import sys
from pathlib import Path
from string import ascii_letters
from typing import Any

import click

from segbench.cli.options import PATH, pairs, print_json, progress


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
        if not hasattr(module, "write"):
            click.echo(f"Read only: {module.INSTEAD}.\n")
        if saved := getattr(module, "PREDICTIONS", {}):
            click.echo(f"Predictions of `segbench run --save-predictions {name}`: {', '.join(saved)}.\n")
        for feature, kept in carries(name).items():
            click.echo(f"  {'keeps' if kept else 'loses'}  {FEATURES[feature]}")
    else:
        click.echo(_matrix())


def _matrix() -> str:
    """A line a format with a letter for each feature that it keeps, what these mean, and its tasks."""
    from segbench.formats import FEATURES, FORMATS, carries, load_format

    letters = dict(zip(FEATURES, ascii_letters, strict=False))
    width = max(map(len, FORMATS))
    lines = [f"{'':{width}}             {'can keep':{len(letters)}}  truth"]
    for name in sorted(FORMATS):
        module, kept = load_format(name), carries(name)
        written = "" if hasattr(module, "write") else "read only"
        marks = "".join(letter if kept[feature] else "·" for feature, letter in letters.items())
        lines.append(f"{name:{width}}  {written:9}  {marks}  {' '.join(module.TASKS)}")
    lines += ["", *(f"{letter}  {FEATURES[feature]}" for feature, letter in letters.items())]
    lines += ["", "`segbench formats NAME` shows its layout, `convert --dry-run` what is lost."]
    return "\n".join(lines)


@click.command()
@click.argument("dataset", type=PATH)
@click.option("--from", "source_format", metavar="F", help="Format of DATASET; recognised by default.")
@click.option("--split", metavar="S", help="Only this split.")
@click.option("--html", type=PATH, metavar="PAGE", help="Write a page of pictures with their truth.")
@click.option(
    "--pictures", metavar="N", type=click.IntRange(0), default=24, show_default=True, help="Of that page."
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@pairs("--option", "the format")
def inspect(
    dataset: Path,
    *,
    source_format: str | None,
    split: str | None,
    html: Path | None,
    pictures: int,
    as_json: bool,
    options: dict[str, Any],
) -> None:
    """Count images, sizes, categories and segments."""
    from segbench.conversions.health import summarize
    from segbench.formats import open_dataset

    opened = open_dataset(dataset, format=source_format, split=split, options=options)
    summary = summarize(opened, progress("inspect", len(opened)))
    print_json(summary.to_dict()) if as_json else click.echo(str(summary))
    if html is not None:
        from segbench.gallery import write_gallery

        click.echo(f"page: {write_gallery(opened, summary, html, pictures)}", err=True)


@click.command()
@click.argument("dataset", type=PATH)
@click.option("--from", "source_format", metavar="F", help="Format of DATASET; recognised by default.")
@click.option(
    "--tiny", metavar="N", type=click.IntRange(0), default=4, show_default=True,
    help="Tell of segments of fewer pixels.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
@pairs("--option", "the format")
def validate(
    dataset: Path, source_format: str | None, tiny: int, as_json: bool, options: dict[str, Any]
) -> None:
    """Report every problem of a data set.

    Each line names file, image id and field. Exit code 3 if one is an error.
    """
    from segbench.conversions.validation import validate as check
    from segbench.formats import open_dataset

    opened = open_dataset(dataset, format=source_format, options=options)
    found = list(check(opened, progress("validate", len(opened)), tiny=tiny))
    problems = [problem for problem in found if problem.level != "note"]
    if as_json:
        print_json([{"level": p.level, "message": p.message} for p in found])
    else:
        for problem in found:
            click.echo(f"{problem.level}: {problem.message}")
        click.echo(f"images: {len(opened)}, problems: {len(problems)}")
    if any(problem.level == "error" for problem in problems):
        sys.exit(3)
