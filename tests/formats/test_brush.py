"""Label Studio's brush streams: a plain reading of the rule, the converter's own case, and a real mask."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from segbench.formats.brush import decode_brush, encode_brush

VECTOR = [0, 0, 0, 18, 57, 27, 252, 96, 32, 1, 0, 6, 0, 40, 0, 192, 3, 128, 17, 56, 32]
"""[1, 1, 1, 1, 2, 3, 5, 6, 7, 8, 4 × 8] as label-studio-converter's own test has it."""


def naive(data):
    """The values of a stream, bit by bit."""
    bits = "".join(f"{byte:08b}" for byte in data)
    at = 0

    def read(n):
        nonlocal at
        at += n
        return int(bits[at - n : at], 2)

    count, width = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    values = []
    while len(values) < count:
        repeats, length = read(1), read(sizes[read(2)]) + 1
        values += [read(width)] * length if repeats else [read(width) for _ in range(length)]
    return values


def pack(values, blocks, width=8, sizes=(3, 4, 8, 16)):
    """A stream of these blocks ``(repeats, choice, length)``."""
    bits = f"{len(values):032b}{width - 1:05b}" + "".join(f"{size - 1:04b}" for size in sizes)
    at = 0
    for repeats, choice, length in blocks:
        bits += f"{repeats}{choice:02b}{length - 1:0{sizes[choice]}b}"
        bits += "".join(f"{v:0{width}b}" for v in values[at : at + (1 if repeats else length)])
        at += length
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


def test_the_converters_case_is_read():
    values = [1, 1, 1, 1, 2, 3, 5, 6, 7, 8, *[4] * 8]
    assert naive(VECTOR) == values
    with pytest.raises(ValueError, match="has 18 values; an image of 2×2 has 16"):
        decode_brush(bytes(VECTOR), 2, 2)


@given(st.data())
def test_what_is_written_is_read(data):
    height, width = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    pixels = data.draw(st.lists(st.sampled_from([0, 1]), min_size=height * width, max_size=height * width))
    mask = np.array(pixels, np.uint8).reshape(height, width)
    stream = encode_brush(mask)
    assert naive(stream) == np.repeat(255 * mask.ravel(), 4).tolist()
    np.testing.assert_array_equal(decode_brush(stream, height, width), mask)


@given(st.data())
def test_alpha_is_the_mask_however_it_is_packed(data):
    """Colours in the other channels, literal values, values of other widths."""
    width = data.draw(st.integers(1, 32))
    n = 4 * data.draw(st.integers(1, 12))
    values = data.draw(st.lists(st.sampled_from([0, 1, 2**width - 1]), min_size=n, max_size=n))
    blocks, at = [], 0
    while at < n:
        run = next((i for i in range(at, n) if values[i] != values[at]), n) - at
        repeats = data.draw(st.booleans())
        length = min(run if repeats else n - at, data.draw(st.integers(1, 8)))
        blocks.append((repeats, data.draw(st.sampled_from([0, 2])), length))
        at += length
    stream = pack(values, [(int(r), c, k) for r, c, k in blocks], width)
    assert naive(stream) == values
    expected = (np.array(values, np.uint64).reshape(-1, 4)[:, 3] > 0).astype(np.uint8)
    np.testing.assert_array_equal(decode_brush(stream, 1, n // 4)[0], expected)


def test_long_runs_are_split():
    mask = np.ones((400, 300), np.uint8)
    assert len(encode_brush(mask)) == (32 + 5 + 16 + 8 * 27 + 7) // 8
    np.testing.assert_array_equal(decode_brush(encode_brush(mask), 400, 300), mask)


def test_a_real_mask_is_written_as_the_converter_writes_it(data_dir):
    """The picture of the converter's test as a mask, and the hash of what its ``image2rle`` makes of it."""
    picture = Image.open(data_dir / "label_studio_brush/tests/data/test_brush/test.png").convert("L")
    mask = (np.asarray(picture) > 128).astype(np.uint8)
    stream = encode_brush(mask)
    assert hashlib.sha256(stream).hexdigest() == (
        "386639c32da28478663e44c30c571e156e305d159737bebd5f782d449019c728"
    )
    np.testing.assert_array_equal(decode_brush(stream, *mask.shape), mask)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s[:3], "ends too early"),
        (lambda s: s[:-3], "ends too early"),
        (lambda s: b"\xff" * 4 + s[4:], "has 4294967295 values; an image of 2×2 has 16"),
        (lambda s: s[:7] + b"\xff" * 9, "has more than 16 values"),
    ],
)
def test_damage_is_named(change, message):
    stream = encode_brush(np.array([[1, 0], [0, 1]], np.uint8))
    with pytest.raises(ValueError, match=message):
        decode_brush(change(stream), 2, 2)
