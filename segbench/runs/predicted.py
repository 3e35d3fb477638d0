"""Predictions as shards keep them: a few arrays an image, and the canonical sample that they are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical import images as codec
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment

Packed = Mapping[str, NDArray[Any]]
"""Arrays by name, which :mod:`segbench.runs.packing` takes as they are."""


def pack_prediction(pred: Sample) -> Packed:
    """Return a prediction as arrays; the same prediction gives the same bytes.

    Parameters
    ----------
    pred
        As :func:`segbench.models.predictions.prediction_sample` makes it.

    Returns
    -------
    dict
        ``size`` (height, width); of a semantic one ``mask``, of a panoptic one ``segment_map``, both the
        bytes of a PNG; and of segments ``ids``, ``category_ids``, ``scores`` (NaN for none) and, where each
        has its own mask, the bytes of all RLEs, ``counts``, and the ``lengths`` of each.
    """
    size = {"size": np.array([pred.height, pred.width], np.int64)}
    if pred.kind == "semantic":
        return {**size, "mask": _bytes(codec.encode_labels(pred.mask_runs))}
    ids = np.array([s.id for s in pred.segments], np.int64)
    segments: dict[str, NDArray[Any]] = {
        "ids": ids,
        "category_ids": np.array([s.category_id for s in pred.segments], np.int32),
        "scores": np.array([np.nan if s.score is None else s.score for s in pred.segments], np.float64),
    }
    if pred.kind == "panoptic":
        runs = pred.segment_runs
        if ids.max(initial=0) >= 1 << 24:  # which no PNG holds: their order is all that counts
            known = np.sort(ids)
            runs = runs.renamed(np.searchsorted(known, runs.values) + (runs.values > 0))
            segments["ids"] = np.searchsorted(known, ids) + 1
        return {**size, **segments, "segment_map": _bytes(codec.encode_segment_map(runs))}
    counts = [s.rle.counts for s in pred.segments if s.rle is not None]
    lengths = np.array([len(one) for one in counts], np.int64)
    return {**size, **segments, "lengths": lengths, "counts": _bytes(b"".join(counts))}


def unpack_prediction(packed: Packed, image_id: str, ignore_index: int) -> Sample:
    """Return the prediction that :func:`pack_prediction` packed."""
    height, width = packed["size"].tolist()
    given: dict[str, Any] = {
        "image_id": image_id,
        "height": height,
        "width": width,
        "ignore_index": ignore_index,
    }
    if "mask" in packed:
        return Sample(load_mask=partial(codec.decode_label_runs, packed["mask"].tobytes()), **given)
    if "segment_map" in packed:
        load = partial(codec.decode_segment_runs, packed["segment_map"].tobytes())
        return Sample(load_segment_map=load, segments=_segments(packed), **given)
    ends = np.cumsum(packed["lengths"]).tolist()
    data = packed["counts"].tobytes()
    rles = [Rle(height, width, data[a:b]) for a, b in zip([0, *ends], ends, strict=False)]
    # In whatever a format writes, they keep their order: by it equal scores are taken.
    return Sample(segments=_segments(packed, rles), overlap=True, overlap_policy="order", **given)


def _segments(packed: Packed, rles: Sequence[Rle] | None = None) -> list[Segment]:
    rows = zip(*(packed[name].tolist() for name in ("ids", "category_ids", "scores")), strict=True)
    return [
        Segment(
            id=segment_id,
            category_id=category_id,
            score=None if np.isnan(score) else score,
            rle=rles[i] if rles else None,
            source_kind="rle" if rles else "map",
        )
        for i, (segment_id, category_id, score) in enumerate(rows)
    ]


def _bytes(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)
