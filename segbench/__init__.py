"""segbench: convert any segmentation data set, score any model, publish a leaderboard that can be trusted."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segbench._version import __version__
    from segbench.canonical.categories import Categories, Category
    from segbench.canonical.dataset import Dataset
    from segbench.canonical.rle import Rle
    from segbench.canonical.sample import Sample, Segment
    from segbench.comparison import Comparison
    from segbench.conversion import ConversionReport, convert
    from segbench.curves import operating_points, precision_recall
    from segbench.errors import (
        DataError,
        LossError,
        PartialError,
        PluginError,
        SegbenchError,
        SegbenchWarning,
        ThresholdError,
        UnfinishedError,
        UnpairedError,
        UsageError,
        WorkerError,
    )
    from segbench.evaluate import score
    from segbench.formats import open_dataset
    from segbench.leaderboard import Leaderboard, build_leaderboard, compare_runs
    from segbench.models import (
        Batch,
        InstancePrediction,
        ModelInfo,
        PanopticPrediction,
        SegModel,
        SemanticPrediction,
        load_model,
    )
    from segbench.results import MetricValue, RunRecord, read_record
    from segbench.running import run
    from segbench.suites import JobResult, run_suite
    from segbench.verification import Check, verify

_HOMES = {
    "Batch": "segbench.models",
    "Categories": "segbench.canonical.categories",
    "Category": "segbench.canonical.categories",
    "Check": "segbench.verification",
    "Comparison": "segbench.comparison",
    "ConversionReport": "segbench.conversion",
    "DataError": "segbench.errors",
    "Dataset": "segbench.canonical.dataset",
    "InstancePrediction": "segbench.models",
    "JobResult": "segbench.suites",
    "Leaderboard": "segbench.leaderboard",
    "LossError": "segbench.errors",
    "MetricValue": "segbench.results",
    "ModelInfo": "segbench.models",
    "PanopticPrediction": "segbench.models",
    "PartialError": "segbench.errors",
    "PluginError": "segbench.errors",
    "Rle": "segbench.canonical.rle",
    "RunRecord": "segbench.results",
    "Sample": "segbench.canonical.sample",
    "SegModel": "segbench.models",
    "SegbenchError": "segbench.errors",
    "SegbenchWarning": "segbench.errors",
    "Segment": "segbench.canonical.sample",
    "SemanticPrediction": "segbench.models",
    "ThresholdError": "segbench.errors",
    "UnfinishedError": "segbench.errors",
    "UnpairedError": "segbench.errors",
    "UsageError": "segbench.errors",
    "WorkerError": "segbench.errors",
    "__version__": "segbench._version",
    "build_leaderboard": "segbench.leaderboard",
    "compare_runs": "segbench.leaderboard",
    "convert": "segbench.conversion",
    "load_model": "segbench.models",
    "open_dataset": "segbench.formats",
    "operating_points": "segbench.curves",
    "precision_recall": "segbench.curves",
    "read_record": "segbench.results",
    "run": "segbench.running",
    "run_suite": "segbench.suites",
    "score": "segbench.evaluate",
    "verify": "segbench.verification",
}
"""Public name -> module; imported when first used, so that ``import segbench`` costs nothing."""

__all__ = [
    "Batch",
    "Categories",
    "Category",
    "Check",
    "Comparison",
    "ConversionReport",
    "DataError",
    "Dataset",
    "InstancePrediction",
    "JobResult",
    "Leaderboard",
    "LossError",
    "MetricValue",
    "ModelInfo",
    "PanopticPrediction",
    "PartialError",
    "PluginError",
    "Rle",
    "RunRecord",
    "Sample",
    "SegModel",
    "SegbenchError",
    "SegbenchWarning",
    "Segment",
    "SemanticPrediction",
    "ThresholdError",
    "UnfinishedError",
    "UnpairedError",
    "UsageError",
    "WorkerError",
    "__version__",
    "build_leaderboard",
    "compare_runs",
    "convert",
    "load_model",
    "open_dataset",
    "operating_points",
    "precision_recall",
    "read_record",
    "run",
    "run_suite",
    "score",
    "verify",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'segbench' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
