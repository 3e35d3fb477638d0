"""Protocols: named sets of rules, each of which reproduces one reference evaluator.

A protocol says which metric measures, under which settings, and where its rules come from. Two scores may be
compared when the protocol, its version and its settings are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from segbench.errors import UsageError, did_you_mean
from segbench.metrics import METRICS, PROTOCOL_METRICS, load_metric, rule_words
from segbench.metrics.boundary_rules import BOUNDARY_RULES
from segbench.metrics.boundary_words import BOUNDARY_WORDS
from segbench.metrics.instance_rules import INSTANCE_RULES
from segbench.metrics.instance_words import INSTANCE_WORDS
from segbench.metrics.panoptic_rules import PANOPTIC_RULES
from segbench.metrics.panoptic_words import PANOPTIC_WORDS
from segbench.metrics.semantic_rules import SEMANTIC_RULES
from segbench.metrics.semantic_words import SEMANTIC_WORDS

if TYPE_CHECKING:
    from segbench.canonical.categories import Categories
    from segbench.metrics import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One set of rules.

    Attributes
    ----------
    name, version
        What a run record says; the version rises when a score of the same data may change.
    task
        ``semantic``, ``instance`` or ``panoptic``.
    summary
        One line.
    rules
        What a reader must know to reproduce a score by hand.
    source
        The reference: tool, version and paper.
    settings
        What differs from the defaults of the metric.
    """

    name: str
    version: str
    task: str
    summary: str
    rules: tuple[str, ...]
    source: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def metric(self) -> str:
        """The metric, as ``"module:class"``."""
        return PROTOCOL_METRICS.get(self.name, METRICS[self.task])

    @property
    def rules_used(self) -> Any:
        """The rules as the frozen dataclass that the metric reads; those of a data set may add to them."""
        return self._example.rules

    @property
    def all_settings(self) -> dict[str, Any]:
        """Every setting with its value, as plain JSON values."""
        rules = {f.name: getattr(self.rules_used, f.name) for f in fields(self.rules_used)}
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in rules.items()}
        return {**plain, **self._example.settings}

    @property
    def _example(self) -> Metric:
        from segbench.canonical.categories import Categories, Category

        return self.build(Categories([Category(0, "road")]))  # a label that every benchmark knows

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain JSON values, with every setting."""
        words = {name: getattr(self, name) for name in ("name", "version", "task", "summary")}
        return {**words, "rules": list(self.rules), "settings": self.all_settings, "source": self.source}

    def build(self, categories: Categories, settings: Mapping[str, Any] | None = None) -> Metric:
        """Return a new metric under this protocol; ``settings`` (those of a run record, say) go first."""
        return load_metric(self.metric).build(categories, self.name, {**self.settings, **(settings or {})})


def _row(name: str, summary: str, rules: tuple[str, ...], source: str) -> Protocol:
    """A protocol of these words, with its settings from the metrics."""
    if name in SEMANTIC_RULES:
        task, settings = "semantic", SEMANTIC_RULES[name].settings()
    elif name in BOUNDARY_RULES:
        task, settings = "semantic", BOUNDARY_RULES[name].settings()
    elif name in PANOPTIC_RULES:
        task, settings = "panoptic", {"chunks": 1, **PANOPTIC_RULES[name].settings()}
    else:
        task, settings = "instance", dict(INSTANCE_RULES.get(name, {}))
    words: dict[str, Any] = {"summary": summary, "rules": rules, "source": source}
    return Protocol(name=name, version="1", task=task, settings=settings, **words)


_TABLE = tuple(
    _row(name, *words)
    for told in (SEMANTIC_WORDS, INSTANCE_WORDS, PANOPTIC_WORDS, BOUNDARY_WORDS)
    for name, words in told.items()
)

PROTOCOLS = {protocol.name: protocol for protocol in _TABLE}
"""Every protocol by name."""

DEFAULT_PROTOCOLS = {"semantic": "exact", "instance": "coco-instance", "panoptic": "panopticapi"}
"""The protocol of each task where none is named."""


def get_protocol(name: str) -> Protocol:
    """Return the protocol of this name.

    Raises
    ------
    UsageError
        When there is none.
    """
    if name not in PROTOCOLS:
        raise UsageError(f"unknown protocol {name!r}.{did_you_mean(name, PROTOCOLS)}")
    return PROTOCOLS[name]


def default_protocol(task: str) -> Protocol:
    """Return the protocol that a task is scored under where none is named.

    Raises
    ------
    UsageError
        When there is no such task.
    """
    if task not in DEFAULT_PROTOCOLS:
        raise UsageError(f"unknown task {task!r}.{did_you_mean(task, DEFAULT_PROTOCOLS)}")
    return PROTOCOLS[DEFAULT_PROTOCOLS[task]]


def differences(this: Protocol, base: Protocol) -> Iterator[tuple[str, str]]:
    """Yield the rules in which a protocol differs from another, each with a sentence on both.

    Protocols of two tasks have none in common.
    """
    if this.task == base.task:
        sides = [(protocol.name, protocol.rules_used) for protocol in (this, base)]
        yield from rule_words.differences(rule_words.WORDS[this.task], sides[0], sides[1])
