"""Images that are broken: refused, or left out and listed; and what is left is what a clean source gives."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from formats import tiny

import segbench
from segbench.cli.main import main
from segbench.conversions.soundness import leave_out_invalid
from segbench.errors import DataError


def bad_runs(root):
    content = tiny.instances()
    content["annotations"][1]["segmentation"]["counts"] = "0"
    return tiny.put_instances(root, content), "1", "segmentation"


def no_picture(root):
    source = tiny.put_instances(root)
    (root / "val/1.png").unlink()
    return source, "1", "cannot read the file"


def cut_picture(root):
    source = tiny.put_instances(root)
    file = root / "val/1.png"
    file.write_bytes(file.read_bytes()[:20])
    return source, "1", "truncated"


def picture_of_another_size(root):
    source = tiny.put_instances(root)
    tiny.put_pictures(root / "val", {1: (9, 9)})
    return source, "1", "the image is 9×9 pixels, its annotation 6×4"


def no_segment_map(root):
    source = tiny.put_panoptic(root)
    (root / "panoptic_val/1.png").unlink()
    return source, "1", "cannot read the segment map"


def cut_mask(root):
    source = tiny.put_labels(root)
    file = root / "masks/1.png"
    file.write_bytes(file.read_bytes()[:45])
    return source, "1", "cannot decode the PNG"


def unknown_id(root):
    return tiny.put_labels(root, tiny.masks() | {1: np.full((4, 6), 9, np.uint8)}), "1", "has the id 9"


FAULTS = [bad_runs, no_picture, cut_picture, picture_of_another_size, no_segment_map, cut_mask, unknown_id]


@pytest.mark.parametrize("spoil", FAULTS, ids=lambda f: f.__name__)
def test_a_broken_image_is_refused_or_left_out(spoil, tmp_path):
    source, image_id, message = spoil(tmp_path / "in")
    with pytest.raises(DataError, match=message):
        segbench.convert(source, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["in"]
    report = segbench.convert(source, tmp_path / "out", skip_invalid=True)
    assert (report.n_images, len(report.left_out)) == (1, 1)
    assert f"image {image_id}" in report.left_out[0]
    assert message in report.left_out[0]
    assert f"  left out: {report.left_out[0]}\n" in str(report)
    assert json.loads(report.path.read_text("utf-8"))["left_out"] == report.left_out
    assert segbench.open_dataset(tmp_path / "out").image_ids == ["2"]


def test_pictures_whose_end_is_damaged_are_found_where_that_is_asked_for(tmp_path):
    """Pictures are taken over as bytes: that one can be decoded is seen with ``skip_invalid`` alone."""
    source = tiny.put_instances(tmp_path / "in")
    picture = tmp_path / "in/val/1.png"
    picture.write_bytes(picture.read_bytes()[:45])
    assert segbench.convert(source, tmp_path / "all").n_images == 2
    report = segbench.convert(source, tmp_path / "out", skip_invalid=True)
    assert report.n_images == 1
    assert "1.png: image 1: cannot decode the image" in report.left_out[0]


def test_a_link_that_leads_nowhere_is_a_picture_that_is_missing(tmp_path):
    source, _, _ = no_picture(tmp_path / "in")
    (tmp_path / "in/val/1.png").symlink_to("nowhere.png")
    with pytest.raises(DataError, match=r"1.png: image 1: .*No such file"):
        segbench.convert(source, tmp_path / "out")
    report = segbench.convert(source, tmp_path / "out", skip_invalid=True)
    assert (report.n_images, len(report.left_out)) == (1, 1)
    assert segbench.convert(source, tmp_path / "none", images="none").n_images == 2


def test_a_sound_data_set_is_left_as_it_is(tmp_path):
    dataset = segbench.open_dataset(tiny.put_instances(tmp_path))
    assert leave_out_invalid(dataset, pictures=True) == (dataset, [])


def test_pictures_do_not_count_where_none_are_written(tmp_path):
    source, _, _ = no_picture(tmp_path / "in")
    report = segbench.convert(source, tmp_path / "out", skip_invalid=True, images="none")
    assert (report.n_images, report.left_out) == (2, [])


def test_nothing_left_is_an_error(tmp_path):
    source, _, _ = cut_picture(tmp_path / "in")
    (tmp_path / "in/val/2.png").write_bytes(b"none")
    with pytest.raises(DataError, match="every image is invalid; the first: .*1.png"):
        segbench.convert(source, tmp_path / "out", skip_invalid=True)


def test_the_command_says_what_it_left_out(tmp_path):
    content = tiny.instances()
    content["images"] += [content["images"][0] | {"id": i, "file_name": f"{i}.png"} for i in range(3, 12)]
    source = tiny.put_instances(tmp_path / "in", content)
    arguments = ["convert", str(source), str(tmp_path / "out"), "--skip-invalid"]
    shown = CliRunner().invoke(main, arguments)
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout.count("  left out: ") == 6
    assert "left out: 4 more, which out.report lists" in shown.stdout
