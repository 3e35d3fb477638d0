"""Each semantic reference evaluator restated plainly: histograms and loops over lists of (pred, truth).

Every oracle returns the scores as fractions by our names, and ``iou`` by category.
"""

from __future__ import annotations

import math

import numpy as np


def histogram(values, num_classes):
    return np.array([np.count_nonzero(values == c) for c in range(num_classes)], np.int64)


def areas(pred, truth, num_classes, ignore):
    """Both, prediction and truth of one image after dropping ignored truth, as mmsegmentation counts."""
    kept = truth != ignore
    pred, truth = pred[kept].astype(int), truth[kept].astype(int)
    return [histogram(v, num_classes) for v in (pred[pred == truth], pred, truth)]


def mmsegmentation(pairs, num_classes, ignore, *, beta=1, dtype=np.float64, limit=None):
    """IoUMetric; ``dtype`` float32 counts no further than ``limit`` an image and adds image by image."""
    sums = [np.zeros(num_classes, dtype) for _ in range(4)]
    for pred, truth in pairs:
        both, p, t = areas(pred, truth, num_classes, ignore)
        both, p, t = (np.minimum(n, limit or n).astype(dtype) for n in (both, p, t))
        sums = [s + n for s, n in zip(sums, (both, p + t - both, p, t), strict=True)]
    both, either, p, t = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = both / p, both / t
        classes = {
            "miou": both / either,
            "mean_accuracy": recall,
            "mean_dice": 2 * both / (p + t),
            "mean_fscore": (1 + beta**2) * (precision * recall) / ((beta**2 * precision) + recall),
            "mean_precision": precision,
            "pixel_accuracy": np.array([both.sum() / t.sum()], dtype),
        }
        return {key: nanmean(v) for key, v in classes.items()} | {"iou": both / either}


def nanmean(values):
    return np.nanmean(values) if not np.isnan(values).all() else np.nan


def detectron2(pairs, num_classes, ignore):
    """SemSegEvaluator: one (N+1)² table, prediction first, ignored truth in column N."""
    table = np.zeros((num_classes + 1, num_classes + 1), np.int64)
    for pred, truth in pairs:
        true = np.where(truth == ignore, num_classes, truth)
        for p, t in zip(pred.ravel().tolist(), true.ravel().tolist(), strict=True):
            table[p if t != num_classes else num_classes, t] += 1
    tp = table.diagonal()[:-1].astype(float)
    in_truth, in_pred = table[:-1, :-1].sum(0).astype(float), table[:-1, :-1].sum(1).astype(float)
    iou = np.full(num_classes, np.nan)
    known = in_truth > 0
    iou[known] = (tp / np.where(known, in_truth + in_pred - tp, 1))[known]
    accuracy = (tp / np.where(known, in_truth, 1))[known]
    return {
        "miou": np.sum(iou[known]) / np.sum(known),
        "fw_iou": np.sum(iou[known] * (in_truth / np.sum(in_truth))[known]),
        "mean_accuracy": np.sum(accuracy) / np.sum(known),
        "pixel_accuracy": np.sum(tp) / np.sum(in_truth),
        "iou": iou,
    }


def ade20k(pairs, num_classes, ignore):
    """utils_eval.py on files where 0 is unlabeled: ids one more than ours, and 0 for the ignored."""
    both, either, correct, labelled = [], [], 0, 0
    for pair in pairs:
        pred, truth = (np.where(ids == ignore, 0, ids.astype(int) + 1) for ids in pair)
        pred = pred * (truth > 0)
        common = histogram(pred * (pred == truth) - 1, num_classes)
        both.append(common)
        either.append(histogram(pred - 1, num_classes) + histogram(truth - 1, num_classes) - common)
        correct += np.count_nonzero((pred == truth) & (truth > 0))
        labelled += np.count_nonzero(truth > 0)
    iou = np.sum(both, axis=0) / np.sum(np.spacing(1) + np.array(either), axis=0)
    return {"miou": iou.mean(), "pixel_accuracy": correct / (np.spacing(1) + labelled), "iou": iou}


def voc(pairs, num_classes, ignore):
    """VOCevalseg: joint histogram of what is not ignored."""
    table = np.zeros((num_classes, num_classes))
    for pred, truth in pairs:
        kept = truth != ignore
        np.add.at(table, (truth[kept], pred[kept]), 1)
    iou = np.array(
        [
            table[j, j] / union if (union := table[j].sum() + table[:, j].sum() - table[j, j]) else np.nan
            for j in range(num_classes)
        ]
    )
    return {"miou": np.mean(iou), "iou": iou}


def mapillary(pairs, num_classes, unscored):
    """A 2-D histogram that loses ids beyond the labels, less rows and columns of what is not scored."""
    table = np.zeros((num_classes, num_classes), np.int64)
    for pred, truth in pairs:
        kept = (truth < num_classes) & (pred < num_classes)
        np.add.at(table, (truth[kept], pred[kept]), 1)
    kept = [c for c in range(num_classes) if c not in unscored]
    table = table[kept][:, kept]
    iou = {}
    for place, c in enumerate(kept):
        union = table[place].sum() + table[:, place].sum() - table[place, place]
        iou[c] = float(table[place, place]) / union if union else math.nan
    known = [v for v in iou.values() if not math.isnan(v)]
    return {
        "miou": np.average(known) if known else math.nan,
        "iou": np.array([iou.get(c, math.nan) for c in range(num_classes)]),
    }


def jaccard(pairs, num_classes, ignore):
    """MulticlassJaccardIndex with average macro, in float32."""
    table = np.zeros((num_classes, num_classes), np.int64)
    for pred, truth in pairs:
        kept = truth != ignore
        np.add.at(table, (truth[kept], pred[kept]), 1)
    table = table.astype(np.float32)
    either = table.sum(0) + table.sum(1) - table.diagonal()
    iou = np.divide(table.diagonal(), either, out=np.zeros(num_classes, np.float32), where=either > 0)
    weights = (table.sum(0) + table.sum(1) > 0).astype(np.float32)
    if ignore is not None and 0 <= ignore < num_classes:
        weights[ignore] = 0
    if not weights.sum():
        return {"miou": math.nan, "iou": np.full(num_classes, np.nan)}
    miou = ((weights * iou) / weights.sum()).sum(dtype=np.float32)
    return {"miou": miou, "iou": np.where(weights > 0, iou, np.nan)}


def image_level(pairs, num_classes, ignore):
    """Fine-grained mIoU of Wang et al.: worst images and worst cells by sorting dense matrices."""
    rows = []
    for pred, truth in pairs:
        kept = truth != ignore
        if kept.any():
            rows.append([iou_of(pred[kept], truth[kept], c) for c in range(num_classes)])
    cells = np.array(rows, float).reshape(-1, num_classes)
    images = np.sort([np.nanmean(row) for row in cells])
    columns = [np.sort(column[~np.isnan(column)]) for column in cells.T]
    columns = [column for column in columns if len(column)]

    def worst(q, lists):
        return np.mean([values[: max(1, int(q / 100 * len(values)))].mean() for values in lists])

    result = {}
    for name, lists in (("miou_i", [images]), ("miou_c", columns)):
        result |= {name: worst(100, lists), f"{name}5": worst(5, lists), f"{name}1": worst(1, lists)}
        result[f"{name}q"] = np.mean([worst(q, lists) for q in range(10, 101, 10)])
    return result


def iou_of(pred, truth, c):
    if not (truth == c).any():
        return np.nan
    return np.count_nonzero((pred == c) & (truth == c)) / np.count_nonzero((pred == c) | (truth == c))
