"""What is not trusted: plugins, weights, names, sizes and secrets.

Beside these: pages and tables in tests/leaderboard/test_hostile_page.py, test_page.py and test_tables.py;
pickles of programs in tests/models/test_files.py, and a model's own code in test_hf.py; names in
tests/canonical/test_paths.py and test_writer.py; PNG bombs in test_images.py; archives in
tests/formats/test_webdataset.py, XML in test_voc.py and test_cvat.py; shards in test_packing.py.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from leaderboard.synth import make_record
from tiny_runs import write_data, write_model

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_image
from segbench.canonical.rle import Rle
from segbench.canonical.sample import ImageFile, Sample
from segbench.canonical.segment import Segment
from segbench.cli import main
from segbench.formats import FORMATS
from segbench.leaderboard import build_leaderboard
from segbench.models.class_map import ClassMap
from segbench.models.predictions import prediction_sample
from segbench.records import tables as record_tables
from segbench.records.environment import redact, redact_values


@pytest.fixture
def plugins(tmp_path):
    """An environment with two installed plugins, each of which leaves a file when it is imported."""
    info = tmp_path / "site/plugins-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugins\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[segbench.models]\none = one_plugin:Model\ntwo = two_plugin:Model\n"
    )
    for name in ("one", "two"):
        code = f"open({str(tmp_path / name)!r}, 'w').close()\n"
        code += "from segbench.demo_models import PixelColor as Model\n"
        (info.parent / f"{name}_plugin.py").write_text(code)
    return info.parent


def run_segbench(site, *words):
    code = f"import sys; sys.path.insert(0, {str(site)!r}); from segbench.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=False
    )


def test_listing_plugins_imports_none_and_running_one_imports_it_alone(plugins, tmp_path):
    listed = run_segbench(plugins, "models")
    assert listed.stdout.startswith("one  (plugins)\ntwo  (plugins)\n"), listed.stderr
    assert not (tmp_path / "one").exists()
    assert run_segbench(plugins, "doctor", "two").returncode == 0
    assert [(tmp_path / name).exists() for name in ("one", "two")] == [False, True]


@pytest.mark.parametrize("depth", [400, 200_000])
def test_a_record_that_is_nested_deep_stops_no_board(tmp_path, depth):
    good = make_record("semantic", n_images=10).write(tmp_path / "r/good")
    folder = tmp_path / "r/deep"
    shutil.copytree(good, folder)
    nested = "[" * depth + "]" * depth
    text = (
        (folder / "run.json")
        .read_text(encoding="utf-8")
        .replace('"revision": "main"', f'"revision": {nested}')
    )
    (folder / "run.json").write_text(text, encoding="utf-8")
    built = build_leaderboard(tmp_path / "r", tmp_path / "o", n_boot=100)
    assert len(built.boards[0].rows) >= 1
    for command in ("show", "verify"):
        done = CliRunner().invoke(main, [command, str(folder)])
        assert (done.exit_code, done.exception.__class__) == (3, SystemExit)


def test_a_table_that_would_fill_the_memory_is_not_read(tmp_path, monkeypatch):
    folder = make_record("semantic", n_images=10).write(tmp_path)
    monkeypatch.setattr(record_tables, "MAX_VALUES", 100)
    with pytest.raises(segbench.DataError, match=r"images\.parquet: holds \d+ values; at most 100 are read"):
        segbench.read_record(folder)


class Evil:
    def __init__(self, file):
        self.file = str(file)

    def __reduce__(self):
        return os.mkdir, (self.file,)


def test_pickled_weights_do_not_run_and_what_is_allowed_is_recorded(tmp_path):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from segbench.models import Setup
    from segbench.models.weights import read_state

    ran, file = tmp_path / "ran", tmp_path / "weights.pth"
    torch.save({"state_dict": {"w": torch.zeros(1)}, "more": Evil(ran)}, file)
    with pytest.raises(segbench.UsageError, match="--unsafe-pickle"):
        read_state(file, Setup())
    assert not ran.exists()
    assert list(read_state(file, Setup(unsafe_pickle=True))) == ["w"]
    assert ran.exists()


@pytest.mark.parametrize("allowed", ["unsafe_pickle", "trust_remote_code"])
def test_what_was_allowed_stands_in_the_record(tmp_path, allowed):
    spec, data = write_model(tmp_path), write_data(tmp_path / "data", 2)
    assert segbench.run(spec, data, out=None, **{allowed: True}).model[allowed] is True
    assert allowed not in segbench.run(spec, data, out=None).model


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json"])
def test_code_of_another_repository_is_refused_even_where_code_may_run(tmp_path, file):
    """Transformers would take it from the head of that repository, whatever commit the spec names."""
    pytest.importorskip("transformers", reason="transformers is not installed")
    from segbench.models import Setup, load_model

    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "segformer"}))
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_processor_type": "Segformer"}))
    content = json.loads((folder / file).read_text())
    content["auto_map"] = {
        "AutoConfig": "someone/else--code.C",
        "AutoImageProcessor": ["someone/else--code.P", None],
    }
    (folder / file).write_text(json.dumps(content))
    with pytest.raises(segbench.UsageError, match="someone/else--code.* of another repository"):
        load_model(f"hf:{folder}", Setup(trust_remote_code=True))


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--hf-token", "abc", "x"], ["--hf-token", "***", "x"]),
        (["--model-option=api_key=abc"], ["--model-option=api_key=***"]),
        (["--model-option", "access-key=abc=="], ["--model-option", "access-key=***"]),
        (["--x", "HF_TOKEN=abc"], ["--x", "HF_TOKEN=***"]),
        (["--secret=https://host/hook"], ["--secret=***"]),
        (["http://me:pw@h/x"], ["http://***@h/x"]),
        (["https://h/x?a=1&X-Amz-Signature=abc&b=2"], ["https://h/x?a=1&X-Amz-Signature=***&b=2"]),
        (["--header", "Authorization: Bearer abc"], ["--header", "Authorization: Bearer ***"]),
        (["hf_" + "a" * 34], ["***"]),
        (["--out", "results", "--tokenizer", "bert"], ["--out", "results", "--tokenizer", "bert"]),
        (["score", "a=b.json", "--setting", "beta=2"], ["score", "a=b.json", "--setting", "beta=2"]),
    ],
)
def test_secrets_of_command_lines(words, shown):
    assert redact(words) == shown


def test_secrets_of_options_and_of_the_command_are_in_no_file_of_a_run(tmp_path, monkeypatch):
    spec, data = write_model(tmp_path), write_data(tmp_path / "data", 2)
    options = {"api_key": "qwertz", "url": "https://me:qwertz@host/x?token=qwertz"}
    words = [f"{key}={value}" for key, value in options.items()]
    command = ["segbench", "run", "--model-option", words[0], f"--model-option={words[1]}"]
    monkeypatch.setattr(sys, "argv", command)
    record = segbench.run(segbench.load_model(spec), data, options=options, out=tmp_path / "out")
    assert record.model["options"]["api_key"] == "***"
    assert not [f for f in files(tmp_path / "out") if b"qwertz" in f.read_bytes()]


def test_secrets_of_values():
    options = {
        "api_key": "abc",
        "max_mb": 5,
        "servers": [{"token": "x", "n_tokens": 3}],
        "url": "http://a:b@c",
    }
    assert redact_values(options) == {
        "api_key": "***", "max_mb": 5, "servers": [{"token": "***", "n_tokens": 3}], "url": "http://***@c"
    }  # fmt: skip


CLIMBING = (
    "../../escape",
    "/tmp/escape",
    "a/../../../escape",
    "..",
    "C:\\escape",
    "..\\..\\escape",
    "a\0b",
    "x" * 300,
)
WRITABLE = [
    name for name, entry in FORMATS.items() if hasattr(importlib.import_module(entry.module), "write")
]


def climbing(tmp_path, name, pictured):
    """A data set of one image whose id, and the name of its picture, are not to be trusted."""
    image = ImageFile(path=tmp_path / "source.png", name=name)
    image.path.write_bytes(encode_image(np.zeros((3, 8, 8), np.uint8)))
    mask = np.zeros((8, 8), bool)
    mask[2:6, 2:6] = True
    segment = Segment(id=1, category_id=0, rle=Rle.from_mask(mask), source_kind="rle")
    sample = Sample(
        image_id=name,
        height=8,
        width=8,
        image_file=image if pictured else None,
        segments=[segment],
        overlap=True,
    )
    categories = Categories([Category(id=0, name="a", isthing=True)])
    return Dataset(
        name="climbing", categories=categories, image_ids=[name], load=lambda _: sample, tasks=["instance"]
    )


def files(folder: Path):
    return {file for file in folder.rglob("*") if not file.is_dir()}


@pytest.mark.parametrize("pictured", [True, False])
@pytest.mark.parametrize("target", WRITABLE)
def test_no_name_of_an_image_leads_out_of_what_is_written(target, pictured, tmp_path):
    images = "link" if pictured else "none"
    convert = partial(segbench.convert, target_format=target, images=images, allow_loss=True)
    for i, name in enumerate(CLIMBING):
        place = tmp_path / str(i)
        (place / "in").mkdir(parents=True)
        data = climbing(place, name, pictured)
        before = files(tmp_path)
        with contextlib.suppress(segbench.DataError, segbench.UsageError, OSError):
            convert(data, place / "in/deep/out")
        new = files(tmp_path) - before
        assert all(file.is_relative_to(place / "in/deep") for file in new), (name, new)
        assert not Path("/tmp/escape").exists()
    convert(climbing(tmp_path, "a.png", pictured), tmp_path / "out")


@pytest.mark.parametrize(
    "counts", [b"", "0", [2**40], [-1, 2**40], "\x00", "~" * 100, [1, 2, 3]],
)  # fmt: skip
@pytest.mark.parametrize("size", [[8, 8], [2**20, 2**20], [-1, 8], [2**31, 2**31], [0, 0], ["8", 8], [8]])
def test_run_lengths_of_a_model_are_those_of_its_image(size, counts):
    answer = segbench.InstancePrediction(
        masks=[{"size": size, "counts": counts}], scores=np.ones(1), category_ids=np.zeros(1, int)
    )
    truth = Sample(image_id="a", height=8, width=8, segments=[], overlap=True)
    with pytest.raises((segbench.PluginError, segbench.DataError)):
        prediction_sample(answer, truth, ClassMap("m", {0: 0}, {0: "a"}), 255)
