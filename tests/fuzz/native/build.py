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
    "-std=c++17", "-g", "-fno-omit-frame-pointer", "-ffp-contract=off", "-Wall", "-Wextra",
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


def build(names: list[str], *, level: str = "-O1") -> dict[str, Path]:
    """Compile what has changed, and return the program of each harness; ``-O0`` takes half the time.

    Raises
    ------
    subprocess.CalledProcessError
        When a source does not compile.
    """
    into = FOLDER / level.lstrip("-")
    into.mkdir(parents=True, exist_ok=True)
    headers = [*KERNELS.glob("*.h"), *HERE.glob("*.h"), Path(__file__)]
    newest = max(path.stat().st_mtime for path in headers)
    kernels = sorted(KERNELS.glob("*.cpp"))
    kernels = [path for path in kernels if not path.name.startswith("cpu")]  # those need no Python
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        harnesses_and_kernels = [*kernels, *(HERE / f"{name}.cpp" for name in names)]
        objects = list(pool.map(lambda source: _object(source, into, level, newest), harnesses_and_kernels))
        shared, own = objects[: len(kernels)], objects[len(kernels) :]
        programs = list(pool.map(lambda target: _program(target, shared), own))
    return dict(zip(names, programs, strict=True))


def _object(source: Path, into: Path, level: str, newest: float) -> Path:
    target = into / f"{source.stem}.o"
    if _is_old(target, max(newest, source.stat().st_mtime)):
        folders = "-I", KERNELS, "-I", HERE
        _clang(level, *FLAGS, "-fsanitize=fuzzer-no-link", *folders, "-c", source, "-o", target)
    return target


def _program(own: Path, shared: list[Path]) -> Path:
    target = own.with_suffix("")
    if _is_old(target, max(path.stat().st_mtime for path in (own, *shared))):
        _clang(*FLAGS, "-fsanitize=fuzzer", own, *shared, "-o", target)
    return target


def _is_old(target: Path, newest: float) -> bool:
    return not target.exists() or target.stat().st_mtime < newest


def _clang(*arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = ["clang++", *map(str, arguments)]
    return subprocess.run(command, check=check, capture_output=not check, text=True)
