"""``ultralytics:m.pt``: a segmentation model of Ultralytics (YOLO11-seg and others).

Its files are pickles of whole models: reading one runs code, which ``--unsafe-pickle`` has to allow. Options,
of ``predict`` of Ultralytics: ``conf`` (0.001, as its own validation has it: AP ranks by score), ``iou``
(0.7), ``max_det`` (300) and ``imgsz`` (that of the training). Masks are made at the image's size, which is
its ``retina_masks``.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from segbench.errors import UsageError
from segbench.models.arrays import to_numpy
from segbench.models.setup import Placement, Setup, need, torch_device
from segbench.models.torch_module import n_params
from segbench.models.types import Batch, InstancePrediction, ModelInfo, Prediction
from segbench.models.weights import existing, files_sha256


def load(
    rest: str,
    setup: Setup,
    *,
    conf: float = 0.001,
    iou: float = 0.7,
    max_det: int = 300,
    imgsz: int | None = None,
) -> object:
    """Read a model.

    Raises
    ------
    UsageError
        When there is no such file, it is none of a segmentation model, Ultralytics is missing, or pickles are
        not allowed.
    """
    file = existing(rest, "ultralytics")
    if not setup.unsafe_pickle:
        raise UsageError(
            f"{file} is a pickle of a whole model, as all of Ultralytics: reading it runs the code in it; "
            "if you trust who made it, allow that with --unsafe-pickle, which the record keeps"
        )
    if setup.dtype == "bfloat16":
        raise UsageError("Ultralytics predicts in float32 or float16, not in bfloat16")
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")  # it would install packages as it runs
    os.environ.setdefault("YOLO_OFFLINE", "true")
    ultralytics: Any = need("ultralytics", "ultralytics")
    model = ultralytics.YOLO(file)
    if model.task != "segment":
        raise UsageError(f"ultralytics:{rest} is a model for the task {model.task}, not for segmentation")
    info = ModelInfo(
        name=file.stem,
        tasks=("instance",),
        id2label=dict(model.names),
        weights_sha256=files_sha256([file]),
        n_params=n_params(model.model),
    )
    how = {"conf": conf, "iou": iou, "max_det": max_det, **({} if imgsz is None else {"imgsz": imgsz})}
    return UltralyticsModel(info, model, Placement(torch_device(setup.device), setup.dtype), how)


class UltralyticsModel:
    """Asks ``predict`` of Ultralytics, which prepares, computes, suppresses and makes masks.

    Parameters
    ----------
    info
        What the file says.
    model
        An ``ultralytics.YOLO``.
    placement
        Where it computes, and in what.
    how
        Settings of its ``predict``.
    """

    def __init__(self, info: ModelInfo, model: Any, placement: Placement, how: dict[str, Any]) -> None:
        self.info, self.placement = info, placement
        self._model = model
        self._how = {**how, "half": placement.dtype == "float16", "device": placement.device}

    def predict(self, batch: Batch) -> list[Prediction]:
        """Answer each image of a batch, in order."""
        pictures = [np.ascontiguousarray(image[::-1].transpose(1, 2, 0)) for image in batch.images]  # BGR
        how = {**self._how, "batch": len(pictures), "retina_masks": True, "verbose": False}
        return [_instances(found) for found in self._model.predict(pictures, **how)]


def _instances(found: Any) -> Prediction:
    size = found.orig_shape
    return InstancePrediction(
        masks=np.zeros((0, *size), bool) if found.masks is None else to_numpy(found.masks.data) > 0.5,
        scores=to_numpy(found.boxes.conf).astype(np.float32),
        category_ids=to_numpy(found.boxes.cls).astype(np.int64),
    )
