"""Inputs that the harnesses start from, made by code: a few of each kind that they tell apart."""

from __future__ import annotations

import json
import struct
from random import Random

import numpy as np

from fuzz import coco_cases
from fuzz.pictures import png as png_of
from fuzz.spelling import spell

KEYWORDS = ("images", "annotations", "categories", "id", "image_id", "category_id", "segmentation", "counts",
            "size", "bbox", "area", "iscrowd", "score", "true", "false", "null", "1e-7", "1024.0", "\\u00e9",
            "\\ud83d\\ude00", "9223372036854775807", "0.30000000000000004")  # fmt: skip


def rle() -> list[bytes]:
    """Size bytes, then strings with their lengths before them."""
    strings = [
        b"",
        b"0",
        b"P5",
        b"01",
        b"05",
        b"5O10",
        b"0`1",
        b"73302C1",
        b"1^",
        b"oooooo0",
        b"\\0",
        b"PPYo0",
    ]
    sizes = [bytes((2, 9, 9)), bytes((2, 0, 39)), bytes((1, 5)) + struct.pack("<I", 1 << 31)]
    out = [size + b"".join(bytes((len(s),)) + s for s in strings[i : i + 3]) for size in sizes
           for i in range(0, len(strings), 3)]  # fmt: skip
    return out + [sizes[0] + bytes((len(s),)) + s for s in strings]


def polygon() -> list[bytes]:
    """Size bytes, then polygons: a number of points, and a word a coordinate."""
    rng = Random("polygon")
    points = [struct.pack("<2I", *(rng.randrange(1 << 17) for _ in range(2))) for _ in range(12)]
    far = struct.pack("<IIII", 7, 0x7FF80000, 7, 0x41F00000)  # not a number; beyond what is drawn
    return [
        bytes((20, 30, 2)) + b"".join(points[:3]),
        bytes((9, 60, 3)) + b"".join(points[:4]) + bytes((2,)) + b"".join(points[4:7]),
        bytes((30, 5, 2)) + points[0] * 3,
        bytes((30, 5, 0)) + points[0] + bytes((1,)) + b"".join(points[:2]),
        bytes((8, 8, 0)) + far,
    ]


def png() -> list[bytes]:
    """Pixel size and width, then rows: a filter, and runs of residuals."""
    rng = Random("png")
    out = []
    for pixel in range(4):
        for width in (1, 9, 100):
            head = bytes((pixel,)) + struct.pack("<I", width)
            rows = [bytes((kind,)) + rng.randbytes(12) for kind in (0, 1, 2, 3, 4)]
            out.append(head + b"".join(rows))
    return out


def png_file() -> list[bytes]:
    """A file after a 0; or its chunks to be put together: kind, whether damaged, length and data."""
    rng = Random("png file")
    images = [np.zeros((3, 4), np.uint8), np.ones((2, 2), np.uint16), np.zeros((2, 3, 3), np.uint8)]
    out = [b"\0" + png_of(image, rng) for image in images for _ in range(3)]
    header = bytes((13, 0, 0, 0, 5, 0, 0, 0, 7))
    for kind in ((8, 0), (8, 3), (16, 0), (4, 3), (8, 6), (8, 4)):
        chunks = [
            b"\0\1" + header + bytes((*kind, 0, 0, 0)),
            b"\5\1\3abc",
            b"\1\1\2xy",
            b"\2\1\1z",
            b"\4\1\0",
        ]
        out += [b"\1" + b"".join(chunks), b"\1" + b"".join([*chunks[:3], b"\6\1\1t", *chunks[3:]])]
    return out


def coco_json() -> list[bytes]:
    """A piece size, then a file of truth or results, plainly and oddly spelled."""
    out = [b"\x03[]", b"\x03{}", b"\x05[1]", b'\x01{"images": 1}']
    for seed in range(12):
        case = coco_cases.make(seed)
        truth = {key: rows[:2] if isinstance(rows, list) else rows for key, rows in case["truth"].items()}
        texts = [json.dumps(truth), json.dumps(case["results"][:2]), spell(truth, seed)]
        out += [bytes((seed,)) + text.encode() for text in texts if len(text) < 3000]
    return out


def boundary() -> list[bytes]:
    """A width and a size, then runs of ids: a few lengths, and such as columns repeat."""
    rng = Random("boundary")
    sizes = [(0, 0), (0, 90), (39, 0), (20, 20), (39, 139), (12, 63), (30, 64)]
    out = [bytes((d, *size)) + rng.randbytes(60) for size in sizes for d in (0, 2, 9, 23)]
    columns = bytes(rng.choice((1, 97, 250)) for _ in range(90))
    return out + [bytes((d, 30, 100)) + columns for d in (1, 4)]


def instances() -> list[bytes]:
    """Any bytes are images with segments."""
    rng = Random("instances")
    return [rng.randbytes(n) for n in (40, 80, 160, 300, 600)]
