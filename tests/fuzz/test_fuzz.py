"""The short run: some hundred cases of each kind. `make fuzz` runs thousands."""

import pytest

from fuzz.kinds import KINDS, run

CHUNKS = {
    "instance": [range(i, i + 50) for i in range(0, 200, 50)],
    "panoptic": [range(100)],
}


@pytest.mark.parametrize(("kind", "seeds"), [(kind, seeds) for kind in KINDS for seeds in CHUNKS[kind]])
def test_random_cases_score_as_the_reference_does(kind, seeds):
    found = run(kind, seeds)
    assert not found, "\n".join(map(str, found))
