"""``http://HOST:PORT/PATH``, ``https://…``: a model in another language or environment, behind two requests.

``GET <url>/info`` answers with JSON: ``{"name": "net", "tasks": ["semantic"], "id2label": {"0": "road"}}``,
and where they are known ``revision``, ``weights_sha256``, ``license`` and ``n_params``.

``POST <url>/predict?task=semantic&image_id=17&stuff=0,3`` sends one image, an RGB PNG (``stuff``, of panoptic
requests alone, are the model's category ids that the data set calls stuff), and answers with what the task
wants, at the image's size:

``semantic``
    a grey PNG of category ids, of 8 or 16 bits;
``instance``
    JSON ``{"instances": [{"category_id": 3, "score": 0.9, "segmentation": {"size": [h, w],
    "counts": "…"}}]}``, run lengths as COCO has them, plain or as text;
``panoptic``
    JSON ``{"segment_map": "…", "segments": [{"id": 7, "category_id": 3, "score": 0.9}]}``, the map as the
    base64 of a PNG as COCO panoptic has it: id = R + 256 G + 65536 B, 0 is void.

A status of 400 or more, with a line of text, says what went wrong. Redirections are not followed, and proxies
not asked. ``SEGBENCH_HTTP_TOKEN`` in the environment is sent as a bearer token.

Options: ``timeout``, seconds that a request may take in all (60); ``max_mb``, the largest answer that is read
(64).
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.images import decode_labels, decode_segment_map, encode_image
from segbench.errors import DataError, PluginError, UsageError
from segbench.models.http_client import Client
from segbench.models.setup import Placement, Setup
from segbench.models.types import (
    Batch,
    InstancePrediction,
    ModelInfo,
    PanopticPrediction,
    Prediction,
    SemanticPrediction,
)


def load(rest: str, setup: Setup, *, timeout: float = 60, max_mb: float = 64) -> object:
    """Ask a server what it is.

    Raises
    ------
    UsageError
        When the address is none, or a device or dtype is asked for, which are the server's own.
    PluginError
        When the server cannot be reached, or does not say what it has to.
    """
    return _load("http", rest, setup, timeout, max_mb)


def load_https(rest: str, setup: Setup, *, timeout: float = 60, max_mb: float = 64) -> object:
    """As :func:`load`, over TLS with a certificate that the system trusts."""
    return _load("https", rest, setup, timeout, max_mb)


def _load(scheme: str, rest: str, setup: Setup, timeout: float, max_mb: float) -> object:
    if setup.dtype is not None or setup.device not in ("auto", "cpu"):
        raise UsageError("a server computes where and in what it was started: leave out device and dtype")
    client = Client(f"{scheme}:{rest}", timeout, int(max_mb * 1e6))
    return HttpModel(client, _info(_json(client.get("info"), "info"), client.url))


class HttpModel:
    """A server, asked for one image at a time.

    Parameters
    ----------
    client
        Asks it.
    info
        What it says of itself.
    """

    placement = Placement("remote", None)

    def __init__(self, client: Client, info: ModelInfo) -> None:
        self.info = info
        self._clients, self._client = threading.local(), client

    def predict(self, batch: Batch) -> list[Prediction]:
        """Answer each image of a batch, in order."""
        stuff = {"stuff": ",".join(map(str, sorted(batch.stuff)))} if batch.task == "panoptic" else {}
        return [
            _READERS[batch.task](self._ask({"task": batch.task, "image_id": image_id, **stuff}, image))
            for image_id, image in zip(batch.image_ids, batch.images, strict=True)
        ]

    def _ask(self, query: Mapping[str, str], image: NDArray[np.uint8]) -> bytes:
        """Send an image; each thread has a connection of its own."""
        client = getattr(self._clients, "client", None)
        if client is None:
            client = self._clients.client = self._client.twin()
        return bytes(client.post(f"predict?{urlencode(query)}", encode_image(image), "image/png"))


def _info(content: Mapping[str, Any], url: str) -> ModelInfo:
    """Read what a server says of itself; :func:`segbench.models.load_model` checks its values."""
    known = ("name", "tasks", "id2label", "revision", "weights_sha256", "license", "n_params")
    given = {key: content[key] for key in known if content.get(key) is not None}
    lacking = [key for key in known[:3] if key not in given]
    if lacking:
        raise PluginError(f"{url}/info lacks {', '.join(lacking)}")
    try:
        labels = {int(key): label for key, label in given["id2label"].items()}
    except (AttributeError, ValueError):
        raise PluginError(f'{url}/info: id2label must be like {{"0": "road"}}') from None
    if not isinstance(given["tasks"], list):
        raise PluginError(f"{url}/info: tasks must be a list")
    return ModelInfo(**{**given, "name": str(given["name"]), "id2label": labels})


def _semantic(data: bytes) -> Prediction:
    return SemanticPrediction(mask=decode_labels(data, file="the answer"))


def _instances(data: bytes) -> Prediction:
    rows = _rows(_json(data, "the answer"), "instances", ("category_id", "score", "segmentation"))
    return InstancePrediction(
        masks=[row["segmentation"] for row in rows],
        scores=np.array([row["score"] for row in rows], np.float64),
        category_ids=np.array([row["category_id"] for row in rows], np.int64),
    )


def _panoptic(data: bytes) -> Prediction:
    content = _json(data, "the answer")
    try:
        png = base64.b64decode(content.get("segment_map", ""), validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise DataError("is no base64", file="the answer", field="segment_map") from None
    return PanopticPrediction(
        segment_map=decode_segment_map(png, file="the answer"),
        segments=_rows(content, "segments", ("id", "category_id")),
    )


def _json(data: bytes, file: str) -> Mapping[str, Any]:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        raise PluginError(f"{file} is no JSON") from None
    if not isinstance(content, dict):
        raise PluginError(f"{file} is no JSON object")
    return content


def _rows(content: Mapping[str, Any], key: str, needed: Sequence[str]) -> list[Mapping[str, Any]]:
    rows = content.get(key)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError("is no list of objects", file="the answer", field=key)
    for i, row in enumerate(rows):
        for name in needed:
            if name not in row:
                raise DataError("is missing", file="the answer", field=f"{key}[{i}].{name}")
    return rows


_READERS = {"semantic": _semantic, "instance": _instances, "panoptic": _panoptic}
