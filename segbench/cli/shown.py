"""A run record as text that a reader likes: scores with bars, categories, and how they came about."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from segbench.leaderboard.text import NONE, clean, count, facts, percent, settings_text, speed_text
from segbench.records.results import RunRecord

MOST_CLASSES = 30
"""More categories than these are shown by their ends: the lowest ten and the highest five."""

_BAR = 24
_PARTS = ("p50", "p95", "p99")
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LABEL = 10


def record_text(record: RunRecord, *, all_classes: bool = False) -> str:
    """Everything that a reader wants of a record; of more than 30 categories both ends, or all."""
    parts = [_head(record), _metrics(record), _classes(record, all_classes), _circumstances(record)]
    if record.warnings:
        parts.append(f"  warning: {clean(text)}" for text in record.warnings)
    return "\n\n".join("\n".join(part) for part in parts)


def _head(record: RunRecord) -> Iterator[str]:
    data, protocol = record.dataset, record.protocol
    yield clean(f"{record.model['name']} on {data['name']}")
    done = f"{data['n_scored']:,} of {count(data['n_expected'], 'image')}"
    rules = clean(f"{record.task}, protocol {protocol['name']} version {protocol['version']}")
    yield f"{rules}, {record.status}: {done} scored; in %"


def _metrics(record: RunRecord) -> Iterator[str]:
    wide = max([18, *map(len, record.metrics)])
    for key, metric in record.metrics.items():
        yield f"  {clean(key):<{wide}}{_percent(metric.value)}  {_bar(metric.value)}".rstrip()


def _classes(record: RunRecord, all_classes: bool) -> Iterator[str]:
    rows = list(record.per_class)
    keys = list(dict.fromkeys(key for row in rows for key in row if key not in ("category_id", "name")))
    if not keys:
        return
    chosen, left_out = _chosen(rows, keys[0], all_classes)
    wide = max([18, *(len(clean(row["name"])) for row in chosen)])
    title = "1 category" if len(rows) == 1 else f"{len(rows):,} categories"
    yield f"  {title:<{wide}}" + "".join(_column(key, key) for key in keys)
    for row in chosen:
        cells = "".join(_column(key, _percent(row.get(key)).strip()) for key in keys)
        yield f"  {clean(row['name']):<{wide}}{cells}  {_bar(row.get(keys[0]))}".rstrip()
    if left_out:
        yield f"  … and {left_out:,} between the lowest and the highest; --classes shows all"


def _chosen(
    rows: Sequence[Mapping[str, Any]], key: str, all_classes: bool
) -> tuple[list[Mapping[str, Any]], int]:
    """The rows to show, and how many are not."""
    if all_classes or len(rows) <= MOST_CLASSES:
        return list(rows), 0
    known = sorted((row for row in rows if _is_number(row.get(key))), key=lambda row: row[key])
    ends = known[:10] + known[10:][-5:]
    return ends, len(rows) - len(ends)


def _circumstances(record: RunRecord) -> Iterator[str]:
    model, data, env = dict(record.model), dict(record.dataset), dict(record.env)
    for key in ("id2label", "class_map", "name"):
        model.pop(key, None)
    packages = env.pop("packages", {})
    yield _fact("model", _short(facts(model)))
    shown = ("split", "format", "fingerprint", "n_failed")
    yield _fact("data", _short(facts({key: data[key] for key in shown if key in data})))
    yield _fact("rules", settings_text(record.rules))
    yield _fact("timing", ", ".join(_timing(record.timing)) or NONE)
    yield _fact("machine", _short(facts(env)))
    yield _fact("packages", " ".join(f"{name} {version}" for name, version in packages.items()) or NONE)
    made = record.provenance
    if made.get("finished"):
        yield _fact("finished", made["finished"])
    if made.get("git_commit"):
        yield _fact("commit", f"{made['git_commit']}{', with changes' if made.get('git_dirty') else ''}")
    if made.get("command"):
        yield _fact("command", " ".join(made["command"]))
    yield _fact("record", f"{record.path or NONE} (run id {record.run_id})")


def _timing(values: Mapping[str, Any], of: str = "") -> Iterator[str]:
    for key, value in values.items():
        name = f"{of}{key}"
        if isinstance(value, Mapping) and value.keys() >= set(_PARTS):
            found = (speed_text(value[part]) if _is_number(value[part]) else NONE for part in _PARTS)
            yield f"{name} {'/'.join(_PARTS)} {'/'.join(found)}"
        elif isinstance(value, Mapping):
            yield from _timing(value, f"{name} ")
        elif isinstance(value, int | float):
            yield f"{name} {speed_text(value)}"


def _short(pairs: Sequence[tuple[str, str]]) -> str:
    """``name value`` of each; a hash by its start."""
    shown = (f"{name} {value[:12] if _is_hash(name, value) else value}" for name, value in pairs)
    return ", ".join(shown) or NONE


def _is_hash(name: str, value: str) -> bool:
    return len(value) >= 40 and (name.endswith("sha256") or name in ("fingerprint", "revision"))


def _fact(name: str, text: str) -> str:
    return f"  {name:<{_LABEL}}{clean(text)}"


def _percent(value: object) -> str:
    return f"{percent(value, 2):>8}"


def _column(key: str, cell: str) -> str:
    """A cell as wide as its heading, at least as a percentage."""
    return f"{cell:>{max(len(key), 6) + 2}}"


def _bar(value: object) -> str:
    """A bar of 24 characters for a score of 1, to an eighth of a character."""
    if not _is_number(value):
        return ""
    eighths = round(8 * _BAR * min(max(float(value), 0), 1))  # type: ignore[arg-type]
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
