"""ClassMap: a model's categories matched with those of a data set, by name."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from segbench.errors import DataError, UsageError, did_you_mean

if TYPE_CHECKING:
    from segbench.canonical.categories import Categories
    from segbench.models.types import ModelInfo


@dataclass(frozen=True)
class ClassMap:
    """Which category of the data set each category of a model is.

    Attributes
    ----------
    model
        The model's name.
    ids
        Model category id → dense category id of the data set, or None where predictions are ignored.
    labels
        Model category id → its name in the model.
    missing
        Names of the data set's categories that the model does not know: it scores nothing on them.
    """

    model: str
    ids: Mapping[int, int | None]
    labels: Mapping[int, str]
    missing: tuple[str, ...] = ()

    @classmethod
    def match(
        cls,
        info: ModelInfo,
        categories: Categories,
        *,
        ignore: Iterable[str] = (),
        synonyms: Mapping[str, str | None] | None = None,
    ) -> ClassMap:
        """Match by name; case does not count, and ``_``, ``-`` and space are one.

        Parameters
        ----------
        info
            The model's names.
        categories
            The data set's.
        ignore
            Names of model categories whose predictions are not scored.
        synonyms
            What the data set calls a model's category, by the model's name for it; None ignores it. Names
            that the model does not have are passed over, so that one file serves several models.

        Raises
        ------
        UsageError
            When a model category is not in the data set and not in ``ignore``, fits two of its categories,
            ``ignore`` names one that the model does not have, or a synonym one that the data set has not.
        """
        skip = _ignored(info, ignore)
        names = [category.name for category in categories]
        other = _renamed(synonyms or {}, names)
        skip |= {key for key, name in other.items() if name is None}
        ids: dict[int, int | None] = {}
        gaps = []
        for model_id, label in sorted(info.id2label.items()):
            found = [] if _key(label) in skip else _find(other.get(_key(label)) or label, names)
            if len(found) > 1:
                raise UsageError(
                    f"model {info.name!r}: class {label!r} fits {len(found)} categories of the data set: "
                    f"{', '.join(repr(names[i]) for i in found)}; rename one of them"
                )
            if not found and _key(label) not in skip:
                gaps.append(_gap(label, names))
            ids[model_id] = found[0] if found else None
        if gaps:
            raise UsageError(
                f"model {info.name!r} has classes that the data set has not: {', '.join(gaps)}. "
                "Say what the data set calls them in a file of --synonyms, or --ignore them by name"
            )
        missing = tuple(name for i, name in enumerate(names) if i not in ids.values())
        return cls(info.name, ids, dict(info.id2label), missing)

    def report(self, categories: Categories) -> str:
        """Return the map as lines to read: model id and name → data set id and name."""
        used = sum(i is not None for i in self.ids.values())
        lines = [f"{self.model}: {used} of {len(self.ids)} classes are in the data set"]
        for model_id, i in self.ids.items():
            target = "ignored" if i is None else f"{i} {categories[i].name}"
            lines.append(f"  {model_id} {self.labels[model_id]} → {target}")
        if self.missing:
            lines.append(f"  not known to the model: {', '.join(self.missing)}")
        return "\n".join(lines)


def read_synonyms(file: Path) -> dict[str, str | None]:
    """Read a TOML file of ``"name in the model" = "name in the data set"``, or ``= false`` to ignore it.

    Raises
    ------
    DataError
        When it cannot be read, or holds other values.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read: {error}", file=file) from None
    for name, value in content.items():
        if not isinstance(value, str) and value is not False:
            raise DataError(f"must be a name, or false to ignore it, not {value!r}", file=file, field=name)
    return {name: value or None for name, value in content.items()}


def _renamed(synonyms: Mapping[str, str | None], names: list[str]) -> dict[str, str | None]:
    for name, wanted in synonyms.items():
        if wanted is not None and not _find(wanted, names):
            raise UsageError(
                f"synonyms: {name!r} is to be {wanted!r}, which the data set has not."
                f"{did_you_mean(wanted, names)}"
            )
    return {_key(name): wanted for name, wanted in synonyms.items()}


def _key(name: str) -> str:
    return " ".join(name.replace("_", " ").replace("-", " ").casefold().split())


def _find(label: str, names: list[str]) -> list[int]:
    """Return the places of the names equal to a label, or else of those alike."""
    exact = [i for i, name in enumerate(names) if name == label]
    return exact or [i for i, name in enumerate(names) if _key(name) == _key(label)]


def _ignored(info: ModelInfo, ignore: Iterable[str]) -> set[str]:
    known = {_key(label) for label in info.id2label.values()}
    for name in ignore:
        if _key(name) not in known:
            hint = did_you_mean(name, info.id2label.values())
            raise UsageError(f"model {info.name!r} has no class {name!r} to ignore.{hint}")
    return {_key(name) for name in ignore}


def _gap(label: str, names: list[str]) -> str:
    by_key = {_key(name): name for name in names}
    close = difflib.get_close_matches(_key(label), by_key, n=2)
    hint = f" (nearest: {', '.join(repr(by_key[key]) for key in close)})" if close else ""
    return f"{label!r}{hint}"
