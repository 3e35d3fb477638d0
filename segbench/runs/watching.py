"""Watched: a model whose calls are timed stage by stage, and whose operations can be counted."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from segbench.models.asking import Asking, ByViews
from segbench.models.staged import is_staged

if TYPE_CHECKING:
    from segbench.models import Batch, Prediction, SegModel


class Watched:
    """A model, asked as a run asks it.

    Parameters
    ----------
    plugin
        The model.
    how
        In which windows, and how mirrored, it is asked.
    """

    def __init__(self, plugin: SegModel, how: Asking) -> None:
        self._plugin, self._clock = plugin, _Clock(plugin)
        self._asked: SegModel = ByViews(self._clock, how) if how else self._clock

    def predict(self, batch: Batch) -> Sequence[Prediction]:
        """Answer each image of a batch, in order."""
        return self._asked.predict(batch)

    def spent(self) -> list[float]:
        """Milliseconds of preprocessing, computing and postprocessing since this was asked last.

        Of a model without stages all is computing, and the others are NaN. A GPU is waited for at the end of
        each stage.
        """
        return [1000 * seconds for seconds in self._clock.stopped()]

    @property
    def counts(self) -> bool:
        """Whether :meth:`flops` can be asked: it is torch's, and another call of it changes nothing."""
        from segbench.models.torch_module import TorchPlace

        return isinstance(getattr(self._plugin, "place", None), TorchPlace)

    def flops(self, batch: Batch) -> float:
        """Floating point operations that a batch takes, by ``torch.utils.flop_counter``; NaN where unknown.

        Those of products of matrices and of convolutions, two for each multiplication and addition.
        """
        import torch
        from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

        attention = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu  # which torch does not count
        known = {attention: lambda q, k, v, *_, **__: sdpa_flop_count(q, k, v)}
        try:
            with FlopCounterMode(display=False, custom_mapping=known) as counter:
                self._asked.predict(batch)
        except Exception:  # noqa: BLE001 - the model can be run all the same
            return math.nan
        finally:
            self.spent()
        return float(counter.get_total_flops()) or math.nan


class _Clock:
    """A model whose stages are timed, and added up until the clock is stopped."""

    def __init__(self, plugin: SegModel) -> None:
        self.info = plugin.info
        self._plugin = plugin
        self._wait: Any = getattr(plugin, "synchronize", lambda: None)
        self._zero = [0.0, 0.0, 0.0] if is_staged(plugin) else [math.nan, 0.0, math.nan]
        self._seconds = self._zero.copy()

    def stopped(self) -> list[float]:
        """Seconds of each stage since it was stopped last."""
        found, self._seconds = self._seconds, self._zero.copy()
        return found

    def predict(self, batch: Batch) -> Sequence[Prediction]:
        plugin = self._plugin
        if not is_staged(plugin):
            return self._timed(1, plugin.predict, batch)
        inputs = self._timed(0, plugin.preprocess, batch)
        outputs = self._timed(1, plugin.forward, inputs)
        return self._timed(2, plugin.postprocess, outputs, batch)

    def _timed(self, stage: int, function: Any, *arguments: Any) -> Any:
        started = time.perf_counter()
        found = function(*arguments)
        self._wait()
        self._seconds[stage] += time.perf_counter() - started
        return found


def peak_memory(device: str) -> tuple[float, float]:
    """The most that this process has had in memory so far, and torch on a GPU, in MB; NaN where unknown."""
    host = on_device = math.nan
    if sys.platform != "win32":
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        host = most / (1e6 if sys.platform == "darwin" else 1e3)
    torch: Any = sys.modules.get("torch")
    if torch is not None and device.startswith("cuda"):
        on_device = torch.cuda.max_memory_allocated(device) / 1e6
    return host, on_device
