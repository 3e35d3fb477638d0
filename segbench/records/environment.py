"""Where a score was computed: machine, versions, commit and command line, without secrets."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segbench._version import __version__, installed

_PACKAGES = ("numpy", "pyarrow", "pillow", "simplejpeg", "torch", "cupy", "onnxruntime", "transformers")
_COMMIT = "# branch.oid "
_NAMES = r"token(?!iz)|passw(?:or)?d|secret|(?:api|access|private)[-_]?key|credential|authorization|signature"
_SECRET = re.compile(rf"(?i){_NAMES}")
_IN_TEXT = (
    (re.compile(r"(?<=://)[^/\s@]+@"), "***@"),
    (re.compile(rf"(?i)([?&;][^=&;\s]*(?:{_NAMES})[^=&;\s]*=)[^&;\s]+"), r"\1***"),
    (re.compile(r"(?i)(\b(?:bearer|basic) )\S+"), r"\1***"),
    (re.compile(r"\b(?:hf|ghp|gho|ghs)_\w{20,}|\bgithub_pat_\w{20,}|\bsk-[\w-]{20,}|\bAKIA\w{16}\b"), "***"),
)
"""Secrets wherever they stand: of URLs, of headers, and those that their issuers gave a prefix."""


def environment(device: str, threads: int) -> dict[str, Any]:
    """Describe machine and software."""
    return {
        "segbench": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "host": _host(),
        "cores": os.cpu_count(),
        "device": device,
        "threads": threads,
        "packages": packages(),
    }


def packages() -> dict[str, str]:
    """Versions of the packages that scores and predictions may depend on."""
    return {name: installed()[name] for name in _PACKAGES if name in installed()}


def provenance(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Describe the commit of the working folder, where it is a checkout, the command line, and when it is."""
    commit, dirty = _checkout()
    return {
        "git_commit": commit,
        "git_dirty": dirty,
        "command": _command(sys.argv if argv is None else argv),
        "finished": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }


def _command(argv: Sequence[str]) -> list[str]:
    """Command line without secrets, and without the folder that the program lies in."""
    return [Path(argv[0]).name, *redact(argv[1:])] if argv else []


def redact(argv: Sequence[str]) -> list[str]:
    """Replace secrets in a command line: values of what is named like one, those of URLs, headers and tokens.

    >>> redact(["run", "--token", "abc", "--api-key=x", "https://me:pw@host/x?sig_token=y&z=1"])
    ['run', '--token', '***', '--api-key=***', 'https://***@host/x?sig_token=***&z=1']
    >>> redact(["--model-option=api_key=x", "--model-option", "max_mb=5"])
    ['--model-option=api_key=***', '--model-option', 'max_mb=5']
    """
    shown: list[str] = []
    hide_next = False
    for word in argv:
        names = word.partition("://")[0].split("=")[:-1]
        secret = next((i for i, name in enumerate(names) if _SECRET.search(name)), None)
        if hide_next:
            shown.append("***")
        elif secret is not None:
            shown.append("=".join([*names[: secret + 1], "***"]))
        else:
            shown.append(_without_secrets(word))
        hide_next = not names and word.startswith("-") and bool(_SECRET.search(word)) and not hide_next
    return shown


def redact_values(value: Any, name: str = "") -> Any:
    """Replace secrets in plain values: what stands under a name like one, and those of :func:`redact`."""
    if isinstance(value, Mapping):
        return {key: redact_values(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_values(item, name) for item in value]
    if value is not None and not isinstance(value, bool | int | float) and _SECRET.search(name):
        return "***"
    return _without_secrets(value) if isinstance(value, str) else value


def _without_secrets(text: str) -> str:
    for pattern, shown in _IN_TEXT:
        text = pattern.sub(shown, text)
    return text


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as handle:  # noqa: PTH123 - a device, not a path of data
            for line in handle:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _host() -> str:
    """Hash of what names this machine: the same in all its records, which do not tell whose it is."""
    try:
        own = Path("/etc/machine-id").read_text(encoding="utf-8").strip()
    except OSError:  # another system, or a container
        own = ""
    return hashlib.sha256(f"segbench\0{own}\0{platform.node()}".encode()).hexdigest()[:16]


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
