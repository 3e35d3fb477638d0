"""One COCO case through ``segbench.score`` on files, ``MaskAP.update``, the drop-in and the original.

The original is pycocotools or, of boundaries, boundary-iou-api.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import segbench
from fuzz import deviations
from fuzz.boundary_reference import REFERENCE
from fuzz.coco_memory import measured, settings_of
from fuzz.coco_reference import ARRAYS, DROP_IN, KEYS, PYCOCOTOOLS, Files, Measure, Row, Tool, evaluate
from fuzz.compare import Difference, same
from fuzz.spelling import spell
from segbench.formats import open_predictions
from segbench.metrics import MaskAP
from segbench.protocols import get_protocol

PROTOCOLS = {"segm": "coco-instance", "bbox": "coco-bbox", "boundary": "boundary-ap"}


def check(case: Row, folder: Path) -> None:
    """Hold every scorer to the original.

    Raises
    ------
    Difference
        When one disagrees.
    """
    files, params = _write(case, folder, "as-is"), case["params"] or {}
    original, measure = _original(case)
    theirs = evaluate(original, files, measure, params)
    if "error" not in theirs or not deviations.taken_by_drop_in(case):
        same("drop-in", evaluate(DROP_IN, files, measure, params), theirs)  # in what it raises too
    if deviations.refused_instances(case):
        _check_refused(case, files)
        return
    whole = not {"useCats", "catIds", "imgIds"} & set(params)  # segbench takes a data set whole
    ours = _score_files(case, files, params if whole else {})
    if not whole:
        return
    changed = deviations.instances(case)
    if changed is not None:
        files = _write(changed, folder, "changed")
        theirs = evaluate(original, files, measure, params)
    if "precision" not in theirs:
        raise Difference("the original fails", theirs["error"])
    same("the original", ours, {name: theirs[name] for name in ours})


def _original(case: Row) -> tuple[Tool, Measure]:
    """The classes that score the case, and what they measure."""
    if case["iou_type"] == "boundary":
        return REFERENCE.instance, ("boundary", case["ratio"])
    return PYCOCOTOOLS, (case["iou_type"],)


def _write(case: Row, folder: Path, name: str) -> Files:
    """Write both files as the case spells them."""
    files = Files(folder / f"instances_{name}.json", folder / f"results_{name}.json")
    for path, key in zip(files, ("truth", "results"), strict=True):
        path.write_text(spell(case[key], case["spelling"]), encoding="utf-8")
    return files


def _score(case: Row, files: Files, settings: Row) -> segbench.RunRecord:
    """Score as the case says: read block by block of its size, formats named where keys are spelled oddly."""
    named: Row = {} if case["spelling"] is None else {"truth_format": "coco", "predictions_format": "coco"}
    named |= {"protocol": PROTOCOLS[case["iou_type"]], "settings": settings, "threads": case["threads"]}
    with mock.patch("segbench.formats.coco_index._BLOCK", case["block"]):
        return segbench.score(files.truth, files.results, **named)


def _check_refused(case: Row, files: Files) -> None:
    try:
        _score(case, files, {})
    except segbench.SegbenchError:
        return
    raise Difference("accepted", "what deviations.py says is refused")


def _score_files(case: Row, files: Files, params: Row) -> Row:
    """The curves of ``segbench.score``, once they equal MaskAP.update's; without params the numbers too."""
    settings = settings_of(case, params)
    record = _score(case, files, settings)
    curves, memory = _from_tables(record), measured(files, case["iou_type"], settings)
    same("files and memory", curves, _curves(memory))
    if case.get("general"):  # which a case made smaller may lack
        values = memory.compute()
        same("files and memory", {key: metric.value for key, metric in record.metrics.items()}, dict(values))
        _same_records(record, files)
    if params:
        return curves
    categories = segbench.Categories.from_json(record.dataset["categories"])
    prefix = "boundary_" if case["iou_type"] == "boundary" else ""
    per_class = {row["category_id"]: row[f"{prefix}ap"] for row in record.per_class}
    by_source_id = [per_class[category.id] for category in sorted(categories, key=lambda c: c.key)]
    return {key: record.metrics[prefix + key].value for key in KEYS} | curves | {"per class": by_source_id}


def _curves(metric: MaskAP) -> Row:
    curves = metric.curves()
    return {name: getattr(curves, name) for name in ARRAYS}


def _from_tables(record: segbench.RunRecord) -> Row:
    """The curves, from the evidence that a record keeps."""
    categories = segbench.Categories.from_json(record.dataset["categories"])
    metric: Any = get_protocol(record.protocol["name"]).build(categories, record.protocol["settings"])
    metric.add_tables(record.images, record.detections)
    return _curves(metric)


def _same_records(record: segbench.RunRecord, files: Files) -> None:
    """Hold a record made by columns, where it was, to one whose files are read item by item."""
    with mock.patch("segbench.formats.coco.read_index", return_value=None):
        truth = segbench.open_dataset(files.truth, format="coco")
        results = open_predictions(files.results, truth, format="coco")
        rules = {"protocol": record.protocol["name"], "settings": record.protocol["settings"]}
        other = segbench.score(truth, results, threads=2, **rules)
    same("data set of the record", record.dataset, other.dataset)
    same("warnings of the record", record.warnings, other.warnings)
    for name in ("images", "detections"):
        ours, theirs = (getattr(one, name).to_pydict() for one in (record, other))
        same(f"table of {name}", ours, theirs)
