"""How annotations lie on pictures that EXIF turns, counted over a data set, and what of that may surprise."""

from __future__ import annotations

from collections.abc import Iterator

from segbench.canonical.exif import Frame, frame_of
from segbench.canonical.sample import Sample

_EXAMPLES = 3
_TEXTS: dict[Frame, str] = {
    "stored": "have annotations that were drawn on the picture as it is stored; image and masks are read so, "
    "and a conversion with pictures turns the masks upright",
    "upright": "have annotations that lie on the picture as it is seen upright; image and masks are read so",
    "unknown": "have one size before and after, and nothing tells on which picture their annotations were "
    "drawn; both are read upright",
}


class Lying:
    """Counts the images that EXIF turns, by the frame of their annotations."""

    def __init__(self) -> None:
        self._found: dict[Frame, list[str]] = {frame: [] for frame in _TEXTS}
        self._counts = dict.fromkeys(_TEXTS, 0)

    def add(self, sample: Sample) -> None:
        """Count a sample."""
        frame = frame_of(sample)
        if frame is not None:
            self._counts[frame] += 1
            self._found[frame] += [sample.image_id] * (self._counts[frame] <= _EXAMPLES)

    def findings(self) -> Iterator[tuple[str, str]]:
        """Yield (level, text) of each frame.

        Where nothing tells of some, and others were drawn on pictures as they are stored, these were too, as
        likely as not, and would be read wrong: a warning.
        """
        for frame, count in self._counts.items():
            if count:
                shown = ", ".join(self._found[frame]) + ", …" * (count > _EXAMPLES)
                text = f"images: {count} that EXIF turns ({shown}) {_TEXTS[frame]}"
                doubtful = frame == "unknown" and self._counts["stored"]
                doubt = f"{text}, unlike others here; `segbench convert --exif stored` turns them"
                yield ("warning", doubt) if doubtful else ("note", text)
