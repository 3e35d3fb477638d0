"""Policies by name: what each does to the pixels, what the report says of it, and that it is written down."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from formats import tiny

import segbench
from segbench.cli import main
from segbench.errors import DataError, LossError, UsageError


def put_overlapping(root, **first):
    """Two objects that overlap, the larger one later, of scores that fall; and a crowd over the left half."""
    content = tiny.instances()
    size = tiny.SIZES[1]
    drawn = {
        11: tiny.square(size, 0, 0, 2, 2),
        12: tiny.square(size, 0, 1, 4, 4),
        13: tiny.square(size, 0, 0, 4, 4),
    }
    for annotation in content["annotations"]:
        annotation |= {"image_id": 1, "segmentation": tiny.rle(drawn[annotation["id"]])}
    content["annotations"][0] |= {"score": 0.9} | first
    content["annotations"][1] |= {"score": 0.5}
    content["annotations"][2] |= {"category_id": 90}
    return tiny.put_instances(root, content)


def mask_of(source, root, **options):
    """The mask of image 1 in the canonical form that it is converted to."""
    segbench.convert(source, root / "out", overwrite=True, **options)
    return segbench.open_dataset(root / "out")[0].mask.tolist()


V = 255
ON_TOP = {
    "area": [[0, 0, 1, 1, V, V], [0, 0, 1, 1, V, V], [2, 1, 1, 1, V, V], [2, 1, 1, 1, V, V]],
    "score": [[0, 0, 1, 1, V, V], [0, 0, 1, 1, V, V], [2, 1, 1, 1, V, V], [2, 1, 1, 1, V, V]],
    "order": [[2, 2, 2, 2, V, V]] * 4,
}


@pytest.mark.parametrize("policy", ON_TOP)
def test_which_of_overlapping_objects_is_on_top(policy, tmp_path):
    source = put_overlapping(tmp_path / "in")
    assert mask_of(source, tmp_path, overlap=policy) == ON_TOP[policy]
    said = json.loads((tmp_path / "out/dataset.json").read_text())
    assert (said["overlap_policy"], said["policies"]["overlap"]) == (policy, policy)


def test_the_higher_score_is_on_top_though_it_is_larger(tmp_path):
    source = put_overlapping(tmp_path / "in", score=0.1)
    assert mask_of(source, tmp_path, overlap="score")[0] == [0, 1, 1, 1, V, V]
    assert mask_of(source, tmp_path)[0] == [0, 0, 1, 1, V, V]


def test_without_scores_they_cannot_decide(tmp_path):
    with pytest.raises(DataError, match="image 1: segments: segment 11 has no score, which --overlap score"):
        mask_of(tiny.put_instances(tmp_path / "in"), tmp_path, overlap="score")


def test_the_policy_holds_for_segment_maps_and_after_the_canonical_form(tmp_path):
    source = put_overlapping(tmp_path / "in")
    segbench.convert(source, tmp_path / "canonical", overlap="order")
    options = {"target_format": "coco-panoptic", "allow_loss": True}
    segbench.convert(source, tmp_path / "a.json", overlap="order", **options)
    segbench.convert(tmp_path / "canonical", tmp_path / "b.json", **options)
    for name in ("a.json", "b.json"):
        sample = segbench.open_dataset(tmp_path / name)[0]
        assert sample.segment_map[0].tolist() == [13, 13, 13, 13, 0, 0]


def test_an_unknown_policy_in_dataset_json_is_an_error(tmp_path):
    mask_of(put_overlapping(tmp_path / "in"), tmp_path)
    file = tmp_path / "out/dataset.json"
    file.write_text(file.read_text().replace('"overlap_policy": "area"', '"overlap_policy": "size"'))
    with pytest.raises(DataError, match="overlap_policy: is 'size', none of area, score, order"):
        segbench.open_dataset(tmp_path / "out")


CROWDS = {
    "ignore": [[0, 0, 1, 1, V, V], [0, 0, 1, 1, V, V], [V, 1, 1, 1, V, V], [V, 1, 1, 1, V, V]],
    "merge": [[0, 0, 1, 1, V, V], [0, 0, 1, 1, V, V], [2, 1, 1, 1, V, V], [2, 1, 1, 1, V, V]],
    "drop": [[0, 0, 1, 1, V, V], [0, 0, 1, 1, V, V], [V, 1, 1, 1, V, V], [V, 1, 1, 1, V, V]],
}


@pytest.mark.parametrize("policy", CROWDS)
def test_crowds_of_instances(policy, tmp_path):
    source = put_overlapping(tmp_path / "in")
    report = segbench.convert(source, tmp_path / "dry", crowd=policy, dry_run=True)
    [change] = report.changes
    assert (change.feature, change.count, change.examples) == ("crowd", 1, ["image 1"])
    assert mask_of(source, tmp_path, crowd=policy) == CROWDS[policy]
    sample = segbench.open_dataset(tmp_path / "out")[0]
    assert sum(s.iscrowd for s in sample.segments) == 0
    assert len(sample.segments) == (2 if policy == "drop" else 3)
    assert sum(s.ignore for s in sample.segments) == (policy == "ignore")


@pytest.mark.parametrize("policy", CROWDS)
def test_crowds_of_segment_maps(policy, tmp_path):
    source = tiny.put_panoptic(tmp_path / "in")
    segbench.convert(source, tmp_path / "out", crowd=policy)
    sample = segbench.open_dataset(tmp_path / "out")[1]
    kept = policy == "merge"
    assert [s.id for s in sample.segments] == [5, 300][: 1 + kept]
    assert sample.segment_map[1].tolist() == [5, 5, 5, 5, 300 * kept]
    assert sample.mask[1].tolist() == [2, 2, 2, 2, 1 if kept else 255]
    assert not any(s.iscrowd for s in sample.segments)


def put_ring(root):
    content = tiny.instances()
    ring = tiny.square((5, 5), 0, 0, 4, 4)
    ring[1:3, 1:3] = 0
    content["annotations"][2] |= {"segmentation": tiny.rle(ring), "iscrowd": 0}
    return tiny.put_instances(root, content)


def test_holes_are_filled_or_refused(tmp_path):
    source = put_ring(tmp_path / "in")
    report = segbench.convert(source, tmp_path / "out", holes="drop")
    assert [str(change) for change in report.changes] == ["objects whose holes were filled: 1 (image 2)"]
    [segment] = segbench.open_dataset(tmp_path / "out")[1].segments
    np.testing.assert_array_equal(segment.rle.to_mask(), tiny.square((5, 5), 0, 0, 4, 4))
    assert (segment.source_area, segment.bbox) == (None, (0, 0, 2, 5))
    with pytest.raises(LossError, match="has objects with holes: 1 .*name other ones"):
        segbench.convert(source, tmp_path / "other", holes="error", allow_loss=True)
    segbench.convert(source, tmp_path / "seam", holes="seam")
    assert segbench.open_dataset(tmp_path / "seam").fingerprint == segbench.open_dataset(source).fingerprint


def test_overlaps_are_refused(tmp_path):
    source = put_overlapping(tmp_path / "in")
    with pytest.raises(LossError, match=r"has pixels that several objects cover: \d+ \(image 1\)"):
        segbench.convert(source, tmp_path / "out", overlap="error", allow_loss=True)
    content = tiny.instances()
    del content["annotations"][0]
    apart = tiny.put_instances(tmp_path / "apart", content)
    assert segbench.convert(apart, tmp_path / "out", overlap="error").losses == []


def test_policies_that_are_not_known(tmp_path):
    source = tiny.put_instances(tmp_path / "in")
    for name in ("overlap", "crowd", "holes"):
        with pytest.raises(UsageError, match=f"{name} must be one of"):
            segbench.convert(source, tmp_path / "out", **{name: "best"})


def test_policies_stand_in_dataset_json(tmp_path):
    source = str(put_overlapping(tmp_path / "in"))
    arguments = ["--overlap", "order", "--crowd", "drop", "--holes", "drop", "--images", "copy"]
    shown = CliRunner().invoke(main, ["convert", source, str(tmp_path / "out"), *arguments])
    assert shown.exit_code == 0, shown.stderr
    assert "changed: group regions left out: 1 (image 1)" in shown.stdout
    said = json.loads((tmp_path / "out/dataset.json").read_text())["policies"]
    assert said == {
        "overlap": "order", "crowd": "drop", "holes": "drop", "exif": None, "images": "copy",
    }  # fmt: skip
