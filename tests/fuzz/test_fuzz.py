"""The short run: some hundred cases of each kind. `make fuzz` runs thousands."""

import pytest

from fuzz.kinds import KINDS, run

CHUNKS = {
    "instance": [range(i, i + 30) for i in range(0, 90, 30)],
    "panoptic": [range(60)],
    "semantic": [range(60)],
    "boundary": [range(60)],
}


@pytest.mark.parametrize(("kind", "seeds"), [(kind, seeds) for kind in KINDS for seeds in CHUNKS[kind]])
def test_random_cases_score_as_the_reference_does(kind, seeds):
    if kind == "semantic":
        pytest.importorskip("torchmetrics")
        pytest.importorskip("cityscapesscripts")
    found = run(kind, seeds)
    assert not found, "\n".join(map(str, found))
