"""Valid data sets, spoilt at random: a reader refuses them with an error of its own, or reads them."""

import json
import random
import shutil
from unittest import mock

import pytest

import segbench
from segbench.errors import SegbenchError

VALUES = [
    None,
    True,
    -1,
    0,
    2**70,
    1e300,
    -0.5,
    float("nan"),
    "",
    "x",
    "../x",
    [],
    [[]],
    {},
    [1, 2],
    {"a": 1},
]
WORDS = [
    b"",
    b"\0",
    b"\xff\xfe",
    b"nan",
    b"-1",
    b"1e999",
    b"999999999999",
    b'"',
    b"<",
    b"&",
    b"{",
    b"../",
    b"[]",
]


def spoil_json(content, rng):
    """Replace or delete one value, anywhere in a JSON."""
    places = []

    def visit(value):
        keys = value.keys() if isinstance(value, dict) else range(len(value))
        for key in keys:
            places.append((value, key))
            if isinstance(value[key], (dict, list)):
                visit(value[key])

    visit(content)
    if places:
        holder, key = rng.choice(places)
        if rng.random() < 0.3:
            del holder[key]
        else:
            holder[key] = rng.choice(VALUES)
    return json.dumps(content).encode()


def spoil_bytes(data, rng):
    """Cut, replace or repeat a part of a file."""
    at = rng.randrange(len(data) + 1)
    end = min(len(data), at + rng.choice([1, 3, 20]))
    return rng.choice(
        [
            lambda: data[:at],
            lambda: data[:at] + data[end:],
            lambda: data[:at] + rng.choice(WORDS) + data[end:],
            lambda: data[:end] + data[at:],
            lambda: data[:at] + bytes(rng.randrange(256) for _ in range(end - at)) + data[end:],
        ]
    )()


def spoil(file, rng):
    data = file.read_bytes()
    if file.suffix == ".json" and rng.random() < 0.8:
        file.write_bytes(spoil_json(json.loads(data), rng))
    else:
        file.write_bytes(spoil_bytes(data, rng))


def check(put, tmp_path, *, format_name, n=60, suffixes=(".json", ".txt", ".yaml", ".xml", ".csv", ".png")):
    """Convert ``n`` spoilt data sets that ``put(folder)`` makes; return how many were refused."""
    refused = 0
    for seed in range(n):
        rng = random.Random(seed)
        root = tmp_path / str(seed)
        source = put(root)
        files = sorted(f for f in root.rglob("*") if f.is_file() and f.suffix in suffixes)
        spoil(rng.choice(files), rng)
        before = sorted(root.rglob("*"))
        try:
            with mock.patch("os.fsync"):  # a power cut is not tested here, and waiting for a disk is slow
                segbench.convert(source, root / "target", source_format=format_name, images="none")
        except SegbenchError:
            refused += 1
            assert sorted(root.rglob("*")) == before, f"seed {seed}: something was written"
        except Exception as error:  # noqa: BLE001 - whatever else is raised would be a traceback
            pytest.fail(f"seed {seed}: {type(error).__name__}: {error}")
        shutil.rmtree(root)
    return refused
