"""What is inside a plugin: any of its own modules, and any of its weights, makes it another model."""

from __future__ import annotations

import importlib
import sys

import numpy as np
import pytest

import segbench
from segbench.models import load_model
from segbench.models.inside import imports_sha256, weights_inside_sha256
from segbench.runs.identity import model_identity

PLUGIN = """
import numpy as np
import segbench
import {name}_rules
from {name}_parts import scale

class Model:
    info = segbench.ModelInfo(name="m", tasks=("semantic",), id2label={{0: "a"}})

    def predict(self, batch):
        return [scale * image[0] * {name}_rules.factor for image in batch.images]
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Writes the files of a plugin and loads it, each time as a new process would."""
    monkeypatch.syspath_prepend(str(tmp_path))
    names = []

    def load(rules="factor = 2", parts="scale = 1", deeper="x = 1"):
        name = f"net{len(names)}"
        names.append(name)
        (tmp_path / f"{name}_rules.py").write_text(rules)
        (tmp_path / f"{name}_deeper.py").write_text(deeper)
        (tmp_path / f"{name}_parts.py").write_text(f"import sys\nfrom {name}_deeper import x\n{parts}")
        file = tmp_path / f"{name}.py"
        file.write_text(PLUGIN.format(name=name).replace(name, "net"))
        for end in ("rules", "parts", "deeper"):
            (tmp_path / f"net_{end}.py").write_text(
                (tmp_path / f"{name}_{end}.py").read_text().replace(name, "net")
            )
            sys.modules.pop(f"net_{end}", None)
        importlib.invalidate_caches()
        return load_model(f"file:{file}:Model"), file

    yield load
    for end in ("rules", "parts", "deeper"):
        sys.modules.pop(f"net_{end}", None)


def test_modules_that_its_code_imports_are_part_of_it(plugin):
    first = imports_sha256(*plugin())
    assert imports_sha256(*plugin()) == first
    changed = [{"rules": "factor = 3"}, {"parts": "scale = 2"}, {"deeper": "x = 2"}]
    assert len({first, *(imports_sha256(*plugin(**how)) for how in changed)}) == 4


class Tiny:
    info = segbench.ModelInfo(name="t", tasks=("semantic",), id2label={0: "a"})

    def __init__(self, **held):
        vars(self).update(held)

    def predict(self, batch):
        return [np.zeros(image.shape[1:], np.uint8) for image in batch.images]


def test_arrays_that_it_holds_are_part_of_it():
    def held(*values):
        return weights_inside_sha256(Tiny(layers=[{"w": value} for value in values], name="x"))

    one, two = np.arange(6.0), np.arange(6.0)[::-1]
    assert held() is None
    assert held(one) == held(one.copy())
    different = [held(one), held(two), held(one, two), held(one.reshape(2, 3)), held(one.astype(np.float32))]
    assert len(set(different)) == 5
    inner = Tiny(part=Tiny(w=one))
    inner.itself = inner
    assert weights_inside_sha256(inner) is not None
    assert weights_inside_sha256(Tiny(w=np.array([object()]), lambdas=[len], kind=Tiny)) is None


def test_weights_of_torch_are_part_of_it():
    torch = pytest.importorskip("torch")
    net = torch.nn.Linear(2, 2)
    first = weights_inside_sha256(Tiny(net=net))
    assert weights_inside_sha256(Tiny(net=net)) == first
    with torch.no_grad():
        net.bias += 1
    assert weights_inside_sha256(Tiny(net=net)) != first
    odd = [torch.zeros(2, device="meta"), torch.eye(2).to_sparse(), torch.tensor(1.5).bfloat16()]
    assert weights_inside_sha256(Tiny(odd=odd)) is not None


def test_what_a_model_states_of_its_weights_is_taken():
    stated = segbench.ModelInfo(name="t", tasks=("semantic",), id2label={0: "a"}, weights_sha256="0" * 64)
    identity = model_identity(Tiny(info=stated, w=np.ones(3)), None)
    assert identity["weights_sha256"] == "0" * 64
    assert identity["weights_inside_sha256"] is None
    assert identity["packages"]["numpy"] == np.__version__
