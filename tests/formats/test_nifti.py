"""Volumes: labels with affine and spacing, intensities in 8 bits, the Decathlon's and nnU-Net's lists."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from formats import mutations, tiny

import segbench
from segbench.canonical.calibration import calibrate, calibration
from segbench.canonical.images import decode_image, decode_labels, encode_image, encode_labels
from segbench.canonical.place import place
from segbench.errors import DataError, UsageError
from segbench.formats import load_format, open_predictions, sniff

nibabel = pytest.importorskip("nibabel")

RNG = np.random.default_rng(7)
LABELS = RNG.integers(0, 3, (5, 4, 3)).astype(np.uint8)
HU = RNG.integers(-1024, 3072, (5, 4, 3)).astype(np.int16)
HU[0, 0, 0], HU[4, 3, 2] = -1024, 3071
AFFINE = np.array([[0.7, 0.1, 0, -90], [0, 0.7, 0, 12.5], [0, 0, -2.5, 40], [0, 0, 0, 1]])
NAMES = {"0": "background", "1": "liver", "2": "cancer"}


def save(file, voxels, affine=AFFINE, dtype=None, kind=nibabel.Nifti1Image, slope=None):
    image = kind(voxels, affine)
    image.set_data_dtype(voxels.dtype if dtype is None else dtype)
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"] = b"made by a scanner"
    if slope is not None:
        image.header.set_slope_inter(*slope)
    file.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(image, file)
    return file


def put(root, volume=LABELS, image=HU, names=("liver_1", "liver_2"), **content):
    for name in names:
        save(root / f"labelsTr/{name}.nii.gz", volume)
        if image is not None:
            save(root / f"imagesTr/{name}.nii.gz", image)
    rows = [{"image": f"./imagesTr/{n}.nii.gz", "label": f"./labelsTr/{n}.nii.gz"} for n in names]
    given = {"name": "Liver", "labels": NAMES, "training": rows, "test": ["./imagesTs/x.nii.gz"], **content}
    (root / "dataset.json").write_text(json.dumps(given))
    return root


def back(source, tmp_path, images="link"):
    segbench.convert(source, tmp_path / "canonical", images=images)
    report = segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="nifti", images=images)
    assert report.losses == []
    first, last = (segbench.open_dataset(path) for path in (source, tmp_path / "back"))
    assert (first.fingerprint, first.splits) == (last.fingerprint, last.splits)
    return tmp_path / "back"


def header_of(image):
    header = image.header
    return {
        k: header[k].tolist() for k in header if k not in ("scl_slope", "scl_inter", "datatype", "bitpix")
    }


def test_slices_are_images(tmp_path):
    dataset = segbench.open_dataset(put(tmp_path))
    assert (dataset.format, dataset.splits, dataset.tasks) == ("nifti", {"training": 6}, ("semantic",))
    assert dataset.image_ids[:4] == ["liver_1/0", "liver_1/1", "liver_1/2", "liver_2/0"]
    assert dataset.id2label == {0: "background", 1: "liver", 2: "cancer"}
    for k, sample in zip(range(3), dataset, strict=False):
        np.testing.assert_array_equal(sample.mask, LABELS[:, :, k].T)
        said = sample.extra["nifti"]
        assert (said["volume"], said["slice"], said["axis"], said["shape"]) == ("liver_1", k, 2, [5, 4, 3])
        np.testing.assert_allclose(said["affine"], AFFINE, atol=1e-6)
        np.testing.assert_allclose(said["spacing"], np.linalg.norm(AFFINE[:3, :3], axis=0), atol=1e-6)


def test_intensities_have_256_levels_of_the_range(tmp_path):
    """What is lost of HU is told before it is: the note stands in the report of a conversion."""
    source = put(tmp_path / "set")
    dataset = segbench.open_dataset(source)
    step = (3071 + 1024) / 255
    for k in range(3):
        levels = np.floor((HU[:, :, k].T + 1024) / step + 0.5)
        np.testing.assert_array_equal(dataset[k].image, np.stack([levels.astype(np.uint8)] * 3))
    assert calibration(dataset[0].image_file.read()) == (-1024, 3071)
    spatial, note = segbench.convert(source, tmp_path / "out", dry_run=True).notes
    assert spatial.startswith("affine, spacing and header of a volume are among the other fields")
    assert note.startswith(
        "of intensities (HU of CT) pictures of slices keep 256 levels of the range of each"
    )
    window = segbench.open_dataset(source, options={"window": "-160,240"})
    assert "256 levels of -160 to 240" in window.notes[1]
    np.testing.assert_array_equal(window[0].image[0] == 255, HU[:, :, 0].T >= 240 - 400 / 510)


def test_labels_come_back_with_their_header(tmp_path):
    source = put(tmp_path / "set")
    root = back(source, tmp_path)
    for name in ("liver_1", "liver_2"):
        ours, theirs = (nibabel.load(path / f"labelsTr/{name}.nii.gz") for path in (root, source))
        np.testing.assert_array_equal(np.asanyarray(ours.dataobj), LABELS)
        np.testing.assert_array_equal(ours.affine, theirs.affine)
        assert ours.header.get_zooms() == theirs.header.get_zooms()
        assert ours.get_data_dtype() == theirs.get_data_dtype()
        assert header_of(ours) == header_of(theirs)
    content = tiny.load(root / "dataset.json")
    assert (content["labels"], content["numTraining"]) == (NAMES, 2)
    assert content["training"][0] == {
        "image": "./imagesTr/liver_1.nii.gz", "label": "./labelsTr/liver_1.nii.gz",
    }  # fmt: skip


def test_intensities_come_back_within_half_a_level(tmp_path):
    root = back(put(tmp_path / "set"), tmp_path)
    image = nibabel.load(root / "imagesTr/liver_1.nii.gz")
    assert image.get_data_dtype() == np.uint8
    assert np.abs(image.get_fdata() - HU).max() <= (3071 + 1024) / 255 / 2 + 1e-3
    np.testing.assert_allclose(image.affine, AFFINE, atol=1e-6)
    again = back(root, tmp_path / "again")
    both = (nibabel.load(path / "imagesTr/liver_1.nii.gz").get_fdata() for path in (root, again))
    np.testing.assert_allclose(*both, atol=1e-3)


@pytest.mark.parametrize("axis", [0, 2])
def test_workers_read_volumes_side_by_side(axis, tmp_path):
    """Each has streams of its own, which go on where they were when it was forked."""
    source, found = put(tmp_path / "set", np.tile(LABELS, (1, 1, 20)), np.tile(HU, (1, 1, 20))), []
    for workers in (1, 3):
        target = tmp_path / f"{workers}"
        segbench.open_dataset(source)[1].image_file.read()
        segbench.convert(source, target, options={"axis": axis}, skip_invalid=True, workers=workers)
        files = [file for file in sorted(target.rglob("*")) if file.is_file()]
        found.append({file.relative_to(target).as_posix(): file.read_bytes() for file in files})
    assert len(found[0]) > (120 if axis == 2 else 10)
    assert found[0] == found[1]


@pytest.mark.parametrize("axis", [0, 1])
def test_other_axes(axis, tmp_path):
    source = put(tmp_path / "set")
    sample = segbench.open_dataset(source, options={"axis": axis})[1]
    np.testing.assert_array_equal(sample.mask, np.take(LABELS, 1, axis).T)
    segbench.convert(source, tmp_path / "c", options={"axis": axis})
    segbench.convert(tmp_path / "c", tmp_path / "back", target_format="nifti")
    voxels = np.asanyarray(nibabel.load(tmp_path / "back/labelsTr/liver_2.nii.gz").dataobj)
    np.testing.assert_array_equal(voxels, LABELS)


@pytest.mark.parametrize(
    ("kind", "dtype", "slope"),
    [
        (nibabel.Nifti1Image, np.float32, None), (nibabel.Nifti2Image, np.int16, None),
        (nibabel.Nifti1Image, np.int16, (0.5, -1)),
    ],
)  # fmt: skip
def test_kinds_of_labels(kind, dtype, slope, tmp_path):
    """Floats that are integers, NIfTI-2, labels that the header scales: nibabel's values are the labels."""
    file = tmp_path / "set/labelsTr/a.nii"
    stored = LABELS if slope is None else LABELS * 2 + 2
    save(file, stored.astype(dtype), kind=kind, slope=slope)
    np.testing.assert_array_equal(nibabel.load(file).get_fdata(), LABELS)
    dataset = segbench.open_dataset(tmp_path / "set")
    assert dataset.id2label == {0: "background", 1: "label 1", 2: "label 2"}
    np.testing.assert_array_equal(dataset[0].mask, LABELS[:, :, 0].T)
    root = back(tmp_path / "set", tmp_path, images="none")
    written = nibabel.load(root / "labelsTr/a.nii.gz")
    np.testing.assert_array_equal(written.get_fdata(), LABELS)
    assert (type(written), written.get_data_dtype()) == (kind, dtype)


def test_a_fourth_axis_of_images_has_channels(tmp_path):
    both = np.stack([HU, np.zeros_like(HU)], axis=-1)
    put(tmp_path, image=both)
    np.testing.assert_array_equal(
        [s.image for s in segbench.open_dataset(tmp_path)][:3],
        [s.image for s in segbench.open_dataset(put(tmp_path / "three"))][:3],
    )
    assert segbench.open_dataset(tmp_path, options={"channel": 1})[0].image.max() == 0
    with pytest.raises(UsageError, match="channel 2 is none of the 2"):
        _ = segbench.open_dataset(tmp_path, options={"channel": 2})[0].image


def test_nnunet(tmp_path):
    """Names stand first, images end on the number of their channel, ``ignore`` is never scored."""
    labels = np.where(LABELS == 2, 3, LABELS)
    save(tmp_path / "labelsTr/case.nii.gz", labels)
    save(tmp_path / "imagesTr/case_0000.nii.gz", HU)
    tiny.dump(tmp_path / "dataset.json", {"labels": {"background": 0, "liver": 1, "ignore": 3}})
    dataset = segbench.open_dataset(tmp_path)
    assert dataset.id2label == {0: "background", 1: "liver"}
    np.testing.assert_array_equal(dataset[0].mask, np.where(labels == 3, 255, labels)[:, :, 0].T)
    assert dataset[0].image_file is not None
    root = back(tmp_path, tmp_path.parent / f"{tmp_path.name}-x")
    assert tiny.load(root / "dataset.json")["labels"] == {"0": "background", "1": "liver", "2": "ignore"}


def test_pictures_become_volumes_of_one_slice(tmp_path):
    """Colours stay colours, and what is not scored is the label ``ignore``."""
    source = tiny.put_labels(tmp_path / "set")
    colors = np.arange(72, dtype=np.uint8).reshape(3, 4, 6)
    place(source / "images/1.png", encode_image(colors))
    segbench.convert(source, tmp_path / "out", target_format="nifti")
    image = nibabel.load(tmp_path / "out/imagesTr/1.nii.gz")
    assert image.shape == (6, 4, 1)
    read, truth = segbench.open_dataset(tmp_path / "out"), segbench.open_dataset(source)
    assert read.image_ids == truth.image_ids
    for ours, theirs in zip(read, truth, strict=True):
        np.testing.assert_array_equal(ours.mask, theirs.mask)
        np.testing.assert_array_equal(ours.image, theirs.image)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_volume_is_coloured_from_the_first_picture_that_is(axis, tmp_path):
    """Of any axis; slices that came before it are grey in three channels."""
    segbench.convert(put(tmp_path / "set", names=["a"]), tmp_path / "c", options={"axis": axis})
    dataset = segbench.open_dataset(tmp_path / "c")
    pictures = [sample.image.copy() for sample in dataset]
    pictures[1][0] ^= 7
    changed = [
        replace(sample, image_file=replace(sample.image_file, data=encode_image(picture)))
        for sample, picture in zip(dataset, pictures, strict=True)
    ]
    dataset._load = changed.__getitem__
    load_format("nifti").write(dataset, tmp_path / "out")
    assert nibabel.load(tmp_path / "out/imagesTr/a.nii.gz").get_data_dtype().names == ("R", "G", "B")
    read = segbench.open_dataset(tmp_path / "out", options={"axis": axis})
    for sample, picture in zip(read, pictures, strict=True):
        np.testing.assert_array_equal(sample.image, picture)
        np.testing.assert_array_equal(sample.mask, np.take(LABELS, sample.extra["nifti"]["slice"], axis).T)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "dataset.json",
        "imagesTr",
        "labelsTr",
    ]


def test_volumes_of_intensities_are_taken_over(tmp_path):
    """From one folder of volumes to another nothing of HU is lost, nor a fourth axis."""
    source = put(tmp_path / "set", image=np.stack([HU, HU + 1], axis=-1))
    segbench.convert(source, tmp_path / "out", target_format="nifti")
    for name in ("liver_1", "liver_2"):
        data = [(path / f"imagesTr/{name}.nii.gz").read_bytes() for path in (source, tmp_path / "out")]
        assert data[0] == data[1]
    assert segbench.open_dataset(tmp_path / "out").fingerprint == segbench.open_dataset(source).fingerprint


def test_splits_are_lists(tmp_path):
    source = put(tmp_path / "set")
    dataset = segbench.open_dataset(source)
    dataset.splits = {"train": 3, "val": 3}
    segbench.convert(dataset, tmp_path / "out", target_format="nifti", images="none")
    content = tiny.load(tmp_path / "out/dataset.json")
    assert [len(content[key]) for key in ("training", "train", "val")] == [2, 1, 1]
    assert segbench.open_dataset(tmp_path / "out").splits == {"train": 3, "val": 3}


def test_a_volume_is_whole(tmp_path):
    source = put(tmp_path / "set", image=None)
    with pytest.raises(DataError, match="image liver_2: volume: lacks 2 of its 3 slices; write png"):
        segbench.convert(source, tmp_path / "out", target_format="nifti", max_images=4, images="none")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("shape", [5, 4]),
        ("shape", [5, 5, 3]),
        ("slice", 3),
        ("axis", "2"),
        ("header", "é"),
        ("header", "AAAA"),
    ],
)
def test_places_in_volumes_are_checked(key, value, tmp_path):
    dataset = segbench.open_dataset(put(tmp_path / "set", image=None))
    spoilt = [replace(s, extra={"nifti": {**s.extra["nifti"], key: value}}) for s in dataset]
    dataset._load = spoilt.__getitem__
    with pytest.raises(DataError, match="place in a volume|header"):
        load_format("nifti").write(dataset, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_predictions_are_volumes_of_that_name(tmp_path):
    truth = segbench.open_dataset(put(tmp_path / "set"))
    for name in ("liver_1", "liver_2"):
        save(tmp_path / f"pred/{name}.nii.gz", LABELS)
    predictions = open_predictions(tmp_path / "pred", truth, format="nifti")
    assert [p.mask.tolist() for p in predictions] == [t.mask.tolist() for t in truth]
    record = segbench.score(truth, tmp_path / "pred", task="semantic", predictions_format="nifti")
    assert record.metrics["miou"].value == 1
    with pytest.raises(DataError, match="holds no"):
        open_predictions(tmp_path / "none", truth, format="nifti")


def test_it_is_recognised(tmp_path):
    assert sniff(put(tmp_path / "a")) == "nifti"
    assert sniff(save(tmp_path / "b.nii", LABELS)) == "nifti"
    assert segbench.open_dataset(tmp_path / "b.nii").image_ids == ["b/0", "b/1", "b/2"]


@pytest.mark.parametrize(
    ("voxels", "message"),
    [
        (LABELS.astype(np.float32) + 0.5, r"has the value .*\.5, which is no label of 0 to 65535"),
        (LABELS.astype(np.int16) - 1, "has the value -1, which is no label"),
        (np.where(LABELS == 0, np.nan, LABELS).astype(np.float32), "has the value nan, which is no label"),
        (LABELS + np.uint8(1), "mask: has the value 3, which is none of the classes"),
        (np.stack([LABELS] * 2, axis=-1), "dim: has a fourth axis of 2 where labels have three"),
    ],
)
def test_damage_is_named(voxels, message, tmp_path):
    with pytest.raises(DataError, match=f"liver_1.nii.gz: .*{message}"):
        _ = [s.mask for s in segbench.open_dataset(put(tmp_path, voxels, None))]


def test_headers_are_checked(tmp_path):
    place(tmp_path / "labelsTr/a.nii", b"\0" * 400)
    with pytest.raises(DataError, match="a.nii: is no readable volume"):
        segbench.open_dataset(tmp_path)
    data = bytearray(save(tmp_path / "labelsTr/a.nii", LABELS).read_bytes())
    place(tmp_path / "labelsTr/a.nii", bytes(data[:-1]))
    with pytest.raises(DataError, match="a.nii: cannot read the voxels"):
        segbench.open_dataset(tmp_path)
    data[42:48] = b"\xff\x7f" * 3
    place(tmp_path / "labelsTr/a.nii", bytes(data))
    with pytest.raises(DataError, match="declares 32767×32767×32767 voxels; at most"):
        segbench.open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"labels": {}}, "labels: is missing, or no object"),
        ({"labels": {"a": "b"}}, "labels.a: is no name of a value"),
        ({"labels": {"0": "a", "00": "b"}}, "labels.00: is no name of a value"),
        ({"training": [{"label": 5}]}, r"training\[0\]: has no label and image"),
        ({"training": [{"label": "../x.nii"}]}, r"training\[0\]: the path '../x.nii' leads out"),
        ({"labels": {"0": "ignore"}}, "labels: names nothing but what is ignored"),
    ],
)
def test_lists_are_checked(content, message, tmp_path):
    with pytest.raises(DataError, match=message):
        segbench.open_dataset(put(tmp_path, **content))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"axis": 3}, "axis must be 0, 1 or 2, not 3"), ({"window": "5"}, "window must be low,high, not '5'"),
        ({"window": "5,5"}, "window must rise from low to high"),
    ],
)  # fmt: skip
def test_options_are_checked(options, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        segbench.open_dataset(put(tmp_path), options=options)


def test_image_and_labels_are_of_one_size(tmp_path):
    put(tmp_path, image=HU[:, :, :2])
    with pytest.raises(DataError, match=r"image liver_1/0: the image has \(5, 4, 2\) voxels, its labels"):
        _ = segbench.open_dataset(tmp_path)[0]


def test_nibabel_is_asked_for(tmp_path, monkeypatch):
    put(tmp_path)
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(UsageError, match=r"nibabel is not installed: pip install 'segbench\[medical\]'"):
        segbench.open_dataset(tmp_path)


def test_greys_stand_for_intensities():
    """``pCAL`` of a grey PNG, by other programs' rules: a chunk before IDAT, equation 0."""
    plain = encode_labels(np.uint8([[0, 255]]))
    assert calibration(plain) is None
    data = calibrate(plain, -1000.5, 400.25)
    assert calibration(data) == (-1000.5, 400.25)
    np.testing.assert_array_equal(decode_labels(data), [[0, 255]])
    np.testing.assert_array_equal(decode_image(data)[0], [[0, 255]])
    assert calibration(data.replace(b"-1000.5", b"-1000.x")) is None


def test_spoilt_headers_are_read_or_refused(tmp_path):
    def put_plain(root):
        save(root / "set/labelsTr/a.nii", LABELS)
        return root / "set"

    assert mutations.check(put_plain, tmp_path, format_name="nifti", n=200, suffixes=(".nii",)) > 20
