"""Plain twins of the kernels: short, slow, obviously right. CPU, emulated GPU and GPU are held to these."""

from __future__ import annotations

from collections import Counter
from itertools import groupby, pairwise

import numpy as np

# --- overlap --------------------------------------------------------------------------------------


def confusion(truth, pred, num_classes, ignore_index):
    """Count pixels one by one."""

    def place(value):
        if value == ignore_index:
            return num_classes
        return value if 0 <= value < num_classes else num_classes + 1

    places = (
        np.array([place(int(v)) for v in labels.ravel().tolist()], np.int64) for labels in (truth, pred)
    )
    return pair_counts(*places)


def pair_counts(truth, pred):
    """Count pairs of ids with a Counter."""
    pairs = sorted(Counter(zip(truth.ravel().tolist(), pred.ravel().tolist(), strict=True)).items())
    rows = np.array([(t, p, n) for (t, p), n in pairs], np.int64).reshape(-1, 3)
    return tuple(rows.T)


def id_counts(ids):
    """Count ids with a Counter."""
    return tuple(
        np.array(v, np.int64) for v in zip(*sorted(Counter(ids.ravel().tolist()).items()), strict=True)
    )


# --- maps as runs ---------------------------------------------------------------------------------


def label_runs(labels):
    """Group equal neighbours along the rows: the value of each group, and how many pixels end with it."""
    groups = [(value, len(list(group))) for value, group in groupby(labels.ravel().tolist())]
    return [value for value, _ in groups], np.cumsum([n for _, n in groups]).tolist()


# --- RLE ------------------------------------------------------------------------------------------


def runs_from_mask(mask):
    """Lengths of outside, inside, outside, ... down the columns."""
    groups = [(inside, len(list(group))) for inside, group in groupby((mask != 0).T.ravel().tolist())]
    return [0] * groups[0][0] + [n for _, n in groups]


def mask_from_runs(runs, height, width):
    """Repeat 0, 1, 0, ... and fill up with 0."""
    column_major = np.repeat(np.arange(len(runs)) % 2, runs)
    rest = np.zeros(height * width - len(column_major), int)
    return np.concatenate([column_major, rest]).reshape(width, height).T.astype(np.uint8)


def rle_from_runs(runs):
    """Write each run as signed base-32 digits, low digit first, from the fourth as a difference."""
    out = bytearray()
    for i, run in enumerate(runs):
        value = run - (runs[i - 2] if i > 2 else 0)
        while True:
            digit, value = value % 32, value // 32
            last = value == (-1 if digit >= 16 else 0)
            out.append(48 + digit + (0 if last else 32))
            if last:
                break
    return bytes(out)


def rle_to_runs(rle):
    """Undo `rle_from_runs`."""
    runs, value, shift = [], 0, 1
    for character in rle:
        digit = character - 48
        value, shift = value + (digit % 32) * shift, shift * 32
        if digit < 32:
            value -= shift if digit >= 16 else 0
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value, shift = 0, 1
    return runs


def rle_from_mask(mask):
    """Encode by groups of equal pixels."""
    return rle_from_runs(runs_from_mask(mask))


def rle_to_mask(rle, height, width):
    """Decode by repetition."""
    return mask_from_runs(rle_to_runs(rle), height, width)


def rle_measure(rle, height):
    """Area and box, the box by COCO's rule: a run over a column's end has the image's full height."""
    area, xs, ys, start = 0, [], [], 0
    for i, run in enumerate(rle_to_runs(rle)):
        if i % 2 and run:
            (x0, y0), (x1, y1) = divmod(start, height), divmod(start + run - 1, height)
            xs += [x0, x1]
            ys += [y0, y1] if x0 == x1 else [0, height - 1]
            area += run
        start += run
    if not area:
        return 0, [0, 0, 0, 0]
    return area, [min(xs), min(ys), max(xs) - min(xs) + 1, max(ys) - min(ys) + 1]


def rle_merge(rles, height, width, intersect=False):
    """Merge as masks."""
    masks = [rle_to_mask(rle, height, width) for rle in rles]
    return rle_from_mask(np.all(masks, 0) if intersect else np.any(masks, 0))


def flood(mask, corners):
    """Yield the sets of pixels of a mask [H, W] that hang together, by corners too or by sides alone."""
    left = set(zip(*(axis.tolist() for axis in np.nonzero(mask)), strict=True))
    steps = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if corners or not (dy and dx)]
    while left:
        group, edge = set(), [left.pop()]
        while edge:
            y, x = edge.pop()
            group.add((y, x))
            near = {(y + dy, x + dx) for dy, dx in steps} & left
            left -= near
            edge += near
        yield group


def holes(mask):
    """The sets of pixels that a mask encloses: outside pixels that no way leads from to the border."""
    around = np.pad(mask, 1) == 0
    return [{(y - 1, x - 1) for y, x in group} for group in flood(around, False) if (0, 0) not in group]


def rle_topology(rle, height, width):
    """Numbers of parts and of holes."""
    mask = rle_to_mask(rle, height, width)
    return len(list(flood(mask, True))), len(holes(mask))


def rle_fill_holes(rle, height, width):
    """The mask and its holes."""
    mask = rle_to_mask(rle, height, width)
    for y, x in (pixel for hole in holes(mask) for pixel in hole):
        mask[y, x] = 1
    return rle_from_mask(mask)


def mask_iou(pred, truth, crowd):
    """IoU of two masks; with a crowd over the prediction's area."""
    common = np.count_nonzero(pred & truth)
    return common / (np.count_nonzero(pred) if crowd else np.count_nonzero(pred | truth)) if common else 0.0


def rle_iou(pred, truth, truth_crowd, height, width):
    """IoU of every pair as masks."""
    preds, truths = ([rle_to_mask(rle, height, width) for rle in rles] for rles in (pred, truth))
    rows = [[mask_iou(p, t, c) for t, c in zip(truths, truth_crowd, strict=True)] for p in preds]
    return np.array(rows, float).reshape(len(preds), len(truths))


def box_iou(pred, truth, truth_crowd):
    """IoU of every pair of xywh boxes."""
    out = np.zeros((len(pred), len(truth)))
    for d, (px, py, pw, ph) in enumerate(pred):
        for g, (tx, ty, tw, th) in enumerate(truth):
            w = min(pw + px, tw + tx) - max(px, tx)
            h = min(ph + py, th + ty) - max(py, ty)
            if w > 0 and h > 0:
                out[d, g] = w * h / (pw * ph if truth_crowd[g] else pw * ph + tw * th - w * h)
    return out


# --- drawing and segments -------------------------------------------------------------------------


def fine_line(p, q):
    """Every point of an edge on the fine grid, from the end where its longer axis is least."""
    (x0, y0), (x1, y1) = p, q
    wide = abs(x1 - x0) >= abs(y1 - y0)
    if (x0 > x1) if wide else (y0 > y1):
        x0, y0, x1, y1 = x1, y1, x0, y0
    steps = x1 - x0 if wide else y1 - y0
    slope = ((y1 - y0) if wide else (x1 - x0)) / steps if steps else 0.0
    if wide:
        return [(x0 + t, int(y0 + slope * t + 0.5)) for t in range(steps + 1)]
    return [(int(x0 + slope * t + 0.5), y0 + t) for t in range(steps + 1)]


def polygon_mask(xy, height, width):
    """Walk the whole outline five times as fine; toggle where it steps between columns 5x + 2 and 5x + 3."""
    points = [(int(5 * x + 0.5), int(5 * y + 0.5)) for x, y in np.reshape(xy, (-1, 2)).tolist()]
    toggles = np.zeros(height * width + 1, int)
    for p, q in zip(points, points[1:] + points[:1], strict=True):
        line = fine_line(p, q)
        for (u0, v0), (u1, v1) in pairwise(line):
            x, off_grid = divmod(min(u0, u1) - 2, 5)
            if u0 != u1 and not off_grid and 0 <= x < width:
                toggles[x * height + min(max(-(-(min(v0, v1) - 2) // 5), 0), height)] += 1
    return (np.cumsum(toggles[:-1]) % 2).reshape(width, height).T.astype(np.uint8)


def rle_from_polygons(polygons, height, width):
    """Union of the polygons as masks."""
    return rle_from_mask(np.any([polygon_mask(xy, height, width) for xy in polygons], 0))


def rle_from_box(box, height, width):
    """Draw the box's four corners."""
    x, y, w, h = box
    return rle_from_polygons([[x, y, x, y + h, x + w, y + h, x + w, y]], height, width)


def paint(canvas, rles, values):
    """Assign mask by mask."""
    for rle, value in zip(rles, values, strict=True):
        canvas[rle_to_mask(rle, *canvas.shape) == 1] = value


def segment_rles(segment_map, ids):
    """One comparison an id."""
    return [rle_from_mask(segment_map == i) for i in ids]


def segment_boxes(segment_map, ids):
    """Least and greatest row and column of each id."""
    out = np.zeros((len(ids), 4), np.int64)
    for n, i in enumerate(ids):
        ys, xs = np.nonzero(segment_map == i)
        if len(xs):
            out[n] = xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1
    return out


# --- boundaries -----------------------------------------------------------------------------------


def mask_boundary(mask, distance):
    """Erode by 3 × 3 again and again, all outside the image being outside; what is lost is the boundary."""
    core = np.pad(mask != 0, 1)
    height, width = core.shape
    for _ in range(distance):
        if not core.any():
            break
        around = np.pad(core, 1)
        core = np.all([around[y : y + height, x : x + width] for y in range(3) for x in range(3)], axis=0)
    return ((mask != 0) & ~core[1:-1, 1:-1]).astype(np.uint8)


def boundary_map(ids, distance):
    """One mask an id."""
    return np.any([mask_boundary(ids == i, distance) for i in np.unique(ids)], axis=0)


def boundary_pairs(truth, pred, distance):
    """One comparison a pair of ids."""
    on_truth, on_pred = (boundary_map(ids, distance) for ids in (truth, pred))
    rows = []
    for t, p in sorted(set(zip(truth.ravel().tolist(), pred.ravel().tolist(), strict=True))):
        pair = (truth == t) & (pred == p)
        kinds = (pair, pair & on_truth, pair & on_pred, pair & on_truth & on_pred)
        rows.append([t, p, *map(np.count_nonzero, kinds)])
    table = np.array(rows, np.int64)
    return table[:, 0], table[:, 1], table[:, 2:]


def scored_masks(truth, pred, num_classes, ignore_index):
    """The masks of the classes, then of ids out of range, in truth and prediction, where not ignored."""
    scored = truth != ignore_index
    bad = [scored & (ids != ignore_index) & ((ids < 0) | (ids >= num_classes)) for ids in (truth, pred)]
    known = [c for c in range(num_classes) if c != ignore_index]
    return {c: (scored & (truth == c), scored & (pred == c)) for c in known} | {"bad": tuple(bad)}


def boundary_classes(truth, pred, num_classes, ignore_index, distance):
    """One pair of masks a class; ids out of range are looked at one by one, ignored ones not at all."""
    table = np.zeros((num_classes + 2, 3), np.int64)
    for c, masks in scored_masks(truth, pred, num_classes, ignore_index).items():
        if c != "bad":
            t, p = (mask_boundary(mask, distance) for mask in masks)
            table[c] = t.sum(), p.sum(), (t & p).sum()
    return table[:num_classes]


def contour(mask):
    """Pixels with one of four neighbours outside."""
    around = np.pad(mask, 1)
    inner = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return np.argwhere(mask & ~inner)


def contour_hits(truth, pred, num_classes, ignore_index, squared_reach):
    """Every distance between two contours of a class."""
    table = np.zeros((num_classes + 1, 4), np.int64)
    for c, masks in scored_masks(truth, pred, num_classes, ignore_index).items():
        if c != "bad":
            t, p = map(contour, masks)
            near = ((t[:, None] - p[None]) ** 2).sum(-1) <= squared_reach
            table[c] = len(t), near.any(axis=1).sum(), len(p), near.any(axis=0).sum()
    return table[:num_classes]


def rle_boundary(rles, height, width, distance):
    """From mask to mask."""
    return [rle_from_mask(mask_boundary(rle_to_mask(rle, height, width), distance)) for rle in rles]


def rle_boundary_iou(pred, truth, truth_crowd, height, width, distance):
    """The lesser of two IoUs, that of the masks alone with a crowd."""
    masks = rle_iou(pred, truth, truth_crowd, height, width)
    edges = (rle_boundary(rles, height, width, distance) for rles in (pred, truth))
    lesser = np.minimum(masks, rle_iou(*edges, np.zeros(len(truth), bool), height, width))
    return np.where(np.asarray(truth_crowd, bool)[None, :], masks, lesser)


# --- matching -------------------------------------------------------------------------------------


def match_one(row, ignore, crowd, taken, threshold):
    """Choose the truth of one prediction: the best real truth, else the best truth to ignore."""
    for ignored in (False, True):
        free = [
            (value, g)
            for g, value in enumerate(row)
            if ignore[g] == ignored and (taken[g] < 0 or crowd[g]) and value >= min(threshold, 1 - 1e-10)
        ]
        if free:
            return max(free)[1]  # the later one of equals
    return -1


def match(iou, truth_ignore, truth_crowd, thresholds):
    """Match prediction by prediction, for each area range and threshold."""
    (preds, truths), shape = iou.shape, (len(truth_ignore), len(thresholds))
    pred_match, truth_match = np.full((*shape, preds), -1, np.int32), np.full((*shape, truths), -1, np.int32)
    for a, t in np.ndindex(shape):
        for d in range(preds):
            g = match_one(iou[d], truth_ignore[a], truth_crowd, truth_match[a, t], thresholds[t])
            if g >= 0:
                pred_match[a, t, d], truth_match[a, t, g] = g, d
    return pred_match, truth_match


# --- PNG ------------------------------------------------------------------------------------------


def png_prediction(kind, a, b, c):
    """Predict a byte from those to its left, above it and above left."""
    nearest = min((a, b, c), key=lambda x: abs(a + b - c - x))  # the first of equals
    return [0, a, b, (a + b) // 2, nearest][kind]


def png_unfilter(raw, height, row_bytes, bytes_per_pixel):
    """Add to each byte what is predicted from three bytes before it."""
    lines = np.frombuffer(raw, np.uint8).reshape(height, row_bytes + 1).tolist()
    out = [[0] * (bytes_per_pixel + row_bytes) for _ in range(height + 1)]  # a pixel and a row of 0 around it
    for y, (kind, *residuals) in enumerate(lines, 1):
        for x, residual in enumerate(residuals, bytes_per_pixel):
            a, b, c = out[y][x - bytes_per_pixel], out[y - 1][x], out[y - 1][x - bytes_per_pixel]
            out[y][x] = (residual + png_prediction(kind, a, b, c)) % 256
    return np.array(out, np.uint8)[1:, bytes_per_pixel:]


def png_filter_up(label_map):
    """Rows of a map as a PNG stores them, each byte less the one above it, after a 2 for this filter."""
    height = len(label_map)
    if label_map.dtype == np.int32:  # ids as colours, whose bytes are R, G and B from the low end
        label_map = label_map.astype("<i4")[..., None].view(np.uint8)[..., :3]
    rows = np.frombuffer(label_map.astype(label_map.dtype.newbyteorder(">")).tobytes(), np.uint8)
    out, above = bytearray(), [0] * (len(rows) // height)
    for row in rows.reshape(height, -1).tolist():
        out.append(2)
        out += bytes((byte - b) % 256 for byte, b in zip(row, above, strict=True))
        above = row
    return bytes(out)


# --- curves ---------------------------------------------------------------------------------------


def draw_curves(detections, truths, grid, limits, levels):
    """Curves of one category and area range: detections are (score, rank, matched, ignored), truths a number.

    Returns precision [T][R][M], recall [T][M] and scores [T][R][M].
    """
    detections = sorted(detections, key=lambda d: -d[0])
    precision = np.zeros((levels, len(grid), len(limits)))
    recall, scores = np.zeros((levels, len(limits))), np.zeros(precision.shape)
    for m, limit in enumerate(limits):
        kept = [d for d in detections if d[1] < limit]
        for t in range(levels):
            right = wrong = 0
            points = []  # (recall, precision, score)
            for score, _, matched, ignored in kept:
                if not ignored >> t & 1:
                    right += matched >> t & 1
                    wrong += 1 - (matched >> t & 1)
                points.append((right / truths, right / (right + wrong + np.spacing(1)), score))
            recall[t, m] = points[-1][0] if points else 0
            for r, least in enumerate(grid):
                reached = [i for i, p in enumerate(points) if p[0] >= least]
                if reached:
                    precision[t, r, m] = max(p[1] for p in points[reached[0] :])
                    scores[t, r, m] = points[reached[0]][2]
    return precision, recall, scores


# --- scores ---------------------------------------------------------------------------------------


def fma(a, b, c):
    """Round a * b + c once: in float64 the product is exact, and the sum is rounded to odd first."""
    product, c = np.float64(a) * np.float64(b), np.broadcast_to(np.float64(c), np.broadcast(a, b, c).shape)
    total = product + c
    rest = c - (total - product)
    rest = np.where(np.abs(product) < np.abs(c), product - (total - c), rest)
    bits = total.view(np.int64)
    odd = np.isfinite(total) & (rest != 0) & (bits & 1 == 0)
    away = (rest > 0) == (total > 0)
    return np.where(odd, np.where(away, bits + 1, bits - 1), bits).view(np.float64).astype(np.float32)


def taps(source, target):
    """First and second source position of each target position, and the weight of the second."""
    scale = np.float32(source) / np.float32(target)
    place = np.maximum(fma(scale, np.arange(target, dtype=np.float32) + np.float32(0.5), np.float32(-0.5)), 0)
    first = np.minimum(place.astype(int), source - 1)
    return first, np.minimum(first + 1, source - 1), np.clip(place - first.astype(np.float32), 0, 1)


def blend(first, second, weight):
    """Weigh two arrays of scores; what has no weight has no part."""
    return np.where(weight == 0, first, fma(np.float32(1) - weight, first, weight * second))


def upsampled(scores, height, width):
    """Scores [B, K, h, w] at another size, columns first."""
    (y0, y1, y), (x0, x1, x) = taps(scores.shape[2], height), taps(scores.shape[3], width)
    wide = blend(scores[..., x0], scores[..., x1], x)
    return blend(wide[:, :, y0], wide[:, :, y1], y[:, None])


def logits_confusion(truth, scores, ignore_index):
    """All scores in memory, and the class of the highest."""
    with np.errstate(invalid="ignore", over="ignore"):
        labels = np.argmax(upsampled(scores.astype(np.float32), *truth.shape[1:]), axis=1)
    return confusion(truth, labels, scores.shape[1], ignore_index)


# --- resamples ------------------------------------------------------------------------------------


def weighted_precision(detections, truths, weights, grid, levels):
    """AP of one category at each threshold, of images held ``weights`` times, their copies written out one
    by one.

    Detections are (image, hit, counted) by falling score; None without truths.
    """
    if not truths:
        return [None] * levels
    copies = [(hit, counted) for image, hit, counted in detections for _ in range(weights[image])]
    result = []
    for t in range(levels):
        right = seen = 0
        points = []  # (recall, precision)
        for hit, counted in copies:
            if counted >> t & 1:
                seen += 1
                right += hit >> t & 1
            points.append((right / truths, right / (seen + np.spacing(1))))
        total = 0.0
        for least in grid:
            reached = [i for i, p in enumerate(points) if p[0] >= least]
            total += max((p[1] for p in points[reached[0] :]), default=0.0) if reached else 0.0
        result.append(total / len(grid))
    return result


def weighted_sums(rows, weights, n_columns, depth):
    """Sums [n_columns][depth] of rows (image, column, values), each image held ``weights`` times."""
    sums = [[0.0] * depth for _ in range(n_columns)]
    for image, column, values in rows:
        for v, value in enumerate(values):
            sums[column][v] += weights[image] * value
    return sums
