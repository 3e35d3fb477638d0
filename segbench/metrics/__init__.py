"""Metrics: measure one image, add, score once.

A metric is imported (``from segbench.metrics import MeanIoU``) or loaded by name (:func:`load_metric`);
whatever runs it needs no more than the :class:`Metric` protocol.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, cast, runtime_checkable

from segbench.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from segbench.canonical.categories import Categories
    from segbench.canonical.sample import Sample
    from segbench.metrics.boundary import BoundaryIoU
    from segbench.metrics.cityscapes_instance import CityscapesAP
    from segbench.metrics.instance import MaskAP
    from segbench.metrics.once import Once
    from segbench.metrics.panoptic import PanopticQuality
    from segbench.metrics.scores import Scores
    from segbench.metrics.semantic import MeanIoU

__all__ = [
    "METRICS",
    "PROTOCOL_METRICS",
    "BoundaryIoU",
    "CityscapesAP",
    "MaskAP",
    "MeanIoU",
    "Metric",
    "PanopticQuality",
    "TableMetric",
    "ThreadedMetric",
    "load_metric",
]

METRICS = {
    "semantic": "segbench.metrics.semantic:MeanIoU",
    "instance": "segbench.metrics.instance:MaskAP",
    "panoptic": "segbench.metrics.panoptic:PanopticQuality",
}
"""The metric of each task, as ``"module:class"``."""

PROTOCOL_METRICS = {
    "boundary-iou": "segbench.metrics.boundary:BoundaryIoU",
    "boundary-f1": "segbench.metrics.boundary:BoundaryIoU",
    "cityscapes-instance": "segbench.metrics.cityscapes_instance:CityscapesAP",
}
"""The metric of each protocol that is measured by another than its task's."""

ListColumns = Mapping[str, "tuple[NDArray[np.int64], NDArray[Any]]"]
"""Columns of lists: where the list of each row begins, one more for the end, and all lists joined."""

_MODULES = {
    spec.partition(":")[2]: spec.partition(":")[0] for spec in [*METRICS.values(), *PROTOCOL_METRICS.values()]
}


class Metric(Protocol):
    """What every metric offers: stats of one image, their sum in any order, and one score.

    Attributes
    ----------
    task, protocol
        ``semantic``, ``instance`` or ``panoptic``; the name of the rules.
    categories
        The meaning of category ids.
    rules
        What the protocol and the settings say, a frozen dataclass.
    """

    task: ClassVar[str]
    protocol: str
    categories: Categories
    rules: Any

    @classmethod
    def build(cls, categories: Categories, protocol: str, settings: Mapping[str, Any]) -> Self:
        """Make a metric for a data set from the settings of a protocol, or of a run record."""
        ...

    @property
    def settings(self) -> dict[str, Any]:
        """All that the score depends on beside the data, as plain JSON values for :meth:`build`."""
        ...

    @property
    def warnings(self) -> Sequence[str]:
        """What a reader of the score should know: a line a kind, with how many images have it."""
        ...

    def measure_sample(
        self, pred: Sample, truth: Sample, index: int | None = None, once: Once | None = None
    ) -> Any:
        """Measure one image and change nothing; safe to call from several threads.

        Metrics that measure the same two samples one after the other may share ``once``, and count together.
        ``index`` is the position of the image in the truth's data set. The stats that come back can be
        pickled, and their ``doubts`` are what a reader of the score should know of this image.
        """
        ...

    def image_row(self, stats: Any | None) -> dict[str, NDArray[Any]]:
        """Return the metric's columns of ``images.parquet`` for one image; None is an image that failed."""
        ...

    def detection_rows(self, stats: Any) -> dict[str, NDArray[Any]]:
        """Return the columns of ``detections.parquet`` for one image; none where the task has no such."""
        ...

    def add(self, stats: Any) -> None:
        """Add the stats of one image."""
        ...

    def add_tables(self, images: pa.Table, detections: pa.Table | None = None) -> None:
        """Add every image of a run record's tables: they hold all that a score needs."""
        ...

    def merge(self, other: Self) -> None:
        """Add every image of another metric of the same settings."""
        ...

    def compute(self) -> Scores:
        """Score what was added so far."""
        ...

    def reset(self) -> None:
        """Forget every image."""
        ...


@runtime_checkable
class TableMetric(Metric, Protocol):
    """A metric that can measure many images at a time, from tables of their segments or label maps."""

    @property
    def by_tables(self) -> bool:
        """Whether it can under its rules."""
        ...

    def measure_tables(self, pred: Any, truth: Any, image_ids: Sequence[str], span: range) -> Any:
        """Measure the images of a span, as :meth:`measure_sample` would; both are what tables read of it.

        Raises
        ------
        ValueError
            When one of them is out of the ordinary.
        """
        ...

    def span_columns(self, stats: Any) -> tuple[ListColumns, Mapping[str, NDArray[Any]]]:
        """Return the metric's columns of ``images.parquet`` and of ``detections.parquet`` for a span."""
        ...

    def add_span(self, stats: Any) -> None:
        """Add the stats of a span."""
        ...


@runtime_checkable
class ThreadedMetric(Metric, Protocol):
    """A metric whose score is worth several threads.

    Attributes
    ----------
    threads
        How many ``compute`` may use, 1 unless it is set; the score is the same with any number.
    """

    threads: int


def load_metric(name: str) -> type[Metric]:
    """Return the metric class of a task in :data:`METRICS`, or of a ``"module:class"`` string.

    Raises
    ------
    UsageError
        When there is none of this name.

    >>> load_metric("semantic").__name__
    'MeanIoU'
    """
    module, found, attribute = METRICS.get(name, name).partition(":")
    if not found:
        raise UsageError(f"unknown metric {name!r}.{did_you_mean(name, METRICS)}")
    try:
        return cast("type[Metric]", getattr(importlib.import_module(module), attribute))
    except (ImportError, AttributeError) as error:
        raise UsageError(f"cannot load metric {name!r}: {error}") from None


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
