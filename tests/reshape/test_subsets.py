"""Subsets: by expression, by list, and no more than so many."""

import json

import pytest
from click.testing import CliRunner
from formats import tiny

import segbench
from segbench.cli import main
from segbench.errors import DataError, UsageError


def ids_of(source, root, **options):
    segbench.convert(source, root / "out", overwrite=True, **options)
    return segbench.open_dataset(root / "out").image_ids


def put_many(root, n=6):
    """``n`` images in two splits; image i has i segments of cat."""
    for s, split in enumerate(("train", "val")):
        images = [{"id": i, "height": 8, "width": 8, "file_name": f"{split}/{i}.png"} for i in range(s, n, 2)]
        tiny.put_pictures(root / f"{split}/{split}", {i["id"]: (8, 8) for i in images})
        annotations = [
            {"id": 10 * image["id"] + k, "image_id": image["id"], "category_id": 3, "bbox": [0, 0, k + 1, 8],
             "segmentation": [[0, 0, k + 1, 0, k + 1, 8, 0, 8]]}
            for image in images for k in range(image["id"])
        ]  # fmt: skip
        content = {"images": images, "annotations": annotations, "categories": tiny.categories()}
        tiny.dump(root / f"annotations/instances_{split}.json", content)
    return root


def test_images_with_a_segment_for_which_it_holds(tmp_path):
    source = tiny.put_instances(tmp_path / "in")
    assert ids_of(source, tmp_path, where="category=dog") == ["1"]
    assert ids_of(source, tmp_path, where="iscrowd=1") == ["2"]
    assert ids_of(source, tmp_path, where="area>8") == ["1", "2"]
    assert ids_of(source, tmp_path, where="height=5 or category=grass") == ["2"]
    assert len(segbench.open_dataset(tmp_path / "out")[0].segments) == 1
    with pytest.raises(UsageError, match="no image of .* is left"):
        ids_of(source, tmp_path, where="category=grass")


@pytest.mark.parametrize(
    ("where", "more"),
    [
        ("category=dgo", ": it has no category 'dgo'. Did you mean 'dog'[?] Known: "),
        ("category in (dgo, cat) and area>1e9", ": it has no category 'dgo'. Did you mean 'dog'[?] Known: "),
        ("category=cat and area>1e9", "$"),
        ('category~"x*"', "$"),
    ],
)
def test_where_nothing_is_left_a_category_that_is_none_is_told(tmp_path, where, more):
    source = tiny.put_instances(tmp_path / "in")
    with pytest.raises(UsageError, match=rf"is left by what was asked for{more}"):
        segbench.convert(source, tmp_path / "out", where=where)


def test_splits_are_kept_and_can_be_asked_for(tmp_path):
    source = put_many(tmp_path / "in")
    assert ids_of(source, tmp_path, where="segments>=2", images="none") == ["2", "4", "3", "5"]
    assert segbench.open_dataset(tmp_path / "out").splits == {"train": 2, "val": 2}
    assert ids_of(source, tmp_path, where="split=val and segments<3", images="none") == ["1"]
    assert ids_of(source, tmp_path, max_images=1, images="none") == ["0", "1"]
    with pytest.raises(UsageError, match="max_images must be at least 1"):
        ids_of(source, tmp_path, max_images=0)


def test_categories_are_those_that_the_labels_give(tmp_path):
    labels = tmp_path / "map.toml"
    labels.write_text('drop = ["grass"]\ncategory = [{name = "pet", from = ["cat", "dog"]}]')
    assert ids_of(tiny.put_instances(tmp_path / "in"), tmp_path, labels=labels, where="category=pet") == [
        "1",
        "2",
    ]


@pytest.mark.parametrize("line", ["2", "2.png", " 2 ", "\n2\n\n"])
def test_a_list_names_ids_or_pictures(line, tmp_path):
    (tmp_path / "list.txt").write_text(line)
    assert ids_of(tiny.put_instances(tmp_path / "in"), tmp_path, image_list=tmp_path / "list.txt") == ["2"]


def test_a_list_names_pictures_without_folder_and_ending(tmp_path):
    (tmp_path / "list.txt").write_text("val/3.png\n5.png\ntrain/4\n")
    source = put_many(tmp_path / "in")
    assert ids_of(source, tmp_path, image_list=tmp_path / "list.txt", images="none") == ["4", "3", "5"]


def test_lists_that_are_refused(tmp_path):
    source = tiny.put_instances(tmp_path / "in")
    (tmp_path / "list.txt").write_text("1\n7\n")
    with pytest.raises(DataError, match=r"list.txt: line 2: there is no image '7'"):
        ids_of(source, tmp_path, image_list=tmp_path / "list.txt")
    with pytest.raises(DataError, match="cannot read the list"):
        ids_of(source, tmp_path, image_list=tmp_path / "none.txt")


def test_on_the_command_line(tmp_path):
    arguments = [str(tiny.put_instances(tmp_path / "in")), str(tmp_path / "out"), "--where", "category=dog"]
    shown = CliRunner().invoke(main, ["convert", *arguments])
    assert shown.exit_code == 0, shown.stderr
    assert "1 images" in shown.stdout
    said = json.loads((tmp_path / "out/dataset.json").read_text())
    assert said["chosen"] == {"where": "category=dog"}
    refused = CliRunner().invoke(main, ["convert", *arguments, "--overwrite", "--where", "category>dog"])
    assert (refused.exit_code, "category is no number" in refused.stderr) == (2, True)
