"""Tiny models as files: a hand-built ONNX graph, a program of torch.export, a TorchScript module."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np

LABELS = ["road", "sky", "car"]
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def weights() -> dict[str, Any]:
    """Of a convolution of stride 2, a rectifier and a convolution of 1 × 1."""
    rng = np.random.default_rng(5)
    shapes = {"a.weight": (8, 3, 3, 3), "a.bias": (8,), "b.weight": (3, 8, 1, 1), "b.bias": (3,)}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def describe(file: Path, **content: Any) -> None:
    """Write the description beside a file of weights, as JSON, which is the same in TOML."""
    told = {"task": "semantic", "labels": LABELS, "input": {"mean": MEAN, "std": STD}, **content}
    file.with_suffix(".json").write_text(json.dumps(told))


def onnx_file(file: Path, **content: Any) -> Path:
    """Write the graph node by node."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("Conv", ["x", "a.weight", "a.bias"], ["h"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Conv", ["r", "b.weight", "b.bias"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3, None, None])],
        [numpy_helper.from_array(value, name) for name, value in weights().items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, file)
    describe(file, **content)
    return file


def module() -> Any:
    """The same as a module of torch."""
    import torch

    class Tiny(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = torch.nn.Conv2d(3, 8, 3, stride=2, padding=1)
            self.b = torch.nn.Conv2d(8, 3, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.b(torch.relu(self.a(x)))

    tiny = Tiny()
    tiny.load_state_dict({name: torch.from_numpy(value) for name, value in weights().items()})
    return tiny.eval()


def exported_file(file: Path, **content: Any) -> Path:
    """Write the program of torch.export, of any batch, height and width."""
    import torch

    auto = torch.export.Dim.AUTO
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(
            module(), (torch.zeros(2, 3, 32, 48),), dynamic_shapes={"x": {0: auto, 2: auto, 3: auto}}
        )
        torch.export.save(program, file)
    describe(file, **content)
    return file


def scripted_file(file: Path, **content: Any) -> Path:
    """Write the TorchScript module."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(module()).save(str(file))
    describe(file, **content)
    return file


MAKERS = {"onnx": onnx_file, "pt2": exported_file, "ts": scripted_file}
ENDS = {"onnx": "m.onnx", "pt2": "m.pt2", "ts": "m.pt"}
