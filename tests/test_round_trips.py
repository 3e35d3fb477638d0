"""Format → canonical → format on real data: nothing is lost, and the order of reading does not matter."""

import json
import random

import numpy as np
import pytest
from formats import tiny
from PIL import Image

import segbench
from segbench.canonical.images import decode_labels, decode_segment_map, encode_labels
from segbench.errors import LossError

INSTANCES = {
    "coco2014_fake100": "coco2014_fake100/tests/dataset/cocoapi/instances_val2014_100.json",
    "coco_tiny": "coco_tiny/annotations/instances_val2017.json",
    "coco128": "coco128_coco/annotations/instances_train2017.json",
    "yolact_pseudo_gt": "yolact_dets/derived/pseudo_gt.json",
    "lvis": "lvis_val100/data/lvis_val_100.json",
}
PANOPTIC = {
    "lightly": "lightly_coco128/panoptic_segmentation/annotations/panoptic_train2017.json",
    "panopticapi_sample": "panopticapi_sample/sample_data/panoptic_examples.json",
}


def there_and_back(source, tmp_path, format_name, packed=False):
    """Convert to the canonical form and back, and return the JSON file of the end."""
    options = {"images": "none"}
    segbench.convert(source, tmp_path / "canonical", source_format=format_name, packed=packed, **options)
    back = tmp_path / "back" / source.name
    report = segbench.convert(tmp_path / "canonical", back, target_format=format_name, **options)
    assert report.losses == []
    return back


@pytest.mark.parametrize("name", INSTANCES)
def test_coco_comes_back_as_it_was(name, data_dir, tmp_path):
    source = data_dir / INSTANCES[name]
    back = there_and_back(source, tmp_path, "coco", packed=name == "coco_tiny")
    added = ["iscrowd"] if name == "lvis" else []
    assert tiny.by_id(tiny.load(back), added) == tiny.by_id(tiny.load(source))
    first, last = (segbench.open_dataset(path).fingerprint for path in (source, back))
    assert first == last == segbench.open_dataset(tmp_path / "canonical").fingerprint


@pytest.mark.parametrize("name", PANOPTIC)
def test_panoptic_comes_back_as_it_was(name, data_dir, tmp_path):
    source = data_dir / PANOPTIC[name]
    back = there_and_back(source, tmp_path, "coco-panoptic")
    content = tiny.load(source)
    assert tiny.by_id(tiny.load(back)) == tiny.by_id(content)
    for annotation in content["annotations"]:
        ids = [
            decode_segment_map((file.with_suffix("") / annotation["file_name"]).read_bytes())
            for file in (source, back)
        ]
        np.testing.assert_array_equal(*ids)
    assert segbench.open_dataset(source).fingerprint == segbench.open_dataset(back).fingerprint


def test_pictures_are_taken_over_byte_by_byte(data_dir, tmp_path):
    source = data_dir / "coco_tiny"
    segbench.convert(source, tmp_path / "canonical")
    segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="coco")
    content = tiny.load(source / "annotations/instances_val2017.json")
    assert tiny.by_id(tiny.load(tmp_path / "back/annotations/instances_val2017.json")) == tiny.by_id(content)
    for image in content["images"][:10]:
        name = f"val2017/{image['file_name']}"
        assert (tmp_path / "back" / name).read_bytes() == (source / name).read_bytes()


def shuffled(value, rng):
    """The same JSON with every object's keys and the order of every list of objects changed."""
    if isinstance(value, dict):
        keys = list(value)
        rng.shuffle(keys)
        return {key: shuffled(value[key], rng) for key in keys}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        items = [shuffled(item, rng) for item in value]
        rng.shuffle(items)
        return items
    return value


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["coco_tiny", "yolact_pseudo_gt"])
def test_the_fingerprint_does_not_depend_on_the_order_of_coco(name, seed, data_dir, tmp_path):
    source = data_dir / INSTANCES[name]
    other = tiny.dump(tmp_path / source.name, shuffled(tiny.load(source), random.Random(seed)))
    datasets = [segbench.open_dataset(path) for path in (source, other)]
    assert datasets[0].fingerprint == datasets[1].fingerprint
    assert datasets[0].image_ids == datasets[1].image_ids  # COCOeval sums in the order of sorted ids
    assert datasets[0].categories == datasets[1].categories


def test_the_fingerprint_does_not_depend_on_the_order_of_panoptic(data_dir, tmp_path):
    source = data_dir / PANOPTIC["lightly"]
    other = tiny.dump(tmp_path / source.name, shuffled(tiny.load(source), random.Random(0)))
    maps = source.with_suffix("").parent
    datasets = [segbench.open_dataset(path, options={"maps": maps}) for path in (source, other)]
    assert datasets[0].fingerprint == datasets[1].fingerprint
    assert datasets[0].image_ids != datasets[1].image_ids  # panopticapi sums in the order of the file


def changed(content, path, value):
    """A copy in which the value at a path of keys is another."""
    copy = json.loads(json.dumps(content))
    *way, last = path
    at = copy
    for key in way:
        at = at[key]
    at[last] = value
    return copy


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["annotations", 0, "segmentation", 0, 0], np.nextafter(0.1, 1)),
        (["annotations", 1, "segmentation", "counts"], "d04"),
        (["annotations", 0, "area"], 7.25),
        (["annotations", 2, "iscrowd"], 0),
        (["annotations", 0, "category_id"], 7),
        (["annotations", 1, "bbox", 0], 1.5),
        (["annotations", 0, "id"], 99),
        (["images", 1, "id"], 3),
        (["categories", 0, "name"], "lion"),
    ],
)
def test_the_fingerprint_depends_on_what_the_truth_says(path, value, tmp_path):
    content = tiny.instances()
    other = changed(content, path, value)
    other["annotations"][2]["image_id"] = other["images"][1]["id"]
    files = [tiny.dump(tmp_path / f"{i}.json", c) for i, c in enumerate((content, other))]
    assert len({segbench.open_dataset(file).fingerprint for file in files}) == 2


def test_the_fingerprint_does_not_depend_on_pictures_or_licences(tmp_path):
    source = tiny.put_instances(tmp_path / "a")
    other = tiny.dump(tmp_path / "b.json", changed(tiny.instances(), ["info", "year"], 1999))
    assert segbench.open_dataset(source).fingerprint == segbench.open_dataset(other).fingerprint


CAMVID = [f"class {i}" for i in range(11)]


def png_there_and_back(source, tmp_path, **options):
    segbench.convert(source, tmp_path / "canonical", images="none", options=options)
    segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="png")
    return tmp_path / "back"


def test_camvid_comes_back_pixel_by_pixel(data_dir, tmp_path):
    source = data_dir / "camvid/CamVid/valannot"
    labels = tiny.dump(tmp_path / "labels.json", dict(enumerate(CAMVID)))
    back = png_there_and_back(source, tmp_path, labels=labels, ignore_index=11)
    assert tiny.load(back / "id2label.json") == {str(i): name for i, name in enumerate(CAMVID)}
    files = sorted(source.glob("*.png"))
    assert len(files) == 101
    for file in files:
        stored = decode_labels(file.read_bytes())
        written = decode_labels((back / "masks" / file.name).read_bytes())
        np.testing.assert_array_equal(written, np.where(stored == 11, 255, stored))


SPARSE = [[0, 1, 2], [7, 11, 200], [7, 300, 65_534], [0, 255, 9_000]]


@pytest.mark.parametrize(
    ("ids", "palette"), [(ids, p) for ids in SPARSE for p in (False, True) if max(ids) < 255 or not p]
)
def test_sparse_ids_come_back(ids, palette, tmp_path):
    rng = np.random.default_rng(0)
    dtype = np.uint8 if max(ids) < 255 else np.uint16
    mask = rng.choice([*ids, np.iinfo(dtype).max], (7, 5)).astype(dtype)
    (tmp_path / "set/masks").mkdir(parents=True)
    file = tmp_path / "set/masks/a.png"
    if palette:
        picture = Image.frombytes("P", mask.shape[::-1], mask.tobytes())
        picture.putpalette(rng.integers(0, 256, 768, np.uint8).tobytes())
        picture.save(file)
    else:
        file.write_bytes(encode_labels(mask))
    tiny.dump(tmp_path / "set/id2label.json", {str(i): f"c{i}" for i in ids})
    back = png_there_and_back(tmp_path / "set", tmp_path)
    written = decode_labels((back / "masks/a.png").read_bytes())
    np.testing.assert_array_equal(written, mask)
    assert written.dtype == dtype
    first, last = (segbench.open_dataset(path) for path in (tmp_path / "set", back))
    assert first.categories == last.categories
    assert first.fingerprint == last.fingerprint


@pytest.mark.parametrize("n", [254, 255, 256, 257, 1000])
def test_many_categories_come_back(n, tmp_path):
    mask = np.arange(n, dtype=np.uint16).reshape(1, -1)
    (tmp_path / "set").mkdir()
    (tmp_path / "set/a.png").write_bytes(encode_labels(mask if n > 255 else mask.astype(np.uint8)))
    segbench.convert(tmp_path / "set", tmp_path / "c", images="none", options={"num_classes": n})
    segbench.convert(tmp_path / "c", tmp_path / "back", target_format="png")
    np.testing.assert_array_equal(decode_labels((tmp_path / "back/masks/a.png").read_bytes()), mask)
    assert len(segbench.open_dataset(tmp_path / "back").categories) == n


def test_reduce_zero_label_is_undone_by_nothing(tmp_path):
    """What was 0 is ignore in the end, and every other id one less: mmsegmentation's meaning, written out."""
    stored = np.array([[0, 1, 2, 150, 255]], np.uint8)
    tiny.put_masks(tmp_path / "set", {"a": stored})
    options = {"reduce_zero_label": True, "num_classes": 150}
    back = png_there_and_back(tmp_path / "set", tmp_path, **options)
    np.testing.assert_array_equal(decode_labels((back / "masks/a.png").read_bytes()), [[255, 0, 1, 149, 255]])


def test_colour_maps_become_ids(tmp_path):
    colors = np.array([[[128, 64, 128], [0, 0, 0], [70, 70, 70]]], np.uint8)
    (tmp_path / "set").mkdir()
    Image.fromarray(colors).save(tmp_path / "set/a.png")
    table = tiny.dump(
        tmp_path / "colors.json",
        [
            {"name": None, "color": [0, 0, 0]},
            {"name": "road", "color": [128, 64, 128]},
            {"name": "house", "color": [70, 70, 70]},
        ],
    )
    back = png_there_and_back(tmp_path / "set", tmp_path, colors=table)
    np.testing.assert_array_equal(decode_labels((back / "masks/a.png").read_bytes()), [[0, 255, 1]])
    assert segbench.open_dataset(tmp_path / "canonical").categories[1].color == (70, 70, 70)


def test_nested_splits_of_label_maps_come_back(tmp_path):
    for split in ("train", "val"):
        tiny.put_pictures(tmp_path / "set/images" / split)
        tiny.put_masks(tmp_path / "set/masks" / split)
    segbench.convert(tmp_path / "set", tmp_path / "canonical")
    segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="png")
    for kind in ("images", "masks"):
        names = [sorted(p.relative_to(root).as_posix() for p in (root / kind).rglob("*.png"))
                 for root in (tmp_path / "set", tmp_path / "back")]  # fmt: skip
        assert names[0] == names[1] != []
    first, last = (segbench.open_dataset(tmp_path / name) for name in ("set", "back"))
    assert first.splits == last.splits == {"train": 2, "val": 2}
    assert first.fingerprint == last.fingerprint


def test_instances_become_panoptic_only_with_leave(data_dir, tmp_path):
    source = data_dir / INSTANCES["coco_tiny"]
    with pytest.raises(LossError, match="pixels that several objects cover"):
        segbench.convert(source, tmp_path / "p.json", target_format="coco-panoptic")
    assert list(tmp_path.iterdir()) == []
    report = segbench.convert(source, tmp_path / "p.json", target_format="coco-panoptic", allow_loss=True)
    assert [loss.feature for loss in report.losses][:1] == ["overlap"] or report.losses[
        0
    ].feature == "instances"
    merged, truth = segbench.open_dataset(tmp_path / "p.json"), segbench.open_dataset(source)
    for image_id in truth.image_ids:  # the same policy as that of masks
        np.testing.assert_array_equal(merged.by_id(image_id).mask, truth.by_id(image_id).mask)
