"""What the command line prints of records, comparisons and protocols, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from segbench.protocols import Protocol, differences
from segbench.records.results import RunRecord, saved_predictions
from segbench.scoring.comparison import Comparison

_WIDTH = 22


def result_text(result: RunRecord | Comparison) -> str:
    """Scores, and where the records are."""
    if isinstance(result, RunRecord):
        return "\n".join([*_scores(result), *_places([result])])
    return "\n".join([str(result), "", *_places(result)]).rstrip("\n")


def result_json(result: RunRecord | Comparison) -> str:
    """``run.json`` of a record; of several those of all, with rows and reasons."""
    return result.to_json() if isinstance(result, RunRecord) else _dumps(result.to_dict())


def class_map_text(result: RunRecord | Comparison) -> str:
    """Which category of the data set each of the model's is: a line for each that is not of the same name."""
    record = result if isinstance(result, RunRecord) else next(iter(result))
    names = {row["id"]: row["name"] for row in record.dataset["categories"]}
    labels, class_map = record.model.get("id2label", {}), record.model.get("class_map", {})
    lines = [
        f"  {key} {labels[key]} → {'ignored' if i is None else names[i]}"
        for key, i in class_map.items()
        if key in labels and (i is None or names[i] != labels[key])
    ]
    missing = [name for i, name in names.items() if i not in class_map.values()]
    if missing and class_map:
        lines.append(f"  not known to the model: {', '.join(missing)}")
    used = sum(i is not None for i in class_map.values())
    head = f"{record.model['name']}: {used} of {len(class_map)} classes are in the data set"
    return (
        "\n".join([head, *lines])
        if class_map
        else f"{record.model['name']}: classes are those of the data set"
    )


def warnings_of(result: RunRecord | Comparison) -> Iterator[str]:
    """Every warning once, after the protocols that have it where others have not."""
    records = [result] if isinstance(result, RunRecord) else list(result)
    for text in dict.fromkeys(text for record in records for text in record.warnings):
        names = [str(record.protocol["name"]) for record in records if text in record.warnings]
        yield text if len(names) == len(records) else f"{', '.join(names)}: {text}"


def protocols_text(protocols: Sequence[Protocol]) -> str:
    """One protocol in full; of several, each in full and how the others differ from the first."""
    lines = [line for protocol in protocols for line in _full(protocol)]
    for other in protocols[1:]:
        lines.append(f"how {other.name} differs from {protocols[0].name}")
        found = [f"  - {text}" for _, text in differences(other, protocols[0])]
        none = "in no rule" if other.task == protocols[0].task else "it is of another task"
        lines += found or [f"  - {none}"]
    return "\n".join(lines)


def protocol_line(protocol: Protocol) -> str:
    """Name, task and summary."""
    return f"{protocol.name:<{_WIDTH}}{protocol.task:<10}{protocol.summary}"


def protocols_json(protocols: Sequence[Protocol], compare: bool) -> str:
    """The protocols with all their settings, and, where asked for, how the others differ from the first."""
    others = protocols[1:] if compare else ()
    return _dumps(
        {
            "protocols": [protocol.to_dict() for protocol in protocols],
            "differences": [
                {"base": protocols[0].name, "protocol": other.name, "rule": rule, "text": text}
                for other in others
                for rule, text in differences(other, protocols[0])
            ],
        }
    )


def _scores(record: RunRecord) -> Iterator[str]:
    dataset = record.dataset
    yield (
        f"{record.model['name']} on {dataset['name']}: {dataset['n_images']} images, {record.task}, "
        f"protocol {record.protocol['name']}"
    )
    for key, metric in record.metrics.items():
        yield f"  {key:<18}{100 * metric.value:8.3f} %"


def _places(records: Sequence[RunRecord]) -> Iterator[str]:
    for record in records:
        if record.path is not None:
            yield f"record: {record.path}"
            if (saved := saved_predictions(record.path)) is not None:
                yield f"predictions: {saved}"


def _full(protocol: Protocol) -> Iterator[str]:
    yield protocol_line(protocol)
    yield from (f"  - {rule}" for rule in protocol.rules)
    yield "  settings: " + ", ".join(f"{key}={json.dumps(v)}" for key, v in protocol.all_settings.items())
    yield f"  source: {protocol.source}"


def _dumps(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
