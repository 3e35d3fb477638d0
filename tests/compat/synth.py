"""Small random data sets of what goes wrong: ties, crowds, ids of 0, empty cells, areas on the bounds."""

from __future__ import annotations

import numpy as np
from pycocotools import mask as coco_mask

BOUNDS = (1024, 9216, 1024.0, 9216.0, 0, 1e10)


def polygon(rng, height, width):
    """A blob of some points around a centre; it may leave the image."""
    n = int(rng.integers(3, 9))
    angles = np.sort(rng.uniform(0, 2 * np.pi, n))
    radii = rng.uniform(2, max(height, width) / 2, n)
    x = rng.uniform(0, width) + radii * np.cos(angles)
    y = rng.uniform(0, height) + radii * np.sin(angles)
    return np.round(np.stack([x, y], 1).ravel(), 2).tolist()


def truth_row(rng, image, number, categories):
    """A true annotation: polygons, or a crowd of run lengths."""
    height, width = image["height"], image["width"]
    crowd = int(rng.random() < 0.2)
    shape = [polygon(rng, height, width) for _ in range(rng.integers(1, 3))]
    rle = coco_mask.merge(coco_mask.frPyObjects(shape, height, width))
    if crowd:
        mask = coco_mask.decode(rle).ravel(order="F")
        edges = np.flatnonzero(np.diff(mask, prepend=np.uint8(0)))
        shape = {"size": [height, width], "counts": np.diff([0, *edges, mask.size]).tolist()}
    area = float(coco_mask.area(rle)) if rng.random() < 0.6 else BOUNDS[rng.integers(len(BOUNDS))]
    return {
        "id": number,
        "image_id": image["id"],
        "category_id": int(rng.choice(categories)),
        "segmentation": shape,
        "area": area,
        "bbox": coco_mask.toBbox(rle).tolist(),
        "iscrowd": crowd,
    }


def result_row(rng, image, near, categories, kind):
    """A prediction, often a moved truth, its score one of a few."""
    height, width = image["height"], image["width"]
    category = int(rng.choice([*categories, 99]))  # 99 is unknown
    shape = [polygon(rng, height, width)]
    if near and rng.random() < 0.7:
        source = near[rng.integers(len(near))]
        category = source["category_id"]
        if not source["iscrowd"]:
            step = float(rng.integers(0, 3))
            shape = [[v + step for v in one] for one in source["segmentation"]]
    rle = coco_mask.merge(coco_mask.frPyObjects(shape, height, width))
    row = {"image_id": image["id"], "category_id": category, "score": float(np.round(rng.random(), 1))}
    if kind != "bbox":
        row["segmentation"] = {"size": rle["size"], "counts": rle["counts"].decode()}
    if kind != "segm":
        box = coco_mask.toBbox(rle).tolist()
        row["bbox"] = [*box[:2], 32.0, 32.0] if rng.random() < 0.2 else box
    return row


def make(seed, *, kind="segm", images=8, text_ids=False):
    """Return (truth, results) as COCO's JSON; ``kind`` of results is ``segm``, ``bbox`` or ``both``."""
    rng = np.random.default_rng(seed)
    categories = [0, 3, 7, 12]
    rows, truths, results = [], [], []
    for number in rng.permutation(images).tolist():
        image = {
            "id": f"im{number}" if text_ids else number,
            "height": int(rng.integers(20, 140)),
            "width": int(rng.integers(20, 140)),
            "file_name": f"{number}.jpg",
        }
        rows.append(image)
        used = categories[: rng.integers(1, 4)]  # category 12 has never a truth
        here = [truth_row(rng, image, len(truths) + i, used) for i in range(rng.integers(0, 7))]
        truths += here
        results += [result_row(rng, image, here, categories, kind) for _ in range(rng.integers(0, 14))]
    order = rng.permutation(len(results))
    names = [{"id": c, "name": f"cat{c}", "supercategory": f"super{c % 2}"} for c in reversed(categories)]
    truth = {"info": {"year": 2017}, "images": rows, "annotations": truths, "categories": names}
    return truth, [results[i] for i in order]
