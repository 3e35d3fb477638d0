"""convert(): any readable format into any writable one, after saying what would be lost."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from segbench.canonical.atomic import is_half_placed
from segbench.canonical.dataset import Dataset
from segbench.canonical.pen import Pen, Progress
from segbench.canonical.place import check_mode
from segbench.conversions.gathering import Source, gather, label_steps, paths_of, reduce_to
from segbench.conversions.key import conversion_key
from segbench.conversions.losses import Loss, find_losses
from segbench.conversions.report import ConversionReport
from segbench.conversions.soundness import leave_out_invalid
from segbench.conversions.spread import SpreadPen
from segbench.conversions.staging import Place, staged
from segbench.engines.engine import Engine
from segbench.engines.engine import engine as make_engine
from segbench.errors import DataError, LossError, UsageError
from segbench.formats import load_format
from segbench.reshape import Step, apply
from segbench.reshape.policies import policy_steps
from segbench.reshape.turning import TURNED, turning_steps

if TYPE_CHECKING:
    from segbench.reshape.splits import SplitRule

__all__ = ["ConversionReport", "convert"]

Announce = Callable[[ConversionReport], None]


def _tell_nobody(_: ConversionReport) -> None:
    pass


_MADE = {"instance": ("semantic", "panoptic"), "panoptic": ("semantic", "instance")}
"""What a task's annotations can be made into by a named policy."""


def convert(
    source: Source | Sequence[Source],
    target: str | Path,
    *,
    source_format: str | None = None,
    target_format: str = "segbench",
    splits: Iterable[str] | None = None,
    images: str = "link",
    overlap: str | None = None,
    crowd: str | None = None,
    holes: str | None = None,
    exif: str | None = None,
    labels: str | Path | None = None,
    where: str | None = None,
    image_list: str | Path | None = None,
    max_images: int | None = None,
    split_by: SplitRule | None = None,
    packed: bool = False,
    skip_invalid: bool = False,
    allow_loss: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    workers: int = 1,
    engine: str | Engine = "local",
    options: Mapping[str, Any] | None = None,
    progress: Progress = iter,
    looking: Progress = iter,
    announce: Announce = _tell_nobody,
) -> ConversionReport:
    """Convert a data set; the target appears whole or not at all.

    What the target cannot carry is counted first. The report is written beside the target, as
    ``<target>.report``.

    Parameters
    ----------
    source, target
        A file or folder in any readable format (or an open data set), and what to write; each may be in a
        store that fsspec knows: ``s3://bucket/set``. Of several sources all are merged: see
        :func:`segbench.reshape.merge.merge`.
    source_format, target_format
        Names of formats; the source's is recognised where it is not given.
    splits
        Only these splits.
    images
        ``link`` the original pictures (copied where a link cannot be made), ``copy`` them, or ``none``. With
        pictures, annotations that were drawn on one as it is stored are turned upright where EXIF turns it.
    overlap
        Where objects overlap, maps show the one of higher ``score``, of smaller ``area`` (the default), or
        the later in ``order``; or any overlap is an ``error``.
    crowd
        Group regions become ``ignore`` regions, objects like others (``merge``), or are left out (``drop``).
    holes
        Where outlines cannot have holes, keep them by a ``seam`` (the default), ``drop`` them, which fills
        them in any format; or any hole is an ``error``.
    exif
        Of pictures that EXIF turns to the same size (square ones, and orientations 2 to 4) nothing tells
        whether annotations lie on them as seen ``upright`` (the default), or as ``stored``, which turns them.
    labels
        Other categories: a TOML file, the name of a map that is shipped, or columns of a table; see
        :func:`segbench.reshape.label_files.read_labels`.
    where
        Only images that have a segment for which this holds, with all their segments:
        ``category=person and area>1024``; see :mod:`segbench.reshape.where`. Categories are those that
        ``labels`` gives.
    image_list
        Only the images that this text file names.
    max_images
        At most so many of each split, the first.
    split_by
        Make splits anew; see :func:`segbench.reshape.splits.parse_split_rule`.
    packed
        Write the canonical form as Parquet shards.
    skip_invalid
        Leave out images that cannot be read, which the report lists; by default the first is an error.
    allow_loss
        Convert even if the target cannot carry pixels, instances or ids of the source.
    overwrite
        Replace a target that is there.
    dry_run
        Stop after the report.
    workers
        So many processes look at samples and write them; the target is the same for any number.
    engine
        ``local``, or an engine of :mod:`segbench.engines.engine`, whose workers do so then.
    options
        Settings of the source's format; see :func:`segbench.open_dataset`.
    progress, looking
        Wrap an iterator with one item a sample, which has a length, to show how far it is: as they are
        written; and before, as ``skip_invalid``, ``where`` and ``split_by`` read them, and as losses are
        counted.
    announce
        Called with the report before anything is written or refused.

    Returns
    -------
    ConversionReport

    Raises
    ------
    LossError
        When pixels, instances or ids would be lost and that is not allowed; nothing is written.
    DataError, UsageError
        When the source is damaged, or an option unknown.
    """
    module = _writable(target_format, images, packed, workers)
    hired = make_engine(engine, workers) if isinstance(engine, str) else engine
    chosen: dict[str, Any] = {"where": where, "image_list": image_list, "max_images": max_images}
    with staged(source, target, pictures=images != "none") as place, hired.open() as hands:
        given = gather(place.source, source_format, options, splits)
        sound, left_out = _sound(given, images, hands, looking) if skip_invalid else (given, [])
        dataset = reduce_to(sound, labels, split_by, partial(SpreadPen, hands, looking), **chosen)
        _check_tasks(dataset, module, target_format)
        steps, said = _steps(dataset, labels, overlap, crowd, holes)
        _check_target(module, None if dry_run else place, overwrite)
        report = _new_report(dataset, place, target_format, said, left_out)
        report.policies = {"overlap": overlap, "crowd": crowd, "holes": holes, "exif": exif, "images": images}
        steps, refused = _look(dataset, module, steps, report, SpreadPen(hands, looking, len(dataset)))
        announce(report)
        if not dry_run:
            _refuse(report, refused, dataset, allow_loss)
            extra = _extra(report, dataset, options, packed, {**chosen, "split_by": split_by})
            key = _key(dataset, place.source, {"report": report, "options": options, **extra})
            pen = SpreadPen(hands, progress, len(dataset), key)
            _write(partial(module.write, **extra), apply(dataset, steps), report, place, pen)
    return report


def _writable(target_format: str, images: str, packed: bool, workers: int) -> ModuleType:
    """The module of a format, once it is clear that it can be written so.

    Several workers are forked before they write: what they need is loaded once for all of them.
    """
    check_mode(images)
    if packed and target_format != "segbench":
        raise UsageError(f"packed is a layout of the canonical form; {target_format} has none")
    module = load_format(target_format)
    if not hasattr(module, "write"):
        raise UsageError(f"{target_format} is read only: {module.INSTEAD}")
    for name in getattr(module, "WRITES_WITH", ()) if workers > 1 else ():
        import_module(name)
    return module


def _sound(dataset: Dataset, images: str, hands: Engine, looking: Progress) -> tuple[Dataset, list[str]]:
    return leave_out_invalid(dataset, pictures=images != "none", engine=hands, progress=looking)


def _write(
    write: Callable[..., None], dataset: Dataset, report: ConversionReport, place: Place, pen: Pen
) -> None:
    write(dataset, place.target, pen=pen)
    pen.end()
    report.n_segments = pen.n_segments
    report.written = True
    report.write(place.report, pen)
    place.end()


def _steps(
    dataset: Dataset, labels: str | Path | None, overlap: str | None, crowd: str | None, holes: str | None
) -> tuple[list[Step], dict[str, Any] | None]:
    steps, said = label_steps(dataset, labels)
    return steps + policy_steps(overlap, crowd, holes), said


def _new_report(
    dataset: Dataset,
    place: Place,
    target_format: str,
    labels: dict[str, Any] | None,
    left_out: list[str],
) -> ConversionReport:
    return ConversionReport(
        source=place.named_source or str(dataset.path or dataset.name),
        target=place.named_target,
        source_format=dataset.format,
        target_format=target_format,
        n_images=len(dataset),
        labels=labels,
        left_out=left_out,
        notes=list(dataset.notes),
    )


def _look(
    dataset: Dataset, module: ModuleType, steps: list[Step], report: ConversionReport, pen: Pen
) -> tuple[list[Step], list[Loss]]:
    """Complete the report by what is lost and changed; return all steps, and what is refused by policy."""
    turning = _turning(**{name: report.policies[name] for name in ("exif", "images")})
    refused = frozenset(name for name in ("overlap", "holes") if report.policies[name] == "error")
    found = find_losses(dataset, module, turning + steps, refused, pen)
    report.losses, report.changes, report.n_segments = found.losses, found.changes, found.n_segments
    report.notes += map(str, found.told)
    turns = any(change.feature == TURNED for change in found.changes)
    return turning + steps if turns else steps, found.refused


def _turning(exif: str | None, images: str) -> list[Step]:
    """The steps that look at pictures for EXIF: none where there are to be no pictures."""
    if images != "none":
        return turning_steps(exif)
    if exif is not None:
        raise UsageError(
            f"exif={exif} is about pictures, and images=none looks at none; leave one of them out"
        )
    return []


def _key(dataset: Dataset, source: Source | Sequence[Source], settings: Mapping[str, Any]) -> str | None:
    """What names this conversion; None where a source is open already, and what it is read from not known."""
    given = [source] if isinstance(source, Dataset | str | Path) else source
    if any(isinstance(one, Dataset) for one in given):
        return None
    return conversion_key(dataset, paths_of(source), settings)


def _extra(
    report: ConversionReport,
    dataset: Dataset,
    options: Mapping[str, Any] | None,
    packed: bool,
    chosen: Mapping[str, Any],
) -> dict[str, Any]:
    """What the format's ``write`` is told."""
    extra: dict[str, Any] = {"images": report.policies["images"]}
    if report.target_format == "segbench":
        extra |= {"packed": packed, "source": _source(dataset, options), "made": _made(report, chosen)}
    return extra


def _source(dataset: Dataset, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """What ``dataset.json`` says of the source: the options it was read with, and its hash if a file."""
    files = {}
    if dataset.path is not None and dataset.path.is_file():
        with dataset.path.open("rb") as handle:
            files[dataset.path.name] = hashlib.file_digest(handle, "sha256").hexdigest()
    named = {k: Path(v).name if isinstance(v, Path) else v for k, v in (options or {}).items()}
    return {"options": named, "files": files}


def _made(report: ConversionReport, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """What ``dataset.json`` says of how it was made: policies, labels, and which images were chosen."""
    made: dict[str, Any] = {"policies": report.policies}
    if report.labels is not None:
        made["labels"] = {k: v for k, v in report.labels.items() if k not in ("table", "not_in_source")}
    plain = {
        key: Path(value).name if isinstance(value, Path) else str(value) if key == "split_by" else value
        for key, value in chosen.items()
        if value is not None
    }
    return {**made, "chosen": plain} if plain else made


def _check_tasks(dataset: Dataset, module: ModuleType, target_format: str) -> None:
    served = {made for task in dataset.tasks for made in (task, *_MADE.get(task, ()))}
    if not served.intersection(module.TASKS):
        raise DataError(
            f"has {'/'.join(dataset.tasks)} annotations; {target_format} holds {'/'.join(module.TASKS)}, "
            "which cannot be made of them; convert to segbench or png",
            file=dataset.path,
        )


def _check_target(module: ModuleType, place: Place | None, overwrite: bool) -> None:
    """Refuse to replace what is there unless that is asked for, and a source itself in any case.

    Of a target of several parts, those that a killed writer had put in their places are no target yet. With
    no place, nothing is to be written.
    """
    if place is None:
        return
    outputs = module.outputs(place.target) if hasattr(module, "outputs") else [place.target]
    place.check(outputs, overwrite=overwrite)
    may_replace = overwrite or is_half_placed(place.target)
    for output in outputs:
        taken = output.is_file() or (output.is_dir() and any(output.iterdir()))
        if taken and not may_replace:
            raise UsageError(f"{output} is there already; pass --overwrite (overwrite=True) to replace it")
        for source in paths_of(place.source) if taken else ():
            if source.resolve().is_relative_to(output.resolve()):
                raise UsageError(f"{output} holds the source {source}; name another target")


def _refuse(report: ConversionReport, refused: list[Loss], dataset: Dataset, allow_loss: bool) -> None:
    if refused:
        raise LossError(
            f"has {'; '.join(map(str, refused))}. That is an error by --overlap or --holes; name other ones",
            file=dataset.path,
        )
    if not allow_loss and (grave := [loss for loss in report.losses if loss.grave]):
        raise LossError(
            f"{report.target_format} cannot carry {'; '.join(map(str, grave))}. Pass --allow-loss "
            "(allow_loss=True) to convert all the same; --dry-run shows the whole report",
            file=dataset.path,
        )
