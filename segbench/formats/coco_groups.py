"""Which annotations belong to which image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Groups:
    """Indices of items, grouped by the image that owns them.

    Attributes
    ----------
    order, starts
        int64 [N] and [I + 1]: image i owns ``order[starts[i]:starts[i + 1]]``.
    """

    def __init__(self, owners: NDArray[np.int64], n_owners: int) -> None:
        rising = bool((owners[1:] >= owners[:-1]).all())  # as in most files
        self.order = np.arange(len(owners)) if rising else np.argsort(owners, kind="stable")
        self.starts = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=n_owners))])

    def __getitem__(self, owner: int) -> list[int]:
        items: list[int] = self.order[self.starts[owner] : self.starts[owner + 1]].tolist()
        return items
