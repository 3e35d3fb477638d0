"""Models of Transformers: scores are those of their documented post-processing and reference evaluators."""

import json
import subprocess
import sys

import numpy as np
import pytest
from models import small_set, tiny_hf

import segbench
from segbench.models import Batch, Setup, load_model

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

UNIVERSAL = ("mask2former", "maskformer", "detr", "eomt")
LOW = {"threshold": 0.2}
"""Random weights are sure of nothing."""
LOWEST = {"threshold": 0.1, "mask_threshold": 0.3, "overlap_mask_area_threshold": 0.0}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return the folder of a model, made once."""
    root = tmp_path_factory.mktemp("hf")
    made = {}

    def get(name):
        if name not in made:
            made[name] = tiny_hf.save(name, root / name)
        return made[name]

    return get


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Without a network, and on one thread: models so small only wait for several."""
    import torch

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def documented(folder, method, **options):
    """As the documentation of Transformers has it: processor, model, post-processing, an image at a time."""
    import torch
    from transformers import AutoConfig, AutoImageProcessor
    from transformers.models.auto import modeling_auto

    config = AutoConfig.from_pretrained(folder)
    names = {
        **modeling_auto.MODEL_FOR_UNIVERSAL_SEGMENTATION_MAPPING,
        **modeling_auto.MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING,
    }
    model = names[type(config)].from_pretrained(folder).eval()
    processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    for index, size in enumerate(small_set.SIZES):
        image = small_set.picture(index).transpose(1, 2, 0)
        with torch.no_grad():
            outputs = model(**processor(images=image, return_tensors="pt"))
        yield getattr(processor, method)(outputs, target_sizes=[size], **options)[0]


@pytest.mark.parametrize("name", tiny_hf.MODELS)
def test_semantic(saved, name, tmp_path):
    record = small_set.run_saved(f"hf:{saved(name)}", small_set.dataset(), tmp_path, task="semantic")
    masks = list(documented(saved(name), "post_process_semantic_segmentation"))
    assert record.metrics["miou"].value == small_set.mean_iou([mask.numpy() for mask in masks])
    assert record.model["n_params"] > 10_000
    assert len(record.model["weights_sha256"]) == 64


@pytest.mark.parametrize("name", UNIVERSAL)
def test_instances(saved, name, tmp_path):
    options = {"return_binary_maps": True} if name in ("mask2former", "maskformer") else {}
    predicted = []
    method = "post_process_instance_segmentation"
    for found in documented(saved(name), method, **LOW, **options):
        maps, rows = found["segmentation"].numpy(), found["segments_info"]
        masks = [m > 0 for m in maps] if options else [maps == row["id"] for row in rows]
        keep = [i for i, mask in enumerate(masks[: len(rows)]) if mask.any()]
        scores, labels = ([row[key] for row in rows] for key in ("score", "label_id"))
        predicted.append(tuple([values[i] for i in keep] for values in (masks, scores, labels)))
    truth = [small_set.near_regions(masks, labels) for masks, _, labels in predicted]
    record = small_set.run_saved(f"hf:{saved(name)}", small_set.dataset(truth), tmp_path, options=LOW)
    assert record.metrics["ap"].value == small_set.average_precision(truth, predicted)
    assert 0 < record.metrics["ap"].value < 1
    assert record.model["options"] == LOW


@pytest.mark.parametrize("name", UNIVERSAL)
def test_panoptic(saved, name, tmp_path):
    fuse = {"stuff_classes": [0, 1]} if name == "eomt" else {"label_ids_to_fuse": {0, 1}}
    predicted = []
    for found in documented(saved(name), "post_process_panoptic_segmentation", **LOWEST, **fuse):
        ids = found["segmentation"].numpy().astype(np.int64)
        shift = 1 if any(row["id"] == 0 for row in found["segments_info"]) else 0
        kinds = {row["id"] + shift: row["label_id"] for row in found["segments_info"]}
        ids = np.where(ids < 1 - shift, 0, ids + shift)
        predicted.append((ids, {i: c for i, c in kinds.items() if (ids == i).any()}))
    truth = [small_set.near_map(pred) for pred in predicted]
    how = {"task": "panoptic", "options": LOWEST}
    record = small_set.run_saved(f"hf:{saved(name)}", small_set.dataset(truth), tmp_path / "out", **how)
    assert record.metrics["pq"].value == small_set.panoptic_quality(truth, predicted, tmp_path)
    assert 0 < record.metrics["pq"].value < 1


def test_instances_that_overlap_keep_all_their_pixels(saved):
    model = load_model(f"hf:{saved('maskformer')}")
    batch = Batch(images=[small_set.picture(0)], image_ids=["1"], task="instance")
    masks = model.predict(batch)[0].masks
    assert (masks.sum(0) > 1).any()


def test_a_model_says_what_it_is(saved):
    info = load_model(f"hf:{saved('segformer')}").info
    assert (info.name, info.tasks) == ("segformer", ("semantic",))
    assert info.id2label == tiny_hf.LABELS


def test_pickled_weights_are_refused_unless_allowed(saved, tmp_path):
    import torch
    from safetensors.torch import load_file

    folder = tmp_path / "pickled"
    folder.mkdir()
    source = saved("segformer")
    for file in source.glob("*.json"):
        (folder / file.name).write_bytes(file.read_bytes())
    torch.save(load_file(source / "model.safetensors"), folder / "pytorch_model.bin")
    with pytest.raises(segbench.UsageError, match="--unsafe-pickle"):
        load_model(f"hf:{folder}")
    assert load_model(f"hf:{folder}", Setup(unsafe_pickle=True)).info.n_params > 10_000


def test_code_of_a_model_does_not_run(saved, tmp_path):
    folder = tmp_path / "with-code"
    folder.mkdir()
    ran = tmp_path / "ran"
    config = json.loads((saved("segformer") / "config.json").read_text())
    config |= {
        "model_type": "strange",
        "auto_map": {
            "AutoConfig": "code.StrangeConfig",
            "AutoModelForSemanticSegmentation": "code.StrangeModel",
        },
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "code.py").write_text(f"open({str(ran)!r}, 'w')\n")
    with pytest.raises(segbench.UsageError, match="--trust-remote-code"):
        load_model(f"hf:{folder}")
    assert not ran.exists()


@pytest.mark.parametrize("revision", ["", "@main", "@0123abc"])
def test_code_from_the_hub_needs_a_full_commit(revision):
    with pytest.raises(segbench.UsageError, match="40 hexadecimal digits"):
        load_model(f"hf:someone/some-model{revision}", Setup(trust_remote_code=True))


@pytest.mark.parametrize("name", ["../../no-such-folder", "/no/such/folder", "a/b/c", "a b"])
def test_what_is_neither_folder_nor_repository(name):
    with pytest.raises(segbench.UsageError, match="no name of a repository"):
        load_model(f"hf:{name}")


def test_offline_stays_offline():
    """In a process of its own: the Hub's library reads the variable when it is imported."""
    code = "import segbench; segbench.load_model('hf:someone/some-model')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "UsageError" in done.stderr
    assert "offline" in done.stderr.lower()


def test_options_are_checked(saved):
    with pytest.raises(segbench.UsageError, match="no option 'treshold'. Did you mean 'threshold'"):
        load_model(f"hf:{saved('segformer')}", Setup(options={"treshold": 0.5}))
