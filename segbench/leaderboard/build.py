"""From a folder of run records to boards and the files that show them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import numpy as np

from segbench.canonical.atomic import replace_file
from segbench.drawn import PictureSource
from segbench.errors import DataError, UsageError, did_you_mean
from segbench.leaderboard.boards import Board, Leaderboard, LeftOut, Row
from segbench.leaderboard.evidence import PRIMARY, RunEvidence, primary, rankable, read_evidence
from segbench.leaderboard.exhibit import hang
from segbench.leaderboard.pooled import Product
from segbench.leaderboard.product import product_on
from segbench.leaderboard.rank import FEW_IMAGES, Ranking, bootstrap, rank_models
from segbench.results import RunRecord, find_records, read_record

FORMATS = {
    "md": ("leaderboard.md", "segbench.leaderboard.tables:markdown"),
    "csv": ("leaderboard.csv", "segbench.leaderboard.tables:csv_text"),
    "html": ("index.html", "segbench.leaderboard.page:page"),
}
"""Format → file name and ``"module:function"`` from a Leaderboard to text."""

N_WORST_BY_CATEGORY = 8


def build_leaderboard(
    results: str | Path,
    out: str | Path,
    *,
    formats: Sequence[str] = ("md", "csv", "html"),
    n_boot: int = 2000,
    seed: int = 0,
    device: str = "cpu",
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
        Folder for ``leaderboard.md``, ``leaderboard.csv`` and ``index.html``; made when missing.
    formats
        Which of ``md``, ``csv`` and ``html`` to write.
    n_boot, seed
        Resamples of the images, and the seed that draws them.
    device
        Where resamples are multiplied by what the images count, ``cpu`` or ``cuda``: worth it for many
        thousands of images. Boards of pixel counts are the same to the last bit.
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
        For an unknown format, fewer than 100 resamples, a device that is not there, or pictures without the
        format ``html``.
    DataError
        When no run can be ranked.
    """
    for name in formats:
        if name not in FORMATS:
            raise UsageError(f"unknown format {name!r}.{did_you_mean(name, FORMATS)}")
    if n_boot < 100:
        raise UsageError(f"n_boot is {n_boot}: an interval needs 100 resamples or more")
    if "html" not in formats and not (pictures is None and pages is None):
        raise UsageError("pictures are shown by the page: add html to the formats")
    product = product_on(device)
    runs, left_out = _read_all(Path(results))
    boards: list[Board] = []
    for _, group in sorted(_groups(runs).items()):
        board, more = _board(group, Resampling(n_boot, seed, product))
        boards += [board] if board else []
        left_out += more
    if not boards:
        raise DataError(_nothing(left_out), file=results)
    boards.sort(key=_board_order)
    left_out.sort(key=lambda one: one.path)
    leaderboard = Leaderboard(boards=boards, left_out=left_out, n_boot=n_boot, seed=seed)
    folders = dict.fromkeys(formats, Path(out)) | ({} if pages is None else {"html": Path(pages)})
    if pictures is not None:
        keep = page_mb if pages is None else folders["html"]
        leaderboard = replace(leaderboard, boards=hang(boards, pictures, keep))
    return replace(leaderboard, paths=[_write(leaderboard, folders[name], name) for name in formats])


def _board_order(board: Board) -> tuple[int, str, str, str]:
    return list(PRIMARY).index(board.task), board.dataset, board.protocol, board.fingerprint


def _nothing(left_out: Sequence[LeftOut]) -> str:
    if not left_out:
        return "holds no run record; run `segbench score` or `segbench run` first"
    first = f"{left_out[0].path}: {left_out[0].reason}"
    return f"holds no run that can be ranked; {len(left_out)} left out, the first: {first}"


def _write(leaderboard: Leaderboard, out: Path, name: str) -> Path:
    file, target = FORMATS[name]
    module, function = target.split(":")
    text = getattr(import_module(module), function)(leaderboard)
    with replace_file(out / file) as part:
        part.write_bytes(text.encode("utf-8", errors="replace"))
    return out / file


@dataclass(frozen=True)
class Resampling:
    """How :func:`segbench.leaderboard.rank.bootstrap` draws and multiplies."""

    n_boot: int
    seed: int
    product: Product


@dataclass(frozen=True)
class _Run:
    path: str
    folder: Path
    record: RunRecord
    run_id: str

    @property
    def key(self) -> tuple[str, ...]:
        """What runs of one board share; sorts by task and data set."""
        protocol, dataset = self.record.protocol, self.record.dataset
        settings = json.dumps(protocol.get("settings"), sort_keys=True)
        rules = protocol["name"], str(protocol.get("version")), settings
        return self.record.task, dataset["fingerprint"], *rules

    def left_out(self, reason: str) -> LeftOut:
        return LeftOut(self.path, self.record.model["name"], reason)


def _read_all(results: Path) -> tuple[list[_Run], list[LeftOut]]:
    """Every ``run.json``, without its tables."""
    runs: list[_Run] = []
    left_out: list[LeftOut] = []
    for folder in find_records(results):
        path = folder.relative_to(results).as_posix()
        try:
            record = read_record(folder, tables=False)
            run_id, reason = record.run_id, rankable(record)
        except (DataError, TypeError, ValueError, AttributeError) as error:
            left_out.append(LeftOut(path, None, f"run.json {getattr(error, 'message', error)}"))
            continue
        if reason:
            name = record.model.get("name") if isinstance(record.model, dict) else None
            left_out.append(LeftOut(path, None if name is None else str(name), reason))
        else:
            runs.append(_Run(path, folder, record, run_id))
    return runs, left_out


def _groups(runs: Sequence[_Run]) -> dict[tuple[str, ...], list[_Run]]:
    groups: dict[tuple[str, ...], list[_Run]] = defaultdict(list)
    for run in runs:
        groups[run.key].append(run)
    return groups


def _board(group: Sequence[_Run], how: Resampling) -> tuple[Board | None, list[LeftOut]]:
    ranked: dict[str, tuple[_Run, RunEvidence]] = {}
    left_out: list[LeftOut] = []
    for run in group:
        if run.run_id in ranked:
            left_out.append(run.left_out(f"is a copy of {ranked[run.run_id][0].path}"))
            continue
        try:
            ranked[run.run_id] = run, _evidence(run)
        except DataError as error:
            left_out.append(run.left_out(str(error)))
    pairs, more = _same_images(list(ranked.values()))
    return (_ranked(pairs, how) if pairs else None), left_out + more


def _evidence(run: _Run) -> RunEvidence:
    try:
        return read_evidence(read_record(run.folder))
    except DataError:
        raise
    except (OSError, LookupError, TypeError, ValueError) as error:  # a table that is damaged or not ours
        reason = f"{type(error).__name__}: {error}".splitlines()[0].replace(str(run.folder), run.path)
        raise DataError(f"its tables cannot be read ({reason})") from None


def _same_images(
    pairs: list[tuple[_Run, RunEvidence]],
) -> tuple[list[tuple[_Run, RunEvidence]], list[LeftOut]]:
    """Keep the runs over the images that most of them have; a paired test needs the same ones."""
    counts = Counter(evidence.image_ids for _, evidence in pairs)
    if len(counts) < 2:
        return pairs, []
    common = max(counts, key=lambda ids: (counts[ids], len(ids), ids))
    kept = [pair for pair in pairs if pair[1].image_ids == common]
    others = [run for run, evidence in pairs if evidence.image_ids != common]
    return kept, [run.left_out("its images are not those of the other runs of the board") for run in others]


def _ranked(pairs: list[tuple[_Run, RunEvidence]], how: Resampling) -> Board:
    metric = primary(pairs[0][0].record)
    pairs = sorted(pairs, key=lambda pair: _order(pair[0].record, metric))
    records, evidence = [run.record for run, _ in pairs], [found for _, found in pairs]
    values = np.array([record.metrics[metric].value for record in records], dtype=np.float64)
    replicates = bootstrap(
        [found.pooled for found in evidence], n_boot=how.n_boot, seed=how.seed, product=how.product
    )
    n_images = len(evidence[0].image_ids)
    ranking = rank_models(values, replicates, n_images)
    first = records[0]
    return Board(
        task=first.task,
        dataset=first.dataset["name"],
        fingerprint=first.dataset["fingerprint"],
        protocol=first.protocol["name"],
        metric=metric,
        n_images=n_images,
        rows=_rows(records, evidence, ranking, metric),
        p_values=np.round(ranking.p_values, 9).tolist(),
        warnings=list(_warnings(n_images, records)),
    )


def _rows(
    records: Sequence[RunRecord], evidence: Sequence[RunEvidence], ranking: Ranking, metric: str
) -> list[Row]:
    columns = ("rank", "ci_low", "ci_high", "rank_low", "rank_high", "p_best")
    lists = [np.round(getattr(ranking, column), 9).tolist() for column in columns]
    counts = Counter(record.model["name"] for record in records)
    rows = []
    for record, found, numbers in zip(records, evidence, zip(*lists, strict=True), strict=True):
        name, run_id = record.model["name"], record.run_id
        rows.append(
            Row(
                model=name if counts[name] == 1 else f"{name} ({run_id[:8]})",
                value=record.metrics[metric].value,
                run_id=run_id,
                record=record,
                worst=_worst(found),
                **dict(zip(columns, numbers, strict=True)),
            )
        )
    return rows


def _order(record: RunRecord, metric: str) -> tuple[float, str, str]:
    return -record.metrics[metric].value, record.model["name"], record.run_id


def _warnings(n_images: int, records: Sequence[RunRecord]) -> Iterator[str]:
    if n_images < FEW_IMAGES:
        images = "image" if n_images == 1 else "images"
        yield f"Only {n_images} {images}: below {FEW_IMAGES}, bootstrap intervals tend to be too narrow."
    if len({record.dataset["name"] for record in records}) > 1:
        yield "The runs call this data set by different names; the fingerprint says that it is the same."


def _worst(evidence: RunEvidence) -> dict[int | None, list[tuple[str, float]]]:
    ids, scores = evidence.image_ids, np.round(evidence.by_image, 6)
    n_worst = int(np.clip(len(ids) // 4, 6, 24))
    order = np.argsort(scores, kind="stable")[: min(n_worst, np.count_nonzero(np.isfinite(scores)))]
    worst: dict[int | None, list[tuple[str, float]]] = {None: [(ids[i], float(scores[i])) for i in order]}
    for category, (images, ratios) in evidence.cells.worst_by_category(N_WORST_BY_CATEGORY).items():
        worst[category] = [(ids[i], round(float(ratio), 6)) for i, ratio in zip(images, ratios, strict=True)]
    return worst
