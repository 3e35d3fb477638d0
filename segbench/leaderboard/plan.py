"""Plan: how runs are resampled and tested, checked once for boards and comparisons."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from segbench.errors import UsageError, did_you_mean
from segbench.leaderboard.attributes import Attributes, clusters, read_attributes
from segbench.leaderboard.evidence import RunEvidence
from segbench.leaderboard.intervals import METHODS
from segbench.leaderboard.paired import TESTS
from segbench.leaderboard.pooled import HERE, How, Ints
from segbench.leaderboard.product import product_on
from segbench.leaderboard.resample import Draws

FEWEST = 100
"""Resamples that an interval needs."""


@dataclass(frozen=True)
class Plan:
    """How runs are resampled and tested; see :func:`segbench.leaderboard.build_leaderboard`."""

    n_boot: int = 2000
    seed: int = 0
    how: How = HERE
    interval: str = "percentile"
    test: str = "bootstrap"
    cluster: str | None = None
    attributes: Attributes = field(default_factory=Attributes)
    slices: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        n_boot: int,
        seed: int,
        interval: str,
        test: str,
        cluster: str | None,
        attributes: str | Path | None,
        threads: int | None,
        device: str = "cpu",
        slices: Sequence[str] = (),
    ) -> Self:
        """Check the options and read the file of attributes.

        Raises
        ------
        UsageError
            For an unknown interval or test, fewer than 100 resamples, or a device that is not there.
        DataError
            When the file of attributes is damaged.
        """
        check_names([interval], METHODS, "interval")
        check_names([test], TESTS, "test")
        if n_boot < FEWEST:
            raise UsageError(f"n_boot is {n_boot}: an interval needs {FEWEST} resamples or more")
        known = Attributes() if attributes is None else read_attributes(attributes)
        names: list[str] = []
        for one in slices:
            more = read_attributes(one) if Path(one).is_file() else None
            names += [one] if more is None else more.names
            known = known if more is None else known.joined(more)
        how = How(threads or os.cpu_count() or 1, product_on(device))
        return cls(n_boot, seed, how, interval, test, cluster, known, tuple(dict.fromkeys(names)))

    def draws(self, evidence: RunEvidence, dataset: str) -> Draws:
        """The resamples of a board; DataError where its images lack the attribute to cluster by."""
        return Draws(len(evidence.image_ids), self.n_boot, self.seed, self.clusters(evidence, dataset))

    def clusters(self, evidence: RunEvidence, dataset: str) -> Ints | None:
        """The cluster of each image, where clusters are drawn; DataError as :meth:`draws`."""
        if self.cluster is None:
            return None
        return clusters(self.cluster, evidence, self.attributes, dataset)


def check_names(names: Iterable[str], known: Iterable[str], what: str) -> None:
    """Raise UsageError for the first name that is not known."""
    for name in names:
        if name not in known:
            raise UsageError(f"unknown {what} {name!r}.{did_you_mean(name, known)}")
