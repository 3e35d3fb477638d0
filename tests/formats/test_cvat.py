# ruff: noqa: E501 - a table, one case a line
"""CVAT's XML: polygons, masks, boxes, groups and order, what is no region, and the way there and back."""

from dataclasses import replace
from xml.etree.ElementTree import fromstring

import numpy as np
import pytest
from formats import mutations, shapes, tiny
from hypothesis import given, settings
from hypothesis import strategies as st

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.rle import Rle
from segbench.canonical.segment import Segment
from segbench.errors import DataError, LossError
from segbench.formats import cvat, sniff
from segbench.formats.patches import row_runs
from segbench.formats.xml_file import to_node

META = """\
<meta><job><id>5</id><labels>
  <label><name>cat</name><color>#0a0b0c</color><type>any</type><attributes>
    <attribute><name>a&amp;b</name><mutable>False</mutable></attribute></attributes></label>
  <label><name>dog</name><attributes/></label></labels></job><dumped>2024-01-01</dumped></meta>"""
SHAPES = """\
<polygon label="cat" source="manual" occluded="1" points="0.5,0.25;4,0;4,3" z_order="1" group_id="7">
  <attribute name="a&amp;b">&lt;x&gt;</attribute></polygon>
<mask label="dog" rle="1, 3" left="1" top="1" width="2" height="2" z_order="0"/>
<polyline label="cat" points="0,0;1,1" z_order="0"/>
<box label="cat" xtl="3.1" ytl="1" xbr="5" ybr="3.3" z_order="0"><attribute name="is_crowd">true</attribute></box>
<polygon label="cat" points="3,1;5,1;5,3;3,3" z_order="1" group_id="7"/>
<ellipse label="dog" cx="2" cy="2" rx="1.5" ry="1" rotation="30.0" z_order="-1"/>
<box label="dog" xtl="1" ytl="1" xbr="5" ybr="2" rotation="90" z_order="2">
  <attribute name="ignore">true</attribute><attribute name="score">0.25</attribute></box>
<skeleton label="cat"><points label="1" points="1,1" outside="0"/></skeleton>
<tag label="dog"><attribute name="x">1</attribute></tag>"""
SCORED = '<mask label="dog" rle="0, 2, 1, 1" left="-1" top="3" width="2" height="2" z_order="0"/>'


def xml(*images, meta=META):
    given = [
        f'<image id="{i}" name="{i}.png" {said} width="{tiny.SIZES[i][1]}" height="{tiny.SIZES[i][0]}">{found}</image>'
        for i, (said, found) in enumerate(images, 1)
    ]
    return f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>{meta}{"".join(given)}</annotations>'


def put(root, *images, meta=META):
    tiny.put_pictures(root / "images")
    (root / "annotations.xml").write_text(
        xml(*(images or (("", SHAPES), ("", ""))), meta=meta), encoding="utf-8"
    )
    return root


def tree(folder):
    return to_node(fromstring((folder / "annotations.xml").read_text(encoding="utf-8")))


def back(source, tmp_path):
    segbench.convert(source, tmp_path / "canonical")
    report = segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="cvat")
    assert report.losses == []
    first, last = (segbench.open_dataset(path) for path in (source, tmp_path / "back"))
    assert first.fingerprint == last.fingerprint
    return tmp_path / "back"


def numbers(node):
    """The same tree, its points as numbers: 1.00 is 1."""
    tag, attributes, text, children = node
    told = {k: [[float(v) for v in p.split(",")] for p in value.split(";")] if k == "points" else value for k, value in attributes.items()}  # fmt: skip
    return [tag, told, text, [numbers(child) for child in children]]


def test_everything_is_read(tmp_path):
    dataset = segbench.open_dataset(put(tmp_path / "set"))
    assert (dataset.format, dataset.splits) == ("cvat", {"train": 2})
    assert dataset.id2label == {0: "cat", 1: "dog"}
    assert dataset.categories[0].color == (10, 11, 12)
    sample, empty = dataset
    assert empty.segments == ()
    assert sample.image.shape == (3, 4, 6)
    ellipse, mask, box, group, turned = sample.segments  # the lowest first
    assert (box.bbox, box.source_kind, box.iscrowd) == ((3.1, 1, 1.9, 2.3), "box", True)
    assert group.polygons == ((0.5, 0.25, 4, 0, 4, 3), (3, 1, 5, 1, 5, 3, 3, 3))
    assert group.attributes["attributes"] == {"a&b": "<x>"}
    np.testing.assert_array_equal(mask.to_rle(4, 6).to_mask()[1:3, 1:3], [[0, 1], [1, 1]])
    np.testing.assert_allclose(np.reshape(turned.polygons, (-1, 2)), [[3.5, -0.5], [3.5, 3.5], [2.5, 3.5], [2.5, -0.5]])  # fmt: skip
    assert (turned.ignore, turned.score) == (True, 0.25)
    assert len(ellipse.polygons[0]) == 2 * 12


def test_it_comes_back_as_it_was(tmp_path):
    source = put(tmp_path / "set")
    assert numbers(tree(back(source, tmp_path))) == numbers(tree(source))


def test_subsets_are_splits_and_come_back(tmp_path):
    source = put(tmp_path / "set", ('subset="a"', SCORED), ('subset="b" task_id="3"', ""))
    dataset = segbench.open_dataset(source)
    assert (dataset.splits, dataset.image_ids) == ({"a": 1, "b": 1}, ["a/1", "b/2"])
    np.testing.assert_array_equal(dataset[0].segments[0].to_rle(4, 6).to_mask()[3], [1, 0, 0, 0, 0, 0])
    written = back(source, tmp_path)
    assert sorted(p.relative_to(written).as_posix() for p in written.rglob("*.png")) == ["images/a/1.png", "images/b/2.png"]  # fmt: skip
    assert [node[1]["subset"] for node in tree(written)[3][2:]] == ["a", "b"]


def test_an_image_of_no_subset_keeps_its_name_beside_others_of_one(tmp_path):
    dataset = segbench.open_dataset(put(tmp_path / "set", ("", SCORED), ('subset="val"', "")))
    assert (dataset.splits, dataset.image_ids) == ({"train": 1, "val": 1}, ["1", "val/2"])


@pytest.mark.parametrize("name", ["export_task", "export_project"])
def test_real_exports_come_back_as_they_were(name, data_dir, tmp_path):
    source = data_dir / "datumaro_assets/tests/assets/cvat_dataset/for_images" / name
    dataset = segbench.open_dataset(source)
    assert dataset[0].image.shape == (3, 8, 8)
    assert dataset[0].segments[0].bbox == (0, 2, 4, 2)
    assert dataset[1].segments[0].polygons == ((1, 2, 3, 4, 6, 5),)
    written = back(source, tmp_path)
    (file,) = source.glob("*.xml")
    assert numbers(tree(written)) == numbers(to_node(fromstring(file.read_text())))


def test_a_video_is_refused(data_dir):
    source = data_dir / "datumaro_assets/tests/assets/cvat_dataset/for_video"
    assert sniff(source) == "cvat"
    with pytest.raises(DataError, match="holds tracks of a video; export it"):
        segbench.open_dataset(source)


@given(st.lists(st.booleans(), min_size=6, max_size=6))
def test_runs_are_those_of_rows(pixels):
    patch = np.array(pixels, np.uint8).reshape(2, 3)
    runs = row_runs(patch)
    assert [i & 1 for i, n in enumerate(runs) for _ in range(n)] == patch.ravel().tolist()
    assert all(runs[1:])


def as_sets(dataset):
    """What objects there are, in whichever order they lie."""
    return [set(found) for found in shapes.masks(dataset)]


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), policy=st.sampled_from(["area", "score", "order"]))
def test_what_lies_on_top_does_so_again_and_ids_are_counted(seed, policy, tmp_path_factory):
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 6)
    ids = rng.permutation(n) + 1 if rng.random() < 0.5 else range(1, n + 1)
    segments = tuple(
        Segment(
            id=int(i), category_id=int(rng.integers(3)), iscrowd=bool(rng.random() < 0.2),
            rle=Rle.from_mask(rng.random(shapes.SIZE) < rng.choice([0.05, 0.5])), source_kind="rle",
            score=float(rng.random()) if policy == "score" else None,
        )
        for i in ids
    )  # fmt: skip
    sample = replace(shapes.data_set(segments)[0], overlap_policy=policy)
    dataset = shapes.data_set(segments)
    dataset = Dataset(
        name="x", categories=dataset.categories, image_ids=["é0"], load=[sample].__getitem__,
        tasks=("instance",),
    )  # fmt: skip
    target = tmp_path_factory.mktemp("cvat") / "out"
    report = segbench.convert(dataset, target, target_format="cvat", images="none", allow_loss=True)
    (read,) = segbench.open_dataset(target)
    np.testing.assert_array_equal(read.mask, sample.mask)
    assert as_sets(segbench.open_dataset(target)) == as_sets(dataset)
    before = {(s.category_id, s.iscrowd, s.rle.counts): s.id for s in segments}
    moved = sum(before[s.category_id, s.iscrowd, s.rle.counts] != s.id for s in read.segments)
    assert sum(loss.count for loss in report.losses if loss.feature == "ids") == moved
    again = segbench.convert(
        segbench.open_dataset(target), target.parent / "again", target_format="cvat", images="none"
    )
    assert again.losses == []
    np.testing.assert_array_equal(segbench.open_dataset(target.parent / "again")[0].mask, sample.mask)


def test_new_elements_lie_on_those_of_the_source(tmp_path):
    (sample, _) = segbench.open_dataset(put(tmp_path / "set"))
    extra = Segment(id=99, category_id=0, rle=Rle.from_mask(np.ones((4, 6), np.uint8)), source_kind="rle")
    for place in (0, 3, len(sample.segments)):
        segments = (*sample.segments[:place], extra, *sample.segments[place:])
        changed = replace(sample, segments=segments)
        dataset = Dataset(
            name="x", categories=segbench.open_dataset(tmp_path / "set").categories, image_ids=["1"],
            load=[changed].__getitem__, tasks=("instance",),
        )  # fmt: skip
        cvat.write(dataset, tmp_path / f"out{place}", images="none")
        read = segbench.open_dataset(tmp_path / f"out{place}")[0]
        np.testing.assert_array_equal(read.mask, changed.mask)


def test_formats_without_a_stacking_announce_it(tmp_path):
    root = put(
        tmp_path / "set",
        ("", '<box label="cat" xtl="0" ytl="0" xbr="2" ybr="2" z_order="0"/>'
         '<polygon label="dog" points="0,0;6,0;6,4;0,4" z_order="1"/>'
         '<polygon label="cat" points="0,0;3,0;3,2;0,2" z_order="0"/>'),
        ("", ""),
    )  # fmt: skip
    for target, expected in (
        ("coco", 6),
        ("labelme", 6),
        ("segbench", None),
        ("webdataset", None),
        ("png", None),
    ):
        report = segbench.convert(root, tmp_path / "out", target_format=target, dry_run=True)
        assert {loss.feature: loss.count for loss in report.losses}.get("stacking") == expected, target


def test_every_kind_of_instance_is_written_to_the_pixel(tmp_path):
    dataset = shapes.data_set()
    cvat.write(dataset, tmp_path / "out")
    assert as_sets(segbench.open_dataset(tmp_path / "out")) == as_sets(dataset)
    tags = [node[0] for node in tree(tmp_path / "out")[3][2][3]]
    assert tags == ["mask", "polygon", "polygon", "polygon", "mask", "mask"]


def test_one_file_may_be_written(tmp_path):
    dataset = shapes.data_set()
    cvat.write(dataset, tmp_path / "out.xml")
    assert sniff(tmp_path / "out.xml") == "cvat"
    assert as_sets(segbench.open_dataset(tmp_path / "out.xml")) == as_sets(dataset)


def test_crowds_scores_boxes_and_attributes_are_kept(tmp_path):
    fields = {"category_id": 1, "iscrowd": True, "ignore": True, "score": 0.1 + 0.2}
    box = Segment(
        id=1, bbox=(2, 3, 4.5, 5), source_kind="box", attributes={"attributes": {"ü": "\n"}}, **fields
    )
    cvat.write(shapes.data_set((box,)), tmp_path / "out")
    (segment,) = segbench.open_dataset(tmp_path / "out")[0].segments
    assert (segment.iscrowd, segment.ignore, segment.score) == (True, True, 0.1 + 0.2)
    assert segment.bbox == (2, 3, 4.5, 5)


def test_new_parts_have_a_group_of_their_own(tmp_path):
    """A group that the source names is not given to others that are written beside it."""
    (sample, _) = segbench.open_dataset(put(tmp_path / "set"))
    group = sample.segments[3]
    new = shapes.instances()[2]
    cvat.write(shapes.data_set((group, new)), tmp_path / "out")
    read = segbench.open_dataset(tmp_path / "out")[0].segments
    assert [len(s.polygons) for s in read] == [2, 2]
    assert [node[1].get("group_id") for node in tree(tmp_path / "out")[3][2][3]] == ["7", "9", "9", "7"]


def test_what_was_changed_since_is_not_written_as_it_was(tmp_path):
    from dataclasses import replace

    sample = segbench.open_dataset(put(tmp_path / "set"))[0]
    moved = replace(sample.segments[1], rle=shapes.instances()[3].rle)
    told = replace(sample.segments[2], iscrowd=False, bbox=(1, 1, 2, 2))
    cvat.write(shapes.data_set((moved, told)), tmp_path / "out")
    first, second = segbench.open_dataset(tmp_path / "out")[0].segments
    assert first.to_rle(*shapes.SIZE) == moved.rle
    assert second.bbox == (1, 1, 2, 2)


def test_holes_become_no_polygon(tmp_path):
    """A mask with holes stays one, run by run (cocoapi#153 and others)."""
    source = tiny.instances()
    ring = np.pad(np.zeros((2, 2), np.uint8), 1, constant_values=1)
    source["annotations"] = [
        source["annotations"][1] | {"segmentation": tiny.rle(np.pad(ring, ((0, 0), (0, 2))))}
    ]
    segbench.convert(
        tiny.put_instances(tmp_path / "in", source), tmp_path / "out", target_format="cvat", allow_loss=True
    )
    sample = segbench.open_dataset(tmp_path / "out")[0]
    assert sample.segments[0].rle == Rle.from_mask(np.pad(ring, ((0, 0), (0, 2))))


def test_losses_are_announced(tmp_path):
    source = tiny.put_instances(tmp_path / "in")
    with pytest.raises(LossError, match="segment ids of the source: 3"):
        segbench.convert(source, tmp_path / "out", target_format="cvat")
    report = segbench.convert(source, tmp_path / "out", target_format="cvat", dry_run=True)
    assert [loss.feature for loss in report.losses] == ["ids", "category_ids", "category_fields", "stated", "extra", "about"]  # fmt: skip


def test_two_categories_of_one_name_are_refused(tmp_path):
    dataset = shapes.data_set()
    dataset.categories = Categories([Category(0, "a"), Category(1, "b"), Category(2, "a")])
    with pytest.raises(DataError, match="categories 0 and 2 are both called 'a'"):
        cvat.write(dataset, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_characters_that_xml_lacks_are_refused(tmp_path):
    dataset = shapes.data_set()
    dataset.categories = Categories([Category(0, "a"), Category(1, "b\x01"), Category(2, "c")])
    with pytest.raises(DataError, match=r"holds the character '\\x01'"):
        cvat.write(dataset, tmp_path / "out")
    assert not (tmp_path / "out").exists()


BOMB = "<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]>"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("<annotations>", BOMB + "<annotations>").replace("dog", "&b;"), "document type or entities"),
        (lambda t: t.replace("<annotations>", "<!DOCTYPE x SYSTEM 'file:///etc/passwd'><annotations>"), "document type"),
        (lambda t: t.replace("<meta>", "<meta>" + "<a>" * 100_000), "nested deeper than 50"),
        (lambda t: t.replace("utf-8", "latin-1"), "is in the encoding latin-1"),
        (lambda t: t.encode("utf-16"), "is in UTF-16"),
        (lambda t: t[:-20], "no well-formed XML"),
        (lambda t: t.replace("annotations>", "annotation>"), "its root is no <annotations>"),
        (lambda t: t.replace('name="1.png"', ""), "image 0: name: is missing"),
        (lambda t: t.replace('"1.png"', '"../1.png"'), "image 0: name: "),
        (lambda t: t.replace('"2.png"', '"1.png"'), "image 1.png: image_id: this image id stands twice"),
        (lambda t: t.replace('width="6"', 'width="x"'), "image 1: width: the size of the image"),
        (lambda t: t.replace("4,3", "4;3"), "image 1: polygon 1: points are no list"),
        (lambda t: t.replace("4,3", "4,1e9"), "image 1: polygon 1: has '1e9'"),
        (lambda t: t.replace('rle="1, 3"', 'rle="1, 4"'), "image 1: mask 2: rle has not the 4 pixels"),
        (lambda t: t.replace('rle="1, 3"', 'rle="-1, 5"'), "image 1: mask 2: rle has not the 4 pixels"),
        (lambda t: t.replace('rle="1, 3"', 'rle="99999999999999999999"'), "image 1: mask 2: rle is no list"),
        (lambda t: t.replace('width="2" height="2"', 'width="60000" height="60000"'), "mask 2: is a mask of 60000×60000"),
        (lambda t: t.replace('left="1"', 'left="x"'), "image 1: mask 2: left: is no integer: 'x'"),
        (lambda t: t.replace('xtl="3.1"', ""), "image 1: box 4: xtl: has ''"),
        (lambda t: t.replace('z_order="2"', 'z_order="?"'), "image 1: box 7: z_order: is no integer"),
        (lambda t: t.replace('<box label="cat"', "<box"), "image 1: box 4: has no label"),
    ],
)  # fmt: skip
def test_damage_is_named(change, message, tmp_path):
    file = put(tmp_path / "set") / "annotations.xml"
    text = change(file.read_text(encoding="utf-8"))
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=f"annotations.xml: .*{message}"):
        segbench.convert(file, tmp_path / "out", source_format="cvat")
    assert not (tmp_path / "out").exists()


def test_spoilt_files_are_refused_or_read(tmp_path):
    assert mutations.check(lambda root: put(root / "set"), tmp_path, format_name="cvat", n=200) > 60
