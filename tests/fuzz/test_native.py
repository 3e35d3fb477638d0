"""The harnesses of the kernels over their seeds and some hundred inputs made of them; this needs clang."""

import pytest

from fuzz.native.__main__ import run
from fuzz.native.build import build, harnesses, missing


@pytest.fixture(scope="module")
def programs():
    reason = missing()
    if reason:
        pytest.skip(reason)
    return build(harnesses(), level="-O0")


@pytest.mark.parametrize("name", harnesses())
def test_nothing_is_found(name, programs, capsys):
    code = run(programs[name], "-runs=500", "-seed=1", keep=False)
    assert code == 0, capsys.readouterr().out
