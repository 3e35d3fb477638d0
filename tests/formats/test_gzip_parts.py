"""Parts of packed files: what the gzip module unpacks, from any place, in any order; damage is told."""

import gzip
import random
import threading
import zlib

import numpy as np
import pytest

from segbench.formats import gzip_parts
from segbench.formats.gzip_parts import GzipParts, PlainParts

RNG = np.random.default_rng(3)
DATA = np.repeat(RNG.integers(0, 9, 40_000, np.uint8), RNG.integers(1, 50, 40_000)).tobytes()
PACKED = {
    "one member": gzip.compress(DATA),
    "several members": b"".join(gzip.compress(DATA[i : i + 300_001]) for i in range(0, len(DATA), 300_001)),
    "zeros behind": gzip.compress(DATA[:100_000]) + bytes(70_000) + gzip.compress(DATA[100_000:]) + bytes(7),
    "an empty member": gzip.compress(b"") + gzip.compress(DATA),
    "not packed at all": gzip.compress(DATA, 0),
}


@pytest.fixture(autouse=True)
def many_marks(monkeypatch):
    monkeypatch.setattr(gzip_parts, "_APART", 50_000)
    monkeypatch.setattr(gzip_parts, "_STEP", 10_000)


def put(tmp_path, data):
    (tmp_path / "a.gz").write_bytes(data)
    return tmp_path / "a.gz"


@pytest.mark.parametrize("kind", PACKED)
def test_parts_are_those_of_what_it_unpacks_to(kind, tmp_path):
    parts = GzipParts(put(tmp_path, PACKED[kind]))
    assert gzip.decompress(PACKED[kind]) == DATA
    draw = random.Random(kind)
    for _ in range(200):
        start, n = draw.randrange(len(DATA) + 10), draw.choice([0, 1, 4096, 200_000])
        assert parts.read(start, n) == DATA[start : start + n]
    assert len(parts._marks) > 8
    assert parts.read(0, len(DATA) + 1) == DATA


def test_marks_are_few_however_long_a_file_is(tmp_path):
    """Each takes 50 KB."""
    parts = GzipParts(put(tmp_path, gzip.compress(bytes(50_000_000))))
    assert parts.read(49_999_000, 5_000) == bytes(1000)
    assert len(parts._marks) < 400


def test_threads_read_side_by_side(tmp_path):
    parts, wrong = GzipParts(put(tmp_path, PACKED["one member"])), []

    def work(seed):
        draw = random.Random(seed)
        for _ in range(50):
            start = draw.randrange(len(DATA))
            if parts.read(start, 5000) != DATA[start : start + 5000]:
                wrong.append(start)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_damage_is_told_and_what_is_before_it_is_read_again(tmp_path):
    whole = PACKED["one member"]
    cut = GzipParts(put(tmp_path, whole[: len(whole) // 2]))
    with pytest.raises(EOFError, match="the file ends before its data do"):
        cut.read(0, len(DATA))
    assert cut.read(10, 100) == DATA[10:110]
    changed = GzipParts(put(tmp_path, whole[:-8] + bytes(8)))
    with pytest.raises(zlib.error, match="incorrect data check"):
        changed.read(0, len(DATA) + 1)
    with pytest.raises(zlib.error, match="incorrect header check"):
        GzipParts(put(tmp_path, b"no gzip")).read(0, 1)


def test_plain_files(tmp_path):
    parts = PlainParts(put(tmp_path, DATA))
    assert parts.read(5, 10) == DATA[5:15]
    assert parts.read(len(DATA) - 3, 10) == DATA[-3:]
