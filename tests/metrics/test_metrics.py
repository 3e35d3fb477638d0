"""The shape that all metrics share: names, loading, and what a runner may ask of each."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import segbench.metrics
from segbench.canonical.categories import Categories, Category
from segbench.errors import UsageError
from segbench.metrics import METRICS, PROTOCOL_METRICS, Metric, load_metric
from segbench.protocols import PROTOCOLS, default_protocol

CATEGORIES = Categories([Category(0, "cat", isthing=True)])


def test_public_names():
    assert sorted(segbench.metrics.__all__) == [
        "BoundaryIoU",
        "CityscapesAP",
        "METRICS",
        "MaskAP",
        "MeanIoU",
        "Metric",
        "PROTOCOL_METRICS",
        "PanopticQuality",
        "TableMetric",
        "ThreadedMetric",
        "load_metric",
    ]
    for name in segbench.metrics.__all__:
        assert getattr(segbench.metrics, name).__doc__
    with pytest.raises(AttributeError, match="HausdorffDistance"):
        _ = segbench.metrics.HausdorffDistance


ALL = [*METRICS.items(), *((PROTOCOLS[name].task, spec) for name, spec in PROTOCOL_METRICS.items())]


@pytest.mark.parametrize(("task", "spec"), ALL)
def test_every_metric_has_the_shape_of_the_protocol(task, spec):
    metric = load_metric(spec)
    assert metric is getattr(segbench.metrics, metric.__name__)
    assert load_metric(task) is load_metric(METRICS[task])
    assert metric.task == task
    for name, member in vars(Metric).items():
        if inspect.isfunction(member) and not name.startswith("_"):
            wanted, offered = inspect.signature(member), inspect.signature(getattr(metric, name))
            assert list(wanted.parameters) == list(offered.parameters), name
    assert isinstance(metric.settings, property)
    assert not default_protocol(task).build(CATEGORIES).warnings


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("semantics", "unknown metric 'semantics'. Did you mean 'semantic'"),
        ("segbench.metrics.semantic:MeanIou", "cannot load metric"),
        ("segbench.nowhere:Metric", "cannot load metric"),
    ],
)
def test_unknown_metrics(name, message):
    with pytest.raises(UsageError, match=message):
        load_metric(name)


def test_importing_the_metrics_imports_no_table_library():
    names = ", ".join(f"segbench.metrics.{name}" for name in ("boundary", "instance", "panoptic"))
    code = f"import {names}, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"pandas", "pyarrow", "torch", "matplotlib"} & set(loaded)
    light = "import segbench.metrics, segbench.protocols, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", light], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "numpy" not in loaded
