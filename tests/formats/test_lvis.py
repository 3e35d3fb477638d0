"""LVIS: federated fields, pictures named by their address, and the way there and back."""

import contextlib
import io
import sys
import types

import numpy as np
import pytest
from formats import mutations, tiny
from rich import put_rich

import segbench
from segbench.errors import DataError, LossError
from segbench.formats import sniff

REAL = "lvis_val100/data/lvis_val_100.json"
URL = "http://images.cocodataset.org/val2017/{}.png"


@pytest.fixture
def lvis(monkeypatch):
    """The package, which needs OpenCV for its pictures and names that NumPy has dropped."""
    if "cv2" not in sys.modules:
        monkeypatch.setitem(sys.modules, "cv2", types.ModuleType("cv2"))
    monkeypatch.setattr(np, "float", float, raising=False)
    monkeypatch.setattr(np, "int", int, raising=False)
    return pytest.importorskip("lvis")


def content(*, urls=True):
    """LVIS 1.0's JSON: images without ``file_name``, annotations without ``iscrowd``."""
    found = tiny.instances()
    for image in found["images"]:
        name = image.pop("file_name")
        image.update({"coco_url": URL.format(image["id"])} if urls else {"file_name": f"val2017/{name}"})
        image.update({"neg_category_ids": [90], "not_exhaustive_category_ids": [3]})
    for annotation in found["annotations"]:
        del annotation["iscrowd"]
    for category, frequency in zip(found["categories"], "rcf", strict=True):
        category |= {
            "frequency": frequency,
            "synset": f"{category['name']}.n.01",
            "def": "x",
            "image_count": 1,
        }
    return found


def put(root, found=None, **kwargs):
    tiny.put_pictures(root / "val2017")
    return tiny.dump(root / "lvis_v1_val.json", content(**kwargs) if found is None else found)


def back(source, tmp_path, target="back.json", images="link"):
    segbench.convert(source, tmp_path / "canonical", images=images)
    report = segbench.convert(tmp_path / "canonical", tmp_path / target, target_format="lvis", images=images)
    assert report.losses == []
    return tmp_path / target


@pytest.mark.parametrize("urls", [True, False])
def test_it_comes_back_as_it_was(urls, tmp_path):
    source = put(tmp_path / "in", urls=urls)
    assert sniff(source) == "lvis"
    written = back(source, tmp_path)
    assert tiny.by_id(tiny.load(written)) == tiny.by_id(content(urls=urls))
    datasets = [segbench.open_dataset(path) for path in (source, written, tmp_path / "canonical")]
    assert len({dataset.fingerprint for dataset in datasets}) == 1


def test_real_lvis_comes_back_as_it_was_and_is_that_of_coco(data_dir, tmp_path):
    source = data_dir / REAL
    written = back(source, tmp_path, images="none")
    assert tiny.by_id(tiny.load(written)) == tiny.by_id(tiny.load(source))
    fingerprints = {segbench.open_dataset(source, format=name).fingerprint for name in ("lvis", "coco")}
    assert fingerprints == {segbench.open_dataset(written).fingerprint}


def test_pictures_are_named_by_their_address(tmp_path):
    source = put(tmp_path / "in")
    sample = segbench.open_dataset(source)[0]
    assert (sample.image_file.name, sample.image.shape) == ("val2017/1.png", (3, 4, 6))
    assert sample.neg_category_ids == (2,)
    assert sample.not_exhaustive_category_ids == (0,)
    layout = back(source, tmp_path, "layout")
    names = sorted(p.relative_to(layout).as_posix() for p in layout.rglob("*.png"))
    assert names == ["val/val2017/1.png", "val/val2017/2.png"]
    assert sniff(layout) == "lvis"
    assert segbench.open_dataset(layout)[1].image.shape == (3, 5, 5)


@pytest.mark.parametrize("folder", ["", "images", "val", "images/val"])
def test_pictures_may_stand_in_one_folder(folder, tmp_path):
    source = tiny.dump(tmp_path / "annotations/lvis_v1_val.json", content())
    tiny.put_pictures(tmp_path / folder)
    assert segbench.open_dataset(source)[0].image.shape == (3, 4, 6)
    tiny.put_pictures(tmp_path / "else")
    named = segbench.open_dataset(source, options={"images": tmp_path / "else"})[0]
    assert named.image_file.path == tmp_path / "else/1.png"


@pytest.mark.parametrize("url", ["http://x/../../1.png", "http://x/a/..", "http://[", "", 5, None])
def test_an_address_that_leads_away_names_no_picture(url, tmp_path):
    found = content()
    found["images"][0]["coco_url"] = url
    sample = segbench.open_dataset(put(tmp_path, found))[0]
    assert sample.image_file is None


def test_an_image_that_is_annotated_in_full_has_no_lists(tmp_path):
    """COCO's images are: LVIS says so by naming every category that is not there."""
    source = tiny.instances()
    for annotation in source["annotations"]:
        annotation["iscrowd"] = 0
    file = tiny.put_instances(tmp_path / "in", source)
    segbench.convert(file, tmp_path / "out.json", target_format="lvis")
    written = tiny.load(tmp_path / "out.json")
    lists = [(i["neg_category_ids"], i["not_exhaustive_category_ids"]) for i in written["images"]]
    assert lists == [([90], []), ([7, 90], [])]
    first, last = (segbench.open_dataset(path) for path in (file, tmp_path / "out.json"))
    assert last[0].neg_category_ids is None
    assert first.fingerprint == last.fingerprint
    segbench.convert(tmp_path / "out.json", tmp_path / "again.json", target_format="coco")
    assert tiny.by_id(tiny.load(tmp_path / "again.json")) == tiny.by_id(source)


def test_crowds_and_ignore_regions_are_refused_or_make_their_category_not_exhaustive(tmp_path):
    source = put_rich(tmp_path / "in")
    with pytest.raises(LossError, match=r"iscrowd\): 1 \(image 2\).*never scored: 1 \(image 1\)"):
        segbench.convert(source, tmp_path / "out.json", target_format="lvis")
    segbench.convert(source, tmp_path / "out.json", target_format="lvis", allow_loss=True)
    written = tiny.load(tmp_path / "out.json")
    assert [a["id"] for a in written["annotations"]] == [12, 14]
    lists = [(i["neg_category_ids"], i["not_exhaustive_category_ids"]) for i in written["images"]]
    assert lists == [([90], [3]), ([7], [3])]


def test_lvis_scores_what_was_written_as_the_source(lvis, data_dir, tmp_path):
    source, pred = data_dir / REAL, data_dir / "lvis_val100/pred_perturbed.json"
    written = back(source, tmp_path, images="none")
    scores = []
    for file in (source, written):
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation = lvis.LVISEval(
                lvis.LVIS(str(file)), lvis.LVISResults(lvis.LVIS(str(file)), str(pred)), "segm"
            )
            evaluation.run()
        scores.append(evaluation.get_results())
    assert scores[0] == scores[1]
    ours = segbench.score(written, pred, protocol="lvis")
    assert ours.metrics["ap"].value == scores[0]["AP"]


def test_a_file_without_categories_is_refused(tmp_path):
    found = content()
    found["images"][0]["neg_category_ids"] = [5]
    with pytest.raises(DataError, match="image 1: neg_category_ids: unknown category id 5"):
        _ = segbench.open_dataset(put(tmp_path, found))[0]


def test_spoilt_files_are_refused_or_read(tmp_path):
    assert mutations.check(lambda root: put(root / "set"), tmp_path, format_name="lvis", n=200) > 40
