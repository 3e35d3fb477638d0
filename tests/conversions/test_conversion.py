"""convert(): what is announced, what is refused, and what is never touched."""

import hashlib
import json

import pytest
from click.testing import CliRunner
from formats import tiny
from rich import put_rich

import segbench
from segbench.cli.main import main
from segbench.errors import DataError, LossError, UsageError
from segbench.formats import FEATURES, FORMATS, load_format

WRITABLE = [name for name in FORMATS if hasattr(load_format(name), "write")]


@pytest.mark.parametrize("target", ["coco", "coco-panoptic"])
def test_label_maps_have_no_instances(target, tmp_path):
    source = tiny.put_labels(tmp_path / "set")
    with pytest.raises(DataError, match=f"has semantic annotations; {target} holds"):
        segbench.convert(source, tmp_path / "out", target_format=target)
    segbench.convert(source, tmp_path / "canonical")
    with pytest.raises(DataError, match="convert to segbench or png"):
        segbench.convert(tmp_path / "canonical", tmp_path / "out", target_format=target, allow_loss=True)
    assert not (tmp_path / "out").exists()


def test_instances_that_do_not_overlap_become_panoptic_unasked(tmp_path):
    content = tiny.instances()
    del content["annotations"][0]
    source = tiny.put_instances(tmp_path, content)
    report = segbench.convert(source, tmp_path / "out.json", target_format="coco-panoptic")
    assert [loss.feature for loss in report.losses] == ["stated"]
    merged = segbench.open_dataset(tmp_path / "out.json")
    assert [s.id for sample in merged for s in sample.segments] == [12, 13]


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
    for target in WRITABLE:
        segbench.convert(source, tmp_path / "out", target_format=target, dry_run=True)
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("target_format", WRITABLE)
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
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out", "out.report"]


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
    for target_format in WRITABLE:
        with pytest.raises(UsageError, match="images must be one of link, copy, none"):
            segbench.convert(
                source, tmp_path / "out", target_format=target_format, images="move", allow_loss=True
            )
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_the_report_as_text_and_json(tmp_path):
    source = put_rich(tmp_path / "in")
    arguments = [
        "convert",
        str(source),
        str(tmp_path / "out"),
        "--from",
        "coco",
        "--to",
        "png",
        "--allow-loss",
    ]
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
        "grave": True,
    }
    lost = {loss["feature"] for loss in report["losses"]} & load_format("png").CARRIES
    assert lost == {"splits"}, "of one that stands alone"


def test_the_canonical_form_says_what_it_was_made_from(tmp_path):
    source = tiny.put_panoptic(tmp_path / "in")
    segbench.convert(source, tmp_path / "out", options={"images": tmp_path / "in" / "val"})
    said = json.loads((tmp_path / "out" / "dataset.json").read_text())["source"]
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    assert said == {"format": "coco-panoptic", "options": {"images": "val"}, "files": {source.name: digest}}


def test_the_report_stands_beside_the_target(tmp_path):
    source = put_rich(tmp_path / "in")
    report = segbench.convert(source, tmp_path / "out.json", target_format="coco", allow_loss=True)
    assert report.path == tmp_path / "out.json.report"
    assert json.loads(report.path.read_text()) == report.to_dict()
    assert report.to_dict()["policies"]["images"] == "link"
    assert report.written
    segbench.convert(source, tmp_path / "dry", target_format="png", dry_run=True)
    with pytest.raises(LossError):
        segbench.convert(source, tmp_path / "refused", target_format="png")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out.json", "out.json.report"]


def test_reports_are_no_data(tmp_path):
    source = tiny.put_instances(tmp_path / "in")
    segbench.convert(source, tmp_path / "set/annotations/instances_val.json", target_format="coco")
    assert segbench.open_dataset(tmp_path / "set").splits == {"val": 2}


def test_a_refusal_prints_its_report_first(tmp_path):
    arguments = ["convert", str(put_rich(tmp_path / "in")), str(tmp_path / "out"), "--to", "png"]
    shown = CliRunner().invoke(main, arguments)
    assert shown.exit_code == 3
    assert "lost: objects told apart: 4 (image 1, image 2)" in shown.stdout
    assert "Pass --allow-loss" in shown.stderr
    printed = CliRunner().invoke(main, [*arguments, "--json"])
    assert printed.exit_code == 3
    report = json.loads(printed.stdout)
    assert report["written"] is False
    assert report["losses"][0]["feature"] == "instances"


def test_the_report_is_announced_before_a_byte_is_written(tmp_path):
    there = []

    def announce(report):
        there.append((report.written, (tmp_path / "out").exists(), len(report.losses)))

    segbench.convert(
        put_rich(tmp_path / "in"), tmp_path / "out", target_format="png", allow_loss=True, announce=announce
    )
    assert there == [(False, False, 12)]


@pytest.mark.parametrize("target_format", WRITABLE)
def test_progress_is_told_how_long_it_takes(target_format, tmp_path):
    seen = []

    def shown(name):
        def wrap(samples):
            seen.append((name, len(samples), len(list_ := list(samples))))
            return iter(list_)

        return wrap

    segbench.convert(
        put_rich(tmp_path / "in"), tmp_path / "out", target_format=target_format, allow_loss=True,
        progress=shown("written"), looking=shown("looked at"),
    )  # fmt: skip
    assert seen[-1] == ("written", 2, 2)
    assert seen[:-1] in ([], [("looked at", 2, 2)])
    assert seen[:-1] or target_format in ("segbench", "webdataset")  # which carry everything
