"""What each semantic protocol is held to, how strictly, and which ids it refuses.

The references are restated plainly in ``metrics/semantic_oracles.py``; torchmetrics and cityscapesScripts are
the packages themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from metrics import semantic_oracles as oracles
from numpy.typing import NDArray

from fuzz.boundary_reference import REFERENCE
from fuzz.compare import Difference, same
from fuzz.pictures import png
from segbench import kernels
from segbench.metrics.cityscapes import GROUPS, LABELS

Row = dict[str, Any]
Pairs = list[tuple[NDArray, NDArray]]


class Refusals(NamedTuple):
    """Whether an id that is no category is refused: in truth, and where a scored pixel is predicted."""

    truth: bool
    pred: bool
    pred_ignore: str = "never"
    """A prediction of the ignore index there: refused ``never``, or where it is ``outside`` the rest."""


STRICT = Refusals(truth=True, pred=True)
REFUSALS = {
    "exact": STRICT,
    "image-level": STRICT,
    "cityscapes": STRICT,
    "boundary-iou": STRICT,
    "detectron2": STRICT._replace(pred_ignore="outside"),
    "voc": STRICT._replace(pred_ignore="outside"),
    "torchmetrics-jaccard": STRICT._replace(pred_ignore="outside"),
    "ade20k": Refusals(truth=True, pred=False),
    "mmseg": Refusals(truth=False, pred=False),
    "hf": Refusals(truth=False, pred=False),
    "mapillary": Refusals(truth=False, pred=False),
}


def is_refused(case: Row, pairs: Pairs) -> bool:
    """Tell whether the protocol must refuse an id of these images."""
    rules, n, ignore = REFUSALS[case["protocol"]], case["num_classes"], case["ignore"]
    for pred, truth in pairs:
        scored = np.ones(truth.shape, bool) if ignore is None else truth != ignore
        true, predicted = truth[scored].astype(int), pred[scored].astype(int)
        if rules.truth and _outside(true, n).any():
            return True
        is_ignore = predicted == (math.nan if ignore is None else ignore)
        if rules.pred and (_outside(predicted, n) & ~is_ignore).any():
            return True
        if rules.pred_ignore == "outside" and (_outside(predicted, n) & is_ignore).any():
            return True
    return False


def _outside(ids: NDArray, num_classes: int) -> NDArray:
    return (ids < 0) | (ids >= num_classes)


def compare(case: Row, pairs: Pairs, ours: Row, folder: Path) -> None:
    """Hold our scores to the reference of the protocol.

    Raises
    ------
    Difference
        When they are not equal.
    """
    COMPARISONS[case["protocol"]](case, pairs, ours, folder)


def _equal(ours: Row, theirs: Row) -> None:
    for key, value in theirs.items():
        same(key, np.asarray(ours[key], float), np.asarray(value, float))


def _near(ours: Row, theirs: Row, tolerance: float) -> None:
    for key, value in theirs.items():
        if not np.allclose(ours[key], np.asarray(value, float), rtol=0, atol=tolerance, equal_nan=True):
            raise Difference(key, f"ours {ours[key]!r}, theirs {value!r}, beyond {tolerance:g}")


def _arguments(case: Row, pairs: Pairs) -> tuple[Pairs, int, Any]:
    return pairs, case["num_classes"], case["ignore"]


def _exact(case: Row, pairs: Pairs, ours: Row, folder: Path) -> None:
    """Pooled IoU category by category; a prediction of the ignore index is a miss."""
    tp, fp, fn = (np.zeros(case["num_classes"]) for _ in range(3))
    for pred, truth in pairs:
        kept = truth != case["ignore"]
        missed = pred == case["ignore"]
        for c in range(case["num_classes"]):
            mine, found = kept & (truth == c), kept & (pred == c) & ~missed
            tp[c] += np.count_nonzero(mine & found)
            fp[c] += np.count_nonzero(found & ~mine)
            fn[c] += np.count_nonzero(mine & ~found)
    with np.errstate(invalid="ignore"):
        iou = tp / (tp + fp + fn)
        accuracy = tp / (tp + fn)
    _equal(
        ours,
        {
            "iou": iou,
            "miou": np.mean(iou[~np.isnan(iou)]) if not np.isnan(iou).all() else math.nan,
            "mean_accuracy": np.mean(accuracy[~np.isnan(accuracy)]) if (tp + fn).any() else math.nan,
            "pixel_accuracy": tp.sum() / (tp + fn).sum() if (tp + fn).any() else math.nan,
        },
    )


def _mmseg(case: Row, pairs: Pairs, ours: Row, folder: Path) -> None:
    settings = case["settings"]
    with np.errstate(invalid="ignore"):
        if not settings.get("float32_order"):
            theirs = oracles.mmsegmentation(*_arguments(case, pairs), beta=settings.get("beta", 1))
            _equal(ours, {key: np.round(value * 100, 2) / 100 for key, value in theirs.items()})
            return
        theirs = oracles.mmsegmentation(*_arguments(case, pairs), dtype=np.float32)
    for key in ("miou", "mean_accuracy", "mean_dice", "pixel_accuracy", "iou"):
        rounded = np.round(np.asarray(theirs[key], np.float32) * np.float32(100), 2)
        same(f"float32 {key}", np.float32(100 * np.asarray(ours[key])), rounded)


def _hf(case: Row, pairs: Pairs, ours: Row, folder: Path) -> None:
    with np.errstate(invalid="ignore"):
        _equal(ours, oracles.mmsegmentation(*_arguments(case, pairs)))


def _detectron2(case: Row, pairs: Pairs, ours: Row, folder: Path) -> None:
    if all((truth == case["ignore"]).all() for _, truth in pairs):  # it divides by zero
        same("miou of nothing", ours["miou"], math.nan)
        return
    _equal(ours, oracles.detectron2(*_arguments(case, pairs)))


def _ade20k(case: Row, pairs: Pairs, ours: Row, folder: Path) -> None:
    """It adds an epsilon to unions, so that 0 / 0 is 0 there."""
    theirs = oracles.ade20k(*_arguments(case, pairs))
    ignore = case["ignore"]
    if 0 <= ignore < case["num_classes"]:  # one of our categories, and no mean of theirs
        theirs = {"pixel_accuracy": theirs["pixel_accuracy"]}
    if math.isnan(ours["pixel_accuracy"]):
        theirs["pixel_accuracy"] = math.nan
    _near(ours, theirs, 1e-12)


def _voc(case: Row, pairs: Pairs, ours: Row, folder: Path) -> None:
    """An absent category makes its mean NaN; ours leaves it out."""
    theirs = oracles.voc(*_arguments(case, pairs))
    if math.isnan(theirs["miou"]):
        del theirs["miou"]
    _equal(ours, theirs)


def _mapillary(case: Row, pairs: Pairs, ours: Row, folder: Path) -> None:
    theirs = oracles.mapillary(pairs, case["num_classes"], case["settings"]["unscored"])
    _equal(ours, theirs)


def _jaccard(case: Row, pairs: Pairs, ours: Row, folder: Path) -> None:
    """Fractions are float32 there, added in an order of its own."""
    torch, jaccard = _torchmetrics()
    n, ignore = case["num_classes"], case["ignore"]
    if n < 2:  # it refuses a single class
        return
    reference = jaccard(num_classes=n, ignore_index=ignore, average="macro")
    for pred, truth in pairs:
        reference.update(torch.tensor(pred.astype(np.int64)), torch.tensor(truth.astype(np.int64)))
    theirs = float(reference.compute())
    if any((truth != ignore).any() for _, truth in pairs):
        _near(ours, {"miou": theirs}, 4e-7)


@cache
def _torchmetrics() -> tuple[Any, Any]:
    import torch
    from torchmetrics.classification import MulticlassJaccardIndex

    torch.set_num_threads(1)
    return torch, MulticlassJaccardIndex


def _image_level(case: Row, pairs: Pairs, ours: Row, folder: Path) -> None:
    _exact(case, pairs, ours, folder)
    if any((truth != case["ignore"]).any() for _, truth in pairs):
        _near(ours, oracles.image_level(*_arguments(case, pairs)), 1e-14)


def _cityscapes(case: Row, pairs: Pairs, ours: Row, folder: Path) -> None:
    reference = _cityscapesscripts()
    rng, files = Random(case["picture"]), []
    for i, (image, pair) in enumerate(zip(case["images"], pairs, strict=True)):
        arrays = (*pair, np.array(image["instances"], np.uint16))
        files.append([folder / f"{i}_{name}.png" for name in ("pred", "labelIds", "instanceIds")])
        for array, file in zip(arrays, files[-1], strict=True):
            file.write_bytes(png(array, rng))
    with mock.patch.object(
        np, "in1d", lambda a, b: np.isin(a, b).ravel(), create=True
    ):  # gone from NumPy 2.4
        theirs = reference.evaluateImgLists(
            [str(f[0]) for f in files], [str(f[1]) for f in files], reference.args
        )
    names = [label.name for label in LABELS if label.scored]
    by_name = {label.name: ours["iou"][label.id] for label in LABELS if label.scored}
    same("classes", by_name, {name: float(theirs["classScores"][name]) for name in names})
    same(
        "groups",
        {group: ours[f"category_iou_{group}"] for group in GROUPS},
        {group: float(theirs["categoryScores"][group]) for group in GROUPS},
    )
    for key, name in (
        ("miou", "averageScoreClasses"),
        ("iiou", "averageScoreInstClasses"),
        ("category_miou", "averageScoreCategories"),
        ("category_iiou", "averageScoreInstCategories"),
    ):
        same(key, float(ours[key]), float(theirs[name]))


def _boundary(case: Row, pairs: Pairs, ours: Row, folder: Path) -> None:
    """Boundaries of masks one by one, category by category, pooled."""
    counts = np.zeros((case["num_classes"], 2))
    for pred, truth in pairs:
        scored = truth != case["ignore"]
        distance = kernels.boundary_distance(*truth.shape, case["ratio"])
        for c in set(range(case["num_classes"])) - {case["ignore"]}:
            masks = [scored & (side == c) for side in (truth, pred)]
            edges = [REFERENCE.mask_to_boundary(mask.astype(np.uint8), case["ratio"]) > 0 for mask in masks]
            for mask, edge in zip(masks, edges, strict=True):
                same("boundary of a mask", mask & kernels.boundary_map(mask.astype(np.uint8), distance), edge)
            counts[c] += np.count_nonzero(edges[0] & edges[1]), np.count_nonzero(edges[0] | edges[1])
    with np.errstate(invalid="ignore"):
        iou = counts[:, 0] / counts[:, 1]
    mean = np.mean(iou[~np.isnan(iou)]) if counts.any() else math.nan
    _equal(ours, {"iou": iou, "boundary_miou": mean})


@cache
def _cityscapesscripts() -> Any:
    reference = import_module("cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling")
    reference.args.quiet, reference.args.JSONOutput = True, False
    return reference


COMPARISONS: dict[str, Callable[[Row, Pairs, Row, Path], None]] = {
    "exact": _exact,
    "image-level": _image_level,
    "mmseg": _mmseg,
    "hf": _hf,
    "detectron2": _detectron2,
    "ade20k": _ade20k,
    "voc": _voc,
    "mapillary": _mapillary,
    "torchmetrics-jaccard": _jaccard,
    "cityscapes": _cityscapes,
    "boundary-iou": _boundary,
}
