"""What formats of maps lose of a sample: segments that are not seen, share a value, or get another id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, ParamSpec, cast

from segbench.formats.flatten import Flat

P = ParamSpec("P")


class Plan(NamedTuple):
    """How a sample is to be written.

    Attributes
    ----------
    flat
        Which segment is seen where.
    values
        That of each segment in the map; None where it is not written.
    objects
        Whether this value tells it apart from others of its class.
    """

    flat: Flat
    values: Sequence[int | None]
    objects: Sequence[bool]


def once(plan: Callable[P, Plan]) -> Callable[P, Plan]:
    """Return ``plan`` that remembers the last sample: several losses are counted by one plan."""
    last: tuple[Any, ...] = ()

    def remembered(*given: P.args, **named: P.kwargs) -> Plan:
        nonlocal last
        known = last  # another thread may set it
        if len(known) != len(given) + 1 or any(a is not b for a, b in zip(given, known, strict=False)):
            known = last = (*given, plan(*given, **named))
        return cast("Plan", known[-1])

    return remembered


def lost(plan: Plan, is_object: Callable[[int], bool]) -> int:
    """Count segments that are not told apart in the map; ignore regions are not counted.

    They are hidden, not written, share their value with one before, or are an object (``is_object`` of their
    category) that is no crowd and whose value is no object's.
    """
    seen, used, n = set(plan.flat.seen), set(), 0
    for i, (segment, value) in enumerate(zip(plan.flat.segments, plan.values, strict=True)):
        if segment.ignore:
            continue
        joined = is_object(segment.category_id) and not segment.iscrowd and not plan.objects[i]
        n += i not in seen or value is None or value in used or joined
        if value is not None and i in seen:
            used.add(value)
    return n


def renumbered(plan: Plan) -> int:
    """Count the segments that are written, each value once, and whose value is not their id."""
    seen = plan.flat.seen
    values = {plan.values[i]: plan.flat.segments[i].id for i in reversed(seen)}
    return sum(value is not None and value != segment_id for value, segment_id in values.items())
