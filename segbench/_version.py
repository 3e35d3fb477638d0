"""Versions of what is installed.

They are read off the names of ``<name>-<version>.dist-info`` folders, as packaging's rules have them:
``importlib.metadata`` takes longer to import than it takes to score fifty images.
"""

from __future__ import annotations

import os
import re
import sys
from functools import cache

_SUFFIX = ".dist-info"


@cache
def installed() -> dict[str, str]:
    """Return ``{name: version}`` of every distribution on ``sys.path``, names in lower case with ``-``."""
    found: dict[str, str] = {}
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")  # noqa: PTH208 - a Path of each would take as long as the rest
        except OSError:
            continue
        for entry in sorted(name for name in names if name.endswith(_SUFFIX)):
            name, _, version = entry.removesuffix(_SUFFIX).rpartition("-")
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    return found


def _own() -> str:
    if "segbench" in installed():
        return installed()["segbench"]
    from importlib.metadata import version  # such as in a zip archive

    return version("segbench")


__version__ = _own()
