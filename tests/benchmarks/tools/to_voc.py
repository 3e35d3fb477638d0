"""COCO instances and their pictures to the maps of Pascal VOC, classes and objects; pictures are linked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tools import OURS, Job, Scores, Tool
from tools.to_png import INSTANCES, PICTURES, layers

_BOUNDARY = 255


def run_segbench(job: Job) -> Scores:
    """segbench.convert, pictures linked."""
    import segbench

    segbench.convert(job.source / INSTANCES, job.target, target_format="voc", allow_loss=True)
    return {}


def run_pycocotools(job: Job) -> Scores:
    """A script of the same result: two palette PNGs an image by Pillow, pictures linked."""
    from PIL import Image
    from pycocotools.coco import COCO

    coco = COCO(str(job.source / INSTANCES))
    folders = [job.target / name for name in ("SegmentationClass", "SegmentationObject", "JPEGImages")]
    for folder in folders:
        folder.mkdir()
    palette = bytes(range(256)) * 3
    for image in coco.dataset["images"]:
        name = Path(image["file_name"])
        for folder, labels in zip(folders, _maps(coco, image), strict=False):
            picture = Image.fromarray(labels).convert("L")
            picture.putpalette(palette)
            picture.save(folder / name.with_suffix(".png"))
        os.link(job.source / PICTURES / name, folders[2] / name)
    return {}


def run_datumaro(job: Job) -> Scores:
    """datumaro to VOC, pictures copied."""
    import datumaro

    dataset = datumaro.Dataset.import_from(str(job.source), "coco_instances")
    dataset.transform("polygons_to_masks")
    dataset.export(str(job.target), "voc_segmentation", save_media=True, label_map="source")
    return {}


def run_supervision(job: Job) -> Scores:
    """supervision reads, the masks are painted and saved by Pillow, pictures linked."""
    import numpy as np
    import supervision
    from PIL import Image

    folder, file = str(job.source / PICTURES), str(job.source / INSTANCES)
    dataset = supervision.DetectionDataset.from_coco(folder, file, force_masks=True)
    folders = [job.target / name for name in ("SegmentationClass", "SegmentationObject")]
    for made in folders:
        made.mkdir()
    for path, found in dataset.annotations.items():
        with Image.open(path) as picture:
            classes = np.zeros(picture.size[::-1], np.uint8)
        objects = classes.copy()
        order = np.argsort(-found.mask.sum((1, 2)), kind="stable") if len(found) else ()
        for n, k in enumerate(order, 1):
            classes[found.mask[k]] = found.class_id[k] + 1
            objects[found.mask[k]] = n
        for made, labels in zip(folders, (classes, objects), strict=True):
            Image.fromarray(labels).save(made / Path(path).with_suffix(".png").name)
        os.link(path, job.target / Path(path).name)
    return {}


def _maps(coco: Any, image: dict[str, Any]) -> tuple[Any, Any]:
    import numpy as np

    classes = np.zeros((image["height"], image["width"]), np.uint8)
    objects = classes.copy()
    for n, (row, inside) in enumerate(layers(coco, image), 1):
        classes[inside], objects[inside] = row["category_id"], n
    return classes, objects


def inspect_maps(job: Job) -> Scores:
    """Number of class maps, and pixels that belong to any object."""
    import numpy as np
    from PIL import Image

    total, maps = 0, sorted(job.target.rglob("SegmentationClass/*.png"))
    for file in maps:
        labels = np.asarray(Image.open(file))
        total += int(((labels > 0) & (labels < _BOUNDARY)).sum())
    return {"images": float(len(maps)), "foreground": float(total)}


def inspect_colors(job: Job) -> Scores:
    """Pixels that are not black; one without an object has no map here."""
    import numpy as np
    from PIL import Image

    maps = sorted(job.target.rglob("SegmentationClass/*.png"))
    return {"foreground": float(sum(np.asarray(Image.open(f).convert("RGB")).any(-1).sum() for f in maps))}


TOOLS = {
    OURS: Tool(run_segbench, "segbench", "segbench", inspect_maps),
    "pycocotools": Tool(
        run_pycocotools, "pycocotools", "pycocotools", inspect_maps, note="a script of the same result"
    ),
    "datumaro": Tool(
        run_datumaro, "datumaro", "datumaro", inspect_colors, tolerance=1e-4,
        note="the foreground is compared, within 0.01 %",
    ),
    "supervision": Tool(
        run_supervision, "supervision", "supervision", inspect_maps, tolerance=0.05,
        note="fills polygons by OpenCV: the foreground is compared, within 5 %",
    ),
}  # fmt: skip
