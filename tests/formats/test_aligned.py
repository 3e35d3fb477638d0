"""Predictions are found by the ids of images, else by the names of pictures; their classes by name."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from formats import tiny
from PIL import Image

import segbench
from segbench.canonical.dataset import Dataset
from segbench.formats import FORMATS, carries, load_format

SIZE = (12, 16)
CATEGORIES = [
    {"id": 7, "name": "dog", "isthing": 1},
    {"id": 3, "name": "cat", "isthing": 1},
    {"id": 9, "name": "sky", "isthing": 0},
]
SCORED = [
    f for f in FORMATS if f != "coco-panoptic" and carries(f)["scores"] and hasattr(load_format(f), "write")
]


def put_scored(root, names):
    """COCO instances whose ids are numbers, with pictures of these names and a score each."""
    images = [
        {"id": 40 + i, "height": SIZE[0], "width": SIZE[1], "file_name": name} for i, name in enumerate(names)
    ]
    for image in images:
        file = root / image["file_name"]
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(file)
    annotations = [
        {
            "id": 1 + i, "image_id": image["id"], "category_id": (7, 3)[i % 2], "score": 0.9 - i / 10,
            "iscrowd": 0, "area": 16, "bbox": [2, 2, 4, 4],
            "segmentation": [[2, 2, 6, 2, 6, 6, 2, 6]],
        }
        for i, image in enumerate(images)
    ]  # fmt: skip
    file = root / "instances_val.json"
    return tiny.dump(file, {"images": images, "annotations": annotations, "categories": CATEGORIES})


def put_panoptic(root, names, categories=(7, 3)):
    """COCO panoptic of such pictures, each of one segment of these classes."""
    truth = json.loads(put_scored(root / "truth", names).read_text())
    annotations = [
        {
            "image_id": image["id"], "file_name": f"{image['id']}.png",
            "segments_info": [{"id": 5, "category_id": category, "iscrowd": 0}],
        }
        for image, category in zip(truth["images"], categories, strict=True)
    ]  # fmt: skip
    maps = {image["id"]: np.full(SIZE, 5, np.int32) for image in truth["images"]}
    tiny.put_maps(root / "truth/panoptic_val", maps)
    return tiny.dump(root / "truth/panoptic_val.json", truth | {"annotations": annotations})


@pytest.mark.parametrize("name", SCORED)
def test_what_was_converted_is_scored_against_what_it_was_made_from(name, tmp_path):
    truth = put_scored(tmp_path / "truth", ["left.png", "right.png"])
    target = tmp_path / "predictions"
    segbench.convert(truth, target, target_format=name, allow_loss=True)
    record = segbench.score(truth, target, task="instance")
    assert record.metrics["ap"].value == pytest.approx(1)


def test_a_coco_file_with_scores_is_results(tmp_path):
    truth = put_scored(tmp_path / "truth", ["left.png", "right.png"])
    assert segbench.score(truth, truth).metrics["ap"].value == pytest.approx(1)
    content = json.loads(truth.read_text())
    content["annotations"][0].pop("score")
    unscored = tiny.dump(tmp_path / "unscored.json", content)
    with pytest.raises(segbench.DataError, match="image 40: score: prediction 0 has score None"):
        segbench.score(truth, unscored)


@pytest.mark.parametrize(
    ("pictures", "maps"),
    [
        (["left.png", "right.png"], ["left", "right"]),
        (["day/left.png", "night/left.png"], ["day/left", "night/left"]),
        (["day/left.png", "night/right.png"], ["left", "right"]),
        (["left.png", "right.png"], ["val/left", "val/right"]),
        (["left.png", "right.png"], ["40", "41"]),
        (["41.png", "40.png"], ["40", "41"]),
    ],
    ids=["names", "folders", "last part", "splits", "ids", "ids before names"],
)
def test_maps_are_called_like_ids_or_pictures(pictures, maps, tmp_path):
    truth = put_panoptic(tmp_path, pictures)
    for i, name in enumerate(maps):
        file = tmp_path / "maps" / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full(SIZE, (7, 3)[i], np.uint8)).save(file)
    record = segbench.score(truth, tmp_path / "maps", predictions_format="png")
    assert record.metrics["miou"].value == 1


def test_what_pairs_by_no_name_is_told_by_the_ids(tmp_path):
    truth = put_panoptic(tmp_path, ["left.png", "right.png"])
    (tmp_path / "maps").mkdir()
    Image.fromarray(np.full(SIZE, 7, np.uint8)).save(tmp_path / "maps/left.png")
    with pytest.raises(segbench.UnpairedError, match="image 40: there is no prediction for this image"):
        segbench.score(truth, tmp_path / "maps", predictions_format="png")


@pytest.mark.parametrize(("names", "found"), [(["v/000004", "v/000007"], True), (["v/000004", "x"], False)])
def test_frames_are_found_by_video_and_number(names, found, tmp_path):
    """Such as MOTS and STEP call them; a video of a name that no folder has is no fault of predictions."""
    truth = segbench.open_dataset(put_panoptic(tmp_path, ["left.png", "right.png"]))
    places = [{"video_id": "v", "frame": 4}, {"video_id": "v" if found else "..", "frame": 7}]
    in_video = Dataset(
        name="frames", categories=truth.categories, image_ids=truth.image_ids, tasks=truth.tasks,
        load=lambda index: replace(truth[index], **places[index]),
    )  # fmt: skip
    for i, name in enumerate(names):
        file = tmp_path / "maps" / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full(SIZE, (7, 3)[i], np.uint8)).save(file)
    if found:
        assert (
            segbench.score(in_video, tmp_path / "maps", predictions_format="png").metrics["miou"].value == 1
        )
        return
    with pytest.raises(segbench.UnpairedError, match="image 40: there is no prediction for this image"):
        segbench.score(in_video, tmp_path / "maps", predictions_format="png")


def test_classes_that_are_not_predicted_need_no_counterpart(tmp_path):
    truth = put_panoptic(tmp_path, ["left.png", "right.png"])
    other = put_panoptic(tmp_path / "other", ["left.png", "right.png"])
    content = json.loads(other.read_text())
    content["categories"].append({"id": 11, "name": "unicorn", "isthing": 1})
    tiny.dump(other, content)
    segbench.convert(other, tmp_path / "more")
    for task, key in (("panoptic", "pq"), ("semantic", "miou")):
        assert segbench.score(truth, tmp_path / "more", task=task).metrics[key].value == 1
    content["annotations"][1]["segments_info"][0]["category_id"] = 11
    tiny.dump(other, content)
    segbench.convert(other, tmp_path / "used")
    for task in ("panoptic", "semantic"):
        with pytest.raises(
            segbench.DataError, match="image 41: categories: .*'unicorn' is none of the truth"
        ):
            segbench.score(truth, tmp_path / "used", task=task)


def test_classes_are_found_by_name(tmp_path):
    """Predictions know fewer classes, in another order; one that the truth lacks is refused."""
    truth = put_panoptic(tmp_path, ["left.png", "right.png"])
    other = put_panoptic(tmp_path / "other", ["left.png", "right.png"], (3, 7))
    content = json.loads(other.read_text())
    content["categories"] = [{"id": 7, "name": "cat", "isthing": 1}, {"id": 3, "name": "dog", "isthing": 1}]
    tiny.dump(other, content)
    segbench.convert(other, tmp_path / "dogs and cats")
    for task, key in (("panoptic", "pq"), ("semantic", "miou")):
        assert segbench.score(truth, tmp_path / "dogs and cats", task=task).metrics[key].value == 1
    content["categories"][0]["name"] = "cats"
    tiny.dump(other, content)
    segbench.convert(other, tmp_path / "cats")
    with pytest.raises(segbench.DataError, match="'cats' is none of the truth. Did you mean 'cat'?"):
        segbench.score(truth, tmp_path / "cats")
