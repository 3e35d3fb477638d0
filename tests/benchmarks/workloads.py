"""Seeded workloads, written to a folder: ``workloads.py KIND FOLDER IMAGES``.

=========  ==========================================================================================
coco       ``truth.json`` of polygons and crowds; ``results.json``, and ``results-bbox.json`` with boxes;
           79 detections an image, their scores rounded so that many tie
light      the same with 9 detections an image
pictures   ``annotations/instances_train.json`` and ``images/train/*.jpg``
city, ade  ``id2label.json``, ``truth/*.png`` and ``pred/*.png``, 255 is ignore
city_maps,  ``truth.npy`` and ``pred.npy``: the maps of city and ade as arrays
ade_maps
small      as ade in 128 × 171
panoptic   ``truth.json`` and ``pred.json`` with their folders of PNGs
=========  ==========================================================================================
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask
from shapes import COCO_SHARES, Blobs, bands, blobs, jitter, outline, paint

SEED = 20261122
SIZES = ((480, 640), (640, 480), (427, 640), (640, 427), (375, 500), (640, 640))
SIZE_SHARES = (0.34, 0.14, 0.26, 0.10, 0.11, 0.05)
CATEGORIES = 80
Size = tuple[int, int]


def coco(folder: Path, n_images: int, detections: tuple[int, int] = (82, 22)) -> None:
    """Write truth and results of mask AP; ``detections`` an image are normal of this mean and deviation."""
    images, annotations = [], []
    with (folder / "results.json").open("w") as plain, (folder / "results-bbox.json").open("w") as boxed:
        start = "["
        for image, shapes, labels, rng in _scenes(n_images):
            images.append(image)
            annotations += _truth(rng, image, shapes, labels, len(annotations))
            for row in _results(rng, image, shapes, labels, detections):
                boxed.write(start + json.dumps(row))
                plain.write(start + json.dumps({k: v for k, v in row.items() if k != "bbox"}))
                start = ",\n"
        for file in (plain, boxed):
            file.write("]" if start != "[" else "[]")
    _write_instances(folder / "truth.json", images, annotations)


def light(folder: Path, n_images: int) -> None:
    """Write what a detector keeps above a score."""
    coco(folder, n_images, (9, 4))


def pictures(folder: Path, n_images: int) -> None:
    """Write instances beside their pictures, in COCO's layout."""
    images, annotations = [], []
    (folder / "images" / "train").mkdir(parents=True)
    (folder / "annotations").mkdir()
    for image, shapes, labels, rng in _scenes(n_images):
        images.append(image)
        annotations += _truth(rng, image, shapes, labels, len(annotations))
        coarse = rng.integers(0, 256, (image["height"] // 20, image["width"] // 20, 3), np.uint8)
        smooth = Image.fromarray(coarse).resize((image["width"], image["height"]), Image.Resampling.BICUBIC)
        smooth.save(folder / "images" / "train" / image["file_name"], quality=90)
    _write_instances(folder / "annotations" / "instances_train.json", images, annotations)


def city(folder: Path, n_images: int) -> None:
    """Write label maps like those of Cityscapes."""
    _semantic(folder, n_images, (1024, 2048), 19)


def ade(folder: Path, n_images: int) -> None:
    """Write label maps like those of ADE20K."""
    _semantic(folder, n_images, (512, 683), 150)


def city_maps(folder: Path, n_images: int) -> None:
    """Write the label maps of ``city`` as two arrays, uint8 [N, H, W]."""
    _arrays(folder, n_images, (1024, 2048), 19)


def ade_maps(folder: Path, n_images: int) -> None:
    """Write the label maps of ``ade`` as two arrays, uint8 [N, H, W]."""
    _arrays(folder, n_images, (512, 683), 150)


def small(folder: Path, n_images: int) -> None:
    """Write many small label maps."""
    _semantic(folder, n_images, (128, 171), 150)


def panoptic(folder: Path, n_images: int) -> None:
    """Write truth and prediction of panoptic quality: 80 things, 53 stuffs, crowds and void."""
    sides: dict[str, list[dict[str, Any]]] = {"truth": [], "pred": []}
    for side in sides:
        (folder / side).mkdir()
    for i in range(n_images):
        for side, labels, maps in _panoptic_image(np.random.default_rng([SEED, i])):
            segments, ids = labels
            name = f"{i:012d}.png"
            rgb = np.stack([ids & 255, ids >> 8 & 255, ids >> 16], -1).astype(np.uint8)
            Image.fromarray(rgb[maps]).save(folder / side / name)
            sides[side].append({"image_id": i, "file_name": name, "segments_info": segments})
    shared = {
        "images": [{"id": i, "height": 480, "width": 640, "file_name": f"{i}.jpg"} for i in range(n_images)],
        "categories": [{"id": c, "name": f"category {c}", "isthing": int(c <= 80)} for c in range(1, 134)],
    }
    for side, rows in sides.items():
        (folder / f"{side}.json").write_text(json.dumps({**shared, "annotations": rows}))


Scene = tuple[dict[str, Any], Blobs, NDArray[np.int64], np.random.Generator]


def _scenes(n_images: int) -> Iterator[Scene]:
    """Yield the entry of an image, its blobs and their categories, and the image's own random numbers."""
    shares = 1 / np.arange(1, CATEGORIES + 1) ** 0.75
    shares[0] = 0.43 * shares[1:].sum()  # people are 30 % of COCO
    for i in range(n_images):
        rng = np.random.default_rng([SEED, i])
        height, width = SIZES[rng.choice(len(SIZES), p=SIZE_SHARES)]
        n = 0 if rng.random() < 0.01 else 1 + min(60, int(rng.exponential(6.8)))
        present = 1 + rng.choice(CATEGORIES, 1 + rng.poisson(3), p=shares / shares.sum())
        image = {"id": 3 * i + 1, "height": height, "width": width, "file_name": f"{3 * i + 1:012d}.jpg"}
        yield image, blobs(rng, n, (height, width), COCO_SHARES), rng.choice(present, n), rng


def _truth(
    rng: np.random.Generator, image: dict[str, Any], shapes: Blobs, labels: NDArray[np.int64], n_before: int
) -> Iterator[dict[str, Any]]:
    size = image["height"], image["width"]
    for k, (blob, label) in enumerate(zip(shapes, labels.tolist(), strict=True)):
        parts = [outline(rng, blob, size, 7)]
        crowd = rng.random() < 0.012
        if crowd or rng.random() < 0.09:
            others = jitter(rng, np.tile(blob, (3, 1)), np.full(3, 0.8), size)
            parts += [outline(rng, b, size, 7) for b in others]
        polygons = [np.round(p, 2).ravel().tolist() for p in parts]
        rle = coco_mask.merge(coco_mask.frPyObjects(polygons, *size))
        yield {
            "id": n_before + k + 1,
            "image_id": image["id"],
            "category_id": label,
            "iscrowd": int(crowd),
            "area": float(coco_mask.area(rle)),
            "bbox": coco_mask.toBbox(rle).tolist(),
            "segmentation": {"size": list(size), "counts": _runs(rle)} if crowd else polygons,
        }


def _runs(rle: dict[str, Any]) -> list[int]:
    """Uncompressed counts, as COCO has them in crowds."""
    flat = np.r_[0, coco_mask.decode(rle).ravel(order="F"), 2]
    ends = np.flatnonzero(np.diff(flat.astype(np.int8)))
    return np.diff(np.r_[0, ends]).tolist()


def _results(
    rng: np.random.Generator,
    image: dict[str, Any],
    shapes: Blobs,
    labels: NDArray[np.int64],
    detections: tuple[int, int],
) -> Iterator[dict[str, Any]]:
    """Yield detections by falling score: hits, worse repeats of the same objects, and false ones."""
    size = image["height"], image["width"]
    want = int(np.clip(rng.normal(*detections), 1, 100))
    hits = np.flatnonzero(rng.random(len(shapes)) > 0.12)
    n_repeats = max(0, want - len(hits)) // 2 if len(shapes) else 0
    repeats = rng.integers(0, max(1, len(shapes)), n_repeats)
    error = np.r_[rng.exponential(0.035, len(hits)), rng.uniform(0.05, 0.4, len(repeats))]
    source = np.r_[hits, repeats].astype(int)
    false = blobs(rng, max(0, want - len(source)), size, COCO_SHARES)
    found = np.concatenate([jitter(rng, shapes[source], error, size), false])
    label = np.r_[labels[source], rng.integers(1, CATEGORIES + 1, len(false))].astype(int)
    wrong = rng.random(len(label)) < 0.08
    label[wrong] = rng.integers(1, CATEGORIES + 1, wrong.sum())
    logit = np.r_[2 - 25 * error[: len(hits)], -2.5 - 4 * error[len(hits) :], np.full(len(false), -4)]
    score = np.round(1 / (1 + np.exp(-logit - rng.normal(0, 1, len(logit)))), 3)
    for k in np.argsort(-score, kind="stable").tolist():
        rle = coco_mask.frPyObjects([outline(rng, found[k], size, 2.5, 0.6).ravel().tolist()], *size)[0]
        yield {
            "image_id": image["id"],
            "category_id": int(label[k]),
            "score": float(score[k]),
            "bbox": coco_mask.toBbox(rle).tolist(),
            "segmentation": {"size": list(size), "counts": rle["counts"].decode("ascii")},
        }


def _write_instances(file: Path, images: list[dict[str, Any]], annotations: list[dict[str, Any]]) -> None:
    categories = [{"id": c, "name": f"category {c}"} for c in range(1, CATEGORIES + 1)]
    file.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))


def _semantic(folder: Path, n_images: int, size: Size, n_classes: int) -> None:
    for side in ("truth", "pred"):
        (folder / side).mkdir()
    (folder / "id2label.json").write_text(json.dumps({str(c): f"category {c}" for c in range(n_classes)}))
    for i, maps in enumerate(_label_maps(n_images, size, n_classes)):
        for side, labels in zip(("truth", "pred"), maps, strict=True):
            Image.fromarray(labels).save(folder / side / f"{i:06d}.png")


def _arrays(folder: Path, n_images: int, size: Size, n_classes: int) -> None:
    shape = n_images, *size
    sides = [open_memmap(folder / f"{s}.npy", "w+", np.uint8, shape) for s in ("truth", "pred")]
    for i, maps in enumerate(_label_maps(n_images, size, n_classes)):
        for side, labels in zip(sides, maps, strict=True):
            side[i] = labels


def _label_maps(n_images: int, size: Size, n_classes: int) -> Iterator[tuple[Any, Any]]:
    """Yield truth and prediction, 255 where the truth is to be ignored."""
    for i in range(n_images):
        rng = np.random.default_rng([SEED, i])
        things = blobs(rng, 45, size, COCO_SHARES)
        present = rng.permutation(n_classes)[:14]
        values = [*present[:4].tolist(), *rng.choice(present, 45).tolist()]
        ground = bands(rng, 4, size)
        truth = paint(size, ground + [outline(rng, b, size, 4) for b in things], values)
        void = [outline(rng, b, size, 4) for b in blobs(rng, 5, size, (0, 1, 0))]
        truth[paint(size, void, [1] * 5) > 0] = 255
        truth[-size[0] // 20 :] = 255
        guess = [v if rng.random() > 0.1 else int(rng.choice(present)) for v in values]
        moved = jitter(rng, things, rng.exponential(0.05, 45), size)
        pred = paint(size, ground + [outline(rng, b, size, 3, 0.8) for b in moved], guess)
        yield truth, pred


def _panoptic_image(rng: np.random.Generator) -> Iterator[tuple[str, tuple[list[dict[str, Any]], Any], Any]]:
    """Yield for both sides the segments with the ids of map values, and the map of values; 0 is void."""
    size, n = (480, 640), int(rng.integers(8, 14))
    things = blobs(rng, n, size, (0.15, 0.45, 0.4))
    ground = bands(rng, 3, size)
    label = [*(81 + rng.permutation(53)[:3]).tolist(), *rng.integers(1, 81, n).tolist()]
    # One crowd of a category, as COCO has it: of several, panopticapi knows the last, and vernier all.
    crowd = [v <= 80 and v not in label[:k] and rng.random() < 0.06 for k, v in enumerate(label)]
    hole = [outline(rng, b, size, 4) for b in blobs(rng, 2, size, (0, 1, 0))]
    values = list(range(1, n + 4))
    truth = paint(size, ground + [outline(rng, b, size, 4) for b in things] + hole, [*values, 0, 0])
    yield "truth", _segments(rng, truth, label, crowd), truth
    other = [*(label[0], 81 + int(rng.integers(53)), label[2]), *rng.integers(1, 81, n).tolist()]
    guess = [b if rng.random() < 0.15 else a for a, b in zip(label, other, strict=True)]
    moved = jitter(rng, things, rng.exponential(0.08, n), size)
    pred = paint(size, bands(rng, 3, size) + [outline(rng, b, size, 3, 0.6) for b in moved], values)
    yield "pred", _segments(rng, pred, guess, [False] * len(guess)), pred


def _segments(
    rng: np.random.Generator, values: NDArray[np.uint8], label: list[int], crowd: list[bool]
) -> tuple[list[dict[str, Any]], NDArray[np.int64]]:
    ids = np.r_[0, 1 + rng.choice((1 << 24) - 1, len(label), replace=False)]
    area = np.bincount(values.ravel(), minlength=len(ids)).tolist()
    segments = [
        {"id": int(ids[k + 1]), "category_id": label[k], "iscrowd": int(crowd[k]), "area": area[k + 1]}
        for k in range(len(label))
        if area[k + 1]
    ]
    return segments, ids


KINDS = {f.__name__: f for f in (coco, light, pictures, city, ade, city_maps, ade_maps, small, panoptic)}

if __name__ == "__main__":
    KINDS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
