"""SemanticRules: all that semantic evaluators disagree about, and which protocol says what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from segbench.metrics.rules import changed, with_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class SemanticRules:
    """The rules of one protocol; the defaults are those of ``exact``.

    Attributes
    ----------
    averaged
        Categories in ``miou``: those ``seen`` in truth or prediction, those in the ``truth``, or ``all``,
        where an absent one has IoU 0.
    truth_outside
        A true id that is no category: an ``error``; a ``false_positive`` of what is predicted there and
        nothing else; or ``drop`` the pixel.
    pred_outside
        A predicted id that is no category, on a scored pixel: an ``error``; a ``miss``, which is a false
        negative of the true category and nothing else; or ``drop`` the pixel.
    pred_ignore
        A prediction of the ignore index on a scored pixel: a ``miss``; an ``id`` like any other; or a miss
        where it is a ``category``, else an id that is none.
    labels
        The benchmark whose label table says what is scored (``cityscapes``, ``mapillary``); None for all.
    unscored
        Ids of categories that are not scored: no false positive comes from their pixels.
    unscored_pred
        A prediction of one of them elsewhere: a ``miss``, or ``drop`` the pixel.
    mean
        How floats are added: ``pairwise`` over the defined ones, ``nanmean`` (pairwise over all, the
        undefined as 0) or ``running``, one by one.
    decimals
        Decimals of percentages that scores are rounded to; None for no rounding.
    float32
        Divide in float32, from pooled counts.
    float32_order
        Count and add in float32, image by image.
    beta
        Weight of recall in ``mean_fscore``.
    fscore
        F from ``counts``, or from ``rates``: precision and recall, undefined where both are 0.
    image_level
        Score images one by one as well.
    """

    averaged: Literal["seen", "truth", "all"] = "seen"
    truth_outside: Literal["error", "false_positive", "drop"] = "error"
    pred_outside: Literal["error", "miss", "drop"] = "error"
    pred_ignore: Literal["miss", "id", "category"] = "miss"
    labels: Literal["cityscapes", "mapillary"] | None = None
    unscored: tuple[int, ...] = ()
    unscored_pred: Literal["miss", "drop"] = "miss"
    mean: Literal["pairwise", "nanmean", "running"] = "pairwise"
    decimals: int | None = None
    float32: bool = False
    float32_order: bool = False
    beta: float = 1.0
    fscore: Literal["counts", "rates"] = "counts"
    image_level: bool = False

    @property
    def by_image(self) -> bool:
        """Whether a score needs more than pooled counts."""
        return self.float32_order or self.image_level or self.labels == "cityscapes"

    def settings(self, protocol: SemanticRules | None = None) -> dict[str, Any]:
        """What differs from ``exact``, or from the rules of the protocol, as plain JSON values."""
        return changed(self, protocol)

    def changed_by(self, settings: Mapping[str, Any]) -> SemanticRules:
        """Return these rules with some settings changed; ``ignore_index`` is none of them.

        Raises
        ------
        UsageError
            When there is no such rule.
        """
        return with_settings(self, settings, beside=("ignore_index",))


EXACT = SemanticRules()

SEMANTIC_RULES = {
    "exact": EXACT,
    "image-level": SemanticRules(image_level=True),
    "mmseg": SemanticRules(
        truth_outside="false_positive",
        pred_outside="miss",
        pred_ignore="id",
        mean="nanmean",
        decimals=2,
        fscore="rates",
    ),
    "hf": SemanticRules(
        truth_outside="false_positive", pred_outside="miss", pred_ignore="id", mean="nanmean", fscore="rates"
    ),
    "detectron2": SemanticRules(averaged="truth", pred_ignore="id"),
    "ade20k": SemanticRules(averaged="all", pred_outside="miss"),
    "voc": SemanticRules(pred_ignore="id"),
    "cityscapes": SemanticRules(labels="cityscapes", mean="running"),
    "mapillary": SemanticRules(
        labels="mapillary", truth_outside="drop", pred_outside="drop", pred_ignore="id", unscored_pred="drop"
    ),
    "torchmetrics-jaccard": SemanticRules(float32=True, pred_ignore="category"),
}
"""The rules of each semantic protocol; :mod:`segbench.protocols` says them in words, with their sources."""
