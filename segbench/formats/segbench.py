"""segbench: the canonical form itself, as a folder or as Parquet shards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segbench.canonical.dataset import Dataset, is_canonical
from segbench.canonical.pen import PLAIN, Pen

TITLE = "segbench's canonical form"
TASKS = ("semantic", "instance", "panoptic")
PREDICTIONS = {"semantic": "predictions", "instance": "predictions", "panoptic": "predictions"}
CARRIES = frozenset(
    {
        "stuff", "instances", "overlap", "stacking", "holes", "parts", "polygons", "crowd", "ignore", "ids",
        "repeated_ids", "image_ids", "category_ids", "category_fields", "wide_ids", "isthing", "stated",
        "scores", "attributes", "tracks", "federated", "extra", "about", "splits", "images",
    }
)  # fmt: skip
WRITES_WITH = ("segbench.canonical.writer",)
LAYOUT = """\
dataset.json id2label.json README.md
<split>/metadata.parquet    one row an image
<split>/images/…            the original files
<split>/masks/….png         category ids; 255 (65535 in 16 bits) is ignore
<split>/segment_maps/….png  panoptic only
or, packed:
data/<split>-00000-of-000NN.parquet"""


def sniff(path: Path) -> bool:
    """Tell whether a folder is a data set in the canonical form."""
    return is_canonical(path)


def read(path: Path) -> Dataset:
    """Open a data set in the canonical form; see :func:`segbench.canonical.reader.read_dataset`."""
    from segbench.canonical.reader import read_dataset  # pyarrow takes 0.15 s to import

    return read_dataset(path)


def write(
    dataset: Dataset,
    target: Path,
    *,
    images: str = "link",
    packed: bool = False,
    source: Mapping[str, Any] | None = None,
    made: Mapping[str, Any] | None = None,
    pen: Pen = PLAIN,
) -> None:
    """Write the canonical form; see :func:`segbench.canonical.writer.write_dataset`."""
    from segbench.canonical.writer import write_dataset

    given: dict[str, Any] = {"packed": packed, "source": source, "made": made}
    write_dataset(dataset, target, images=images, pen=pen, **given)
