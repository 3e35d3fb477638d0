"""The command line: parse, call, print. Commands stand by what they are about."""

from segbench.cli.main import main

__all__ = ["main"]
