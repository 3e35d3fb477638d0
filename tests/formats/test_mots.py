"""MOTS: maps and text files, regions to ignore, and mots_tools' own way to read them, restated."""

import numpy as np
import pycocotools.mask as cocomask
import pytest
from formats import tiny
from PIL import Image

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.images import encode_image, encode_labels
from segbench.canonical.place import place
from segbench.canonical.rle import Rle
from segbench.errors import DataError, LossError, UsageError
from segbench.formats import sniff
from segbench.formats.mots_write import _choose

VALUES = np.uint16([[1000, 1000, 2005, 0], [10_000, 0, 2005, 1012]])
FRAMES = ("0002/000000", "0002/000001", "0006/000003")


def put(root, kind="png", values=VALUES, frames=FRAMES, pictures=True):
    for frame in frames:
        video, _, number = frame.partition("/")
        if kind == "png":
            place(root / f"instances/{frame}.png", encode_labels(values))
        else:
            text = root / f"instances_txt/{video}.txt"
            before = text.read_bytes() if text.exists() else b""
            lines = (line(int(number), value, values == value) for value in np.unique(values) if value)
            place(text, before + "".join(lines).encode())
        if pictures:
            place(
                root / f"training/image_02/{frame}.png", encode_image(np.zeros((3, *values.shape), np.uint8))
            )
    place(root / "train.seqmap", b"0002 empty 000000 000001\n")
    place(root / "val.seqmap", b"0006 empty 000000 000003\n")
    return root


def line(frame, value, mask):
    height, width = mask.shape
    return f"{frame} {value} {value // 1000} {height} {width} {Rle.from_mask(mask).counts.decode()}\n"


def objects_of_text(file):
    """As ``load_txt`` of mots_tools reads and checks a file: ``{frame: {(track, class): mask}}``."""
    found = {}
    for row in file.read_text().splitlines():
        fields = row.strip().split(" ")
        objects = found.setdefault(int(fields[0]), {})
        assert int(fields[2]) in (1, 2, 10)
        mask = {"size": [int(fields[3]), int(fields[4])], "counts": fields[5].encode()}
        both = [cocomask.merge(list(objects.values())), mask]
        assert not objects or cocomask.area(cocomask.merge(both, intersect=True)) == 0
        assert (int(fields[1]), int(fields[2])) not in objects
        objects[int(fields[1]), int(fields[2])] = mask
    return {f: {k: cocomask.decode(m).tolist() for k, m in objects.items()} for f, objects in found.items()}


def objects_of_folder(folder):
    """As ``load_images_for_folder`` of mots_tools reads one."""
    found = {}
    for file in sorted(folder.glob("*.png")):
        assert len(file.name) == 10
        ids = np.array(Image.open(file))
        found[int(file.stem)] = {
            (int(i), int(i) // 1000): (ids == i).astype(int).tolist() for i in np.unique(ids) if i
        }
    return found


@pytest.mark.parametrize("kind", ["png", "txt"])
def test_objects_keep_their_id_as_track(kind, tmp_path):
    dataset = segbench.open_dataset(put(tmp_path, kind))
    assert (dataset.format, dataset.splits, dataset.tasks) == ("mots", {"train": 2, "val": 1}, ("instance",))
    assert dataset.image_ids == list(FRAMES)
    assert [(c.name, c.key) for c in dataset.categories] == [
        ("car", 1), ("pedestrian", 2), ("ignored region", 10),
    ]  # fmt: skip
    sample = dataset[2]
    assert (sample.video_id, sample.frame, sample.image.shape) == ("0006", 3, (3, 2, 4))
    assert [(s.id, s.track_id, s.category_id, s.iscrowd, s.ignore) for s in sample.segments] == [
        (1000, 1000, 0, False, False), (1012, 1012, 0, False, False), (2005, 2005, 1, False, False),
        (10_000, None, 2, True, True),
    ]  # fmt: skip
    for s in sample.segments:
        np.testing.assert_array_equal(s.rle.to_mask(), s.id == VALUES)
    np.testing.assert_array_equal(sample.mask, [[0, 0, 1, 255], [255, 255, 1, 0]])


@pytest.mark.parametrize("kind", ["png", "txt"])
def test_all_comes_back_and_mots_tools_reads_it(kind, tmp_path):
    source = put(tmp_path / "set", kind)
    segbench.convert(source, tmp_path / "canonical")
    report = segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="mots")
    assert report.losses == []
    first, last = (segbench.open_dataset(path) for path in (source, tmp_path / "back"))
    assert first.fingerprint == last.fingerprint
    assert first.splits == last.splits
    assert [s.track_id for x in first for s in x.segments] == [s.track_id for x in last for s in x.segments]
    both = segbench.open_dataset(tmp_path / "back", options={"annotation": "txt"})
    assert both.fingerprint == first.fingerprint
    truth = objects_of_folder(put(tmp_path / "png") / "instances/0002")
    assert objects_of_folder(tmp_path / "back/instances/0002") == truth
    assert objects_of_text(tmp_path / "back/instances_txt/0002.txt") == truth
    for split in ("train", "val"):
        assert (tmp_path / f"back/{split}.seqmap").read_text().split()[1] == "empty"
    assert (tmp_path / "back/val.seqmap").read_text() == "0006 empty 000003 000003\n"


def test_frames_without_objects(tmp_path):
    """A map says so; a text file does by a picture alone."""
    root = put(tmp_path / "a", values=np.zeros((2, 4), np.uint16), frames=["0002/000000"])
    segbench.convert(root, tmp_path / "b", target_format="mots")
    read = segbench.open_dataset(tmp_path / "b", options={"annotation": "txt"})
    assert [(x.height, x.width, len(x.segments)) for x in read] == [(2, 4, 0)]


@pytest.mark.parametrize("kind", ["png", "txt"])
def test_results_of_trackers_stand_by_themselves(kind, tmp_path):
    root = put(tmp_path, kind, pictures=False)
    (root / "val.seqmap").unlink()
    folder = root / ("instances" if kind == "png" else "instances_txt")
    assert segbench.open_dataset(folder, format="mots").image_ids == list(FRAMES)


def test_motschallenge(tmp_path):
    place(tmp_path / "train/MOTS20-02/gt/gt.txt", line(1, 2005, VALUES == 2005).encode())
    for i in (1, 2):
        picture = encode_image(np.zeros((3, *VALUES.shape), np.uint8))
        place(tmp_path / f"train/MOTS20-02/img1/00000{i}.png", picture)
    dataset = segbench.open_dataset(tmp_path)
    assert dataset.image_ids == ["MOTS20-02/000001", "MOTS20-02/000002"]
    assert [len(x.segments) for x in dataset] == [1, 0]


def test_instances_of_other_data_sets(tmp_path):
    """Overlaps go, crowds become regions to ignore, stuff is left out: all of it announced."""
    content = tiny.instances()
    content["categories"][1]["isthing"] = 0
    source = tiny.put_instances(tmp_path, content)
    with pytest.raises(LossError, match="pixels that several objects cover: 4"):
        segbench.convert(source, tmp_path / "out", target_format="mots")
    report = segbench.convert(source, tmp_path / "out", target_format="mots", allow_loss=True)
    assert {loss.feature: loss.count for loss in report.losses} == {
        "stuff": 1, "overlap": 4, "polygons": 1, "crowd": 1, "ids": 2, "image_ids": 2,
        "category_ids": 2, "category_fields": 3, "isthing": 1, "stated": 3, "attributes": 1, "extra": 2,
        "about": 2,
    }  # fmt: skip
    read = segbench.open_dataset(tmp_path / "out")
    assert [(c.name, c.key) for c in read.categories] == [
        ("cat", 3), ("dog", 4), ("grass", 5), ("ignored region", 10),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "values"),
    [
        ({"person": 1, "bicycle": 2, "car": 3, "bus": 6}, [2, 3, 1, 4]),
        ({"person": 1, "car": 3, "bus": 6, "train": 7}, [2, 1, 6, 7]),
        ({"pedestrian": 1, "person": 5, "car": 6}, [2, 5, 1]),
    ],
)
def test_cars_are_1_and_pedestrians_2_as_mots_tools_has_them(names, values, tmp_path):
    categories = [Category(i, n, source_id=key) for i, (n, key) in enumerate(names.items())]
    rows = _choose(Categories(categories)).rows
    assert [row.value for row in rows] == values


def test_a_video_is_in_one_split(tmp_path):
    dataset = segbench.open_dataset(put(tmp_path / "set"))
    dataset.splits = {"a": 1, "b": 2}
    with pytest.raises(DataError, match="its video 0002 is in two splits, a and b; make splits"):
        segbench.convert(dataset, tmp_path / "out", target_format="mots")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["png", "txt"])
def test_it_is_recognised(kind, tmp_path):
    assert sniff(put(tmp_path, kind)) == "mots"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 1000 1 2 4", "is no line of frame, id, class"),
        ("0 -1 1 2 4 08", "is no line of frame, id, class"),
        ("0 1000 1 0 4 08", "the image is 4×0 pixels"),
        ("0 1000 1 2 4 07", ""),
        ("0 1000 1 2 4 08\n0 1000 2 2 4 08", "the id 1000 stands twice in frame 0"),
        ("0 1000 1 2 4 08\n0 1001 2 4 2 08", "its mask is of another size"),
    ],
)
def test_lines_are_checked(text, message, tmp_path):
    place(tmp_path / "instances_txt/0002.txt", text.encode())
    with pytest.raises(DataError, match=f"0002.txt: line {text.count(chr(10)) + 1}: {message}"):
        segbench.open_dataset(tmp_path, format="mots")


@pytest.mark.parametrize(
    ("classes", "message"),
    [("1 car\n1 bus", 'line 2: is no "class name"'), ("66 car", "line 1: is no"), ("1", "line 1: is no")],
)
def test_lists_of_classes_are_checked(classes, message, tmp_path):
    place(put(tmp_path) / "classes.txt", classes.encode())
    with pytest.raises(DataError, match=f"classes.txt: {message}"):
        segbench.open_dataset(tmp_path)


def test_damage_is_named(tmp_path):
    with pytest.raises(
        DataError, match="000000.png: image 0002/000000: instances: has the value 7, which is"
    ):
        _ = segbench.open_dataset(put(tmp_path, values=np.full((2, 4), 7, np.uint16)))[0]
    place(tmp_path / "txt/instances_txt/0002.txt", line(0, 3000, VALUES == 0).encode())
    with pytest.raises(DataError, match="0002.txt: image 0002/000000: class: unknown category id 3"):
        _ = segbench.open_dataset(tmp_path / "txt")[0]
    with pytest.raises(
        UsageError, match="annotation must be one of png, txt, not 'text'. Did you mean 'txt'"
    ):
        segbench.open_dataset(tmp_path, format="mots", options={"annotation": "text"})
    with pytest.raises(DataError, match="holds no instances/"):
        segbench.open_dataset(tmp_path / "training", format="mots")
