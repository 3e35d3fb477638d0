"""Forecast: what a record will say of its rules and scores, known before an image is looked at."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segbench.canonical.dataset import Dataset
from segbench.errors import SegbenchWarning
from segbench.metrics import Metric
from segbench.protocols import Protocol
from segbench.records.flat import flat_values


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What the record of one protocol will say.

    Attributes
    ----------
    protocol
        Its rules.
    rules
        Settings, as :attr:`segbench.records.results.RunRecord.rules` has them.
    keys
        Flat keys of the scores that it may have, and of times; some may turn out undefined.
    truth
        The data set.
    """

    protocol: Protocol
    rules: Mapping[str, Any]
    keys: Sequence[str]
    truth: Dataset

    @classmethod
    def of(
        cls,
        protocol: Protocol,
        metric: Metric,
        truth: Dataset,
        timing: Mapping[str, Any],
        inference: Mapping[str, Any],
    ) -> Forecast:
        """Make that of a metric to which nothing was added; ``timing`` is an example of what is timed."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SegbenchWarning)  # that there is nothing to score
            scores = metric.compute()
        return cls(
            protocol=protocol,
            rules={**metric.settings, **inference},
            keys=tuple(flat_values(scores, scores.class_rows, timing)),
            truth=truth,
        )


Before = Callable[[Sequence[Forecast]], object]
"""Is called with the forecasts of a run before an image is looked at; what it raises ends the run."""
