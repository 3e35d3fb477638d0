"""Tar shards that we wrote: ``info.json`` says what they are, and the JSON of each sample is a row."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import Any

from segbench.canonical import images as codec
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.maps import OVERLAP_POLICIES, OVERLAP_POLICY
from segbench.canonical.paths import inside
from segbench.canonical.sample import ImageFile, Sample
from segbench.errors import DataError
from segbench.formats.plain_json import parse_json, read_object
from segbench.formats.tar_shards import Shard, read_shard
from segbench.formats.webdataset_write import INFO, MASK, RECORD, SEGMENTS, VERSION

_FIELDS = {"name": str, "tasks": list, "categories": list, "splits": dict, "extra": dict}
_TASKS = ("semantic", "instance", "panoptic")


class Samples:
    """The samples of several shards by one index."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self._shards = shards
        self._starts = [0, *accumulate(map(len, shards))]
        self.keys = [key for shard in shards for key in shard.keys]

    def __len__(self) -> int:
        return self._starts[-1]

    def at(self, index: int) -> tuple[Shard, int]:
        """Return the shard of a sample, and its place there."""
        at = bisect_right(self._starts, index) - 1
        return self._shards[at], index - self._starts[at]


def parse_member(data: bytes, **where: Any) -> dict[str, Any]:
    """Return the object that the JSON of a sample holds.

    Raises
    ------
    DataError
        When it holds anything else.
    """
    try:
        content = parse_json(data.decode("utf-8-sig"), field=RECORD, **where)
    except UnicodeDecodeError as error:
        raise DataError(f"is no UTF-8 text: {error.reason}", field=RECORD, **where) from None
    if not isinstance(content, dict):
        raise DataError("is JSON, but no object", field=RECORD, **where)
    return content


def read_ours(path: Path, folder: Path) -> Dataset:
    """Open a folder that we wrote, or one tar of it.

    Raises
    ------
    DataError
        When ``info.json`` or a shard is damaged, or a shard is missing.
    """
    file = folder / INFO
    info = _read_info(file)
    categories = Categories.from_json(info["categories"], file=file)
    shards: list[Shard] = []
    splits: dict[str, int] = {}
    image_ids: list[str] = []
    for split, row in info["splits"].items():
        names, renamed = _split_row(row, split, file)
        for name in names:
            place = inside(folder, name, file=file, field="splits")
            if path not in (folder, place):
                continue
            shards.append(_need_shard(place))
            splits[split] = splits.get(split, 0) + len(shards[-1])
            image_ids += [renamed.get(key, key) for key in shards[-1].keys]
    load = _Ours(Samples(shards), image_ids, categories, str(info["overlap_policy"]))
    return Dataset(
        name=info["name"],
        categories=categories,
        image_ids=image_ids,
        load=load,
        tasks=info["tasks"],
        format="webdataset",
        path=path,
        splits=splits,
        extra=info["extra"],
    )


def _need_shard(file: Path) -> Shard:
    if not file.is_file():
        raise DataError(f"is missing, and {INFO} names it", file=file)
    return read_shard(file)


def _read_info(file: Path) -> dict[str, Any]:
    info = read_object(file)
    if info.get("format_version") != VERSION:
        message = f"is of version {info.get('format_version')!r}; this segbench reads {VERSION}"
        raise DataError(message, file=file, field="format_version")
    for field, kind in _FIELDS.items():
        if not isinstance(info.get(field), kind):
            raise DataError("is missing or of a wrong type", file=file, field=field)
    if not info["tasks"] or not all(task in _TASKS for task in info["tasks"]):
        raise DataError(f"has a task that is none of {', '.join(_TASKS)}", file=file, field="tasks")
    info["overlap_policy"] = info.get("overlap_policy") or OVERLAP_POLICY
    if info["overlap_policy"] not in OVERLAP_POLICIES:
        raise DataError(f"is none of {', '.join(OVERLAP_POLICIES)}", file=file, field="overlap_policy")
    return info


def _split_row(row: Any, split: str, file: Path) -> tuple[list[str], Mapping[str, str]]:
    names, renamed = (row.get("shards"), row.get("image_ids")) if isinstance(row, dict) else (None, None)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError("is no list of file names", file=file, field=f"splits.{split}.shards")
    if not isinstance(renamed, dict) or not all(isinstance(name, str) for name in renamed.values()):
        raise DataError("is no object of texts", file=file, field=f"splits.{split}.image_ids")
    return names, renamed


@dataclass(frozen=True, slots=True)
class _Ours:
    """Makes samples of rows."""

    samples: Samples
    image_ids: Sequence[str]
    categories: Categories
    overlap_policy: str

    def __call__(self, index: int) -> Sample:
        from segbench.formats.webdataset_record import from_json  # pyarrow takes 0.15 s to import

        shard, place = self.samples.at(index)
        where: dict[str, Any] = {"file": shard.file, "image_id": self.image_ids[index]}
        endings = shard.endings[place]
        if RECORD not in endings:
            raise DataError(f"has no member {shard.keys[place]}.{RECORD}", **where)
        content = parse_member(shard.read(place, RECORD), **where)
        if content.get("image_id") != self.image_ids[index]:
            raise DataError(f"says that it is {content.get('image_id')!r}", field="image_id", **where)
        given = {
            "overlap_policy": self.overlap_policy,
            "image_file": _picture(shard, place, content),
            "load_mask": _map(codec.decode_label_runs, shard, place, MASK, where),
            "load_segment_map": _map(codec.decode_segment_runs, shard, place, SEGMENTS, where),
        }
        return from_json(content, self.categories, given, **where)


def _map(
    decode: Callable[..., Any], shard: Shard, place: int, ending: str, where: dict[str, Any]
) -> Callable[[], Any] | None:
    if ending not in shard.endings[place]:
        return None
    return lambda: decode(shard.read(place, ending), **where)


def _picture(shard: Shard, place: int, content: Mapping[str, Any]) -> ImageFile | None:
    """The picture, under the name that it had."""
    name = content.get("file_name")
    if not isinstance(name, str):
        return None
    ending = PurePosixPath(name).suffix.lower().removeprefix(".") or "jpg"
    if ending not in shard.endings[place]:
        return None
    return ImageFile(name=name, data=shard.read(place, ending))
