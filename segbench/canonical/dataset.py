"""Dataset: samples by index or id, read when asked for; nothing but an index is held."""

from __future__ import annotations

import hashlib
import json
import os
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache, partial
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from segbench.canonical.batches import Batch, make_batches
from segbench.canonical.categories import Categories
from segbench.canonical.instances import InstanceTable
from segbench.canonical.label_table import LabelTable
from segbench.canonical.sample import Sample
from segbench.errors import DataError, UsageError, did_you_mean

if TYPE_CHECKING:
    from torch.utils.data import Dataset as TorchDataset


class Dataset(Sequence[Sample]):
    """A data set in the canonical form: a sequence of samples, each read when it is asked for.

    Parameters
    ----------
    name
        What reports call it.
    categories
        The meaning of category ids.
    image_ids
        String ids, unique, in the order of the data set.
    load
        Reads the sample of an index; called from several threads.
    size
        Reads height and width of an index where that is quicker.
    tasks
        Of ``semantic``, ``instance`` and ``panoptic``, those that the annotations serve.
    format, path
        Where it came from.
    splits
        ``{name: count}``, in order, when the samples belong to named splits; empty ones are dropped.
    extra
        What the source says of the data set as a whole (licences, info …).
    fingerprint
        Where the source states it; else it is computed from all records when asked for.
    notes
        What a reader of a score on it should know.
    instances
        The segments of all samples as columns, where the format reads them so.
    labels
        The label maps of all samples, where these hold nothing else.
    about
        Reads ``extra`` of the sample of an index, where ``instances`` or ``labels`` spare its reading.

    Raises
    ------
    DataError
        When it is empty, an id stands twice, or the splits have another number of images.
    """

    def __init__(
        self,
        *,
        name: str,
        categories: Categories,
        image_ids: Sequence[str],
        load: Callable[[int], Sample],
        size: Callable[[int], tuple[int, int]] | None = None,
        tasks: Sequence[str],
        format: str = "memory",  # noqa: A002 - the field's word, as in the public signature
        path: Path | None = None,
        splits: Mapping[str, int] | None = None,
        extra: Mapping[str, Any] | None = None,
        fingerprint: str | None = None,
        notes: Sequence[str] = (),
        instances: InstanceTable | None = None,
        labels: LabelTable | None = None,
        about: Callable[[int], Mapping[str, Any]] | None = None,
    ) -> None:
        self.name = name
        self.categories = categories
        self.image_ids = image_ids
        self.tasks = tuple(tasks)
        self.format = format
        self.path = path
        self.splits = {split: n for split, n in (splits or {"train": len(image_ids)}).items() if n}
        self.extra = dict(extra or {})
        self.notes = tuple(notes)
        self._load, self._size = load, size
        self.instances, self.labels = instances, labels
        self._about = about
        self.stated_fingerprint = fingerprint
        self._index = _index(image_ids, path)
        self._opener: tuple[str, Callable[[], Dataset]] | None = None
        if sum(self.splits.values()) != len(image_ids):
            raise DataError(
                f"the splits have {sum(self.splits.values())} images, the data set {len(image_ids)}",
                file=path,
            )

    def __reduce__(self) -> Any:
        """Other processes open what was opened here again; a view is sent as it is."""
        if self._opener is not None:
            return _opened_again, self._opener
        return object.__new__, (Dataset,), {k: v for k, v in self.__dict__.items() if k != "_index"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._index = _index(self.image_ids, self.path)

    def opened_by(self, opener: Callable[[], Dataset]) -> Dataset:
        """Note what opens this data set, so that other processes can; it must be possible to send it."""
        self._opener = os.urandom(8).hex(), opener
        return self

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        if isinstance(index, slice):
            return [self._load(i) for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return self._load(index % len(self))

    def __len__(self) -> int:
        return len(self.image_ids)

    def __iter__(self) -> Iterator[Sample]:
        return map(self._load, range(len(self)))

    def __repr__(self) -> str:
        return (
            f"Dataset({self.name!r}, {len(self)} images, {len(self.categories)} categories, "
            f"{'/'.join(self.tasks)}, format={self.format!r})"
        )

    @property
    def id2label(self) -> dict[int, str]:
        """``{category id: name}``."""
        return self.categories.id2label

    @property
    def ignore_index(self) -> int:
        """Mask value of pixels that are never scored."""
        return self.categories.ignore_index

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the categories and of every record: equal for any order, format or coding of one truth."""
        if self.stated_fingerprint is not None:
            return self.stated_fingerprint
        return fingerprint(self.categories, (sample.record_sha256 for sample in self))

    def about(self, index: int) -> Mapping[str, Any]:
        """What the source says of an image beside its truth, where that is read without the sample."""
        return {} if self._about is None else self._about(index)

    def has(self, image_id: str) -> bool:
        """Tell whether there is an image of this id."""
        return image_id in self._index

    def by_id(self, image_id: str) -> Sample:
        """Return the sample of this id.

        Raises
        ------
        DataError
            When there is none.
        """
        index = self._index.get(image_id)
        if index is None:
            raise DataError("there is no such image", file=self.path, image_id=image_id)
        return self._load(index)

    def size(self, index: int) -> tuple[int, int]:
        """Return height and width of a sample in pixels."""
        if self._size is not None:
            return self._size(index)
        sample = self._load(index)
        return sample.height, sample.width

    def split(self, name: str) -> Dataset:
        """Return one split as a data set of its own.

        Raises
        ------
        UsageError
            When there is no split of this name.
        """
        if name not in self.splits:
            raise UsageError(f"{self.name} has no split {name!r}.{did_you_mean(name, self.splits)}")
        start = 0
        for other, count in self.splits.items():
            if other == name:
                break
            start += count
        return Dataset(
            name=self.name,
            categories=self.categories,
            image_ids=self.image_ids[start : start + self.splits[name]],
            load=partial(_from, self.__getitem__, start),
            size=partial(_from, self.size, start),
            tasks=self.tasks,
            format=self.format,
            path=self.path,
            splits={name: self.splits[name]},
            extra=self.extra,
            fingerprint=self.stated_fingerprint if len(self.splits) == 1 else None,
            notes=self.notes,
        )

    def batches(self, size: int = 1, *, mask_dtype: str = "uint8") -> Iterator[Batch]:
        """Yield stacked images and masks, in order.

        Samples of differing size cannot be stacked: a batch ends where the size changes, so it holds between
        1 and ``size`` samples.

        Parameters
        ----------
        size
            Samples a batch at most.
        mask_dtype
            ``uint8``, or ``int32`` for more than 255 categories (ignore is then 65,535).

        Raises
        ------
        UsageError
            When the categories do not fit ``mask_dtype``, or ``size`` is below 1.
        """
        return make_batches(self, self.categories, size, mask_dtype)

    def to_torch(self) -> TorchDataset[dict[str, Any]]:
        """Return a view as a ``torch.utils.data.Dataset`` of ``{image, mask, image_id}``.

        ``image`` is uint8 [3, H, W]; ``mask`` is int64 [H, W], as cross-entropy wants it.

        Raises
        ------
        UsageError
            When torch is not installed.
        """
        from segbench.canonical.torch_view import torch_view

        return torch_view(self)


def _index(image_ids: Sequence[str], path: Path | None) -> dict[str, int]:
    """``{image id: position}``; refuse none at all, and one that stands twice."""
    if not image_ids:
        raise DataError("holds no images", file=path)
    index = {image_id: i for i, image_id in enumerate(image_ids)}
    if len(index) != len(image_ids):
        raise DataError(
            "this image id stands twice; where it belongs to two splits, choose one",
            file=path,
            image_id=next(x for i, x in enumerate(image_ids) if index[x] != i),
            field="image_id",
        )
    return index


def is_canonical(path: Path) -> bool:
    """Tell whether a folder holds a data set in the canonical form."""
    return (path / "dataset.json").is_file() and (path / "id2label.json").is_file()


def concat(parts: Sequence[Dataset], name: str, path: Path) -> Dataset:
    """Join data sets of the same categories, each with splits of its own.

    Raises
    ------
    DataError
        When their categories differ, or an image id or a split stands twice.
    """
    first = parts[0]
    for part in parts:
        if part.categories != first.categories:
            raise DataError("has other categories than the splits before it", file=part.path)
    splits = {split: count for part in parts for split, count in part.splits.items()}
    if len(splits) < sum(len(part.splits) for part in parts):
        raise DataError("two files claim the same split", file=path)
    starts = [0, *accumulate(len(part) for part in parts)]
    return Dataset(
        name=name,
        categories=first.categories,
        image_ids=[image_id for part in parts for image_id in part.image_ids],
        load=partial(_load_of_parts, parts, starts),
        size=partial(_size_of_parts, parts, starts),
        tasks=first.tasks,
        format=first.format,
        path=path,
        splits=splits,
        extra=first.extra,
        notes=list(dict.fromkeys(note for part in parts for note in part.notes)),
    )


@lru_cache(maxsize=8)
def _opened_again(_: str, opener: Callable[[], Dataset]) -> Dataset:
    """Open a data set once in a process; a file that was opened anew has another token."""
    return opener()


# Functions of the module, and no closures, so that a data set can be sent to worker processes.
def _from(read: Callable[[int], Any], start: int, index: int) -> Any:
    return read(start + index)


def _load_of_parts(parts: Sequence[Dataset], starts: Sequence[int], index: int) -> Sample:
    at = bisect_right(starts, index) - 1
    return parts[at][index - starts[at]]


def _size_of_parts(parts: Sequence[Dataset], starts: Sequence[int], index: int) -> tuple[int, int]:
    at = bisect_right(starts, index) - 1
    return parts[at].size(index - starts[at])


def fingerprint(categories: Categories, record_hashes: Iterable[str]) -> str:
    """Hash the meaning of the ids, how frequent each is where that is told, and the sorted record hashes."""
    meaning = [
        [c.id, c.name, c.source_id, c.isthing, *([c.frequency] if c.frequency else [])] for c in categories
    ]
    digest = hashlib.sha256(json.dumps(meaning, separators=(",", ":")).encode())
    for record in sorted(record_hashes):
        digest.update(bytes.fromhex(record))
    return digest.hexdigest()
