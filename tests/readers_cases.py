"""Files that segbench writes, read by labelme2coco, label-studio-sdk and datumaro; run by test_readers.py."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from formats import shapes

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.formats import load_format

SIZE = shapes.SIZE
NAMES = ("sky", "cat", "dog")  # brushes are saved under the names of their labels


def data_set(segments):
    given = shapes.data_set(segments)
    categories = Categories(Category(i, name) for i, name in enumerate(NAMES))
    samples = [replace(sample, image_id=str(i)) for i, sample in enumerate(given, 1)]
    return Dataset(
        name="x", categories=categories, image_ids=["1", "2"], load=samples.__getitem__, tasks=("instance",)
    )


def write(name, folder, segments=None):
    dataset = data_set(shapes.instances() if segments is None else segments)
    load_format(name).write(dataset, folder)
    return dataset


def mask_of(segment):
    return segment.to_rle(*SIZE).to_mask()


def test_labelme2coco_finds_the_polygons(tmp_path):
    """It reads polygons alone, rounds their corners down, and takes each for an object."""
    from labelme2coco import get_coco_from_labelme_folder

    segments = tuple(s for s in shapes.instances() if s.polygons)
    dataset = write("labelme", tmp_path / "out", segments)
    found = get_coco_from_labelme_folder(str(tmp_path / "out")).json
    assert [len(found["images"]), {(i["height"], i["width"]) for i in found["images"]}] == [2, {SIZE}]
    names = {c["id"]: c["name"] for c in found["categories"]}
    theirs = [(names[a["category_id"]], a["segmentation"][0]) for a in found["annotations"]]
    ours = [
        (dataset.id2label[s.category_id], [int(v) for v in polygon])
        for s in segments
        for polygon in s.polygons
    ]
    assert theirs == ours


@pytest.fixture
def converter(tmp_path):
    """Label Studio's own converter on a project that segbench wrote."""
    from label_studio_sdk.converter.converter import Converter

    dataset = write("label-studio", tmp_path / "out")
    return dataset, Converter(str(tmp_path / "out/config.xml"), str(tmp_path / "out"))


def test_label_studios_converter_reads_the_tasks(converter, tmp_path):
    dataset, theirs = converter
    items = list(theirs.iter_from_json_file(str(tmp_path / "out/tasks.json")))
    assert len(items) == len(dataset) == 2
    (results,) = (
        items[0]["output"].values()
        if len(items[0]["output"]) == 1
        else [[r for part in items[0]["output"].values() for r in part]]
    )
    kinds = sorted(r["type"] for r in results)
    assert kinds == ["BrushLabels"] * 4 + ["PolygonLabels"]


def test_label_studios_converter_draws_the_brushes(converter, tmp_path):
    from label_studio_sdk.converter import brush

    dataset, theirs = converter
    (tmp_path / "masks").mkdir()
    items = theirs.iter_from_json_file(str(tmp_path / "out/tasks.json"))
    brush.convert_task_dir(items, str(tmp_path / "masks"), out_format="numpy")
    drawn = sorted((np.load(file) > 0).tobytes() for file in (tmp_path / "masks").glob("*.npy"))
    ours = sorted((mask_of(s) > 0).tobytes() for s in dataset[0].segments if len(s.polygons or "12") > 1)
    assert drawn == ours


def test_label_studios_converter_finds_the_polygon(converter, tmp_path):
    dataset, theirs = converter
    theirs.convert_to_coco(str(tmp_path / "out/tasks.json"), str(tmp_path / "coco"), is_dir=False)
    content = json.loads((tmp_path / "coco/result.json").read_text())
    names = {c["id"]: c["name"] for c in content["categories"]}
    (row,) = content["annotations"]
    (segment,) = (s for s in dataset[0].segments if s.polygons and len(s.polygons) == 1)
    assert names[row["category_id"]] == dataset.id2label[segment.category_id]
    np.testing.assert_allclose(row["segmentation"][0], segment.polygons[0], atol=1e-9)


def read_by_datumaro(folder, name):
    import datumaro

    return {item.id: item for item in datumaro.Dataset.import_from(str(folder), name)}


def test_datumaro_reads_cvat_as_we_wrote_it(tmp_path):
    """Masks to the pixel, polygons in 32 bits, and the lowest object first."""
    dataset = write("cvat", tmp_path / "out")
    items = read_by_datumaro(tmp_path / "out", "cvat")
    assert items.keys() == {"é0", "é1"}
    annotations = sorted(items["é0"].annotations, key=lambda a: a.z_order)
    lowest_first = segbench.open_dataset(tmp_path / "out")[0].segments
    flat = [(s, polygon) for s in lowest_first for polygon in (s.polygons or (None,))]
    assert len(annotations) == len(flat) == sum(len(s.polygons or "1") for s in dataset[0].segments)
    for annotation, (segment, polygon) in zip(annotations, flat, strict=True):
        assert annotation.label == segment.category_id
        if polygon is None:
            np.testing.assert_array_equal(np.asarray(annotation.image) > 0, mask_of(segment) > 0)
        else:
            np.testing.assert_array_equal(annotation.points, np.float32(polygon).tolist())


def as_bytes(masks):
    return sorted((np.asarray(mask) > 0).tobytes() for mask in masks)


def test_datumaro_reads_coco_as_we_wrote_it(tmp_path):
    """Where pictures are in ``images``, as it wants them."""
    dataset = write("coco", tmp_path / "out")
    (tmp_path / "out/images").mkdir()
    (tmp_path / "out/train").rename(tmp_path / "out/images/train")
    items = read_by_datumaro(tmp_path / "out", "coco_instances")
    found = [a for item in items.values() for a in item.annotations]
    segments = dataset[0].segments
    masks = [mask_of(s) for s in segments if s.polygons is None]
    assert as_bytes(a.image for a in found if a.type.name == "mask") == as_bytes(masks)
    outlines = sum(len(s.polygons or "") for s in segments)
    assert sum(a.type.name == "polygon" for a in found) == outlines


def test_datumaro_reads_voc_as_we_wrote_it(tmp_path):
    write("voc", tmp_path / "out")
    items = read_by_datumaro(tmp_path / "out", "voc_segmentation")
    drawn = np.any([np.asarray(a.image) > 0 for a in items["é0"].annotations], 0)
    np.testing.assert_array_equal(drawn, segbench.open_dataset(tmp_path / "out")[0].mask > 0)
