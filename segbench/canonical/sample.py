"""Sample: one image with its truth, or with a prediction, as plain frozen data."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segbench.canonical import maps
from segbench.canonical.images import decode_image
from segbench.canonical.paths import read_bytes
from segbench.canonical.picture_head import Turn, turn_of_data, turn_of_file
from segbench.canonical.records import head_bytes, map_bytes, segment_bytes
from segbench.canonical.segment import Segment
from segbench.canonical.size import check_size
from segbench.errors import DataError
from segbench.kernels import LabelRuns

LabelMap = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFile:
    """An image as it was published: a file, or its bytes where the source packs them.

    Attributes
    ----------
    name
        File name, with the folders that the data set gives it.
    path, data
        Where the bytes are: one of the two.
    """

    name: str
    path: Path | None = None
    data: bytes | None = None

    def read(self, image_id: str | None = None) -> bytes:
        """Return the original bytes.

        Raises
        ------
        DataError
            When the file is missing; ``image_id`` goes into its message.
        """
        if self.data is not None:
            return self.data
        if self.path is None:
            raise DataError("there is no image file", file=self.name, image_id=image_id)
        try:
            return read_bytes(self.path)
        except OSError as error:
            raise DataError(
                f"cannot read the file: {error.strerror}", file=self.path, image_id=image_id
            ) from None

    def turn(self) -> Turn | None:
        """How EXIF turns the picture; None where it does not, cannot be read, or is made when it is read."""
        if self.data is not None:
            return turn_of_data(self.data)
        return None if self.path is None else turn_of_file(self.path)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One image with its truth, or with a prediction. Pixels are read when asked for, and then kept.

    Attributes
    ----------
    image_id
        String id, unique in the data set.
    height, width
        Size in pixels of the image and of every mask; of a picture that EXIF turns, as seen upright or as
        stored, whichever of them the annotations were drawn on.
    segments
        Instances, or the segments of the segment map; empty for semantic data.
    overlap
        True where segments may overlap (COCO instances): then they are the truth, and maps derive from them.
    overlap_policy
        Which of overlapping segments maps show: see :data:`segbench.canonical.maps.OVERLAP_POLICIES`.
    ignore_index
        Mask value of pixels that are never scored.
    image_file
        The original image; None where the data set has none.
    load_mask, load_segment_map
        Read the label map, uint8 or uint16 [H, W] of category ids, and the segment map, int32 [H, W] of
        segment ids with 0 for void; or the runs of either. None where the data set has none.
    source_path
        The file that the annotation came from, for messages.
    neg_category_ids, not_exhaustive_category_ids
        Federated truth (LVIS): categories that are surely absent, and those not all of whose instances are
        annotated. None where every category is annotated everywhere.
    video_id, frame
        Place in a video.
    extra
        Whatever else the source says of the image.
    """

    image_id: str
    height: int
    width: int
    segments: Sequence[Segment] = ()
    overlap: bool = False
    overlap_policy: str = maps.OVERLAP_POLICY
    ignore_index: int = 255
    image_file: ImageFile | None = None
    load_mask: Callable[[], LabelMap | LabelRuns] | None = None
    load_segment_map: Callable[[], NDArray[np.int32] | LabelRuns] | None = None
    source_path: str | None = None
    neg_category_ids: tuple[int, ...] | None = None
    not_exhaustive_category_ids: tuple[int, ...] | None = None
    video_id: str | None = None
    frame: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> Literal["instance", "panoptic", "semantic"]:
        """Which of its parts is the truth: segments, segment map or mask."""
        if self.overlap:
            return "instance"
        return "semantic" if self.load_segment_map is None else "panoptic"

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        """The image, RGB, uint8 [3, H, W], always turned as the masks are.

        EXIF is followed, and so it is upright, unless the sample has the size of the picture as it is stored;
        then the annotations were drawn on that, and so is the image. Where the two do not differ in size,
        nothing tells, and annotations count as upright.

        Raises
        ------
        DataError
            When there is none, it cannot be decoded, or its size is not the sample's.
        """
        if self.image_file is None:
            raise DataError("the data set has no picture of it", image_id=self.image_id, field="image")
        where: dict[str, Any] = {
            "file": self.image_file.path or self.image_file.name,
            "image_id": self.image_id,
        }
        return decode_image(self.image_file.read(self.image_id), (self.height, self.width), **where)

    @cached_property
    def turn(self) -> Turn | None:
        """How EXIF turns its picture; None where there is none, it does not, or the file cannot be read."""
        return None if self.image_file is None else self.image_file.turn()

    def check_size(self, height: int, width: int, **where: Any) -> None:
        """Check that a picture is as large as what is said of it.

        Raises
        ------
        DataError
            When it is not; ``where`` goes into its message.
        """
        check_size((height, width), (self.height, self.width), **where)

    @cached_property
    def segment_map(self) -> NDArray[np.int32]:
        """Segment ids, int32 [H, W], 0 for void.

        Raises
        ------
        DataError
            When the sample has none.
        """
        return _as_map(self._segment_map)

    @cached_property
    def segment_runs(self) -> LabelRuns:
        """The runs of :attr:`segment_map`: what is counted and hashed; errors as there."""
        return _as_runs(self._segment_map)

    @cached_property
    def _segment_map(self) -> NDArray[np.int32] | LabelRuns:
        if self.load_segment_map is None:
            raise DataError("there is no segment map", image_id=self.image_id, field="segment_map")
        return self._sized(self.load_segment_map(), "segment map")

    @cached_property
    def mask(self) -> LabelMap:
        """Category ids, uint8 or uint16 [H, W], ``ignore_index`` for void.

        Read from the data set where it has one, else derived: from the segment map, or by painting segments
        by ``overlap_policy``. Ignore regions are void.

        Raises
        ------
        DataError
            When it is of another size than the sample, a segment cannot be drawn, or it holds an id that does
            not fit 8 bits (16 where ``ignore_index`` is 65,535).
        """
        return _as_map(self._mask)

    @cached_property
    def mask_runs(self) -> LabelRuns:
        """The runs of :attr:`mask`: what is counted and hashed; errors as there."""
        return _as_runs(self._mask)

    @cached_property
    def _mask(self) -> LabelMap | LabelRuns:
        if self.load_mask is not None:
            mask = self._sized(self.load_mask(), "mask")
            where = {"file": self.source_path, "image_id": self.image_id}
            if isinstance(mask, LabelRuns):
                if mask.values.dtype == maps.mask_dtype(self.ignore_index):
                    return mask
                return replace(mask, values=maps.fit(mask.values, self.ignore_index, **where))
            return maps.fit(mask, self.ignore_index, **where)
        if self.load_segment_map is not None:
            return maps.mask_from_segment_runs(self.segment_runs, self.segments, self.ignore_index)
        return maps.mask_from_places(self.places, self.segments, self.ignore_index)

    @cached_property
    def places(self) -> LabelRuns:
        """Which segment is seen where, int32: i + 1 for ``segments[i]``, 0 for none; errors of `mask`."""
        if self.load_segment_map is not None:
            return maps.places_on_map(self.segment_runs, self.segments)
        try:
            return maps.places_of_segments(self.segments, self.height, self.width, self.overlap_policy)
        except ValueError as error:
            raise self.error(str(error), "segments") from None

    @cached_property
    def record_sha256(self) -> str:
        """Hash of what the truth says of this image: id, size, segments and pixels, not how they are coded.

        Images are left out (``image_sha256`` of the row hashes them), so that a data set scored from its
        annotations alone and the converted one have the same fingerprint.
        """
        size = self.height, self.width
        lists = self.neg_category_ids, self.not_exhaustive_category_ids
        digest = hashlib.sha256(head_bytes(self.image_id, size, self.kind, *lists))
        digest.update(b"".join(sorted(map(segment_bytes, self.segments))))
        if self.kind != "instance":
            runs = self.segment_runs if self.kind == "panoptic" else self.mask_runs
            for part in map_bytes(runs, self.kind):
                digest.update(part)
        return digest.hexdigest()

    def error(self, message: str, field: str) -> DataError:
        """Return an error that names the source, this image and the field."""
        return DataError(message, file=self.source_path, image_id=self.image_id, field=field)

    def _sized(self, array: Any, what: str) -> Any:
        if array.shape != (self.height, self.width):
            height, width = array.shape
            message = f"the {what} is {width}×{height} pixels, the image {self.width}×{self.height}"
            raise self.error(message, what.replace(" ", "_"))
        return array


def _as_map(ids: Any) -> Any:
    return ids.to_map() if isinstance(ids, LabelRuns) else ids


def _as_runs(ids: Any) -> LabelRuns:
    return ids if isinstance(ids, LabelRuns) else LabelRuns.of(ids)
