"""COCO instances and their pictures to Cityscapes: labels, train ids and 16-bit objects; pictures linked.

Cityscapes' numbers hold 65 classes with objects: those beyond are left out.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tools import OURS, Job, Scores, Tool
from tools.to_png import INSTANCES, PICTURES, layers

_KINDS = ("labelIds", "labelTrainIds", "instanceIds")


def run_segbench(job: Job) -> Scores:
    """segbench.convert, pictures linked."""
    import segbench

    segbench.convert(job.source / INSTANCES, job.target, target_format="cityscapes", allow_loss=True)
    return {}


def run_pycocotools(job: Job) -> Scores:
    """A script of the same result: three PNGs an image by Pillow, pictures linked."""
    from pycocotools.coco import COCO

    coco = COCO(str(job.source / INSTANCES))
    folder = _folder(job)
    for image in coco.dataset["images"]:
        rows = ((row["category_id"], inside) for row, inside in layers(coco, image))
        _save(folder, Path(image["file_name"]), (image["height"], image["width"]), rows)
        os.link(job.source / PICTURES / image["file_name"], folder / image["file_name"])
    return {}


def run_datumaro(job: Job) -> Scores:
    """datumaro to Cityscapes, pictures copied."""
    import datumaro

    dataset = datumaro.Dataset.import_from(str(job.source), "coco_instances")
    dataset.transform("polygons_to_masks")
    dataset.export(str(job.target), "cityscapes", save_media=True, label_map="source")
    return {}


def run_supervision(job: Job) -> Scores:
    """supervision reads, the masks are painted and saved by Pillow, pictures linked."""
    import numpy as np
    import supervision
    from PIL import Image

    pictures, file = str(job.source / PICTURES), str(job.source / INSTANCES)
    dataset = supervision.DetectionDataset.from_coco(pictures, file, force_masks=True)
    folder = _folder(job)
    for path, found in dataset.annotations.items():
        with Image.open(path) as picture:
            size = picture.size[::-1]
        order = np.argsort(-found.mask.sum((1, 2)), kind="stable") if len(found) else ()
        _save(folder, Path(path), size, ((int(found.class_id[k]) + 1, found.mask[k]) for k in order))
        os.link(path, folder / Path(path).name)
    return {}


def _folder(job: Job) -> Path:
    folder = job.target / "gtFine"
    folder.mkdir()
    return folder


def _save(folder: Path, name: Path, size: tuple[int, int], rows: Any) -> None:
    import numpy as np
    from PIL import Image

    labels, objects = np.zeros(size, np.uint8), np.zeros(size, np.uint16)
    for n, (category, inside) in enumerate(rows):
        labels[inside], objects[inside] = category, min(category * 1000 + n, 65_535)
    for kind, values in zip(_KINDS, (labels, labels, objects), strict=True):
        Image.fromarray(values).save(folder / f"{name.stem}_gtFine_{kind}.png")


def inspect_maps(job: Job) -> Scores:
    """Number of maps of labels."""
    return {"images": float(len(list(job.target.rglob("*_labelIds.png"))))}


def inspect_any(job: Job) -> Scores:
    """Whether there is a map of labels; images without an object have none here."""
    return {"maps": float(any(job.target.rglob("*_labelIds.png")))}


def inspect_ours(job: Job) -> Scores:
    """Both."""
    return inspect_maps(job) | inspect_any(job)


TOOLS = {
    OURS: Tool(run_segbench, "segbench", "segbench", inspect_ours),
    "pycocotools": Tool(
        run_pycocotools, "pycocotools", "pycocotools", inspect_maps, note="a script of the same result"
    ),
    "datumaro": Tool(
        run_datumaro, "datumaro", "datumaro", inspect_any,
        note="writes classes where objects should be numbered",
    ),
    "supervision": Tool(run_supervision, "supervision", "supervision", inspect_maps),
}  # fmt: skip
