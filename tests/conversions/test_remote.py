"""Sources and targets in stores: the bytes that a disk would have, and what is not whole is not read."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner
from formats import tiny
from rich import put_rich

import segbench
from segbench.cli.main import main
from segbench.errors import DataError, UsageError
from segbench.formats import FORMATS, load_format

fsspec = pytest.importorskip("fsspec")
WRITABLE = [name for name in FORMATS if hasattr(load_format(name), "write")]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/segbench/remote"


@pytest.fixture
def memory():
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]
    yield files
    files.store.clear()


@pytest.fixture
def s3(monkeypatch):
    pytest.importorskip("s3fs").S3FileSystem.clear_instance_cache()
    from s3_server import serving

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with serving() as (url, bucket):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield bucket


def upload(folder, files, top):
    for path in folder.rglob("*"):
        if path.is_file():
            files.pipe_file(f"{top}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def tree(folder):
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".report"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def stored(memory, top):
    names = [name for name in memory.store if name.startswith(f"/{top}/") and not name.endswith(".report")]
    return {name.removeprefix(f"/{top}/"): memory.cat_file(name) for name in names}


@pytest.mark.parametrize("target_format", WRITABLE)
def test_every_format_is_written_to_a_store_as_to_a_disk(target_format, memory, tmp_path):
    put_rich(tmp_path / "in/annotations").rename(tmp_path / "in/annotations/instances_val.json")
    (tmp_path / "in/annotations/val").rename(tmp_path / "in/val")
    upload(tmp_path / "in", memory, "bucket/coco")
    options = {"target_format": target_format, "allow_loss": True}
    segbench.convert(tmp_path / "in/annotations/instances_val.json", tmp_path / "disk/out", **options)
    source = "memory://bucket/coco/annotations/instances_val.json"
    report = segbench.convert(source, "memory://bucket/sets/out", **options)
    assert stored(memory, "bucket/sets") == tree(tmp_path / "disk")
    assert (report.source, report.target, report.written) == (source, "memory://bucket/sets/out", True)
    assert report.path == "memory://bucket/sets/out.report"
    assert json.loads(memory.cat_file("/bucket/sets/out.report"))["source"] == source
    again = segbench.convert("memory://bucket/sets/out", tmp_path / "again", allow_loss=True)
    assert again.n_images == report.n_images


def test_two_outputs_go_to_a_store_together(memory, tmp_path):
    source = tiny.put_panoptic(tmp_path / "in")
    segbench.convert(source, "memory://b/out.json", target_format="coco-panoptic")
    segbench.convert(source, tmp_path / "disk/out.json", target_format="coco-panoptic")
    assert stored(memory, "b") == tree(tmp_path / "disk")
    assert len(segbench.open_dataset(tmp_path / "disk/out.json")) == 2
    segbench.convert(
        "memory://b/out.json", tmp_path / "again.json", target_format="coco-panoptic", images="none"
    )
    with pytest.raises(UsageError, match=r"memory://b/out\.json is there already; pass --overwrite"):
        segbench.convert(source, "memory://b/out.json", target_format="coco-panoptic")


def test_a_bucket_by_the_command_line(s3, tmp_path, cache):
    put_rich(tmp_path / "in")
    for path in (tmp_path / "in").rglob("*"):
        if path.is_file():
            s3[f"coco/{path.relative_to(tmp_path / 'in').as_posix()}"] = path.read_bytes()
    command = ["convert", "s3://bucket/coco/instances_val.json", "s3://bucket/sets/out"]
    found = CliRunner().invoke(main, command)
    assert found.exit_code == 0, found.output
    assert "written: s3://bucket/sets/out, 2 images; report: s3://bucket/sets/out.report" in found.output
    segbench.convert(tmp_path / "in/instances_val.json", tmp_path / "disk/out")
    there = {k.removeprefix("sets/"): v for k, v in s3.items() if k.startswith("sets/out/")}
    assert there == tree(tmp_path / "disk")
    puts = [asked for asked in s3.asked if asked.startswith("PUT sets/")]
    assert puts[0] == "PUT sets/out.uploading"
    assert puts[-1] == "PUT sets/out.report"
    assert s3.asked[-1] == "DELETE sets/out.uploading"
    assert {name.count("/") for name in puts[-4:-1]} == {2}  # what says that a folder is a data set, last
    assert list(cache.iterdir()) == []
    again = CliRunner().invoke(main, command)
    assert (again.exit_code, again.output.count("\n")) == (2, 1)
    assert "s3://bucket/sets/out is there already" in again.output
    found = CliRunner().invoke(main, [*command, "--overwrite"])
    assert found.exit_code == 0, found.output


def stop_after(monkeypatch, n):
    """Let ``put_file`` of the memory store fail as a kill would, after so many files."""
    put, left = fsspec.filesystem("memory").put_file, [n]

    def count(*given, **more):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return put(*given, **more)

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "put_file", staticmethod(count))


def test_what_is_not_whole_is_not_read_and_goes_on(memory, tmp_path, monkeypatch):
    source, target = put_rich(tmp_path / "in"), "memory://b/out"
    with monkeypatch.context() as patch:
        stop_after(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            segbench.convert(source, target)
    assert memory.exists("/b/out.uploading")
    with pytest.raises(DataError, match="^memory://b/out: is not whole: its upload has not ended"):
        segbench.convert(target, tmp_path / "copy")
    sent = []
    put = memory.put_file
    with monkeypatch.context() as patch:
        patch.setattr(type(memory), "put_file", lambda _, a, b: (sent.append(b), put(a, b)))
        segbench.convert(source, target)
    segbench.convert(source, tmp_path / "disk/out")
    assert stored(memory, "b") == tree(tmp_path / "disk")
    assert len(sent) == len(tree(tmp_path / "disk")) - 3 + 1
    segbench.convert(target, tmp_path / "copy")


def test_another_conversion_replaces_what_was_never_whole(memory, tmp_path, monkeypatch):
    source, target = put_rich(tmp_path / "in"), "memory://b/out"
    with monkeypatch.context() as patch:
        stop_after(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            segbench.convert(source, target)
    segbench.convert(source, target, target_format="voc", allow_loss=True)
    segbench.convert(source, tmp_path / "disk/out", target_format="voc", allow_loss=True)
    assert stored(memory, "b") == tree(tmp_path / "disk")


def test_what_was_fetched_is_not_fetched_again_unless_it_changed(memory, tmp_path, cache, monkeypatch):
    put_rich(tmp_path / "in")
    upload(tmp_path / "in", memory, "b")
    fetched = []
    get = type(memory).get_file
    monkeypatch.setattr(
        type(memory), "get_file", lambda self, a, b, **more: (fetched.append(a), get(self, a, b, **more))
    )
    options = {"target_format": "png", "dry_run": True}
    segbench.convert("memory://b/instances_val.json", tmp_path / "out", **options)
    assert len(fetched) == 3
    segbench.convert("memory://b/instances_val.json", tmp_path / "out", **options)
    assert len(fetched) == 3
    memory.pipe_file("/b/val/1.png", memory.cat_file("/b/val/1.png"))
    memory.rm_file("/b/val/2.png")
    with pytest.raises(DataError, match="image 2"):
        segbench.convert("memory://b/instances_val.json", tmp_path / "out", images="copy")
    assert len(fetched) == 4
    segbench.convert("memory://b/instances_val.json", tmp_path / "out", images="none")
    assert list(cache.iterdir()) == []


def test_annotations_alone_are_fetched_alone(memory, tmp_path):
    put_rich(tmp_path / "in")
    upload(tmp_path / "in", memory, "b")
    memory.pipe_file("/b/huge.bin", b"0")
    get = []
    with pytest.MonkeyPatch.context() as patch:
        real = type(memory).get_file
        patch.setattr(type(memory), "get_file", lambda s, a, b, **m: (get.append(a), real(s, a, b, **m)))
        segbench.convert("memory://b/instances_val.json", tmp_path / "out", images="none")
    assert get == ["/b/instances_val.json"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("memory://b/none.json", "^memory://b/none.json: there is no such file or folder$"),
        ("nonsense://b/c", "^nonsense://b/c cannot be opened: Protocol not known: nonsense"),
    ],
)
def test_what_is_not_there_is_said_on_one_line(source, message, memory, tmp_path):
    with pytest.raises((DataError, UsageError), match=message) as raised:
        segbench.convert(source, tmp_path / "out")
    assert "\n" not in str(raised.value)


def test_names_that_climb_are_refused(memory, tmp_path):
    put_rich(tmp_path / "in")
    upload(tmp_path / "in", memory, "b/c")
    memory.store["/b/c/../../evil"] = memory.store["/b/c/instances_val.json"]
    with pytest.raises(DataError, match="leads out of its folder"):
        segbench.convert("memory://b/c", tmp_path / "out", source_format="coco")
    assert not list(tmp_path.rglob("evil"))


def test_the_source_is_not_replaced(memory, tmp_path):
    put_rich(tmp_path / "in")
    upload(tmp_path / "in", memory, "b/c")
    for target in ("memory://b/c", "memory://b"):
        with pytest.raises(UsageError, match="holds the source memory://b/c/instances_val.json"):
            segbench.convert("memory://b/c/instances_val.json", target, overwrite=True)


def test_without_fsspec_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(UsageError, match=r"needs fsspec: pip install 'segbench\[remote\]'"):
        segbench.convert("memory://b/c", tmp_path / "out")
