"""Merging data sets: categories are one by name, ids and names do not collide, and what was done is told."""

import numpy as np
import pytest
from click.testing import CliRunner
from formats import tiny

import segbench
from segbench.cli import main
from segbench.errors import DataError, UsageError
from segbench.reshape.merge import merge


def other(root):
    content = tiny.instances()
    content["categories"] = [
        {"id": 3, "name": "Grass"}, {"id": 5, "name": "dog", "isthing": 1}, {"id": 8, "name": "owl"},
    ]  # fmt: skip
    for annotation, category in zip(content["annotations"], (8, 5, 3), strict=True):
        annotation["category_id"] = category
    return tiny.put_instances(root, content)


def test_categories_of_one_name_are_one(tmp_path):
    parts = [segbench.open_dataset(p) for p in (tiny.put_instances(tmp_path / "a"), other(tmp_path / "b"))]
    merged = merge(parts)
    assert [(c.name, c.key, c.isthing) for c in merged.categories] == [
        ("cat", 3, None), ("dog", 7, True), ("grass", 90, None), ("Grass", 91, None), ("owl", 8, None),
    ]  # fmt: skip
    names = [[merged.id2label[s.category_id] for s in sample.segments] for sample in merged]
    assert names == [["cat", "dog"], ["cat"], ["owl", "dog"], ["Grass"]]
    assert merged.splits == {"val": 4}
    assert merged.image_ids == ["1", "2", "instances_val-2/1", "instances_val-2/2"]
    assert [sample.image_id for sample in merged] == merged.image_ids
    assert merged[2].image_file.name == "instances_val-2/1.png"
    assert [s.polygons for s in merged[2].segments] == [s.polygons for s in parts[1][0].segments]
    prefix = "'instances_val-2/', since an earlier data set has some of them"
    assert merged.notes == (
        "instances_val does not annotate 2 categories (Grass, owl), which its images may show",
        "instances_val-2 does not annotate 2 categories (cat, grass), which its images may show",
        "instances_val-2: 2 category ids are others now (Grass 3 → 91, dog 5 → 7)",
        f"instances_val-2: image ids begin with {prefix}",
        f"instances_val-2: names of pictures begin with {prefix}",
        "the categories 'grass' and 'Grass' differ in spelling alone; --labels makes them one",
    )
    assert merged.extra["merged_from"]["instances_val-2"]["info"]["year"] == 2024


def test_what_does_not_collide_keeps_its_name(tmp_path):
    content = tiny.instances()
    for image in content["images"]:
        image |= {"id": image["id"] + 10, "file_name": f"{image['id'] + 10}.png"}
    for annotation in content["annotations"]:
        annotation["image_id"] += 10
    tiny.put_pictures(tmp_path / "b/train", {11: (4, 6), 12: (5, 5)})
    second = tiny.dump(tmp_path / "b/instances_train.json", content)
    first = tiny.put_instances(tmp_path / "a")
    segbench.convert([first, second], tmp_path / "out")
    merged = segbench.open_dataset(tmp_path / "out")
    assert merged.image_ids == ["1", "2", "11", "12"]
    assert merged.splits == {"val": 2, "train": 2}
    one = segbench.open_dataset(first)
    assert [merged[i].record_sha256 for i in (0, 1)] == [sample.record_sha256 for sample in one]


def test_label_maps_and_segment_maps(tmp_path):
    labels = [tiny.put_labels(tmp_path / "a"), tiny.put_labels(tmp_path / "b")]
    tiny.dump(labels[1] / "id2label.json", {"0": "sky", "1": "road", "2": "tree"})
    segbench.convert(labels, tmp_path / "labels")
    merged = segbench.open_dataset(tmp_path / "labels")
    assert merged.id2label == {0: "road", 1: "tree", 2: "sky"}
    lookup = np.full(256, 255, np.uint8)
    lookup[[0, 1, 2]] = 2, 0, 1
    np.testing.assert_array_equal(merged[3].mask, lookup[merged[1].mask])
    maps = [tiny.put_panoptic(tmp_path / "c"), tiny.put_panoptic(tmp_path / "d")]
    segbench.convert(maps, tmp_path / "maps")
    both = segbench.open_dataset(tmp_path / "maps")
    np.testing.assert_array_equal(both[0].segment_map, both[2].segment_map)
    assert both[0].segments == both[2].segments


def test_what_is_refused(tmp_path):
    content = tiny.panoptic()
    content["categories"][0]["isthing"] = 0
    maps = [
        segbench.open_dataset(tiny.put_panoptic(tmp_path / n, c)) for n, c in (("a", None), ("b", content))
    ]
    with pytest.raises(DataError, match="'cat': is a thing in one data set and stuff in another"):
        merge(maps)
    with pytest.raises(DataError, match="has panoptic/semantic annotations, and .* instance"):
        merge([segbench.open_dataset(tiny.put_instances(tmp_path / "c")), maps[0]])
    with pytest.raises(UsageError, match="name two data sets or more"):
        merge(maps[:1])


def test_on_the_command_line(tmp_path):
    sources = [str(tiny.put_instances(tmp_path / "a")), str(other(tmp_path / "b"))]
    shown = CliRunner().invoke(main, ["convert", sources[0], str(tmp_path / "out"), "--merge", sources[1]])
    assert shown.exit_code == 0, shown.stderr
    assert "note: instances_val does not annotate 2 categories" in shown.stdout
    assert len(segbench.open_dataset(tmp_path / "out")) == 4


@pytest.mark.parametrize("target", ["a", "b"])
def test_no_source_is_replaced(target, tmp_path):
    sources = [tiny.put_instances(tmp_path / "a"), other(tmp_path / "b")]
    with pytest.raises(UsageError, match="holds the source"):
        segbench.convert(sources, tmp_path / target, overwrite=True)
