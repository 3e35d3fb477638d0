"""PNG: the row filters against the naive twin, whole files against Pillow, damage left to Pillow."""

from __future__ import annotations

import io
import re
import struct
import zlib
from itertools import pairwise

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from segbench import kernels
from segbench.canonical import images
from segbench.errors import DataError

SIZES = [(1, 1), (1, 9), (5, 1), (3, 8), (7, 25), (4, 26), (2, 700), (9, 121)]
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, RGBA: 4}
KINDS = [(d, t) for t in (GREY, PALETTE) for d in (1, 2, 4, 8)] + [(16, GREY), (8, RGB), (8, RGBA)]
NONE, SUB, UP, AVERAGE, PAETH, MIXED = range(6)


def filtered(rows, filters, pixel):
    """Return the residuals of rows of bytes, each row after its filter."""
    known = np.pad(rows, ((1, 0), (pixel, 0))).tolist()
    out = bytearray()
    for y, kind in enumerate(filters, 1):
        out.append(kind)
        for x in range(pixel, len(known[y])):
            a, b, c = known[y][x - pixel], known[y - 1][x], known[y - 1][x - pixel]
            out.append((known[y][x] - naive.png_prediction(kind, a, b, c)) % 256)
    return bytes(out)


def kinds_of_row(kind, height):
    """Return a filter for each row: one, or all in turn beginning with each."""
    return [kind if kind != MIXED else (y * 3 + y // 5) % 5 for y in range(height)]


def chunk(kind, body, damage=0):
    return struct.pack(">I4s", len(body), kind) + body + struct.pack(">I", zlib.crc32(kind + body) ^ damage)


def ihdr(*fields, damage=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB" + "B" * (len(fields) - 7), *fields), damage)


def signed(*chunks):
    return b"".join([images.PNG_SIGNATURE, *chunks])


def file_of(header, *chunks):
    return signed(ihdr(*header), *chunks)


def packed(values, depth):
    """Return rows of bytes: the first of small values in the high bits, large ones in big-endian order."""
    if depth == 16:
        return values.astype(">u2").view(np.uint8)
    bits = (values[:, :, None] >> np.arange(depth)[::-1] & 1).reshape(len(values), -1)
    return np.packbits(bits.astype(np.uint8), axis=1)


def pictures(height, width, depth, channels):
    """Return values [H, W * C]: noise, wide and narrow regions, one colour, and a slope."""
    rng = np.random.default_rng(height * width + depth)
    top = 1 << depth
    shape = (height, width, channels)
    wide, narrow = (
        np.kron(rng.integers(0, top, (height // h + 1, width // w + 1, channels)), np.ones((h, w, 1), int))
        for h, w in ((4, 30), (1, 5))
    )
    steps = np.add.outer(np.arange(height) // 2, np.arange(width)) // 11
    slope = steps[:, :, None] * np.arange(1, channels + 1)
    found = [rng.integers(0, top, shape), wide, narrow, np.full(shape, top - 1), slope % top]
    return [values[:height, :width].reshape(height, -1) for values in found]


def png(values, depth, color_type, kind=MIXED, *, parts=1, level=6, before=()):
    """Return a PNG made without Pillow and without segbench."""
    rows = packed(values, depth)
    pixel = max(1, depth * CHANNELS[color_type] // 8)
    stream = zlib.compress(filtered(rows, kinds_of_row(kind, len(rows)), pixel), level)
    cuts = [len(stream) * i // parts for i in range(parts + 1)]
    idat = [chunk(b"IDAT", stream[a:b]) for a, b in pairwise(cuts)]
    palette = [chunk(b"PLTE", bytes(3 << depth))] if color_type == PALETTE else []
    header = (values.shape[1] // CHANNELS[color_type], len(rows), depth, color_type, 0, 0, 0)
    return file_of(header, *before, *palette, *idat, chunk(b"IEND", b""))


def by_pillow(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def saved(array, mode=None, **settings):
    buffer = io.BytesIO()
    picture = Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(buffer, "PNG", **settings)
    return buffer.getvalue()


def assert_runs(found, expected):
    """Compare runs with those of a map, one by one."""
    assert found.values.dtype == expected.dtype
    assert found.ends.dtype == np.uint32
    assert found.shape == expected.shape
    assert (found.values.tolist(), found.ends.tolist()) == naive.label_runs(expected)


# --- row filters ----------------------------------------------------------------------------------


@pytest.mark.parametrize("pixel", [1, 2, 3, 4])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", range(6))
def test_unfilter(pixel, size, kind):
    height, width = size
    for values in pictures(height, width, 8, pixel):
        rows = values.astype(np.uint8)
        raw = filtered(rows, kinds_of_row(kind, height), pixel)
        found = kernels.png_unfilter(raw, height, width * pixel, pixel)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, rows)
        np.testing.assert_array_equal(found, naive.png_unfilter(raw, height, width * pixel, pixel))


def sparse(rng, height, row_bytes, share):
    """Return rows of any filter, with a share of their residuals not 0."""
    raw = rng.integers(0, 256, (height, 1 + row_bytes)) * (rng.random((height, 1 + row_bytes)) < share)
    raw[:, 0] = rng.integers(0, 5, height)
    return raw.astype(np.uint8).tobytes()


SHARES = [0, 0.01, 0.1, 0.5, 1]


@given(st.data())
def test_unfilter_of_sparse_residuals(data):
    pixel, height, width = (data.draw(st.integers(1, top)) for top in (4, 6, 60))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    raw = sparse(rng, height, width * pixel, data.draw(st.sampled_from(SHARES)))
    found = kernels.png_unfilter(raw, height, width * pixel, pixel)
    np.testing.assert_array_equal(found, naive.png_unfilter(raw, height, width * pixel, pixel))


STORED = {1: (8, GREY), 2: (16, GREY), 3: (8, RGB), 4: (8, RGBA)}


@pytest.mark.parametrize("pixel", STORED)
@pytest.mark.parametrize("width", [*range(1, 71), 127, 128, 129, 700])
def test_runs_of_sparse_residuals(pixel, width):
    rng = np.random.default_rng(width)
    for share in SHARES:
        raw = sparse(rng, 9, width * pixel, share)
        data = file_of(
            (width, 9, *STORED[pixel], 0, 0, 0), chunk(b"IDAT", zlib.compress(raw)), chunk(b"IEND", b"")
        )
        rows = naive.png_unfilter(raw, 9, width * pixel, pixel)
        if pixel < 3:
            expected = rows if pixel == 1 else rows.view(">u2").astype(np.uint16)
            assert_runs(kernels.read_png_runs(data), expected)
        else:
            colors = rows.reshape(9, width, pixel)[:, :, :3].astype(np.int32)
            assert_runs(kernels.read_png_id_runs(data), colors @ np.int32([1, 256, 65_536]))


def test_alpha_alone_parts_no_runs():
    rgba = np.zeros((2, 3, 4), np.uint8)
    rgba[:, :, 3] = [[1, 2, 3], [3, 2, 1]]
    rgba[1, 2, 0] = 7
    assert_runs(kernels.read_png_id_runs(png(rgba.reshape(2, -1), 8, RGBA)), np.int32([[0, 0, 0], [0, 0, 7]]))


@pytest.mark.parametrize("buffer", [bytes, bytearray, memoryview])
def test_unfilter_takes_any_buffer(buffer):
    assert kernels.png_unfilter(buffer(b"\1\5\1\2\1\1"), 2, 2, 1).tolist() == [[5, 6], [6, 7]]


@pytest.mark.parametrize(
    ("raw", "height", "row_bytes", "pixel", "message"),
    [
        (b"\0\1\2\5\1\2", 2, 2, 1, "row 1 has filter 5"),
        (b"\xff\1\2", 1, 2, 1, "row 0 has filter 255"),
        (b"\0\1", 1, 2, 1, "expected 1 rows of 1 \\+ 2 bytes of residuals, got 2"),
        (b"\0\1\2\3", 1, 2, 1, "got 4"),
        (b"", 0, 2, 1, "expected 0 rows"),
        (b"\0", 1, 0, 1, "1 \\+ 0 bytes"),
        (b"\0" * 3, -1, -4, 1, "expected -1 rows"),
        (b"\0\1\2", 1, 2, 3, "whole pixels of 3 bytes, not 2"),
        (b"\0\1\2", 1, 2, 0, "bytes_per_pixel must be 1 to 4, not 0"),
        (b"\0\1\2\3\4\5", 1, 5, 5, "bytes_per_pixel must be 1 to 4, not 5"),
    ],
)
def test_what_unfilter_refuses(raw, height, row_bytes, pixel, message):
    with pytest.raises(ValueError, match=message):
        kernels.png_unfilter(raw, height, row_bytes, pixel)


# --- whole files ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(("depth", "color_type"), KINDS)
@pytest.mark.parametrize("kind", [NONE, UP, MIXED])
def test_values_are_read_as_they_were_stored(size, depth, color_type, kind):
    channels = CHANNELS[color_type]
    for values in pictures(*size, depth, channels):
        data = png(values, depth, color_type, kind, parts=1 + kind)
        found = kernels.read_png(data)
        assert found.dtype == (np.uint16 if depth == 16 else np.uint8)
        assert found.flags.c_contiguous
        expected = values.reshape(*size, channels) if channels > 1 else values
        np.testing.assert_array_equal(found, expected)
        if depth >= 8 or color_type == PALETTE:
            np.testing.assert_array_equal(found, by_pillow(data))
        if channels > 1:
            ids = kernels.read_png_ids(data)
            assert ids.dtype == np.int32
            np.testing.assert_array_equal(ids, found[:, :, :3].astype(int) @ [1, 256, 65_536])
            assert_runs(kernels.read_png_id_runs(data), ids)
            assert kernels.read_png_runs(data) is None
        else:
            assert_runs(kernels.read_png_runs(data), found)
            assert kernels.read_png_id_runs(data) is None


@pytest.mark.parametrize("size", [(1, 1), (37, 61), (64, 640)], ids=str)
@pytest.mark.parametrize("level", [0, 1, 6, 9])
@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "RGB", "RGBA"])
def test_what_pillow_writes(size, level, mode):
    for values in pictures(*size, 16 if mode == "I;16" else 8, 3):
        array = values.reshape(*size, 3).astype(np.uint16 if mode == "I;16" else np.uint8)
        data = saved(array[:, :, 0].copy()) if mode == "I;16" else saved(array, mode, compress_level=level)
        np.testing.assert_array_equal(kernels.read_png(data), by_pillow(data))


def test_what_has_nothing_to_do_with_the_values_is_passed_over():
    values = pictures(3, 8, 8, 1)[0]
    text = [chunk(b"gAMA", bytes(4)), chunk(b"tEXt", b"Title\0IDAT"), chunk(b"pHYs", bytes(9))]
    np.testing.assert_array_equal(kernels.read_png(png(values, 8, GREY, before=text)), values)


# --- what is left to Pillow -----------------------------------------------------------------------

STREAM = zlib.compress(b"\0\1\2\0\3\4")
GREY_2X2 = (2, 2, 8, GREY, 0, 0, 0)
IDAT, IEND, TEXT = chunk(b"IDAT", STREAM), chunk(b"IEND", b""), chunk(b"tEXt", b"a\0b")
HALVES = [chunk(b"IDAT", STREAM[:5]), chunk(b"IDAT", STREAM[5:])]
LEFT_TO_PILLOW = {
    "no PNG": b"GIF89a",
    "nothing": images.PNG_SIGNATURE,
    "interlaced": file_of((2, 2, 8, GREY, 0, 0, 1), IDAT, IEND),
    "unknown compression": file_of((2, 2, 8, GREY, 1, 0, 0), IDAT, IEND),
    "unknown filtering": file_of((2, 2, 8, GREY, 0, 1, 0), IDAT, IEND),
    "16-bit RGB": file_of((1, 1, 16, RGB, 0, 0, 0), chunk(b"IDAT", zlib.compress(bytes(7))), IEND),
    "grey and alpha": file_of((1, 2, 8, GREY_ALPHA, 0, 0, 0), IDAT, IEND),
    "unknown depth": file_of((2, 2, 3, GREY, 0, 0, 0), IDAT, IEND),
    "no width": file_of((0, 2, 8, GREY, 0, 0, 0), IDAT, IEND),
    "tRNS": file_of(GREY_2X2, chunk(b"tRNS", bytes(2)), IDAT, IEND),
    "animated": file_of(GREY_2X2, chunk(b"acTL", struct.pack(">II", 1, 0)), IDAT, IEND),
    "unknown critical chunk": file_of(GREY_2X2, chunk(b"ABCD", b""), IDAT, IEND),
    "no palette": file_of((2, 2, 8, PALETTE, 0, 0, 0), IDAT, IEND),
    "palette too late": file_of((2, 2, 8, PALETTE, 0, 0, 0), IDAT, chunk(b"PLTE", bytes(9)), IEND),
    "two headers": file_of(GREY_2X2, ihdr(*GREY_2X2), IDAT, IEND),
    "header not first": signed(chunk(b"tEXt", ihdr(*GREY_2X2)[8:21]), ihdr(*GREY_2X2), IDAT, IEND),
    "long header": signed(ihdr(*GREY_2X2, 0), IDAT, IEND),
    "no IDAT": file_of(GREY_2X2, IEND),
    "empty IDAT": file_of(GREY_2X2, chunk(b"IDAT", b""), IEND),
    "IDAT apart": file_of(GREY_2X2, HALVES[0], TEXT, HALVES[1], IEND),
    "no IEND": file_of(GREY_2X2, IDAT),
    "CRC of IHDR": signed(ihdr(*GREY_2X2, damage=1), IDAT, IEND),
    "CRC of a palette": file_of((2, 2, 8, PALETTE, 0, 0, 0), chunk(b"PLTE", bytes(9), damage=1), IDAT, IEND),
    "CRC of text": file_of(GREY_2X2, chunk(b"tEXt", b"a\0b", damage=1), IDAT, IEND),
    "CRC of IEND": file_of(GREY_2X2, IDAT, chunk(b"IEND", b"", damage=1)),
    "truncated IDAT": file_of(GREY_2X2, chunk(b"IDAT", STREAM[:-6]), IEND),
    "Adler-32": file_of(GREY_2X2, chunk(b"IDAT", STREAM[:-1] + b"!"), IEND),
    "too few pixels": file_of(GREY_2X2, chunk(b"IDAT", zlib.compress(b"\0\1\2\0\3")), IEND),
    "too many pixels": file_of(GREY_2X2, chunk(b"IDAT", zlib.compress(b"\0\1\2\0\3\4\0")), IEND),
    "unknown filter": file_of(GREY_2X2, chunk(b"IDAT", zlib.compress(b"\0\1\2\5\3\4")), IEND),
    "no zlib": file_of(GREY_2X2, chunk(b"IDAT", b"nonsense"), IEND),
    "more than DEFLATE can hold": file_of((5_000, 5_000, 8, GREY, 0, 0, 0), IDAT, IEND),
}


OURS = (kernels.read_png, kernels.read_png_ids, kernels.read_png_runs, kernels.read_png_id_runs)


def outcome(decode, data):
    """Return what a decoder gives, values or message."""
    try:
        found = decode(data, file="a.png", image_id=7)
        found = found.to_map() if isinstance(found, kernels.LabelRuns) else found
    except DataError as error:
        return re.sub("0x[0-9a-f]+", "", str(error))  # Pillow names the object it read from
    return found.dtype.name, found.tolist()


def same_without_us(monkeypatch, data):
    """Tell whether Pillow alone gives the same values and messages."""
    decoders = (
        images.decode_labels,
        images.decode_colors,
        images.decode_segment_map,
        images.decode_label_runs,
        images.decode_segment_runs,
    )
    found = [outcome(decode, data) for decode in decoders]
    with monkeypatch.context() as patch:
        for ours in OURS:
            patch.setattr(images, ours.__name__, lambda data: None)
        return found == [outcome(decode, data) for decode in decoders]


def test_a_small_file_is_ours():
    for data in (file_of(GREY_2X2, IDAT, IEND), file_of(GREY_2X2, *HALVES, TEXT, IEND)):
        assert kernels.read_png(data).tolist() == [[1, 2], [3, 4]]
        assert kernels.read_png_ids(data) is None


@pytest.mark.parametrize("name", LEFT_TO_PILLOW)
def test_what_is_left_to_pillow(name, monkeypatch):
    data = LEFT_TO_PILLOW[name]
    assert [read(data) for read in OURS] == [None] * 4
    assert same_without_us(monkeypatch, data)


def test_no_memory_is_asked_for_what_a_file_cannot_hold(monkeypatch):
    monkeypatch.setattr("deflate.zlib_decompress", lambda *_: pytest.fail("was inflated"))
    assert kernels.read_png(LEFT_TO_PILLOW["more than DEFLATE can hold"]) is None


def test_a_blank_picture_is_ours_though_it_is_as_small_as_deflate_makes_it():
    blank = np.zeros((3_000, 4_000), np.uint8)
    for data in (saved(blank, compress_level=9), images.encode_labels(blank)):
        assert kernels.read_png(data).shape == blank.shape


@pytest.mark.parametrize(("depth", "color_type"), [(8, GREY), (16, GREY), (4, PALETTE), (8, RGB), (8, RGBA)])
def test_files_cut_short_or_damaged_come_out_as_by_pillow_alone(monkeypatch, depth, color_type):
    rng = np.random.default_rng(3)
    whole = png(pictures(7, 25, depth, CHANNELS[color_type])[2], depth, color_type, parts=3, before=[TEXT])
    assert kernels.read_png(whole) is not None
    for end in range(8, len(whole), 3):
        assert same_without_us(monkeypatch, whole[:end])
    for _ in range(300):
        damaged = bytearray(whole)
        for at in rng.integers(8, len(whole), rng.integers(1, 4)):
            damaged[at] = rng.integers(0, 256)
        assert same_without_us(monkeypatch, bytes(damaged))


def check_packed(label_map):
    """The stream holds the filtered rows, by zlib's word, whose checksum it bears; and is a PNG's."""
    stream = kernels.png_pack(kernels.LabelRuns.of(label_map))
    assert zlib.decompress(stream) == naive.png_filter_up(label_map)
    if label_map.dtype == np.int32:
        data = images.encode_segment_map(label_map)
        np.testing.assert_array_equal(images.decode_segment_map(data), label_map)
        rgb = np.asarray(Image.open(io.BytesIO(data))).astype(np.int32)
        np.testing.assert_array_equal(rgb @ [1, 256, 65_536], label_map)
    else:
        data = images.encode_labels(label_map)
        np.testing.assert_array_equal(images.decode_labels(data), label_map)
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), label_map)


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([np.uint8, np.uint16, np.int32]),
    st.sampled_from([1, 2, 3, 300, 65_536, 1 << 24]),
)
def test_maps_are_packed_by_their_runs(seed, dtype, n):
    rng = np.random.default_rng(seed)
    label_map = rng.integers(0, n, rng.integers(1, 12, 2)).astype(dtype)
    for axis in (0, 1):
        label_map = np.repeat(label_map, int(rng.integers(1, 9)), axis)
    check_packed(label_map)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 130, 258, 259, 260, 516, 517, 70_000])
def test_repeats_of_every_length_are_packed(width, dtype):
    for value in (0, 1, 2, 7 * 256 + 7, 300, 70_000):
        check_packed(np.full((2, width), value % (np.iinfo(dtype).max + 1), dtype))


def test_codes_stay_within_fifteen_bits():
    """Values that are as rare as Fibonacci's numbers would need codes of twenty bits."""
    counts = [1, 1]
    while len(counts) < 22:
        counts.append(counts[-1] + counts[-2])
    values = np.random.default_rng(0).permutation(np.repeat(np.arange(10, 10 + len(counts)), counts))
    row = values[np.concatenate([[True], values[1:] != values[:-1]])]
    check_packed(row.astype(np.uint8)[None])


def test_real_maps_are_smaller_than_libdeflate_makes_them(data_dir):
    files = sorted((data_dir / "camvid/CamVid/valannot").glob("*.png"))[:10]
    for file in files:
        label_map = images.decode_labels(file.read_bytes())
        check_packed(label_map)
        packed = kernels.png_pack(kernels.LabelRuns.of(label_map))
        assert len(packed) < len(zlib.compress(naive.png_filter_up(label_map), 3))


@pytest.mark.parametrize(
    ("values", "ends", "shape", "message"),
    [
        (np.int64([1]), np.uint32([6]), (2, 3), "a map must be uint8, uint16 or int32, not int64"),
        (np.uint8([1]), np.uint32([5]), (2, 3), "the runs must be as many pixels as the map"),
        (np.uint8([1, 2]), np.uint32([6]), (2, 3), "there must be an end for each value"),
        (np.uint8([1, 2]), np.uint32([6, 6]), (2, 3), "ends must rise"),
        (np.uint8([]), np.uint32([]), (0, 3), "must be"),
    ],
)
def test_runs_that_are_no_map_are_refused(values, ends, shape, message):
    with pytest.raises(ValueError, match=message):
        kernels.png_pack(kernels.LabelRuns(values, ends, shape))
