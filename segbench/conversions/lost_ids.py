"""Image ids and splits that are read as others, where a format tells images apart by names of files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample
from segbench.formats.image_names import ImageNames
from segbench.formats.pictures import in_splits


@dataclass(frozen=True, slots=True)
class Naming:
    """Names samples as a format does; it can be sent to another process.

    Attributes
    ----------
    names
        How it does; None where it states image ids.
    splits
        The split of each sample.
    all_splits
        The splits.
    """

    names: ImageNames | None
    splits: Sequence[str]
    all_splits: Sequence[str]

    def name(self, index: int, sample: Sample) -> str | None:
        """Return what the sample of an index is called.

        Raises
        ------
        DataError
            When that is no name of a file.
        """
        if self.names is None:
            return None
        return self.names.name(sample, self.splits[index], self.all_splits)

    def lost(self, image_ids: Sequence[str], names: Sequence[Any]) -> Iterator[tuple[str, str]]:
        """Yield the ids that are lost, by the names of all samples, each with the one that is read."""
        read = [] if self.names is None else self.names.read(names, self.splits)
        for image_id, other in zip(image_ids, read, strict=self.names is not None):
            if other != image_id:
                yield image_id, other

    def lost_splits(self, names: Sequence[Any]) -> list[str]:
        """Return the splits of which an image is read in another one, by the names of all samples."""
        if self.names is None or self.names.split is None:
            return []
        read = map(self.names.split, names)
        return list(dict.fromkeys(s for s, other in zip(self.splits, read, strict=True) if s != other))


def naming_of(dataset: Dataset, module: Any) -> Naming:
    """Return how a format names the samples of a data set.

    Raises
    ------
    DataError
        When the format needs names of files, and that of a split is none.
    """
    names: ImageNames | None = getattr(module, "NAMES", None)
    return Naming(names, [] if names is None else in_splits(dataset.splits), list(dataset.splits))
