"""The kernels under AddressSanitizer and UndefinedBehaviorSanitizer, in a process that loads them first."""

import os
import subprocess
import sys

import pytest

from emulator.build import HERE, KERNELS, ROOT, build, sanitizer_runtime
from emulator.device import SANITIZED
from emulator.test_emulator import PLANTED

pytestmark = pytest.mark.skipif(SANITIZED, reason="this is the process with the sanitizers")

SANITIZABLE = "not torch and not compile and not warning"
SCRIPT = """
import sys, numpy as np
from emulator.device import Emulator
from emulator.test_emulator import PLANTED
out = np.zeros(1200, np.int32)  # so long that NumPy asks for memory of its own
bytes = (np.zeros(64, np.uint8),) if sys.argv[1] == "crooked_group" else ()
Emulator(PLANTED).launch(sys.argv[1], (1, 1), int(sys.argv[2]), (*bytes, out[:1] if bytes else out), 4 * 64)
"""


def sanitized(*args: str) -> subprocess.CompletedProcess[str]:
    runtime = sanitizer_runtime()
    if runtime is None:
        pytest.skip("this compiler comes without AddressSanitizer's library")
    for source in (PLANTED, KERNELS / "gpu.cu"):
        build(source, sanitized=True)  # once, and without the sanitizers in the compiler's own process
    env = os.environ | {
        "LD_PRELOAD": runtime,
        "ASAN_OPTIONS": "detect_leaks=0",
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(ROOT / "tests"),
        "SEGBENCH_EMULATOR": "sanitized",
    }
    command = [sys.executable, *args]
    return subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=500
    )


@pytest.mark.parametrize(
    ("kernel", "threads", "message"),
    [
        ("past_shared", 64, "heap-buffer-overflow"),
        ("past_array", 1200, "heap-buffer-overflow"),
        ("crooked_group", 4, "misaligned address"),
    ],
)
def test_planted_mistakes_are_found(kernel, threads, message):
    done = sanitized("-c", SCRIPT, kernel, str(threads))
    assert done.returncode != 0
    assert message in done.stderr


def test_one_less_is_none():
    assert sanitized("-c", SCRIPT, "past_array", "1199").returncode == 0


def test_nothing_is_found_in_ours():
    """Every kernel over its own cases; compilers are left out, they run as they are in other tests."""
    cases = [HERE.parent / "gpu" / f"test_{name}.py" for name in ("overlap", "logits", "shapes")]
    files = [str(path) for path in (*cases, HERE / "test_emulator.py")]
    done = sanitized("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", SANITIZABLE, *files)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert " passed" in done.stdout
