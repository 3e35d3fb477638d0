"""A data set as torch wants it."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest
from canonical.make import mixed

from segbench.canonical.dataset import concat
from segbench.canonical.reader import read_dataset
from segbench.canonical.writer import write_dataset
from segbench.errors import UsageError


def test_a_loader_gives_batches_of_tensors():
    torch = pytest.importorskip("torch")
    data = mixed()
    view = data.to_torch()
    assert len(view) == 3
    (batch,) = torch.utils.data.DataLoader(view, batch_size=3)
    assert (batch["image"].dtype, tuple(batch["image"].shape)) == (torch.uint8, (3, 3, 12, 17))
    assert (batch["mask"].dtype, tuple(batch["mask"].shape)) == (torch.int64, (3, 12, 17))
    assert batch["image_id"] == ["i", "p", "s"]
    assert np.array_equal(batch["image"][1].numpy(), data[1].image)
    assert np.array_equal(batch["mask"][2].numpy(), data[2].mask)
    assert torch.nn.functional.cross_entropy(
        torch.zeros(3, 3, 12, 17), batch["mask"], ignore_index=data.ignore_index
    ) == pytest.approx(np.log(3), abs=1e-6)


@pytest.mark.parametrize("packed", [False, True])
def test_a_data_set_of_ours_can_be_sent_to_worker_processes(tmp_path, packed):
    pytest.importorskip("torch")
    write_dataset(mixed(), tmp_path / "d", packed=packed)
    data = read_dataset(tmp_path / "d")
    joined = concat([data.split("val"), data.split("train")], "joined", tmp_path)
    view = pickle.loads(pickle.dumps(joined.to_torch()))
    assert [item["image_id"] for item in (view[i] for i in range(len(view)))] == ["s", "i", "p"]
    assert np.array_equal(view[1]["mask"].numpy(), data[0].mask)


def test_without_torch_it_is_said_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "segbench.canonical.torch_view", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UsageError, match=r"this needs torch: pip install 'segbench\[torch\]'"):
        mixed().to_torch()
