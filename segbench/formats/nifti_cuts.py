"""Slices on their way into volumes: what is written of a sample, and where in which volume it stands."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from segbench.canonical.calibration import calibration
from segbench.canonical.images import encode_image, encode_labels
from segbench.canonical.paths import check_name
from segbench.canonical.pen import pack_bytes, unpack_bytes
from segbench.canonical.sample import Sample
from segbench.errors import DataError
from segbench.formats.flatten import flatten
from segbench.formats.image_names import ImageNames, whole
from segbench.formats.label_maps import Chosen
from segbench.formats.nifti_slices import SliceFile
from segbench.formats.nifti_volumes import MAX_VOXELS
from segbench.formats.pictures import picture_stem

EXTRA = "nifti"
"""Key of ``Sample.extra``: the volume of a slice, its header, affine and spacing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A slice as it is to be put into a volume.

    Attributes
    ----------
    name, shape, axis, index
        Its volume, and where it stands there.
    header, endianness
        Header of the volume in base64, None where there is none.
    limits
        Intensities that 0 and 255 of the picture stand for.
    original
        The volume that the picture was cut out of, which is taken over as it is.
    ignores
        Whether some of it is never scored.
    labels, picture
        PNGs; the picture is empty where there is none.
    """

    name: str
    shape: Sequence[int]
    axis: int
    index: int
    header: str | None = None
    endianness: str = "<"
    limits: Sequence[float] | None = None
    original: str | None = None
    ignores: bool = False
    labels: bytes = b""
    picture: bytes = b""

    def pack(self) -> bytes:
        """Return it as bytes."""
        said = {f.name: getattr(self, f.name) for f in fields(self) if f.type != "bytes"}
        return pack_bytes([json.dumps(said).encode(), self.labels, self.picture])

    @classmethod
    def unpack(cls, data: bytes) -> Cut:
        """Inverse of :meth:`pack`."""
        said, labels, picture = unpack_bytes(data)
        return cls(**json.loads(said), labels=labels, picture=picture)


def cut_out(chosen: Chosen, images: str, splits: Sequence[str], index: int, sample: Sample) -> bytes:
    """Return a sample as a packed slice; called by the pen, in whichever process.

    Raises
    ------
    DataError
        When its picture is missing, or its place is none.
    """
    flat, void = flatten(sample), void_of(chosen)
    rows = [None if s.ignore else chosen.rows[s.category_id] for s in flat.segments]
    values = flat.painted([None if row is None else row.value for row in rows], void, np.uint16)
    cut = _spot(sample, splits[index])
    if images != "none" and isinstance(sample.image_file, SliceFile):
        cut = replace(cut, original=str(sample.image_file.volume))
    elif images != "none" and sample.image_file is not None:
        limits = calibration(sample.image_file.read(sample.image_id))
        cut = replace(cut, picture=encode_image(sample.image), limits=limits)
    return replace(cut, labels=encode_labels(values), ignores=void in values.ids()).pack()


def void_of(chosen: Chosen) -> int:
    """Return the value of what is not scored: the one after the largest.

    Raises
    ------
    DataError
        When no category has a value.
    """
    values = [row.value for row in chosen.rows if row is not None]
    if not values:
        raise DataError("there is no category, and dataset.json has to name one", field="categories")
    return max(values) + 1


def slice_id(volume: str, index: int, depth: int) -> str:
    """Return the image id of a slice: ``volume/07``, or that of the volume where it has no other."""
    return volume if depth == 1 else f"{volume}/{index:0{len(str(depth - 1))}d}"


def _called(sample: Sample, split: str, _: Sequence[str]) -> str:
    cut = _spot(sample, split)
    return slice_id(cut.name, cut.index, cut.shape[cut.axis])


NAMES = ImageNames(_called, whole)


def _spot(sample: Sample, split: str) -> Cut:
    """The place that a slice was read from, or a volume of one slice.

    Raises
    ------
    DataError
        When that place is none, or of another size than the sample.
    """
    said, field = sample.extra.get(EXTRA), f"extra.{EXTRA}"
    where = {"image_id": sample.image_id, "field": "volume"}
    if not isinstance(said, dict):
        name = picture_stem(sample).removeprefix(f"{split}/").replace("/", "-")
        return Cut(
            name=check_name(name, **where),
            shape=(sample.width, sample.height, 1),
            axis=2,
            index=0,
        )
    known: list[Any] = [said.get(k) for k in ("volume", "axis", "slice", "endianness", "header", "shape")]
    if [type(value) for value in known] != [str, int, int, str, str, list]:
        raise sample.error("is no place in a volume", field)
    name, axis, index, order, header, shape = known
    sized = len(shape) == 3 and all(type(n) is int and n > 0 for n in shape) and axis in (0, 1, 2)
    sizes = [n for i, n in enumerate(shape) if i != axis] if sized else []
    if sizes != [sample.width, sample.height] or not 0 <= index < shape[axis] or order not in "<>":
        raise sample.error("is no place in a volume of slices of this size", field)
    if sample.width * sample.height * shape[axis] > MAX_VOXELS:
        raise sample.error(f"is of a volume of more than {MAX_VOXELS} voxels", field)
    try:
        base64.b64decode(header, validate=True)
    except (binascii.Error, ValueError) as error:
        raise sample.error(f"holds no header: {error}", field) from None
    return Cut(
        name=check_name(name, **where),
        shape=shape,
        axis=axis,
        index=index,
        header=header,
        endianness=order,
    )
