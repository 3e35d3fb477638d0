"""Builders of damaged data sets: each makes a valid one, spoils one thing, and returns a command to run."""

import struct
import zlib

import numpy as np
from formats import tiny

from segbench.canonical.images import PNG_SIGNATURE, encode_image, encode_labels


def bomb():
    """A small PNG that declares 60,000 × 60,000 pixels."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))
    return PNG_SIGNATURE + header + chunk(b"IDAT", zlib.compress(bytes(60_000))) + chunk(b"IEND", b"")


RED = encode_image(np.zeros((3, 4, 6), np.uint8))
SMALL = encode_labels(np.zeros((2, 2), np.uint8))


def spoil(content, path, value):
    """Set the value at a path of keys; the value ``...`` deletes it."""
    *way, last = path
    for key in way:
        content = content[key]
    if value is ...:
        del content[last]
    else:
        content[last] = value


def truth_of_instances(*path_and_value, text=None):
    """Convert COCO instances, spoilt at a path of keys, or cut as text."""

    def build(root):
        content = tiny.instances()
        if path_and_value:
            *path, value = path_and_value
            spoil(content, path, value)
        file = tiny.put_instances(root, content)
        if text is not None:
            file.write_bytes(text(file.read_bytes()))
        return ["convert", file, root / "target"]

    return build


def annotation(index, *path_and_value):
    return truth_of_instances("annotations", index, *path_and_value)


def results(*path_and_value, change=None):
    """Score results, spoilt at a path of keys, or changed by a function."""

    def build(root):
        content = tiny.results()
        if path_and_value:
            *path, value = path_and_value
            spoil(content, path, value)
        file = tiny.dump(root / "results.json", content)
        if change is not None:
            file.write_text(change(file.read_text()))
        return ["score", tiny.put_instances(root), file, "--out", root / "target"]

    return build


def truth_of_panoptic(*path_and_value, change=None, command="convert"):
    """Convert COCO panoptic, spoilt at a path of keys, or its files changed; or score it."""

    def build(root):
        content = tiny.panoptic()
        if path_and_value:
            *path, value = path_and_value
            spoil(content, path, value)
        file = tiny.put_panoptic(root, content)
        if change is not None:
            change(file.with_suffix(""))
        if command == "convert":
            return ["convert", file, root / "target"]
        return ["score", tiny.put_panoptic(root, name="truth_val"), file, "--out", root / "target"]

    return build


def predicted_panoptic(*path_and_value, change=None):
    return truth_of_panoptic(*path_and_value, change=change, command="score")


def first_annotation(index, *path_and_value):
    return truth_of_panoptic("annotations", 0, "segments_info", index, *path_and_value)


def labels(change, **options):
    """Convert a folder of label maps that a function has changed."""

    def build(root):
        folder = tiny.put_labels(root / "set")
        change(folder)
        return ["convert", folder, root / "target", *(f"--option={k}={v}" for k, v in options.items())]

    return build


def predicted_labels(change):
    """Score a folder of label maps that a function has changed."""

    def build(root):
        folder = tiny.put_masks(root / "pred")
        change(folder)
        return ["score", tiny.put_labels(root / "set"), folder, "--out", root / "target"]

    return build


def put(name, data):
    return lambda folder: (folder / name).write_bytes(data)


def drop(name):
    return lambda folder: (folder / name).unlink()


def empty(folder):
    for file in folder.rglob("*.png"):
        file.unlink()


def picture(change):
    """Convert COCO instances whose folder of pictures was changed."""

    def build(root):
        file = tiny.put_instances(root)
        change(root / "val")
        return ["convert", file, root / "target"]

    return build


def without_maps(folder):
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def paint(image_id, value, old=None):
    """Change ids in a segment map: those that are ``old``, or the first pixel."""

    def change(folder):
        maps = tiny.segment_maps()
        ids = maps[image_id]
        ids[ids == old if old is not None else (0, 0)] = value
        tiny.put_maps(folder, maps)

    return change


def resize(folder):
    tiny.put_maps(
        folder, {**tiny.segment_maps(), 1: np.kron(tiny.segment_maps()[1], np.ones((2, 2), np.int32))}
    )


def info(row):
    """A row of segments_info of the first image, changed."""
    return {**tiny.panoptic()["annotations"][0]["segments_info"][1], **row}
