"""The modules of panopticapi (7bb4655), with the same names, arguments, results and printed lines.

::

    from segbench.compat.panopticapi.evaluation import pq_compute
    from segbench.compat.panopticapi.utils import IdGenerator, rgb2id

or, for scripts that say ``from panopticapi…`` and cannot be changed::

    with segbench.compat.panopticapi.patch():
        runpy.run_path("eval.py")
"""

from __future__ import annotations

from segbench.compat._patch import Patch, undo_last

__all__ = ["patch", "unpatch"]

_PATCHES: list[Patch] = []


def patch() -> Patch:
    """Make ``import panopticapi`` and its ``evaluation`` and ``utils`` ours.

    It takes effect at once, and ends with ``with``, with ``undo()`` of what is returned, or with
    :func:`unpatch`. Patch before a script imports panopticapi.
    """
    _PATCHES.append(Patch("panopticapi", ["evaluation", "utils"]))
    return _PATCHES[-1]


def unpatch() -> None:
    """Undo the latest :func:`patch`.

    Raises
    ------
    UsageError
        When there is none.
    """
    undo_last(_PATCHES, "panopticapi")
