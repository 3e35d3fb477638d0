"""Pictures in and out: ids as stored, colours upright, damage refused."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from canonical.make import label_png, opened, oriented, pixels, saved
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageOps

from segbench.canonical import images
from segbench.errors import DataError

SIZES = st.tuples(st.integers(1, 20), st.integers(1, 20))
GREY, RGB, PALETTE, GREY_ALPHA = 0, 2, 3, 4
JPEG = saved(Image.fromarray(pixels(1).transpose(1, 2, 0)), "JPEG")
GIF = saved(Image.new("P", (9, 9)), "GIF")


def png(rows, depth, color_type, *extra, width=None):
    """Return a PNG of packed rows, made without Pillow and without segbench."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width or len(rows[0]), len(rows), depth, color_type, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    chunks = [
        chunk(b"IHDR", header),
        *(chunk(*one) for one in extra),
        chunk(b"IDAT", body),
        chunk(b"IEND", b""),
    ]
    return images.PNG_SIGNATURE + b"".join(chunks)


def packed(values, depth):
    """Pack small values into bytes, high bits first."""
    bits = "".join(f"{value:0{depth}b}" for value in values)
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


def header(width, height):
    return images.PNG_SIGNATURE + struct.pack(">I4sIIBBBBB", 13, b"IHDR", width, height, 8, 0, 0, 0, 0)


@given(hnp.arrays(st.sampled_from([np.uint8, np.uint16]), SIZES))
def test_label_maps_survive(labels):
    data = images.encode_labels(labels)
    found = images.decode_labels(data)
    assert found.dtype == labels.dtype
    assert np.array_equal(found, labels)
    assert (data[24], data[25]) == (8 * labels.itemsize, GREY)
    assert opened(data).mode == ("L" if labels.dtype == np.uint8 else "I;16")
    assert np.array_equal(np.asarray(opened(data)), labels)


@given(hnp.arrays(np.uint8, SIZES.map(lambda size: (3, *size))))
def test_pictures_survive(rgb):
    data = images.encode_image(rgb)
    assert np.array_equal(images.decode_image(data), rgb)
    assert np.array_equal(np.asarray(opened(data)), rgb.transpose(1, 2, 0))


@given(hnp.arrays(np.int32, SIZES, elements=st.integers(0, 2**24 - 1)))
def test_segment_maps_survive(ids):
    data = images.encode_segment_map(ids)
    found = images.decode_segment_map(data)
    assert found.dtype == np.int32
    assert np.array_equal(found, ids)
    assert np.array_equal(np.asarray(opened(data)).astype(int) @ [1, 256, 65_536], ids)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("color_type", [GREY, PALETTE])
def test_small_values_are_indices_and_never_stretched_or_coloured(depth, color_type):
    values = np.arange(21).reshape(3, 7) % (1 << depth)
    palette = [(b"PLTE", bytes(range(100, 100 + 3 * (1 << depth)) if depth < 8 else range(63)))]
    data = png(
        [packed(row, depth) for row in values],
        depth,
        color_type,
        *(palette if color_type == PALETTE else []),
        width=7,
    )
    found = images.decode_labels(data)
    assert found.dtype == np.uint8
    assert np.array_equal(found, values)


def test_a_palette_with_transparency_gives_its_indices():
    data = png([[0, 1], [2, 1]], 8, PALETTE, (b"PLTE", bytes(9)), (b"tRNS", bytes([0, 9, 255])))
    assert images.decode_labels(data).tolist() == [[0, 1], [2, 1]]


def test_16_bits_survive_any_writer():
    values = np.array([[0, 255, 256], [65_535, 1, 40_000]], np.uint16)
    assert np.array_equal(images.decode_labels(saved(Image.fromarray(values))), values)


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("RGBA", 4), ("LA", 2)])
def test_colours_are_no_labels(mode, channels):
    with pytest.raises(DataError, match=rf"m\.png: image 5: mask: has {channels} channels .* colour map"):
        images.decode_labels(saved(Image.new(mode, (3, 2))), file="m.png", image_id=5)


def test_alpha_of_a_colour_map_is_dropped():
    rgb = pixels(0).transpose(1, 2, 0)
    alpha = np.dstack([rgb, np.full(rgb.shape[:2], 7, np.uint8)])
    assert np.array_equal(images.decode_colors(saved(Image.fromarray(alpha))), rgb)


@pytest.mark.parametrize("mode", ["L", "P", "I;16", "1", "LA"])
def test_a_segment_map_has_colours(mode):
    with pytest.raises(DataError, match="image 5: mask: has no colours"):
        images.decode_segment_map(saved(Image.new(mode, (3, 2))), image_id=5)


@pytest.mark.parametrize(("color_type", "width"), [(RGB, 6), (GREY_ALPHA, 4)])
def test_16_bits_a_channel_are_refused_since_half_of_them_would_be_lost(color_type, width):
    data = png([bytes(width)], 16, color_type, width=1)
    for decode in (images.decode_labels, images.decode_segment_map):
        with pytest.raises(DataError, match="16 bits a channel"):
            decode(data)


def test_segment_ids_beyond_24_bits_and_negative_ones_are_refused():
    for value in (1 << 24, -1):
        with pytest.raises(DataError, match="segment_map: segment ids must be 0..16777215"):
            images.encode_segment_map(np.array([[value]], np.int32))


@pytest.mark.parametrize("labels", [np.zeros((2, 2), np.int32), np.zeros((2, 2, 1), np.uint8)])
def test_labels_are_a_plane_of_8_or_16_bits(labels):
    with pytest.raises(ValueError, match="expected uint8 or uint16"):
        images.encode_labels(labels)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_pictures_come_upright_as_pillow_turns_them(kind, orientation):
    stored = Image.fromarray(pixels(3, 16, 24).transpose(1, 2, 0))
    data = saved(stored, kind, exif=oriented(orientation), **({"lossless": True} if kind == "WEBP" else {}))
    turned = ImageOps.exif_transpose(opened(data))
    assert np.array_equal(images.decode_image(data), np.asarray(turned).transpose(2, 0, 1))
    assert images.image_size(data) == (turned.height, turned.width, orientation)


@pytest.mark.parametrize("orientation", [0, 9, 99])
def test_an_orientation_out_of_range_is_none(orientation):
    data = saved(Image.new("RGB", (3, 2)), "JPEG", exif=oriented(orientation))
    assert images.image_size(data) == (2, 3, 1)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")  # Pillow's own, and right
@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0nonsense", b"Exif\0\0II*\0\x08\0\0\0\0\0"])
def test_damaged_exif_does_not_hide_a_picture(exif):
    assert images.image_size(saved(Image.new("RGB", (3, 2)), "JPEG", exif=exif)) == (2, 3, 1)


def test_the_size_of_a_png_is_read_without_its_pixels():
    whole = images.encode_image(pixels(0))
    assert images.image_size(whole[:60]) == (12, 17, 1)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpegs_are_decoded_to_the_bit_as_by_pillow(subsampling, progressive):
    smooth = Image.fromarray(pixels(1, 6, 8).transpose(1, 2, 0)).resize((83, 61))
    data = saved(smooth, "JPEG", subsampling=subsampling, progressive=progressive)
    assert np.array_equal(images.decode_image(data), np.asarray(opened(data)).transpose(2, 0, 1))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_jpegs_of_other_colour_spaces_become_rgb(mode):
    data = saved(Image.fromarray(pixels(1).transpose(1, 2, 0)).convert(mode), "JPEG")
    expected = np.asarray(opened(data).convert("RGB")).transpose(2, 0, 1)
    assert np.array_equal(images.decode_image(data), expected)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_any_picture_becomes_rgb(mode, kind):
    picture = Image.fromarray(pixels(1).transpose(1, 2, 0)).convert(mode)
    expected = np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
    found = images.decode_image(saved(picture, kind))
    assert np.array_equal(found, expected)
    assert found.flags.c_contiguous
    assert found.flags.writeable


def test_a_palette_picture_with_transparency_becomes_rgb_without_a_warning():
    picture = Image.fromarray(pixels(1).transpose(1, 2, 0)).convert("P")
    found = images.decode_image(saved(picture, transparency=bytes([0, 9])))
    assert np.array_equal(found, np.asarray(picture.convert("RGB")).transpose(2, 0, 1))


def test_16_bit_greys_keep_their_upper_byte():
    values = np.array([[0, 255, 256], [65_535, 1, 40_000]], np.uint16)
    assert images.decode_image(saved(Image.fromarray(values))).tolist() == [(values >> 8).tolist()] * 3


@pytest.mark.parametrize(
    "read", [images.decode_image, images.decode_labels, images.decode_colors, images.image_size]
)
@pytest.mark.parametrize("size", [(60_000, 60_000), (0, 5), (2**31, 2**31)])
def test_a_png_bomb_is_refused_before_it_is_decoded(monkeypatch, read, size):
    monkeypatch.setattr(Image, "open", lambda *_: pytest.fail("was opened"))
    with pytest.raises(
        DataError, match=rf"bomb\.png: image 7: .*declares {size[0]}×{size[1]} pixels; at most"
    ):
        read(header(*size), file="bomb.png", image_id=7)


def test_a_bomb_of_another_format_is_refused():
    bomb = b"GIF89a" + struct.pack("<HHBBB", 60_000, 60_000, 0, 0, 0) + b",\0\0\0\0\1\0\1\0\0\2\2\x44\1\0;"
    with pytest.raises(DataError, match=r"b\.gif: image 7: .*exceeds limit"):
        images.decode_image(bomb, file="b.gif", image_id=7)


def test_the_largest_jpeg_is_refused():
    data = bytearray(saved(Image.new("L", (8, 8)), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = b"\xff\xff\xff\xff"
    with pytest.raises(DataError, match=r"b\.jpg: image 7: "):
        images.decode_image(bytes(data), file="b.jpg", image_id=7)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "JPEG-progressive"])
def test_a_truncated_picture_is_refused_wherever_it_ends(kind):
    picture = Image.fromarray(pixels(1, 64, 64).transpose(1, 2, 0))
    settings = {"progressive": True} if "-" in kind else {}
    data = saved(picture, kind.partition("-")[0], **settings)
    for end in [*range(0, len(data) - 60, 97), len(data) - 60]:
        with pytest.raises(DataError, match=r"t\.x: image 7: "):
            images.decode_image(data[:end], file="t.x", image_id=7)


def test_a_truncated_label_map_is_refused_or_has_all_its_ids():
    labels = pixels(0)[0]
    data = label_png(labels)
    refused = 0
    for end in range(len(data)):
        try:
            found = images.decode_labels(data[:end], file="t.png", image_id=7)
        except DataError as error:
            refused += (error.file, error.image_id) == ("t.png", "7")
        else:
            assert np.array_equal(found, labels)
    assert refused > len(data) - 25


def test_a_label_map_is_a_png():
    with pytest.raises(DataError, match=r"a\.jpg: mask: is no PNG"):
        images.decode_labels(saved(Image.new("L", (3, 2)), "JPEG"), file="a.jpg")


@pytest.mark.filterwarnings("ignore")  # of Pillow
@given(st.data())
def test_damage_never_raises_another_error(data):
    whole = bytearray(data.draw(st.sampled_from([label_png(pixels(0)[0]), JPEG, GIF])))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    for read in (images.decode_image, images.decode_labels):
        try:
            read(bytes(whole))
        except DataError:
            continue


def test_a_jpeg_of_six_components_is_refused():
    data = bytearray(JPEG)
    data[data.index(b"\xff\xc0") + 9] = 6
    with pytest.raises(DataError, match=r"a\.jpg: image 7: is no readable image"):
        images.decode_image(bytes(data), file="a.jpg", image_id=7)


def test_what_is_no_picture_is_refused():
    for data in (b"", b"hello", images.JPEG_SIGNATURE, images.PNG_SIGNATURE):
        with pytest.raises(DataError, match="image 7: is "):
            images.decode_image(data, image_id=7)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("orientation", [None, 1, 6])
@pytest.mark.parametrize("how", ["exif", "xmp"])
def test_the_size_of_a_jpeg_is_what_pillow_says_of_it(mode, orientation, how):
    buffer, options = io.BytesIO(), {}
    if orientation is not None and how == "exif":
        options["exif"] = Image.Exif()
        options["exif"][0x0112] = orientation
    elif orientation is not None:
        tag = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><d tiff:Orientation="{orientation}"/></x:xmpmeta>'
        options["xmp"] = tag.encode()
    Image.new(mode, (7, 5)).save(buffer, format="JPEG", **options)
    found = images.image_size(buffer.getvalue())
    assert found == ((7, 5, 6) if orientation == 6 else (5, 7, 1))
    for cut in (3, 20, 100, 300):
        with pytest.raises(DataError):
            images.image_size(buffer.getvalue()[:cut])
