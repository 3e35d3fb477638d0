"""Machine code of the kernels: compiled for the GPU at hand, once, and kept."""

from __future__ import annotations

import os

import pytest

from segbench.errors import UsageError
from segbench.kernels import _machine_code
from segbench.kernels._machine_code import OPTIONS, machine_code, source


class Nvrtc:
    """A compiler that notes what it is asked for."""

    class NVRTCError(RuntimeError):
        """Its error."""

    def __init__(self, fails=False):
        self.asked, self.fails = [], fails

    def getVersion(self):  # noqa: N802 - CuPy's names
        return 13, 5

    def getSupportedArchs(self):  # noqa: N802
        return 75, 80, 90

    def createProgram(self, text, *_):  # noqa: N802
        assert text == source()
        return "program"

    def compileProgram(self, program, options):  # noqa: N802
        self.asked.append(options)
        if self.fails:
            raise self.NVRTCError("compilation")

    def getCUBIN(self, program):  # noqa: N802
        return b"cubin"

    def getPTX(self, program):  # noqa: N802
        return "ptx"

    def getProgramLog(self, program):  # noqa: N802
        return "line 1: what is wrong"

    def destroyProgram(self, program):  # noqa: N802
        pass


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CUPY_CACHE_DIR", str(tmp_path / "kernels"))


def test_it_is_compiled_once_for_each_kind_of_gpu(tmp_path):
    nvrtc = Nvrtc()
    first = machine_code(nvrtc, 90)
    assert machine_code(nvrtc, 90) == first
    assert first.parent == tmp_path / "kernels"
    assert first.read_bytes() == b"cubin"
    assert machine_code(nvrtc, 80) != first
    assert nvrtc.asked == [("--gpu-architecture=sm_90", *OPTIONS), ("--gpu-architecture=sm_80", *OPTIONS)]
    assert not any("ftz" in option for option in OPTIONS)


def test_newer_gpus_get_ptx_and_older_ones_an_error():
    nvrtc = Nvrtc()
    path = machine_code(nvrtc, 103)
    assert path.suffix == ".ptx"
    assert path.read_bytes() == b"ptx"
    assert nvrtc.asked[0][0] == "--gpu-architecture=compute_90"
    with pytest.raises(UsageError, match=r"CUDA 13.5 serves no GPU of compute capability 7.0: .*cuda12"):
        machine_code(nvrtc, 70)


def test_what_does_not_compile_is_told():
    with pytest.raises(UsageError, match="do not compile .compilation.: line 1: what is wrong"):
        machine_code(Nvrtc(fails=True), 90)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_no_obstacle(tmp_path, monkeypatch):
    tmp_path.chmod(0o500)
    assert machine_code(Nvrtc(), 90).read_bytes() == b"cubin"


def test_changed_sources_are_other_kernels(monkeypatch):
    first = machine_code(Nvrtc(), 90)
    assert source().startswith("// ")
    assert source().splitlines()[1].startswith("// The GPU doors")
    changed = source() + " "
    monkeypatch.setattr(_machine_code, "source", lambda: changed)
    monkeypatch.setattr(Nvrtc, "createProgram", lambda *_: "program")
    assert machine_code(Nvrtc(), 90) != first


def test_cupy_compiles_it():
    cupy = pytest.importorskip("cupy")
    try:
        served = cupy.cuda.nvrtc.getSupportedArchs()
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"CuPy finds no NVRTC: {error}")
    assert b".text.confusion" in machine_code(cupy.cuda.nvrtc, served[-1]).read_bytes()
