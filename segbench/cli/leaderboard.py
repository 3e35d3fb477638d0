"""Commands of leaderboards: reading run records alone, they need no data and no model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from segbench.cli.options import PATH, print_json
from segbench.cli.picture_options import picture_options

_OPTIONS = (
    click.option(
        "--test", type=click.Choice(["bootstrap", "permutation"]), default="bootstrap", show_default=True,
        help="What says whether two runs differ; permutation exchanges predictions image by image.",
    ),
    click.option(
        "--resamples", "n_boot", metavar="N", type=int, default=2000, show_default=True, help="Of the images."
    ),
    click.option("--seed", metavar="N", type=int, default=0, show_default=True, help="Draws the resamples."),
    click.option(
        "--interval", type=click.Choice(["percentile", "bca"]), default="percentile", show_default=True,
        help="How 95 % intervals are read off the resamples; bca corrects them for bias and skewness.",
    ),
    click.option(
        "--cluster", metavar="ATTRIBUTE", help="Draw images that share its value together, such as video_id."
    ),
    click.option(
        "--attributes", type=PATH, help="CSV (with image_id) or JSON file of attributes of the images."
    ),
    click.option("--threads", metavar="N", type=click.IntRange(1), help="Default: one for each core."),
)  # fmt: skip


def _resampling(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how images are resampled and runs are tested."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command()
@click.argument("results", type=PATH)
@click.option("--out", type=PATH, required=True, help="Folder to write the leaderboard to.")
@click.option(
    "--formats",
    "names",
    metavar="LIST",
    default="md,csv,html",
    show_default=True,
    help="What to write: of md, csv, tex, json and html.",
)
@click.option("--device", metavar="D", default="cpu", show_default=True, help="cpu or cuda.")
@_resampling
@click.option(
    "--slice", "slices", metavar="ATTRIBUTE|FILE", multiple=True,
    help="Score the images of each value of an attribute too, or of each attribute in a file. Repeatable.",
)  # fmt: skip
@picture_options
def leaderboard(results: Path, out: Path, names: str, **options: Any) -> None:
    """Write tables and a page from run records."""
    from segbench.leaderboard import build_leaderboard

    board = build_leaderboard(results, out, formats=tuple(names.split(",")), **options)
    for left_out in board.left_out:
        click.echo(f"left out: {left_out.path}: {left_out.reason}", err=True)
    for path in board.paths:
        click.echo(str(path))


@click.command()
@click.argument("run_a", type=PATH)
@click.argument("run_b", type=PATH)
@_resampling
@click.option(
    "--images",
    "n_images",
    metavar="N",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    help="So many of the images that changed most.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def compare(run_a: Path, run_b: Path, n_images: int, as_json: bool, **options: Any) -> None:
    """Tell how two runs differ, and how sure that is.

    RUN_A and RUN_B are folders of run records over the same images under the same protocol. Prints the
    difference B − A with its interval and p, that of each class, and the images that changed most.
    """
    from segbench.leaderboard import compare_runs
    from segbench.leaderboard.compare_text import comparison_text

    found = compare_runs(run_a, run_b, **options)
    if as_json:
        print_json(found.to_dict(n_images))
    else:
        click.echo(comparison_text(found, n_images))
