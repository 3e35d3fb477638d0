"""Splits made anew: by ratio, by lists, or by ratio with groups kept together; seeded, and stratified."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segbench.canonical.dataset import Dataset
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.sample import Sample
from segbench.canonical.views import select
from segbench.errors import DataError, UsageError
from segbench.reshape.stratify import stratify
from segbench.reshape.subsets import read_list

WAYS = ("ratio", "list", "group")
GROUPS = ("folder", "video")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRule:
    """How a data set is split.

    Attributes
    ----------
    by
        ``ratio``, ``list`` or ``group``.
    parts
        ``{split: share}``, shares being positive numbers of any sum; of ``list``, ``{split: text file}``.
    group_by
        Of ``group``: ``folder`` of the picture, ``video``, or a pattern whose first group, in the picture's
        name, is what images have in common.
    seed
        Of the order in which images are dealt out.
    """

    by: str
    parts: Mapping[str, float | Path] = field(default_factory=dict)
    group_by: str = "folder"
    seed: int = 0


def parse_split_rule(by: str, parts: Sequence[str], group_by: str = "folder", seed: int = 0) -> SplitRule:
    """Make a rule of words ``train=0.8``, or ``train=train.txt``.

    Raises
    ------
    UsageError
        When a word is none, a share is not positive, or there are no parts.
    """
    if by not in WAYS:
        raise UsageError(f"split_by must be one of {', '.join(WAYS)}, not {by!r}")
    found: dict[str, float | Path] = {}
    for word in parts:
        name, equals, value = word.partition("=")
        if not equals or not name or not value:
            raise UsageError(f"{word!r} is no SPLIT={'FILE' if by == 'list' else 'SHARE'}")
        found[name] = Path(value) if by == "list" else _share(name, value)
    if not found:
        raise UsageError(f"to split by {by}, name the parts, such as train=0.8 and val=0.2")
    return SplitRule(by=by, parts=found, group_by=group_by, seed=seed)


def _share(name: str, value: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = 0.0
    if not 0 < share < float("inf"):
        raise UsageError(f"the share of {name} is a positive number, not {value!r}")
    return share


def split_dataset(dataset: Dataset, rule: SplitRule, pen: Pen = PLAIN) -> Dataset:
    """Return a data set with the splits of a rule; images that no list names are left out.

    By ratio, and by group, each category is shared out like the images, as far as whole images and groups can
    be: see :mod:`segbench.reshape.stratify`. It is the same for the same seed, and whatever pen has the
    samples looked at.

    Raises
    ------
    UsageError
        When a group is unknown, or a split would have no image.
    DataError
        When a list is not readable, or an image stands in two.
    """
    if rule.by == "list":
        places = _by_lists(dataset, rule)
    else:
        groups, has = _groups(dataset, rule, pen)
        shares = [share for share in rule.parts.values() if isinstance(share, float)]
        dealt = stratify(has, [len(g) for g in groups], shares, rule.seed)
        places = {
            split: sorted(i for g, to in zip(groups, dealt, strict=True) if to == at for i in g)
            for at, split in enumerate(rule.parts)
        }
    for split, of in places.items():
        if not of:
            raise UsageError(f"split {split!r} would have no image")
    return select(
        dataset, [i for of in places.values() for i in of], {s: len(of) for s, of in places.items()}
    )


def _by_lists(dataset: Dataset, rule: SplitRule) -> dict[str, list[int]]:
    taken: dict[int, str] = {}
    places: dict[str, list[int]] = {}
    for split, file in rule.parts.items():
        places[split] = read_list(Path(str(file)), dataset)
        for i in places[split]:
            if i in taken:
                where = f"twice in {split}" if taken[i] == split else f"in {taken[i]} and in {split}"
                raise DataError(f"stands {where}", file=str(file), image_id=dataset.image_ids[i])
            taken[i] = split
    return places


def _groups(dataset: Dataset, rule: SplitRule, pen: Pen) -> tuple[list[list[int]], list[dict[int, int]]]:
    """Images that stay together; of each such group ``{category id: how many of its images have it}``."""
    groups: dict[str, list[int]] = {}
    has: dict[str, dict[int, int]] = {}
    look = _Member(_checked(rule.group_by) if rule.by == "group" else None)
    for i, (key, present) in enumerate(pen.each(dataset, look)):
        groups.setdefault(key, []).append(i)
        counts = has.setdefault(key, {})
        for category_id in present:
            counts[category_id] = counts.get(category_id, 0) + 1
    pen.end()
    return list(groups.values()), list(has.values())


def _checked(group_by: str) -> str:
    """Return it, once it is known or a pattern with a group."""
    if group_by in GROUPS:
        return group_by
    try:
        pattern = re.compile(group_by)
    except re.error as error:
        raise UsageError(f"group_by is {', '.join(GROUPS)} or a pattern: {error}") from None
    if pattern.groups < 1:
        known = ", ".join(GROUPS)
        raise UsageError(f"the pattern {group_by!r} has no (group); group_by is {known} or one with it")
    return group_by


@dataclass(frozen=True, slots=True)
class _Member:
    """What the images of a group have in common, and the categories of one; of no ``group_by`` its number.

    An image that has none of it is a group of its own. It can be sent to another process.
    """

    group_by: str | None

    def __call__(self, index: int, sample: Sample) -> tuple[str, list[int]]:
        return self._key(index, sample), _present(sample)

    def _key(self, index: int, sample: Sample) -> str:
        alone = f"image {sample.image_id}"
        if self.group_by is None:
            return str(index)
        if self.group_by == "folder":
            return Path(_name(sample)).parent.as_posix()
        if self.group_by == "video":
            return alone if sample.video_id is None else sample.video_id
        match = re.search(self.group_by, _name(sample))
        return alone if match is None else match[1]


def _name(sample: Sample) -> str:
    if sample.image_file is not None:
        return sample.image_file.name
    return sample.source_path or sample.image_id


def _present(sample: Sample) -> list[int]:
    if sample.kind != "semantic":
        return sorted({s.category_id for s in sample.segments})
    return [i for i in sample.mask_runs.ids().tolist() if i != sample.ignore_index]
