"""Cityscapes: values, labels and polygons, the way there and back, and its own tools on what is written."""

from dataclasses import replace

import numpy as np
import pytest
from formats import mutations, shapes, tiny
from PIL import Image

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import decode_labels, encode_labels
from segbench.canonical.place import place
from segbench.canonical.segment import Segment
from segbench.errors import DataError, LossError, UsageError
from segbench.formats import cityscapes, sniff
from segbench.formats.cityscapes_labels import LABELS
from segbench.metrics import cityscapes as metric

NAME = "ulm_000001_000019"
REAL = "mmseg_testdata/tests/data/pseudo_cityscapes_dataset"
VALUES = np.uint16([[26_000, 26_000, 26_001, 24_000, 7], [26, 26, 26_001, 0, 7], [4, 29_003, 23, 23, 24]])
LABEL_IDS = np.uint8([[26, 26, 26, 24, 7], [26, 26, 26, 0, 7], [4, 29, 23, 23, 24]])
TRAIN_IDS = np.uint8([[13, 13, 13, 11, 0], [13, 13, 13, 255, 0], [255, 255, 10, 10, 11]])
MAPS = {"instanceIds": VALUES, "labelIds": LABEL_IDS, "labelTrainIds": TRAIN_IDS}


def put(root, kinds=tuple(MAPS), *, name=NAME, split="val", objects=None, maps=MAPS):
    folder = root / f"gtFine/{split}/ulm"
    for kind in kinds:
        place(folder / f"{name}_gtFine_{kind}.png", encode_labels(maps[kind]))
    if objects is not None:
        content = {"imgHeight": 3, "imgWidth": 5, "objects": objects}
        tiny.dump(folder / f"{name}_gtFine_polygons.json", content)
    picture = np.zeros((3, 3, 5), np.uint8)
    place(root / f"leftImg8bit/{split}/ulm/{name}_leftImg8bit.png", segbench_png(picture))
    return root


def segbench_png(picture):
    from segbench.canonical.images import encode_image

    return encode_image(picture)


def written(root, kind, name=NAME, split="val"):
    return decode_labels(
        (root / f"gtFine/{split}/{name.split('_')[0]}/{name}_gtFine_{kind}.png").read_bytes()
    )


def back(source, tmp_path, kind=None):
    options = None if kind is None else {"annotation": kind}
    segbench.convert(source, tmp_path / "canonical", options=options)
    report = segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="cityscapes")
    assert [loss.feature for loss in report.losses] == ["category_ids"] * (kind == "labelTrainIds")
    first, last = (segbench.open_dataset(path, options=options) for path in (source, tmp_path / "back"))
    assert first.fingerprint == last.fingerprint
    return tmp_path / "back"


def test_the_table_is_that_of_cityscapes():
    theirs = pytest.importorskip("cityscapesscripts.helpers.labels").labels
    assert [tuple(label) for label in LABELS] == [
        (t.name, t.id, t.trainId, t.category, t.hasInstances, t.ignoreInEval, t.color) for t in theirs
    ]
    ours = [(label.id, label.name, not label.ignored) for label in LABELS]
    assert ours == [(label.id, label.name, label.scored) for label in metric.LABELS]


def test_two_cars_a_person_and_a_group_are_what_they_are(tmp_path):
    """A file on which datumaro 1.13.12 gave road and the group alone."""
    dataset = segbench.open_dataset(put(tmp_path))
    assert (dataset.format, dataset.splits) == ("cityscapes", {"val": 1})
    assert dataset.tasks == ("panoptic", "semantic")
    (sample,) = dataset
    assert sample.image_id == NAME
    found = {s.id: (dataset.id2label[s.category_id], s.iscrowd, s.ignore) for s in sample.segments}
    assert found == {
        4: ("static", False, True), 7: ("road", False, False), 23: ("sky", False, False),
        24: ("person", True, False), 26: ("car", True, False), 24_000: ("person", False, False),
        26_000: ("car", False, False), 26_001: ("car", False, False), 29_003: ("caravan", False, True),
    }  # fmt: skip
    np.testing.assert_array_equal(sample.segment_map, VALUES)
    ignored = np.isin(LABEL_IDS, [0, 4, 29])
    np.testing.assert_array_equal(sample.mask, np.where(ignored, 255, LABEL_IDS))
    assert sample.image.shape == (3, 3, 5)


def test_all_maps_come_back_pixel_by_pixel(tmp_path):
    root = back(put(tmp_path / "set"), tmp_path)
    for kind, expected in MAPS.items():
        found = written(root, kind)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype
    assert (root / f"leftImg8bit/val/ulm/{NAME}_leftImg8bit.png").is_file()
    assert not (root / "labels.json").exists()


@pytest.mark.parametrize("kind", ["labelIds", "labelTrainIds"])
def test_maps_of_labels_come_back(kind, tmp_path):
    """``labelTrainIds`` of 0 is road: datumaro drops it."""
    root = back(put(tmp_path / "set", [kind]), tmp_path, kind)
    np.testing.assert_array_equal(written(root, kind), MAPS[kind])
    assert not list(root.rglob("*instanceIds.png"))
    mask = segbench.open_dataset(tmp_path / "set")[0].mask
    np.testing.assert_array_equal(mask, MAPS[kind])


def test_the_real_sample_comes_back(data_dir, tmp_path):
    """Its map of train ids was made smaller by itself, and differs from the others in 77 pixels."""
    name, source = "frankfurt_000000_000294", data_dir / REAL
    for kinds in (["instanceIds", "labelIds"], ["labelTrainIds"]):
        root = back(source, tmp_path / kinds[0], kinds[0])
        for kind in kinds:
            np.testing.assert_array_equal(written(root, kind, name), written(source, kind, name))
    whole, only = (segbench.open_dataset(source, options={"annotation": k})[0].mask for k in list(MAPS)[:2])
    np.testing.assert_array_equal(whole[whole != 255], only[whole != 255])


@pytest.mark.parametrize(("kind", "scored_only"), [("instanceIds", False), ("labelIds", True)])
def test_labels_that_are_not_scored_are_ignored_or_not(kind, scored_only, tmp_path):
    options = {"annotation": kind, "scored_only": scored_only}
    mask = segbench.open_dataset(put(tmp_path), options=options)[0].mask
    ignored = np.isin(LABEL_IDS, [0, 4, 29] if scored_only else [])
    void = VALUES == 0 if kind == "instanceIds" else np.zeros_like(ignored)
    np.testing.assert_array_equal(mask, np.where(ignored | void, 255, LABEL_IDS))


def test_objects_can_be_read_as_instances(tmp_path):
    (sample,) = segbench.open_dataset(put(tmp_path), options={"instances": True})
    assert [s.id for s in sample.segments] == [24, 26, 24_000, 26_000, 26_001, 29_003]
    for s in sample.segments:
        np.testing.assert_array_equal(s.rle.to_mask(), s.id == VALUES)
    with pytest.raises(UsageError, match="instances=true needs instanceIds or polygons; here are labelIds"):
        segbench.open_dataset(tmp_path, options={"instances": True, "annotation": "labelIds"})


OBJECTS = [
    {"label": "road", "polygon": [[0, 0], [4, 0], [4, 2], [0, 2]]},
    {"label": "car", "polygon": [[1, 1], [3, 1], [2, 2]]},
    {"label": "cargroup", "polygon": [[0, 0], [0, 1], [1, 0]]},
    {"label": "person", "polygon": [[4, 0], [4, 1]], "deleted": 1},
    {"label": "car", "polygon": [[3, 0], [4, 0], [4, 1]], "draw": True},
    {"label": "license plate", "polygon": [[0, 2], [1, 2], [1, 1]]},
    {"label": "polegroup", "polygon": [[2, 2], [4, 2], [9, 9]]},
]


def test_polygons_are_drawn_as_by_its_tools(tmp_path):
    tools = pytest.importorskip("cityscapesscripts.preparation.json2instanceImg")
    root = put(tmp_path, [], objects=OBJECTS)
    annotation = tools.Annotation()
    annotation.fromJsonFile(str(next(root.rglob("*.json"))))
    (sample,) = segbench.open_dataset(root)
    np.testing.assert_array_equal(sample.segment_map, np.array(tools.createInstanceImage(annotation, "ids")))
    assert {26, 26_000, 26_001, 7, 18} == {s.id for s in sample.segments}


def test_polygons_are_kept_as_long_as_they_are_true(tmp_path):
    source = put(tmp_path / "set", [], objects=OBJECTS)
    root = back(source, tmp_path)
    polygons = next(root.rglob("*polygons.json"))
    assert tiny.load(polygons) == tiny.load(next(source.rglob("*polygons.json")))
    segbench.convert(tmp_path / "canonical", tmp_path / "dropped", target_format="cityscapes", crowd="drop")
    assert not list((tmp_path / "dropped").rglob("*polygons.json"))


def test_polygons_beside_maps_are_kept(tmp_path):
    root = back(put(tmp_path / "set", objects=OBJECTS), tmp_path)
    assert tiny.load(next(root.rglob("*polygons.json")))["objects"] == OBJECTS
    np.testing.assert_array_equal(written(root, "instanceIds"), VALUES)


def test_its_tools_make_panoptic_pictures_of_what_is_written(tmp_path):
    """And ours of the same data are the same: segments, pixels, areas and boxes."""
    tools = pytest.importorskip("cityscapesscripts.preparation.createPanopticImgs")
    root = back(put(tmp_path / "set"), tmp_path)
    tools.convert2panoptic(str(root / "gtFine"), str(tmp_path), setNames=["val"])
    segbench.convert(
        root, tmp_path / "ours.json", target_format="coco-panoptic", allow_loss=True, images="none"
    )
    theirs, ours = (tiny.load(tmp_path / name) for name in ("cityscapes_panoptic_val.json", "ours.json"))
    (a,), (b,) = theirs["annotations"], ours["annotations"]
    assert a["segments_info"] == b["segments_info"]
    pixels = [
        np.array(Image.open(tmp_path / folder / row["file_name"]))
        for folder, row in (("cityscapes_panoptic_val", a), ("ours", b))
    ]
    np.testing.assert_array_equal(*pixels)


def test_its_evaluation_reads_what_is_written(tmp_path, monkeypatch):
    if not hasattr(np, "in1d"):  # that NumPy has dropped
        monkeypatch.setattr(np, "in1d", lambda a, b: np.isin(a, b).ravel(), raising=False)
    tools = pytest.importorskip("cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling")
    root = back(put(tmp_path / "set"), tmp_path)
    truth = str(next(root.rglob("*labelIds.png")))
    place(tmp_path / f"pred/{NAME}_x.png", encode_labels(np.roll(LABEL_IDS, 1, 1)))
    monkeypatch.setattr(tools.args, "predictionPath", str(tmp_path / "pred"))
    monkeypatch.setattr(tools.args, "predictionWalk", None)
    monkeypatch.setattr(tools.args, "quiet", True)
    monkeypatch.setattr(tools.args, "JSONOutput", False)
    theirs = tools.evaluateImgLists([tools.getPrediction(tools.args, truth)], [truth], tools.args)
    for options in ({}, {"annotation": "labelIds"}):
        record = segbench.score(
            root, tmp_path / "pred", protocol="cityscapes", truth_format="cityscapes",
            truth_options=options, predictions_format="cityscapes", out=None,
        )  # fmt: skip
        assert record.metrics["miou"].value == pytest.approx(theirs["averageScoreClasses"], abs=0)
        assert record.metrics["category_miou"].value == pytest.approx(theirs["averageScoreCategories"], abs=0)


def test_predicted_masks_are_read_as_its_evaluation_reads_them(tmp_path):
    truth = segbench.open_dataset(put(tmp_path), options={"instances": True})
    lines = []
    for i, value in enumerate((26_000, 24_000)):
        place(tmp_path / f"pred/masks/{i}.png", encode_labels((value == VALUES).astype(np.uint8) * 255))
        lines.append(f"masks/{i}.png {value // 1000} 0.{i + 5}\n")
    place(tmp_path / f"pred/{NAME}_pred.txt", "".join(lines).encode())
    predictions = cityscapes.read_predictions(tmp_path / "pred", truth)
    (sample,) = predictions
    assert [(s.score, truth.categories[s.category_id].name) for s in sample.segments] == [
        (0.5, "car"), (0.6, "person"),
    ]  # fmt: skip
    np.testing.assert_array_equal(sample.segments[0].rle.to_mask(), VALUES == 26_000)
    record = segbench.score(truth, tmp_path / "pred", predictions_format="cityscapes", out=None)
    assert record.metrics["ap"].value > 0


def test_a_text_file_without_lines_finds_nothing(tmp_path):
    truth = segbench.open_dataset(put(tmp_path), options={"instances": True})
    place(tmp_path / f"pred/{NAME}.txt", b"\n")
    (sample,) = cityscapes.read_predictions(tmp_path / "pred", truth)
    assert (sample.segments, sample.height, sample.width) == ([], *VALUES.shape)


def test_text_files_that_list_masks_are_recognised(tmp_path):
    place(tmp_path / "pred/a.txt", b"")
    assert not cityscapes.lists_masks(tmp_path / "pred")
    place(tmp_path / "pred/b.txt", b"masks/b.png 26 0.5\n")
    assert segbench.formats.sniff(tmp_path / "pred") == "cityscapes"


def test_predicted_objects_are_panoptic(tmp_path):
    truth = segbench.open_dataset(put(tmp_path))
    place(tmp_path / f"pred/{NAME}.png", encode_labels(VALUES))
    predictions = cityscapes.read_predictions(tmp_path / "pred", truth)
    assert predictions.tasks == ("panoptic", "semantic")
    np.testing.assert_array_equal(predictions[0].segment_map, VALUES)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "pred: image ulm_000001_000019: there is no prediction for this image"),
        ({"a": LABEL_IDS, "b": LABEL_IDS}, "_a.png: image ulm_.*: there are two predictions for this image"),
        ({"a": LABEL_IDS + 99}, "has the value 99, which names no label"),
        ({"a": VALUES + 39_000}, "has the value 39000, which names no label"),
    ],
)
def test_predictions_are_checked(files, message, tmp_path):
    truth = segbench.open_dataset(put(tmp_path))
    for name, ids in files.items():
        place(tmp_path / f"pred/{NAME}_{name}.png", encode_labels(ids))
    with pytest.raises(DataError, match=message):
        _ = cityscapes.read_predictions(tmp_path / "pred", truth)[0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("m.png 26", "line 1: has 2 words; 3 are mask, label and score"),
        ("m.png car 0.5", "line 1: has 'car 0.5', no label and score"),
        ("m.png 26 nan", "line 1: its score is not finite"),
        ("m.png 99 0.5", "line 1: unknown category id 99"),
        ("../m.png 26 0.5", "line 1: the path '../m.png' leads out of its folder"),
        ("n.png 26 0.5", "n.png: image .*: cannot read the file"),
    ],
)
def test_lines_of_predictions_are_checked(line, message, tmp_path):
    truth = segbench.open_dataset(put(tmp_path))
    place(tmp_path / "pred/m.png", encode_labels(LABEL_IDS))
    place(tmp_path / f"pred/{NAME}.txt", line.encode())
    with pytest.raises(DataError, match=message):
        _ = cityscapes.read_predictions(tmp_path / "pred", truth)[0]


def test_instances_of_other_data_sets_are_seen_as_they_are_painted(tmp_path):
    """datumaro 1.13.12 writes class ids where objects should be told apart."""
    source = tiny.put_instances(tmp_path)
    truth = segbench.open_dataset(source)
    with pytest.raises(LossError, match="pixels that several objects cover"):
        segbench.convert(source, tmp_path / "out", target_format="cityscapes")
    options = {"target_format": "cityscapes", "allow_loss": True}
    report = segbench.convert(source, tmp_path / "out", **options)
    counts = {loss.feature: loss.count for loss in report.losses}
    # 90 is no label of things in 16 bits, so all get new ones
    assert {k: counts[k] for k in ("overlap", "ids", "category_ids", "polygons", "stated")} == {
        "overlap": 4, "ids": 3, "category_ids": 3, "polygons": 1, "stated": 3,
    }  # fmt: skip
    read = segbench.open_dataset(tmp_path / "out")
    assert read.image_ids == ["1", "2"]
    assert [(c.name, c.key, c.isthing) for c in read.categories] == [
        ("cat", 1, True), ("dog", 2, True), ("grass", 3, True),
    ]  # fmt: skip
    for ours, theirs in zip(read, truth, strict=True):
        np.testing.assert_array_equal(ours.mask, theirs.mask)
        assert [(s.id, s.category_id, s.iscrowd) for s in ours.segments] == [
            (1 if s.iscrowd else (s.category_id + 1) * 1000, s.category_id, s.iscrowd)
            for s in theirs.segments
        ]
    assert (tmp_path / "out/leftImg8bit/val/images/1_000000_000000_leftImg8bit.png").is_file()


def test_labels_of_other_data_sets_come_back(tmp_path):
    source = put(tmp_path / "set", ["labelIds"], maps={"labelIds": np.uint8([[0, 3], [200, 3]])})
    rows = [
        {"name": n, "id": i, "trainId": t, "category": "x", "hasInstances": thing, "ignoreInEval": False,
         "color": [i, 0, 9]}
        for n, i, t, thing in (("no", 0, 255, False), ("cat", 3, 0, True), ("sky", 200, 1, False))
    ]  # fmt: skip
    tiny.dump(source / "labels.json", rows)
    dataset = segbench.open_dataset(source)
    assert [(c.name, c.key, c.isthing, c.color) for c in dataset.categories] == [
        ("no", 0, False, (0, 0, 9)), ("cat", 3, True, (3, 0, 9)), ("sky", 200, False, (200, 0, 9)),
    ]  # fmt: skip
    np.testing.assert_array_equal(dataset[0].mask, [[0, 1], [2, 1]])


def many(n, isthing=None):
    segments = tuple(
        Segment(id=i, category_id=i, rle=s.rle) for i, s in enumerate([shapes.instances()[3]] * n)
    )
    dataset = shapes.data_set(segments)
    categories = Categories(Category(i, f"c{i}", isthing=isthing) for i in range(n))
    return Dataset(
        name="many", categories=categories, image_ids=dataset.image_ids, load=dataset.__getitem__,
        tasks=("instance",),
    )  # fmt: skip


def test_categories_beyond_65_things_are_announced(tmp_path):
    report = segbench.convert(many(65), tmp_path / "a", target_format="cityscapes", dry_run=True)
    assert "wide_ids" not in {loss.feature for loss in report.losses}
    report = segbench.convert(many(70), tmp_path / "a", target_format="cityscapes", dry_run=True)
    (loss,) = [loss for loss in report.losses if loss.feature == "wide_ids"]
    assert (loss.count, loss.examples) == (5, ["c65", "c66", "c67"])
    segbench.convert(many(70), tmp_path / "a", target_format="cityscapes", allow_loss=True)
    assert len(segbench.open_dataset(tmp_path / "a").categories) == 65
    report = segbench.convert(
        many(300, isthing=False), tmp_path / "b", target_format="cityscapes", dry_run=True
    )
    assert {loss.feature: loss.count for loss in report.losses}["wide_ids"] == 300 - 254


def test_what_is_hidden_joined_or_not_a_group_of_things_is_announced(tmp_path):
    def data_set(*segments, isthing):
        dataset = shapes.data_set(segments)
        categories = Categories(replace(c, isthing=isthing) for c in dataset.categories)
        return Dataset(
            name="x", categories=categories, image_ids=dataset.image_ids, load=dataset.__getitem__,
            tasks=("instance",),
        )  # fmt: skip

    small = Segment(id=1, category_id=0, rle=shapes.instances()[3].rle)
    other = Segment(id=2, category_id=0, rle=shapes.instances()[0].rle)
    crowds = [replace(s, iscrowd=True) for s in (small, other)]
    for segments, isthing, expected in (
        ((small, replace(small, id=5)), True, {"instances": 1, "overlap": 1, "ids": 1}),
        ((small, other), True, {"ids": 2}),
        ((small, other), False, {"instances": 1, "ids": 0}),
        (crowds, True, {"instances": 1, "ids": 0}),
        (crowds[:1], False, {"crowd": 1}),
        ((replace(small, ignore=True),), True, {"ignore": 1}),
    ):
        report = segbench.convert(
            data_set(*segments, isthing=isthing), tmp_path / "x", target_format="cityscapes", dry_run=True
        )
        counts = {loss.feature: loss.count for loss in report.losses}
        assert {k: counts.get(k, 0) for k in expected} == expected


def test_names_of_its_labels_give_its_ids(tmp_path):
    """A data set of the 19 classes is written in label ids, whatever its own ids were."""
    root = put(tmp_path / "set", ["labelTrainIds"])
    segbench.convert(root, tmp_path / "out", target_format="cityscapes", allow_loss=True)
    expected = np.where(np.isin(LABEL_IDS, [0, 4, 29]), 0, LABEL_IDS)
    np.testing.assert_array_equal(written(tmp_path / "out", "labelIds"), expected)


def test_it_is_recognised(tmp_path):
    root = put(tmp_path / "set")
    assert sniff(root) == sniff(root / "gtFine") == "cityscapes"
    (root / "gtFine").rename(root / "gtCoarse")
    for file in sorted(root.rglob("*gtFine*.png")):
        file.rename(file.with_name(file.name.replace("gtFine", "gtCoarse")))
    assert sniff(root) == "cityscapes"
    np.testing.assert_array_equal(segbench.open_dataset(root)[0].segment_map, VALUES)


def test_pictures_without_annotation_are_told(tmp_path):
    root = put(tmp_path)
    for split in ("val", "test"):
        place(root / f"leftImg8bit/{split}/bonn/bonn_000000_000001_leftImg8bit.png", b"")
    (note,) = segbench.open_dataset(root).notes
    assert note.startswith("pictures without annotation, which are left out: 1 (val/bonn/bonn_000000_000001")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"maps": {"instanceIds": VALUES + 39_000}}, "instanceIds: has the value 39000"),
        ({"kinds": ["labelIds"], "maps": {"labelIds": LABEL_IDS + 9}}, "labelIds: has the value 35"),
        (
            {"kinds": [], "objects": [{"label": "cat"}]},
            r"objects\[0\].label: is 'cat', which is no label",
        ),
        ({"kinds": [], "objects": [{"label": "car", "polygon": 1}]}, r"objects\[0\].polygon: is no list of"),
        (
            {"kinds": [], "objects": [{"label": "car", "polygon": [[1, 1]]}]},
            r"objects\[0\].polygon: cannot be",
        ),
        ({"kinds": [], "objects": 5}, "objects: is missing, or no list"),
    ],
)
def test_damage_is_named(change, message, tmp_path):
    change = {"kinds": ["instanceIds"], **change}
    with pytest.raises(DataError, match=message):
        _ = segbench.open_dataset(put(tmp_path, change.pop("kinds"), **change), format="cityscapes")[0]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({}, "labels.json: is no list of labels"),
        ([5], r"labels.json: \[0\]: is no object"),
        ([{"name": "a"}], r"\[0\].id: is missing, or no int"),
        ([{"color": [0, 0, 256]}], r"\[0\].color: is no \[r, g, b\]"),
        ([{"id": 255}], r"\[0\].id: is 255; labels are -1 to 254"),
        ([{}, {}], "id: two labels have one id"),
    ],
)
def test_labels_are_checked(rows, message, tmp_path):
    good = {
        "name": "a", "id": 1, "trainId": 0, "category": "", "hasInstances": True, "ignoreInEval": False,
        "color": [0, 0, 0],
    }  # fmt: skip
    whole = [good | row if isinstance(row, dict) and row.keys() != {"name"} else row for row in rows]
    root = put(tmp_path)
    tiny.dump(root / "labels.json", whole if isinstance(rows, list) else rows)
    with pytest.raises(DataError, match=message):
        segbench.open_dataset(root)


def test_options_are_checked(tmp_path):
    with pytest.raises(UsageError, match="must be one of .*, not 'labelsIds'. Did you mean 'labelIds'"):
        segbench.open_dataset(put(tmp_path), options={"annotation": "labelsIds"})
    with pytest.raises(DataError, match=r"gtFine: holds no \*_gtFine_polygons.json"):
        segbench.open_dataset(tmp_path, options={"annotation": "polygons"})


def test_two_files_of_one_name_are_refused(tmp_path):
    dataset = shapes.data_set()
    samples = [replace(dataset[1], image_id=i, image_file=None, source_path=None) for i in ("a_b", "A-b")]
    both = Dataset(
        name="x", categories=dataset.categories, image_ids=[s.image_id for s in samples],
        load=samples.__getitem__, tasks=("instance",),
    )  # fmt: skip
    with pytest.raises(DataError, match="its file would be called 'train/images/A-b_000000_000000'"):
        cityscapes.write(both, tmp_path / "out", images="none")
    assert list(tmp_path.iterdir()) == []


def test_spoilt_files_are_refused_or_read(tmp_path):
    def put_all(root):
        return put(root / "set", objects=OBJECTS)

    assert mutations.check(put_all, tmp_path / "a", format_name="cityscapes", n=100) > 10

    def put_polygons(root):
        return put(root / "set", [], objects=OBJECTS)

    assert mutations.check(put_polygons, tmp_path / "b", format_name="cityscapes", n=100) > 10
