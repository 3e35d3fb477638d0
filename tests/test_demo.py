import hashlib
import json
import time

import numpy as np
import pytest
from panopticapi.utils import rgb2id
from PIL import Image
from pycocotools.coco import COCO
from scipy import ndimage

from segbench import demo
from segbench.canonical.categories import Categories
from segbench.canonical.sample import Sample
from segbench.demo.canvas import LABELS, Canvas, Part
from segbench.demo.shapes import box, clip, coverage, ellipse, polygon
from segbench.errors import UsageError
from segbench.models import TASKS, Batch, ClassMap, load_model
from segbench.models.predictions import prediction_sample

# pycocotools 2.0.11 decodes masks in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

N = 8


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    return demo.draw(tmp_path_factory.mktemp("demo"), n_images=N)


@pytest.fixture(scope="module")
def coco(sources):
    return COCO(str(sources.instances))


@pytest.fixture(scope="module")
def panoptic(sources):
    """Content of panoptic.json, and the segment map of each image."""
    content = json.loads(sources.panoptic.read_text())
    folder = sources.panoptic.with_suffix("")
    return content, {
        row["image_id"]: rgb2id(pixels(folder / row["file_name"])) for row in content["annotations"]
    }


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def hashes(folder):
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*")
        if p.is_file()
    }


def test_pictures_are_rgb_of_several_sizes(sources, coco):
    rows = coco.dataset["images"]
    assert sorted(row["file_name"] for row in rows) == sorted(p.name for p in sources.images.iterdir())
    for row in rows:
        assert pixels(sources.images / row["file_name"]).shape == (row["height"], row["width"], 3)
    sizes = {(row["height"], row["width"]) for row in rows}
    assert {(227, 301), (320, 240)} <= sizes


def test_coco_instances_are_what_they_say(coco):
    assert len({row["id"] for row in coco.dataset["annotations"]}) == len(coco.dataset["annotations"])
    for row in coco.dataset["annotations"]:
        mask = coco.annToMask(row)
        ys, xs = np.nonzero(mask)
        assert row["area"] == mask.sum() >= 1
        assert row["bbox"] == [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]


def test_coco_instances_have_what_real_ones_have(coco):
    rows = coco.dataset["annotations"]
    polygons = [row for row in rows if isinstance(row["segmentation"], list)]
    compressed = [
        r
        for r in rows
        if isinstance(r["segmentation"], dict) and isinstance(r["segmentation"]["counts"], str)
    ]
    crowds = [row for row in rows if row["iscrowd"]]
    assert any(len(row["segmentation"]) > 1 for row in polygons)
    assert crowds
    assert all(isinstance(row["segmentation"]["counts"], list) for row in crowds)
    assert any(has_hole(coco.annToMask(row)) for row in compressed)
    assert any(ndimage.label(coco.annToMask(row))[1] > 1 for row in rows if not row["iscrowd"])
    assert {len(coco.getAnnIds(imgIds=image_id)) == 0 for image_id in coco.getImgIds()} == {True, False}
    ids = sorted(coco.getCatIds())
    assert ids != list(range(len(ids)))
    assert not set(demo.STUFF) & {row["name"] for row in coco.dataset["categories"]}
    assert {row["category_id"] for row in rows} == set(ids)


def has_hole(mask):
    return bool((ndimage.binary_fill_holes(mask) != mask).any())


def test_coco_instances_overlap(coco):
    covered = [
        sum(coco.annToMask(row).astype(int) for row in coco.loadAnns(coco.getAnnIds(imgIds=image_id)))
        for image_id in coco.getImgIds()
    ]
    assert sum(int((np.asarray(count) > 1).sum()) for count in covered) > 1000


def test_panoptic_agrees_with_its_pictures(panoptic):
    content, maps = panoptic
    isthing = {row["id"]: row["isthing"] for row in content["categories"]}
    for row in content["annotations"]:
        segment_map = maps[row["image_id"]]
        ids, areas = np.unique(segment_map, return_counts=True)
        found = dict(zip(ids.tolist(), areas.tolist(), strict=True))
        found.pop(0, None)
        assert {s["id"]: s["area"] for s in row["segments_info"]} == found
        stuff = [s["category_id"] for s in row["segments_info"] if not isthing[s["category_id"]]]
        assert len(stuff) == len(set(stuff))
        for segment in row["segments_info"]:
            ys, xs = np.nonzero(segment_map == segment["id"])
            assert segment["bbox"] == [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]
    everything = [s for row in content["annotations"] for s in row["segments_info"]]
    assert any(s["iscrowd"] for s in everything)
    assert any((segment_map == 0).any() for segment_map in maps.values())
    assert {s["category_id"] for s in everything} == set(isthing)


def test_label_maps_are_the_panoptic_categories(sources, panoptic):
    content, maps = panoptic
    id2label = json.loads(sources.id2label.read_text())
    names = {row["id"]: row["name"] for row in content["categories"]}
    for row in content["annotations"]:
        labels, segment_map = pixels(sources.labels / row["file_name"]), maps[row["image_id"]]
        assert labels.dtype == np.uint8
        assert np.array_equal(labels == 255, segment_map == 0)
        for segment in row["segments_info"]:
            (label,) = set(labels[segment_map == segment["id"]].tolist())
            assert id2label[str(label)] == names[segment["category_id"]]


def test_things_are_seen_within_their_instances(coco, panoptic):
    content, maps = panoptic
    isthing = {row["id"]: row["isthing"] for row in content["categories"]}
    for row in content["annotations"]:
        things = [s for s in row["segments_info"] if isthing[s["category_id"]]]
        outlines = coco.loadAnns(coco.getAnnIds(imgIds=row["image_id"]))
        assert [s["category_id"] for s in things] == [a["category_id"] for a in outlines]
        for segment, outline in zip(things, outlines, strict=True):
            visible = maps[row["image_id"]] == segment["id"]
            assert not (visible & ~coco.annToMask(outline).astype(bool)).any()
            assert segment["iscrowd"] == outline["iscrowd"]


def test_the_same_seed_draws_the_same_files(sources, tmp_path):
    demo.draw(tmp_path / "again", n_images=N)
    assert hashes(tmp_path / "again") == hashes(sources.images.parent)


def test_the_first_pictures_do_not_depend_on_how_many_follow(sources, tmp_path):
    first = demo.draw(tmp_path / "first", n_images=1)
    other = demo.draw(tmp_path / "other", n_images=1, seed=1)
    name = "scene_0001.png"
    assert (first.images / name).read_bytes() == (sources.images / name).read_bytes()
    assert (other.images / name).read_bytes() != (sources.images / name).read_bytes()


def test_drawing_is_quick(tmp_path):
    start = time.process_time()
    demo.draw(tmp_path, n_images=4)
    assert time.process_time() - start < 4 * 4 / 24 * 3  # 4 s for 24, and room for a busy machine


@pytest.mark.parametrize("wrong", [{"n_images": 0}, {"seed": -1}])
def test_wrong_numbers_are_refused(tmp_path, wrong):
    with pytest.raises(UsageError, match="n_images must be 1 or more"):
        demo.draw(tmp_path, **wrong)


def test_coverage_of_a_box_is_its_area():
    rows, columns, alpha = coverage(box(1.25, 2.5, 2.5, 1.0), 10, 10)
    assert (rows, columns) == (slice(2, 4), slice(1, 4))
    assert alpha.tolist() == [[0.375, 0.5, 0.375], [0.375, 0.5, 0.375]]


@pytest.mark.parametrize(
    "shape", [ellipse(5, 5, 9, 3), ellipse(-20, 5, 3, 3), box(-5, -5, 40, 40), box(3, 30, 2, 2)]
)
def test_coverage_and_clip_stay_in_the_image(shape):
    rows, columns, alpha = coverage(shape, 10, 12)
    assert alpha.shape == (rows.stop - rows.start, columns.stop - columns.start)
    assert rows.stop <= 10
    assert columns.stop <= 12
    inside = clip(shape, 10, 12)
    assert ((inside >= 0) & (inside <= [12, 10])).all()
    whole = coverage(inside, 10, 12)[2].sum() if len(inside) else 0
    assert whole == pytest.approx(alpha.sum(), abs=1)


def test_a_thing_too_small_to_see_is_void():
    canvas = Canvas(20, 20, np.random.default_rng(0), (0.5, 0.5))
    canvas.stuff("sky", box(0, 0, 20, 20))
    canvas.thing("car", [Part(box(3, 3, 2, 2), (255, 0, 0))])
    canvas.thing("boat", [Part(polygon([(8, 8), (18, 8), (18, 18)]), (0, 255, 0))])
    assert {LABELS[canvas.regions[i].category_id].name for i in canvas.visible()} == {"sky", "boat"}
    assert canvas.segment_map[3, 3] == 0


MODELS = ("CoarseGrid", "PixelColor", "SmoothColor")


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    return load_model(f"module:segbench.demo_models:{request.param}")


@pytest.mark.parametrize("task", TASKS)
def test_models_answer_every_task(sources, coco, model, task):
    categories = demo_categories()
    class_map = ClassMap.match(model.info, categories)
    row = coco.dataset["images"][3]
    image = np.ascontiguousarray(pixels(sources.images / row["file_name"]).transpose(2, 0, 1))
    truth = Sample(image_id=str(row["id"]), height=row["height"], width=row["width"])
    for picture in (image, np.zeros_like(image)):
        (answer,) = model.predict(Batch(images=[picture], image_ids=[truth.image_id], task=task))
        sample = prediction_sample(answer, truth, class_map, categories.ignore_index)
        assert sample.kind == task
        assert sample.mask.shape == (row["height"], row["width"])
        if task == "instance":
            assert all(0 <= s.score <= 1 for s in sample.segments)


def demo_categories():
    return Categories.from_id2label({i: label.name for i, label in enumerate(LABELS)})


def test_models_differ_in_quality(sources):
    quality = [mean_iou(sources, load_model(f"module:segbench.demo_models:{name}")) for name in MODELS]
    coarse, pixel, smooth = quality
    assert 0.4 < coarse < pixel < 0.65
    assert 0.7 < smooth < 0.9


def mean_iou(sources, model):
    n = len(LABELS)
    table = np.zeros((n, n), np.int64)
    class_map = ClassMap.match(model.info, demo_categories())
    for path in sorted(sources.images.iterdir()):
        image, labels = pixels(path).transpose(2, 0, 1), pixels(sources.labels / path.name)
        (answer,) = model.predict(Batch(images=[image], image_ids=[path.stem], task="semantic"))
        truth = Sample(image_id=path.stem, height=labels.shape[0], width=labels.shape[1])
        mask = prediction_sample(answer, truth, class_map, 255).mask
        scored = labels < 255
        table += np.bincount(labels[scored].astype(int) * n + mask[scored], minlength=n * n).reshape(n, n)
    hits = np.diag(table)
    return float(np.mean(hits / (table.sum(0) + table.sum(1) - hits)))
