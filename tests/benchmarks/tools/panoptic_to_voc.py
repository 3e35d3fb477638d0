"""COCO panoptic to the maps of Pascal VOC, without pictures."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tools import OURS, Job, Scores, Tool
from tools.to_voc import inspect_colors, inspect_maps

VOID = 255


def run_segbench(job: Job) -> Scores:
    """segbench.convert."""
    import segbench

    options = {"target_format": "voc", "images": "none", "allow_loss": True}
    segbench.convert(job.source / "truth.json", job.target, **options)
    return {}


def run_script(job: Job) -> Scores:
    """NumPy and Pillow: two grey PNGs an image."""
    import numpy as np
    from PIL import Image

    content = json.loads((job.source / "truth.json").read_text())
    folders = [job.target / name for name in ("SegmentationClass", "SegmentationObject")]
    for folder in folders:
        folder.mkdir()
    for row in content["annotations"]:
        rgb = np.asarray(Image.open(job.source / "truth" / row["file_name"])).astype(np.int32)
        ids = rgb[:, :, 0] + 256 * rgb[:, :, 1] + 65_536 * rgb[:, :, 2]
        classes = np.full(ids.shape, VOID, np.uint8)
        objects = classes.copy()
        for n, segment in enumerate(row["segments_info"], 1):
            inside = ids == segment["id"]
            classes[inside], objects[inside] = segment["category_id"], n
        for folder, labels in zip(folders, (classes, objects), strict=True):
            Image.fromarray(labels).save(folder / row["file_name"])
    return {}


def run_datumaro(job: Job) -> Scores:
    """datumaro, whose importer wants COCO's folders."""
    import datumaro

    with tempfile.TemporaryDirectory() as root:
        folder = Path(root, "annotations")
        folder.mkdir()
        Path(root, "images").mkdir()
        (folder / "panoptic_train.json").symlink_to(job.source / "truth.json")
        (folder / "panoptic_train").symlink_to(job.source / "truth")
        dataset = datumaro.Dataset.import_from(root, "coco_panoptic")
        dataset.export(str(job.target), "voc_segmentation", save_media=False, label_map="source")
    return {}


TOOLS = {
    OURS: Tool(run_segbench, "segbench", "segbench", inspect_maps),
    "script": Tool(run_script, "PIL", "pillow", inspect_maps, note="NumPy and Pillow"),
    "datumaro": Tool(
        run_datumaro, "datumaro", "datumaro", inspect_colors, tolerance=0.05,
        note="void is black: the foreground is compared, within 5 %",
    ),
}  # fmt: skip
