"""Skip where nothing can be emulated."""

import pytest

from emulator.build import missing


@pytest.fixture(autouse=True)
def _compiler():
    reason = missing()
    if reason:
        pytest.skip(reason)
