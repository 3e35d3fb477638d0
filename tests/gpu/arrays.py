"""The same values as an array of each library that a device takes."""

from __future__ import annotations

import importlib.util

import numpy as np


def as_numpy(values, device):
    return device.xp.asarray(values)


def as_torch(values, device):
    import torch

    return torch.from_numpy(np.ascontiguousarray(values)).to(device.place)


def as_sliced(values, device):
    """Every second column of an array of twice as many, on a device."""
    wide = device.xp.asarray(np.repeat(values, 2, axis=-1))
    return wide[..., ::2]


LIBRARIES = {"device": as_numpy, "sliced": as_sliced}
if importlib.util.find_spec("torch") is not None:
    LIBRARIES["torch"] = as_torch
