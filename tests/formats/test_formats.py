"""Formats are told apart, and each says what it carries."""

import json
import subprocess
import sys

import pytest
from formats import tiny

import segbench
from segbench.errors import DataError, UsageError
from segbench.formats import FEATURES, FORMATS, carries, load_format, sniff


def put_results(root):
    return tiny.dump(root / "results.json", tiny.results())


def put_panoptic_predictions(root):
    return tiny.dump(root / "a.json", {"annotations": tiny.panoptic()["annotations"]})


def put_canonical(root, packed=False):
    segbench.convert(tiny.put_labels(root / "in"), root / "out", packed=packed)
    return root / "out"


def put_layout(kind):
    def put(root):
        tiny.put_pictures(root / "set/val")
        content = tiny.instances() if kind == "instances" else tiny.panoptic()
        tiny.dump(root / f"set/annotations/{kind}_val.json", content)
        tiny.put_maps(root / "set/annotations/panoptic_val")
        return root / "set"

    return put


def put_last(key, value):
    """An instances file whose telling key comes after a megabyte of something else."""

    def put(root):
        content = {"info": {"text": "x" * 1_000_000}, key: value}
        return tiny.dump(root / "late.json", content)

    return put


SOURCES = {
    "instances": (tiny.put_instances, "coco"),
    "results": (put_results, "coco"),
    "no results": (lambda root: tiny.dump(root / "a.json", []), "coco"),
    "boxes": (lambda root: tiny.dump(root / "a.json", [{"bbox": [0] * 4, "category_id": 1}]), "coco"),
    "late instances": (put_last("images", []), "coco"),
    "panoptic": (tiny.put_panoptic, "coco-panoptic"),
    "panoptic predictions": (put_panoptic_predictions, "coco-panoptic"),
    "late panoptic": (put_last("annotations", tiny.panoptic()["annotations"]), "coco-panoptic"),
    "labels": (tiny.put_labels, "png"),
    "masks alone": (lambda root: tiny.put_masks(root / "a"), "png"),
    "canonical": (put_canonical, "segbench"),
    "canonical, packed": (lambda root: put_canonical(root, packed=True), "segbench"),
    "layout of instances": (put_layout("instances"), "coco"),
    "layout of panoptic": (put_layout("panoptic"), "coco-panoptic"),
}  # fmt: skip


@pytest.mark.parametrize("name", SOURCES)
def test_a_format_is_recognised(name, tmp_path):
    put, expected = SOURCES[name]
    assert sniff(put(tmp_path)) == expected


def test_where_a_layout_has_both_panoptic_is_taken_and_the_other_can_be_named(tmp_path):
    put_layout("instances")(tmp_path)
    source = put_layout("panoptic")(tmp_path)
    assert segbench.open_dataset(source).tasks == ("panoptic", "semantic")
    assert segbench.open_dataset(source, format="coco").tasks == ("instance",)


@pytest.mark.parametrize(
    "content",
    [
        {"0": "road"},
        {"shapes": [], "path": "a.jpg"},
        {"items": [], "categories": {}},
        [1, 2],
        ["images"],
        "images",
    ],
)
def test_other_json_is_not_taken_for_a_data_set(content, tmp_path):
    file = tiny.dump(tmp_path / "a.json", content)
    with pytest.raises(DataError, match="is in no format that is known"):
        sniff(file)


def test_a_folder_is_told_which_of_its_files_is_a_data_set(tmp_path):
    (tmp_path / "a.json").write_text("{}")
    tiny.put_instances(tmp_path)
    with pytest.raises(DataError, match="known, but instances_val.json in it is coco"):
        sniff(tmp_path)


def test_other_files_are_not_taken_for_a_data_set(tmp_path):
    for name in ("a.txt", "a.png", "a.parquet"):
        (tmp_path / name).write_text(json.dumps(tiny.instances()))
        with pytest.raises(DataError, match=f"{name}: is in no format that is known"):
            sniff(tmp_path / name)
    tiny.put_pictures(tmp_path / "pictures/val")
    with pytest.raises(DataError, match="pictures: is in no format"):
        sniff(tmp_path / "pictures")
    with pytest.raises(DataError, match="nowhere: there is no such file or folder"):
        sniff(tmp_path / "nowhere")


def test_a_name_that_is_not_known(tmp_path):
    with pytest.raises(UsageError, match=r"unknown format 'coco_panoptic'. Did you mean 'coco-panoptic'\?"):
        load_format("coco_panoptic")
    with pytest.raises(UsageError, match="has no split 'vale'. Did you mean 'val'"):
        segbench.open_dataset(tiny.put_instances(tmp_path), split="vale")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_described(name):
    module = load_format(name)
    assert set(module.TASKS) <= {"semantic", "instance", "panoptic"}
    assert list(carries(name)) == list(FEATURES)
    assert getattr(module, "LOSES", {}).keys() <= FEATURES.keys()


@pytest.mark.parametrize(
    ("name", "option"), [("coco", "images"), ("coco-panoptic", "maps"), ("png", "labels")]
)
def test_paths_may_be_given_as_text(name, option, tmp_path):
    puts = {"coco": tiny.put_instances, "coco-panoptic": tiny.put_panoptic, "png": tiny.put_labels}
    source = puts[name](tmp_path)
    values = {
        "images": tmp_path / "val",
        "maps": tmp_path / "panoptic_val",
        "labels": tmp_path / "id2label.json",
    }
    assert len(segbench.open_dataset(source, options={option: str(values[option])})) == 2


def test_formats_that_a_path_cannot_be_in_are_not_imported(tmp_path):
    tiny.put_labels(tmp_path)
    code = "import sys; from segbench.formats import sniff; print(sniff(sys.argv[1]), *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, tmp_path], check=True, capture_output=True, text=True)
    name, *modules = done.stdout.split()
    assert name == "png"
    assert "segbench.formats.coco" not in modules
