"""COCO instances with their pictures to the tool's own data set; ours has label maps too."""

from __future__ import annotations

import json
import os

from tools import OURS, Job, Scores, Tool
from tools.to_png import INSTANCES, PICTURES, paint


def run_segbench(job: Job) -> Scores:
    """The command, pictures linked."""
    from segbench.cli import main

    main(["convert", str(job.source / INSTANCES), str(job.target)], standalone_mode=False)
    return {}


def run_pycocotools(job: Job) -> Scores:
    """A script of the same result: pictures linked, label maps by Pillow, RLEs as JSON lines."""
    from PIL import Image
    from pycocotools import mask as coco_mask
    from pycocotools.coco import COCO

    coco = COCO(str(job.source / INSTANCES))
    with (job.target / "metadata.jsonl").open("w") as out:
        for image in coco.dataset["images"]:
            segments = []
            for row in coco.imgToAnns[image["id"]]:
                rle = coco.annToRLE(row)
                known = {key: row[key] for key in ("id", "category_id", "iscrowd", "bbox")}
                area = int(coco_mask.area(rle))
                segments.append({**known, "area": area, "counts": rle["counts"].decode("ascii")})
            out.write(json.dumps({**image, "segments": segments}) + "\n")
            name = image["file_name"]
            os.link(job.source / PICTURES / name, job.target / name)
            Image.fromarray(paint(coco, image)).save(job.target / f"{name}.png")
    return {}


def run_datumaro(job: Job) -> Scores:
    """datumaro to its own format, pictures copied."""
    import datumaro

    dataset = datumaro.Dataset.import_from(str(job.source), "coco_instances")
    dataset.export(str(job.target), "datumaro", save_media=True)
    return {}


def run_supervision(job: Job) -> Scores:
    """supervision reads COCO and writes COCO, pictures copied."""
    import supervision

    folder, file = str(job.source / PICTURES), str(job.source / INSTANCES)
    dataset = supervision.DetectionDataset.from_coco(folder, file, force_masks=True)
    dataset.as_coco(str(job.target / "images"), str(job.target / "instances.json"))
    return {}


def inspect_segbench(job: Job) -> Scores:
    """Read the data set back."""
    import segbench

    samples = list(segbench.open_dataset(job.target))
    sizes = [(sample.height, sample.width) for sample in samples]
    rles = [s.to_rle(*size) for sample, size in zip(samples, sizes, strict=True) for s in sample.segments]
    return {
        "images": float(len(samples)),
        "segments": float(len(rles)),
        "area": float(sum(rle.area for rle in rles if rle is not None)),
        "foreground": float(sum((sample.mask != sample.ignore_index).sum() for sample in samples)),
    }


def inspect_pycocotools(job: Job) -> Scores:
    """Read JSON lines and label maps."""
    from tools.to_png import inspect_foreground

    rows = [json.loads(line) for line in (job.target / "metadata.jsonl").read_text().splitlines()]
    segments = [segment for row in rows for segment in row["segments"]]
    return {
        "segments": float(len(segments)),
        "area": float(sum(segment["area"] for segment in segments)),
        **inspect_foreground(job),
    }


def inspect_datumaro(job: Job) -> Scores:
    """Count items, and the groups that the polygons of one segment make."""
    items = json.loads((job.target / "annotations" / "train.json").read_text())["items"]
    groups = {(item["id"], row["group"]) for item in items for row in item["annotations"]}
    return {"images": float(len(items)), "segments": float(len(groups))}


def inspect_supervision(job: Job) -> Scores:
    """Count images and annotations."""
    content = json.loads((job.target / "instances.json").read_text())
    return {"images": float(len(content["images"])), "segments": float(len(content["annotations"]))}


TOOLS = {
    OURS: Tool(run_segbench, "segbench", "segbench", inspect_segbench),
    "pycocotools": Tool(
        run_pycocotools, "pycocotools", "pycocotools", inspect_pycocotools, note="a script of the same result"
    ),
    "datumaro": Tool(
        run_datumaro, "datumaro", "datumaro", inspect_datumaro, note="its own JSON, without label maps"
    ),
    "supervision": Tool(
        run_supervision, "supervision", "supervision", inspect_supervision, note="COCO, without label maps"
    ),
}
