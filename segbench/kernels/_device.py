"""Devices: what runs the kernels of gpu.cu on arrays that stay where they are."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from segbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_DLPACK_NAMES = {1: "cpu", 2: "cuda", 3: "cpu", 10: "rocm", 13: "cuda"}


class Device(Protocol):
    """A place to count at; :class:`segbench.kernels.gpu.Cuda` is the real one, tests have another.

    Attributes
    ----------
    name, place
        ``cuda:0`` …, as arrays on it say; a device that is none of its own says where their memory is.
    xp
        The library of its arrays: ``cupy``, or one with the same names.
    processors
        How many blocks run side by side, about.
    shared_bytes
        The most shared memory that a block can have.
    """

    name: str
    place: str
    xp: Any
    processors: int
    shared_bytes: int

    def view(self, values: Any, what: str) -> Any:
        """View an array of any library as one of ``xp``, without a copy; bfloat16 and bool as integers.

        Raises
        ------
        UsageError
            When it lies elsewhere.
        """
        ...

    def turn(self, *values: Any) -> AbstractContextManager[Any]:
        """Work on the stream of the caller, after all that was begun here before."""
        ...

    def launch(
        self, kernel: str, grid: tuple[int, int], block: int, args: Sequence[Any], shared: int = 0
    ) -> None:
        """Start a kernel of gpu.cu; ``args`` are arrays and NumPy scalars, ``shared`` is in bytes."""
        ...

    def to_host(self, array: Any) -> NDArray[Any]:
        """Wait for an array and copy it to the CPU."""
        ...


def place_of(values: Any) -> str:
    """Where an array lies: ``cpu``, ``cuda:0`` …; whatever is no array is on the CPU.

    >>> place_of([[0, 1]])
    'cpu'
    """
    if not hasattr(values, "__dlpack_device__"):
        return "cpu"
    try:
        kind, index = values.__dlpack_device__()
    except (BufferError, RuntimeError, TypeError, ValueError):  # a dtype that DLPack does not know
        return "cpu"
    name = _DLPACK_NAMES.get(int(kind), f"a device that DLPack numbers {int(kind)}")
    return name if name == "cpu" else f"{name}:{index}"


def dtype_name(values: Any) -> str:
    """Name of the data type of an array of any library: ``uint8``, ``bfloat16`` …; "" of what is no array.

    >>> dtype_name(np.zeros(2, np.float16))
    'float16'
    """
    return str(getattr(values, "dtype", "")).rpartition(".")[2]


def plain_tensor(values: Any) -> Any:
    """Detach a torch tensor, and view it as integers where other libraries lack its type; else no change."""
    if type(values).__module__.partition(".")[0] != "torch":
        return values
    import torch

    integers = {torch.bfloat16: torch.int16, torch.bool: torch.uint8}
    tensor = values.detach()
    return tensor.view(integers[tensor.dtype]) if tensor.dtype in integers else tensor


def host_view(values: Any, what: str) -> NDArray[Any]:
    """View an array of the CPU as NumPy, without a copy; bfloat16 as uint16.

    Raises
    ------
    UsageError
        When it lies elsewhere, or is no array.
    """
    place = place_of(values)
    if place != "cpu":
        raise UsageError(f"{what} is on {place}, and is needed on the CPU")
    array = np.asarray(plain_tensor(values))
    return array.view(np.uint16) if dtype_name(values) == "bfloat16" else array
