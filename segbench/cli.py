"""The command line: one short function a command, which parses, calls and prints.

Whatever a command needs is imported when it runs, so that ``segbench --help`` imports nothing but click.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from segbench.errors import SegbenchError, UsageError

PATH = click.Path(path_type=Path)
EXIT_CODES = """\
Exit codes: 0 ok, 1 internal, 2 usage, 3 data invalid, 4 plugin failed, 5 partial, 6 threshold not met,
130 interrupted."""


class Commands(click.Group):
    """A group whose commands end with the exit code of their error and one line on stderr."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line; never shows a traceback for an error that segbench raises."""
        try:
            return super().main(*args, **{**kwargs, "standalone_mode": False})
        except SegbenchError as error:
            code, text = error.exit_code, str(error)
        except click.ClickException as error:
            error.show()
            sys.exit(2)
        except (click.Abort, KeyboardInterrupt):
            code, text = 130, "interrupted"
        click.echo(f"error: {text}", err=True)
        sys.exit(code)


@click.group(cls=Commands, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="segbench")
def main() -> None:
    """Convert any segmentation data set, score any model, publish a leaderboard that can be trusted."""


def _option_pairs(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    """Turn KEY=VALUE words into a dict; values are read as JSON where they are JSON, else as text."""
    options: dict[str, Any] = {}
    for word in values:
        key, equals, text = word.partition("=")
        if not equals:
            raise UsageError(f"{word!r} is no KEY=VALUE")
        try:
            options[key] = json.loads(text)
        except ValueError:
            options[key] = text
    return options


def _protocol_list(_: click.Context, __: click.Parameter, text: str | None) -> str | list[str] | None:
    """One protocol, or several with commas between them."""
    return text.split(",") if text and "," in text else text


_PROTOCOL = click.option(
    "--protocol", metavar="P[,P]...", callback=_protocol_list,
    help="Rules to score by; several are compared in one pass. See `segbench protocols`.",
)  # fmt: skip


def _pairs(name: str, what: str, into: str = "options") -> Callable[[Any], Any]:
    return click.option(
        name, into, multiple=True, metavar="KEY=VALUE", callback=_option_pairs, help=f"Setting of {what}."
    )


def _progress(what: str, total: int | None = None) -> Callable[[Iterable[Any]], Any]:
    """A bar on a terminal, nothing elsewhere."""

    def wrap(items: Iterable[Any]) -> Any:
        if not sys.stderr.isatty():
            return iter(items)
        from tqdm import tqdm

        return iter(tqdm(items, desc=what, unit="image", total=total, file=sys.stderr))

    return wrap


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=1, ensure_ascii=False))


@main.command()
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
@click.option("--packed", is_flag=True, help="Write the canonical form as Parquet shards.")
@click.option("--allow-loss", is_flag=True, help="Convert even if pixels, instances or ids are lost.")
@click.option("--overwrite", is_flag=True, help="Replace TARGET if it is there.")
@click.option("--dry-run", is_flag=True, help="Say what would be lost, and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@_pairs("--option", "SOURCE's format, such as reduce_zero_label=true")
def convert(
    source: Path,
    target: Path,
    splits: tuple[str, ...],
    options: dict[str, Any],
    as_json: bool,
    **settings: Any,
) -> None:
    """Convert a data set, after saying what would be lost."""
    from segbench.conversion import convert as run_convert

    report = run_convert(
        source, target, splits=splits or None, options=options, progress=_progress("convert"), **settings
    )
    _print_json(report.to_dict()) if as_json else click.echo(str(report))


@main.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the matrix as JSON.")
def formats(name: str | None, as_json: bool) -> None:
    """List what each format carries, or show one's layout."""
    from segbench.formats import FEATURES, FORMATS, carries, load_format

    if as_json:
        _print_json({n: carries(n) for n in ([name] if name else FORMATS)})
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


@main.command()
@click.argument("dataset", type=PATH)
@click.option("--from", "source_format", metavar="F", help="Format of DATASET; recognised by default.")
@click.option("--split", metavar="S", help="Only this split.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@_pairs("--option", "the format")
def inspect(
    dataset: Path, source_format: str | None, split: str | None, as_json: bool, options: dict[str, Any]
) -> None:
    """Count images, sizes, categories and segments."""
    from segbench.formats import open_dataset
    from segbench.health import summarize

    opened = open_dataset(dataset, format=source_format, split=split, options=options)
    summary = summarize(opened, _progress("inspect", len(opened)))
    _print_json(summary.to_dict()) if as_json else click.echo(str(summary))


@main.command()
@click.argument("dataset", type=PATH)
@click.option("--from", "source_format", metavar="F", help="Format of DATASET; recognised by default.")
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
@_pairs("--option", "the format")
def validate(dataset: Path, source_format: str | None, as_json: bool, options: dict[str, Any]) -> None:
    """Report every problem of a data set.

    Each line names file, image id and field. Exit code 3 if one is an error.
    """
    from segbench.formats import open_dataset
    from segbench.health import validate as check

    opened = open_dataset(dataset, format=source_format, options=options)
    problems = list(check(opened, _progress("validate", len(opened))))
    if as_json:
        _print_json([{"level": p.level, "message": p.message} for p in problems])
    else:
        for problem in problems:
            click.echo(f"{problem.level}: {problem.message}")
        click.echo(f"images: {len(opened)}, problems: {len(problems)}")
    if any(problem.level == "error" for problem in problems):
        sys.exit(3)


@main.command()
@click.argument("truth", type=PATH)
@click.argument("predictions", type=PATH)
@click.option("--task", metavar="T", help="semantic, instance or panoptic; by default what the files hold.")
@_PROTOCOL
@click.option("--model", metavar="NAME", default="predictions", show_default=True, help="Name in the record.")
@click.option("--truth-format", metavar="F", help="Format of TRUTH; recognised by default.")
@click.option("--predictions-format", metavar="F", help="Format of PREDICTIONS; recognised by default.")
@click.option("--num-classes", metavar="N", type=int, help="Categories of label maps without id2label.")
@click.option("--device", metavar="D", default="cpu", show_default=True, help="cpu or auto.")
@click.option("--threads", metavar="N", type=click.IntRange(1), help="Images at a time; default: all cores.")
@click.option("--out", type=PATH, default="results", show_default=True, help="Folder of run records.")
@click.option("--json", "as_json", is_flag=True, help="Print run.json alone on stdout.")
@_pairs("--setting", "the protocol, such as max_detections=[1,10,300]", "settings")
@_pairs("--truth-option", "TRUTH's format, such as ignore_index=11", "truth_options")
@_pairs("--predictions-option", "the format of PREDICTIONS", "predictions_options")
def score(truth: Path, predictions: Path, as_json: bool, **options: Any) -> None:
    """Score files of predictions, and keep a record."""
    from segbench.evaluate import score as run_score

    result = run_score(truth, predictions, progress=_progress("score"), **options)
    _print_result(result, as_json)


@main.command()
@click.argument("model")
@click.argument("dataset", type=PATH)
@click.option(
    "--task", metavar="T", help="semantic, instance or panoptic; by default the first that both serve."
)
@_PROTOCOL
@click.option("--device", metavar="D", default="auto", show_default=True, help="cpu or auto.")
@click.option(
    "--batch-size", metavar="N", type=click.IntRange(1), default=1, show_default=True, help="Images a call."
)
@click.option(
    "--ignore", metavar="NAME", multiple=True, help="Category of MODEL that DATASET lacks; may be repeated."
)
@click.option("--out", type=PATH, default="results", show_default=True, help="Folder of run records.")
@click.option("--json", "as_json", is_flag=True, help="Print run.json alone on stdout.")
@_pairs("--setting", "the protocol, such as max_detections=[1,10,300]", "settings")
def run(model: str, dataset: Path, as_json: bool, **options: Any) -> None:
    """Score a model plugin, and keep a record.

    MODEL is file:path.py:Class, module:package.module:factory, or the name of an installed plugin.
    """
    from segbench.evaluate import run as run_model

    _print_result(run_model(model, dataset, progress=_progress("run"), **options), as_json)


@main.command()
def models() -> None:
    """List installed model plugins, importing none."""
    from segbench.models import ADAPTERS, list_models

    for entry in list_models():
        click.echo(f"{entry.name}  ({entry.distribution})")
    click.echo(
        "MODEL is the name of a plugin above, or one of: " + ", ".join(f"{scheme}:…" for scheme in ADAPTERS)
    )


@main.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def protocols(names: tuple[str, ...], as_json: bool) -> None:
    """List the protocols, print one, or compare several.

    One is printed with its rules, its settings and its source; of several the rules that differ, too.
    """
    from segbench import printed
    from segbench.protocols import PROTOCOLS, get_protocol

    chosen = [get_protocol(name) for name in names or PROTOCOLS]
    if as_json:
        click.echo(printed.protocols_json(chosen, compare=bool(names)), nl=False)
    elif names:
        click.echo(printed.protocols_text(chosen))
    else:
        click.echo("\n".join(map(printed.protocol_line, chosen)))


@main.command()
@click.argument("run", type=PATH)
@click.option(
    "--iou", "iou_threshold", metavar="T", type=float, default=0.5, show_default=True, help="IoU threshold."
)
@click.option("--score", metavar="S", type=float, help="Score to look at; by default that of highest F1.")
@click.option("--area", "area_range", metavar="A", help="Area range, such as small; by default all areas.")
@click.option("--max-detections", metavar="N", type=int, help="Limit; by default the protocol's largest.")
@click.option("--out", type=PATH, help="CSV file to write the curves to.")
@click.option(
    "--points", type=click.Choice(["score", "recall"]), default="score", show_default=True,
    help="Points of the curves: each score, as counted; or each recall that AP averages over.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the operating points as JSON.")
def curves(
    run: Path, score: float | None, out: Path | None, points: Any, as_json: bool, **which: Any
) -> None:
    """Show precision, recall and F1 of instances.

    RUN is the folder of a run record. Prints the operating point of each category, and writes
    precision-recall curves to a file.
    """
    from segbench.canonical.atomic import replace_file
    from segbench.curves import operating_points, precision_recall

    shown = operating_points(run, score, **which)
    if out is not None:
        with replace_file(out) as part:
            precision_recall(run, points, **which).to_csv(part, index=False)
        click.echo(f"curves: {out}", err=True)
    if as_json:
        _print_json(shown.astype(object).where(shown.notna(), None).to_dict("records"))
    else:
        click.echo(shown.drop(columns="category_id").to_string(index=False, na_rep="–", float_format="%.4f"))


@main.command()
@click.argument("results", type=PATH)
@click.option("--out", type=PATH, required=True, help="Folder to write the leaderboard to.")
@click.option(
    "--formats", "names", metavar="LIST", default="md,csv,html", show_default=True, help="What to write."
)
def leaderboard(results: Path, out: Path, names: str) -> None:
    """Write tables and a page from run records."""
    from segbench.leaderboard import build_leaderboard

    board = build_leaderboard(results, out, formats=tuple(names.split(",")))
    for left_out in board.left_out:
        click.echo(f"left out: {left_out.path}: {left_out.reason}", err=True)
    for path in board.paths:
        click.echo(str(path))


@main.command()
@click.option("--out", type=PATH, default="demo", show_default=True, help="Folder to write to.")
def demo(out: Path) -> None:
    """Draw, convert, run three models, rank them.

    Makes a small data set, converts it, scores three models on three tasks and writes the leaderboard.
    """
    from segbench.demo.tour import tour

    page = tour(out, click.echo)
    click.echo(f"\nThe leaderboard is at {page}\nOpen it in a browser.")


def _print_result(result: Any, as_json: bool) -> None:
    from segbench import printed

    for warning in printed.warnings_of(result):
        click.echo(f"warning: {warning}", err=True)
    click.echo(printed.result_json(result).rstrip("\n") if as_json else printed.result_text(result))
