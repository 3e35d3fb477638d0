"""The durable store: which images are in which shard, and files that are there whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from subprocess import PIPE

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.canonical.atomic import create_file
from segbench.errors import DataError, PluginError, SegbenchError, UsageError
from segbench.runs.store import Plan, ShardStore

PLAN = Plan([str(i) for i in range(10)], {"model": "m"}, 4)


@dataclass
class Note:
    number: int
    text: str

    def to_bytes(self):
        return self.text.encode()

    def joined(self, other):
        if other.text != self.text and "?" not in (other.text, self.text):
            raise PluginError("differs")
        return self if other.text == "?" else other


WRITER = """
import sys, pathlib
from segbench.canonical.atomic import create_file
sys.stdin.readline()
print(create_file(pathlib.Path(sys.argv[1]), sys.argv[2].encode() * 10000))
"""


def reader(store):
    return lambda number: Note(number, store.read(number).decode())


@given(st.lists(st.text(), unique=True, max_size=40), st.integers(1, 9))
def test_every_image_is_in_one_shard(ids, size):
    plan = Plan(ids, {}, size)
    shards = [plan.positions(number) for number in range(len(plan))]
    assert sorted(i for shard in shards for i in shard) == list(range(len(ids)))
    assert all(len(shard) == size for shard in shards[:-1])
    assert all(shard == sorted(shard) for shard in shards)


def test_shards_are_ranges_of_sorted_ids():
    plan = Plan(["10", "9", "2", "1"], {}, 2)
    assert [[plan.image_ids[i] for i in plan.positions(n)] for n in range(2)] == [["2", "1"], ["10", "9"]]
    assert not plan.in_order
    assert PLAN.in_order
    assert Plan(["b", "10", "9"], {}, 2).positions(0) == [1, 2], "as text where not all are numbers"


def test_the_plan_does_not_depend_on_the_order_of_the_data_set():
    turned = Plan(PLAN.image_ids[::-1], PLAN.identity, PLAN.shard_size)
    assert turned.key == PLAN.key
    ids = [{plan.image_ids[i] for i in plan.positions(1)} for plan in (PLAN, turned)]
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    "changes",
    [{"image_ids": ["1"]}, {"identity": {"model": "n"}}, {"identity": {"model": "m", "x": 1}},
     {"shard_size": 5}],
)  # fmt: skip
def test_what_the_content_depends_on_is_in_the_key(changes):
    assert replace(PLAN, **changes).key != PLAN.key


def test_a_shard_of_no_images_is_refused():
    with pytest.raises(UsageError, match="at least 1 image, not 0"):
        Plan(["a"], {}, 0)


def test_shards_are_kept_and_found(tmp_path):
    store = ShardStore.below(tmp_path, "m", PLAN)
    assert store.numbers() == []
    assert list(tmp_path.iterdir()) == [], "nothing is made before there is something to keep"
    for number in (2, 0):
        store.put(Note(number, f"shard {number}"), reader(store))
    assert store.numbers() == [0, 2]
    assert store.read(2) == b"shard 2"
    assert (store.folder / "plan.json").is_file()
    with pytest.raises(DataError, match=r"000001\.npz: cannot read the shard: No such file"):
        store.read(1)
    store.remove()
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_no_shards(tmp_path):
    store = ShardStore.below(tmp_path, "m", PLAN)
    store.put(Note(1, "one"), reader(store))
    for name in ("000001 (copy).npz", ".000002.npz.0123456789abcdef.part", "000099.npz", "2.npz"):
        (store.folder / name).write_bytes(b"?")
    assert store.numbers() == [1]


def test_a_second_copy_is_joined_or_refused(tmp_path):
    store = ShardStore.below(tmp_path, "m", PLAN)
    for text in ("?", "same", "same", "?"):
        store.put(Note(0, text), reader(store))
    assert store.read(0) == b"same"
    with pytest.raises(PluginError, match="differs"):
        store.put(Note(0, "other"), reader(store))
    assert store.read(0) == b"same"


def test_a_damaged_copy_is_replaced(tmp_path):
    store = ShardStore.below(tmp_path, "m", PLAN)
    store.put(Note(0, "half"), reader(store))
    store.put(Note(0, "whole"), lambda _: None)
    assert store.read(0) == b"whole"


def test_of_many_writers_one_wins(tmp_path):
    target = tmp_path / "x" / "file"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, target, str(i)], stdin=PIPE, stdout=PIPE, text=True)
        for i in range(4)
    ]  # fmt: skip
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    told = [writer.communicate()[0].strip() for writer in writers]
    assert sorted(told) == ["False", "False", "False", "True"]
    assert target.read_bytes() == str(told.index("True")).encode() * 10000
    assert [file.name for file in target.parent.iterdir()] == ["file"]


def test_where_links_cannot_be_made_files_are_written_even_so(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)
    assert create_file(tmp_path / "a", b"1")
    assert not create_file(tmp_path / "a", b"2")
    assert (tmp_path / "a").read_bytes() == b"1"


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or sys.platform != "linux", reason="only root mounts"
)
def test_a_full_disk_is_told_and_loses_nothing(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk: {mounted.stderr.strip()}")
    try:
        store = ShardStore.below(disk, "m", PLAN)
        store.put(Note(0, "x" * 30_000), reader(store))
        with pytest.raises(
            SegbenchError, match=r"000001\.npz: cannot write the shard: No space left on device; .* make room"
        ):
            store.put(Note(1, "y" * 90_000), reader(store))
        assert store.numbers() == [0]
        assert sorted(file.name for file in store.folder.iterdir()) == ["000000.npz", "plan.json"]
        store.put(Note(1, "y" * 9_000), reader(store))
        assert store.numbers() == [0, 1]
    finally:
        subprocess.run(["umount", disk], check=True)
