"""Every command and option has help, and every command, public name and example of the README is true."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import segbench
from segbench.cli import main
from segbench.formats import FEATURES, FORMATS
from segbench.protocols import PROTOCOLS

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(main.commands)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_stands_in_the_readme(name):
    command = main.commands[name]
    assert command.help
    assert f"segbench {name}" in README
    short = CliRunner().invoke(main, ["--help"]).output
    assert re.search(rf"^  {name} .*\S", short, re.MULTILINE)
    assert not re.search(r"\.\.\.$", short.partition("Commands:")[2], re.MULTILINE), "a summary is cut off"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_help_and_is_shown(name):
    options = [p for p in main.commands[name].params if isinstance(p, click.Option)]
    shown = CliRunner().invoke(main, [name, "--help"]).output
    for option in options:
        assert option.help, option.name
        assert all(flag in shown for flag in option.opts)


def test_every_command_of_the_readme_exists():
    used = re.findall(r"^\s*(?:\$ )?segbench ([a-z]+)", README, re.MULTILINE)
    assert used
    assert set(used) <= set(COMMANDS)


def test_every_option_of_the_readme_exists():
    known = {flag for c in main.commands.values() for p in c.params for flag in p.opts} | {
        "--help",
        "--version",
    }
    for line in re.findall(r"^\s*segbench [a-z]+ .*$", README, re.MULTILINE):
        assert set(re.findall(r"--[a-z-]+", line)) <= known, line


def test_the_readme_names_every_format_and_protocol():
    assert all(f"`{name}`" in README for name in [*FORMATS, *PROTOCOLS])


def test_every_feature_of_a_format_is_explained():
    for name in FORMATS:
        module = importlib.import_module(FORMATS[name].module)
        assert FEATURES.keys() >= module.CARRIES
        assert module.TITLE
        assert module.LAYOUT
        assert module.__doc__


def test_the_readme_states_exactly_two_set_up_commands():
    block = re.search(r"```sh\n(git clone.*?)```", README, re.DOTALL)
    assert block
    assert re.findall(r"^make \w+", block[1], re.MULTILINE) == ["make demo", "make test"]


def test_the_python_example_of_the_readme_uses_public_names():
    used = set(re.findall(r"segbench\.([a-zA-Z_]+)\(", README))
    assert used
    assert used <= set(segbench.__all__)


@pytest.mark.parametrize(
    "module",
    [m.name for m in pkgutil.walk_packages(segbench.__path__, "segbench.") if "__main__" not in m.name],
)
def test_examples_in_docstrings_are_true(module):
    if module in ("segbench.kernels._cpu", "segbench.canonical.torch_view"):
        pytest.skip("compiled, or needs torch")
    assert doctest.testmod(importlib.import_module(module)).failed == 0


def public_functions():
    for name in segbench.__all__:
        value = getattr(segbench, name)
        if callable(value) and not isinstance(value, type):
            yield name, value


@pytest.mark.parametrize(("name", "function"), list(public_functions()))
def test_public_functions_say_what_they_take_and_raise(name, function):
    for heading in ("Parameters", "Raises"):
        assert f"{heading}\n" in function.__doc__, name
