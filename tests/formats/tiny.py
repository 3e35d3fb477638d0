"""The smallest valid data set of each format, to be spoilt in one thing; two pictures, three categories."""

import json
from pathlib import Path

import numpy as np

from segbench.canonical.images import encode_image, encode_labels, encode_segment_map
from segbench.canonical.rle import Rle

SIZES = {1: (4, 6), 2: (5, 5)}
"""``{image id: (height, width)}``"""


def square(size, top, left, bottom, right):
    """A mask [H, W] with one rectangle."""
    mask = np.zeros(size, np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


def rle(mask):
    """COCO's compressed run lengths."""
    return {"size": list(mask.shape), "counts": Rle.from_mask(mask).counts.decode()}


def runs(mask):
    """COCO's uncompressed run lengths."""
    return {"size": list(mask.shape), "counts": Rle.from_mask(mask).runs.tolist()}


def images():
    return [
        {"id": i, "height": h, "width": w, "file_name": f"{i}.png", "license": 4}
        for i, (h, w) in SIZES.items()
    ]


def categories():
    return [
        {"id": 3, "name": "cat", "supercategory": "animal"},
        {"id": 7, "name": "dog", "supercategory": "animal"},
        {"id": 90, "name": "grass", "supercategory": "ground"},
    ]


def instances():
    """A polygon, compressed and plain run lengths, one of them a crowd; the first two overlap."""
    pixels = square(SIZES[1], 1, 1, 4, 4)
    crowd = square(SIZES[2], 0, 0, 5, 2)
    return {
        "info": {"description": "tiny", "year": 2024},
        "licenses": [{"id": 4, "name": "CC BY"}],
        "images": images(),
        "annotations": [
            {
                "id": 11, "image_id": 1, "category_id": 3, "iscrowd": 0, "area": 7.5, "bbox": [0, 0, 2.5, 3],
                "segmentation": [[0.1, 0.2, 2.5, 0.0, 2.5, 3, 0, 3], [4, 0, 6, 0, 6, 2, 4, 2]],
                "attributes": {"é": "ß"},
            },
            {
                "id": 12, "image_id": 1, "category_id": 7, "iscrowd": 0, "area": 9, "bbox": [1, 1, 3, 3],
                "segmentation": rle(pixels),
            },
            {
                "id": 13, "image_id": 2, "category_id": 3, "iscrowd": 1, "area": 10, "bbox": [0, 0, 2, 5],
                "segmentation": runs(crowd),
            },
        ],
        "categories": categories(),
    }  # fmt: skip


def results():
    """Perfect predictions of :func:`instances`."""
    return [
        {
            "image_id": a["image_id"],
            "category_id": a["category_id"],
            "segmentation": a["segmentation"],
            "score": 0.5,
        }
        for a in instances()["annotations"]
        if not a["iscrowd"]
    ]


def segment_maps():
    """``{image id: int32 [H, W]}``; 0 is void."""
    first, second = (np.zeros(size, np.int32) for size in SIZES.values())
    first[:2], first[2:, :3] = 70_000, 5
    second[1:], second[1:, 4] = 5, 300
    return {1: first, 2: second}


def panoptic():
    """The JSON that goes with :func:`segment_maps`."""
    boxes = {(1, 70_000): [0, 0, 6, 2], (1, 5): [0, 2, 3, 2], (2, 5): [0, 1, 4, 4], (2, 300): [4, 1, 1, 4]}
    category = {(1, 70_000): 90, (1, 5): 3, (2, 5): 90, (2, 300): 7}
    return {
        "info": {"description": "tiny"},
        "images": images(),
        "annotations": [
            {
                "image_id": i,
                "file_name": f"{i}.png",
                "segments_info": [
                    {
                        "id": s,
                        "category_id": category[i, s],
                        "iscrowd": int(s == 300),
                        "area": b[2] * b[3],
                        "bbox": b,
                    }
                    for (j, s), b in boxes.items()
                    if j == i
                ],
            }
            for i in SIZES
        ],
        "categories": [c | {"isthing": int(c["id"] != 90), "color": [c["id"], 0, 9]} for c in categories()],
    }


def masks():
    """``{image id: uint8 [H, W]}`` of the ids 0, 1, 2 and 255 for ignore."""
    first, second = (np.zeros(size, np.uint8) for size in SIZES.values())
    first[:2], second[1:, 2:], second[0] = 1, 2, 255
    return {1: first, 2: second}


def dump(file: Path, content) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def load(file: Path):
    return json.loads(file.read_text(encoding="utf-8"))


def put_pictures(folder: Path, sizes=SIZES) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i, (height, width) in sizes.items():
        picture = np.full((3, height, width), 10 * int(i), np.uint8)
        (folder / f"{i}.png").write_bytes(encode_image(picture))


def put_instances(root: Path, content=None) -> Path:
    """``root/instances_val.json`` and ``root/val`` with the pictures; returns the JSON."""
    put_pictures(root / "val")
    return dump(root / "instances_val.json", instances() if content is None else content)


def put_maps(folder: Path, maps=None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i, ids in (segment_maps() if maps is None else maps).items():
        (folder / f"{i}.png").write_bytes(encode_segment_map(ids))


def put_panoptic(root: Path, content=None, maps=None, name="panoptic_val") -> Path:
    """``root/panoptic_val.json``, its maps, and ``root/val`` with the pictures; returns the JSON."""
    put_pictures(root / "val")
    put_maps(root / name, maps)
    return dump(root / f"{name}.json", panoptic() if content is None else content)


def put_labels(root: Path, content=None) -> Path:
    """``root/images``, ``root/masks`` and ``root/id2label.json``; returns the folder."""
    put_pictures(root / "images")
    put_masks(root / "masks", content)
    dump(root / "id2label.json", {"0": "road", "1": "tree", "2": "sky"})
    return root


def put_masks(folder: Path, content=None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i, mask in (masks() if content is None else content).items():
        (folder / f"{i}.png").write_bytes(encode_labels(mask))
    return folder


def by_id(content, without=()):
    """A COCO JSON for comparison: its lists sorted by id, keys that writing adds to every row left out."""

    def bare(row):
        return {k: v for k, v in row.items() if k not in without}

    def key(row):
        return str(row.get("id", row.get("image_id")))

    return {k: sorted(map(bare, v), key=key) if isinstance(v, list) else v for k, v in content.items()}
