"""From a folder of run records to boards and the files that show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from segbench.canonical.atomic import replace_file
from segbench.drawn import PictureSource
from segbench.errors import DataError, UsageError
from segbench.leaderboard.board import make_board
from segbench.leaderboard.boards import Board, Leaderboard, LeftOut
from segbench.leaderboard.critical import across
from segbench.leaderboard.evidence import PRIMARY
from segbench.leaderboard.exhibit import hang
from segbench.leaderboard.plan import Plan, check_names
from segbench.leaderboard.runs import comparable, entries_of, read_runs

FORMATS = {
    "md": {"leaderboard.md": "segbench.leaderboard.markdown:markdown"},
    "csv": {
        "leaderboard.csv": "segbench.leaderboard.csv_files:runs_csv",
        "classes.csv": "segbench.leaderboard.csv_files:classes_csv",
    },
    "tex": {"leaderboard.tex": "segbench.leaderboard.latex:latex"},
    "json": {"leaderboard.json": "segbench.leaderboard.json_file:json_text"},
    "html": {"index.html": "segbench.leaderboard.page:page"},
}
"""Format → its files, and ``"module:function"`` from a Leaderboard to the text of each."""


def build_leaderboard(
    results: str | Path,
    out: str | Path,
    *,
    formats: Sequence[str] = ("md", "csv", "html"),
    n_boot: int = 2000,
    seed: int = 0,
    interval: str = "percentile",
    test: str = "bootstrap",
    cluster: str | None = None,
    attributes: str | Path | None = None,
    slices: Sequence[str] = (),
    device: str = "cpu",
    threads: int | None = None,
    pictures: PictureSource | None = None,
    pages: str | Path | None = None,
    page_mb: float = 16,
) -> Leaderboard:
    """Rank the run records below ``results`` and write tables and a page into ``out``.

    Runs share a board when task, data-set fingerprint and protocol (name, version and settings) are the same.
    Every complete run is ranked, several of one model too. The same records give the same bytes.

    Parameters
    ----------
    results
        Folder of run records, at any depth.
    out
        Folder for the files of the formats; made when missing.
    formats
        Which to write: ``md``, ``csv`` (``leaderboard.csv`` of runs and ``classes.csv`` of their classes),
        ``tex``, ``json`` (of the schema ``segbench/schemas/leaderboard-1.json``) and ``html``.
    n_boot, seed
        Resamples of the images, and the seed that draws them.
    interval
        ``percentile``, or ``bca`` (bias-corrected and accelerated).
    test
        What p of two runs comes from: ``bootstrap``, or ``permutation``, which exchanges their predictions
        image by image and takes as much longer as there are pairs.
    cluster
        An attribute of images, such as ``video_id``: images that share its value are drawn together.
    attributes
        A CSV file with a column ``image_id``, or a JSON file ``{image_id: {name: value}}``, of more
        attributes.
    slices
        Attributes by whose values the score is told apart; or such files, for all attributes in them.
    device
        Where resamples are multiplied by what the images count, ``cpu`` or ``cuda``: worth it for many
        thousands of images. Boards of pixel counts are the same to the last bit.
    threads
        Resamples scored at a time; by default one for each core. No result depends on it.
    pictures
        Draws the images that the page lists: a :class:`segbench.pictures.Pictures`. The page holds them, the
        worst images of every run first.
    pages
        Folder for the page in place of ``out``, its pictures in files beside it, all of them.
    page_mb
        Most megabytes of pictures that the page itself holds.

    Raises
    ------
    UsageError
        For an unknown format, interval, test or attribute, fewer than 100 resamples, a device that is not
        there, or pictures without the format ``html``.
    DataError
        When no run can be ranked, the file of attributes is damaged, or an image lacks ``cluster``.
    """
    check_names(formats, FORMATS, "format")
    if "html" not in formats and not (pictures is None and pages is None):
        raise UsageError("pictures are shown by the page: add html to the formats")
    plan = Plan.of(
        n_boot=n_boot,
        seed=seed,
        interval=interval,
        test=test,
        cluster=cluster,
        attributes=attributes,
        slices=slices,
        threads=threads,
        device=device,
    )
    boards, left_out = make_boards(Path(results), plan)
    if not boards:
        raise DataError(_nothing(left_out), file=results)
    _check_slices(plan.slices, boards)
    folders = dict.fromkeys(formats, Path(out)) | ({} if pages is None else {"html": Path(pages)})
    if pictures is not None:
        boards = hang(boards, pictures, page_mb if pages is None else folders["html"])
    leaderboard = Leaderboard(
        boards=boards,
        left_out=left_out,
        n_boot=n_boot,
        seed=seed,
        interval=interval,
        test=test,
        across=across(boards),
    )
    paths = [path for name in formats for path in _write(leaderboard, folders[name], FORMATS[name])]
    return replace(leaderboard, paths=paths)


def make_boards(results: Path, plan: Plan) -> tuple[list[Board], list[LeftOut]]:
    """Read the records below a folder, and rank those that can be compared; both lists are in order."""
    runs, left_out = read_runs(results)
    boards: list[Board] = []
    for group in comparable(runs):
        entries, more = entries_of(group)
        left_out += more
        if entries:
            boards.append(make_board(entries, plan))
    return sorted(boards, key=_board_order), sorted(left_out, key=lambda one: one.path)


def _check_slices(names: Sequence[str], boards: Sequence[Board]) -> None:
    """Raise UsageError for an attribute that no image of any board has."""
    found = {
        row[1] for board in boards if "slices" in board.analyses for row in board.analyses["slices"].rows
    }
    for name in names:
        if name not in found:
            raise UsageError(f"no image of any board has the attribute {name!r}: give a file of it")


def _board_order(board: Board) -> tuple[int, str, str, str]:
    return list(PRIMARY).index(board.task), board.dataset, board.protocol, board.fingerprint


def _nothing(left_out: Sequence[LeftOut]) -> str:
    if not left_out:
        return "holds no run record; run `segbench score` or `segbench run` first"
    first = f"{left_out[0].path}: {left_out[0].reason}"
    return f"holds no run that can be ranked; {len(left_out)} left out, the first: {first}"


def _write(leaderboard: Leaderboard, out: Path, files: Mapping[str, str]) -> Iterator[Path]:
    for file, target in files.items():
        module, function = target.split(":")
        text = getattr(import_module(module), function)(leaderboard)
        with replace_file(out / file) as part:
            part.write_bytes(text.encode("utf-8", errors="replace"))
        yield out / file
