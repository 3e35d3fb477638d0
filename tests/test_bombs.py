"""A small file that unpacks to a large one is refused, or read a part at a time: memory stays bounded."""

from __future__ import annotations

import gzip
import json
import re
import struct
import subprocess
import sys
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from formats import tiny
from PIL import Image

import segbench
from segbench.canonical.images import encode_labels

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
ZEROS = gzip.compress(bytes(1 << 24), 1)
"""A member of 70 KB that unpacks to 16 MB; members may follow each other."""

PEAK = """
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(int(peak[1]) // 1024)
"""
READ = """
import re, sys
from pathlib import Path
import segbench
from segbench.errors import DataError
try:
    dataset = segbench.open_dataset(sys.argv[1], format=sys.argv[2])
    for index in (0, len(dataset) - 1):
        sample = dataset[index]
        sample.mask
        print(len(dataset), sample.mask.shape)
        if sample.image_file is not None:
            sample.image
except DataError as error:
    print(error)
"""
WRITE = """
import re, sys
from pathlib import Path
import segbench
report = segbench.convert(sys.argv[1], sys.argv[2], target_format="nifti", images="none")
print(report.n_images)
"""


def read(path, name):
    """Read the first and the last sample; return what was said, and the peak of memory in MB."""
    return run(READ, path, name)


def run(code, *arguments):
    command = [sys.executable, "-W", "error", "-c", code + PEAK, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    *said, peak = done.stdout.splitlines()
    return "\n".join(said), int(peak)


def volume(root, shape, code, bits, begin=352, extensions=bytes(4), unpacked=1 << 30, folder="labelsTr"):
    """A packed volume of zeros: how large its header says it is, and how much the file unpacks to."""
    head = bytearray(348)
    head[:4] = struct.pack("<i", 348)
    head[40:56] = struct.pack("<8h", len(shape), *shape, *[1] * (7 - len(shape)))
    head[70:74] = struct.pack("<2h", code, bits)
    head[76:108] = struct.pack("<8f", *[1] * 8)
    head[108:112] = struct.pack("<f", begin)
    head[344:348] = b"n+1\0"
    file = root / folder / "a.nii.gz"
    file.parent.mkdir(parents=True)
    file.write_bytes(
        gzip.compress(bytes(head) + extensions) + ZEROS * (unpacked >> 24) + gzip.compress(bytes(9))
    )
    (root / "dataset.json").write_text(json.dumps({"labels": {"0": "background"}}))
    assert file.stat().st_size < 6_000_000
    return root


def extension(length):
    return struct.pack("<4B2i", 1, 0, 0, 0, length, 4)


UINT8, FLOAT64 = (2, 8), (64, 64)
SMALL, WHOLE = (5, 4, 3), (1024, 1024, 1024)


@LINUX
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"shape": WHOLE}, "1024 (1024, 1024)"),
        ({"shape": (1024, 1024, 128), "kind": FLOAT64}, "128 (1024, 1024)"),
        ({"shape": SMALL}, "3 (4, 5)"),
        ({"shape": SMALL, "begin": 368, "extensions": extension(1 << 30)}, "3 (4, 5)"),
        ({"shape": (1024, 1025, 1024)}, "dim: declares 1024×1025×1024 voxels; at most 1073741824 are read"),
        ({"shape": SMALL, "begin": 1 << 30, "extensions": extension((1 << 30) - 352)}, "vox_offset: says"),
        ({"shape": SMALL, "begin": 0, "extensions": extension(1 << 30)}, "has the value 1, which is none"),
        ({"shape": WHOLE, "unpacked": 1 << 25}, "cannot read the voxels: the file ends before they do"),
    ],
    ids=["uint8", "float64", "behind", "extension", "size", "begin", "no begin", "cut"],
)  # fmt: skip
def test_volumes_are_read_slice_by_slice(given, said, tmp_path):
    """1 GB of 5 MB: what the header declares is read in parts, what it does not is not unpacked."""
    pytest.importorskip("nibabel")
    code, bits = given.pop("kind", UINT8)
    found, peak = read(volume(tmp_path, code=code, bits=bits, **given), "nifti")
    assert said in found
    assert peak < 150


@LINUX
def test_volumes_are_written_in_parts(tmp_path):
    """Of 160 million bytes, which were held twice and packed as a whole."""
    nibabel = pytest.importorskip("nibabel")
    source = volume(tmp_path / "in", (512, 512, 300), *UINT8, unpacked=512 * 512 * 300 + (1 << 24))
    found, peak = run(WRITE, source, tmp_path / "out")
    assert found == "300"
    assert peak < 170
    written = nibabel.load(tmp_path / "out/labelsTr/a.nii.gz")
    assert (written.shape, written.get_data_dtype()) == ((512, 512, 300), np.uint8)
    assert not [file for file in (tmp_path / "out").iterdir() if file.name.startswith(".")]


LARGE = 1 << 28
MASK = encode_labels(np.zeros((4, 5), np.uint8))
MANY = 5_000_000


def pictures(cells):
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.array([{"bytes": data, "path": f"{i}.png"} for i, data in enumerate(cells)], kind)


def repeated(value, n=MANY):
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array([value]))


def put_parquet(root, table, name="train.parquet", **options):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, root / name, compression="zstd", store_schema=False, **options)
    return root


def large_cell(root, column):
    cells = {"image": [MASK, MASK], "mask": [MASK, MASK]} | {column: [MASK, bytes(LARGE)]}
    return put_parquet(root, pa.table({name: pictures(found) for name, found in cells.items()}))


def cells_that_stand_once(root):
    """Sixteen rows of 64 MB each, of which one is kept, unpacked from 8 KB."""
    return put_parquet(
        root,
        pa.table({"image": repeated(MASK, 16), "mask": repeated(bytes(1 << 25), 16)}),
        dictionary_pagesize_limit=1 << 30,
    )


def names_that_stand_once(root):
    return put_parquet(
        root,
        pa.table({"id": repeated("x" * (1 << 25), 8), "mask": repeated(MASK, 8)}),
        dictionary_pagesize_limit=1 << 30,
    )


def many_names(root):
    return put_parquet(root, pa.table({"id": repeated("x" * 500), "mask": repeated(MASK)}))


def many_files(root):
    return put_parquet(
        root,
        pa.table({"file_name": repeated("x" * 500), "mask_file_name": repeated("y")}),
        "metadata.parquet",
    )


def rows_of_numbers(root):
    """A mask of 100 million numbers, all the same."""
    rows = pa.ListArray.from_arrays(
        pa.array([0, 100_000_000], pa.int32()), pa.array(np.zeros(100_000_000, np.int8))
    )
    mask = pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), rows)
    return put_parquet(root, pa.table({"image": pictures([MASK]), "mask": mask}))


def arrow_stream(root):
    table = pa.table({"image": [bytes(LARGE)], "mask": [MASK]})
    packed = pa.ipc.IpcWriteOptions(compression="zstd")
    root.mkdir(parents=True)
    with (
        pa.OSFile(str(root / "a.arrow"), "wb") as file,
        pa.ipc.new_stream(file, table.schema, options=packed) as w,
    ):
        w.write_table(table)
    tiny.dump(root / "state.json", {"_data_files": [{"filename": "a.arrow"}], "_split": "train"})
    tiny.dump(root / "dataset_info.json", {})
    return root


@LINUX
@pytest.mark.parametrize(
    ("put", "said"),
    [
        (lambda root: large_cell(root, "image"), "image.bytes: .* bytes of it unpack to 268,"),
        (lambda root: large_cell(root, "mask"), "mask.bytes: .* bytes of it unpack to 268,"),
        (cells_that_stand_once, "mask: is no PNG"),
        (names_that_stand_once, "id: has a name of 33,554,432 bytes; at most 65,536 are read"),
        (many_names, "states 5,000,000 rows, more than .* bytes can be"),
        (many_files, "states 5,000,000 rows, more than .* bytes can be"),
        (rows_of_numbers, "has 100,000,000 values a row; at most 67,108,864 are read"),
        (arrow_stream, "a.arrow: is compressed; save it again with datasets"),
    ],
    ids=["picture", "mask", "cells once", "names once", "names", "files", "numbers", "arrow"],
)  # fmt: skip
def test_tables_are_looked_at_before_they_are_read(put, said, tmp_path):
    """Cells of 32 MB may be: two are held, and what is made of it."""
    found, peak = read(put(tmp_path / "set"), "hf")
    assert re.search(said, found)
    assert peak < (400 if "once" in put.__name__ else 150)


def test_many_plain_rows_are_read(tmp_path):
    """Numbers that repeat, names that count up and cells that all are one take few bytes, and are no bomb."""
    n = 200_000
    columns = {
        "file_name": [f"{i:06d}.png" for i in range(n)],
        "video": [f"video {i % 1000}" for i in range(n)],
        "weather": np.arange(n) % 7,
        "mask": repeated(MASK, n),
    }
    put_parquet(tmp_path, pa.table(columns))
    (tmp_path / "id2label.json").write_text(json.dumps({"0": "road"}))
    dataset = segbench.open_dataset(tmp_path, format="hf")
    assert (len(dataset), dataset.image_ids[-1]) == (n, "199999.png")
    assert dataset[n // 2].extra["hf"]["video"] == "video 0"
    assert dataset[n - 1].mask.shape == (4, 5)


def spoil(root, packed, change):
    """A data set in the canonical form, whose table was changed."""
    segbench.convert(tiny.put_labels(root / "in"), root / "set", packed=packed)
    (file,) = (root / "set").rglob("*.parquet")
    pq.write_table(change(pq.read_table(file)), file, compression="zstd", use_dictionary=False)
    return root / "set"


def with_cells(table, name, cells):
    at = table.schema.get_field_index(name)
    return table.set_column(at, table.schema.field(at), pa.array(cells, table.schema.field(at).type))


def large_picture(table):
    return with_cells(table, "image", [{"bytes": data, "path": "a"} for data in (MASK, bytes(LARGE))])


def large_extra(table):
    return with_cells(table, "extra", [None, "x" * LARGE])


def many_rows(table):
    return pa.table([pa.nulls(MANY, field.type) for field in table.schema], schema=table.schema)


@LINUX
@pytest.mark.parametrize(
    ("packed", "change", "said"),
    [
        (True, large_picture, "image.bytes: .* unpack to 268,"),
        (False, large_extra, "extra: .* bytes of it unpack to 268,"),
        (False, many_rows, "states 5,000,000 rows, more than .* bytes can be"),
    ],
    ids=["picture", "extra", "rows"],
)  # fmt: skip
def test_tables_of_the_canonical_form_too(packed, change, said, tmp_path):
    found, peak = read(spoil(tmp_path, packed, change), "segbench")
    assert re.search(said, found)
    assert peak < 150


def png(extra=b"", idat=None):
    """A PNG of 6×4 pixels with a chunk before its pixels, or with others in their place."""
    rows = zlib.compress(bytes(7 * 4)) if idat is None else idat
    head = struct.pack(">2I5B", 6, 4, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), *([extra] if extra else []), (b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def deflated(n):
    packer = zlib.compressobj(1)
    block = bytes(1 << 24)
    return b"".join([*(packer.compress(block) for _ in range(n >> 24)), packer.flush()])


@LINUX
def test_a_picture_of_another_size_is_not_decoded(tmp_path):
    """Of 81 million pixels, in 100 KB."""
    source = tiny.put_labels(tmp_path / "set")
    Image.new("L", (9000, 9000)).save(source / "images/1.png")
    found, peak = read(source, "png")
    assert "1.png: image 1: the image is 9000×9000 pixels, its annotation 6×4" in found
    assert peak < 150


@LINUX
@pytest.mark.parametrize("folder", ["images", "masks"])
@pytest.mark.parametrize("kind", ["idat", "text", "profile"])
def test_pictures_unpack_to_their_pixels_alone(kind, folder, tmp_path):
    """What stands behind the pixels, in texts or in a profile, is refused or left where it is."""
    large = deflated(1 << 28)
    extra = {"text": (b"zTXt", b"Comment\0\0" + large), "profile": (b"iCCP", b"x\0\0" + large)}
    source = tiny.put_labels(tmp_path / "set")
    file = source / folder / "1.png"
    file.write_bytes(png(idat=large) if kind == "idat" else png(extra[kind]))
    found, peak = read(source, "png")
    assert "2 (4, 6)" in found or "1.png: image 1:" in found
    assert peak < 150
