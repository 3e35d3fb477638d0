"""The JSON schema of ``run.json``, which is shipped: what it must hold, of which types."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from segbench.records.results import SCHEMA_VERSION

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator


def run_schema() -> dict[str, Any]:
    """The schema of this version, as JSON Schema (draft 2020-12) states it."""
    text = files("segbench").joinpath("schemas", f"run-{SCHEMA_VERSION}.json").read_text(encoding="utf-8")
    return json.loads(text)


def faults(content: Any) -> list[str]:
    """Say where the content of a ``run.json`` is not what the schema asks for, ``field: what`` each."""
    found = [
        (".".join(map(str, error.absolute_path)) or "run.json", _short(error.message))
        for error in _validator().iter_errors(content)
    ]
    return [f"{place}: {what}" for place, what in sorted(found)]


@cache
def _validator() -> Draft202012Validator:
    from jsonschema import Draft202012Validator  # takes 0.1 s to import

    return Draft202012Validator(run_schema())


def _short(message: str, most: int = 200) -> str:
    """The message on one line; what it quotes of the record may be long."""
    line = " ".join(message.split())
    return line if len(line) <= most else f"{line[: most // 2]} … {line[-most // 2 :]}"
