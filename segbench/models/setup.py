"""Setup: how a model is loaded and run. The runner decides it, for every model alike, and records it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TypedDict

from segbench.errors import PluginError, UsageError, raised
from segbench.models.asking import Asking

DTYPES = ("float32", "float16", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What the runner asks of whatever model it loads.

    Attributes
    ----------
    device
        ``cpu``, ``cuda``, ``cuda:1`` …; ``auto`` is the first GPU that torch sees, or else the CPU.
    dtype
        One of :data:`DTYPES`, in which the model computes; None leaves it as it was stored.
    model_threads
        How many the model may use on the CPU; None leaves its library's own choice.
    tf32
        Whether a GPU may round products of float32 to TF32.
    unsafe_pickle
        Whether weights may be unpickled, which runs whatever code is in them.
    trust_remote_code
        Whether code that comes with a model of the Hub may run; its spec then names a full commit.
    prompts
        For a model that is told in words what to look for: ``categories``, the names of the data set's, or a
        TOML file of ``"name" = "text"``.
    window, stride
        Height and width of the windows in which a semantic model is asked, and from one to the next; a number
        is both.
    flips
        Ways in which it is asked for mirrored images, too: see :mod:`segbench.models.asking`.
    options
        Settings of the adapter, by name; of a plugin, the arguments of its class or factory.
    """

    device: str = "auto"
    dtype: str | None = None
    model_threads: int | None = None
    tf32: bool = False
    unsafe_pickle: bool = False
    trust_remote_code: bool = False
    prompts: str | Path | None = None
    window: int | Sequence[int] | None = None
    stride: int | Sequence[int] | None = None
    flips: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.dtype not in (None, *DTYPES):
            raise UsageError(f"unknown dtype {self.dtype!r}: use one of {', '.join(DTYPES)}")
        if self.model_threads is not None and self.model_threads < 1:
            raise UsageError(f"a model needs at least 1 thread, not {self.model_threads}")
        Asking.of(self.window, self.stride, self.flips)  # refuses what cannot be

    @property
    def asking(self) -> Asking:
        """In which windows, and how mirrored, the model is asked."""
        return Asking.of(self.window, self.stride, self.flips)


class SetupOptions(TypedDict, total=False):
    """The fields of :class:`Setup`, as options of a function."""

    device: str
    dtype: str | None
    model_threads: int | None
    tf32: bool
    unsafe_pickle: bool
    trust_remote_code: bool
    prompts: str | Path | None
    window: int | Sequence[int] | None
    stride: int | Sequence[int] | None
    flips: Sequence[str]
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Placement:
    """Where a model computes, and in what."""

    device: str
    dtype: str | None


def place(model: object, setup: Setup) -> Placement:
    """Put a model where it is to compute, and set what its library does there.

    A model says where it is by ``placement``, if its library is told when it is loaded, or it has
    ``to(device, dtype)``, as every torch module has; one that has neither stays on the CPU.

    Raises
    ------
    UsageError
        When there is no such device, or the model can be put nowhere else.
    PluginError
        When ``to`` raises.
    """
    placed = getattr(model, "placement", None)
    if isinstance(placed, Placement):
        return placed
    to = getattr(model, "to", None)
    if not callable(to):
        if setup.device not in ("auto", "cpu") or setup.dtype is not None:
            asked = f"compute in {setup.dtype}" if setup.dtype else f"be put on {setup.device}"
            raise UsageError(f"the model has no method to(device, dtype), so that it cannot {asked}")
        configure_torch(setup)
        return Placement("cpu", None)
    device = torch_device(setup.device)
    configure_torch(setup)
    try:
        to(device, None if setup.dtype is None else getattr(import_module("torch"), setup.dtype))
    except (Exception, SystemExit) as error:  # whatever a stranger's code raises
        raise PluginError(f"to({device!r}) {raised(error)}") from error
    return Placement(device, setup.dtype)


def torch_device(device: str) -> str:
    """Return the name of a device that torch has.

    ``cuda``, and ``auto`` where there is a GPU, is that of LOCAL_RANK, which tells a process of several its
    place on its machine: more of them than GPUs take turns. It is the first GPU where nothing is told.

    Raises
    ------
    UsageError
        When torch has none of that name.
    """
    if device == "cpu":
        return device
    torch = need("torch", "torch")
    if device == "auto":
        return _own_gpu(torch) if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # a torch built without CUDA asserts
        reason = str(error).splitlines()[0]
        raise UsageError(f"torch has no device {device!r}: {reason}") from None
    return _own_gpu(torch) if device == "cuda" else device


def _own_gpu(torch: Any) -> str:
    rank = os.environ.get("LOCAL_RANK", "0")
    return f"cuda:{int(rank) % torch.cuda.device_count() if rank.isdigit() else 0}"


def configure_torch(setup: Setup) -> None:
    """Set threads, TF32 and how cuDNN chooses its kernels, where torch is loaded."""
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return
    if setup.model_threads is not None:
        torch.set_num_threads(setup.model_threads)
    torch.backends.cuda.matmul.allow_tf32 = setup.tf32
    torch.backends.cudnn.allow_tf32 = setup.tf32
    torch.backends.cudnn.benchmark = False  # it times kernels, and may choose another one each time
    torch.backends.cudnn.deterministic = True


def need(module: str, extra: str) -> ModuleType:
    """Import a package that an adapter needs.

    Raises
    ------
    UsageError
        When it is not installed, with what to install; or when it does not load, with what it says.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        raise UsageError(f"{missing} is not installed: pip install 'segbench[{extra}]'") from None
    except (ImportError, RuntimeError, OSError) as error:  # torchvision beside another torch: RuntimeError
        raise UsageError(
            f"{module} is installed but does not load: {error}. Install versions that belong together"
        ) from error
