"""What the benchmark counts: pictures like real ones, made on the device, and how other tools count them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from segbench.metrics import MaskAP, MeanIoU, PanopticQuality


@dataclass(frozen=True)
class Work:
    """One row of the table.

    Attributes
    ----------
    name
        What is counted.
    read
        Bytes that must be read at least.
    make
        Makes the arguments of the functions below, others at each call.
    ours
        ``{how: function}``: a new metric that is fed at each call, and no score asked.
    theirs
        ``{tool: function}``: what others do with the same arguments.
    same
        Raises where ours and theirs disagree.
    """

    name: str
    read: int
    make: Callable[[], tuple[Any, ...]]
    ours: Callable[..., Any]
    theirs: dict[str, Callable[..., Any]]
    same: Callable[..., None]


def blobs(images: int, classes: int, size: tuple[int, int], device: str, cell: int = 64) -> torch.Tensor:
    """Label maps int64 [images, *size] of a few large regions."""
    coarse = -(-size[0] // cell), -(-size[1] // cell)
    noise = torch.randn(images, classes, *coarse, device=device)
    wide = functional.interpolate(noise, size, mode="bilinear")
    return wide.argmax(1)


def with_errors(maps: torch.Tensor, classes: int) -> torch.Tensor:
    """The maps moved by some pixels, and spotted."""
    moved = torch.roll(maps, (3, -5), (1, 2))
    wrong = torch.rand(moved.shape, device=maps.device) < 0.01
    return torch.where(wrong, torch.randint(0, classes, moved.shape, device=maps.device), moved)


def bincount(pred: torch.Tensor, truth: torch.Tensor, classes: int) -> torch.Tensor:
    """The confusion matrix as evaluators in torch count it."""
    kept = truth != 255
    pairs = classes * truth[kept].long() + pred[kept].long()
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def confusion_matrix(pred: torch.Tensor, truth: torch.Tensor, classes: int) -> torch.Tensor:
    """That of torchmetrics, kept on the device."""
    from torchmetrics.classification import MulticlassConfusionMatrix

    metric = MulticlassConfusionMatrix(classes, ignore_index=255, validate_args=False).to(pred.device)
    metric.update(pred, truth)
    return metric.confmat


def check_counts(metric: MeanIoU, table: torch.Tensor) -> None:
    found = torch.from_numpy(metric.confusion[:, :-1])
    if not torch.equal(found, table.cpu().long()):
        raise AssertionError("ours and theirs disagree")


def label_maps(
    shape: tuple[int, ...], classes: int, dtypes: tuple[torch.dtype, torch.dtype], device: Any
) -> Work:
    """Predicted and true label maps of some types."""

    def make():
        truth = blobs(shape[0], classes, shape[1:], device.place)
        pred = with_errors(truth, classes)
        truth = torch.where(torch.rand(shape, device=device.place) < 0.02, 255, truth)
        return pred.to(dtypes[0]), truth.to(dtypes[1])

    def ours(pred, truth):
        metric = MeanIoU(classes, device=device)
        metric.update(pred, truth)
        return metric

    names = [str(dtype).removeprefix("torch.") for dtype in dtypes]
    pixels = shape[0] * shape[1] * shape[2]
    return Work(
        f"label maps {'×'.join(map(str, shape))}, {names[0]} and {names[1]}, {classes} classes",
        pixels * sum(dtype.itemsize for dtype in dtypes),
        make,
        ours,
        {
            "torchmetrics": lambda p, t: confusion_matrix(p.long(), t.long(), classes),
            "bincount": lambda p, t: bincount(p, t, classes),
        },
        lambda p, t: check_counts(ours(p, t), bincount(p, t, classes)),
    )


def logits(shape: tuple[int, ...], target: tuple[int, int], device: Any, smooth: bool = True) -> Work:
    """Scores bfloat16 [B, K, h, w] against label maps uint8 of another size."""
    classes = shape[1]

    def make():
        truth = blobs(shape[0], classes, target, device.place)
        if smooth:
            small = truth[:, :: target[0] // shape[2], :: target[1] // shape[3]][:, : shape[2], : shape[3]]
            scores = 6 * functional.one_hot(small, classes).permute(0, 3, 1, 2).float()
            scores = functional.avg_pool2d(scores, 3, 1, 1) + 0.5 * torch.randn(shape, device=device.place)
        else:
            scores = torch.randn(shape, device=device.place)
        return scores.bfloat16(), truth.to(torch.uint8)

    def ours(scores, truth):
        metric = MeanIoU(classes, device=device)
        metric.update(scores, truth)
        return metric

    def classes_of(scores):
        return functional.interpolate(scores.float(), target, mode="bilinear", align_corners=False).argmax(1)

    def same(scores, truth):
        found = torch.from_numpy(ours(scores, truth).confusion[:, :-1])
        table = bincount(classes_of(scores), truth, classes).cpu()
        if (found - table).abs().sum() > 2e-5 * truth.numel():
            raise AssertionError("ours and theirs disagree in more than one pixel of 100,000")

    pixels = shape[0] * target[0] * target[1]
    kind = "like a model's" if smooth else "of noise"
    return Work(
        f"logits {'×'.join(map(str, shape))} bfloat16 {kind} to {target[0]}×{target[1]}",
        shape[0] * shape[1] * shape[2] * shape[3] * 2 + pixels,
        make,
        ours,
        {
            "torchmetrics": lambda s, t: confusion_matrix(classes_of(s), t.long(), classes),
            "bincount": lambda s, t: bincount(classes_of(s), t, classes),
        },
        same,
    )


def panoptic(shape: tuple[int, ...], device: Any) -> Work:
    """Segment maps int32 of 10 to 15 segments each."""
    things, stuff = 8, 8
    categories = [{"id": i, "name": str(i), "isthing": i < things} for i in range(things + stuff)]

    def make():
        classes = blobs(shape[0], things + stuff, shape[1:], device.place, 160)
        instances = blobs(shape[0], 3, shape[1:], device.place, 160)
        return with_errors(classes, things + stuff).int(), instances.int(), classes.int(), instances.int()

    def ours(pred, pred_instances, truth, truth_instances):
        metric = PanopticQuality(categories, device=device)
        metric.update((pred, pred_instances), (truth, truth_instances))
        return metric

    def torchmetrics(pred, pred_instances, truth, truth_instances):
        from torchmetrics.detection import PanopticQuality as Theirs

        metric = Theirs(things=set(range(things)), stuffs=set(range(things, things + stuff))).to(pred.device)
        metric.update(*(torch.stack(side, -1) for side in ((pred, pred_instances), (truth, truth_instances))))
        return metric

    def same(*args):
        if abs(ours(*args).compute()["pq"] - float(torchmetrics(*args).compute())) > 1e-3:
            raise AssertionError("ours and theirs disagree")

    pixels = shape[0] * shape[1] * shape[2]
    name = f"panoptic {'×'.join(map(str, shape))}, class and instance maps"
    return Work(name, 16 * pixels, make, ours, {"torchmetrics": torchmetrics}, same)


def masks(n_pred: int, n_truth: int, size: tuple[int, int], device: Any) -> Work:
    """Dense masks of one image, bool [N, H, W]."""
    classes = 4

    def make():
        def some(n):
            centre = torch.rand(n, 2, 1, 1, device=device.place)
            reach = 0.03 + 0.2 * torch.rand(n, 1, 1, device=device.place)
            y, x = (torch.linspace(0, 1, side, device=device.place) for side in size)
            return (y[:, None] - centre[:, 0]) ** 2 + (x - centre[:, 1]) ** 2 < reach**2

        truth = some(n_truth)
        near = torch.roll(truth[torch.randint(0, n_truth, (n_pred,), device=device.place)], (2, 3), (1, 2))
        pred = torch.where(torch.rand(n_pred, 1, 1, device=device.place) < 0.5, near, some(n_pred))
        ids = [torch.randint(0, classes, (n,), device=device.place) for n in (n_pred, n_truth)]
        return pred, ids[0], torch.rand(n_pred, device=device.place), truth, ids[1]

    def ours(pred, pred_ids, scores, truth, truth_ids, where=device):
        metric = MaskAP(num_classes=classes, device=where)
        sides = {"masks": pred, "category_ids": pred_ids, "scores": scores}
        metric.update(sides, {"masks": truth, "category_ids": truth_ids}, image_id=0)
        return metric

    def torchmetrics(pred, pred_ids, scores, truth, truth_ids):
        from torchmetrics.detection import MeanAveragePrecision

        metric = MeanAveragePrecision(iou_type="segm")
        metric.warn_on_many_detections = False
        preds = [{"masks": pred, "labels": pred_ids, "scores": scores}]
        metric.update(preds, [{"masks": truth, "labels": truth_ids}])
        return metric

    def same(*args):
        found = ours(*args).compute()["ap"]
        on_cpu = ours(*(values.cpu() for values in args), where="cpu").compute()["ap"]
        if found != on_cpu or (theirs and abs(found - float(torchmetrics(*args).compute()["map"])) > 1e-3):
            raise AssertionError("ours and theirs disagree")

    theirs = (
        {"torchmetrics": torchmetrics} if importlib.util.find_spec("torchvision") else {}
    )  # it needs that

    name = f"masks {n_pred}×{size[0]}×{size[1]} with {n_truth} truths"
    read = (n_pred + n_truth) * size[0] * size[1]
    return Work(name, read, make, ours, theirs, same)


def full_size(device: Any) -> list[Work]:
    """The workloads of the table."""
    u8, i64 = torch.uint8, torch.int64
    return [
        logits((8, 19, 128, 256), (1024, 2048), device),
        logits((8, 19, 128, 256), (1024, 2048), device, smooth=False),
        logits((8, 150, 128, 128), (512, 512), device),
        logits((8, 150, 128, 128), (512, 512), device, smooth=False),
        label_maps((8, 1024, 2048), 19, (u8, u8), device),
        label_maps((8, 1024, 2048), 19, (i64, u8), device),
        label_maps((8, 1024, 2048), 150, (i64, i64), device),
        panoptic((64, 640, 480), device),
        masks(100, 20, (480, 640), device),
    ]


def tiny(device: Any) -> list[Work]:
    """The same, so small that the emulator counts them."""
    u8, i64 = torch.uint8, torch.int64
    return [
        logits((2, 3, 8, 8), (32, 32), device),
        logits((1, 3, 8, 8), (32, 32), device, smooth=False),
        label_maps((2, 16, 32), 5, (i64, u8), device),
        panoptic((2, 24, 32), device),
        masks(4, 2, (24, 32), device),
    ]
