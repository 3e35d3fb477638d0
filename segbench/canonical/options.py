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
        checked[key] = _checked(key, value, _types(parameters[key].annotation), who)
    return checked


def arguments(function: Callable[..., Any], options: Mapping[str, Any], who: str) -> dict[str, Any]:
    """Return options as arguments, by name, of a function that is not ours: a class or factory of a plugin.

    Those that it has annotated with plain types are checked as :func:`checked_options` does.

    Raises
    ------
    UsageError
        When it does not take one, one is of another type, or it needs one that is not there.
    """
    try:
        signature = inspect.signature(function)
    except ValueError:  # of a type of C, which says nothing
        return dict(options)
    named = {
        n: p for n, p in signature.parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    }
    takes_any = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    lacking = [n for n, p in named.items() if p.default is p.empty and n not in options]
    if lacking:
        raise UsageError(f"{who} needs the option {lacking[0]!r}: --model-option {lacking[0]}=…")
    found = {}
    for key, value in options.items():
        if key not in named and not takes_any:
            raise UsageError(f"{who} has no option {key!r}.{did_you_mean(key, named)}")
        allowed = _types(_annotations(function).get(key, object))
        plain = all(kind in _PLAIN for kind in allowed)
        found[key] = _checked(key, value, allowed, who) if plain else value
    return found


_PLAIN = (str, int, float, bool, list, dict, Path, type(None))


def _annotations(function: Callable[..., Any]) -> Mapping[str, Any]:
    """What is said of the types of parameters; nothing where that cannot be understood."""
    try:
        parameters = inspect.signature(function, eval_str=True).parameters
    except Exception:  # noqa: BLE001 - annotations of a stranger may hold names of no module
        return {}
    return {name: p.annotation for name, p in parameters.items() if p.annotation is not p.empty}


def _checked(key: str, value: Any, allowed: tuple[Any, ...], who: str) -> Any:
    """The value as its function takes it."""
    if Path in allowed and str not in allowed and isinstance(value, str):
        value = Path(value)
    elif float in allowed and type(value) is int:
        value = float(value)
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        wanted = " or ".join(t.__name__ for t in allowed if t is not type(None))
        raise UsageError(f"option {key} of {who} is a {wanted.lower()}, not {value!r}")
    return value


def _types(annotation: Any) -> tuple[Any, ...]:
    """The classes of an annotation: of a union each, of ``list[str]`` the list."""
    kinds = (
        (annotation,)
        if isinstance(annotation, GenericAlias)
        else getattr(annotation, "__args__", (annotation,))
    )
    return tuple(kind.__origin__ if isinstance(kind, GenericAlias) else kind for kind in kinds)
