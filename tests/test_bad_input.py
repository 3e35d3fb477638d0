# ruff: noqa: E501 - a table, one case a line
"""Damaged data: each case spoils one thing; the command line names it, exits with 3 and writes nothing."""

import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from formats import tiny
from formats.spoilt import (
    RED,
    SMALL,
    annotation,
    bomb,
    drop,
    empty,
    first_annotation,
    info,
    labels,
    paint,
    picture,
    predicted_labels,
    predicted_panoptic,
    put,
    resize,
    results,
    truth_of_instances,
    truth_of_panoptic,
    without_maps,
)  # fmt: skip

from segbench.canonical.images import encode_image, encode_labels
from segbench.cli import main

TRUTH, PANOPTIC, RESULTS = "instances_val.json", "panoptic_val.json", "results.json"
IMAGES, CATEGORIES = tiny.images(), tiny.categories()
NAN = float("nan")

# name: (what to run, what the message names). "image 1" is the image id, the last word but one the field.
CASES = {
    # COCO instances: the file
    "truncated JSON": (truth_of_instances(text=lambda t: t[: len(t) // 2]), [TRUTH, "is not valid JSON, or truncated"]),
    "empty file": (truth_of_instances(text=lambda _: b""), ["in no format that is known"]),
    "text after the JSON": (truth_of_instances(text=lambda t: t + b"x"), [TRUTH, "Extra data"]),
    "trailing comma": (truth_of_instances(text=lambda t: t[:-1] + b",}"), [TRUTH, "Illegal trailing comma"]),
    "not UTF-8": (truth_of_instances(text=lambda t: t.replace(b"tiny", b"\xff\xfe")), [TRUTH, "is not valid JSON", "utf-8"]),
    "half a surrogate": (truth_of_instances(text=lambda t: t.replace(b"tiny", b"\\ud83d")), [TRUTH, "surrogates"]),
    "nested too deep": (truth_of_instances(text=lambda t: t.replace(b'"tiny"', b"[" * 10**6)), [TRUTH, "nested too deep"]),
    "a key twice": (truth_of_instances(text=lambda t: t[:-1] + b',"images":[]}'), [TRUTH, "images: stands twice"]),
    "no images": (truth_of_instances("images", ...), [TRUTH, "images: is missing"]),
    "images are no objects": (truth_of_instances("images", [1, 2]), [TRUTH, "images[0]: is no JSON object"]),
    "an image is no object": (truth_of_instances("images", [IMAGES[0], 2]), [TRUTH, "images[1]: is no JSON object"]),
    "no annotations": (truth_of_instances("annotations", ...), [TRUTH, "annotations: is missing"]),
    "no categories": (truth_of_instances("categories", ...), [TRUTH, "categories: is missing"]),
    "empty data set": (lambda root: ["convert", tiny.put_instances(root, {"images": [], "annotations": [], "categories": []}), root / "target"], [TRUTH, "holds no images"]),
    # COCO instances: images
    "duplicate image id": (truth_of_instances("images", [*IMAGES, IMAGES[0]]), [TRUTH, "image 1: images[2]: this image id stands twice"]),
    "integer and text of one id": (truth_of_instances("images", [*IMAGES, IMAGES[0] | {"id": "1"}]), [TRUTH, "image 1: image_id: this image id stands twice"]),
    "image without id": (truth_of_instances("images", 0, "id", ...), [TRUTH, "images[0].id: is missing"]),
    "bool as image id": (truth_of_instances("images", 0, "id", True), [TRUTH, "images[0].id: has the value True"]),
    "image id beyond 64 bits": (truth_of_instances("images", 0, "id", 1 << 64), [TRUTH, "images[0].id: is no integer of 64 bits"]),
    "image id 1.5": (truth_of_instances("images", 0, "id", 1.5), [TRUTH, "images[0].id: is no integer"]),
    "image without height": (truth_of_instances("images", 0, "height", ...), [TRUTH, "image 1: height: is missing"]),
    "height of text": (truth_of_instances("images", 0, "height", "4"), [TRUTH, "image 1: height: has the value '4'"]),
    "height of nought": (truth_of_instances("images", 0, "height", 0), [TRUTH, "image 1: height: the image is 6×0 pixels"]),
    "size of a bomb": (truth_of_instances("images", 0, IMAGES[0] | {"height": 60_000, "width": 60_000}), [TRUTH, "image 1: height: the image is 60000×60000"]),
    "path that climbs": (truth_of_instances("images", 0, "file_name", "../../etc/passwd"), [TRUTH, "image 1: file_name: the path '../../etc/passwd' leads out"]),
    "absolute path": (truth_of_instances("images", 1, "file_name", "/etc/passwd"), [TRUTH, "image 2: file_name: the path '/etc/passwd' leads out"]),
    "file name of a number": (truth_of_instances("images", 0, "file_name", 7), [TRUTH, "image 1: file_name: has the value 7"]),
    "federated ids are no list": (truth_of_instances("images", 0, "neg_category_ids", 3), [TRUTH, "image 1: neg_category_ids: has the value 3"]),
    "federated ids unknown": (truth_of_instances("images", 0, "neg_category_ids", [5]), [TRUTH, "image 1: neg_category_ids: unknown category id 5"]),
    # COCO instances: pictures
    "missing picture": (picture(drop("2.png")), ["val/2.png", "image 2", "cannot read the file"]),
    "no pictures": (picture(empty), [TRUTH, "image 1: image: there is no picture", "--images none"]),
    "picture of another size": (picture(put("1.png", encode_image(np.zeros((3, 6, 6), np.uint8)))), ["val/1.png", "image 1", "the image is 6×6 pixels, its annotation 6×4"]),
    "picture that is none": (picture(put("1.png", b"no picture")), ["val/1.png", "image 1", "is no readable image"]),
    "picture that is a bomb": (picture(put("2.png", bomb())), ["val/2.png", "image 2", "declares 60000×60000 pixels"]),
    # COCO instances: categories
    "category twice": (truth_of_instances("categories", [*CATEGORIES, CATEGORIES[0]]), [TRUTH, "categories[3]: the category id 3 stands twice"]),
    "category without name": (truth_of_instances("categories", 0, "name", ...), [TRUTH, "categories[0].name: is missing"]),
    "category id of text": (truth_of_instances("categories", 0, "id", "3"), [TRUTH, "categories[0].id: has the value '3'"]),
    "isthing of text": (truth_of_instances("categories", 0, "isthing", "0"), [TRUTH, "categories[0].isthing: must be 0 or 1"]),
    # COCO instances: annotations
    "unknown category": (annotation(2, "category_id", 5), [TRUTH, "image 2: annotations[2].category_id: unknown category id 5"]),
    "unknown image": (annotation(0, "image_id", 9), [TRUTH, "image 9: annotations[0]: no image of the file has this id"]),
    "text for the integer of an image": (annotation(0, "image_id", "1"), [TRUTH, "image 1: annotations[0]: no image"]),
    "annotation without image": (annotation(0, "image_id", ...), [TRUTH, "annotations[0].image_id: is missing"]),
    "annotation without category": (annotation(0, "category_id", ...), [TRUTH, "image 1: annotations[0].category_id: is missing"]),
    "annotation without id": (annotation(0, "id", ...), [TRUTH, "image 1: annotations[0].id: is missing"]),
    "bool as annotation id": (annotation(0, "id", True), [TRUTH, "image 1: annotations[0].id: has the value True"]),
    "annotation id beyond 64 bits": (annotation(0, "id", 1 << 63), [TRUTH, "image 1: annotations[0].id: is no integer of 64 bits"]),
    "area of text": (annotation(0, "area", "9"), [TRUTH, "image 1: annotations[0].area: is no finite number: '9'"]),
    "area NaN": (annotation(0, "area", NAN), [TRUTH, "image 1: annotations[0].area: is no finite number: nan"]),
    "area beyond floats": (annotation(0, "area", 10**400), [TRUTH, "image 1: annotations[0].area: is no finite number"]),
    "iscrowd of text": (annotation(0, "iscrowd", "0"), [TRUTH, "image 1: annotations[0].iscrowd: must be 0 or 1, not '0'"]),
    "bbox of three": (annotation(0, "bbox", [0, 0, 1]), [TRUTH, "image 1: annotations[0].bbox: a bbox is [x, y, width, height]"]),
    "bbox NaN": (annotation(0, "bbox", [0, 0, NAN, 1]), [TRUTH, "image 1: annotations[0].bbox: is no finite number"]),
    "segmentation of text": (annotation(0, "segmentation", "x"), [TRUTH, "image 1: annotations[0].segmentation: is neither a list of polygons"]),
    "polygon of odd length": (annotation(0, "segmentation", 1, [0, 0, 1, 1, 2]), [TRUTH, "image 1: annotations[0].segmentation[1]: a polygon is a flat list"]),
    "polygon of one point": (annotation(0, "segmentation", 0, [0, 0]), [TRUTH, "image 1: annotations[0].segmentation[0]: a polygon"]),
    "polygon not nested": (annotation(0, "segmentation", [0, 0, 1, 1, 2, 2]), [TRUTH, "image 1: annotations[0].segmentation[0]: a polygon is a flat list", "not 0"]),
    "polygon NaN": (annotation(0, "segmentation", 0, 3, NAN), [TRUTH, "image 1: annotations[0].segmentation[0]: is no finite number: nan"]),
    "polygon infinite": (annotation(0, "segmentation", 0, 3, float("inf")), [TRUTH, "image 1: annotations[0].segmentation[0]: is no finite number: inf"]),
    "polygon of text": (annotation(0, "segmentation", 0, 3, "1"), [TRUTH, "image 1: annotations[0].segmentation[0]: has a coordinate that is no number"]),
    "polygon far away": (annotation(0, "segmentation", 0, 3, 1e9), [TRUTH, "image 1: annotations[0].segmentation[0]: has the coordinate 1e+09"]),
    "RLE too long": (annotation(1, "segmentation", tiny.rle(np.ones((5, 6), np.uint8)) | {"size": [4, 6]}), [TRUTH, "image 1: annotations[1].segmentation: "]),
    "RLE too short": (annotation(1, "segmentation", tiny.rle(np.ones((3, 6), np.uint8)) | {"size": [4, 6]}), [TRUTH, "image 1: annotations[1].segmentation: "]),
    "RLE truncated": (annotation(1, "segmentation", "counts", "5Q"), [TRUTH, "image 1: annotations[1].segmentation: "]),
    "RLE of other letters": (annotation(1, "segmentation", "counts", "\t~é"), [TRUTH, "image 1: annotations[1].segmentation: counts are neither"]),
    "RLE of another size": (annotation(1, "segmentation", "size", [6, 4]), [TRUTH, "image 1: annotations[1].segmentation: is of size [6, 4], the image of [4, 6]"]),
    "RLE without size": (annotation(1, "segmentation", "size", ...), [TRUTH, "image 1: annotations[1].segmentation: is of size None"]),
    "runs too long": (annotation(2, "segmentation", "counts", [0, 26]), [TRUTH, "image 2: annotations[2].segmentation: "]),
    "runs negative": (annotation(2, "segmentation", "counts", [-1, 26]), [TRUTH, "image 2: annotations[2].segmentation: "]),
    "runs of halves": (annotation(2, "segmentation", "counts", [0.5, 24.5]), [TRUTH, "image 2: annotations[2].segmentation: has a run that is no integer"]),
    # Results of instances
    "results truncated": (results(change=lambda t: t[:-9]), [RESULTS, "is not valid JSON, or truncated"]),
    "results are an object": (results(change=lambda t: f'{{"annotations": {t}}}'), [RESULTS, "is no list of results"]),
    "result for an unknown image": (results(0, "image_id", 42), [RESULTS, "image 42: [0]: the prediction is for an image that the truth does not have"]),
    "result without image": (results(1, "image_id", ...), [RESULTS, "[1].image_id: is missing"]),
    "result without category": (results(1, "category_id", ...), [RESULTS, "image 1: [1].category_id: is missing"]),
    "result without score": (results(1, "score", ...), [RESULTS, "image 1: [1].score: is missing"]),
    "result with score NaN": (results(1, "score", NAN), [RESULTS, "image 1: [1].score: is no finite number: nan"]),
    "result with infinite score": (results(0, "score", float("-inf")), [RESULTS, "image 1: [0].score: is no finite number: -inf"]),
    "result with score of text": (results(0, "score", "0.5"), [RESULTS, "image 1: [0].score: has the value '0.5'"]),
    "result with score null": (results(0, "score", None), [RESULTS, "image 1: [0].score: has the value None"]),
    "result without anything": (results(0, "segmentation", ...), [RESULTS, "image 1: [0]: the result has neither a segmentation nor a bbox"]),
    "result with an RLE of another size": (results(1, "segmentation", "size", [5, 5]), [RESULTS, "image 1: [1].segmentation: is of size [5, 5], the image of [4, 6]"]),
    "results instead of a truth": (lambda root: ["convert", tiny.dump(root / RESULTS, tiny.results()), root / "target"], [RESULTS, "is a list of results", "segbench score"]),
    # COCO panoptic
    "panoptic truncated": (truth_of_panoptic(change=lambda d: d.with_suffix(".json").write_text('{"annotations": [{"segments_info": [')), [PANOPTIC, "is not valid JSON"]),
    "no folder of maps": (truth_of_panoptic(change=without_maps), ["panoptic_val", "the folder of segment maps is missing"]),
    "missing map": (truth_of_panoptic(change=drop("2.png")), ["panoptic_val/2.png", "image 2: segment_map: cannot read the segment map"]),
    "map of another size": (truth_of_panoptic(change=resize), ["panoptic_val/1.png", "image 1: segment_map: the segment map is 12×8 pixels, the image 6×4"]),
    "map of one channel": (truth_of_panoptic(change=put("1.png", encode_labels(np.zeros((4, 6), np.uint8)))), ["panoptic_val/1.png", "image 1", "has no colours where an RGB picture is expected"]),
    "map that is a bomb": (truth_of_panoptic(change=put("1.png", bomb())), ["panoptic_val/1.png", "image 1", "declares 60000×60000 pixels"]),
    "map truncated": (truth_of_panoptic(change=put("1.png", RED[:45])), ["panoptic_val/1.png", "image 1", "mask: cannot decode the PNG"]),
    "panoptic path that climbs": (truth_of_panoptic("annotations", 0, "file_name", "../1.png"), [PANOPTIC, "image 1: annotations[0].file_name: the path '../1.png' leads out"]),
    "panoptic image twice": (truth_of_panoptic("annotations", 1, "image_id", 1), [PANOPTIC, "image 1: annotations[1]: the image has two annotations"]),
    "panoptic image unknown": (truth_of_panoptic("annotations", 1, "image_id", 8), [PANOPTIC, "image 8: annotations[1]: no image of the file has this id"]),
    "no segments_info": (truth_of_panoptic("annotations", 1, "segments_info", ...), [PANOPTIC, "image 2: annotations[1].segments_info: is missing"]),
    "no file_name": (truth_of_panoptic("annotations", 1, "file_name", ...), [PANOPTIC, "image 2: annotations[1].file_name: is missing"]),
    "segment of unknown category": (first_annotation(1, "category_id", 4), [PANOPTIC, "image 1: annotations[0].segments_info[1].category_id: unknown category id 4"]),
    "segment is no object": (first_annotation(1, 5), [PANOPTIC, "image 1: annotations[0].segments_info[1]: is no JSON object"]),
    "segment id twice": (first_annotation(0, info({"id": 5})), [PANOPTIC, "image 1: annotations[0].segments_info: the id 5 stands twice"]),
    "segment id of void": (first_annotation(0, "id", 0), [PANOPTIC, "image 1: annotations[0].segments_info[0].id: the id 0 is out of range"]),
    "segment id beyond 24 bits": (first_annotation(0, "id", 1 << 24), [PANOPTIC, "image 1: annotations[0].segments_info[0].id: the id 16777216 is out of range"]),
    "segment id of text": (first_annotation(0, "id", "5"), [PANOPTIC, "image 1: annotations[0].segments_info[0].id: has the value '5'"]),
    "segment area of text": (first_annotation(0, "area", "12"), [PANOPTIC, "image 1: annotations[0].segments_info[0].area: is no finite number"]),
    "panoptic prediction missing": (predicted_panoptic("annotations", 1, ...), [PANOPTIC, "image 2: there is no prediction for this image"]),
    "panoptic prediction twice": (predicted_panoptic("annotations", 1, "image_id", 1), [PANOPTIC, "image 1: annotations[1]: the image has two predictions"]),
    "panoptic prediction for an unknown image": (predicted_panoptic("annotations", 1, "image_id", 3), [PANOPTIC, "image 3: annotations[1]: the prediction is for an image that the truth does not have"]),
    "panoptic prediction of unknown category": (predicted_panoptic("annotations", 0, "segments_info", 0, "category_id", 5), [PANOPTIC, "image 1: annotations[0].segments_info[0].category_id: unknown category id 5"]),
    "panoptic prediction of another size": (predicted_panoptic(change=resize), ["panoptic_val/1.png", "image 1: segment_map: the segment map is 12×8"]),
    "panoptic prediction: JSON id not in PNG": (predicted_panoptic(change=paint(1, 0, old=5)), ["panoptic_val/1.png", "image 1: segment_map: the PNG has no pixel of the id 5"]),
    "panoptic prediction: PNG id not in JSON": (predicted_panoptic(change=paint(2, 6)), ["panoptic_val/2.png", "image 2: segment_map: segments_info lacks the id 6"]),
    # PNG label maps
    "missing mask": (labels(drop("masks/2.png")), ["images/2.png", "image 2: mask: the image has no mask"]),
    "missing image": (labels(drop("images/2.png")), ["masks/2.png", "image 2: image: the mask has no image"]),
    "no masks": (labels(empty), ["holds no PNG label maps"]),
    "mask of another size": (labels(put("masks/1.png", SMALL)), ["images/1.png", "image 1", "the image is 6×4 pixels, its annotation 2×2"]),
    "mask id out of range": (labels(put("masks/1.png", encode_labels(np.full((4, 6), 9, np.uint8)))), ["masks/1.png", "image 1: mask: has the id 9, which is none of the 3 categories"]),
    "mask of three channels": (labels(put("masks/1.png", RED)), ["masks/1.png", "image 1: mask: has 3 channels where a label map with one is expected"]),
    "mask that is a bomb": (labels(put("masks/1.png", bomb())), ["masks/1.png", "image 1", "declares 60000×60000 pixels"]),
    "mask truncated": (labels(put("masks/1.png", SMALL[:40])), ["masks/1.png", "image 1: mask: cannot decode the PNG"]),
    "mask that is no PNG": (labels(put("masks/1.png", b"\xff\xd8\xff")), ["masks/1.png", "image 1: mask: is no PNG"]),
    "mask named twice": (labels(put("images/1.jpg", RED)), ["images/1.png", "has the same name as '1.jpg'"]),
    "id2label is no JSON": (labels(put("id2label.json", b"{")), ["id2label.json", "is not JSON"]),
    "id2label is a list": (labels(put("id2label.json", b'["road"]')), ["id2label.json", "is no JSON object"]),
    "predicted mask missing": (predicted_labels(drop("2.png")), ["pred/2.png", "image 2: there is no prediction for this image"]),
    "predicted mask of an unknown image": (predicted_labels(put("3.png", SMALL)), ["pred/3.png", "image 3: the prediction is for an image that the truth does not have"]),
    "predicted mask of another size": (predicted_labels(put("1.png", SMALL)), ["pred/1.png", "image 1: mask: it is (2, 2) pixels"]),
    "predicted id out of range": (predicted_labels(put("1.png", encode_labels(np.full((4, 6), 3, np.uint8)))), ["pred/1.png", "image 1: mask: has the id 3"]),
    "predicted mask of three channels": (predicted_labels(put("1.png", RED)), ["pred/1.png", "image 1: mask: has 3 channels"]),
    "predicted mask that is a bomb": (predicted_labels(put("1.png", bomb())), ["pred/1.png", "image 1", "declares 60000×60000"]),
    "no predicted masks": (predicted_labels(empty), ["pred"]),
    # Anything
    "source that is not there": (lambda root: ["convert", root / "nothing", root / "target"], ["nothing", "there is no such file or folder"]),
    "source of no format": (lambda root: ["convert", root, root / "target"], ["is in no format that is known", "--from"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_named_and_nothing_is_written(name, tmp_path):
    build, fragments = CASES[name]
    arguments = [str(a) for a in build(tmp_path)]
    before = sorted(tmp_path.rglob("*"))
    result = CliRunner().invoke(main, arguments)
    message = result.stderr
    for fragment in fragments:
        assert fragment in message
    assert message.startswith("error: ")
    assert message.count("\n") == 1, "one line, no traceback"
    assert result.exit_code == 3
    assert result.stdout == ""
    assert sorted(tmp_path.rglob("*")) == before, "something was written"


@pytest.mark.parametrize(
    "build",
    [truth_of_instances(), results(), truth_of_panoptic(), predicted_panoptic(), labels(lambda _: None),
     predicted_labels(lambda _: None), picture(lambda _: None)],
)  # fmt: skip
def test_without_the_damage_it_works(build, tmp_path):
    result = CliRunner().invoke(main, [str(a) for a in build(tmp_path)])
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "target").is_dir()


def test_results_of_an_unknown_category_are_left_out_and_counted(tmp_path):
    arguments = results(0, "category_id", 5)(tmp_path)
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exit_code == 0
    assert "1 predictions of categories that the truth lacks are left out" in result.stderr


def test_the_exit_code_is_that_of_the_process(tmp_path):
    arguments = truth_of_instances("images", 0, "file_name", "../1.png")(tmp_path)
    command = [sys.executable, "-m", "segbench", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
