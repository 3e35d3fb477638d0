"""Options by name, checked against the keyword-only parameters of the function that takes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from types import GenericAlias
from typing import Any

from segbench.errors import UsageError, did_you_mean


def checked_options(
    function: Callable[..., Any], options: Mapping[str, Any] | None, who: str
) -> dict[str, Any]:
    """Return options that a function knows, each of its type, with paths made of those that are paths.

    Parameters
    ----------
    function
        Its keyword-only parameters are the options, their annotations the types.
    options
        As the user gave them.
    who
        Whose they are, for messages: ``format png``, say.

    Raises
    ------
    UsageError
        When one is unknown or of another type.
    """
    parameters = {
        name: p
        for name, p in inspect.signature(function, eval_str=True).parameters.items()
        if p.kind is p.KEYWORD_ONLY
    }
    checked = {}
    for key, value in (options or {}).items():
        if key not in parameters:
            raise UsageError(f"{who} has no option {key!r}.{did_you_mean(key, parameters)}")
        allowed = _types(parameters[key].annotation)
        if Path in allowed and isinstance(value, str):
            value = Path(value)  # noqa: PLW2901 - the same option, as its reader takes it
        elif float in allowed and type(value) is int:
            value = float(value)  # noqa: PLW2901 - likewise
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            wanted = " or ".join(t.__name__ for t in allowed if t is not type(None))
            raise UsageError(f"option {key} of {who} is a {wanted.lower()}, not {value!r}")
        checked[key] = value
    return checked


def _types(annotation: Any) -> tuple[Any, ...]:
    """The classes of an annotation: of a union each, of ``list[str]`` the list."""
    kinds = (
        (annotation,)
        if isinstance(annotation, GenericAlias)
        else getattr(annotation, "__args__", (annotation,))
    )
    return tuple(kind.__origin__ if isinstance(kind, GenericAlias) else kind for kind in kinds)
