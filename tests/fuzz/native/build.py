"""Compile the kernels and the harnesses with clang."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
KERNELS = HERE.parents[2] / "segbench" / "kernels"
FOLDER = HERE.parents[2] / "build" / "fuzz-native"
FLAGS = (
    "-std=c++17", "-O1", "-g", "-fno-omit-frame-pointer", "-ffp-contract=off", "-Wall", "-Wextra",
    "-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all",
    "-DSEG_MASK_BLOCK=64",
)  # fmt: skip


def harnesses() -> list[str]:
    """Names of the harnesses."""
    return sorted(path.stem for path in HERE.glob("*.cpp"))


def missing() -> str | None:
    """Return why nothing can be built here, or None."""
    if sys.platform != "linux":
        return "the sanitizers that the harnesses need are Linux's"
    if shutil.which("clang++") is None:
        return "there is no clang++ (on Debian: apt-get install clang)"
    FOLDER.mkdir(parents=True, exist_ok=True)
    source = FOLDER / "try.cc"
    source.write_text(
        'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }'
    )
    tried = _clang("-fsanitize=fuzzer,address,undefined", source, "-o", FOLDER / "try", check=False)
    return None if tried.returncode == 0 else "this clang++ comes without libFuzzer"


def build(names: list[str]) -> dict[str, Path]:
    """Compile what has changed, and return the program of each harness.

    Raises
    ------
    subprocess.CalledProcessError
        When a source does not compile.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    headers = [*KERNELS.glob("*.h"), *HERE.glob("*.h"), Path(__file__)]
    newest = max(path.stat().st_mtime for path in headers)
    kernels = [path for path in sorted(KERNELS.glob("*.cpp")) if b"door.h" not in path.read_bytes()]
    kernels = [path for path in kernels if path.name != "cpu.cpp"]  # the rest needs no Python
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(lambda path: _object(path, newest), kernels))
        programs = list(pool.map(lambda name: _program(name, objects, newest), names))
    return dict(zip(names, programs, strict=True))


def _object(source: Path, newest: float) -> Path:
    target = FOLDER / f"kernel-{source.stem}.o"
    if _is_old(target, source, newest):
        _clang(*FLAGS, "-fsanitize=fuzzer-no-link", "-c", source, "-o", target)
    return target


def _program(name: str, objects: list[Path], newest: float) -> Path:
    target, source = FOLDER / name, HERE / f"{name}.cpp"
    if _is_old(target, source, max(newest, *(path.stat().st_mtime for path in objects))):
        _clang(*FLAGS, "-fsanitize=fuzzer", "-I", KERNELS, "-I", HERE, source, *objects, "-o", target)
    return target


def _is_old(target: Path, source: Path, newest: float) -> bool:
    return not target.exists() or target.stat().st_mtime < max(newest, source.stat().st_mtime)


def _clang(*arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = ["clang++", *map(str, arguments)]
    return subprocess.run(command, check=check, capture_output=not check, text=True)
