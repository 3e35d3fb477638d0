"""Where a metric counts, and how what it counted elsewhere comes to the CPU."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from segbench.errors import UsageError
from segbench.kernels import place_of

if TYPE_CHECKING:
    from segbench.kernels import Device

C = TypeVar("C")

MOST_PENDING = 512
"""Images kept apart on a device; those of more are brought to the CPU, and the update waits for them."""


class OnDevice(ABC, Generic[C]):
    """A metric that counts on a device where its arrays are there, and adds up on the CPU when it is asked.

    ``C`` is what it counts with on a device.
    """

    _place: Place
    _counter: C | None = None

    @abstractmethod
    def _make_counter(self, device: Device) -> C:
        """Return a counter of nothing; UsageError where the rules ask for what is on the CPU alone."""

    @abstractmethod
    def _add_counter(self, counter: C) -> None:
        """Add what was counted to what is on the CPU, all of it or nothing."""

    def _counter_for(self, **arrays: Any) -> C | None:
        """What counts where these arrays are; None for the CPU. Errors as :meth:`Place.settle`."""
        device = self._place.settle(**arrays)
        if device is not None and self._counter is None:
            self._counter = self._make_counter(device)
        return self._counter

    def _fold(self) -> None:
        """Bring what was counted to the CPU; it stays where it is if something of it is refused."""
        if self._counter is not None:
            self._add_counter(self._counter)
            self._counter = None

    def __getstate__(self) -> dict[str, Any]:
        self._fold()
        return self.__dict__


class Place:
    """Where a metric counts: as it is told, or where the first arrays are.

    Parameters
    ----------
    asked
        ``cpu``, ``cuda``, ``cuda:1`` …, ``auto`` for where the first arrays are, or a
        :class:`segbench.kernels.Device`.

    Raises
    ------
    UsageError
        When there is no such device; it says what to install.

    >>> Place("auto").settle(pred=[[0]], truth=[[1]]) is None
    True
    """

    def __init__(self, asked: str | Device) -> None:
        self.device: Device | None = None
        self.name = "auto"
        if isinstance(asked, str):
            if asked != "auto":
                self._take(asked)
        else:
            self.device, self.name = asked, asked.name

    def _take(self, name: str) -> None:
        self.name, self.device = name, open_device(name)
        if self.device is not None:
            self.name = self.device.name

    def settle(self, **arrays: Any) -> Device | None:
        """Return the device that all these arrays are on; None for the CPU.

        Raises
        ------
        UsageError
            When they are not where the metric counts, or on a device that cannot be used.
        """
        places = {what: place_of(values) for what, values in arrays.items()}
        if self.name == "auto":
            first, place = next(iter(places.items()))
            try:
                self._take(place)
            except UsageError as error:
                raise UsageError(f"{first} is on {place}: {error}") from None
        home = "cpu" if self.device is None else self.device.place
        if any(place != home for place in places.values()):
            told = ", ".join(f"{what} is on {place}" for what, place in places.items())
            raise UsageError(f"{told}, and this metric counts on {self.name}: bring all to one device")
        return self.device

    def __getstate__(self) -> str:
        return self.name

    def __setstate__(self, name: str) -> None:
        self.__init__(name)  # type: ignore[misc] # a device is opened again where it is unpickled


def open_device(name: str) -> Device | None:
    """Return the device of a name, None for the CPU.

    Raises
    ------
    UsageError
        When there is none of this name, or it lacks something; it says what to install.
    """
    if name == "cpu":
        return None
    kind, colon, number = name.partition(":")
    if kind != "cuda" or (colon and not number.isdecimal()):
        raise UsageError(f"unknown device {name!r}: there are 'cpu', 'cuda', 'cuda:1' … and 'auto'")
    from segbench.kernels.gpu import cuda

    return cuda(int(number or 0))
