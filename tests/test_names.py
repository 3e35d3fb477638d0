"""Names that file systems take for one, in every format that is written: refused, or told apart."""

from __future__ import annotations

import tarfile
import unicodedata

import pytest
from formats import tiny

import segbench
from segbench.errors import DataError
from segbench.formats import FORMATS, load_format

WRITABLE = [name for name in FORMATS if hasattr(load_format(name), "write")]
SIZES = {1: (24, 33), 2: (25, 41)}
COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD"))
COLLIDING = {
    "case": ("A.png", "a.png"),
    "case of more than ASCII": ("É.png", "é.png"),
    "composition of accents": (COMPOSED, DECOMPOSED),
    "case of folders": ("B/1.png", "b/1.png"),
    "folders": ("x/1.png", "y/1.png"),
    "suffix": ("1.png", "1.PNG"),
}


def put(root, names, splits=("val", "val")):
    """COCO instances: two pictures of these names, one in each of these splits; they differ in size."""
    for split in dict.fromkeys(splits):
        content = tiny.instances()
        ids = [i for i, one in zip(SIZES, splits, strict=True) if one == split]
        content["images"] = [
            {"id": i, "height": SIZES[i][0], "width": SIZES[i][1], "file_name": names[i - 1]} for i in ids
        ]
        content["annotations"] = [
            {"id": i, "image_id": i, "category_id": 3, "iscrowd": 0, "segmentation": tiny.rle(mask)}
            for i in ids
            for mask in [tiny.square(SIZES[i], 1, 1, 9, 9)]
        ]
        tiny.dump(root / f"annotations/instances_{split}.json", content)
        tiny.put_pictures(root / split, {i: SIZES[i] for i in ids})
        for i in ids:
            file = root / split / names[i - 1]
            file.parent.mkdir(parents=True, exist_ok=True)
            (root / split / f"{i}.png").rename(file)
    return root


def written_names(target):
    """Every file below a folder, and the members of its tars, which unpack there."""
    for file in sorted(target.rglob("*")):
        if file.is_file():
            yield file.relative_to(target).as_posix()
        if file.suffix == ".tar":
            with tarfile.open(file) as archive:
                yield from archive.getnames()


def as_a_file_system_sees(name):
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def convert(name, source, target, **options):
    segbench.convert(source, target, target_format=name, allow_loss=True, **options)
    return segbench.open_dataset(target, format=name)


def converted(name, source, target, **options):
    """What was written; or None and the reason why it was refused, with nothing left behind."""
    try:
        return convert(name, source, target, **options), ""
    except DataError as error:
        reason = str(error)
    assert not target.exists()
    return None, reason


def check_told_apart(name, source, target, **options):
    """Refused by name, with nothing left behind; or both come back, of files that are two anywhere."""
    dataset, reason = converted(name, source, target, **options)
    if dataset is None:
        assert "differ in case alone" in reason or "called" in reason
    else:
        seen = [as_a_file_system_sees(one) for one in written_names(target)]
        assert len(set(seen)) == len(seen)
        assert sorted((s.height, s.width) for s in dataset) == sorted(SIZES.values())
        assert len(set(map(as_a_file_system_sees, dataset.splits))) == len(dataset.splits)


@pytest.mark.parametrize("case", COLLIDING)
@pytest.mark.parametrize("name", WRITABLE)
def test_names_of_pictures_that_collide(name, case, tmp_path):
    source = put(tmp_path / "in", COLLIDING[case])
    check_told_apart(name, source, tmp_path / "out")


def test_packed_pictures_whose_names_collide_come_back(tmp_path):
    """Nothing unpacks them: they are cells of a table."""
    check_told_apart("segbench", put(tmp_path / "in", COLLIDING["case"]), tmp_path / "out", packed=True)


@pytest.mark.parametrize("name", WRITABLE)
def test_splits_that_differ_in_case_alone(name, tmp_path):
    source = put(tmp_path / "in", ("1.png", "2.png"), ("val", "Val"))
    check_told_apart(name, source, tmp_path / "out")


@pytest.mark.parametrize("name", WRITABLE)
def test_names_in_any_script_come_back(name, tmp_path):
    names = ("路 و ö-Ünï.png", "\N{GRINNING FACE} b'.png")
    dataset = convert(name, put(tmp_path / "in", names), tmp_path / "out")
    assert sorted((s.height, s.width) for s in dataset) == sorted(SIZES.values())


@pytest.mark.parametrize("name", WRITABLE)
def test_one_name_in_two_splits(name, tmp_path):
    source, target = put(tmp_path / "in", ("a.png", "a.png"), ("train", "val")), tmp_path / "out"
    dataset, reason = converted(name, source, target)
    if dataset is None:
        assert "its file would be called" in reason or "in two splits" in reason
        return
    assert [s.image_id for s in dataset] == list(dataset.image_ids)
    assert dataset.splits == {"train": 1, "val": 1}
    assert [(s.height, s.width) for s in dataset] == [*SIZES.values()]


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("name", WRITABLE)
def test_a_split_alone_comes_back_or_is_announced(name, split, tmp_path):
    source = put(tmp_path / "in", ("a b.png", "c.png"), (split, split))
    report = segbench.convert(source, tmp_path / "out", target_format=name, allow_loss=True)
    kept = segbench.open_dataset(tmp_path / "out", format=name).splits == {split: 2}
    assert kept != ("splits" in [loss.feature for loss in report.losses])
    assert kept or (name, split) == ("png", "val")


@pytest.mark.parametrize("ending", ["gif", "unusual"])
@pytest.mark.parametrize("name", WRITABLE)
def test_pictures_of_unusual_endings_come_back_or_are_refused(name, ending, tmp_path):
    source, target = put(tmp_path / "in", (f"a.{ending}", "b.png")), tmp_path / "out"
    dataset, reason = converted(name, source, target)
    if dataset is None:
        assert ending == "unusual"
        assert f"'a.{ending}' has none of the endings" in reason
        return
    assert all(name == "nifti" or s.image_file is not None for s in dataset)
    assert sorted((s.height, s.width) for s in dataset) == sorted(SIZES.values())


def put_categories(root, categories):
    """COCO instances of one picture without annotation."""
    source = put(root, ("a.png", "b.png"))
    content = tiny.load(source / "annotations/instances_val.json")
    tiny.dump(
        source / "annotations/instances_val.json", {**content, "annotations": [], "categories": categories}
    )
    return source


@pytest.mark.parametrize("called", ["two\nlines", " in spaces "])
@pytest.mark.parametrize("name", WRITABLE)
def test_unusual_names_of_categories_come_back_or_are_refused(name, called, tmp_path):
    source = put_categories(tmp_path / "in", [{"id": 1, "name": called}, {"id": 2, "name": "b"}])
    dataset, reason = converted(name, source, tmp_path / "out")
    if dataset is None:
        assert repr(called) in reason
    else:
        assert {called, "b"} <= {c.name for c in dataset.categories}


@pytest.mark.parametrize("name", WRITABLE)
def test_a_data_set_without_categories(name, tmp_path):
    source = put_categories(tmp_path / "in", [])
    dataset, reason = converted(name, source, tmp_path / "out")
    if dataset is None:
        assert name == "nifti"
        assert "there is no category" in reason
        return
    assert sorted((s.height, s.width) for s in dataset) == sorted(SIZES.values())
