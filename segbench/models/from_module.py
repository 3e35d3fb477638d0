"""``module:pkg.mod:factory``: a model from an installed module."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from segbench.canonical.options import arguments
from segbench.errors import UsageError, did_you_mean
from segbench.models.setup import Setup


def load(rest: str, setup: Setup) -> object:
    """Import the module of ``pkg.mod:factory`` and make the model with the options of ``setup``.

    Raises
    ------
    UsageError
        When there is no such module, nothing of that name in it, or an option that it does not take.
    """
    name, colon, attribute = rest.rpartition(":")
    if not (colon and name and attribute):
        raise UsageError(f"expected module:pkg.mod:factory, got 'module:{rest}'")
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise UsageError(f"module:{rest}: there is no module {error.name!r}") from None
    return make(vars(module), attribute, f"module:{rest}", setup.options)


def make(names: dict[str, Any], attribute: str, spec: str, options: Mapping[str, Any]) -> object:
    """Return the model of this name, or what the class or factory of this name makes with these options.

    Raises
    ------
    UsageError
        When there is nothing of that name, it does not take an option, or needs one that is not given.
    """
    if attribute not in names:
        public = [name for name, value in names.items() if callable(value) and not name.startswith("_")]
        raise UsageError(f"{spec}: there is no {attribute!r}.{did_you_mean(attribute, public)}")
    found = names[attribute]
    if isinstance(found, type) or not hasattr(found, "predict"):
        return found(**arguments(found, options, spec))
    if options:
        raise UsageError(f"{spec} is an object, and takes no options: name its class, or a factory")
    return found
