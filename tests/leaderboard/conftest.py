from __future__ import annotations

import pytest
from leaderboard.synth import make_record


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """Runs of four models on each task, one of them twice, and one run that is partial."""
    root = tmp_path_factory.mktemp("results")
    speeds = {"alpha": 12.0, "beta": 30.0, "gamma": 200.0}
    for task, n_images in (("semantic", 80), ("instance", 60), ("panoptic", 30)):
        for model, quality in (("alpha", 0.8), ("beta", 0.79), ("gamma", 0.6), ("delta", 0.45)):
            record = make_record(
                task,
                model,
                quality=quality,
                n_images=n_images,
                speed=speeds.get(model),
                warnings=["a remark"],
            )
            record.write(root)
    make_record("semantic", "beta", quality=0.7, n_images=80).write(root)
    make_record("semantic", "half", n_images=80, status="partial").write(root)
    return root
