"""convert(): any readable format into any writable one, after saying what would be lost."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from segbench import kernels
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset, concat
from segbench.canonical.sample import Sample
from segbench.errors import DataError, LossError, UsageError
from segbench.formats import FEATURES, load_format, open_dataset

Progress = Callable[[Iterator[Sample]], Iterator[Sample]]
Counter = Callable[[Sample, Categories], int]
GRAVE = frozenset({"stuff", "instances", "overlap", "crowd", "ignore", "ids"})
"""Losses of pixels, instances or ids: refused unless allowed."""

_EXAMPLES = 3
_MADE = {"instance": ("semantic", "panoptic"), "panoptic": ("semantic", "instance")}
"""What a task's annotations can be made into by a named policy."""


@dataclass
class Loss:
    """What one feature loses: how often, on how many images, the first of them."""

    feature: str
    meaning: str
    count: int = 0
    images: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def grave(self) -> bool:
        """Whether pixels, instances or ids are lost."""
        return self.feature in GRAVE

    def add(self, image_id: str, count: int) -> None:
        """Count the loss of one image."""
        if count:
            self.count += count
            self.images += 1
            if self.images <= _EXAMPLES:
                self.examples.append(f"image {image_id}")

    def __str__(self) -> str:
        more = ", …" if self.images > _EXAMPLES else ""
        return f"{self.meaning}: {self.count} ({', '.join(self.examples)}{more})"


@dataclass(kw_only=True)
class ConversionReport:
    """What a conversion did, or would do.

    Attributes
    ----------
    source, target, source_format, target_format
        From where to where.
    n_images, n_segments
        What was read.
    losses
        One for each feature of the data that the target cannot carry.
    notes
        What the reader of the source had to say.
    written
        False for a dry run.
    """

    source: str
    target: str
    source_format: str
    target_format: str
    n_images: int
    n_segments: int = 0
    losses: list[Loss] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    written: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        head = (
            f"{self.source} ({self.source_format}) → {self.target} ({self.target_format}): "
            f"{self.n_images} images, {self.n_segments} segments"
        )
        losses = [f"  lost: {loss}" for loss in self.losses]
        return "\n".join(
            [head, *(f"  note: {note}" for note in self.notes), *(losses or ["  nothing is lost"])]
        )


def convert(
    source: str | Path | Dataset,
    target: str | Path,
    *,
    source_format: str | None = None,
    target_format: str = "segbench",
    splits: Iterable[str] | None = None,
    images: str = "link",
    packed: bool = False,
    allow_loss: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    options: Mapping[str, Any] | None = None,
    progress: Progress = iter,
) -> ConversionReport:
    """Convert a data set; the target appears whole or not at all.

    Parameters
    ----------
    source, target
        A file or folder in any readable format (or an open data set), and what to write.
    source_format, target_format
        Names of formats; the source's is recognised where it is not given.
    splits
        Only these splits.
    images
        ``link`` the original pictures (copied where a link cannot be made), ``copy`` them, or ``none``.
    packed
        Write the canonical form as Parquet shards.
    allow_loss
        Convert even if the target cannot carry pixels, instances or ids of the source.
    overwrite
        Replace a target that is there.
    dry_run
        Stop after the report.
    options
        Settings of the source's format; see :func:`segbench.open_dataset`.
    progress
        Wraps the iterator of samples, to show how far it is.

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
    module = load_format(target_format)
    if packed and target_format != "segbench":
        raise UsageError(f"packed is a layout of the canonical form; {target_format} has none")
    if not isinstance(source, Dataset):
        source = open_dataset(source, format=source_format, options=options)
    dataset = source if splits is None else _only(source, list(splits))
    _check_tasks(dataset, module, target_format)
    if not dry_run:
        _check_target(module, Path(target), dataset, overwrite)
    report = ConversionReport(
        source=str(dataset.path or dataset.name),
        target=str(target),
        source_format=dataset.format,
        target_format=target_format,
        n_images=len(dataset),
        notes=list(dataset.notes),
    )
    _look_for_losses(dataset, module, report)
    if dry_run:
        return report
    if not allow_loss:
        _refuse_grave(report, dataset)
    report.n_segments = 0
    extra = {"packed": packed, "source": _source(dataset, options)} if target_format == "segbench" else {}
    module.write(dataset, Path(target), images=images, progress=_counted(progress, report), **extra)
    report.written = True
    return report


def _source(dataset: Dataset, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """What ``dataset.json`` says of the source: the options it was read with, and its hash if a file."""
    files = {}
    if dataset.path is not None and dataset.path.is_file():
        with dataset.path.open("rb") as handle:
            files[dataset.path.name] = hashlib.file_digest(handle, "sha256").hexdigest()
    named = {k: Path(v).name if isinstance(v, Path) else v for k, v in (options or {}).items()}
    return {"options": named, "files": files}


def _check_tasks(dataset: Dataset, module: ModuleType, target_format: str) -> None:
    served = {made for task in dataset.tasks for made in (task, *_MADE.get(task, ()))}
    if not served.intersection(module.TASKS):
        raise DataError(
            f"has {'/'.join(dataset.tasks)} annotations; {target_format} holds {'/'.join(module.TASKS)}, "
            "which cannot be made of them; convert to segbench or png",
            file=dataset.path,
        )


def _check_target(module: ModuleType, target: Path, dataset: Dataset, overwrite: bool) -> None:
    """Refuse to replace what is there unless that is asked for, and the source itself in any case."""
    outputs = module.outputs(target) if hasattr(module, "outputs") else [target]
    for output in outputs:
        taken = output.is_file() or (output.is_dir() and any(output.iterdir()))
        if taken and not overwrite:
            raise UsageError(f"{output} is there already; pass --overwrite (overwrite=True) to replace it")
        if taken and dataset.path is not None and dataset.path.resolve().is_relative_to(output.resolve()):
            raise UsageError(f"{output} holds the source {dataset.path}; name another target")


def _only(dataset: Dataset, splits: list[str]) -> Dataset:
    parts = [dataset.split(split) for split in dict.fromkeys(splits)]
    if not parts:
        raise UsageError("no split was chosen")
    return parts[0] if len(parts) == 1 else concat(parts, dataset.name, dataset.path or Path())


def _look_for_losses(dataset: Dataset, module: ModuleType, report: ConversionReport) -> None:
    counters = {feature: count for feature, count in COUNTERS.items() if feature not in module.CARRIES}
    counters |= getattr(module, "LOSES", {})
    losses = {feature: Loss(feature, FEATURES[feature]) for feature in FEATURES if feature in counters}
    for sample in dataset if losses else ():
        report.n_segments += len(sample.segments)
        for feature, loss in losses.items():
            loss.add(sample.image_id, counters[feature](sample, dataset.categories))
    report.losses = [loss for loss in losses.values() if loss.count]


def _counted(progress: Progress, report: ConversionReport) -> Progress:
    def count(samples: Iterator[Sample]) -> Iterator[Sample]:
        for sample in progress(samples):
            report.n_segments += len(sample.segments)
            yield sample

    return count


def _refuse_grave(report: ConversionReport, dataset: Dataset) -> None:
    if grave := [loss for loss in report.losses if loss.grave]:
        raise LossError(
            f"{report.target_format} cannot carry {'; '.join(map(str, grave))}. Pass --allow-loss "
            "(allow_loss=True) to convert all the same; --dry-run shows the whole report",
            file=dataset.path,
        )


def _stuff(sample: Sample, categories: Categories) -> int:
    if sample.kind == "semantic":
        return 1
    return sum(categories[s.category_id].isthing is False for s in sample.segments)


def _overlap(sample: Sample, _: Categories) -> int:
    """Pixels that several segments cover, counted once for each but the first."""
    size = sample.height, sample.width
    drawn = [rle.counts for s in sample.segments if sample.overlap and (rle := s.to_rle(*size)) is not None]
    if len(drawn) < 2:
        return 0
    union = kernels.rle_merge(drawn, *size)
    areas, _boxes = kernels.rle_measure([*drawn, union], *size)
    return int(areas[:-1].sum() - areas[-1])


def _ignored(sample: Sample, _: Categories) -> int:
    if sample.kind == "semantic":
        return int((sample.mask == sample.ignore_index).any())
    return sum(s.ignore for s in sample.segments)


def _isthing(sample: Sample, categories: Categories) -> int:
    return sum(categories[s.category_id].isthing is not None for s in sample.segments)


def _federated(sample: Sample, _: Categories) -> int:
    return int((sample.neg_category_ids, sample.not_exhaustive_category_ids) != (None, None))


COUNTERS: dict[str, Counter] = {
    "stuff": _stuff,
    "instances": lambda sample, _: len(sample.segments),
    "overlap": _overlap,
    "crowd": lambda sample, _: sum(s.iscrowd for s in sample.segments),
    "ignore": _ignored,
    "ids": lambda sample, _: len(sample.segments),
    "isthing": _isthing,
    "scores": lambda sample, _: sum(s.score is not None for s in sample.segments),
    "attributes": lambda sample, _: sum(bool(s.attributes) for s in sample.segments),
    "federated": _federated,
}
"""How often a sample has a feature; every feature that some format lacks is here."""
