"""Doors of maps as runs: what metrics count and fingerprints hash, in place of every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from segbench.kernels import _cpu

if TYPE_CHECKING:
    import numpy.typing as npt

_COMPILED = {np.dtype(name) for name in ("uint8", "uint16", "uint32", "int32", "int64")}


def id_map(values: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
    """Return `values` as integers of a compiled dtype, without a copy where it already is one."""
    array = np.asarray(values)
    if array.dtype == np.bool_:
        return array.astype(np.uint8)
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must hold integers, not {array.dtype}")
    native = array.dtype.newbyteorder("=")
    if native in _COMPILED:
        return array.astype(native, copy=False)
    if native == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name} holds an id above 2**63 - 1")
    return array.astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class LabelRuns:
    """An integer map as its runs, in row-major order and across the ends of rows.

    Attributes
    ----------
    values
        Integers [N]: the id of each run; neighbours differ.
    ends
        uint32 [N]: one past the last pixel of each run, counted along the rows.
    shape
        Height and width of the map.
    """

    values: npt.NDArray[Any]
    ends: npt.NDArray[np.uint32]
    shape: tuple[int, int]

    @classmethod
    def of(cls, label_map: npt.ArrayLike) -> LabelRuns:
        """Take the runs of a map [H, W].

        Raises
        ------
        ValueError
            If it does not hold integers, is not [H, W], or has no pixel or more than 2**32 - 1.
        """
        array = np.ascontiguousarray(id_map(label_map, "the map"))
        if array.ndim != 2:
            raise ValueError(f"the map must be [H, W], not {list(array.shape)}")
        return cls(*_cpu.label_runs(array), (array.shape[0], array.shape[1]))

    def to_map(self) -> npt.NDArray[Any]:
        """Return the map, of the dtype of the values.

        Raises
        ------
        ValueError
            If the runs are not as many pixels as the map.
        """
        out = np.empty(self.shape, self.values.dtype)
        _cpu.fill_runs(self.values, self.ends, out)
        return out

    def ids(self) -> npt.NDArray[np.int64]:
        """Return the distinct ids, int64 [K], ascending."""
        return _cpu.distinct(self.values)

    def first_unknown(self, known: npt.NDArray[np.bool_]) -> int | None:
        """Return the first id that is no index of `known`, bool [N], or of False there; None without one."""
        at = _cpu.first_unknown(self.values, known)
        return None if at < 0 else int(self.values[at])

    def renamed(self, values: npt.NDArray[Any]) -> LabelRuns:
        """Return the map with other ids in its runs; neighbours that become equal are joined.

        Raises
        ------
        ValueError
            If there is not a value for each run.
        """
        return LabelRuns(*_cpu.merge_runs(np.ascontiguousarray(values), self.ends), self.shape)
