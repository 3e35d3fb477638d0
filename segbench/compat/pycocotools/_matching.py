"""Matching of one image and category: what ``COCOeval.evaluateImg`` computes, all area ranges at once."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segbench import kernels

_SCORE = itemgetter("score")
_FLOATS = {float, np.float64}

Row = dict[str, Any]
Partners = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]


class Limits(NamedTuple):
    """What an image is evaluated under.

    Attributes
    ----------
    ranges
        Area ranges as given, for the report.
    bounds, thresholds
        float64 [A, 2] and [T]: the same ranges, and least IoU of a match.
    most
        How many detections count.
    """

    ranges: Sequence[Any]
    bounds: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    most: int

    @classmethod
    def of(cls, ranges: Sequence[Any], thresholds: Any, most: int) -> Limits:
        """Limits of plain values."""
        bounds = np.array([(low, high) for low, high in ranges], np.float64)
        return cls(ranges, bounds, np.asarray(thresholds, np.float64), most)


class Matches(NamedTuple):
    """The matching under A area ranges and T thresholds, of D detections and G truths.

    Attributes
    ----------
    order
        int64 [A, G]: the truths as reported, to be ignored last.
    ignored
        bool [A, G], in the order given.
    dt, gt
        float64 [A, T, D] and [A, T, G]: id of the partner or 0; ``gt`` as reported.
    dt_ignored
        bool [A, T, D].
    """

    order: NDArray[np.intp]
    ignored: NDArray[np.bool_]
    dt: NDArray[np.float64]
    gt: NDArray[np.float64]
    dt_ignored: NDArray[np.bool_]


def by_score(dts: list[Row], most: int) -> list[Row]:
    """The best detections, by falling score, equal ones as given."""
    if len(dts) < 2:
        return dts[:most]
    scores = list(map(_SCORE, dts))
    if set(map(type, scores)) <= _FLOATS and not np.isnan(sum(scores)):
        return sorted(dts, key=_SCORE, reverse=True)[:most]
    order = np.argsort([-score for score in scores], kind="stable")  # as NumPy orders NaN, or large integers
    return [dts[i] for i in order[:most].tolist()]


def match(gts: list[Row], dts: list[Row], ious: Any, limits: Limits) -> Matches:
    """Match sorted detections with truths whose ``ignore`` is set; ``ious`` are [D, G] or empty."""
    shape = (len(limits.bounds), len(limits.thresholds))
    ignored = _outside([0 if gt["ignore"] else gt["area"] for gt in gts], limits.bounds)  # a crowd needs none
    if gts:
        ignored |= np.array([bool(gt["ignore"]) for gt in gts])
    order = np.argsort(ignored, axis=1, kind="stable") if gts else np.empty(ignored.shape, np.intp)
    outside = _outside([dt["area"] for dt in dts], limits.bounds)[:, None, :]
    if len(ious):
        dt, gt, dt_ignored = _partners(gts, dts, np.asarray(ious)[: len(dts)], limits.thresholds, ignored)
        gt = np.ascontiguousarray(gt[np.arange(shape[0])[:, None], :, order].swapaxes(1, 2))
        dt_ignored |= (dt == 0) & outside
    else:
        dt, gt = np.zeros((*shape, len(dts))), np.zeros((*shape, len(gts)))
        dt_ignored = np.repeat(outside, shape[1], axis=1)
    return Matches(order, ignored, dt, gt, dt_ignored)


def _outside(stated: list[float], bounds: NDArray[np.float64]) -> NDArray[np.bool_]:
    areas = np.array(stated, np.float64)
    outside = areas < bounds[:, :1]
    outside |= areas > bounds[:, 1:]
    return outside


def _partners(
    gts: list[Row],
    dts: list[Row],
    ious: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    ignored: NDArray[np.bool_],
) -> Partners:
    """Partners' ids of detections and of truths, as given, and which detections are ignored with them."""
    dt_ids, gt_ids = _numbers(dts), _numbers(gts)
    if dt_ids is None or gt_ids is None or not (dt_ids[:-1] > 0).all():
        return _match_by_id(gts, dts, ious, thresholds, ignored)
    crowd = np.array([int(gt["iscrowd"]) for gt in gts], np.bool_)
    found, taken = kernels.match(ious, ignored, crowd, thresholds)
    padded = np.zeros((len(ignored), len(gts) + 1), np.bool_)  # no partner is position −1: the last
    padded[:, :-1] = ignored
    return gt_ids[found], dt_ids[taken], padded[np.arange(len(ignored))[:, None, None], found]


def _numbers(rows: list[Row]) -> NDArray[np.float64] | None:
    """Ids as float64 with a 0 appended; None where one is no number."""
    try:
        return np.array([*(row["id"] for row in rows), 0], np.float64)
    except (TypeError, ValueError):
        return None


def _match_by_id(
    gts: list[Row],
    dts: list[Row],
    ious: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    ignored: NDArray[np.bool_],
) -> Partners:
    """As `_partners`, for detections whose ids are not above 0: COCOeval takes such a match for none made.

    An id that is no number raises ValueError where it is matched, as it does there.
    """
    shape = (len(ignored), len(thresholds))
    dt_match, gt_match = np.zeros((*shape, len(dts))), np.zeros((*shape, len(gts)))
    dt_ignored = np.zeros(dt_match.shape, np.bool_)
    crowd = np.array([int(gt["iscrowd"]) for gt in gts], np.bool_)
    for a, t, d in np.ndindex(dt_match.shape):
        free = ~(gt_match[a, t] > 0) | crowd
        g = _choice(ious[d], ignored[a], free, min(float(thresholds[t]), 1 - 1e-10))
        if g >= 0:
            dt_ignored[a, t, d] = ignored[a, g]
            dt_match[a, t, d] = gts[g]["id"]
            gt_match[a, t, g] = dts[d]["id"]
    return dt_match, gt_match, dt_ignored


def _choice(
    ious: NDArray[np.float64], ignored: NDArray[np.bool_], free: NDArray[np.bool_], threshold: float
) -> int:
    """Index of the free truth of highest IoU, the later of equals; one to ignore for want of others."""
    chosen = -1
    for among in (~ignored, ignored):
        for g in np.flatnonzero(free & among).tolist():
            if not ious[g] < threshold:
                threshold, chosen = ious[g], g
        if chosen >= 0:
            break
    return chosen


def rows(matches: Matches, key: tuple[Any, Any], gts: list[Row], dts: list[Row], limits: Limits) -> list[Row]:
    """One dict of ``evalImgs`` an area range; truths keep the last range's ``_ignore``, as in pycocotools."""
    found = []
    flags = matches.ignored[np.arange(len(limits.ranges))[:, None], matches.order]
    reported = flags.astype(np.int64 if gts else np.float64)
    dt_ids, scores, gt_ids = [dt["id"] for dt in dts], [dt["score"] for dt in dts], [gt["id"] for gt in gts]
    for a, bounds in enumerate(limits.ranges):
        found.append(
            {
                "image_id": key[0],
                "category_id": key[1],
                "aRng": bounds,
                "maxDet": limits.most,
                "dtIds": dt_ids.copy(),
                "gtIds": [gt_ids[g] for g in matches.order[a].tolist()],
                "dtMatches": matches.dt[a],
                "gtMatches": matches.gt[a],
                "dtScores": scores.copy(),
                "gtIgnore": reported[a],
                "dtIgnore": matches.dt_ignored[a],
            }
        )
    for gt, flag in zip(gts, matches.ignored[-1].tolist(), strict=True):
        gt["_ignore"] = int(flag)
    return found
