"""A data set, and predictions on it, as the user names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segbench.canonical.dataset import Dataset
from segbench.errors import UsageError
from segbench.scoring.pairing import open_answers, open_truth


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How truth and predictions are read: formats (recognised where None), options and number of classes."""

    truth_format: str | None = None
    truth_options: Mapping[str, Any] = field(default_factory=dict)
    predictions_format: str | None = None
    predictions_options: Mapping[str, Any] = field(default_factory=dict)
    num_classes: int | None = None


@dataclass(frozen=True)
class Source:
    """An open data set, the predictions on it by path, and how more of them are read."""

    truth: Dataset
    predictions: Mapping[Path, Dataset]
    how: Reading

    def open(self, path: Path) -> Dataset:
        """Open predictions on this data set; errors as :func:`segbench.formats.open_predictions`."""
        return _open(path, self.truth, self.how)


def open_sources(words: Sequence[str], how: Reading) -> list[Source]:
    """Open ``DATASET`` or ``DATASET=PREDICTIONS`` words, each data set once.

    Raises
    ------
    DataError, UsageError
        When a path is missing, or cannot be opened.
    """
    paths: dict[Path, list[Path]] = {}
    for word in words:
        data, predictions = split_word(word)
        paths.setdefault(data, []).extend([] if predictions is None else [predictions])
    sources = []
    for data, named in paths.items():
        beside = named[0] if named else data
        options = dict(how.truth_options)
        truth = open_truth(data, beside, how.truth_format, options, how.num_classes)
        sources.append(Source(truth, {path: _open(path, truth, how) for path in named}, how))
    return sources


def split_word(word: str) -> tuple[Path, Path | None]:
    """``DATASET=PREDICTIONS`` at the first ``=`` that leaves two paths which exist.

    Raises
    ------
    UsageError
        When there is no such file or folder.
    """
    if Path(word).exists():
        return Path(word), None
    places = [i for i, char in enumerate(word) if char == "="]
    for place in places:
        data, predictions = Path(word[:place]), Path(word[place + 1 :])
        if data.exists() and word[place + 1 :] and predictions.exists():
            return data, predictions
    gone = [part for part in word.split("=", 1) if not Path(part).exists()]
    raise UsageError(f"pictures of {word!r}: there is no {' and no '.join(gone)}; give DATASET=PREDICTIONS")


def _open(path: Path, truth: Dataset, how: Reading) -> Dataset:
    return open_answers(path, truth, how.predictions_format, how.predictions_options or None)
