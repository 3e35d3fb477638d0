"""torchvision, segmentation_models_pytorch and Ultralytics: scores are those of their documented use.

Not collected by itself: ``test_vision.py`` runs it in a process of its own, which finds these packages in a
folder that no other test sees, for torchmetrics uses a torchvision wherever there is one.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from models import small_set

import segbench
from segbench.canonical.views import select
from segbench.models import ModelInfo, Setup, load_model
from segbench.models.description import IMAGENET

LABELS = ["road", "sky", "car"]
torch.set_num_threads(1)  # tests share their cores


def naive_nms(boxes, scores, threshold):
    """Boxes that overlap none of a higher score by more than the threshold, best first."""
    left, kept = scores.argsort(descending=True, stable=True).tolist(), []
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    while left:
        best = left.pop(0)
        kept.append(best)
        low, high = (
            torch.maximum(boxes[left, :2], boxes[best, :2]),
            torch.minimum(boxes[left, 2:], boxes[best, 2:]),
        )
        shared = (high - low).clamp(min=0).prod(1)
        iou = shared / (area[left] + area[best] - shared)
        left = [i for i, x in zip(left, iou.tolist(), strict=True) if x <= threshold]
    return torch.tensor(kept, dtype=torch.int64)


@pytest.fixture(scope="session")
def torchvision():
    """torchvision; one for CUDA has no compiled operators beside a torch for the CPU, and asks for two."""
    try:
        import torchvision
    except RuntimeError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.impl("nms", naive_nms, "CPU")
        import torchvision

        torchvision.kept = library
        torchvision.ops.boxes._assert_has_ops = lambda: None
        align = sys.modules["torchvision.ops.roi_align"]
        align._roi_align = align._roi_align.__wrapped__  # not compiled, which takes minutes
    return torchvision


def described(file, **content):
    file.write_text(json.dumps({"labels": LABELS, "task": "semantic", **content}))


def normalised(index):
    image = torch.from_numpy(small_set.picture(index)).float() / 255
    mean, std = (torch.tensor(IMAGENET[key])[:, None, None] for key in ("mean", "std"))
    return (image - mean) / std


def resized(logits, index):
    size = small_set.SIZES[index]
    found = torch.nn.functional.interpolate(logits, size=size, mode="bilinear", align_corners=False)
    return found[0].argmax(0).numpy()


def semantic(spec, masks, tmp_path, **options):
    """Hold a run and what it saved against label maps."""
    record = small_set.run_saved(spec, small_set.dataset(), tmp_path, task="semantic", **options)
    assert record.metrics["miou"].value == small_set.mean_iou(masks)
    assert 0 < record.metrics["miou"].value < 1
    return record


def instances(spec, predicted, tmp_path, **options):
    """Hold a run and what it saved against masks, scores and dense category ids."""
    regions = [small_set.near_regions(list(masks), list(labels)) for masks, _, labels in predicted]
    record = small_set.run_saved(spec, small_set.dataset(regions), tmp_path, **options)
    assert record.metrics["ap"].value == small_set.average_precision(regions, predicted)
    assert 0 < record.metrics["ap"].value < 1
    return record


def make_lraspp(torchvision, n_classes):
    torch.manual_seed(0)
    how = {"weights": None, "weights_backbone": None, "num_classes": n_classes}
    return torchvision.models.get_model("lraspp_mobilenet_v3_large", **how).eval()


def test_a_checkpoint_of_a_semantic_model(torchvision, tmp_path):
    model = make_lraspp(torchvision, 3)
    torch.save(model.state_dict(), tmp_path / "m.pth")
    described(tmp_path / "m.json")
    with torch.no_grad():
        masks = [resized(model(normalised(i)[None])["out"], i) for i in range(4)]
    options = {"options": {"weights": str(tmp_path / "m.pth")}}
    record = semantic("torchvision:lraspp_mobilenet_v3_large", masks, tmp_path, **options)
    assert record.model["n_params"] == sum(p.numel() for p in model.parameters())
    described(tmp_path / "m.json", labels=["road", "sky"])
    with pytest.raises(segbench.UsageError, match="does not fit lraspp_mobilenet_v3_large of 2 classes"):
        segbench.run("torchvision:lraspp_mobilenet_v3_large", small_set.dataset(), out=None, **options)


def test_published_weights_prepare_images_as_they_say(torchvision, tmp_path, monkeypatch):
    """Random ones lie where torchvision keeps what it downloads."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    entry = torchvision.models.get_model_weights("lraspp_mobilenet_v3_large").DEFAULT
    names = entry.meta["categories"]
    model = make_lraspp(torchvision, len(names))
    file = tmp_path / "hub/checkpoints" / entry.url.rpartition("/")[2]
    file.parent.mkdir(parents=True)
    torch.save(model.state_dict(), file)
    words = dict.fromkeys(names, False)
    words |= {"car": "car", "boat": "road", "bird": "sky"}
    (tmp_path / "words.toml").write_text(
        "\n".join(f'"{name}" = {json.dumps(word)}' for name, word in words.items())
    )
    dense = np.full(len(names), 255)
    for name, i in (("boat", 0), ("bird", 1), ("car", 2)):
        dense[names.index(name)] = i
    prepare = entry.transforms()
    with torch.no_grad():
        inputs = [prepare(torch.from_numpy(small_set.picture(i))) for i in range(1)]
        masks = [dense[resized(model(x[None])["out"], i)] for i, x in enumerate(inputs)]
    spec = "torchvision:lraspp_mobilenet_v3_large@COCO_WITH_VOC_LABELS_V1"
    truth = select(small_set.dataset(), range(1))
    how = {"synonyms": tmp_path / "words.toml", "batch_size": 1}
    record = segbench.run(spec, truth, task="semantic", out=None, **how)
    assert record.metrics["miou"].value == small_set.mean_iou(masks)
    assert record.model["revision"] == str(entry)
    assert len(record.model["weights_sha256"]) == 64
    for wrong, said in (
        ("lraspp_mobilenet_v3", "Did you mean 'lraspp"),
        ("lraspp_mobilenet_v3_large@V9", "no such weights"),
    ):
        with pytest.raises(segbench.UsageError, match=said):
            load_model(f"torchvision:{wrong}")


@pytest.fixture
def maskrcnn_tiny(torchvision):
    """A Mask R-CNN small enough for a test, among torchvision's own."""
    from torchvision.models import detection
    from torchvision.ops import MultiScaleRoIAlign

    def maskrcnn_tiny(*, weights, weights_backbone, num_classes, box_score_thresh=0.05):
        body = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, 4, 1), torch.nn.ReLU())
        body.out_channels = 8
        anchors = detection.rpn.AnchorGenerator(((8, 16, 32),), ((0.5, 1.0, 2.0),))
        pools = {
            "box_roi_pool": MultiScaleRoIAlign(["0"], 3, 1),
            "mask_roi_pool": MultiScaleRoIAlign(["0"], 6, 1),
        }
        heads = {
            "box_head": detection.faster_rcnn.TwoMLPHead(72, 16),
            "box_predictor": detection.faster_rcnn.FastRCNNPredictor(16, num_classes),
            "mask_head": detection.mask_rcnn.MaskRCNNHeads(8, (8,), 1),
            "mask_predictor": detection.mask_rcnn.MaskRCNNPredictor(8, 8, num_classes),
        }
        return detection.MaskRCNN(
            body, rpn_anchor_generator=anchors, min_size=64, max_size=64, rpn_post_nms_top_n_test=20,
            box_score_thresh=box_score_thresh, **pools, **heads,
        )  # fmt: skip

    maskrcnn_tiny.__module__ = "torchvision.models.detection.tiny"
    torchvision.models._api.register_model()(maskrcnn_tiny)
    yield maskrcnn_tiny
    del torchvision.models._api.BUILTIN_MODELS["maskrcnn_tiny"]


def test_a_mask_rcnn(maskrcnn_tiny, tmp_path):
    torch.manual_seed(3)
    model = maskrcnn_tiny(weights=None, weights_backbone=None, num_classes=4, box_score_thresh=0.1).eval()
    torch.save(model.state_dict(), tmp_path / "m.pth")
    described(tmp_path / "m.json", task="instance", labels=dict(enumerate(LABELS, 1)))
    predicted = []
    with torch.no_grad():
        for index in range(4):
            (found,) = model([torch.from_numpy(small_set.picture(index)).float() / 255])
            masks = (found["masks"][:, 0] > 0.5).numpy()
            predicted.append((masks, found["scores"].tolist(), (found["labels"] - 1).tolist()))
    assert min(len(masks) for masks, _, _ in predicted) > 3
    options = {"weights": str(tmp_path / "m.pth"), "score_threshold": 0.1}
    instances("torchvision:maskrcnn_tiny", predicted, tmp_path, options=options)


@pytest.mark.parametrize("classes", [3, 1])
def test_smp(torchvision, classes, tmp_path):
    import segmentation_models_pytorch as smp

    torch.manual_seed(0)
    how = {"encoder_depth": 3, "decoder_channels": (16, 8, 8), "encoder_weights": None, "classes": classes}
    model = smp.Unet("mobilenet_v2", **how).eval()
    model.save_pretrained(tmp_path / "m")
    described(tmp_path / "m/segbench.json", labels=LABELS[: max(classes, 2)])
    masks = []
    for index, (height, width) in enumerate(small_set.SIZES):
        padded = torch.nn.functional.pad(normalised(index), (0, -width % 32, 0, -height % 32))
        with torch.no_grad():
            logits = model(padded[None])[:, :, :height, :width]
        masks.append(resized(logits, index) if classes > 1 else (logits[0, 0] > 0).numpy().astype(int))
    semantic(f"smp:{tmp_path / 'm'}", masks, tmp_path)
    described(tmp_path / "m/segbench.json", labels=[*LABELS, "more"])
    with pytest.raises(segbench.DataError, match="labels: has 4 labels, a model of"):
        load_model(f"smp:{tmp_path / 'm'}")
    (tmp_path / "m/model.safetensors").unlink()
    with pytest.raises(segbench.UsageError, match="there is no model.safetensors"):
        load_model(f"smp:{tmp_path / 'm'}")


def test_ultralytics(torchvision, tmp_path, monkeypatch):
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("YOLO_OFFLINE", "true")
    from PIL import Image
    from ultralytics import YOLO
    from ultralytics.utils import ROOT

    torch.manual_seed(0)
    architecture = (ROOT / "cfg/models/11/yolo11-seg.yaml").read_text(encoding="utf-8")
    (tmp_path / "yolo11n-seg.yaml").write_text(architecture.replace("nc: 80", "nc: 3"), encoding="utf-8")
    model = YOLO(tmp_path / "yolo11n-seg.yaml", verbose=False)
    model.model.names = dict(enumerate(LABELS))
    file = tmp_path / "m.pt"
    model.save(file)
    with pytest.raises(segbench.UsageError, match="--unsafe-pickle"):
        load_model(f"ultralytics:{file}")
    predicted = []
    for index in range(4):
        picture = Image.fromarray(small_set.picture(index).transpose(1, 2, 0))
        (found,) = YOLO(file).predict(
            picture, conf=1e-6, max_det=20, imgsz=64, retina_masks=True, verbose=False
        )
        predicted.append(
            (found.masks.data.numpy() > 0, found.boxes.conf.tolist(), found.boxes.cls.int().tolist())
        )
    options = {"conf": 1e-6, "max_det": 20, "imgsz": 64}
    record = instances(f"ultralytics:{file}", predicted, tmp_path, options=options, unsafe_pickle=True)
    assert record.model["unsafe_pickle"] is True
    info = load_model(f"ultralytics:{file}", Setup(unsafe_pickle=True)).info
    assert isinstance(info, ModelInfo)
    assert (info.name, info.tasks) == ("m", ("instance",))
