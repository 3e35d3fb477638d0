"""Labels: a map from the categories of a data set to others; each must be accounted for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.errors import DataError
from segbench.reshape.where import Where

VOID = -1
"""In place of a category: pixels are never scored, segments are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A category of the data set that another is made from.

    Attributes
    ----------
    category
        Its name, or its id in the source.
    where
        Only of segments for which this holds.
    ignore
        Segments become ignore regions of the new category; pixels of label maps are void.
    """

    category: str | int
    where: Where | None = None
    ignore: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A category to have, and what it is made from; fields that are None are those of its sources.

    Attributes
    ----------
    name, id, isthing, color, parent
        As :class:`segbench.Category`; ``id`` is its source id from then on.
    sources
        What it is made from.
    """

    name: str
    id: int | None = None
    isthing: bool | None = None
    color: tuple[int, int, int] | None = None
    parent: str | None = None
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelMap:
    """What a file of labels says.

    Attributes
    ----------
    name, about, sha256
        Of the file.
    targets
        The categories to have, in the order of their dense ids.
    ignore, drop
        Categories whose pixels are void and whose segments are left out.
    """

    name: str
    targets: tuple[Target, ...]
    ignore: tuple[Source, ...] = ()
    drop: tuple[Source, ...] = ()
    about: str = ""
    sha256: str = ""

    def rules(self) -> list[tuple[Source, int]]:
        """Every source, and the place of the target that it becomes, or ``VOID``."""
        kept = [(source, i) for i, target in enumerate(self.targets) for source in target.sources]
        return kept + [(source, VOID) for source in (*self.ignore, *self.drop)]

    def table(self, lines: int | None = None) -> str:
        """What becomes of what, a line for each target."""
        rows = [(str(t.id if t.id is not None else i), t.name, t.sources) for i, t in enumerate(self.targets)]
        rows += [
            ("", name, sources) for name, sources in (("ignore", self.ignore), ("drop", self.drop)) if sources
        ]
        widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
        shown = [f"{i:>{widths[0]}}  {name:<{widths[1]}}  ← {_listed(of)}" for i, name, of in rows[:lines]]
        return "\n".join(shown + (["…"] if len(shown) < len(rows) else []))


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A map of labels bound to a data set.

    Attributes
    ----------
    rules
        For each category of the data set the rules to try in order; the last has no condition.
    categories
        Those to have.
    unknown
        Names of the map that the data set does not have.
    """

    rules: tuple[tuple[tuple[Source, int], ...], ...]
    categories: Categories
    unknown: tuple[str, ...] = field(default=())


def bind(labels: LabelMap, dataset: Dataset) -> Binding:
    """Check that a map accounts for every category of a data set, and make the categories to have.

    Raises
    ------
    DataError
        When a category is not named, is named twice, is split by rules that leave a rest, or thing and stuff
        are merged without saying what becomes of it.
    """
    rules: list[list[tuple[Source, int]]] = [[] for _ in dataset.categories]
    unknown = []
    for source, target in labels.rules():
        meant = [c for c in dataset.categories if source.category in (c.name, c.key)]
        for category in meant:
            rules[category.id].append((source, target))
        if not meant:
            unknown.append(str(source.category))
    _check_coverage([c for c in dataset.categories if not rules[c.id]], labels, dataset)
    for category in dataset.categories:
        _check_rules(rules[category.id], category, labels, dataset)
    categories = Categories(_made(i, t, rules, dataset) for i, t in enumerate(labels.targets))
    return Binding(rules=tuple(map(tuple, rules)), categories=categories, unknown=tuple(unknown))


def _check_coverage(unnamed: Sequence[Category], labels: LabelMap, dataset: Dataset) -> None:
    if not unnamed:
        return
    first, *others = unnamed
    rest = ", ".join(repr(c.name) for c in others[:5]) + ", …" * (len(others) > 5)
    raise DataError(
        f"labels {labels.name} say nothing of it (id {first.key})"
        + (f", nor of {len(others)} more ({rest})" if others else "")
        + "; name it in from, ignore or drop",
        file=dataset.path,
        field=f"categories: {first.name!r}",
    )


def _check_rules(
    rules: Sequence[tuple[Source, int]], category: Category, labels: LabelMap, dataset: Dataset
) -> None:
    where: dict[str, Any] = {"file": dataset.path, "field": f"categories: {category.name!r}"}
    if any(source.where is None for source, _ in rules[:-1]):
        raise DataError(f"labels {labels.name} name it twice without a rule", **where)
    if rules[-1][0].where is not None:
        raise DataError(
            f"labels {labels.name} split it by rule; say last, without where, what becomes of the rest",
            **where,
        )


def _made(
    place: int, target: Target, rules: Sequence[Sequence[tuple[Source, int]]], dataset: Dataset
) -> Category:
    """The category to have; what the map leaves open is taken from its sources where they agree."""
    sources = [c for c in dataset.categories if any(to == place for _, to in rules[c.id])]
    kinds = {c.isthing for c in sources}
    if target.isthing is None and kinds >= {True, False}:
        raise DataError(
            f"is made from things and stuff ({', '.join(c.name for c in sources[:5])}); say isthing",
            file=dataset.path,
            field=f"labels: {target.name!r}",
        )
    one = sources[0] if len(sources) == 1 else Category(id=0, name="")
    parents = {c.parent for c in sources}
    return Category(
        id=place,
        name=target.name,
        source_id=target.id if target.id != place else None,
        isthing=target.isthing if target.isthing is not None or len(kinds) != 1 else kinds.pop(),
        color=target.color or one.color,
        parent=target.parent or (parents.pop() if len(parents) == 1 else None),
        synset=one.synset,
        frequency=one.frequency,
    )


def description(labels: LabelMap) -> Mapping[str, Any]:
    """What ``dataset.json`` says of a map of labels."""
    return {
        "name": labels.name,
        "sha256": labels.sha256,
        "categories": [{"name": t.name, "from": [_plain(s) for s in t.sources]} for t in labels.targets],
        "ignore": [_plain(s) for s in labels.ignore],
        "drop": [_plain(s) for s in labels.drop],
    }


def _plain(source: Source) -> Any:
    if source.where is None and not source.ignore:
        return source.category
    rule = {"where": source.where.text} if source.where is not None else {}
    return {"category": source.category, **rule, **({"ignore": True} if source.ignore else {})}


def _listed(sources: Sequence[Source]) -> str:
    words = []
    for source in sources:
        rule = f" where {source.where.text}" if source.where is not None else ""
        words.append(f"{source.category}{rule}{' (ignore)' * source.ignore}")
    return ", ".join(words) if words else "–"
