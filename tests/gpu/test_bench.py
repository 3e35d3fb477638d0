"""The benchmark counts the same as the tools it is held against, here on the emulator."""

import json
import subprocess
import sys

import pytest

from gpu.conftest import NO_GPU, open_device

ROOT = __file__.rsplit("/tests/", 1)[0]


def test_the_benchmark_runs_on_small_workloads(tmp_path, capsys, monkeypatch):
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchmetrics")
    from gpu import bench
    from gpu.workloads import tiny

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    torch.manual_seed(0)
    result = bench.run(tiny(open_device("emulator")), tmp_path, repeats=2)
    shown = capsys.readouterr().out
    assert shown == (tmp_path / "bench.md").read_text(encoding="utf-8") + "\n"
    assert json.loads((tmp_path / "bench.json").read_text(encoding="utf-8")) == result
    for row in result["rows"]:
        assert row["work"] in shown
        assert row["ours_ms"] > 0
        assert row["work"].startswith("masks") or row["torchmetrics_ms"] > 0


@pytest.mark.skipif(not NO_GPU, reason="there is a GPU")
def test_the_one_command_says_what_is_missing():
    done = subprocess.run(
        [sys.executable, "-m", "tests.gpu"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
