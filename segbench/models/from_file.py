"""``file:path.py:Class``: a model from one file, which need not be installed."""

from __future__ import annotations

import hashlib
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from segbench.errors import UsageError
from segbench.models.from_module import make
from segbench.models.setup import Setup


def load(rest: str, setup: Setup) -> object:
    """Execute the file of ``path.py:Class``, and no other, and make the model with the options of ``setup``.

    Raises
    ------
    UsageError
        When there is no such file, nothing of that name in it, or an option that it does not take.
    """
    name, colon, attribute = rest.rpartition(":")
    path = Path(name)
    if not (colon and name and attribute and path.suffix == ".py"):
        raise UsageError(f"expected file:path.py:Class, got 'file:{rest}'")
    if not path.is_file():
        raise UsageError(f"file:{rest}: there is no file {path}")
    path = path.resolve()
    module_name = f"segbench_plugin_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"file:{rest}: cannot be loaded as Python")
    module = module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    return make(vars(module), attribute, f"file:{rest}", setup.options)
