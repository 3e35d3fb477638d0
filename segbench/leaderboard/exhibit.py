"""The pictures that a page shows of a board: chosen, drawn by whoever has the data, and kept."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from segbench.canonical.atomic import replace_folder
from segbench.drawn import BoardPictures, Picture, PictureSource
from segbench.leaderboard import text
from segbench.leaderboard.boards import Board, Exhibit
from segbench.leaderboard.page_data import list_lengths

FOLDER = "pictures"
"""Where a page keeps its pictures, if not in itself."""


class Embedding:
    """Keeps pictures in the page itself, up to a number of bytes."""

    def __init__(self, limit: int) -> None:
        self.left = limit

    def put(self, files: Sequence[tuple[bytes, str]], share: int) -> list[str] | None:
        """Addresses of files ``(content, media type)``, all or, where they take more than ``share``, none."""
        addresses = [f"data:{kind};base64,{base64.b64encode(data).decode()}" for data, kind in files]
        size = sum(map(len, addresses))
        if size > min(share, self.left):
            return None
        self.left -= size
        return addresses


class Files:
    """Keeps pictures as files in a folder beside the page, named by their content."""

    left = 2**62

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, files: Sequence[tuple[bytes, str]], _share: int) -> list[str]:
        """Addresses of files, from the page."""
        return [self._put(data, kind.partition("/")[2]) for data, kind in files]

    def _put(self, data: bytes, kind: str) -> str:
        name = f"{hashlib.sha256(data).hexdigest()[:24]}.{kind}"
        (self._folder / name).write_bytes(data)
        return f"{FOLDER}/{name}"


def hang(boards: Sequence[Board], source: PictureSource, where: float | Path) -> list[Board]:
    """Give each board its pictures.

    Parameters
    ----------
    boards, source
        Whose pictures, and who draws them.
    where
        Most megabytes that the page itself may hold of them; or the folder of the page, for files beside it.
    """
    if isinstance(where, Path):
        with replace_folder(where / FOLDER) as folder:
            return _hung(boards, source, Files(folder))
    return _hung(boards, source, Embedding(int(where * 1e6)))


def _hung(boards: Sequence[Board], source: PictureSource, keep: Embedding | Files) -> list[Board]:
    lengths = list_lengths(boards)
    hung = []
    for place, board in enumerate(boards):
        order = shown_order(board, lengths.by_run, lengths.by_class)
        found = source.of([row.record for row in board.rows], order)
        if found is None:
            note = "No pictures: none of the data sets given has this fingerprint."
            hung.append(replace(board, exhibit=Exhibit(notes=[note])))
            continue
        share = keep.left // (len(boards) - place)
        pictures = dict(_kept(found, order, keep, share))
        notes = [*found.notes, *_left_out(len(pictures), len(order))]
        runs = list(found.predicted)
        exhibit = Exhibit(pictures=pictures, colors=found.colors, notes=notes, runs=runs)
        hung.append(replace(board, exhibit=exhibit))
    return hung


def shown_order(board: Board, by_run: int, by_class: int) -> list[str]:
    """Ids of the images that lists hold: first the worst of every run, then of every class, then the next."""
    lists = [(row.worst.get(None, ())[:by_run], 0) for row in board.rows]
    lists += [
        (listed[:by_class], 1) for row in board.rows for key, listed in row.worst.items() if key is not None
    ]
    ranked = [(i, kind, image) for listed, kind in lists for i, (image, _) in enumerate(listed)]
    return list(dict.fromkeys(image for *_, image in sorted(ranked, key=lambda one: one[:2])))


def _kept(
    source: BoardPictures, order: Sequence[str], keep: Embedding | Files, share: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    for image_id in order:
        picture = source.draw(image_id)
        files = [(picture.truth, "image/png")]
        for overlay in picture.overlays.values():
            files += [(overlay.prediction, "image/png"), (overlay.mistakes, "image/png")]
        files += [] if picture.picture is None else [(picture.picture, "image/jpeg")]
        addresses = keep.put(files, share)
        if addresses is None:
            return
        share -= sum(map(len, addresses))
        yield image_id, _entry(picture, addresses)


def _entry(picture: Picture, addresses: Sequence[str]) -> dict[str, Any]:
    """What the page's script reads of a picture."""
    runs = {
        str(place): {
            "prediction": addresses[1 + 2 * i],
            "mistakes": addresses[2 + 2 * i],
            "note": text.clean(overlay.note),
        }
        for i, (place, overlay) in enumerate(picture.overlays.items())
    }
    return {
        "width": picture.width,
        "height": picture.height,
        "picture": None if picture.picture is None else addresses[-1],
        "missing": text.clean(picture.missing),
        "truth": addresses[0],
        "runs": runs,
        "classes": list(picture.category_ids),
    }


def _left_out(n_shown: int, n_listed: int) -> list[str]:
    if n_shown == n_listed:
        return []
    return [
        f"{n_shown} of the {n_listed} images listed have their pictures here, the worst first: "
        "a larger page (--page-mb) or a folder of files (--pages) holds more."
    ]
