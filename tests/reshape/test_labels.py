"""Maps of labels: what they may say, what they must account for, and what becomes of pixels and segments."""

import hashlib
import json

import numpy as np
import pytest
from click.testing import CliRunner
from formats import tiny

import segbench
from segbench.cli import main
from segbench.errors import DataError, UsageError
from segbench.reshape.label_files import read_labels, shipped

ANIMALS = """
name = "animals"
ignore = ["sky"]
[[category]]
name = "ground"
from = ["grass"]
id = 4
isthing = false
color = [1, 2, 3]
[[category]]
name = "animal"
from = ["dog", 3]
parent = "thing"
"""


def put(root, text=ANIMALS, name="map.toml"):
    (root / name).write_text(text, encoding="utf-8")
    return root / name


def relabelled(source, root, text=ANIMALS, **options):
    report = segbench.convert(source, root / "out", labels=put(root, text), overwrite=True, **options)
    return segbench.open_dataset(root / "out"), report


def test_instances_are_renamed_merged_and_reordered(tmp_path):
    dataset, report = relabelled(tiny.put_instances(tmp_path / "in"), tmp_path)
    ground, animal = dataset.categories
    assert (ground.name, ground.source_id, ground.isthing, ground.color) == ("ground", 4, False, (1, 2, 3))
    assert (animal.name, animal.key, animal.parent) == ("animal", 1, "thing")
    assert [[s.category_id for s in sample.segments] for sample in dataset] == [[1, 1], [1]]
    assert dataset[0].segments[0].attributes == {"attributes": {"é": "ß"}}
    assert report.changes == []
    assert report.labels["not_in_source"] == ["sky"]


def test_it_is_written_down_with_its_hash_and_printed(tmp_path):
    source = tiny.put_instances(tmp_path / "in")
    arguments = ["convert", str(source), str(tmp_path / "out"), "--labels", str(put(tmp_path))]
    shown = CliRunner().invoke(main, arguments)
    assert shown.exit_code == 0, shown.stderr
    digest = hashlib.sha256((tmp_path / "map.toml").read_bytes()).hexdigest()
    assert f"labels: animals (sha256 {digest[:12]}…)" in shown.stdout
    assert "    4  ground  ← grass\n    1  animal  ← dog, 3\n       ignore  ← sky\n" in shown.stdout
    assert "not in this data set: 1 (sky)" in shown.stdout
    said = json.loads((tmp_path / "out/dataset.json").read_text())["labels"]
    assert said == {
        "name": "animals",
        "sha256": digest,
        "categories": [{"name": "ground", "from": ["grass"]}, {"name": "animal", "from": ["dog", 3]}],
        "ignore": ["sky"],
        "drop": [],
    }


def test_pixels_of_label_maps(tmp_path):
    text = """
    ignore = ["sky"]
    category = [{name = "tree"}, {name = "road"}]
    """
    dataset, report = relabelled(tiny.put_labels(tmp_path / "in"), tmp_path, text)
    lookup = np.full(256, 255, np.uint8)
    lookup[[0, 1]] = 1, 0
    for sample, mask in zip(dataset, tiny.masks().values(), strict=True):
        np.testing.assert_array_equal(sample.mask, lookup[mask])
    assert [str(change) for change in report.changes] == [
        "segments of categories that are left out: 1 (image 2)"
    ]


def test_stuff_that_is_merged_is_one_segment_and_what_is_left_out_is_void(tmp_path):
    text = """
    drop = ["dog"]
    category = [{name = "ground", from = ["grass", "cat"], isthing = false}]
    """
    dataset, report = relabelled(tiny.put_panoptic(tmp_path / "in"), tmp_path, text)
    first, second = dataset
    assert [(s.id, s.source_area, s.bbox) for s in first.segments] == [(70_000, None, None)]
    assert first.segment_map.tolist() == [[70_000] * 6] * 2 + [[70_000] * 3 + [0] * 3] * 2
    assert [s.id for s in second.segments] == [5]
    assert second.segment_map[1].tolist() == [5, 5, 5, 5, 0]
    assert second.mask[1].tolist() == [0, 0, 0, 0, 255]
    assert report.changes[0].count == 1


def test_things_that_are_merged_stay_apart(tmp_path):
    text = 'category = [{name = "animal", from = ["cat", "dog", "grass"], isthing = true}]'
    dataset, _ = relabelled(tiny.put_panoptic(tmp_path / "in"), tmp_path, text)
    assert [len(sample.segments) for sample in dataset] == [2, 2]


def test_a_split_by_rule(tmp_path):
    text = """
    ignore = ["grass"]
    [[category]]
    name = "large"
    from = [{category = "cat", where = "area >= 10"}, {category = "dog", where = "id = 99"}]
    [[category]]
    name = "small"
    from = ["cat", {category = "dog", ignore = true}]
    """
    dataset, report = relabelled(tiny.put_instances(tmp_path / "in"), tmp_path, text)
    areas = [[s.to_rle(x.height, x.width).area for s in x.segments] for x in dataset]
    assert areas[0][0] >= 10
    assert [[(s.category_id, s.ignore) for s in x.segments] for x in dataset] == [
        [(0, False), (1, True)], [(0, False)],
    ]  # fmt: skip
    assert "large   ← cat where area >= 10, dog where id = 99" in str(report)
    with pytest.raises(DataError, match="'road' is split by rule, and a label map has no segments"):
        relabelled(
            tiny.put_labels(tmp_path / "l"),
            tmp_path,
            'ignore = ["tree", "sky"]\n'
            'category = [{name = "a", from = [{category = "road", where = "area>1"}, "road"]}]',
        )


def test_lists_of_federated_truth(tmp_path):
    content = tiny.instances()
    content["images"][0] |= {"neg_category_ids": [3, 90], "not_exhaustive_category_ids": [7]}
    dataset, _ = relabelled(tiny.put_instances(tmp_path / "in", content), tmp_path)
    assert dataset[0].neg_category_ids == (0,)  # cats are absent, dogs may be there
    assert dataset[0].not_exhaustive_category_ids == (1,)


def test_more_categories_than_8_bits(tmp_path):
    extra = "".join(f'[[category]]\nname = "c{i}"\n' for i in range(300))
    dataset, _ = relabelled(
        tiny.put_labels(tmp_path / "in"), tmp_path, 'ignore=["road"]\ndrop=["tree","sky"]\n' + extra
    )
    assert dataset.ignore_index == 65_535
    assert set(np.unique(dataset[0].mask)) == {65_535}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('category = [{name = "a", from = ["cat"]}]', r"'dog': .* of it \(id 7\), nor of 1 more \('grass'\)"),
        ('drop=["dog"]\ncategory = [{name = "a", from = ["cat", "grass", "dog"]}]', "'dog': .* it twice"),
        (
            'drop=["dog","grass"]\ncategory = [{name = "a", from = [{category = "cat", where = "area>1"}]}]',
            "'cat': labels map split it by rule; say last",
        ),
        ("category = []", r"category: has no \[\[category\]\]"),
        ('category = [{name = "a"}, {name = "a"}]', "the name 'a' stands twice"),
        ('category = [{name = "a", colour = [1, 2, 3]}]', "unknown key 'colour'. Did you mean 'color'"),
        ('category = [{name = "a", color = [1, 2, 300]}]', r"category\[0\].color: is no \[red, green, "),
        ('category = [{name = "a", isthing = 1}]', r"category\[0\].isthing: is no bool"),
        ('category = [{from = ["a"]}]', r"category\[0\]: has no name"),
        ('category = [{name = "a", from = "b"}]', r"category\[0\].from: is no list"),
        ('category = [{name = "a", from = [1.5]}]', r"category\[0\].from\[0\]: is no name, id or rule"),
        ('category = [{name = "a", from = [{category = "a", where = "b"}]}]', "where: .*unknown field 'b'"),
        ("category = ", "is no TOML"),
        ("map = 1", "unknown key 'map'"),
    ],
)  # fmt: skip
def test_maps_that_are_refused(text, message, tmp_path):
    source = tiny.put_instances(tmp_path / "in")
    with pytest.raises(DataError, match=message):
        relabelled(source, tmp_path, text)
    assert not (tmp_path / "out").exists()


def test_things_and_stuff_are_not_merged_silently(tmp_path):
    text = 'category = [{name = "all", from = ["cat", "dog", "grass"]}]'
    with pytest.raises(
        DataError, match=r"'all': is made from things and stuff \(cat, dog, grass\); say isthing"
    ):
        relabelled(tiny.put_panoptic(tmp_path / "in"), tmp_path, text)


TABLE = """\
parent\tset-a\tset-a-relabeled\tuniversal
x\t{cat, dog}\tcat\tanimal
x\t\t\tcar
x\tgrass\t\tunlabeled
"""


def test_a_table_with_a_column_for_each_data_set(tmp_path):
    file = put(tmp_path, TABLE, "master.tsv")
    labels = read_labels(f"{file}#set-a")
    assert [(t.name, [s.category for s in t.sources]) for t in labels.targets] == [("animal", ["cat", "dog"])]
    assert [s.category for s in labels.ignore] == ["grass"]
    segbench.convert(tiny.put_instances(tmp_path / "in"), tmp_path / "out", labels=f"{file}#set-a")
    assert segbench.open_dataset(tmp_path / "out").id2label == {0: "animal"}
    two = put(tmp_path, "a\tb\ncat\tanimal\n", "two.tsv")
    assert [t.name for t in read_labels(two).targets] == ["animal"]
    assert [t.name for t in read_labels(f"{file}#set-a-relabeled:universal").targets] == ["animal"]
    with pytest.raises(
        UsageError, match="no column 'set-b'; name two as FILE#SOURCE:TARGET. Did you mean 'set-a'"
    ):
        read_labels(f"{file}#set-b")
    with pytest.raises(DataError, match="names several categories to have"):
        read_labels(f"{file}#universal:set-a")
    with pytest.raises(DataError, match="has no row that names both"):
        read_labels(put(tmp_path, "a\tb\n", "none.tsv"))


@pytest.mark.parametrize("name", shipped())
def test_shipped_maps_are_told_and_read(name):
    labels = read_labels(name)
    assert labels.name == name
    assert labels.about
    sources = [source.category for source, _ in labels.rules()]
    assert len(sources) == len(set(sources))


def test_shipped_maps_have_the_numbers_that_are_known():
    sizes = {name: len(read_labels(name).targets) for name in shipped()}
    assert sizes == {
        "ade20k-150": 150, "cityscapes-19": 19, "cityscapes-categories": 7, "coco-80": 80,
        "coco-panoptic-stuff": 54, "coco-panoptic-things": 80, "voc": 21,
    }  # fmt: skip
    with pytest.raises(UsageError, match="nor are they shipped. Did you mean 'coco-80'"):
        read_labels("coco80")


def test_cityscapes_maps_are_those_of_cityscapesscripts():
    labels = pytest.importorskip("cityscapesscripts.helpers.labels").labels
    classes, groups = read_labels("cityscapes-19"), read_labels("cityscapes-categories")
    train = {label.trainId: label for label in labels if 0 <= label.trainId < 255}
    assert [t.name for t in classes.targets] == [train[i].name for i in range(19)]
    assert [t.color for t in classes.targets] == [train[i].color for i in range(19)]
    assert [t.isthing for t in classes.targets] == [train[i].hasInstances for i in range(19)]
    group_of = {source.category: groups.targets[i].name if i >= 0 else "void" for source, i in groups.rules()}
    del group_of["license plate"]
    assert group_of == {label.name: label.category for label in labels if label.id >= 0}


def test_the_map_of_cityscapes_gives_the_train_ids(data_dir, tmp_path):
    labels = pytest.importorskip("cityscapesscripts.helpers.labels").labels
    files = sorted((data_dir / "mmseg_testdata").rglob("*_labelIds.png"))
    assert files
    names = tiny.dump(tmp_path / "names.json", {label.id: label.name for label in labels if label.id >= 0})
    for i, file in enumerate(files):
        (tmp_path / f"in{i}").mkdir()
        (tmp_path / f"in{i}/a.png").write_bytes(file.read_bytes())
        options = {"images": "none", "options": {"labels": names}, "labels": "cityscapes-19"}
        segbench.convert(tmp_path / f"in{i}", tmp_path / f"out{i}", **options)
        truth = segbench.open_dataset(tmp_path / f"in{i}", options={"labels": names})[0].mask
        lookup = np.full(256, 255)
        lookup[[label.id for label in labels if label.id >= 0]] = [
            label.trainId for label in labels if label.id >= 0
        ]
        np.testing.assert_array_equal(segbench.open_dataset(tmp_path / f"out{i}")[0].mask, lookup[truth])


@pytest.mark.parametrize(("name", "n"), [("coco-panoptic-things", 80), ("coco-panoptic-stuff", 54)])
def test_the_maps_of_coco_panoptic(name, n, data_dir, tmp_path):
    source = data_dir / "panopticapi_sample/sample_data/panoptic_examples.json"
    segbench.convert(source, tmp_path / "out", images="none", labels=name)
    before, after = segbench.open_dataset(source), segbench.open_dataset(tmp_path / "out")
    assert len(after.categories) == n
    for old, new in zip(before, after, strict=True):
        kept = {s.id for s in old.segments if before.categories[s.category_id].isthing} if n == 80 else None
        assert kept is None or {s.id for s in new.segments} == kept
        if n == 54:
            things = np.isin(old.mask, [c.id for c in before.categories if c.isthing])
            np.testing.assert_array_equal(new.mask == 0, things)
            np.testing.assert_array_equal(new.mask == 255, old.mask == 255)


def test_coco_80(data_dir, tmp_path):
    source = data_dir / "coco_tiny/annotations/instances_val2017.json"
    segbench.convert(source, tmp_path / "out", images="none", labels="coco-80")
    before, after = segbench.open_dataset(source), segbench.open_dataset(tmp_path / "out")
    assert [c.name for c in before.categories] == [c.name for c in after.categories]
    assert [c.key for c in after.categories] == list(range(80))


def test_labels_are_listed_and_printed():
    listed = CliRunner().invoke(main, ["labels"])
    assert "cityscapes-19          Cityscapes: the 19 classes" in listed.stdout
    printed = CliRunner().invoke(main, ["labels", "cityscapes-categories"])
    assert "5  human         ← person, rider" in printed.stdout
    as_json = json.loads(CliRunner().invoke(main, ["labels", "voc", "--json"]).stdout)
    assert as_json["categories"][15] == {"name": "person", "from": [15]}
