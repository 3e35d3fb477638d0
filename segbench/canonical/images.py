"""PNG and JPEG in and out: the only place that decodes or encodes a picture.

Label maps come back as the ids that were stored: palette PNGs give their indices, never colours, and 2- and
4-bit greys their values, never stretched to 0..255. Pictures come back upright, as EXIF asks.
"""

from __future__ import annotations

import contextlib
import struct
from dataclasses import replace
from mmap import mmap
from typing import Any

import deflate
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from segbench.canonical.size import check_size
from segbench.errors import DataError
from segbench.kernels import (
    MAX_PIXELS,
    LabelRuns,
    png_pack,
    read_png,
    read_png_id_runs,
    read_png_ids,
    read_png_runs,
)

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE = b"\xff\xd8\xff"
_GREY, _RGB, _PALETTE, _RGBA = 0, 2, 3, 6
_PLAIN_COLORS = ("RGB", "YCbCr", "Gray")
_PIXELS_A_RUN = 8
"""Maps of shorter runs are packed by their pixels, in which more repeats than these show."""


def decode_image(data: bytes, size: tuple[int, int] | None = None, **where: Any) -> NDArray[np.uint8]:
    """Decode a picture to RGB: upright, unless what was drawn on it is not.

    Parameters
    ----------
    data
        The file's bytes: PNG, JPEG, or whatever Pillow reads.
    size
        Height and width of what was drawn on it. Where :func:`is_stored` says that this was the picture as it
        is stored, that is what is returned.
    where
        ``file``, ``image_id`` for the message of an error.

    Returns
    -------
    uint8 [3, H, W]

    Raises
    ------
    DataError
        When the bytes are no picture, are damaged, declare more than ``MAX_PIXELS``, or a size that is not
        that of what was drawn on it, of which nothing is decoded.
    """
    from segbench.canonical import pillow

    height, width, orientation = image_size(data, **where)
    stored = size is not None and is_stored(size, (height, width), orientation)
    if size is not None and not stored:
        check_size((height, width), size, **where)
    try:
        rgb = _decode_rgb(data)
    except pillow.FAULTS as error:
        raise DataError(f"cannot decode the image: {pillow.reason(error)}", **where) from None
    if not stored:
        rgb = upright(rgb, orientation)
    return rgb.transpose(2, 0, 1).copy()


def is_stored(size: tuple[int, int], upright_size: tuple[int, int], orientation: int) -> bool:
    """Tell by the height and width of annotations that they lie on a picture as stored, not as seen upright.

    Only orientations 5 to 8 have another size, and not of a square picture; else annotations are upright.
    """
    return orientation >= 5 and size == upright_size[::-1] != upright_size


def image_size(data: bytes, **where: Any) -> tuple[int, int, int]:
    """Read ``(height, width, EXIF orientation)`` from a picture's header, the size as seen upright.

    Raises
    ------
    DataError
        When the bytes are no picture, or declare more than ``MAX_PIXELS``.
    """
    plain = _plain_jpeg_size(data)
    if plain is not None:
        _check_size(plain[1], plain[0], where)
        return *plain, 1
    from segbench.canonical import pillow

    has_exif = True
    if data.startswith(PNG_SIGNATURE):
        _png_header(data, where)
        has_exif = png_may_be_turned(data)
    try:
        width, height, stated = pillow.header(data, has_exif=has_exif)
    except pillow.FAULTS as error:
        raise DataError(f"is no readable image: {pillow.reason(error)}", **where) from None
    _check_size(width, height, where)
    orientation = stated if isinstance(stated, int) and 1 <= stated <= 8 else 1
    return (width, height, orientation) if orientation >= 5 else (height, width, orientation)


def _plain_jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Height and width of a JPEG that says nothing of its orientation; None where Pillow has to look.

    Pillow looks for it in EXIF and in XMP.
    """
    if not data.startswith(JPEG_SIGNATURE) or jpeg_may_be_turned(data):
        return None
    try:
        height, width, color_space, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError:  # damaged or rare
        return None
    return (height, width) if color_space in _PLAIN_COLORS else None


def jpeg_may_be_turned(data: bytes) -> bool:
    """Tell whether a JPEG may say its orientation, in EXIF or XMP."""
    return b"Exif" in data or b"ns.adobe.com/xap" in data


def png_may_be_turned(data: bytes | mmap) -> bool:
    """Tell whether a chunk may hold EXIF or XMP: to ask Pillow for it decodes the pixels."""
    at = len(PNG_SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        if kind == b"eXIf" or data[at + 8 : at + 26].startswith((b"XML:com.adobe.xmp", b"Raw profile type")):
            return True
        at += 12 + length
    return False


def upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Apply EXIF orientation 1..8 to [H, W] or [H, W, C]: 5 to 8 swap the axes, then some are reversed."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return array


def decode_labels(data: bytes, **where: Any) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Decode a label map: a PNG of 1 to 16 bits a pixel, grey or palette.

    Returns
    -------
    uint8 or uint16 [H, W]
        The ids as stored.

    Raises
    ------
    DataError
        When it is damaged, too large, or has colour channels instead of ids.
    """
    array = _decode_raw(data, where)
    if array.ndim != 2:
        raise DataError(
            f"has {array.shape[2]} channels where a label map with one is expected; "
            "give a colour map to read colours as ids",
            field="mask",
            **where,
        )
    return array


def decode_label_runs(data: bytes, **where: Any) -> LabelRuns:
    """Decode a label map to its runs: of most files it is quicker; errors as :func:`decode_labels`."""
    found = read_png_runs(data)
    return LabelRuns.of(decode_labels(data, **where)) if found is None else found


def decode_any_runs(data: bytes, **where: Any) -> LabelRuns:
    """Decode a map that may be stored in colours: uint8 or uint16 ids, else int32 R + 256 G + 65536 B.

    Raises
    ------
    DataError
        When it is damaged or too large.
    """
    found = read_png_runs(data) or read_png_id_runs(data)
    if found is not None:
        return found
    array = _decode_raw(data, where)
    return LabelRuns.of(array if array.ndim == 2 else decode_segment_map(data, **where))


def decode_colors(data: bytes, **where: Any) -> NDArray[np.uint8]:
    """Decode a PNG that holds ids or classes as colours to uint8 [H, W, 3]; alpha is dropped.

    Raises
    ------
    DataError
        When it is damaged, too large, has no colour channels, or 16 bits in each.
    """
    array = _decode_raw(data, where)
    if array.ndim != 3 or array.shape[2] < 3:
        raise DataError("has no colours where an RGB picture is expected", field="mask", **where)
    return np.ascontiguousarray(array[:, :, :3])


def decode_segment_map(data: bytes, **where: Any) -> NDArray[np.int32]:
    """Decode a COCO panoptic PNG to int32 [H, W] of ids R + 256 G + 65536 B.

    Raises
    ------
    DataError
        When it is damaged, too large, or no RGB picture.
    """
    found = read_png_ids(data)
    if found is not None:
        return found
    rgb = decode_colors(data, **where).astype(np.int32)
    ids: NDArray[np.int32] = rgb[:, :, 0] + (rgb[:, :, 1] << 8) + (rgb[:, :, 2] << 16)
    return ids


def decode_segment_runs(data: bytes, **where: Any) -> LabelRuns:
    """Decode a COCO panoptic PNG to the runs of its map; errors as :func:`decode_segment_map`."""
    found = read_png_id_runs(data)
    return LabelRuns.of(decode_segment_map(data, **where)) if found is None else found


def decode_cover(data: bytes, **where: Any) -> NDArray[np.uint8]:
    """Decode a PNG that covers a region: its alpha where it has one, else its grey; [H, W], 0 is outside.

    Raises
    ------
    DataError
        When it is damaged, too large, or has colours alone.
    """
    _raw_kind(data, where)
    from segbench.canonical import pillow

    try:
        found = pillow.cover(data)
    except pillow.FAULTS as error:
        raise DataError(f"cannot decode the PNG: {pillow.reason(error)}", **where) from None
    if found is None:
        raise DataError("has colours where a mask with alpha or one channel is expected", **where)
    return found


def decode_words(data: bytes, **where: Any) -> LabelRuns:
    """Decode an RGBA PNG whose bytes, alpha too, are data: to runs of uint32 R << 24 | G << 16 | B << 8 | A.

    Raises
    ------
    DataError
        When it is damaged, too large, or has not four channels of 8 bits.
    """
    array = _decode_raw(data, where)
    if array.ndim != 3 or array.shape[2] != 4:
        raise DataError("is no RGBA picture", field="mask", **where)
    words = np.ascontiguousarray(array).view(">u4")[:, :, 0]
    return LabelRuns.of(words.astype(np.uint32))


def encode_words(words: LabelRuns) -> bytes:
    """Encode what :func:`decode_words` returns as a PNG."""
    return _encode_png(words.to_map().astype(">u4")[:, :, None].view(np.uint8), _RGBA)


def encode_labels(labels: NDArray[Any] | LabelRuns, palette: NDArray[np.uint8] | None = None) -> bytes:
    """Encode a label map, uint8 or uint16 [H, W], or its runs, as a PNG of 8 or 16 bits.

    Without ``palette``, uint8 [N, 3] of colours for 8-bit maps, it is grey.
    """
    if isinstance(labels, np.ndarray) and (labels.ndim != 2 or labels.dtype not in (np.uint8, np.uint16)):
        raise ValueError(f"expected uint8 or uint16 [H, W], got {labels.dtype} {list(labels.shape)}")
    runs = labels if isinstance(labels, LabelRuns) else LabelRuns.of(labels)
    dtype, (height, width) = runs.values.dtype, runs.shape
    if palette is not None and (dtype != np.uint8 or int(runs.values.max()) >= len(palette)):
        raise ValueError(f"a palette of {len(palette)} colours does not colour the map")
    color_type = _GREY if palette is None else _PALETTE
    if len(runs.values) * _PIXELS_A_RUN > height * width:
        rows = runs.to_map()[:, :, None].astype(dtype.newbyteorder(">"))
        return _encode_png(rows, color_type, palette)
    return _png((height, width), 8 * dtype.itemsize, color_type, png_pack(runs), palette)


def encode_image(rgb: NDArray[np.uint8]) -> bytes:
    """Encode uint8 [3, H, W] as an RGB PNG."""
    return _encode_png(np.ascontiguousarray(rgb.transpose(1, 2, 0)), _RGB)


def encode_segment_map(ids: NDArray[Any] | LabelRuns) -> bytes:
    """Encode segment ids [H, W], 0..2²⁴-1, or their runs, as a COCO panoptic PNG.

    Raises
    ------
    DataError
        When an id does not fit.
    """
    runs = ids if isinstance(ids, LabelRuns) else LabelRuns.of(ids)
    values, (height, width) = runs.values, runs.shape
    if values.size and not 0 <= int(values.min()) <= int(values.max()) < 1 << 24:
        raise DataError("segment ids must be 0..16777215 to fit an RGB picture", field="segment_map")
    runs = replace(runs, values=values.astype(np.int32, copy=False))
    if len(values) * _PIXELS_A_RUN > height * width:
        dense = runs.to_map()
        rgb = np.stack([(dense >> shift) & 255 for shift in (0, 8, 16)], axis=-1).astype(np.uint8)
        return _encode_png(rgb, _RGB)
    return _png((height, width), 8, _RGB, png_pack(runs), None)


def _decode_raw(data: bytes, where: dict[str, Any]) -> NDArray[Any]:
    """Stored values of a PNG: [H, W] of grey or index, or [H, W, C]; of a rare or damaged one by Pillow."""
    found = read_png(data)
    if found is not None:
        return found
    depth, color_type = _raw_kind(data, where)
    from segbench.canonical import pillow

    try:
        array = pillow.stored(data)
    except pillow.FAULTS as error:
        raise DataError(f"cannot decode the PNG: {pillow.reason(error)}", field="mask", **where) from None
    if array.dtype == np.bool_:
        return array.astype(np.uint8)
    if array.dtype == np.int32:  # older Pillow opens 16-bit grey as mode I
        return array.astype(np.uint16)
    if color_type == 0 and depth in (2, 4):  # Pillow stretches these to 0..255
        return array // np.uint8(255 // ((1 << depth) - 1))
    return array


def _raw_kind(data: bytes, where: dict[str, Any]) -> tuple[int, int]:
    where = {"field": "mask", **where}
    if not data.startswith(PNG_SIGNATURE):
        raise DataError("is no PNG", **where)
    depth, color_type = _png_header(data, where)
    if depth == 16 and color_type != 0:  # Pillow would drop the lower byte of each channel
        raise DataError("has 16 bits a channel; only grey label maps may", **where)
    return depth, color_type


def _png_header(data: bytes, where: dict[str, Any]) -> tuple[int, int]:
    if len(data) < 26 or data[12:16] != b"IHDR":
        raise DataError("is a truncated PNG", **where)
    width, height, depth, color_type = struct.unpack(">IIBB", data[16:26])
    _check_size(width, height, where)
    return depth, color_type


def _check_size(width: int, height: int, where: dict[str, Any]) -> None:
    if not 0 < width * height <= MAX_PIXELS:
        raise DataError(f"declares {width}×{height} pixels; at most {MAX_PIXELS} are read", **where)


def _decode_rgb(data: bytes) -> NDArray[np.uint8]:
    """Decode to [H, W, 3], as stored: plain JPEGs with libjpeg-turbo directly, the rest with Pillow."""
    if data.startswith(JPEG_SIGNATURE):
        with contextlib.suppress(ValueError):  # damaged or rare: Pillow tells which
            if simplejpeg.decode_jpeg_header(data)[2] in _PLAIN_COLORS:
                return simplejpeg.decode_jpeg(data, "RGB")
    from segbench.canonical import pillow

    return pillow.rgb(data)


def _encode_png(rows: NDArray[Any], color_type: int, palette: NDArray[np.uint8] | None = None) -> bytes:
    """PNG of [H, W, C] in big-endian order; every row is filtered as the difference from the one above."""
    height, width, _ = rows.shape
    raw = np.ascontiguousarray(rows).view(np.uint8).reshape(height, -1)
    filtered = np.empty((height, raw.shape[1] + 1), np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = raw[0]
    np.subtract(raw[1:], raw[:-1], out=filtered[1:, 1:])
    body = bytes(deflate.zlib_compress(filtered.tobytes(), 3))
    return _png((height, width), 8 * rows.dtype.itemsize, color_type, body, palette)


def _png(
    size: tuple[int, int], depth: int, color_type: int, body: bytes, palette: NDArray[np.uint8] | None
) -> bytes:
    header = struct.pack(">IIBBBBB", size[1], size[0], depth, color_type, 0, 0, 0)
    colors = b"" if palette is None else _chunk(b"PLTE", palette.tobytes())
    return PNG_SIGNATURE + _chunk(b"IHDR", header) + colors + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", deflate.crc32(kind + body))
