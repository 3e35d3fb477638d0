"""Where the files of a model are: in a folder, or in a repository of the Hugging Face Hub."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segbench.errors import UsageError
from segbench.models.setup import need

_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


def place_of(rest: str, scheme: str) -> tuple[str, str | None]:
    """Return the folder that a spec names, or the repository and its revision.

    Raises
    ------
    UsageError
        When it is neither.
    """
    if Path(rest).is_dir():
        return rest, None
    name, _, revision = rest.partition("@")
    if not _NAME.fullmatch(name) or ".." in name:
        raise UsageError(f"{scheme}:{rest}: there is no folder {rest}, and it is no name of a repository")
    return name, revision or None


def folder_of(rest: str, scheme: str, patterns: Sequence[str]) -> Path:
    """Return the folder that a spec names, or that the files of a repository are brought to.

    Raises
    ------
    UsageError
        As :func:`place_of`; and when the repository is not there, or the Hub cannot be reached.
    """
    name, revision = place_of(rest, scheme)
    if Path(name).is_dir():
        return Path(name)
    hub: Any = need("huggingface_hub", "hf")
    try:
        return Path(hub.snapshot_download(name, revision=revision, allow_patterns=list(patterns)))
    except (OSError, ValueError) as error:
        raise UsageError(f"{scheme}:{rest}: {' '.join(str(error).split())}") from error
