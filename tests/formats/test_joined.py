"""Objects one by one are a map where the truth is one: none may share a pixel, and each has a mask."""

from __future__ import annotations

import json

import numpy as np
import pytest
from models import small_set

import segbench
from segbench.formats import open_predictions

TRUTH = small_set.dataset()
NAMES = TRUTH.id2label


def labelme(folder, index, *shapes):
    """A labelme file of rectangles ``(category, x0, y0, x1, y1)``, which hold their corners."""
    height, width = small_set.SIZES[index]
    content = {
        "version": "5.5.0", "flags": {}, "imagePath": f"{index + 1}.png", "imageData": None,
        "imageHeight": height, "imageWidth": width,
        "shapes": [
            {"label": NAMES[c], "shape_type": "polygon", "flags": {}, "group_id": None,
             "points": [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]}
            for c, x0, y0, x1, y1 in shapes
        ],
    }  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / f"{index + 1}.json").write_text(json.dumps(content))


def test_objects_are_the_segments_of_a_map(tmp_path):
    for index in range(4):
        labelme(tmp_path / "pred", index, (0, 2, 3, 12, 20), (2, 20, 3, 30, 20), (2, 20, 30, 26, 33))
    found = open_predictions(tmp_path / "pred", TRUTH)
    assert found.tasks == ("panoptic", "semantic")
    first = found[0]
    assert [(s.id, s.category_id) for s in first.segments] == [(1, 0), (2, 2), (3, 2)]
    assert first.kind == "panoptic"
    inside = first.segment_map[4:19, 4:11], first.segment_map[4:19, 21:29]
    assert [np.unique(part).tolist() for part in inside] == [[1], [2]]
    assert first.mask[40, 60] == 255
    for task, key in (("panoptic", "pq"), ("semantic", "miou")):
        assert 0 <= segbench.score(TRUTH, tmp_path / "pred", task=task).metrics[key].value < 1


def test_two_objects_that_share_pixels_are_refused(tmp_path):
    for index in range(4):
        labelme(tmp_path / "pred", index, (0, 2, 3, 12, 20), *[(2, 11, 5, 20, 9)] * (index == 2))
    with pytest.raises(
        segbench.DataError, match=r"3.json.*image 3: segments: overlap in \d+ pixels, and the"
    ):
        segbench.score(TRUTH, tmp_path / "pred", task="panoptic")


def test_where_the_truth_has_instances_they_may_overlap(tmp_path):
    truth = small_set.dataset(
        [small_set.near_regions([np.eye(*s, dtype=bool)], [0]) for s in small_set.SIZES]
    )
    labelme(tmp_path / "pred", 0, (0, 2, 3, 12, 20), (2, 11, 5, 20, 9))
    for index in range(1, 4):
        labelme(tmp_path / "pred", index)
    found = open_predictions(tmp_path / "pred", truth)
    assert found.tasks == ("instance",)
    assert found[0].kind == "instance"


def test_a_box_is_no_part_of_a_map(tmp_path):
    (tmp_path / "ds/ann").mkdir(parents=True)
    for index, (height, width) in enumerate(small_set.SIZES):
        box = {
            "classTitle": "car", "geometryType": "rectangle", "tags": [],
            "points": {"exterior": [[1, 1], [5, 6]], "interior": []},
        }  # fmt: skip
        content = {"size": {"height": height, "width": width}, "objects": [box] * (index == 1)}
        (tmp_path / f"ds/ann/{index + 1}.png.json").write_text(json.dumps(content))
    (tmp_path / "meta.json").write_text(json.dumps({"classes": [{"title": "car", "shape": "any"}]}))
    found = open_predictions(tmp_path, TRUTH)
    assert found[0].segments == ()
    with pytest.raises(segbench.DataError, match="image 2: segment 1: has no mask, and the truth is a map"):
        _ = found[1]
