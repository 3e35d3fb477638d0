"""PanopticRules: all that panoptic evaluators disagree about, and which protocol says what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from segbench.errors import UsageError
from segbench.metrics.boundary_rules import DILATION_RATIO, check_ratio
from segbench.metrics.rules import changed, with_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class PanopticRules:
    """The rules of one protocol; the defaults are those of ``panopticapi``.

    Attributes
    ----------
    crowds
        A crowd of the truth is ``unmatched``: it matches nothing, is not missed, stays in unions and excuses
        predictions; ``void``, and so is a predicted one; or ``ordinary``, a segment like any other.
    areas
        A true segment's area is the ``stated`` one, or its ``pixels``.
    merge_stuff
        The segments of a stuff category in one image are one segment.
    pred_void
        What is predicted as void leaves the union too, and a true segment that is predicted as void by more
        than half is not missed; true ids without a segment are void; true segments without pixels are none.
    stuff
        A stuff category is scored by ``match``, like things; or by ``overlap``: the sum of the IoU of all
        overlapping pairs over the number of true segments (its tp), without fp and fn.
    void_images
        An image without true segments is ``scored``, or ``skipped``.
    averaged
        Categories in the means: those ``seen``, or ``all``, where an absent one counts as 0.
    added
        IoUs are added ``running``, in ``chunks`` parts, or ``by_image``: of each image first.
    float32
        IoU and RQ are rounded to float32, and PQ is SQ times RQ.
    dilation_ratio
        Width of boundaries, as a part of the image's diagonal: IoU is that of masks, or of their boundaries
        where that is less. None for masks alone.

    Raises
    ------
    UsageError
        When boundaries are asked for, with a ratio that is none or beside other rules for segments.
    """

    crowds: Literal["unmatched", "void", "ordinary"] = "unmatched"
    areas: Literal["stated", "pixels"] = "stated"
    merge_stuff: bool = False
    pred_void: bool = False
    stuff: Literal["match", "overlap"] = "match"
    void_images: Literal["scored", "skipped"] = "scored"
    averaged: Literal["seen", "all"] = "seen"
    added: Literal["running", "by_image"] = "running"
    float32: bool = False
    dilation_ratio: float | None = None

    def __post_init__(self) -> None:
        if self.dilation_ratio is None:
            return
        check_ratio("dilation_ratio", self.dilation_ratio)
        if self.crowds != "unmatched" or self.merge_stuff or self.pred_void or self.stuff != "match":
            raise UsageError("dilation_ratio goes with the segments, crowds and void of panopticapi alone")

    @property
    def bits(self) -> int:
        """How one image is matched, as the kernel knows it."""
        return sum(bit for (name, value), bit in _BITS.items() if getattr(self, name) == value)

    def settings(self, protocol: PanopticRules | None = None) -> dict[str, Any]:
        """What differs from ``panopticapi``, or from the rules of the protocol, as plain JSON values."""
        return changed(self, protocol)

    def changed_by(self, settings: Mapping[str, Any]) -> PanopticRules:
        """Return these rules with some settings changed; ``chunks`` is none of them.

        Raises
        ------
        UsageError
            When there is no such rule.
        """
        return with_settings(self, settings, beside=("chunks",))


_BITS = {
    ("crowds", "void"): 1,
    ("crowds", "ordinary"): 2,
    ("areas", "stated"): 4,
    ("merge_stuff", True): 8,
    ("pred_void", True): 16,
    ("stuff", "overlap"): 32,
    ("float32", True): 64,
    ("void_images", "skipped"): 128,
}
"""``PanopticRule`` of kernels/panoptic.h."""

PANOPTICAPI = PanopticRules()

PANOPTIC_RULES = {
    "panopticapi": PANOPTICAPI,
    "cityscapes-panoptic": PANOPTICAPI,
    "mapillary-panoptic": PanopticRules(
        crowds="void", areas="pixels", void_images="skipped", averaged="all", added="by_image"
    ),
    "torchmetrics-pq": PanopticRules(
        crowds="ordinary", areas="pixels", merge_stuff=True, pred_void=True, added="by_image", float32=True
    ),
    "pq-dagger": PanopticRules(stuff="overlap"),
    "boundary-pq": PanopticRules(dilation_ratio=DILATION_RATIO),
}
"""The rules of each panoptic protocol; :mod:`segbench.protocols` says them in words, with their sources."""
