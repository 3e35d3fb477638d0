"""The modules of pycocotools 2.0.11, with the same names, arguments, results and printed lines.

::

    from segbench.compat.pycocotools.coco import COCO
    from segbench.compat.pycocotools.cocoeval import COCOeval

or, for scripts that say ``from pycocotools…`` and cannot be changed::

    with segbench.compat.pycocotools.patch():
        runpy.run_path("eval.py")

Numbers are equal bit for bit; the docstrings name where we refuse, or do, what pycocotools does not.
"""

from __future__ import annotations

from segbench.compat._patch import Patch, undo_last

__all__ = ["patch", "unpatch"]

_PATCHES: list[Patch] = []


def patch() -> Patch:
    """Make ``import pycocotools`` and its ``coco``, ``cocoeval`` and ``mask`` ours.

    It takes effect at once, and ends with ``with``, with ``undo()`` of what is returned, or with
    :func:`unpatch`. Patch before a script imports pycocotools.
    """
    _PATCHES.append(Patch("pycocotools", ["coco", "cocoeval", "mask"]))
    return _PATCHES[-1]


def unpatch() -> None:
    """Undo the latest :func:`patch`.

    Raises
    ------
    UsageError
        When there is none.
    """
    undo_last(_PATCHES, "pycocotools")
