"""The command line: one short function a command, which parses, calls and prints.

Whatever a command needs is imported when it runs, so that ``segbench --help`` imports nothing but click.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from segbench.cli.convert import convert, labels
from segbench.cli.data import formats, inspect, validate
from segbench.cli.gate_options import Gates, gate_options
from segbench.cli.leaderboard import compare, leaderboard
from segbench.cli.models import asking, doctor, models
from segbench.cli.options import PATH, pairs, print_json, progress, stdout_kept
from segbench.cli.records import show, verify
from segbench.cli.suite import suite_options
from segbench.errors import SegbenchError, UsageError

EXIT_CODES = """\
Exit codes: 0 ok, 1 internal, 2 usage, 3 data invalid, 4 plugin failed, 5 partial, 6 threshold not met,
130 interrupted."""


class Commands(click.Group):
    """A group whose commands end with the exit code of their error and one line on stderr."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line; never shows a traceback for an error of segbench or of the system."""
        try:
            return super().main(*args, **{**kwargs, "standalone_mode": False})
        except SegbenchError as error:
            code, text = error.exit_code, str(error)
        except click.ClickException as error:
            error.show()
            sys.exit(2)
        except (click.Abort, KeyboardInterrupt):
            code, text = 130, "interrupted"
        except RecursionError:
            code, text = 3, "the data are nested too deep"
        except OSError as error:  # a disk that is full, a folder that may not be written
            code, text = 1, ": ".join(str(part) for part in (error.filename, error.strerror or error) if part)
        click.echo(f"error: {text}" if code else text, err=True)
        sys.exit(code)


@click.group(cls=Commands, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="segbench")
def main() -> None:
    """Convert any segmentation data set, score any model, publish a leaderboard that can be trusted."""
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # Arrow's own keeps 15 MB of what is freed


for command in (
    convert, formats, labels, inspect, validate, models, doctor, leaderboard, compare, show, verify,
):  # fmt: skip
    main.add_command(command)


def _protocol_list(_: click.Context, __: click.Parameter, text: str | None) -> str | list[str] | None:
    """One protocol, or several with commas between them."""
    return text.split(",") if text and "," in text else text


_PROTOCOL = click.option(
    "--protocol", metavar="P[,P]...", callback=_protocol_list,
    help="Rules to score by; several are compared in one pass. See `segbench protocols`.",
)  # fmt: skip


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
@pairs("--setting", "the protocol, such as max_detections=[1,10,300]", "settings")
@pairs("--truth-option", "TRUTH's format, such as ignore_index=11", "truth_options")
@pairs("--predictions-option", "the format of PREDICTIONS", "predictions_options")
@gate_options
def score(truth: Path, predictions: Path, as_json: bool, gates: Gates, **options: Any) -> None:
    """Score files of predictions, and keep a record."""
    from segbench.scoring.evaluate import score as run_score

    result = run_score(truth, predictions, before=gates.foresee, progress=progress("score"), **options)
    _print_result(result, as_json, gates)


@main.command()
@click.argument("model", required=False)
@click.argument("dataset", type=PATH, required=False)
@suite_options
@click.option(
    "--task", metavar="T", help="semantic, instance or panoptic; by default the first that both serve."
)
@_PROTOCOL
@click.option("--device", metavar="D", default="auto", show_default=True, help="cpu, cuda, cuda:1 or auto.")
@click.option("--dtype", metavar="T", help="float32, float16 or bfloat16; by default as the model is stored.")
@click.option("--model-threads", metavar="N", type=click.IntRange(1), help="Of the model on the CPU.")
@click.option("--tf32", is_flag=True, help="Let a GPU round products of float32.")
@click.option(
    "--batch-size", metavar="N", type=click.IntRange(1), default=1, show_default=True, help="Images a call."
)
@click.option(
    "--ignore", metavar="NAME", multiple=True, help="Category of MODEL that DATASET lacks; may be repeated."
)
@click.option("--synonyms", type=PATH, help='TOML of "name in MODEL" = "name in DATASET", or = false.')
@click.option(
    "--on-error", type=click.Choice(["stop", "skip"]), default="stop", show_default=True,
    help="At an image that fails: stop, or note it and go on; the record is then partial.",
)  # fmt: skip
@click.option("--timeout", metavar="S", type=click.FloatRange(0, min_open=True), help="Seconds for a batch.")
@click.option(
    "--threads", metavar="N", type=click.IntRange(1), help="Of decoding and measuring; default: all cores."
)
@click.option(
    "--shard-size", metavar="N", type=click.IntRange(1), default=128, show_default=True,
    help="Images kept together: what a run that is killed can lose.",
)  # fmt: skip
@click.option(
    "--resume/--no-resume", default=True, show_default=True,
    help="Go on where a run left off; or predict all again, and compare with what it left.",
)  # fmt: skip
@asking
@click.option(
    "--save-predictions", metavar="FORMAT",
    help="Write what MODEL answers beside the record, so that `segbench score` gives the same metrics.",
)  # fmt: skip
@click.option(
    "--merge", is_flag=True,
    help="Run nothing: make the record of the shards that are there, partial if some are missing.",
)  # fmt: skip
@click.option(
    "--engine", type=click.Choice(["local", "dask"]), default="local", show_default=True,
    help="Processes of this machine, or workers of Dask.",
)  # fmt: skip
@click.option(
    "--workers", metavar="N", type=click.IntRange(1),
    help="Processes of this machine; by default this one alone.",
)  # fmt: skip
@click.option("--scheduler", metavar="tcp://…", help="Of --engine dask, whose workers are to work.")
@pairs("--resource", "a worker of --engine dask, such as GPU=1: what an image takes of it", "resources")
@click.option("--unsafe-pickle", is_flag=True, help="Let weights be unpickled, which runs code in them.")
@click.option("--trust-remote-code", is_flag=True, help="Let code of hf:NAME@COMMIT run.")
@click.option("--out", type=PATH, default="results", show_default=True, help="Folder of run records.")
@click.option("--json", "as_json", is_flag=True, help="Print run.json alone on stdout.")
@pairs("--model-option", "the adapter of MODEL, or argument of its class, such as threshold=0.5")
@pairs("--setting", "the protocol, such as max_detections=[1,10,300]", "settings")
@gate_options
def run(model: str, dataset: Path, as_json: bool, gates: Gates, **options: Any) -> None:
    """Score a model plugin, and keep a record.

    MODEL is file:path.py:Class, module:package.module:factory, hf:DIR, onnx:FILE …, preds:PATH, or the
    name of an installed plugin: see `segbench models`. With --suite, a TOML file names models, data sets and
    protocols, and all combinations are run.
    """
    from segbench.cli import printed
    from segbench.models import ADAPTERS
    from segbench.runs.running import run as run_model

    if str(dataset).partition(":")[0] in ADAPTERS and not dataset.exists():
        raise UsageError(f"MODEL comes before DATASET: segbench run {dataset} {model}")
    with stdout_kept():
        result = run_model(model, dataset, before=gates.foresee, progress=progress("run"), **options)
    click.echo(printed.class_map_text(result), err=True)
    _print_result(result, as_json, gates)


@main.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def protocols(names: tuple[str, ...], as_json: bool) -> None:
    """List the protocols, print one, or compare several.

    One is printed with its rules, its settings and its source; of several the rules that differ, too.
    """
    from segbench.cli import printed
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
    from segbench.scoring.curves import operating_points, precision_recall

    shown = operating_points(run, score, **which)
    if out is not None:
        with replace_file(out) as part:
            precision_recall(run, points, **which).to_csv(part, index=False)
        click.echo(f"curves: {out}", err=True)
    if as_json:
        print_json(shown.astype(object).where(shown.notna(), None).to_dict("records"))
    else:
        click.echo(shown.drop(columns="category_id").to_string(index=False, na_rep="–", float_format="%.4f"))


@main.command()
@click.option("--out", type=PATH, default="demo", show_default=True, help="Folder to write to.")
def demo(out: Path) -> None:
    """Draw, convert, run three models, rank them.

    Makes a small data set, converts it, scores three models on three tasks and writes the leaderboard.
    """
    from segbench.demo.tour import tour

    page = tour(out, click.echo)
    click.echo(f"\nThe leaderboard is at {page}\nOpen it in a browser.")


def _print_result(result: Any, as_json: bool, gates: Gates) -> None:
    from segbench.cli import printed

    for warning in printed.warnings_of(result):
        click.echo(f"warning: {warning}", err=True)
    click.echo(printed.result_json(result).rstrip("\n") if as_json else printed.result_text(result))
    gates.pass_through([result] if hasattr(result, "status") else list(result))
