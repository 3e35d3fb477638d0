"""torchvision, segmentation_models_pytorch and Ultralytics, in a process that alone sees these packages."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import ROOT

import segbench
from segbench.models import Setup, load_model

FOLDER = ROOT / "build" / "vision"
"""Where ``make test`` installs them, without the torch that they would bring."""
PACKAGES = ("torchvision", "timm", "segmentation_models_pytorch", "ultralytics", "cv2")


def test_scores_are_those_of_their_documented_use():
    pytest.importorskip("torch", reason="torch is not installed")
    missing = [name for name in PACKAGES if not (FOLDER / name).is_dir() and find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed: `make test` puts them into {FOLDER.name}")
    cases = Path(__file__).with_name("vision_cases.py")
    paths = [str(FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", cases],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


@pytest.mark.parametrize(
    ("spec", "package", "extra"),
    [
        ("torchvision:deeplabv3_resnet50", "torchvision", "vision"),
        ("smp:.", "segmentation_models_pytorch", "vision"),
        (f"ultralytics:{__file__}", "ultralytics", "ultralytics"),
    ],
)
def test_a_package_that_is_missing_says_what_to_install(spec, package, extra, monkeypatch):
    if spec.startswith("torchvision"):
        pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        segbench.UsageError, match=rf"{package} is not installed: pip install .segbench\[{extra}\]"
    ):
        load_model(spec, Setup(unsafe_pickle=True))
