"""Models in files (ONNX, torch.export, TorchScript): the answers are those of torch; their descriptions."""

import json
import logging
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from models import small_set, tiny_files

import segbench
from segbench.models import Batch, Setup, load_model
from segbench.models.arrays import resize_nearest
from segbench.models.described import model_input
from segbench.models.description import Input, describe

NEEDS = {"onnx": ("onnx", "onnxruntime"), "pt2": ("torch",), "ts": ("torch",)}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return the file of a model of each scheme, made once."""
    root = tmp_path_factory.mktemp("files")

    def get(scheme):
        for package in NEEDS[scheme]:
            pytest.importorskip(package, reason=f"{package} is not installed")
        folder = root / scheme
        if not folder.exists():
            folder.mkdir()
            tiny_files.MAKERS[scheme](folder / tiny_files.ENDS[scheme])
        return folder / tiny_files.ENDS[scheme]

    return get


def torch_says(index, pad=1):
    """Logits resized and argmaxed by torch, of the picture normalised by hand."""
    import torch

    image = torch.from_numpy(small_set.picture(index)).float() / 255
    mean, std = (torch.tensor(v)[:, None, None] for v in (tiny_files.MEAN, tiny_files.STD))
    inputs = (image - mean) / std
    height, width = image.shape[1:]
    inputs = torch.nn.functional.pad(inputs, (0, -width % pad, 0, -height % pad))[None]
    with torch.no_grad():
        logits = tiny_files.module()(inputs)
    size = inputs.shape[2:]
    logits = torch.nn.functional.interpolate(logits, size=size, mode="bilinear", align_corners=False)
    return logits[0, :, :height, :width].argmax(0).numpy()


@pytest.mark.parametrize("scheme", NEEDS)
def test_scores_are_those_of_torch(files, scheme, tmp_path):
    pytest.importorskip("torch", reason="torch is not installed")
    spec = f"{scheme}:{files(scheme)}"
    record = small_set.run_saved(spec, small_set.dataset(), tmp_path, task="semantic")
    masks = [torch_says(index) for index in range(len(small_set.SIZES))]
    assert record.metrics["miou"].value == small_set.mean_iou(masks)
    assert len({tuple(np.unique(mask)) for mask in masks} - {(0,), (1,), (2,)}) > 0
    assert record.model["name"] == "m"
    assert len(record.model["weights_sha256"]) == 64


@pytest.mark.parametrize("scheme", NEEDS)
def test_padding_is_cut_off_again(files, scheme, tmp_path):
    pytest.importorskip("torch", reason="torch is not installed")
    source = files(scheme)
    file = tmp_path / source.name
    file.write_bytes(source.read_bytes())
    rules = {"mean": tiny_files.MEAN, "std": tiny_files.STD, "multiple": 32}
    tiny_files.describe(file, input=rules)
    record = segbench.run(f"{scheme}:{file}", small_set.dataset(), task="semantic", out=None)
    masks = [torch_says(index, pad=32) for index in range(len(small_set.SIZES))]
    assert record.metrics["miou"].value == small_set.mean_iou(masks)


@pytest.mark.parametrize("scheme", NEEDS)
def test_batches_of_one_size_are_one_call(files, scheme, tmp_path):
    source = files(scheme)
    file = tmp_path / source.name
    file.write_bytes(source.read_bytes())
    tiny_files.describe(file, input={"batch": 3})
    model = load_model(f"{scheme}:{file}")
    images = [small_set.picture(i) for i in (0, 0, 1, 1, 1, 1, 0)]
    batch = Batch(images=images, image_ids=list("abcdefg"), task="semantic")
    calls = model.preprocess(batch)
    assert [len(call.sizes) for call in calls] == [2, 3, 1, 1]
    answers = model.predict(batch)
    assert len(answers) == len(images)
    np.testing.assert_allclose(answers[0].logits, answers[-1].logits, atol=1e-5)


@pytest.mark.parametrize("scheme", NEEDS)
def test_a_file_that_is_not_there(files, scheme):
    files(scheme)
    with pytest.raises(segbench.UsageError, match="there is no file nowhere"):
        load_model(f"{scheme}:nowhere")


def test_a_file_without_description_says_how_to_describe_it(files, tmp_path):
    file = tmp_path / "bare.onnx"
    file.write_bytes(files("onnx").read_bytes())
    with pytest.raises(segbench.UsageError, match=r"describe it in .*bare\.toml.*labels"):
        load_model(f"onnx:{file}")


def test_outputs_that_the_description_names_wrongly(files, tmp_path):
    file = tmp_path / "m.onnx"
    file.write_bytes(files("onnx").read_bytes())
    tiny_files.describe(file, output={"logits": "scores"})
    with pytest.raises(segbench.PluginError, match=r"'scores', the model has 0, 'logits'"):
        segbench.run(f"onnx:{file}", small_set.dataset(), task="semantic", out=None)


def test_a_program_that_carries_a_pickle_is_refused(files, tmp_path):
    """Loaders of torch fall back to unpickling anything: ours do not."""
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return open, (str(ran), "w")

    source, evil = files("pt2"), tmp_path / "evil.pt2"
    with zipfile.ZipFile(source) as whole, zipfile.ZipFile(evil, "w") as out:
        for name in whole.namelist():
            data = whole.read(name)
            out.writestr(name, pickle.dumps(Evil(), 2) if "sample_inputs" in name else data)
    tiny_files.describe(evil)
    with pytest.raises(segbench.UsageError, match="--unsafe-pickle"):
        load_model(f"pt2:{evil}")
    assert not ran.exists()


def test_an_instance_model_in_onnx(tmp_path):
    """Two constant instances, whose masks are a half and a whole of the image at half its size."""
    pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    masks = np.zeros((2, 1, 8, 8), np.float32)
    masks[0, :, :, :4], masks[1] = 1, 0.75
    constants = {"m": masks, "s": np.array([0.9, 0.4], np.float32), "l": np.array([2, 1], np.int64)}
    kinds = {"m": TensorProto.FLOAT, "s": TensorProto.FLOAT, "l": TensorProto.INT64}
    graph = helper.make_graph(
        [
            helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value))
            for name, value in constants.items()
        ],
        "two",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 16, 16])],
        [helper.make_tensor_value_info(name, kinds[name], value.shape) for name, value in constants.items()],
    )
    file = tmp_path / "two.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), file)
    tiny_files.describe(
        file,
        task="instance",
        input={"size": [16, 16]},
        output={"kind": "instances", "masks": "m", "scores": "s", "labels": "l"},
    )
    model = load_model(f"onnx:{file}")
    image = np.zeros((3, 20, 32), np.uint8)
    (answer,) = model.predict(Batch(images=[image], image_ids=["a"], task="instance"))
    assert answer.masks.shape == (2, 20, 32)
    assert answer.masks[1].all()
    assert answer.masks[0][:, :15].all()
    assert not answer.masks[0][:, 17:].any()
    assert answer.category_ids.tolist() == [2, 1]
    assert answer.scores.tolist() == pytest.approx([0.9, 0.4])


def test_input_as_described():
    image = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
    values, size = model_input(
        image, Input(multiple=4, channels="bgr", layout="nhwc", scale=1.0, mean=(1, 2, 3))
    )
    assert values.shape == (4, 8, 3)
    assert size == (4, 5)
    assert values.dtype == np.float32
    assert values[0, 0].tolist() == [39, 18, -3]
    assert not values[:, 5:].any()
    values, size = model_input(image, Input(size=(8, 10), resize="nearest", dtype="uint8"))
    assert size == (8, 10)
    assert np.array_equal(values, image.repeat(2, 1).repeat(2, 2))


def test_nearest_is_that_of_interpolate():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    values = np.random.default_rng(0).integers(0, 9, (2, 7, 5))
    for size in [(7, 5), (3, 9), (20, 4), (1, 1)]:
        wanted = torch.nn.functional.interpolate(torch.from_numpy(values)[None].double(), size=size)[0]
        assert np.array_equal(resize_nearest(values, *size), wanted.numpy())


def test_a_description_in_toml(tmp_path):
    (tmp_path / "m.toml").write_text(
        'task = "semantic"\nname = "net"\n[labels]\n0 = "road"\n7 = "sky"\n'
        "[input]\nsize = [32, 64]\nscale = 1\n"
    )
    found = describe(tmp_path / "m.onnx", n_params=3)
    assert found.info.id2label == {0: "road", 7: "sky"}
    assert (found.info.name, found.info.n_params) == ("net", 3)
    assert (found.input.size, found.input.scale, found.input.batch) == ((32, 64), 1, 1)
    assert found.output.kind == "logits"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "is no table"),
        ({"tasks": "semantic"}, "tasks: there is no such key. Did you mean 'task'"),
        ({"task": "panoptic"}, "task: must be 'semantic' or 'instance'"),
        ({"labels": []}, "labels: must list"),
        ({"labels": {"a": "road"}}, "labels: the keys"),
        ({"labels": ["road", 3]}, "labels: each must be a text"),
        ({"labels": ["a"], "input": [1]}, "input: must be a table"),
        ({"labels": ["a"], "input": {"sise": [1, 1]}}, "input.sise: .*'size'"),
        ({"labels": ["a"], "input": {"size": [0, 3]}}, "input.size"),
        ({"labels": ["a"], "input": {"size": ["a", 3]}}, "input.size.*numbers"),
        ({"labels": ["a"], "input": {"std": [0, 1, 1]}}, "input.std"),
        ({"labels": ["a"], "input": {"mean": [1]}}, "input.mean"),
        ({"labels": ["a"], "input": {"batch": 0}}, "input.batch"),
        ({"labels": ["a"], "input": {"batch": True}}, "input.batch"),
        ({"labels": ["a"], "input": {"layout": "chwn"}}, "input.layout.*nchw, nhwc"),
        ({"labels": ["a"], "output": {"kind": "instances"}}, "output.kind: 'instances' does not answer"),
        ({"labels": ["a"], "output": {"logits": 1.5}}, "output.logits"),
    ],
)
def test_a_wrong_description_names_file_and_key(tmp_path, content, message):
    (tmp_path / "m.json").write_text(json.dumps(content))
    with pytest.raises(segbench.DataError, match=message) as caught:
        describe(tmp_path / "m.onnx")
    assert "m.json" in str(caught.value)


def test_a_description_that_is_no_text(tmp_path):
    (tmp_path / "m.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(segbench.DataError, match="cannot be read"):
        describe(tmp_path / "m.onnx")


BROKEN = {"text": b"nonsense", "head": b"PK\x03\x04nonsense", "empty": b""}


@pytest.mark.parametrize("content", [*BROKEN, "cut", "other zip"])
def test_a_broken_program_is_told_in_one_line(files, tmp_path, content):
    """torch prints tracebacks to stderr, past whatever catches its errors."""
    source = files("pt2")
    file = tmp_path / "broken.pt2"
    tiny_files.describe(file)
    whole = source.read_bytes()
    file.write_bytes(BROKEN.get(content, whole[: len(whole) // 2]))
    if content == "other zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("a", "b")
    done = subprocess.run(
        [sys.executable, "-m", "segbench", "doctor", f"pt2:{file}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    [line] = done.stderr.splitlines()
    assert line.startswith(f"error: {file} cannot be read as a program of torch.export: ")
    assert "warnings above" not in line


def test_what_torch_logs_later_is_printed_as_before(files, capsys):
    torch = pytest.importorskip("torch")
    load_model(f"pt2:{files('pt2')}")
    handlers = logging.getLogger("torch.export").handlers
    assert torch
    assert handlers
    assert not any(handler.filters for handler in handlers)


@pytest.mark.parametrize("scheme", ["onnx", "pt2"])
def test_a_dtype_that_is_part_of_the_file(files, scheme):
    with pytest.raises(segbench.UsageError, match="leave out the dtype"):
        load_model(f"{scheme}:{files(scheme)}", Setup(dtype="float16"))


@pytest.mark.parametrize("scheme", ["onnx", "ts"])
def test_a_device_that_is_not_there(files, scheme):
    with pytest.raises(segbench.UsageError, match="cuda"):
        segbench.run(f"{scheme}:{files(scheme)}", small_set.dataset(), device="cuda:7", out=None)
