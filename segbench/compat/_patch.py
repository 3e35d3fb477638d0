"""Patch: modules of ours in the place of a package of the same shape, until it is undone."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from types import ModuleType, TracebackType
from typing import Self

from segbench.errors import UsageError


class Patch:
    """Put ``segbench.compat.<package>`` and its modules into ``sys.modules`` as ``<package>``.

    It takes effect at once; ``with`` or :meth:`undo` ends it. Modules that were imported before keep what
    they hold: patch before the script imports the package.

    Parameters
    ----------
    package
        Name of the package to stand in for; it need not be installed.
    modules
        Its modules that we have.
    """

    def __init__(self, package: str, modules: Sequence[str]) -> None:
        home = f"segbench.compat.{package}"
        self.package = package
        ours = {package: importlib.import_module(home)}
        ours |= {f"{package}.{name}": importlib.import_module(f"{home}.{name}") for name in modules}
        self._before: dict[str, ModuleType] | None = self._take_out()
        sys.modules.update(ours)

    def _take_out(self) -> dict[str, ModuleType]:
        """Remove the package and all its modules from ``sys.modules`` and return them."""
        names = [name for name in sys.modules if name.partition(".")[0] == self.package]
        return {name: sys.modules.pop(name) for name in names}

    def undo(self) -> None:
        """Put back what was there before; a second time does nothing."""
        if self._before is not None:
            self._take_out()
            sys.modules.update(self._before)
            self._before = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.undo()


def undo_last(patches: list[Patch], package: str) -> None:
    """Undo the latest of ``patches`` that is still in force.

    Raises
    ------
    UsageError
        When there is none.
    """
    while patches:
        patch = patches.pop()
        if patch._before is not None:
            patch.undo()
            return
    raise UsageError(f"{package} is not patched: call patch() first")
