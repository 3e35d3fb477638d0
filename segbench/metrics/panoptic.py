"""Panoptic quality, to the last bit of panopticapi's."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories, Category
from segbench.errors import SegbenchWarning, UsageError
from segbench.metrics.confused import EMPTY
from segbench.metrics.doubts import absent, texts, warn
from segbench.metrics.images import ImageStats
from segbench.metrics.inputs import as_array, as_categories, check_protocol, check_same
from segbench.metrics.panoptic_device import DevicePairs
from segbench.metrics.panoptic_inputs import Reader, SegmentLike, maps_in
from segbench.metrics.panoptic_match import PanopticStats, measure
from segbench.metrics.panoptic_rules import PANOPTIC_RULES, PANOPTICAPI, PanopticRules
from segbench.metrics.place import MOST_PENDING, OnDevice, Place
from segbench.metrics.rules import checked
from segbench.metrics.scores import Scores, class_rows, prefixed, running_mean, signature

if TYPE_CHECKING:
    import pyarrow as pa

    from segbench.canonical.sample import Sample
    from segbench.kernels import Device
    from segbench.metrics.once import Once

__all__ = ["PanopticQuality", "PanopticStats", "measure", "score"]


def score(
    images: Sequence[PanopticStats],
    categories: Categories,
    chunks: int = 1,
    signed: str = "",
    rules: PanopticRules = PANOPTICAPI,
) -> Scores:
    """Score images in the order given.

    PQ of a category is the sum of IoU over tp + fp / 2 + fn / 2, SQ that sum over tp (0 where tp is 0), RQ
    is tp over tp + fp / 2 + fn / 2. Means run over the categories that occur, by dense id; the others are
    NaN, where panopticapi says 0. ``chunks`` sums IoU in as many parts, as panopticapi on as many processes.
    The ``rules`` of other protocols change how IoUs are added and which categories the means run over.

    Warns
    -----
    SegbenchWarning
        When no category occurs at all: every score is NaN (panopticapi divides by zero).
    """
    tp, fp, fn = (_totals(images, what, len(categories)) for what in ("tp", "fp", "fn"))
    iou = _iou_sums(images, len(categories), len(images) if rules.added == "by_image" else chunks)
    if not (tp + fp + fn).any():
        warnings.warn("no segment of any category: panoptic quality is NaN", SegbenchWarning, stacklevel=2)
    return score_sums((tp, fp, fn), iou, categories, signed, rules)


def score_sums(
    counts: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    iou: NDArray[np.float64],
    categories: Categories,
    signed: str,
    rules: PanopticRules,
) -> Scores:
    """Score tp, fp and fn, int64 [K] each, and the sums of IoU, float64 [K]; see :func:`score`.

    Where boundaries count, the keys begin with ``boundary_``.
    """
    tp, fp, fn = counts
    occurs = tp + fp + fn > 0
    whole = np.where(occurs, tp + 0.5 * fp + 0.5 * fn, np.nan)
    sq = np.where(occurs, np.divide(iou, tp, out=np.zeros(len(tp)), where=tp > 0), np.nan)
    columns = {"pq": iou / whole, "sq": sq, "rq": tp / whole}
    if rules.float32:
        columns["rq"] = (tp.astype(np.float32) / whole.astype(np.float32)).astype(np.float64)
        columns["pq"] = sq * columns["rq"]
    if rules.averaged == "all":
        columns = {key: np.where(occurs, column, 0.0) for key, column in columns.items()}
        occurs = np.ones_like(occurs)
    isthing = np.array([math.nan if c.isthing is None else c.isthing for c in categories], np.float64)
    values: dict[str, float] = {}
    for suffix, chosen in (
        ("", occurs),
        ("_things", occurs & (isthing == 1)),
        ("_stuff", occurs & (isthing == 0)),
    ):
        values |= {key + suffix: running_mean(column[chosen]) for key, column in columns.items()}
    scores = Scores(values, class_rows(categories, columns), signed)
    return scores if rules.dilation_ratio is None else prefixed(scores, "boundary_")


def _totals(images: Sequence[PanopticStats], what: str, num_classes: int) -> NDArray[np.int64]:
    total = np.zeros(num_classes, np.int64)
    for image in images:
        total[image.category_ids] += getattr(image, what)
    return total


def _iou_sums(images: Sequence[PanopticStats], num_classes: int, chunks: int) -> NDArray[np.float64]:
    total = np.zeros(num_classes)
    for part in np.array_split(np.arange(len(images)), max(1, chunks)):
        ids = [np.empty(0, np.int32)] + [images[i].match_category_ids for i in part]
        ious = [np.empty(0)] + [images[i].match_ious for i in part]
        total += np.bincount(
            np.concatenate(ids), np.concatenate(ious), num_classes
        )  # adds one by one, in order
    return total


class PanopticQuality(OnDevice[DevicePairs]):
    """PQ, SQ and RQ over all categories, things and stuff.

    Parameters
    ----------
    categories
        Categories, or rows ``{id, name, isthing}``; then ids in :meth:`update` are those of the rows.
    protocol
        A panoptic protocol, ``panopticapi`` by default: see :func:`measure` and :func:`score`.
    chunks
        In how many parts IoU is summed.
    settings
        Rules that differ from the protocol's, by names of :class:`PanopticRules`.
    device
        Where to count pixels: ``cpu``, ``cuda``, ``cuda:1`` …, or ``auto``, where the first maps are. The
        scores do not depend on it.

    Images are summed in the order of their ``index``; where one has none, of their ids (as integers where
    all are); where one has no id, of their updates.

    Raises
    ------
    UsageError
        When the protocol or a rule is unknown, there is no category, ``chunks`` is below 1, or there is no
        such device.

    >>> metric = PanopticQuality([{"id": 0, "name": "cat", "isthing": 1}])
    >>> image = [[7, 7, 0]], [{"id": 7, "category_id": 0}]
    >>> metric.update(image, image)
    >>> metric.compute()["pq"]
    1.0
    """

    task: ClassVar[str] = "panoptic"
    _images: ImageStats[PanopticStats]

    def __init__(
        self,
        categories: Categories | Iterable[Category | Mapping[str, Any]] | int,
        protocol: str = "panopticapi",
        chunks: int = 1,
        settings: Mapping[str, Any] | None = None,
        *,
        device: str | Device = "auto",
    ) -> None:
        self._place = Place(device)
        self.protocol = check_protocol(protocol, PANOPTIC_RULES)
        self.rules = PANOPTIC_RULES[protocol].changed_by(settings or {})
        self.categories, dense_ids = as_categories(categories)
        self._reader = Reader(self.categories, dense_ids)
        if chunks < 1:
            raise UsageError(f"chunks must be at least 1, not {chunks}")
        self.chunks = chunks
        self._reading: dict[str, Any] = {  # what is told of rules and categories to measure an image
            "rules": self.rules,
            "stuff": frozenset(c.id for c in self.categories if c.isthing is False),
            "inside": 1 + max(c.key for c in self.categories),
        }
        self._told: set[str] = set()
        self.reset()

    @classmethod
    def build(cls, categories: Categories, protocol: str, settings: Mapping[str, Any]) -> Self:
        """Make a metric for a data set."""
        return cls(categories, protocol, checked("chunks", settings.get("chunks", 1), int), settings)

    @property
    def settings(self) -> dict[str, Any]:
        """``chunks``, and the rules that differ from those of ``panopticapi`` or of the protocol."""
        return {"chunks": self.chunks, **self.rules.settings(PANOPTIC_RULES[self.protocol])}

    @property
    def warnings(self) -> list[str]:
        """What a reader of the score should know: a line a kind, with how many images have it."""
        self._fold()
        images = self._images.by_index()
        tp, fp, fn = (_totals(images, what, len(self.categories)) for what in ("tp", "fp", "fn"))
        missing = np.flatnonzero(tp + fn == 0).tolist() if images else []
        zero = set(missing) if self.rules.averaged == "all" else set(np.flatnonzero(fp).tolist())
        return texts(doubt for image in images for doubt in image.doubts) + absent(
            self.categories, missing, zero
        )

    def update(
        self,
        pred: tuple[Any, Iterable[SegmentLike] | Sequence[Iterable[SegmentLike]] | Any],
        truth: tuple[Any, Iterable[SegmentLike] | Sequence[Iterable[SegmentLike]] | Any],
        image_id: object = None,
    ) -> None:
        """Add one image or a batch; errors as :func:`measure`.

        On a GPU nothing is copied, and the update of 512 images waits once: what is wrong with a map is told
        when scores are computed.

        Parameters
        ----------
        pred, truth
            ``(segment map, segments)``: integers [H, W], and :class:`Segment` objects or dicts
            ``{id, category_id, iscrowd, area}``; or [B, H, W], and such a list for each image. Or ``(class
            map, instance map)``, integers of one shape: every category and instance of things is a segment,
            and every category of stuff; what is of no category is void.
        image_id
            Its id, each once; of a batch a list of them.

        Warns
        -----
        SegbenchWarning
            The first time that the truth's areas or ids do not fit its map, or an image has no prediction.
        """
        counter = self._counter_for(**maps_in(pred, truth))
        if counter is not None:
            counter.add(self._reader, pred, truth, image_id)
            if counter.images >= MOST_PENDING:
                self._fold()
            return
        batch = self._reader.batch(pred, truth, image_id, as_array, np)
        for i, name in enumerate(batch.image_ids):
            pairs = [(side.maps[i], self._reader.segments_of(side, i)) for side in (batch.pred, batch.truth)]
            stats = measure(pairs[0], pairs[1], len(self.categories), image_id=name, **self._reading)
            self.add(stats)
            warn(stats.doubts, self._told)

    def _make_counter(self, device: Device) -> DevicePairs:
        if self.rules.dilation_ratio is not None:
            raise UsageError(f"protocol {self.protocol!r} measures boundaries of segments, on the CPU alone")
        return DevicePairs(device)

    def _add_counter(self, counter: DevicePairs) -> None:
        k, stuff = len(self.categories), self._reading["stuff"]
        found = list(counter.measure(self._reader, self.rules, k, stuff))
        self._images.extend(found)
        for stats in found:
            warn(stats.doubts, self._told)

    def measure_sample(
        self, pred: Sample, truth: Sample, index: int | None = None, once: Once | None = None
    ) -> PanopticStats:
        """Measure the segment maps of one image; errors as :func:`measure`."""
        return measure(
            (pred.segment_runs, pred.segments),
            (truth.segment_runs, truth.segments),
            len(self.categories),
            **self._reading,
            once=once,
            image_id=truth.image_id,
            index=index,
            pred_file=pred.source_path,
            truth_file=truth.source_path,
        )

    def image_row(self, stats: PanopticStats | None) -> dict[str, NDArray[Any]]:
        """``category_ids tp fp fn match_category_ids match_ious`` of one image, and who is taken for whom."""
        if stats is None:
            return {**_EMPTY, **EMPTY}
        return {name: getattr(stats, name) for name in _EMPTY} | stats.confused

    def detection_rows(self, stats: PanopticStats) -> dict[str, NDArray[Any]]:  # noqa: ARG002 - no such table
        """No columns: panoptic runs have no detections."""
        return {}

    def add(self, stats: PanopticStats) -> None:
        """Add the stats of one image.

        Raises
        ------
        DataError
            When it was added before.
        """
        self._images.extend([stats])

    def add_tables(self, images: pa.Table, detections: pa.Table | None = None) -> None:  # noqa: ARG002 - no such table
        """Add the images of a run record's ``images`` table."""
        rows = images.select(["image_id", "index", *_EMPTY]).to_pylist()
        for row in rows:
            columns: dict[str, Any] = {name: np.array(row[name], none.dtype) for name, none in _EMPTY.items()}
            self.add(PanopticStats(image_id=row["image_id"], index=row["index"], **columns))

    def merge(self, other: PanopticQuality) -> None:
        """Add the images of another metric of the same settings.

        Raises
        ------
        UsageError
            When the settings differ.
        DataError
            When both hold an image.
        """
        check_same(self, other)
        self._fold()
        other._fold()
        self._images.extend(other._images.by_index())

    def compute(self) -> Scores:
        """Score all images so far: ``pq``, ``sq``, ``rq``, and each over things and stuff.

        Where boundaries count, the keys begin with ``boundary_``.

        Raises
        ------
        DataError
            When a map that was counted on a GPU is refused; see :func:`measure`.
        """
        self._fold()
        signed = signature(self.protocol, self.settings)
        return score(self._images.by_index(), self.categories, self.chunks, signed, self.rules)

    def reset(self) -> None:
        """Forget every image."""
        self._images = ImageStats()
        self._counter = None


_EMPTY: dict[str, NDArray[Any]] = {
    "category_ids": np.empty(0, np.int32),
    "tp": np.empty(0, np.int64),
    "fp": np.empty(0, np.int64),
    "fn": np.empty(0, np.int64),
    "match_category_ids": np.empty(0, np.int32),
    "match_ious": np.empty(0, np.float64),
}
"""The columns of an image without segments."""
