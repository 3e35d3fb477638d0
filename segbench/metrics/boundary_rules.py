"""BoundaryRules: what is measured on the boundaries of label maps, and how far from an edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from segbench.errors import UsageError, did_you_mean

DILATION_RATIO = 0.02
"""That of boundary-iou-api: boundaries are 2 % of the image's diagonal wide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundaryRules:
    """The rules of one protocol.

    Attributes
    ----------
    measure
        IoU of boundary regions (``iou``), or F1 of contours (``f1``).
    dilation_ratio
        How far a boundary region reaches from an edge, as a part of the image's diagonal; None for contours.
    tolerance_ratio
        How near contours must lie to match, as a part of the image's diagonal; None for regions.
    """

    measure: Literal["iou", "f1"]
    dilation_ratio: float | None = None
    tolerance_ratio: float | None = None

    @property
    def ratio_name(self) -> str:
        """Which of the ratios counts."""
        return "dilation_ratio" if self.measure == "iou" else "tolerance_ratio"

    @property
    def ratio(self) -> float:
        """The one that counts."""
        ratio: float = getattr(self, self.ratio_name)
        return ratio

    def settings(self) -> dict[str, Any]:
        """The ratio, as a plain JSON value."""
        return {self.ratio_name: self.ratio}

    def changed_by(self, settings: Mapping[str, Any]) -> BoundaryRules:
        """Return these rules with another ratio; ``ignore_index`` is passed over.

        Raises
        ------
        UsageError
            When there is no such setting, or the ratio is not one.
        """
        known = (self.ratio_name, "ignore_index")
        for name in settings:
            if name not in known:
                raise UsageError(f"unknown setting {name!r}.{did_you_mean(name, known)}")
        ratio = check_ratio(self.ratio_name, settings.get(self.ratio_name, self.ratio))
        if self.measure == "iou":
            return replace(self, dilation_ratio=ratio)
        return replace(self, tolerance_ratio=ratio)


def check_ratio(name: str, value: Any) -> float:
    """Return a part of the image's diagonal as a number.

    Raises
    ------
    UsageError
        When it is none above 0 and up to 1.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise UsageError(f"{name} must be a number above 0 and up to 1, not {value!r}")
    return float(value)


BOUNDARY_RULES = {
    "boundary-iou": BoundaryRules(measure="iou", dilation_ratio=DILATION_RATIO),
    "boundary-f1": BoundaryRules(measure="f1", tolerance_ratio=0.0075),
}
"""The rules of each protocol of boundaries in label maps; :mod:`segbench.protocols` says them in words."""
