"""segbench: convert any segmentation data set, score any model, publish a leaderboard that can be trusted."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segbench._version import __version__
    from segbench.canonical.categories import Categories, Category
    from segbench.canonical.dataset import Dataset
    from segbench.canonical.rle import Rle
    from segbench.canonical.sample import Sample
    from segbench.canonical.segment import Segment
    from segbench.conversions.conversion import ConversionReport, convert
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
    from segbench.records.results import MetricValue, RunRecord, read_record
    from segbench.runs.running import run
    from segbench.runs.suites import JobResult, run_suite
    from segbench.scoring.comparison import Comparison
    from segbench.scoring.curves import operating_points, precision_recall
    from segbench.scoring.evaluate import score
    from segbench.scoring.verification import Check, verify

_HOMES = {
    "Batch": "segbench.models",
    "Categories": "segbench.canonical.categories",
    "Category": "segbench.canonical.categories",
    "Check": "segbench.scoring.verification",
    "Comparison": "segbench.scoring.comparison",
    "ConversionReport": "segbench.conversions.conversion",
    "DataError": "segbench.errors",
    "Dataset": "segbench.canonical.dataset",
    "InstancePrediction": "segbench.models",
    "JobResult": "segbench.runs.suites",
    "Leaderboard": "segbench.leaderboard",
    "LossError": "segbench.errors",
    "MetricValue": "segbench.records.results",
    "ModelInfo": "segbench.models",
    "PanopticPrediction": "segbench.models",
    "PartialError": "segbench.errors",
    "PluginError": "segbench.errors",
    "Rle": "segbench.canonical.rle",
    "RunRecord": "segbench.records.results",
    "Sample": "segbench.canonical.sample",
    "SegModel": "segbench.models",
    "SegbenchError": "segbench.errors",
    "SegbenchWarning": "segbench.errors",
    "Segment": "segbench.canonical.segment",
    "SemanticPrediction": "segbench.models",
    "ThresholdError": "segbench.errors",
    "UnfinishedError": "segbench.errors",
    "UnpairedError": "segbench.errors",
    "UsageError": "segbench.errors",
    "WorkerError": "segbench.errors",
    "__version__": "segbench._version",
    "build_leaderboard": "segbench.leaderboard",
    "compare_runs": "segbench.leaderboard",
    "convert": "segbench.conversions.conversion",
    "load_model": "segbench.models",
    "open_dataset": "segbench.formats",
    "operating_points": "segbench.scoring.curves",
    "precision_recall": "segbench.scoring.curves",
    "read_record": "segbench.records.results",
    "run": "segbench.runs.running",
    "run_suite": "segbench.runs.suites",
    "score": "segbench.scoring.evaluate",
    "verify": "segbench.scoring.verification",
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
