"""Machine code of gpu.cu: compiled by NVRTC with our options alone, once for each kind of GPU, and kept.

CuPy would add options of its own: numbers near 0 are made 0 (``-ftz``), which the CPU does not do.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from segbench.errors import UsageError

OPTIONS = ("--std=c++17", "--device-as-default-execution-space", f"--include-path={Path(__file__).parent}")
"""Of the compiler."""


@cache
def source() -> str:
    """Return gpu.cu under a hash of all that it includes."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.h"), *folder.glob("*.cu")]):
        digest.update(path.read_bytes())
    return f"// {digest.hexdigest()}\n{(folder / 'gpu.cu').read_text(encoding='utf-8')}"


def machine_code(nvrtc: Any, capability: int) -> Path:
    """Return a file with the kernels for GPUs of a compute capability, compiled the first time.

    It is kept where CuPy keeps its kernels: in the folder that ``CUPY_CACHE_DIR`` names, or ``~/.cupy``.

    Parameters
    ----------
    nvrtc
        CuPy's, ``cupy.cuda.nvrtc``.
    capability
        90 of a compute capability of 9.0.

    Raises
    ------
    UsageError
        When this NVRTC serves no such GPU, or does not compile the kernels.
    """
    version, served = nvrtc.getVersion(), nvrtc.getSupportedArchs()
    if capability < min(served):
        raise UsageError(
            f"CUDA {version[0]}.{version[1]} serves no GPU of compute capability {capability / 10}: "
            "pip install 'segbench[cuda12]'"
        )
    target = max(one for one in served if one <= capability)
    kind, suffix = ("sm", "cubin") if target == capability else ("compute", "ptx")  # newer ones compile PTX
    options = (f"--gpu-architecture={kind}_{target}", *OPTIONS)
    key = hashlib.sha256(repr((source(), options, version)).encode()).hexdigest()[:32]
    path = _folder() / f"segbench-{key}.{suffix}"
    if not path.exists():
        _write(path, _compiled(nvrtc, options, suffix))
    return path


def _folder() -> Path:
    given = os.environ.get("CUPY_CACHE_DIR")
    folder = Path(given) if given else Path.home() / ".cupy" / "kernel_cache"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # a home that cannot be written to
        folder = Path(tempfile.mkdtemp())
    return folder


def _compiled(nvrtc: Any, options: tuple[str, ...], suffix: str) -> bytes:
    program = nvrtc.createProgram(source(), "gpu.cu", (), ())
    try:
        nvrtc.compileProgram(program, options)
        made = nvrtc.getCUBIN(program) if suffix == "cubin" else nvrtc.getPTX(program)
    except nvrtc.NVRTCError as error:
        raise UsageError(
            f"the GPU's kernels do not compile ({error}): {nvrtc.getProgramLog(program)}"
        ) from None
    finally:
        nvrtc.destroyProgram(program)
    return made if isinstance(made, bytes) else made.encode()


def _write(path: Path, content: bytes) -> None:
    """Write all of it or nothing: other processes may look for it."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
        part.write(content)
    Path(part.name).replace(path)
