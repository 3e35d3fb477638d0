"""Ranks over all images, where a protocol limits how many predictions of a category there may be in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from segbench.metrics.instance_match import InstanceStats


def ranked_over_all(images: Sequence[InstanceStats]) -> list[InstanceStats]:
    """Return the stats with ranks among the predictions of a category in all images.

    By falling score; of equal scores by place in the file of results, then by image.

    Notes
    -----
    As ``evaluate_ap_fixed.py`` sorts them (Dave et al., Evaluating large-vocabulary detectors, 2021).
    """
    if not images:
        return []
    categories = np.concatenate([image.pred_category_ids for image in images])
    scores = np.concatenate([image.scores for image in images])
    positions = np.concatenate(
        [image.ranks if image.positions is None else image.positions for image in images]
    )
    order = np.lexsort((positions, -scores, categories))
    ordered = categories[order]
    ranks = np.empty(len(order), np.int32)
    ranks[order] = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    ends = np.cumsum([len(image.scores) for image in images])[:-1]
    return [replace(image, ranks=part) for image, part in zip(images, np.split(ranks, ends), strict=True)]
