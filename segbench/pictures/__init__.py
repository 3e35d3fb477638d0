"""Pictures of what runs got wrong: from data sets and predictions to transparent pictures of both.

::

    __init__.py   Pictures: which of them show a board's images
    sources.py    a data set, and predictions on it, as the user names them
    matching.py   whose predictions they are: measured again, they must give what the record counts
    scene.py      one sample as a transparent picture
    mistakes.py   what was found, missed and made up

Nothing here goes into a score. A leaderboard needs run records alone; its pictures need the data as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from segbench.canonical.dataset import Dataset
from segbench.drawn import BoardPictures, Overlay, Picture
from segbench.errors import DataError
from segbench.gallery.overlay import css_color, draw_picture
from segbench.pictures.matching import Matches, match
from segbench.pictures.mistakes import draw_mistakes
from segbench.pictures.scene import SIDE, draw_scene, drawn_from
from segbench.pictures.sources import Reading, open_sources
from segbench.records.results import RunRecord

__all__ = ["Pictures", "Reading"]


class Pictures:
    """Data sets, and predictions on them, with which a leaderboard shows its images.

    Parameters
    ----------
    sources
        ``DATASET`` or ``DATASET=PREDICTIONS``: paths in any readable format. A data set may be named several
        times. Predictions that a run saved beside its record need not be named.
    how
        Formats and options, as of a score.

    Raises
    ------
    DataError, UsageError
        When a data set or predictions cannot be opened.
    """

    def __init__(self, sources: Sequence[str], how: Reading | None = None) -> None:
        self._sources = open_sources(sources, how or Reading())

    def of(self, records: Sequence[RunRecord], image_ids: Sequence[str]) -> BoardPictures | None:
        """The pictures of a board of comparable runs; None where no data set has its fingerprint.

        Some of the images are measured again, to tell whose the predictions are.
        """
        fingerprint = records[0].dataset["fingerprint"]
        source = next((one for one in self._sources if one.truth.fingerprint == fingerprint), None)
        if source is None:
            return None
        matches = match(source, records, image_ids)
        return BoardPictures(
            draw=partial(draw, source.truth, matches, records[0].task),
            predicted=list(matches.predictions),
            colors={category.id: css_color(category) for category in source.truth.categories},
            notes=matches.notes,
        )


def draw(truth: Dataset, matches: Matches, task: str, image_id: str) -> Picture:
    """Draw one image with its truth and all predictions of it; DataError where an annotation is damaged."""
    sample = truth.by_id(image_id)
    try:
        picture, missing = draw_picture(sample, SIDE), ""
    except DataError as error:
        picture, missing = None, error.message
    scene, present = draw_scene(sample, truth.categories, task)
    category_ids = set(present)
    overlays = {}
    for place, predictions in matches.predictions.items():
        pred, note = drawn_from(predictions.by_id(image_id), matches.thresholds.get(place))
        drawn, present = draw_scene(pred, truth.categories, task)
        overlays[place] = Overlay(prediction=drawn, mistakes=draw_mistakes(pred, sample, task), note=note)
        category_ids.update(present)
    return Picture(
        image_id=image_id,
        width=sample.width,
        height=sample.height,
        picture=picture,
        missing=missing,
        truth=scene,
        overlays=overlays,
        category_ids=sorted(category_ids),
    )
