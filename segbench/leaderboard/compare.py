"""Two runs beside each other: how far they are apart, how sure that is, in which classes, on which images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from segbench.errors import DataError
from segbench.leaderboard.evidence import RunEvidence, primary, rankable
from segbench.leaderboard.paired import bootstrap_p, permutation_p, permutation_p_of_classes
from segbench.leaderboard.plan import Plan
from segbench.leaderboard.pooled import Floats, Ints
from segbench.leaderboard.rank import Resampled, holm_steps, resample
from segbench.leaderboard.resample import Draws
from segbench.leaderboard.runs import Entry, Run, evidence_of, scoring_settings
from segbench.records.results import RunRecord, find_records, read_record


@dataclass(frozen=True)
class Difference:
    """Scores of two runs, fractions, the difference ``b − a``, its 95 % interval and p; NaN if undefined."""

    a: float
    b: float
    difference: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class ClassDifference:
    """A category: in how many images it is, and how the two differ; p after Holm over the categories."""

    category_id: int
    name: str
    n_images: int
    score: Difference


@dataclass(frozen=True)
class ImageDifference:
    """An image, the two runs' scores of it alone, and ``b − a``."""

    image_id: str
    a: float
    b: float
    difference: float


@dataclass(frozen=True, kw_only=True)
class RunDifference:
    """How run B differs from run A.

    Attributes
    ----------
    a, b
        The records, without their tables.
    metric
        Key of the primary metric, whose difference ``score`` tells.
    n_images, n_units, cluster
        Images, what was drawn (images, or clusters by an attribute), and that attribute.
    classes
        Of every category that either run has, by id; none where the protocol averages images.
    images
        Every image that both score, the largest change first.
    others
        ``{metric: (a, b)}`` of the other metrics that both have.
    how
        ``n_boot seed interval test``.
    """

    a: RunRecord
    b: RunRecord
    metric: str
    n_images: int
    n_units: int
    score: Difference
    classes: Sequence[ClassDifference]
    images: Sequence[ImageDifference] = field(repr=False)
    others: Mapping[str, tuple[float, float]] = field(repr=False)
    how: Mapping[str, Any] = field(repr=False)
    cluster: str | None = None

    def to_dict(self, n_images: int = 20) -> dict[str, Any]:
        """Plain JSON values; the ``n_images`` images that changed most, NaN as None."""
        return _plain(
            {
                "a": _told(self.a),
                "b": _told(self.b),
                "task": self.a.task,
                "dataset": {key: self.a.dataset.get(key) for key in ("name", "split", "fingerprint")},
                "protocol": dict(self.a.protocol),
                "metric": self.metric,
                "n_images": self.n_images,
                "n_units": self.n_units,
                "cluster": self.cluster,
                **self.how,
                "score": asdict(self.score),
                "metrics": {
                    key: {"a": a, "b": b, "difference": b - a} for key, (a, b) in self.others.items()
                },
                "classes": [
                    {
                        "category_id": one.category_id,
                        "name": one.name,
                        "n_images": one.n_images,
                        **asdict(one.score),
                    }
                    for one in self.classes
                ],
                "images": [asdict(one) for one in self.images[:n_images]],
            }
        )


def compare_runs(
    run_a: str | Path,
    run_b: str | Path,
    *,
    n_boot: int = 2000,
    seed: int = 0,
    interval: str = "percentile",
    test: str = "bootstrap",
    cluster: str | None = None,
    attributes: str | Path | None = None,
    threads: int | None = None,
) -> RunDifference:
    """Compare two runs over the same images under the same protocol, from their records alone.

    Parameters
    ----------
    run_a, run_b
        Folders of run records, or folders that hold one each.
    n_boot, seed, interval, test, cluster, attributes, threads
        As for :func:`segbench.build_leaderboard`.

    Returns
    -------
    RunDifference
        ``score`` holds the difference ``b − a`` of the primary metric, ``classes`` and ``images`` those of
        each category and image.

    Raises
    ------
    DataError
        When a record is missing, damaged or incomplete, or the two are not of the same task, data, protocol,
        settings and images: the message says which.
    UsageError
        For an unknown interval, test or attribute, or fewer than 100 resamples.
    """
    plan = Plan.of(
        n_boot=n_boot,
        seed=seed,
        interval=interval,
        test=test,
        cluster=cluster,
        attributes=attributes,
        threads=threads,
    )
    a, b = (_run(Path(path)) for path in (run_a, run_b))
    _check_comparable(a, b)
    entries = [Entry(run, evidence_of(run)) for run in (a, b)]
    _check_images(entries)
    return difference(entries, plan)


def difference(entries: Sequence[Entry], plan: Plan) -> RunDifference:
    """How the second of two comparable runs differs from the first; DataError as :meth:`Plan.draws`."""
    (a, b), (first, second) = (e.run.record for e in entries), (e.evidence for e in entries)
    draws, metric = plan.draws(first, a.dataset["name"]), primary(a)
    resampled = [resample(one.pooled, draws, plan.how, plan.interval) for one in (first, second)]
    ids = np.union1d(first.pooled.class_ids, second.pooled.class_ids)
    columns = [
        _aligned(one, e.pooled.class_ids, ids) for one, e in zip(resampled, (first, second), strict=True)
    ]
    apart = _apart(*columns)
    low, high = apart.intervals(plan.interval)
    n_units = _occurrences((first, second), ids, draws)
    p = _p_values((first, second), apart, n_units, draws, plan)
    p[1:] = holm_steps(p[1:])
    table = np.round([columns[0].values, columns[1].values, apart.values, low, high, p], 12).T.tolist()
    told = [Difference(*row) for row in table]
    names = {row["category_id"]: str(row.get("name")) for record in (a, b) for row in record.per_class}
    rows = zip(ids.tolist(), _occurrences((first, second), ids)[1:], told[1:], strict=True)
    return RunDifference(
        a=a,
        b=b,
        metric=metric,
        n_images=draws.n_images,
        n_units=draws.n_units,
        score=told[0],
        classes=[ClassDifference(i, names.get(i, str(i)), n, one) for i, n, one in rows]
        if first.by_class
        else [],
        images=list(_images(first, second)),
        others=_others(a, b, metric),
        how={"n_boot": plan.n_boot, "seed": plan.seed, "interval": plan.interval, "test": plan.test},
        cluster=plan.cluster,
    )


def _aligned(one: Resampled, known: Ints, ids: Ints) -> Resampled:
    """The columns of these categories; NaN where the run has none."""
    places = np.concatenate([[0], 1 + np.searchsorted(ids, known)])

    def spread(values: Floats) -> Floats:
        whole = np.full((*values.shape[:-1], 1 + len(ids)), np.nan)
        whole[..., places] = values
        return whole

    units = np.zeros(1 + len(ids), np.int64)
    units[places] = one.n_units
    jackknife = None if one.jackknife is None else spread(one.jackknife)
    return Resampled(spread(one.values), spread(one.replicates), units, jackknife)


def _apart(a: Resampled, b: Resampled) -> Resampled:
    jackknife = None if a.jackknife is None or b.jackknife is None else b.jackknife - a.jackknife
    units = np.minimum(a.n_units, b.n_units)
    return Resampled(b.values - a.values, np.round(b.replicates - a.replicates, 12), units, jackknife)


def _occurrences(both: Sequence[RunEvidence], ids: Ints, draws: Draws | None = None) -> list[int]:
    """Images, or units of the draws, and of these how many hold each category: 1 + C numbers."""
    cells = [one.cells for one in both]
    images = np.concatenate([one.images for one in cells])
    categories = np.concatenate([one.categories for one in cells])
    units = np.arange(cells[0].n_images) if draws is None or draws.clusters is None else draws.clusters
    pairs = np.unique(np.stack([categories, units[images]], axis=1), axis=0)[:, 0]
    counts = np.searchsorted(pairs, ids, side="right") - np.searchsorted(pairs, ids)
    return [len(np.unique(units)), *counts.tolist()]


def _p_values(
    both: Sequence[RunEvidence], apart: Resampled, n_units: Sequence[int], draws: Draws, plan: Plan
) -> Floats:
    """p of the score and of each category, before correction: float64 [1 + C]."""
    first, second = (one.pooled for one in both)
    if plan.test == "permutation":
        p = np.full(len(apart.values), np.nan)
        p[0] = permutation_p(first, second, draws, plan.how)
        p[1:] = permutation_p_of_classes(first, second, draws, plan.how)[1]
    else:
        columns = [column[np.isfinite(column)] for column in apart.replicates.T]
        p = np.array(
            [
                bootstrap_p(value, column, n) if len(column) else np.nan
                for value, column, n in zip(apart.values, columns, n_units, strict=True)
            ]
        )
    return np.where(np.isfinite(apart.values), p, np.nan)


def _images(first: RunEvidence, second: RunEvidence) -> Iterator[ImageDifference]:
    a, b = (np.round(one.by_image, 9) for one in (first, second))
    apart = np.round(b - a, 9)
    for i in np.argsort(-np.abs(apart), kind="stable").tolist():
        if np.isfinite(apart[i]):
            yield ImageDifference(first.image_ids[i], float(a[i]), float(b[i]), float(apart[i]))


def _others(a: RunRecord, b: RunRecord, metric: str) -> dict[str, tuple[float, float]]:
    return {
        key: (one.value, b.metrics[key].value)
        for key, one in a.metrics.items()
        if key in b.metrics and key != metric
    }


def _run(path: Path) -> Run:
    """The one record at or below a folder."""
    folders = find_records(path)
    if len(folders) > 1:
        first = ", ".join(folder.relative_to(path).as_posix() for folder in folders[:3])
        raise DataError(f"holds {len(folders)} run records: name one of them, such as {first}", file=path)
    folder = folders[0] if folders else path
    record = read_record(folder, tables=False)
    if reason := rankable(record):
        raise DataError(f"cannot be compared: {reason}", file=folder)
    return Run(str(folder), folder, record, record.run_id)


def _check_comparable(a: Run, b: Run) -> None:
    """Raise the DataError that says what the second run has another of."""
    one, two = a.record, b.record
    parts = (
        ("task", one.task, two.task),
        ("dataset", one.dataset["fingerprint"], two.dataset["fingerprint"]),
        ("protocol", _rules(one), _rules(two)),
        *_settings(scoring_settings(one), scoring_settings(two)),
    )
    for name, ours, theirs in parts:
        if ours != theirs:
            raise DataError(
                f"it has {theirs}, {a.path} has {ours}: only runs of the same task, data, protocol and "
                "settings can be compared",
                file=b.path,
                field=name,
            )


def _rules(record: RunRecord) -> str:
    return f"{record.protocol['name']} {record.protocol.get('version')}"


def _settings(one: Mapping[str, Any], two: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(f"protocol.settings.{key}", one.get(key), two.get(key)) for key in {**one, **two}]


def _check_images(entries: Sequence[Entry]) -> None:
    a, b = (entry.evidence.image_ids for entry in entries)
    if a == b:
        return
    lacking, more = sorted(set(a) - set(b)), sorted(set(b) - set(a))
    what = [
        f"{len(ids)} {word}, such as {ids[0]}" for ids, word in ((lacking, "missing"), (more, "more")) if ids
    ]
    raise DataError(
        f"its images are not those of {entries[0].run.path}: {'; '.join(what) or 'another order'}",
        file=entries[1].run.path,
        field="image_id",
    )


def _told(record: RunRecord) -> dict[str, Any]:
    return {"model": record.model["name"], "run_id": record.run_id, "path": str(record.path)}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value
