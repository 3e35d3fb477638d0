"""What a run says of its time: stage by stage, without the calls in which a model warms up."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest
from models import small_set, tiny_files, tiny_hf
from tiny_runs import write_data

import segbench
from segbench.models import ModelInfo
from segbench.runs.timing import FIELDS, METRIC, MODEL, WARMING, Timing, new_times
from segbench.runs.watching import peak_memory


class Slow:
    """Takes 2, 6 and 4 ms for the stages of an image."""

    info = ModelInfo(name="slow", tasks=("semantic",), id2label={0: "a", 1: "b", 2: "c"}, revision="1")

    def __init__(self):
        self.calls, self.waits = 0, 0

    def synchronize(self):
        self.waits += 1

    def preprocess(self, batch):
        self.calls += 1
        time.sleep(0.002 * len(batch))
        return batch.images

    def forward(self, inputs):
        time.sleep(0.006 * len(inputs))
        return inputs

    def postprocess(self, outputs, batch):
        time.sleep(0.004 * len(outputs))
        return [(image[0] % 3).astype(np.uint8) for image in outputs]

    def predict(self, batch):
        return self.postprocess(self.forward(self.preprocess(batch)), batch)


class Whole(Slow):
    """The same, in one piece."""

    forward = None


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data") / "set", 14)


@pytest.mark.parametrize("batch_size", [1, 2])
def test_stages_are_timed_by_image(data, batch_size, tmp_path):
    model = Slow()
    record = segbench.run(model, data, out=tmp_path, batch_size=batch_size)
    timing = record.timing
    assert timing["images_of_warm_up"] == 3 * batch_size
    assert timing["images_timed"] == 14 - 3 * batch_size
    assert set(timing["stages_ms"]) == set(FIELDS[:5])
    for stage, least in {"preprocess": 2, "forward": 6, "postprocess": 4}.items():
        found = timing["stages_ms"][stage]
        assert least <= found["p50"] <= found["p95"] <= found["p99"]
    assert timing["latency_ms"]["p50"] >= 12
    assert timing["images_per_second"] < 1000 / 12
    assert sys.platform == "win32" or timing["peak_host_mb"] > 50
    assert "peak_device_mb" not in timing
    assert "flops" not in timing
    assert model.waits == 3 * model.calls, "a device is waited for after each stage"
    assert segbench.read_record(record.path).timing == timing


def test_a_model_in_one_piece_has_one_stage(data):
    model = Whole()
    model.predict = lambda batch: [(image[0] % 3).astype(np.uint8) for image in batch.images]
    stages = segbench.run(model, data, out=None).timing["stages_ms"]
    assert set(stages) == {"decode", "forward", "metric"}
    assert stages["forward"]["p50"] > 0


def test_windows_and_flips_are_all_of_an_image(data):
    """Two flips and two windows: six times the stages."""

    class Logits(Slow):
        def postprocess(self, outputs, batch):
            return [segbench.SemanticPrediction(logits=np.zeros((3, 4, 4), np.float32)) for _ in outputs]

    record = segbench.run(Logits(), data, out=None, window=(8, 8), flips=["horizontal", "vertical"])
    assert record.timing["stages_ms"]["forward"]["p50"] >= 36


def test_time_is_no_part_of_what_a_run_is(data):
    records = [segbench.run(model(), data, out=None) for model in (Slow, Slow)]
    assert records[0].run_id == records[1].run_id
    assert records[0].timing != records[1].timing


def test_shards_keep_what_their_images_took(data, tmp_path):
    class Stops(Slow):
        def forward(self, inputs):
            if self.calls > 9:
                raise RuntimeError("enough")
            return super().forward(inputs)

    with pytest.raises(segbench.PluginError):
        segbench.run(Stops(), data, out=tmp_path, shard_size=4)
    Stops.forward = Slow.forward
    timing = segbench.run(Stops(), data, out=tmp_path, shard_size=4).timing
    assert timing["images_of_warm_up"] == 6, "each process warms up"
    assert timing["images_timed"] == 8


@pytest.fixture
def one_thread():
    """Of torch: models so small only wait for several."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("scheme", ["pt2", "ts"])
def test_operations_of_a_model_of_torch(scheme, tmp_path, one_thread):
    file = tmp_path / tiny_files.ENDS[scheme]
    tiny_files.MAKERS[scheme](file)
    record = segbench.run(f"{scheme}:{file}", small_set.dataset(), task="semantic", out=None)
    expected = naive_flops(tiny_files.module(), small_set.SIZES[0])
    assert record.timing["flops"] == expected > 0


def naive_flops(module, size):
    """Two for each weight at each place that a convolution is at."""
    import torch

    total = 0

    def count(layer, inputs, output):
        nonlocal total
        total += 2 * layer.weight.numel() * output.shape[2] * output.shape[3]

    hooks = [
        layer.register_forward_hook(count) for layer in module.modules() if isinstance(layer, torch.nn.Conv2d)
    ]
    with torch.no_grad():
        module(torch.zeros(1, 3, *size))
    for hook in hooks:
        hook.remove()
    return total


def test_operations_of_attention_count_on_the_cpu_too(tmp_path, monkeypatch, one_thread):
    pytest.importorskip("transformers", reason="transformers is not installed")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    spec = f"hf:{tiny_hf.save('eomt', tmp_path / 'm')}"
    alone, windows = (
        segbench.run(spec, small_set.dataset(), task="semantic", out=None, **how).timing["flops"]
        for how in ({}, {"flips": ["horizontal"]})
    )
    assert windows == 2 * alone
    # Of EoMT, 64 patches of 8×8 and 10 queries in its last block, attention alone: products of q·k and p·v.
    assert alone > 2 * 2 * 32 * (64 * 64 + 74 * 74)


def test_a_summary_leaves_out_warming_up_where_it_can():
    def timing_of(*latencies, warm=()):
        timing = Timing()
        for i, latency in enumerate(latencies):
            times = new_times()
            times[MODEL], times[METRIC], times[WARMING] = (1, 2, 3), np.nan, i in warm
            timing.add(latency, times)
        return timing.summary()

    assert timing_of(9, 1, 1, 3, warm=[0])["latency_ms"]["p50"] == 1
    only = timing_of(9, 9, warm=[0, 1])
    assert (only["images_timed"], only["images_of_warm_up"], only["latency_ms"]["p50"]) == (2, 0, 9)
    assert set(only["stages_ms"]) == {"preprocess", "forward", "postprocess"}
    assert Timing().summary() == {}


def test_memory_of_a_gpu_is_not_asked_for_without_one():
    host, device = peak_memory("cpu")
    assert sys.platform == "win32" or host > 10
    assert np.isnan(device)
