"""InstanceImages: the stats of many images, kept one by one or by spans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise

from segbench.metrics.doubts import Doubt
from segbench.metrics.images import ImageStats, is_integer
from segbench.metrics.instance_curves import Tallied
from segbench.metrics.instance_match import InstanceStats
from segbench.metrics.instance_table import SpanStats


class InstanceImages:
    """Images, each once. Spans stay whole while they come alone, in the order in which images are joined."""

    def __init__(self) -> None:
        self._single = ImageStats[InstanceStats]()
        self._spans: list[SpanStats] = []
        self._last = 0

    def extend(self, items: Iterable[InstanceStats]) -> None:
        """Add images: all of them or, if one is refused, none.

        Raises
        ------
        DataError
            When an image is there already.
        """
        self._single.extend(chain(self._taken_apart(), items))
        self._spans.clear()

    def add_span(self, span: SpanStats) -> None:
        """Add the images of a span; errors as :meth:`extend`."""
        image_ids = span.image_ids
        numbers = [int(i) for i in image_ids] if all(map(is_integer, image_ids)) else []
        begin = [self._last] if self._spans else []
        if len(self._single) or not numbers or any(a >= b for a, b in pairwise([*begin, *numbers])):
            self.extend(span.by_image())
        else:
            self._last = numbers[-1]
            self._spans.append(span)

    def by_id(self) -> list[InstanceStats]:
        """The images in the order in which they are joined; see :meth:`ImageStats.by_id`."""
        self.extend(())
        return self._single.by_id()

    def parts(self) -> Sequence[Tallied]:
        """The columns of all images in that order, in as few pieces as there are."""
        return [span.tallies for span in self._spans] if self._spans else self._single.by_id()

    def doubts(self) -> Iterator[Doubt]:
        """What a reader of the score should know of the images."""
        for span in self._spans:
            yield from chain.from_iterable(span.doubts.values())
        for image in self._single.by_id():
            yield from image.doubts

    def _taken_apart(self) -> Iterable[InstanceStats]:
        return chain.from_iterable(span.by_image() for span in self._spans)
