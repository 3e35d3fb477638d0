"""One generated data set with everything that formats disagree about, and what comes back of it from each."""

from __future__ import annotations

import io

import numpy as np
from formats import tiny
from PIL import Image

import segbench
from segbench.canonical.rle import Rle

ASPECTS = {
    "images": frozenset[str](),
    "image ids": frozenset({"image_ids"}),
    "maps": frozenset(
        {"overlap", "stacking", "crowd", "ignore", "void", "stuff", "instances", "holes", "parts"}
    ),
    "objects": frozenset({"instances", "stuff", "overlap", "crowd", "ignore", "parts", "holes"}),
    "crowds": frozenset({"crowd", "instances"}),
    "ignore": frozenset({"ignore", "instances"}),
    "ids": frozenset({"ids", "repeated_ids", "instances", "stuff", "overlap", "crowd", "ignore"}),
    "categories": frozenset({"category_ids", "wide_ids"}),
    "thing/stuff": frozenset({"isthing", "wide_ids"}),
}
"""What is compared, and the losses any of which accounts for a difference."""

BEGIN, END = "<!-- round trips: written by tests/test_matrix.py -->\n", "<!-- /round trips -->\n"

SIZES = {1: (37, 53), 2: (20, 31), 3: (5, 7), 4: (24, 40)}
ROTATED, EMPTY = 4, 3


def put_everything(root, n_categories=5, overlaps=True):
    """Write COCO instances: overlaps, a hole, parts, a crowd, an ignore region, an empty and a turned one."""
    content = {
        "images": [
            {"id": i, "height": h, "width": w, "file_name": f"{i:03d}.jpg"} for i, (h, w) in SIZES.items()
        ],
        "annotations": list(annotations(overlaps, n_categories)),
        "categories": [
            {"id": 3 * i + 1, "name": f"category {i}", "isthing": int(i != 2)} for i in range(n_categories)
        ],
    }
    (root / "val").mkdir(parents=True)
    for i, (height, width) in SIZES.items():
        (root / "val" / f"{i:03d}.jpg").write_bytes(jpeg(height, width, turned=i == ROTATED))
    return tiny.dump(root / "instances_val.json", content)


def jpeg(height, width, turned):
    exif, size = Image.Exif(), (width, height)
    if turned:
        exif[0x0112], size = 6, (height, width)
    out = io.BytesIO()
    Image.new("RGB", size, (90, 120, 150)).save(out, "JPEG", exif=exif)
    return out.getvalue()


def annotations(overlaps, n_categories):
    ring = tiny.square(SIZES[1], 2, 2, 12, 12)
    ring[5:8, 5:8] = 0
    parts = tiny.square(SIZES[1], 20, 2, 25, 8) | tiny.square(SIZES[1], 28, 12, 33, 20)
    masks = [
        (1, 0, ring, {}),
        (1, 1, parts, {}),
        (1, 2, tiny.square(SIZES[1], 33, 0, 37, 53), {}),
        (2, 0, tiny.square(SIZES[2], 0, 0, 9, 31), {"iscrowd": 1}),
        (2, n_categories - 1, tiny.square(SIZES[2], 10, 3, 16, 9), {}),
        (2, 1, tiny.square(SIZES[2], 10, 20, 16, 30), {"ignore": 1}),
        (4, 3, tiny.square(SIZES[4], 1, 1, 20, 9), {}),
    ]
    if overlaps:
        masks.append((1, 3, tiny.square(SIZES[1], 8, 8, 18, 30), {}))
    for number, (image, category, mask, more) in enumerate(masks, 101):
        rle, (x, y, w, h) = tiny.rle(mask), Rle.from_mask(mask).bbox
        yield {
            "id": number, "image_id": image, "category_id": 3 * category + 1, "segmentation": rle,
            "area": int(mask.sum()), "bbox": [x, y, w, h], "iscrowd": 0, **more,
        }  # fmt: skip


def there_and_back(name, source, folder):
    """Convert to a format and read it again; return the report, and the aspects that are not as they were."""
    report = segbench.convert(source, folder / "there", target_format=name, allow_loss=True)
    before, after = segbench.open_dataset(source), segbench.open_dataset(folder / "there", format=name)
    first, second = facts(before), facts(after)
    return report, [aspect for aspect in ASPECTS if first[aspect] != second[aspect]]


def facts(dataset):
    """What is compared, by aspect; pictures are named by their size, which is another for each."""
    found = {aspect: [] for aspect in ASPECTS}
    found["categories"] = sorted((c.name, c.key) for c in dataset.categories)
    found["thing/stuff"] = sorted((c.name, c.isthing) for c in dataset.categories)
    for sample in sorted(dataset, key=lambda s: (s.height, s.width)):
        size = sample.height, sample.width
        names = np.array([c.name for c in dataset.categories] + [""], object)
        mask = np.minimum(sample.mask.astype(np.int64), len(dataset.categories))
        found["images"].append(size)
        found["image ids"].append(sample.image_id)
        found["maps"].append((size, names[mask].tolist()))
        rows = sorted(
            (dataset.categories[s.category_id].name, counts, s.id, s.iscrowd, s.ignore)
            for s, counts in zip(sample.segments, masks(sample), strict=True)
        )
        found["objects"].append([(name, counts) for name, counts, *_ in rows])
        found["ids"].append(sorted(row[2] for row in rows))
        found["crowds"].append([row[:2] for row in rows if row[3]])
        found["ignore"].append([row[:2] for row in rows if row[4]])
    return found


def masks(sample):
    if sample.kind == "panoptic":
        return [Rle.from_mask(sample.segment_map == s.id).counts for s in sample.segments]
    return [
        b"" if (rle := s.to_rle(sample.height, sample.width)) is None else Rle.from_mask(rle.to_mask()).counts
        for s in sample.segments
    ]


def cell(aspect, report, differing):
    """An equals sign, or the losses that were announced and account for the difference."""
    if aspect not in differing:
        return "="
    told = [loss.feature for loss in report.losses if loss.feature in ASPECTS[aspect]]
    return ", ".join(told) or "NOT ANNOUNCED"


def table(rows):
    """README's table, of ``{format: {aspect: cell}}``."""
    lines = [f"| format | {' | '.join(ASPECTS)} |", f"|---|{'---|' * len(ASPECTS)}"]
    return (
        "\n".join([*lines, *(f"| `{n}` | {' | '.join(cells.values())} |" for n, cells in rows.items())])
        + "\n"
    )
