"""convert(): what is announced, what is refused, and what is never touched."""

import hashlib
import json

import pytest
from click.testing import CliRunner
from formats import tiny

import segbench
from segbench.cli import main
from segbench.conversion import COUNTERS, GRAVE
from segbench.errors import DataError, LossError, UsageError
from segbench.formats import FEATURES, FORMATS, carries, load_format


def put_rich(root):
    """Instances with one of everything that a format could lose."""
    content = tiny.instances()
    content["annotations"][0] |= {"ignore": 1, "score": 0.5}
    content["images"][0]["neg_category_ids"] = [90]
    content["categories"][2]["isthing"] = 0
    content["annotations"].append(
        {
            "id": 14,
            "image_id": 2,
            "category_id": 90,
            "segmentation": tiny.rle(tiny.square((5, 5), 4, 0, 5, 5)),
        }
    )
    return tiny.put_instances(root, content)


def losses(source, target_format, **options):
    report = segbench.convert(source, "nowhere", target_format=target_format, dry_run=True, **options)
    assert not report.written
    return {loss.feature: (loss.count, loss.examples) for loss in report.losses}


def test_every_feature_that_some_format_lacks_has_a_counter():
    for name in FORMATS:
        lacking = {feature for feature, kept in carries(name).items() if not kept}
        assert lacking <= COUNTERS.keys(), name
    assert FEATURES.keys() >= GRAVE


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("segbench", {}),
        ("coco", {"stuff": (1, ["image 2"])}),
        (
            "coco-panoptic",
            {
                "overlap": (4 + 2, ["image 1", "image 2"]),
                "ignore": (1, ["image 1"]),
                "federated": (1, ["image 1"]),
            },
        ),
        (
            "png",
            {
                "instances": (4, ["image 1", "image 2"]),
                "overlap": (4 + 2, ["image 1", "image 2"]),
                "crowd": (1, ["image 2"]),
                "ids": (4, ["image 1", "image 2"]),
                "isthing": (1, ["image 2"]),
                "scores": (1, ["image 1"]),
                "attributes": (1, ["image 1"]),
                "federated": (1, ["image 1"]),
            },
        ),
    ],
)
def test_losses_of_instances_are_counted(target, expected, tmp_path):
    assert losses(put_rich(tmp_path), target) == expected


def test_losses_of_panoptic_are_counted(tmp_path):
    source = tiny.put_panoptic(tmp_path)
    assert losses(source, "coco-panoptic") == {}
    assert losses(source, "coco") == {"stuff": (2, ["image 1", "image 2"])}
    both = ["image 1", "image 2"]
    assert losses(source, "png") == {
        "instances": (4, both),
        "crowd": (1, ["image 2"]),
        "ids": (4, both),
        "isthing": (4, both),
    }


def test_label_maps_lose_nothing_where_they_can_go(tmp_path):
    source = tiny.put_labels(tmp_path)
    assert losses(source, "segbench") == losses(source, "png") == {}


@pytest.mark.parametrize("target", ["coco", "coco-panoptic"])
def test_label_maps_have_no_instances(target, tmp_path):
    source = tiny.put_labels(tmp_path / "set")
    with pytest.raises(DataError, match=f"has semantic annotations; {target} holds"):
        segbench.convert(source, tmp_path / "out", target_format=target)
    segbench.convert(source, tmp_path / "canonical")
    with pytest.raises(DataError, match="convert to segbench or png"):
        segbench.convert(tmp_path / "canonical", tmp_path / "out", target_format=target, allow_loss=True)
    assert not (tmp_path / "out").exists()


def test_hidden_instances_are_announced(tmp_path):
    content = tiny.instances()
    whole = tiny.rle(tiny.square((4, 6), 0, 0, 4, 6))
    content["annotations"][0] |= {"segmentation": whole}
    content["annotations"][1] |= {"segmentation": whole, "iscrowd": 1}
    assert losses(tiny.put_instances(tmp_path, content), "coco-panoptic")["instances"] == (1, ["image 1"])


def test_instances_that_do_not_overlap_become_panoptic_unasked(tmp_path):
    content = tiny.instances()
    del content["annotations"][0]
    source = tiny.put_instances(tmp_path, content)
    report = segbench.convert(source, tmp_path / "out.json", target_format="coco-panoptic")
    assert report.losses == []
    merged = segbench.open_dataset(tmp_path / "out.json")
    assert [s.id for sample in merged for s in sample.segments] == [12, 13]


def test_examples_are_the_first_three_images(tmp_path):
    source = tiny.put_masks(tmp_path / "set", {i: tiny.masks()[1] for i in range(5)})
    dataset = segbench.open_dataset(source)
    content = tiny.panoptic()
    content["images"] = [content["images"][0] | {"id": i, "file_name": f"{i}.png"} for i in range(5)]
    content["annotations"] = [
        content["annotations"][0] | {"image_id": i, "file_name": f"{i}.png"} for i in range(5)
    ]
    source = tiny.put_panoptic(tmp_path / "p", content, {i: tiny.segment_maps()[1] for i in range(5)})
    report = segbench.convert(source, tmp_path / "out", target_format="png", dry_run=True)
    assert [str(loss) for loss in report.losses][:1] == [
        "objects told apart: 10 (image 0, image 1, image 2, …)"
    ]
    assert report.losses[0].images == len(dataset) == 5


def test_grave_losses_are_refused_and_others_are_not(tmp_path):
    source = put_rich(tmp_path / "in")
    with pytest.raises(LossError, match="objects told apart: 4") as refusal:
        segbench.convert(source, tmp_path / "out", target_format="png")
    assert "--allow-loss" in str(refusal.value)
    assert "confidence" not in str(refusal.value)
    assert [p.name for p in tmp_path.iterdir()] == ["in"]
    report = segbench.convert(source, tmp_path / "out", target_format="png", allow_loss=True)
    assert report.written
    assert {loss.feature for loss in report.losses} > {"instances", "scores"}


def test_a_dry_run_writes_nothing(tmp_path):
    source = put_rich(tmp_path / "in")
    for target in FORMATS:
        segbench.convert(source, tmp_path / "out", target_format=target, dry_run=True)
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("target_format", FORMATS)
def test_segments_are_counted_whether_or_not_losses_were_looked_for(target_format, tmp_path):
    for source in (tiny.put_instances(tmp_path / "i"), tiny.put_panoptic(tmp_path / "p")):
        options = {"target_format": target_format, "allow_loss": True}
        n = sum(len(sample.segments) for sample in segbench.open_dataset(source))
        report = segbench.convert(source, tmp_path / f"{source.stem}_{target_format}", **options)
        assert (report.n_images, report.n_segments) == (2, n)


def test_an_existing_target_is_replaced_only_when_asked(tmp_path):
    source = tiny.put_instances(tmp_path / "in")
    for target, target_format in ((tmp_path / "out", "segbench"), (tmp_path / "out.json", "coco")):
        segbench.convert(source, target, target_format=target_format)
        with pytest.raises(UsageError, match="is there already; pass --overwrite"):
            segbench.convert(source, target, target_format=target_format)
        segbench.convert(source, target, target_format=target_format, overwrite=True)
    (tmp_path / "empty").mkdir()
    segbench.convert(source, tmp_path / "empty")


@pytest.mark.parametrize("target", ["in", ".", "in/instances_val.json"])
def test_the_source_is_never_replaced(target, tmp_path):
    source = tiny.put_instances(tmp_path / "in")
    target_format = "coco" if target.endswith("json") else "segbench"
    with pytest.raises(UsageError, match="holds the source"):
        segbench.convert(source, tmp_path / target, target_format=target_format, overwrite=True)
    assert tiny.load(source) == tiny.instances()


def test_a_failure_on_the_way_leaves_the_old_target(tmp_path):
    source = tiny.put_instances(tmp_path / "in")
    segbench.convert(source, tmp_path / "out")
    before = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    (tmp_path / "in/val/2.png").unlink()
    with pytest.raises(DataError):
        segbench.convert(source, tmp_path / "out", overwrite=True)
    assert {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()} == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out"]


def test_an_interruption_leaves_nothing(tmp_path):
    def stop(samples):
        yield next(samples)
        raise KeyboardInterrupt

    source = tiny.put_instances(tmp_path / "in")
    for target_format in ("segbench", "coco"):
        with pytest.raises(KeyboardInterrupt):
            segbench.convert(source, tmp_path / "out", target_format=target_format, progress=stop)
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_splits_are_chosen(tmp_path):
    for split in ("train", "val", "test"):
        tiny.put_masks(tmp_path / "in/masks" / split)
    options = {"images": "none", "options": {"num_classes": 3}}
    report = segbench.convert(tmp_path / "in", tmp_path / "out", splits=["val", "train", "val"], **options)
    assert report.n_images == 4
    assert segbench.open_dataset(tmp_path / "out").splits == {"val": 2, "train": 2}
    with pytest.raises(UsageError, match="has no split 'dev'"):
        segbench.convert(tmp_path / "in", tmp_path / "other", splits=["dev"], **options)
    with pytest.raises(UsageError, match="no split was chosen"):
        segbench.convert(tmp_path / "in", tmp_path / "other", splits=[], **options)


def test_unknown_names_are_refused(tmp_path):
    source = tiny.put_instances(tmp_path / "in")
    with pytest.raises(UsageError, match="unknown format 'yolo'"):
        segbench.convert(source, tmp_path / "out", target_format="yolo")
    for target_format in FORMATS:
        with pytest.raises(UsageError, match="images must be one of link, copy, none"):
            segbench.convert(
                source, tmp_path / "out", target_format=target_format, images="move", allow_loss=True
            )
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_the_report_as_text_and_json(tmp_path):
    source = put_rich(tmp_path / "in")
    arguments = ["convert", str(source), str(tmp_path / "out"), "--to", "png", "--allow-loss"]
    shown = CliRunner().invoke(main, arguments)
    assert shown.exit_code == 0, shown.stderr
    assert "(coco) → " in shown.stdout
    assert "2 images, 4 segments" in shown.stdout
    assert "lost: group regions (iscrowd): 1 (image 2)" in shown.stdout
    printed = CliRunner().invoke(main, [*arguments, "--overwrite", "--json"])
    report = json.loads(printed.stdout)
    assert report["written"] is True
    assert report["losses"][0] == {
        "feature": "instances",
        "meaning": FEATURES["instances"],
        "count": 4,
        "images": 2,
        "examples": ["image 1", "image 2"],
    }
    assert set(load_format("png").CARRIES).isdisjoint(loss["feature"] for loss in report["losses"])


def test_the_canonical_form_says_what_it_was_made_from(tmp_path):
    source = tiny.put_panoptic(tmp_path / "in")
    segbench.convert(source, tmp_path / "out", options={"images": tmp_path / "in" / "val"})
    said = json.loads((tmp_path / "out" / "dataset.json").read_text())["source"]
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    assert said == {"format": "coco-panoptic", "options": {"images": "val"}, "files": {source.name: digest}}
