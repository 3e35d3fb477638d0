"""Run one tool once and print its scores as JSON.

``child.py run|inspect MODULE TOOL SOURCE ARGUMENT TARGET``
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

from tools import Job


def main(action: str, module: str, name: str, source: str, argument: str, target: str) -> None:
    """Keep standard output for the scores: what a tool prints goes to standard error."""
    answer = os.dup(1)
    os.dup2(2, 1)
    tool = importlib.import_module(f"tools.{module}").TOOLS[name]
    scores = getattr(tool, action)(Job(Path(source), argument, Path(target)))
    os.write(answer, json.dumps(dict(scores)).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
