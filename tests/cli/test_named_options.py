"""Errors of formats name options of the command that was given, whichever command that is."""

import io
import json
import re
import tarfile

import numpy as np
import pytest
from click.testing import CliRunner

import segbench
from segbench.canonical.images import encode_image, encode_labels
from segbench.cli.main import main
from segbench.errors import DataError, UnpairedError, UsageError, reworded

MODEL = "module:segbench.demo_models:PixelColor"
COMMANDS = {
    "convert": lambda bad, _: ["convert", bad, bad.parent / "target"],
    "inspect": lambda bad, _: ["inspect", bad],
    "validate": lambda bad, _: ["validate", bad],
    "score truth": lambda bad, good: ["score", bad, good],
    "score truth, one thread": lambda bad, good: ["score", bad, good, "--threads", 1],
    "score predictions": lambda bad, good: ["score", good, bad],
    "score predictions, one thread": lambda bad, good: ["score", good, bad, "--threads", 1],
    "run": lambda bad, _: ["run", MODEL, bad],
    "run preds": lambda bad, good: ["run", f"preds:{good}", bad],
    "run preds of no format": lambda bad, good: ["run", f"preds:{bad}", good],
    "leaderboard": lambda bad, good: [
        "leaderboard", good.parent / "results", "--out", good.parent / "board", "--pictures", f"{bad}",
    ],
    "leaderboard predictions": lambda bad, good: [
        "leaderboard", good.parent / "results", "--out", good.parent / "board", "--pictures", f"{good}={bad}",
    ],
    "verify": lambda bad, good: ["verify", good.parent / "results", "--dataset", bad],
}  # fmt: skip


def invoke(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def options_of(command):
    return {option for parameter in main.commands[command].params for option in parameter.opts}


@pytest.fixture
def good(tmp_path):
    """Label maps, and a record of them as their own predictions."""
    (tmp_path / "maps/masks").mkdir(parents=True)
    (tmp_path / "maps/id2label.json").write_text('{"0": "sky", "1": "grass"}')
    (tmp_path / "maps/masks/a.png").write_bytes(encode_labels(np.uint8([[0, 1], [1, 1]])))
    segbench.score(tmp_path / "maps", tmp_path / "maps", out=tmp_path / "results")
    return tmp_path / "maps"


def of_no_format(root):
    (root / "notes").mkdir()
    (root / "notes/a.txt").write_text("nothing that is known")
    return root / "notes"


def without_a_mask(root):
    """A shard of which no member is called as a mask is; its format asks for an option."""
    members = {
        "a.jpg": encode_image(np.zeros((3, 2, 2), np.uint8)),
        "a.depth.png": encode_labels(np.zeros((2, 2), np.uint8)),
    }
    with tarfile.open(root / "shard.tar", "w") as shard:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            shard.addfile(info, io.BytesIO(data))
    return root / "shard.tar"


@pytest.mark.parametrize("bad", [of_no_format, without_a_mask])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_that_an_error_names_is_one_of_its_command(command, bad, good, tmp_path):
    words = COMMANDS[command](bad(tmp_path), good)
    result = invoke(*words)
    assert result.exit_code in (2, 3), result.output
    told = re.search(r"error: .*", result.stderr)[0]
    named = re.findall(r"(?<![\w-])(--[a-z-]+)(?: of `segbench (\w+)`)?", told)
    assert named, told
    elsewhere = set(re.findall(r"`segbench (\w+)`", told))
    for option, other in named:
        commands = {other} if other else elsewhere or {str(words[0])}
        assert all(option in options_of(one) for one in commands), told
    if command.startswith("score"):
        assert "--truth" in told if "truth" in command else "--predictions" in told
    assert "--from" not in told or str(words[0]) != "score"


def test_a_suite_names_its_keys(tmp_path):
    bad = of_no_format(tmp_path)
    text = f'[[model]]\nspec = "{MODEL}"\n[[dataset]]\npath = {json.dumps(str(bad))}\n'
    (tmp_path / "suite.toml").write_text(text)
    result = invoke("run", "--suite", tmp_path / "suite.toml")
    assert "name it with `format` in the suite" in result.output + result.stderr


def test_the_kind_and_place_of_an_error_stay():
    with pytest.raises(UnpairedError) as caught, reworded({"--from": "--truth-format"}):
        raise UnpairedError("say --from or --from-here", file="a.json", image_id=7, field="x")
    assert str(caught.value) == "a.json: image 7: x: say --truth-format or --from-here"
    assert caught.value.field == "x"
    with pytest.raises(UsageError, match="^say --truth-format$"), reworded({"--from": "--truth-format"}):
        raise UsageError("say --from")
    same = DataError("nothing to say", file="b")
    with pytest.raises(DataError) as caught, reworded({"--from": "--truth-format"}):
        raise same
    assert caught.value is same
