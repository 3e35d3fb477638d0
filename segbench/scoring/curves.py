"""Operating points and precision–recall curves of an instance run, from its record alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from segbench.errors import UsageError, did_you_mean
from segbench.metrics.cityscapes_instance import CityscapesAP
from segbench.metrics.instance import MaskAP
from segbench.metrics.operating import Which, recall_curves, score_curves
from segbench.metrics.operating import operating_points as points_of
from segbench.records.recount import metric_of
from segbench.records.results import RunRecord

if TYPE_CHECKING:
    import pandas as pd

Instances = MaskAP | CityscapesAP


def operating_points(
    run: RunRecord | str | Path | Instances,
    score: float | None = None,
    *,
    iou_threshold: float = 0.5,
    area_range: str | None = None,
    max_detections: int | None = None,
) -> pd.DataFrame:
    """Precision, recall and F1 of an instance run at one score, or at the best score of each category.

    Parameters
    ----------
    run
        A record, the folder of one, or a metric that images were added to.
    score
        Predictions of this score or a higher one count; by default each row has the score of its highest F1.
    iou_threshold, area_range, max_detections
        Which of those measured; by default 0.5, all areas and the largest limit.

    Returns
    -------
    pandas.DataFrame
        ``category_id name score tp fp fn precision recall f1``: a row for all categories together (named
        ``all``, at one score), then one a category. Precision is NaN where nothing is predicted, recall where
        there is nothing to be found, F1 where there is neither; the best score is NaN where nothing is found.

    Raises
    ------
    UsageError
        When the run is of no instances, or the threshold, range or limit was not measured.
    DataError
        When it is no record, or has no tables.
    """
    import pandas as pd

    which = Which(iou_threshold, area_range, max_detections)
    return _with_ids(pd.DataFrame(points_of(_instances(run).matches(), score, which)))


def precision_recall(
    run: RunRecord | str | Path | Instances,
    points: Literal["score", "recall"] = "score",
    *,
    iou_threshold: float = 0.5,
    area_range: str | None = None,
    max_detections: int | None = None,
) -> pd.DataFrame:
    """Precision–recall curves of an instance run, as tidy data.

    Parameters
    ----------
    run
        A record, the folder of one, or a metric that images were added to.
    points
        Where the curve has its points: at each ``score`` that occurs, as counted; or at each ``recall``
        threshold of the protocol, where precision is the highest at that recall or beyond, as average
        precision takes it.
    iou_threshold, area_range, max_detections
        Which of those measured; by default 0.5, all areas and the largest limit.

    Returns
    -------
    pandas.DataFrame
        By score: ``category_id name score tp fp fn precision recall f1``, of all categories together (named
        ``all``), then of each, scores falling. By recall: ``category_id name recall precision score``, of
        each category, precision NaN where it has no truth and score NaN where the recall is not reached.

    Raises
    ------
    UsageError
        When the run is of no instances, the threshold, range or limit was not measured, or the protocol has
        no recall thresholds.
    DataError
        When it is no record, or has no tables.
    """
    import pandas as pd

    metric = _instances(run)
    which = Which(iou_threshold, area_range, max_detections)
    if points not in ("score", "recall"):
        raise UsageError(f"unknown points {points!r}.{did_you_mean(points, ('score', 'recall'))}")
    if points == "score":
        return _with_ids(pd.DataFrame(score_curves(metric.matches(), which)))
    if not isinstance(metric, MaskAP):
        raise UsageError(f"protocol {metric.protocol} has no recall thresholds; take points by score")
    return pd.DataFrame(recall_curves(metric.curves(), metric.matches(), metric.rules.recall_grid, which))


def _instances(run: RunRecord | str | Path | Instances) -> Instances:
    metric = run if isinstance(run, Instances) else metric_of(run)
    if not isinstance(metric, Instances):
        raise UsageError(f"curves and operating points are those of instances; this run is {metric.task}")
    return metric


def _with_ids(table: pd.DataFrame) -> pd.DataFrame:
    """Category ids as integers that may be missing."""
    return table.astype({"category_id": "Int64"})
