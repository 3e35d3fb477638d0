"""Splits made anew: shares are met, categories too, groups stay together, and the seed decides."""

from collections import Counter

import numpy as np
import pytest
from click.testing import CliRunner
from formats import tiny
from reshape.test_subsets import put_many

import segbench
from segbench.cli import main
from segbench.errors import DataError, UsageError
from segbench.reshape.splits import parse_split_rule, split_dataset
from segbench.reshape.stratify import stratify


def members(source, by, *parts, **options):
    dataset = split_dataset(segbench.open_dataset(source), parse_split_rule(by, parts, **options))
    return {split: set(dataset.split(split).image_ids) for split in dataset.splits}


@pytest.mark.parametrize("seed", range(5))
def test_shares_of_images_and_of_categories_are_met(seed):
    rng = np.random.default_rng(seed)
    often = np.array([0.5, 0.3, 0.1, 0.03, 0.01])
    has = [dict.fromkeys(np.flatnonzero(rng.random(5) < often).tolist(), 1) for _ in range(1000)]
    parts = stratify(has, [1] * 1000, [7, 2, 1], seed)
    sizes = Counter(parts)
    assert abs(sizes[0] - 700) <= 15
    assert abs(sizes[1] - 200) <= 15
    for category in range(5):
        of = Counter(p for p, h in zip(parts, has, strict=True) if category in h)
        total = sum(of.values())
        for part, share in enumerate((0.7, 0.2, 0.1)):
            assert abs(of[part] - share * total) <= 3, category


def test_a_rare_category_is_shared_out_whatever_the_seed():
    has = [{0: 1} if i < 5 else {} for i in range(100)]
    for seed in range(20):
        parts = stratify(has, [1] * 100, [4, 1], seed)
        assert sum(parts[:5]) == 1


def test_the_seed_decides_and_nothing_else():
    has = [{i % 3: 1} for i in range(60)]
    splits = [tuple(stratify(has, [1] * 60, [0.5, 0.5], seed)) for seed in (0, 0, 1)]
    assert splits[0] == splits[1] != splits[2]


def test_groups_are_dealt_out_whole():
    has = [{0: 10}, {0: 1}, {0: 1}, {0: 8}]
    assert stratify(has, [10, 1, 1, 8], [1, 1], 0) in ([0, 1, 1, 1], [1, 0, 0, 0])


def test_by_ratio(tmp_path):
    source = put_many(tmp_path, n=20)
    found = members(source, "ratio", "a=3", "b=1")
    assert {split: len(ids) for split, ids in found.items()} == {"a": 15, "b": 5}
    assert found["a"] | found["b"] == {str(i) for i in range(20)}
    assert found == members(source, "ratio", "a=0.75", "b=0.25", seed=0)
    assert found != members(source, "ratio", "a=3", "b=1", seed=1)


def test_by_list(tmp_path):
    source = put_many(tmp_path)
    (tmp_path / "a.txt").write_text("3\n0\n")
    (tmp_path / "b.txt").write_text("train/4.png\n")
    parts = [f"a={tmp_path / 'a.txt'}", f"b={tmp_path / 'b.txt'}"]
    assert members(source, "list", *parts) == {"a": {"0", "3"}, "b": {"4"}}
    (tmp_path / "b.txt").write_text("3\n")
    with pytest.raises(DataError, match=r"b.txt: image 3: stands in a and in b"):
        members(source, "list", *parts)
    (tmp_path / "b.txt").write_text("1\n1\n")
    with pytest.raises(DataError, match="image 1: stands twice in b"):
        members(source, "list", *parts)


def test_by_group(tmp_path):
    source = put_many(tmp_path)
    apart = [{"0", "2", "4"}, {"1", "3", "5"}]
    assert sorted(members(source, "group", "a=1", "b=1").values(), key=min) == apart
    assert sorted(members(source, "group", "a=1", "b=1", group_by="(train|val)").values(), key=min) == apart
    each = members(source, "group", "a=1", "b=1", group_by="video")
    assert {len(ids) for ids in each.values()} == {3}
    with pytest.raises(UsageError, match="split 'b' would have no image"):
        members(source, "group", "a=1", "b=1", group_by=r"/.*(\.png)")
    for pattern, message in (("train", r"has no \(group\)"), ("(", "folder, video or a pattern")):
        with pytest.raises(UsageError, match=message):
            members(source, "group", "a=1", "b=1", group_by=pattern)


@pytest.mark.parametrize(
    ("by", "parts", "message"),
    [
        ("chance", ["a=1"], "split_by must be one of ratio, list, group"),
        ("ratio", [], "name the parts"),
        ("ratio", ["a"], "'a' is no SPLIT=SHARE"),
        ("list", ["a="], "'a=' is no SPLIT=FILE"),
        ("ratio", ["a=-1"], "the share of a is a positive number"),
        ("ratio", ["a=inf"], "the share of a is a positive number"),
        ("ratio", ["a=half"], "the share of a is a positive number"),
    ],
)
def test_rules_that_are_refused(by, parts, message):
    with pytest.raises(UsageError, match=message):
        parse_split_rule(by, parts)


def test_on_the_command_line(tmp_path):
    source = put_many(tmp_path / "in")
    arguments = ["convert", str(source), str(tmp_path / "out"), "--images", "none"]
    shown = CliRunner().invoke(
        main, [*arguments, "--split-by", "ratio", "--part", "a=2", "--part", "b=1", "--seed", "3"]
    )
    assert shown.exit_code == 0, shown.stderr
    assert segbench.open_dataset(tmp_path / "out").splits == {"a": 4, "b": 2}
    refused = CliRunner().invoke(main, [*arguments, "--overwrite", "--part", "a=1"])
    assert (refused.exit_code, "--split-by" in refused.stderr) == (2, True)


def test_label_maps_are_shared_out_by_what_is_in_them(tmp_path):
    masks = {i: np.full((2, 2), int(i < 4), np.uint8) for i in range(16)}
    source = tiny.put_masks(tmp_path / "in", masks)
    found = members(source, "ratio", "a=3", "b=1")
    assert sum(int(i) < 4 for i in found["b"]) == 1


@pytest.mark.parametrize("option", [("--seed", "0"), ("--group-by", "video")])
def test_options_of_splits_alone_are_refused(option, tmp_path):
    source = str(tiny.put_instances(tmp_path / "in"))
    shown = CliRunner().invoke(main, ["convert", source, str(tmp_path / "out"), *option])
    assert shown.exit_code == 2
    assert f"{option[0]} is for --split-by, which is not given" in shown.stderr
    assert not (tmp_path / "out").exists()
