"""Image ids and splits that are read as others, where a format tells images apart by names of files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType

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
        How it does.
    splits
        The split of each sample.
    all_splits
        The splits.
    """

    names: ImageNames
    splits: Sequence[str]
    all_splits: Sequence[str]

    def name(self, index: int, sample: Sample) -> str:
        """Return what the sample of an index is called.

        Raises
        ------
        DataError
            When that is no name of a file.
        """
        return self.names.name(sample, self.splits[index], self.all_splits)

    def lost(self, image_ids: Sequence[str], names: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Return the ids that are lost, by the names of all samples, each with the one that is read."""
        read = self.names.read(names, self.splits)
        return ((own, other) for own, other in zip(image_ids, read, strict=True) if own != other)

    def lost_splits(self, names: Sequence[str]) -> list[str]:
        """Return the splits of which an image is read in another one, by the names of all samples."""
        if self.names.split is None:
            return []
        read = map(self.names.split, names)
        return list(dict.fromkeys(s for s, other in zip(self.splits, read, strict=True) if s != other))


def naming_of(dataset: Dataset, module: ModuleType) -> Naming | None:
    """Return how a format names the samples of a data set; None where it states image ids.

    Raises
    ------
    DataError
        When the format needs names of files, and that of a split is none.
    """
    names: ImageNames | None = getattr(module, "NAMES", None)
    return None if names is None else Naming(names, in_splits(dataset.splits), list(dataset.splits))
