"""Compile kernels for the emulator with the system's C++ compiler."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
KERNELS = ROOT / "segbench" / "kernels"
FOLDER = ROOT / "build" / "emulator"
COMPILER = os.environ.get("CXX", "c++")
FLAGS = (
    "-std=c++17", "-O1", "-g", "-fPIC", "-shared", "-ffp-contract=off", "-Wall", "-Wextra",
    "-Wno-unknown-pragmas",
)  # fmt: skip
SANITIZERS = "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"


def missing() -> str | None:
    """Return why nothing can be emulated here, or None."""
    if sys.platform != "linux":
        return "the emulator's fibres need Linux"
    if shutil.which(COMPILER) is None:
        return f"there is no C++ compiler {COMPILER!r} (on Debian: apt-get install g++)"
    return None


def kernel_names(source: Path) -> list[str]:
    """Names of the kernels of a source and of those that it includes."""
    text = source.read_text(encoding="utf-8")
    parts = [text, *(path.read_text(encoding="utf-8") for path in _included(source, text))]
    return sorted(name for part in parts for name in re.findall(r"^SEG_KERNEL\((\w+)", part, re.MULTILINE))


def _included(source: Path, text: str) -> list[Path]:
    return [source.parent / name for name in re.findall(r'^#include "(\w+\.cu)"', text, re.MULTILINE)]


def build(source: Path, *, sanitized: bool = False) -> Path:
    """Compile a source of kernels, unless that was done before, and return the library.

    Raises
    ------
    RuntimeError
        When it does not compile, with what the compiler says.
    """
    flags = (*FLAGS, *(SANITIZERS if sanitized else ("-Werror",)))  # sanitizers lead GCC to false warnings
    digest = hashlib.sha256(repr((COMPILER, flags, str(source))).encode())
    for path in sorted([*KERNELS.glob("*.h"), *KERNELS.glob("*.cu"), *HERE.glob("*.*"), source]):
        digest.update(path.read_bytes())
    target = FOLDER / f"{source.stem}-{digest.hexdigest()[:16]}.so"
    if not target.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        _compile(source, flags, target)
    return target


def _compile(source: Path, flags: tuple[str, ...], target: Path) -> None:
    names, part = target.with_suffix(f".{os.getpid()}.inc"), target.with_suffix(f".{os.getpid()}.part")
    names.write_text("".join(f"K({name})\n" for name in kernel_names(source)), encoding="utf-8")
    defined = f'-DKERNELS="{source}"', f'-DNAMES="{names}"'
    command = [COMPILER, *flags, *defined, "-I", str(KERNELS), "-I", str(HERE), str(HERE / "door.cpp")]
    done = subprocess.run([*command, "-o", str(part)], capture_output=True, text=True, check=False)
    names.unlink()
    if done.returncode:
        raise RuntimeError(done.stderr)
    part.replace(target)


def sanitizer_runtime() -> str | None:
    """What a process must load first for a sanitized build, as LD_PRELOAD has it; None where there is none.

    The C++ library comes too: the sanitizer looks for its functions before Python has loaded it.
    """
    for name in ("libasan.so", "libclang_rt.asan-x86_64.so", "libclang_rt.asan-aarch64.so"):
        runtime = _library(name)
        if runtime.is_absolute():
            return f"{runtime} {_library('libstdc++.so.6')}"
    return None


def _library(name: str) -> Path:
    """Where the compiler has a library; its name alone where it has none."""
    asked = [COMPILER, f"-print-file-name={name}"]
    return Path(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip())
