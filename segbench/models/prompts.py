"""Prompts: the names of categories as texts, for models that are told in words what to look for."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeGuard

from segbench.canonical.categories import Categories
from segbench.errors import DataError, PluginError, UsageError, did_you_mean, raised
from segbench.models.types import SegModel

NAMES = "categories"
"""What stands for the names of the data set's categories, as they are."""


class OpenVocabulary(SegModel, Protocol):
    """A model that is told in words what to look for.

    Its ``info.id2label`` is empty before it is told, and then says so: category id k is what prompt k names.
    """

    def set_prompts(self, prompts: Mapping[int, str]) -> None:
        """Look for these texts, by the category id that the answers have."""
        ...


def is_open(model: object) -> TypeGuard[OpenVocabulary]:
    """Tell whether a model is told in words what to look for."""
    return callable(getattr(model, "set_prompts", None))


def read_prompts(prompts: str | Path, categories: Categories) -> dict[int, str]:
    """Return the text of each category, by its id.

    Parameters
    ----------
    prompts
        :data:`NAMES`, or a TOML file of ``"name" = "text"``; categories that it leaves out have their name.
    categories
        The data set's.

    Raises
    ------
    DataError
        When the file cannot be read, names what is no category, or holds what is no text.
    """
    found = {category.id: category.name for category in categories}
    if str(prompts) == NAMES:
        return found
    file = Path(prompts)
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read: {error}", file=file) from None
    ids = {category.name: category.id for category in categories}
    for name, text in content.items():
        if name not in ids:
            raise DataError(
                f"is no category of the data set.{did_you_mean(name, ids)}", file=file, field=name
            )
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"must be a text, not {text!r}", file=file, field=name)
        found[ids[name]] = text
    return found


def told(model: SegModel, prompts: str | Path | None, categories: Categories) -> dict[int, str]:
    """Tell a model what to look for, note the names in its ``info``, and return the texts; none are none.

    Raises
    ------
    UsageError
        When the model has classes of its own and takes no words, or needs some.
    DataError
        As :func:`read_prompts`.
    PluginError
        When it raises.
    """
    info = model.info
    if prompts is None:
        if not info.id2label:
            raise UsageError(
                f"model {info.name!r} has to be told what to look for: --prompts {NAMES}, or a file of texts"
            )
        return {}
    if not is_open(model):
        raise UsageError(f"model {info.name!r} has classes of its own, and cannot be told what to look for")
    texts = read_prompts(prompts, categories)
    try:
        model.set_prompts(texts)
    except (Exception, SystemExit) as error:  # whatever a stranger's code raises
        raise PluginError(f"{info.name}: set_prompts {raised(error)}") from error
    model.info = replace(info, id2label={category.id: category.name for category in categories})
    return texts
