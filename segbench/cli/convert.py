"""Commands of conversion: convert, and labels, the maps that it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from segbench.cli.options import LOCATION, PATH, pairs, print_json, progress
from segbench.errors import UsageError


@click.command()
@click.argument("source", type=LOCATION)
@click.argument("target", type=LOCATION)
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
    "--exif", type=click.Choice(["upright", "stored"]),
    help="Annotations on square, mirrored and upside-down pictures: upright (default), or to be turned so.",
)  # fmt: skip
@click.option(
    "--labels", metavar="MAP",
    help="Other categories: MAP.toml, a name that `segbench labels` lists, or TABLE.tsv#COLUMN.",
)  # fmt: skip
@click.option(
    "--where",
    metavar="TEXT",
    help='Only images with a segment such as "category=person and area>1024", all their segments kept.',
)
@click.option("--list", "image_list", type=PATH, help="Only the images that this text file names.")
@click.option("--max-images", metavar="N", type=click.IntRange(1), help="At most N images of each split.")
@click.option(
    "--split-by", type=click.Choice(["ratio", "list", "group"]),
    help="Make splits anew: by shares, by text files, or by shares with groups kept together.",
)  # fmt: skip
@click.option("--part", "parts", metavar="S=X", multiple=True, help="Split S: its weight, or its text file.")
@click.option(
    "--group-by", metavar="G", default="folder", show_default=True,
    help="What a group has in common: folder, video, or a pattern of names with one (group).",
)  # fmt: skip
@click.option("--seed", metavar="N", type=int, default=0, show_default=True, help="Of splits by share.")
@click.option("--merge", "others", metavar="SOURCE", type=LOCATION, multiple=True, help="Merge this one too.")
@click.option("--packed", is_flag=True, help="Write the canonical form as Parquet shards.")
@click.option("--skip-invalid", is_flag=True, help="Leave out images that cannot be read, and list them.")
@click.option("--allow-loss", is_flag=True, help="Convert even if pixels, instances or ids are lost.")
@click.option("--overwrite", is_flag=True, help="Replace TARGET if it is there.")
@click.option("--dry-run", is_flag=True, help="Say what would be lost, and stop.")
@click.option(
    "--workers", metavar="N", type=click.IntRange(1), default=1, show_default=True,
    help="So many processes do the work; the result is the same.",
)  # fmt: skip
@click.option(
    "--engine", type=click.Choice(["local", "dask"]), default="local", show_default=True,
    help="Processes of this machine, or workers of Dask.",
)  # fmt: skip
@click.option("--scheduler", metavar="tcp://…", help="Of --engine dask, whose workers are to work.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@pairs("--option", "SOURCE's format, such as reduce_zero_label=true")
def convert(
    source: Path | str,
    target: Path | str,
    *,
    others: tuple[Path | str, ...],
    splits: tuple[str, ...],
    split_by: str | None,
    parts: tuple[str, ...],
    group_by: str,
    seed: int,
    engine: str,
    workers: int,
    scheduler: str | None,
    as_json: bool,
    **settings: Any,
) -> None:
    """Convert a data set, after saying what would be lost.

    What TARGET's format cannot carry is counted first; loss of pixels, instances or ids is refused (exit code
    3) unless allowed. The report is kept beside TARGET, as TARGET.report. Both may be in a store that fsspec
    knows: s3://bucket/set.
    """
    from segbench.conversions.conversion import convert as run_convert
    from segbench.engines.engine import engine as make_engine
    from segbench.reshape.splits import parse_split_rule

    if split_by is None:
        _refuse_options_of_splits(parts)
    reports: list[Any] = []

    def announce(report: Any) -> None:
        reports.append(report)
        if not as_json and (report.has_news or settings["dry_run"]):
            click.echo(str(report))

    try:
        run_convert(
            [source, *others],
            target,
            splits=splits or None,
            engine=make_engine(engine, workers, **({"scheduler": scheduler} if scheduler else {})),
            split_by=None if split_by is None else parse_split_rule(split_by, parts, group_by, seed),
            progress=progress("convert"),
            looking=progress("look at images"),
            announce=announce,
            **settings,
        )
    finally:
        if as_json and reports:
            print_json(reports[0].to_dict())
    if reports[0].written and not as_json:
        if not reports[0].has_news:
            click.echo(str(reports[0]))
        click.echo(f"written: {target}, {reports[0].n_images} images; report: {reports[0].path}")


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


def _refuse_options_of_splits(parts: tuple[str, ...]) -> None:
    if parts:
        raise UsageError("--part names a part of --split-by")
    given = click.get_current_context().get_parameter_source
    for option in ("group_by", "seed"):
        if given(option) is not click.core.ParameterSource.DEFAULT:
            raise UsageError(f"--{option.replace('_', '-')} is for --split-by, which is not given")
