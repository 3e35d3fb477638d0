import hashlib
import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tiny_runs import write_data

from segbench import models
from segbench.cli.main import main
from segbench.errors import PluginError, UsageError
from segbench.models import Setup, code_sha256, list_models, load_model

PLUGIN = """
from __future__ import annotations
from dataclasses import dataclass
from pathlib import Path
import numpy as np
from segbench.models import ModelInfo

@dataclass
class Blank:
    info = ModelInfo(name="blank", tasks=("semantic",), id2label={0: "road"})
    value: int = 0

    def predict(self, batch):
        return [np.full(image.shape[1:], self.value) for image in batch.images]

def factory():
    return Blank(0)

ready = Blank(0)
number = 3

def made(name: str, *, share: float = 0.5, folder: Path | None = None, sizes: list[int] = (), loose=None):
    blank = Blank(1)
    blank.made = name, share, folder, sizes, loose
    return blank

def lenient(**anything):
    blank = Blank(2)
    blank.made = anything
    return blank

def obscure(x: Unknown = 1):
    blank = Blank(3)
    blank.made = x
    return blank

def angry():
    raise KeyError("weights")

class NoInfo:
    def predict(self, batch):
        return []

class NoPredict:
    info = Blank.info

class BadTask(Blank):
    info = ModelInfo(name="b", tasks=("detection",), id2label={0: "road"})

class TextTask(Blank):
    info = ModelInfo(name="b", tasks="semantic", id2label={0: "road"})

class BadLabels(Blank):
    info = ModelInfo(name="b", tasks=("semantic",), id2label={"0": "road"})

class NoLabels(Blank):
    info = ModelInfo(name="b", tasks=("semantic",), id2label={})
"""


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "plugin.py"
    path.write_text(PLUGIN)
    return path


@pytest.mark.parametrize("name", ["Blank", "factory", "ready"])
def test_file_loads_class_factory_and_model(plugin, name):
    assert load_model(f"file:{plugin}:{name}").info.name == "blank"


@pytest.mark.parametrize(
    ("name", "options", "made"),
    [
        ("made", {"name": "a"}, ("a", 0.5, None, (), None)),
        (
            "made",
            {"name": "a", "share": 1, "folder": "b", "sizes": [3], "loose": "x"},
            ("a", 1.0, Path("b"), [3], "x"),
        ),
        ("lenient", {"a": 1, "b": [None]}, {"a": 1, "b": [None]}),
        ("obscure", {"x": "y"}, "y"),
    ],
)
def test_options_are_the_arguments_of_a_factory(plugin, monkeypatch, name, options, made):
    monkeypatch.syspath_prepend(plugin.parent)
    for spec in (f"file:{plugin}:{name}", f"module:plugin:{name}"):
        found = load_model(spec, Setup(options=options))
        assert found.made == made
        assert [type(x) for x in found.made] == [type(x) for x in made]


def test_options_are_the_arguments_of_a_class(plugin):
    assert load_model(f"file:{plugin}:Blank", Setup(options={"value": 7})).value == 7


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("Blank", {"valeu": 7}, r"Blank has no option 'valeu'. Did you mean 'value'"),
        ("Blank", {"value": 7, "self": 1}, r"Blank has no option 'self'"),
        ("factory", {"value": 7}, r"factory has no option 'value'"),
        ("made", {}, r"made needs the option 'name': --model-option name=…"),
        ("made", {"name": 3}, r"option name of .*made is a str, not 3"),
        ("made", {"name": "a", "share": "b"}, r"option share of .*made is a float, not 'b'"),
        ("made", {"name": "a", "sizes": 3}, r"option sizes of .*made is a list, not 3"),
        ("made", {"name": "a", "shares": 1}, r"has no option 'shares'. Did you mean 'share'"),
        ("ready", {"value": 7}, r"ready is an object, and takes no options"),
    ],
)
def test_options_that_a_plugin_does_not_take(plugin, name, options, message):
    with pytest.raises(UsageError, match=message):
        load_model(f"file:{plugin}:{name}", Setup(options=options))


def test_the_record_keeps_the_options(plugin, tmp_path):
    data = write_data(tmp_path / "set", 3)
    (tmp_path / "names.toml").write_text('road = "a"\n')
    words = [
        "run",
        f"file:{plugin}:Blank",
        data,
        "--synonyms",
        tmp_path / "names.toml",
        "--out",
        tmp_path / "out",
    ]
    done = CliRunner().invoke(main, [*map(str, words), "--json", "--model-option", "value=0"])
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["model"]["options"] == {"value": 0}
    done = CliRunner().invoke(main, [*map(str, words), "--model-option", "value=1"])
    assert done.exit_code == 4  # which is no category of it: no shard of the run before was taken


def test_file_loads_that_file_only(plugin, tmp_path):
    (tmp_path / "neighbour.py").write_text("")
    plugin.write_text(PLUGIN + "\nimport neighbour\n")
    with pytest.raises(PluginError, match=r"ModuleNotFoundError.*neighbour"):
        load_model(f"file:{plugin}:Blank")
    assert str(tmp_path) not in sys.path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("angry", "raised KeyError"),
        ("number", "raised TypeError"),
        ("NoInfo", "no attribute info"),
        ("NoPredict", "no method predict"),
        ("BadTask", "info.tasks"),
        ("TextTask", "info.tasks"),
        ("BadLabels", "info.id2label"),
        ("NoLabels", "info.id2label"),
    ],
)
def test_a_plugin_that_is_no_model_names_the_spec(plugin, name, message):
    with pytest.raises(PluginError, match=message) as caught:
        load_model(f"file:{plugin}:{name}")
    assert f"file:{plugin}:{name}" in str(caught.value)


@pytest.mark.parametrize("code", ["raise SystemExit(0)", "import", "1 / 0"])
def test_a_file_that_raises_leaves_nothing_behind(tmp_path, code):
    path = tmp_path / "broken.py"
    path.write_text(code)
    before = set(sys.modules)
    with pytest.raises(PluginError, match="while loading"):
        load_model(f"file:{path}:Model")
    assert not {name for name in set(sys.modules) - before if name.startswith("segbench_plugin")}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("fil:x.py:Model", "Did you mean 'file'"),
        ("file:nowhere.py:Model", "no file nowhere.py"),
        ("file:nowhere.py", "expected file:path.py:Class"),
        ("file:README.md:Model", "expected file:path.py:Class"),
        ("module:segbench.demo_models", "expected module:pkg.mod:factory"),
        ("module:segbench.nowhere:Model", "no module 'segbench.nowhere'"),
        ("module:segbench.demo_models:PixelColour", "Did you mean 'PixelColor'"),
        ("nobody", "unknown model 'nobody'"),
    ],
)
def test_a_spec_that_names_nothing(spec, message):
    with pytest.raises(UsageError, match=message):
        load_model(spec)


def test_a_module_whose_own_import_is_missing_is_the_plugins_fault(tmp_path, monkeypatch):
    (tmp_path / "needs_more.py").write_text("import no_such_library")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match="no_such_library"):
        load_model("module:needs_more:Model")


@pytest.fixture
def installed(monkeypatch, tmp_path):
    info = tmp_path / "plugins-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugins\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        "[segbench.models]\npixel = segbench.demo_models:PixelColor\nbroken = no_such_package:Model\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("installed")
def test_installed_plugins_are_listed_without_importing_and_loaded_by_name():
    found = {entry.name: entry for entry in list_models()}
    assert (found["pixel"].distribution, found["pixel"].version) == ("plugins", "1.2")
    assert found["broken"].target == "no_such_package:Model"
    assert load_model("pixel").info.name == "pixel-color"
    with pytest.raises(UsageError, match="Did you mean 'pixel'"):
        load_model("pixl")
    assert code_sha256("pixel") == code_sha256("module:segbench.demo_models:PixelColor")


def test_code_sha256(plugin):
    assert code_sha256(f"file:{plugin}:Blank") == hashlib.sha256(PLUGIN.encode()).hexdigest()
    assert code_sha256("module:sys:Model") is None
    assert code_sha256(f"file:{plugin.parent / 'gone.py'}:Model") is None


def test_public_names():
    assert len(set(models.__all__)) == len(models.__all__)
    assert all(hasattr(models, name) for name in models.__all__)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("plugin.py", r"Did you mean 'file:.*plugin\.py:Class'"),
        ("net.onnx", r"Did you mean 'onnx:.*net\.onnx'"),
        ("net.pt2", r"Did you mean 'pt2:.*net\.pt2'"),
        (
            "my-set",
            r"is a file or folder: say what it is, such as hf:.*my-set; and MODEL comes before DATASET",
        ),
        ("nothing", r"unknown model .*Known: file:…"),
    ],
)
def test_a_path_alone_is_no_model(tmp_path, name, message):
    (tmp_path / "my-set").mkdir()
    with pytest.raises(UsageError, match=message):
        load_model(str(tmp_path / name))


def test_a_data_set_before_its_model_is_told_so(plugin):
    done = CliRunner().invoke(main, ["run", "my-set", f"file:{plugin}:Blank"])
    assert done.exit_code == 2
    assert done.stderr == f"error: MODEL comes before DATASET: segbench run file:{plugin}:Blank my-set\n"


def test_models_without_a_plugin_are_told_so(monkeypatch):
    monkeypatch.setattr(models, "list_models", list)
    done = CliRunner().invoke(main, ["models"])
    assert done.stdout.startswith("MODEL is (no plugin is installed) one of: preds:…, file:…")
