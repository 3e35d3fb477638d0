"""Reasons: why two protocols give differing scores of the same predictions, worked out on these.

Rules are exchanged one after the other, from those of one protocol to those of another, and the score is
taken after each: so the changes of all reasons add up to the difference. A rule that concerns nothing here,
and changes nothing, is no reason.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from segbench.metrics.rule_words import WORDS, compared, differing

if TYPE_CHECKING:
    import pyarrow as pa

    from segbench.canonical.sample import Sample
    from segbench.metrics import Metric
    from segbench.metrics.once import Once
    from segbench.metrics.scores import Scores


WITNESSES = {
    "semantic": "segbench.metrics.semantic_reasons:SemanticWitness",
    "instance": "segbench.metrics.instance_reasons:InstanceWitness",
    "panoptic": "segbench.metrics.panoptic_reasons:PanopticWitness",
}
"""What says why protocols of each task differ, as ``"module:class"``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One rule in which two protocols differ, and what that does here.

    Attributes
    ----------
    base, protocol
        The protocols; changes go from the first to the second.
    rule
        Name of the rule.
    text
        What each of them does.
    count, of
        How many pixels, categories, segments … it concerns; None where nothing is counted.
    names
        The categories, where it concerns categories.
    changes
        ``{metric key: change}`` in fractions, of metrics that both have, NaN where one is undefined; None
        where what this rule does cannot be told from what others do.
    """

    base: str
    protocol: str
    rule: str
    text: str
    count: int | None = None
    of: str = ""
    names: Sequence[str] = ()
    changes: Mapping[str, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, NaN as None."""
        changes = None
        if self.changes is not None:
            changes = {key: None if math.isnan(value) else value for key, value in self.changes.items()}
        return {**asdict(self), "names": list(self.names), "changes": changes}


class Witness(Protocol):
    """Looks at the images that several metrics of a task measure, and says why their scores differ.

    It is made from these metrics, all of the same categories.
    """

    def observe(self, pred: Sample, truth: Sample, once: Once, stats: Sequence[Any]) -> Any:
        """Look at one image that the metrics have measured, and change nothing; called from threads."""
        ...

    def add(self, observed: Any) -> None:
        """Add what was observed of the next image."""
        ...

    def reasons(
        self, scores: Sequence[Mapping[str, float]], detections: Sequence[pa.Table | None]
    ) -> list[Reason]:
        """Say why the others differ from the first; ``scores`` and ``detections`` are theirs, in order."""
        ...


def load_witness(task: str, metrics: Sequence[Metric]) -> Witness:
    """Return the witness of a task for these metrics."""
    module, _, attribute = WITNESSES[task].partition(":")
    witness: Witness = getattr(importlib.import_module(module), attribute)(metrics)
    return witness


@dataclass(frozen=True, slots=True)
class Side:
    """A protocol, its rules and its scores; ``shown`` are values of rules as a reader knows them."""

    name: str
    rules: Any
    scores: Mapping[str, float]
    shown: Mapping[str, Any] = field(default_factory=dict)

    def reason(self, task: str, rule: str, base: Side, **more: Any) -> Reason:
        """Return why its scores are not those of ``base``: for this rule."""
        values = [(side.name, side.shown.get(rule, getattr(side.rules, rule))) for side in (self, base)]
        return Reason(
            base=base.name,
            protocol=self.name,
            rule=rule,
            text=compared(WORDS[task], rule, values[0], values[1]),
            **more,
        )


def path(base: Any, other: Any, rules: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Exchange those of the rules that differ, one after the other: (rule, rules after it)."""
    now = base
    for rule in rules:
        if getattr(now, rule) != getattr(other, rule):
            now = replace(now, **{rule: getattr(other, rule)})
            yield rule, now


def changed(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What the metrics that both have change by, where they do."""
    shared = [key for key in before if key in after]
    pairs = {key: (before[key], after[key]) for key in shared}
    return {
        key: new - old
        for key, (old, new) in pairs.items()
        if new != old and not (math.isnan(new) and math.isnan(old))
    }


def changed_categories(before: Scores, after: Scores, key: str) -> list[str]:
    """Names of the categories whose score under ``key`` changes, or is defined in one alone."""
    pairs = zip(before.class_rows, after.class_rows, strict=True)
    return [old["name"] for old, new in pairs if changed({key: old[key]}, {key: new[key]})]


def rest(
    task: str, this: Side, base: Side, told: Sequence[str], ends: tuple[Mapping[str, float], ...]
) -> Iterator[Reason]:
    """The rules that are not on the path, where the scores at its two ``ends`` are not those of the sides.

    One rule alone has what is left of the changes; of several, none can be told from the others.
    """
    rules = [rule for rule in differing(this.rules, base.rules) if rule not in told]
    left = changed(base.scores, ends[0])
    for key, change in changed(ends[1], this.scores).items():
        left[key] = left.get(key, 0.0) + change
    if left:
        for rule in rules:
            yield this.reason(task, rule, base, changes=left if len(rules) == 1 else None)
