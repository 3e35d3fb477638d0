"""Shard: what was measured of a range of images, as a :class:`~segbench.runs.store.ShardStore` keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

from segbench.errors import DataError, PluginError
from segbench.runs.packing import from_bytes, to_bytes
from segbench.runs.predicted import Packed
from segbench.runs.sorting import Sorter
from segbench.runs.store import Plan, ShardStore
from segbench.runs.timing import Times, Timing
from segbench.scoring.panel import Measured, Panel


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one image.

    Attributes
    ----------
    image_id, position
        Its id and its position in the data set.
    record_sha256
        Hash of its truth, None where that cannot be read.
    measured
        What was measured, or None where it failed.
    error
        Why it failed.
    latency_ms
        How long the model took; no part of what copies must agree in.
    pred
        What the model answered, where that is to be kept.
    times
        What else it took: see :data:`segbench.runs.timing.FIELDS`; no more a part of it than that.
    """

    image_id: str
    position: int
    record_sha256: str | None
    measured: Measured | None = None
    error: str | None = None
    latency_ms: float | None = None
    pred: Packed | None = None
    times: Times | None = None

    def content(self) -> bytes:
        """What every run must find alike."""
        one = self.measured
        parts = None if one is None else [list(one.stats), list(one.observed)]
        return to_bytes({"hash": [self.record_sha256], "measured": [parts], "pred": [self.pred]})

    def joined(self, other: Outcome) -> Outcome:
        """The one of the two that is measured; the other one, where both are, after they were compared."""
        if other.measured is None or self.measured is None:
            return self if other.measured is None else other
        if self.content() != other.content():
            raise PluginError(
                f"image {self.image_id}: two runs of it give different results: the model is not "
                "deterministic, or model or data were changed; run again with resume off once that is mended"
            )
        return other


@dataclass(frozen=True, slots=True)
class Part:
    """The outcomes of images that were run together: of a whole shard, or of some of it."""

    number: int
    outcomes: Sequence[Outcome]


@dataclass(frozen=True)
class Shard:
    """The outcomes of the images of one shard.

    Attributes
    ----------
    key
        That of the plan.
    number
        Which shard of it.
    outcomes
        In the order of the plan.
    """

    key: str
    number: int
    outcomes: Sequence[Outcome]

    @property
    def has_failures(self) -> bool:
        """Whether an image of it failed."""
        return any(one.measured is None for one in self.outcomes)

    def to_bytes(self) -> bytes:
        """The content of its file."""
        return to_bytes({"head": [self.key, self.number], **_columns(self.outcomes)})

    @classmethod
    def from_bytes(cls, data: bytes, plan: Plan, number: int) -> Shard:
        """Read it, and hold it against the plan.

        Raises
        ------
        DataError
            When it is damaged, or not the shard of this number of this plan.
        """
        parts = from_bytes(data)
        try:
            key, own = parts.pop("head")
            rows = _outcomes(parts)
        except (LookupError, ValueError, TypeError) as error:
            raise DataError(f"is no shard ({error!r})") from None
        positions = plan.positions(number)
        ids = [plan.image_ids[i] for i in positions]
        if key != plan.key or own != number or [one.position for one in rows] != positions:
            raise DataError(f"is shard {own} of run {key}, not {number} of {plan.key}")
        if [one.image_id for one in rows] != ids:
            raise DataError("holds other images than the plan says")
        return cls(key, number, rows)

    def joined(self, other: Shard) -> Shard:
        """What two runs of this shard say together.

        Raises
        ------
        PluginError
            When an image was measured by both, and differs.
        """
        pairs = zip(self.outcomes, other.outcomes, strict=True)
        return Shard(self.key, self.number, [one.joined(two) for one, two in pairs])


_COLUMNS = (
    "image_id",
    "position",
    "record_sha256",
    "error",
    "latency_ms",
    "pred",
    "times",
    "stats",
    "observed",
    "attributes",
)


def _columns(outcomes: Sequence[Outcome]) -> dict[str, list[Any]]:
    found = [one.measured for one in outcomes]
    return {
        **{name: [getattr(one, name) for one in outcomes] for name in _COLUMNS[:-3]},
        "stats": [None if one is None else list(one.stats) for one in found],
        "observed": [None if one is None else list(one.observed) for one in found],
        "attributes": [None if one is None else dict(one.attributes) for one in found],
    }


def _outcomes(parts: Mapping[str, Sequence[Any]]) -> list[Outcome]:
    rows = zip(*(parts[name] for name in _COLUMNS), strict=True)
    return [_outcome(dict(zip(_COLUMNS, row, strict=True))) for row in rows]


def _outcome(row: dict[str, Any]) -> Outcome:
    stats, observed, attributes = (row.pop(name) for name in _COLUMNS[-3:])
    record = row["record_sha256"]
    measured = None
    if row["error"] is None:
        measured = Measured(row["image_id"], record, list(stats), list(observed), attributes)
    return Outcome(**row, measured=measured)


class Kept:
    """The shards of a store, read and checked."""

    def __init__(self, store: ShardStore) -> None:
        self.store = store
        self._parts: dict[int, list[Outcome]] = {}

    def read(self, number: int) -> Shard:
        """Read a shard.

        Raises
        ------
        DataError
            When it cannot be read, is damaged, or belongs to another plan; names the file.
        """
        try:
            return Shard.from_bytes(self.store.read(number), self.store.plan, number)
        except DataError as error:
            raise DataError(error.message, file=self.store.path(number)) from None

    def find(self, number: int) -> Shard | None:
        """Read a shard; None where it is damaged."""
        try:
            return self.read(number)
        except DataError:
            return None

    def put(self, part: Part) -> None:
        """Keep a shard, once all of its parts are there; errors as :meth:`ShardStore.put`."""
        plan = self.store.plan
        outcomes = [*self._parts.pop(part.number, []), *part.outcomes]
        if len(outcomes) < len(plan.positions(part.number)):
            self._parts[part.number] = outcomes
            return
        outcomes.sort(key=lambda one: one.position)
        self.store.put(Shard(plan.key, part.number, outcomes), self.find)

    def done(self, numbers: Iterable[int]) -> Iterator[Shard]:
        """Those that are whole and without failures, in order: they need not be run again."""
        for number in sorted(set(self.store.numbers()).intersection(numbers)):
            shard = self.find(number)
            if shard is not None and not shard.has_failures:
                yield shard

    def first_error(self) -> str | None:
        """Why the first image that failed did."""
        shards = (self.read(number) for number in self.store.numbers())
        return next((one.error for shard in shards for one in shard.outcomes if one.error), None)

    def merge(self, panel: Panel) -> Timing:
        """Add every image that is there, in the order of the data set; return what they took.

        Few shards are in memory at a time; where the data set is not in the order of its ids, images are
        sorted in files beside the shards.

        Raises
        ------
        DataError
            When a shard is damaged.
        """
        timing = Timing()
        for one in self._in_order():
            if one.measured is None:
                panel.fail(one.image_id, one.record_sha256, str(one.error), one.position)
            else:
                panel.add(one.measured, one.latency_ms, one.position)
            if one.latency_ms is not None:
                timing.add(one.latency_ms, one.times)
        return timing

    def _in_order(self) -> Iterator[Outcome]:
        outcomes = (
            replace(one, pred=None) for number in self.store.numbers() for one in self.read(number).outcomes
        )
        if self.store.plan.in_order:
            return outcomes
        sorter = Sorter(
            attrgetter("position"),
            lambda some: to_bytes(_columns(some)),
            lambda data: _outcomes(from_bytes(data)),
            self.store.folder,
        )
        return sorter.sorted(outcomes)
