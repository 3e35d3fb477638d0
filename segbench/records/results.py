"""RunRecord: everything that one scored run leaves behind.

A record is a folder ``<out>/<dataset>/<task>/<model>/<run_id>/`` of

``run.json``
    what was scored, under which rules, on what machine, and the scores; its JSON schema is shipped as
    ``segbench/schemas/run-1.json``;
``images.parquet``
    one row an image: its **sufficient statistics**, so that any subset, interval or ranking needs no re-run;
``detections.parquet``
    instance runs only: one row a scored detection.

Columns of ``images.parquet`` (lists of one row belong together; only categories that occur are listed):

=========  ==============================================================================================
all        ``image_id`` string, ``index`` int64 (position in the data set, the order of every float sum),
           ``latency_ms`` float64 or null, ``error`` string or null (a failed image: its lists are empty);
           attributes of the images, string or null each: ``split folder city video_id`` and what else the
           source says of several images alike (:mod:`segbench.attributes`)
semantic   ``category_ids`` list<int32>, ``tp fp fn`` list<int64>, in pixels;
           ``cityscapes`` adds ``group_tp group_fp group_fn group_instance_fp`` list<int64> (pixels, in
           the order of metrics.cityscapes.GROUPS), ``instance_map`` list<int64> of one (1 where there is
           one), and by rising instance id ``instance_category_ids`` list<int32>, ``instance_sizes
           instance_tp instance_group_tp`` list<int64>, in pixels;
           ``boundary-iou`` counts boundary pixels alone; ``boundary-f1`` contour pixels: tp and fp are
           predicted ones with a match and without, fn true ones without, and ``found`` list<int64> true
           ones with
panoptic   ``category_ids`` list<int32>, ``tp fp fn`` list<int64>, in segments (under ``pq-dagger`` the tp
           of stuff are its true segments);
           ``match_category_ids`` list<int32>, ``match_ious`` list<float64>: the matched pairs in order
both       ``confused_truth_ids confused_pred_ids`` list<int32>, ``confused`` list<int64>: pixels, or segments
           that would match, of one category taken for another; -1 is predicted as none. Boundary
           protocols of label maps and records of before have no such columns
instance   ``category_ids`` list<int32>, and for each area range a of the protocol
           ``truths_<a>`` list<int64>: truths that count (``cityscapes-instance`` has the range ``all``,
           and with distances ``100m`` and ``50m``)
=========  ==============================================================================================

Columns of ``detections.parquet``, by image, then category, then falling score:
``image_index`` int64, ``category_id`` int32, ``rank`` int32 (0 is the best of its image and category),
``score`` float64, and for each area range a ``matched_<a>``, ``ignored_<a>`` uint64: bit t is IoU threshold t
of the protocol's ``iou_thresholds``. Where a protocol limits the detections of an image, ``rank`` is that in
the image; where it limits those of a category in all images, ``position`` int64 is the place in the results,
by which equal scores go. Where categories are not told apart, ``category_id`` is 0 here and there.
With the setting ``keep_errors`` there are ``own_truth`` int32 and ``own_iou`` float64, the truth of its
category that a detection takes at IoU 0.5 or else comes closest to, by its place among those of the image
(-1: none), and ``other_truth``, ``other_iou`` and ``other_category_id`` int32 of those of other categories.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segbench.errors import DataError
from segbench.records.flat import flat_numbers
from segbench.records.tables import TABLES, hash_tables, read_tables, write_tables

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = 1
PREDICTIONS = "predictions"
"""How the file or folder beside a record is called that has the predictions of its run, before any suffix."""


@dataclass(frozen=True, slots=True)
class MetricValue:
    """One score, a fraction in 0..1 (NaN where undefined), with its interval where one was computed."""

    value: float
    ci_low: float | None = None
    ci_high: float | None = None
    method: str | None = None
    n_boot: int | None = None
    seed: int | None = None


class _Table:
    """A field that holds a table or None; a function given in its place is called when it is first read."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, record: RunRecord | None, owner: type) -> pa.Table | None:
        if record is None:  # the default of the field
            return None
        if callable(record.__dict__[self._name]):
            record.__dict__[self._name] = record.__dict__[self._name]()
        return record.__dict__[self._name]

    def __set__(self, record: RunRecord, value: pa.Table | Callable[[], pa.Table] | None) -> None:
        record.__dict__[self._name] = value


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What was scored, how, where, and the result.

    Attributes
    ----------
    task
        ``semantic``, ``instance`` or ``panoptic``.
    status
        ``complete``, ``partial`` or ``failed``.
    model
        ``name`` and, where known, spec, revision, weights_sha256, code_sha256, n_params, class_map …
    dataset
        ``name split format fingerprint n_images n_expected n_scored n_failed categories``; each category is
        ``{id, name, source_id, isthing, color, parent, synset}``, and ``frequency`` where it is told.
    protocol
        ``name version settings`` and, where a model was asked for windows or mirrored images, ``inference``.
    metrics
        ``{key: MetricValue}``.
    per_class
        One dict a category: ``category_id``, ``name`` and its scores (NaN where undefined).
    timing, env, provenance
        Speed; hardware, device, threads and versions; commit and redacted command line.
    warnings
        What a reader of the score should know.
    tables
        ``{name: SHA-256 of its file}`` of the tables that were written with the record.
    images, detections
        The tables described above; None for a record read without them. A function that makes one may be
        given: it is called when the table is first asked for.
    path
        The folder that it was read from; None for a new record.
    """

    task: str
    model: Mapping[str, Any]
    dataset: Mapping[str, Any]
    protocol: Mapping[str, Any]
    metrics: Mapping[str, MetricValue]
    per_class: Sequence[Mapping[str, Any]]
    status: str = "complete"
    timing: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    tables: Mapping[str, str] = field(default_factory=dict)
    images: _Table = _Table()
    detections: _Table = _Table()
    path: Path | None = None

    @cached_property
    def run_id(self) -> str:
        """Hash of everything but time, machine and circumstances: that of the run that a re-run repeats."""
        keys = ("task", "status", "model", "dataset", "protocol", "metrics", "per_class")
        content = {key: value for key, value in self.to_dict().items() if key in keys}
        return hashlib.sha256(_dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def rules(self) -> dict[str, Any]:
        """The settings of the protocol, and how the model was asked, where that was out of the ordinary."""
        return {**(self.protocol.get("settings") or {}), **(self.protocol.get("inference") or {})}

    @property
    def signature(self) -> str:
        """One line that says what a score of this record means."""
        parts = [f"{key}={_compact(value)}" for key, value in self.rules.items()]
        fingerprint = str(self.dataset.get("fingerprint", ""))[:12]
        return "|".join(
            [
                f"segbench={self.env.get('segbench', '?')}",
                f"data={self.dataset.get('name')}@{fingerprint}",
                f"protocol={self.protocol.get('name')}/{self.protocol.get('version')}",
                *parts,
            ]
        )

    def to_dict(self, *, flat: bool = False) -> dict[str, Any]:
        """The content of ``run.json``, NaN as None; or its numbers as loggers of experiments take them.

        ``flat`` gives ``{key: float}``: metrics by their key, scores of categories as ``iou/road`` and times
        as ``timing/latency_ms/p50``; what is undefined is left out. Names keep letters, digits, blanks and
        ``_ - .``, the rest becomes ``_``; where two become the same, all get their category ids.
        """
        if flat:
            values = {key: metric.value for key, metric in self.metrics.items()}
            return flat_numbers(values, self.per_class, self.timing)
        return _plain(
            {
                "schema_version": SCHEMA_VERSION,
                "task": self.task,
                "status": self.status,
                "model": self.model,
                "dataset": self.dataset,
                "protocol": self.protocol,
                "metrics": {key: asdict(value) for key, value in self.metrics.items()},
                "per_class": self.per_class,
                "timing": self.timing,
                "env": self.env,
                "provenance": self.provenance,
                "warnings": self.warnings,
                "tables": self.tables,
            }
        )

    def to_json(self) -> str:
        """``run.json`` as text."""
        return _dumps({"run_id": self.run_id, **self.to_dict()}, indent=1) + "\n"

    def write(self, out: str | Path, attach: Callable[[Path], object] | None = None) -> Path:
        """Write the record below ``out`` and return its folder.

        The folder appears whole or not at all; a record that is already there is replaced. ``attach`` puts
        predictions beside the record, in a folder that it is given; without it, those that are there stay.
        """
        from segbench.canonical.atomic import replace_folder
        from segbench.canonical.place import link_tree

        target = (
            Path(out) / slug(self.dataset["name"]) / slug(self.task) / slug(self.model["name"]) / self.run_id
        )
        with replace_folder(target) as folder:
            write_tables(folder, {name: getattr(self, name) for name in TABLES})
            written = replace(self, tables=hash_tables(folder))
            (folder / "run.json").write_text(written.to_json(), encoding="utf-8")
            if attach is not None:
                attach(folder)
            else:
                for saved in target.glob(f"{PREDICTIONS}*"):
                    link_tree(saved, folder / saved.name)
        return target

    def kept(self, out: str | Path, attach: Callable[[Path], object] | None = None) -> RunRecord:
        """Write the record as :meth:`write` does, and return it as it is there."""
        folder = self.write(out, attach)
        return replace(self, path=folder, tables=hash_tables(folder))


def read_record(path: str | Path, *, tables: bool = True) -> RunRecord:
    """Read a record from its folder.

    Parameters
    ----------
    path
        The folder that holds ``run.json``.
    tables
        Read ``images.parquet`` and ``detections.parquet`` as well.

    Raises
    ------
    DataError
        When ``run.json`` is missing, is no JSON, or is of another schema version.
    OSError, ValueError
        When a table is damaged.
    """
    folder = Path(path)
    content = read_content(folder)
    try:
        return _from_dict(content, folder, read_tables(folder) if tables else {})
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"is not a run record: {error!r}", file=folder / "run.json") from None


def read_content(folder: Path) -> dict[str, Any]:
    """Read ``run.json``; DataError when it is missing, is no JSON, or is of another schema version."""
    file = folder / "run.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read the record: {error.strerror}", file=file) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"is not JSON: {error}", file=file) from None
    if not isinstance(content, dict) or content.get("schema_version") != SCHEMA_VERSION:
        found = content.get("schema_version") if isinstance(content, dict) else None
        raise DataError(f"expected schema version {SCHEMA_VERSION}, found {found}", file=file)
    return content


def find_records(root: str | Path) -> list[Path]:
    """Return the folder of every record below ``root``, sorted; none that a killed writer left half done."""
    found = [file.relative_to(root) for file in Path(root).rglob("run.json")]
    return sorted(
        Path(root) / file.parent for file in found if not any(part.startswith(".") for part in file.parts)
    )


def saved_predictions(folder: Path) -> Path | None:
    """Return the file or folder of the predictions that a run saved beside its record; None where it did not.

    A file may have a folder of pictures of its name beside it: it is the file that names these.
    """
    found = sorted(folder.glob(f"{PREDICTIONS}*"), key=lambda path: (path.is_dir(), path.name))
    return found[0] if found else None


def slug(name: str) -> str:
    """Return a file name for any text: letters, digits, ``.``, ``_`` and ``-``; a hash where it had others.

    >>> slug("deeplab-v3"), slug("../etc/passwd")
    ('deeplab-v3', 'etc-passwd-7fef78f5')
    """
    clean = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")
    if name and clean == name and len(name) <= 80:
        return name
    return f"{clean[:71] or 'x'}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def _from_dict(content: dict[str, Any], folder: Path, found: Mapping[str, Any]) -> RunRecord:
    return RunRecord(
        task=content["task"],
        status=content["status"],
        model=content["model"],
        dataset=content["dataset"],
        protocol=content["protocol"],
        metrics={key: _metric(value) for key, value in content["metrics"].items()},
        per_class=[{k: math.nan if v is None else v for k, v in row.items()} for row in content["per_class"]],
        timing=content["timing"],
        env=content["env"],
        provenance=content["provenance"],
        warnings=content["warnings"],
        tables=content["tables"],
        path=folder,
        **found,
    )


def _metric(row: dict[str, Any]) -> MetricValue:
    return MetricValue(**{**row, "value": math.nan if row["value"] is None else row["value"]})


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return _utf8(value)
    if isinstance(value, Mapping):
        return {_utf8(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_plain(item) for item in value]
    return value


def _utf8(text: str) -> str:
    """Escape what UTF-8 cannot hold: bytes of file names that are none, which Python keeps as halves."""
    return text.encode("utf-8", "backslashreplace").decode()


def _dumps(value: Any, *, indent: int | None = None, sort_keys: bool = False) -> str:
    return json.dumps(value, indent=indent, sort_keys=sort_keys, ensure_ascii=False, allow_nan=False)


def _compact(value: Any) -> str:
    return (
        ",".join(map(str, value))
        if isinstance(value, Sequence) and not isinstance(value, str)
        else str(value)
    )
