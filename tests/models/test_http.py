"""http: the server of the README, and ones that misbehave: none takes longer than is allowed."""

from __future__ import annotations

import base64
import json
import re
import socket
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from models import small_set
from tiny_runs import write_data

import segbench
from segbench.canonical.images import decode_image, encode_labels, encode_segment_map
from segbench.canonical.rle import Rle
from segbench.models import TASKS, ModelInfo, Setup, load_model
from segbench.models.types import Batch, InstancePrediction, PanopticPrediction

README = Path(__file__).resolve().parents[2] / "README.md"
LABELS = {0: "road", 1: "sky", 2: "car"}
INFO = {"name": "m", "tasks": TASKS, "id2label": LABELS, "revision": "7"}


def readme_code(name):
    """The Python of the README that begins with the name of its file."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (found,) = [block for block in blocks if block.startswith(f"# {name}\n")]
    return found


@contextmanager
def serving(handler):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept open
    info = INFO

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.answer(json.dumps(self.info).encode())

    def do_POST(self):
        image = decode_image(self.rfile.read(int(self.headers["Content-Length"])), file="request")
        url = urlsplit(self.path)
        assert url.path.endswith("/predict")
        query = {key: value for key, (value,) in parse_qs(url.query).items()}
        self.predict(image, query)

    def answer(self, data, status=200):
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Same:
    """In this process, what :class:`Model` answers."""

    info = ModelInfo(name="m", tasks=("semantic", "instance", "panoptic"), id2label=LABELS, revision="7")

    def predict(self, batch):
        return [getattr(self, batch.task)(image) for image in batch.images]

    def semantic(self, image):
        return (image[0] % 3).astype(np.uint8)

    def instance(self, image):
        masks = np.stack([image[0] > 128, image[1] > 128])
        return InstancePrediction(masks=masks, scores=np.array([0.25, 1 / 3]), category_ids=np.array([2, 0]))

    def panoptic(self, image):
        ids = (image[0] // 64).astype(np.int32) * 1000
        segments = [{"id": i, "category_id": i // 1000 % 3} for i in np.unique(ids).tolist() if i]
        return PanopticPrediction(segment_map=ids, segments=segments)


class Model(Quiet):
    def predict(self, image, query):
        found = getattr(Same(), query["task"])(image)
        if query["task"] == "semantic":
            return self.answer(encode_labels(found))
        if query["task"] == "instance":
            rles = [Rle.from_mask(mask) for mask in found.masks]
            masks = [{"size": [r.height, r.width], "counts": r.counts.decode()} for r in rles]
            masks[0]["counts"] = rles[0].runs.tolist()
            rows = zip(masks, found.scores.tolist(), found.category_ids.tolist(), strict=True)
            keys = ("segmentation", "score", "category_id")
            content = {"instances": [dict(zip(keys, row, strict=True)) for row in rows]}
        else:
            assert query["stuff"] == "0,1"
            png = base64.b64encode(encode_segment_map(found.segment_map)).decode()
            content = {"segment_map": png, "segments": found.segments}
        return self.answer(json.dumps(content).encode())


@pytest.mark.parametrize("task", ["semantic", "instance", "panoptic"])
def test_a_server_scores_as_the_same_model_here(task):
    truth = small_set.dataset()
    if task == "instance":
        regions = [Same().instance(small_set.picture(i)) for i in range(4)]
        truth = small_set.dataset(
            [small_set.near_regions(list(r.masks), r.category_ids.tolist()) for r in regions]
        )
    expected = segbench.run(Same(), truth, task=task, out=None)
    with serving(Model) as url:
        record = segbench.run(f"{url}/some/path/", truth, task=task, out=None, batch_size=2, threads=2)
    assert record.metrics == expected.metrics
    assert record.detections == expected.detections
    assert record.model["spec"] == f"{url}/some/path/"
    assert record.env["device"] == "remote"


def test_the_plugin_and_the_server_of_the_readme(tmp_path):
    """Both are a threshold: the server's answers are the plugin's."""
    data = write_data(tmp_path / "set", 6)
    (data / "id2label.json").write_text(json.dumps({0: "background", 1: "object", 2: "other"}))
    plugin = readme_code("threshold.py")
    assert len([line for line in plugin.splitlines() if line.strip()]) <= 15
    (tmp_path / "threshold.py").write_text(plugin)
    expected = segbench.run(f"file:{tmp_path}/threshold.py:Threshold", data, out=None)
    names = {"__name__": "server"}
    exec(readme_code("server.py"), names)
    names["Server"].log_message = Quiet.log_message
    with serving(names["Server"]) as url:
        record = segbench.run(url, data, out=None)
    assert record.metrics == expected.metrics
    assert 0 < record.metrics["miou"].value < 1


def asked(url, **options):
    model = load_model(url, Setup(options=options))
    image = np.zeros((3, 4, 5), np.uint8)
    return model.predict(Batch(images=[image], image_ids=["a"], task="semantic"))


def test_a_server_that_does_not_answer_is_given_up():
    class Slow(Quiet):
        def predict(self, image, query):
            time.sleep(5)

    with serving(Slow) as url:
        started = time.monotonic()
        with pytest.raises(segbench.PluginError, match=r"http://.* did not answer within 0.2 s"):
            asked(url, timeout=0.2)
        assert time.monotonic() - started < 2


def test_a_server_that_sends_drop_by_drop_is_given_up():
    class Dripping(Quiet):
        def predict(self, image, query):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            try:
                for _ in range(100):
                    self.wfile.write(b"x")
                    time.sleep(0.05)
            except OSError:
                pass

    with serving(Dripping) as url:
        started = time.monotonic()
        with pytest.raises(segbench.PluginError, match="did not answer within 0.3 s"):
            asked(url, timeout=0.3)
        assert time.monotonic() - started < 2


def test_an_answer_that_is_too_large_is_not_read():
    class Endless(Quiet):
        protocol_version = "HTTP/1.0"

        def predict(self, image, query):
            self.send_response(200)
            self.end_headers()
            try:
                for _ in range(1000):
                    self.wfile.write(bytes(100_000))
            except OSError:
                pass

    with serving(Endless) as url, pytest.raises(segbench.PluginError, match="larger than 500,000 bytes"):
        asked(url, max_mb=0.5)


@pytest.mark.parametrize(
    ("data", "status", "message"),
    [
        (b"out of memory\nline two", 500, r"/predict: status 500: out of memory$"),
        (b"", 302, "status 302"),
        (b"no picture", 200, "raised DataError: the answer"),
    ],
)
def test_what_goes_wrong_is_said(data, status, message):
    class Bad(Quiet):
        def predict(self, image, query):
            self.answer(data, status)

    with serving(Bad) as url, pytest.raises(segbench.PluginError, match=message):
        segbench.run(url, small_set.dataset(), task="semantic", out=None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "no JSON object"),
        ({"instances": 3}, "instances: is no list of objects"),
        ({"instances": [{"score": 1, "category_id": 0}]}, r"instances\[0\].segmentation: is missing"),
        (
            {"instances": [{"score": 1, "category_id": 0, "segmentation": {"size": [1, 1], "counts": [1]}}]},
            "an RLE is of size",
        ),
    ],
)
def test_instances_that_are_none(content, message):
    class Bad(Quiet):
        def predict(self, image, query):
            self.answer(json.dumps(content).encode())

    truth = small_set.dataset([small_set.near_regions([], []) for _ in range(4)])
    with serving(Bad) as url, pytest.raises(segbench.PluginError, match=message):
        segbench.run(url, truth, task="instance", out=None)


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ({"tasks": ["semantic"]}, "info lacks name, id2label"),
        ({"name": "m", "tasks": ["semantic"], "id2label": {"a": "b"}}, "id2label must be like"),
        ({"name": "m", "tasks": "semantic", "id2label": {"0": "b"}}, "tasks must be a list"),
        ({"name": "m", "tasks": ["depth"], "id2label": {"0": "b"}}, "must be some of"),
        ([1], "info is no JSON object"),
    ],
)
def test_a_server_that_does_not_say_what_it_is(info, message):
    handler = type("Bad", (Quiet,), {"info": info})
    with serving(handler) as url, pytest.raises(segbench.PluginError, match=message):
        load_model(url)


def test_a_connection_that_was_closed_meanwhile_is_opened_anew():
    class Closing(Model):
        def answer(self, data, status=200):
            super().answer(data, status)
            self.close_connection = True  # without having said so

    with serving(Closing) as url:
        model = load_model(url)
        batch = Batch(images=[small_set.picture(0)] * 3, image_ids=list("abc"), task="semantic")
        assert len(model.predict(batch)) == 3


def test_nobody_there():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(segbench.PluginError, match="cannot be asked: "):
        load_model(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("url", ["http:", "http://", "http:localhost", "http://a:b/", "https://h/x?y=1"])
def test_addresses_that_are_none(url):
    with pytest.raises(segbench.UsageError, match="no address of a server"):
        load_model(url)


def test_secrets_stay_out_of_addresses_and_go_into_a_header(monkeypatch):
    with pytest.raises(segbench.UsageError, match="SEGBENCH_HTTP_TOKEN"):
        load_model("http://me:secret@localhost:1")
    seen = []

    class Guarded(Model):
        def do_GET(self):
            seen.append(self.headers["Authorization"])
            super().do_GET()

    monkeypatch.setenv("SEGBENCH_HTTP_TOKEN", "abc")
    with serving(Guarded) as url:
        load_model(url)
    assert seen == ["Bearer abc"]


def test_a_device_is_the_servers_own():
    with pytest.raises(segbench.UsageError, match="leave out device and dtype"):
        load_model("http://localhost:1", Setup(device="cuda"))
