"""COCO instances to one PNG label map an image: crowds below, then the largest objects, 255 elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools import OURS, Job, Scores, Tool

INSTANCES = Path("annotations", "instances_train.json")
PICTURES = Path("images", "train")
VOID = 255


def run_segbench(job: Job) -> Scores:
    """segbench.convert."""
    import segbench

    segbench.convert(job.source / INSTANCES, job.target, target_format="png", images="none", allow_loss=True)
    return {}


def run_pycocotools(job: Job) -> Scores:
    """The loop that every conversion script has: annToMask, paint, save by Pillow."""
    from PIL import Image
    from pycocotools.coco import COCO

    coco = COCO(str(job.source / INSTANCES))
    for image in coco.dataset["images"]:
        labels = paint(coco, image)
        Image.fromarray(labels).save(job.target / Path(image["file_name"]).with_suffix(".png"))
    return {}


def run_datumaro(job: Job) -> Scores:
    """datumaro to CamVid, which is one map of colours an image."""
    import datumaro

    dataset = datumaro.Dataset.import_from(str(job.source), "coco_instances")
    dataset.transform("polygons_to_masks")
    dataset.export(str(job.target), "camvid", save_media=False, label_map="source")
    return {}


def run_supervision(job: Job) -> Scores:
    """supervision reads, the masks are painted and saved by Pillow."""
    import numpy as np
    import supervision
    from PIL import Image

    folder, file = str(job.source / PICTURES), str(job.source / INSTANCES)
    dataset = supervision.DetectionDataset.from_coco(folder, file, force_masks=True)
    for path, found in dataset.annotations.items():
        with Image.open(path) as picture:
            labels = np.full(picture.size[::-1], VOID, np.uint8)
        order = np.argsort(-found.mask.sum((1, 2)), kind="stable") if len(found) else ()
        for k in order:
            labels[found.mask[k]] = found.class_id[k]
        Image.fromarray(labels).save(job.target / Path(path).with_suffix(".png").name)
    return {}


def paint(coco: Any, image: dict[str, Any]) -> Any:
    """Paint the annotations of one image by pycocotools, uint8 [H, W] of category ids."""
    import numpy as np

    labels = np.full((image["height"], image["width"]), VOID, np.uint8)
    for row, inside in layers(coco, image):
        labels[inside] = row["category_id"]
    return labels


def layers(coco: Any, image: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Any]]:
    """Annotations of one image and their masks, bool [H, W], in the order in which they are painted."""
    from pycocotools import mask as coco_mask

    rows = [(row, coco.annToRLE(row)) for row in coco.imgToAnns[image["id"]]]
    for row, rle in sorted(rows, key=lambda pair: (not pair[0]["iscrowd"], -int(coco_mask.area(pair[1])))):
        yield row, coco_mask.decode(rle) > 0


def inspect_labels(job: Job) -> Scores:
    """Number of maps, and pixels of each category."""
    import numpy as np

    maps = list(_maps(job))
    pixels = sum(np.bincount(labels.ravel(), minlength=VOID + 1) for labels in maps)
    named = {f"category {c}": float(pixels[c]) for c in range(VOID)}
    return {"images": float(len(maps)), "foreground": float(pixels[:VOID].sum()), **named}


def inspect_foreground(job: Job) -> Scores:
    """Number of maps, and pixels that belong to any category, whatever its id."""
    maps = list(_maps(job))
    return {"images": float(len(maps)), "foreground": float(sum((labels != VOID).sum() for labels in maps))}


def inspect_colors(job: Job) -> Scores:
    """Pixels that are not black."""
    return {"foreground": float(sum(labels.any(-1).sum() for labels in _maps(job)))}


def _maps(job: Job) -> Iterator[Any]:
    import numpy as np
    from PIL import Image

    for file in sorted(job.target.rglob("*.png")):
        yield np.array(Image.open(file))


TOOLS = {
    OURS: Tool(run_segbench, "segbench", "segbench", inspect_labels),
    "pycocotools": Tool(
        run_pycocotools, "pycocotools", "pycocotools", inspect_labels, note="annToRLE, decode, Pillow"
    ),
    "datumaro": Tool(
        run_datumaro,
        "datumaro",
        "datumaro",
        inspect_colors,
        tolerance=1e-4,
        note="CamVid; the foreground is compared, within 0.01 %",
    ),
    "supervision": Tool(
        run_supervision,
        "supervision",
        "supervision",
        inspect_foreground,
        tolerance=0.05,
        note="fills polygons by OpenCV: the foreground is compared, within 5 %",
    ),
}
