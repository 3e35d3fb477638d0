"""Where a score was computed: machine, versions, commit and command line, without secrets."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segbench._version import __version__, installed

_PACKAGES = ("numpy", "pyarrow", "pillow", "simplejpeg", "torch", "cupy", "onnxruntime", "transformers")
_COMMIT = "# branch.oid "
_SECRET = re.compile(r"(?i)(token|password|passwd|secret|api[-_]?key|credential)")
_URL_SECRET = re.compile(r"(?<=://)[^/\s@]+@")


def environment(device: str, threads: int) -> dict[str, Any]:
    """Describe machine and software."""
    return {
        "segbench": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "device": device,
        "threads": threads,
        "packages": {name: installed()[name] for name in _PACKAGES if name in installed()},
    }


def provenance(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Describe the commit of the working folder, where it is a checkout, and the command line."""
    commit, dirty = _checkout()
    return {
        "git_commit": commit,
        "git_dirty": dirty,
        "command": _command(sys.argv if argv is None else argv),
    }


def _command(argv: Sequence[str]) -> list[str]:
    """Command line without secrets, and without the folder that the program lies in."""
    return [Path(argv[0]).name, *redact(argv[1:])] if argv else []


def redact(argv: Sequence[str]) -> list[str]:
    """Replace secrets in a command line: values of options named like one, and user:password in URLs.

    >>> redact(["run", "--token", "abc", "--api-key=x", "https://me:pw@host/x"])
    ['run', '--token', '***', '--api-key=***', 'https://***@host/x']
    """
    shown: list[str] = []
    hide_next = False
    for word in argv:
        name, equals, _ = word.partition("=")
        secret = bool(_SECRET.search(name)) and (word.startswith("-") or bool(equals))
        if hide_next:
            shown.append("***")
        elif secret and equals:
            shown.append(f"{name}=***")
        else:
            shown.append(_URL_SECRET.sub("***@", word))
        hide_next = secret and not equals and not hide_next
    return shown


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as handle:  # noqa: PTH123 - a device, not a path of data
            for line in handle:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _checkout() -> tuple[str | None, bool | None]:
    """Commit of the working folder, and whether files differ from it; None where it is no checkout."""
    if not any((folder / ".git").exists() for folder in (Path.cwd(), *Path.cwd().parents)):
        return None, None
    lines = _git("status", "--porcelain=v2", "--branch").splitlines()
    commit = next((line.removeprefix(_COMMIT) for line in lines if line.startswith(_COMMIT)), "")
    if not commit or not commit.isalnum():  # "(initial)" where there is none yet
        return None, None
    return commit, any(not line.startswith("#") for line in lines)


def _git(*arguments: str) -> str:
    import subprocess

    try:
        done = subprocess.run(
            ["git", *arguments],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
