"""Peak memory does not grow with the number of images."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from segbench.canonical.images import encode_segment_map

SCORE = """
import resource, sys
import segbench
segbench.score(sys.argv[1], sys.argv[2], threads=2)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def write_panoptic(folder: Path, name: str, n_images: int, n_segments: int = 12) -> Path:
    """Write a panoptic JSON of many images that share 16 segment maps of 240 × 320 pixels."""
    maps = folder / name
    maps.mkdir(parents=True)
    rng = np.random.default_rng(len(name))
    for k in range(16):
        cells = rng.integers(1, n_segments + 1, (12, 16)).astype(np.int32)
        cells.ravel()[:n_segments] = np.arange(1, n_segments + 1)
        (maps / f"{k}.png").write_bytes(encode_segment_map(np.kron(cells, np.ones((20, 20), np.int32))))
    segments = [
        {"id": i, "category_id": 1 + i % 5, "iscrowd": 0, "area": 400, "bbox": [0, 0, 1, 1]}
        for i in range(1, n_segments + 1)
    ]
    content = {
        "images": [{"id": i, "height": 240, "width": 320, "file_name": f"{i}.jpg"} for i in range(n_images)],
        "annotations": [
            {"image_id": i, "file_name": f"{i % 16}.png", "segments_info": segments} for i in range(n_images)
        ],
        "categories": [{"id": i, "name": str(i), "isthing": i % 2} for i in range(1, 6)],
    }
    (folder / f"{name}.json").write_text(json.dumps(content))
    return folder / f"{name}.json"


def peak_megabytes(folder: Path, n_images: int) -> float:
    truth = write_panoptic(folder, "truth", n_images)
    pred = write_panoptic(folder, "prediction", n_images)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCORE, truth, pred], capture_output=True, text=True, check=True
    )
    return int(done.stdout) / 1024


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KB on Linux alone")
def test_score_of_2000_panoptic_images_peaks_no_higher_than_of_200(tmp_path):
    few = peak_megabytes(tmp_path / "few", 200)
    many = peak_megabytes(tmp_path / "many", 2000)
    assert many - few < 30, f"{few:.0f} MB for 200 images, {many:.0f} MB for 2,000"
