"""Compile the kernels with NVRTC alone: no GPU, no driver, no CuPy.

The compilers come as wheels, ``nvidia-cuda-nvrtc-cu12`` and ``nvidia-cuda-nvrtc`` (CUDA 13), which can stand
beside each other; but not always in one process, so that each has its own.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from segbench.kernels._machine_code import OPTIONS, source

TARGETS = {12: (70, 80, 90), 13: (75, 80, 90, 100)}
"""Architectures by CUDA version: the oldest that CUDA 12 and CuPy serve, and what is in use."""

_LIBRARIES = {12: "nvidia/cuda_nvrtc/lib/libnvrtc.so.12", 13: "nvidia/cu13/lib/libnvrtc.so.13"}
_NO_FAULT = "Architectures prior to '<compute/sm>_75' are deprecated"  # CUDA 12 says so of sm_70
_WHEELS = {12: "nvidia-cuda-nvrtc-cu12", 13: "nvidia-cuda-nvrtc"}


@dataclass(frozen=True)
class Compiled:
    """What NVRTC said and made: nothing of the first and all of the second where all is well."""

    log: str
    cubin: bytes


def missing(cuda: int) -> str | None:
    """Return why kernels cannot be compiled for a CUDA version here, or None."""
    if not _library(cuda).exists():
        return f"NVRTC of CUDA {cuda} is not installed: pip install {_WHEELS[cuda]}"
    return None


def _library(cuda: int) -> Path:
    return Path(sysconfig.get_path("purelib")) / _LIBRARIES[cuda]


def compiled(cuda: int, architecture: int, code: str | None = None) -> Compiled:
    """Compile all kernels, or other code, to machine code for one architecture."""
    command = [sys.executable, __file__, str(_library(cuda)), str(architecture)]
    text = (source() if code is None else code).encode()
    done = subprocess.run(command, input=text, capture_output=True, check=True, timeout=170)
    lines = done.stderr.decode().splitlines()
    return Compiled("\n".join(line for line in lines if line and _NO_FAULT not in line), done.stdout)


def _compile(library: str, architecture: str, text: bytes) -> tuple[bytes, bytes]:
    """The log and the machine code."""
    nvrtc = ctypes.CDLL(library)
    program = ctypes.c_void_p()
    assert nvrtc.nvrtcCreateProgram(ctypes.byref(program), text, b"gpu.cu", 0, None, None) == 0
    options = [option.encode() for option in (f"--gpu-architecture=sm_{architecture}", *OPTIONS)]
    given = (ctypes.c_char_p * len(options))(*options)
    failed = nvrtc.nvrtcCompileProgram(program, len(options), given)
    log = _bytes(nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog, program)
    made = b"" if failed else _bytes(nvrtc.nvrtcGetCUBINSize, nvrtc.nvrtcGetCUBIN, program)
    return log.rstrip(b"\0"), made


def _bytes(size_of, read, program) -> bytes:
    size = ctypes.c_size_t()
    size_of(program, ctypes.byref(size))
    held = ctypes.create_string_buffer(size.value)
    read(program, held)
    return held.raw


if __name__ == "__main__":
    said, cubin = _compile(*sys.argv[1:], sys.stdin.buffer.read())
    sys.stderr.buffer.write(said)
    sys.stdout.buffer.write(cubin)
