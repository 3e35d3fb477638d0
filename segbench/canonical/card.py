"""The data-set card, and what Hugging Face ``datasets`` needs to know about the columns."""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from segbench.canonical.rows import PACKED_SCHEMA, PICTURES


def features_json() -> str:
    """Column types in the form that ``datasets`` keeps in a Parquet schema: pictures become ``Image``."""
    features = {name: {"_type": "Image"} for name in PICTURES}
    features |= {f.name: _feature(f.type) for f in PACKED_SCHEMA if f.name not in PICTURES}
    return json.dumps({"info": {"features": features}})


def card(description: Mapping[str, Any]) -> str:
    """README.md of a canonical data set: front matter for ``datasets``, and a summary for people."""
    configs = "\n".join(
        f"      - split: {_quoted(label)}\n        path: {_quoted(_pattern(description, split))}"
        for split, label in _labels(description["splits"]).items()
    )
    counts = "\n".join(f"| {_text(split)} | {count} |" for split, count in description["splits"].items())
    names = ", ".join(_text(c["name"]) for c in description["categories"])
    return f"""---
configs:
  - config_name: default
    data_files:
{configs}
---
# {_text(description["name"])}

Segmentation data set in segbench's canonical form ({", ".join(description["tasks"])}).

| split | images |
|---|--:|
{counts}

- **Categories** ({len(description["categories"])}): {names}
- **Masks** hold category ids (`id2label.json`); {description["ignore_index"]} is never scored.
- **Source**: {_text(str(description["source"].get("format")))}
- **Fingerprint**: `{description["fingerprint"]}`

```python
import segbench
dataset = segbench.open_dataset("path/to/this/folder")
```"""


def _labels(splits: Iterable[str]) -> dict[str, str]:
    """``{split: a name that datasets takes for a split}``, each another one."""
    labels: dict[str, str] = {}
    for split in splits:
        label = re.sub(r"[^A-Za-z0-9_]", "_", split)
        while label in labels.values():
            label += "_"
        labels[split] = label
    return labels


def _pattern(description: Mapping[str, Any], split: str) -> str:
    name = glob.escape(split)
    return f"data/{name}-?????-of-?????.parquet" if description["layout"] == "packed" else f"{name}/**"


def _quoted(text: str) -> str:
    """A string of YAML, in which 2017 and no would be none without quotes."""
    return json.dumps(text, ensure_ascii=False)


def _feature(kind: pa.DataType) -> Any:
    if pa.types.is_struct(kind):
        return {f.name: _feature(f.type) for f in kind}
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    names = {pa.bool_(): "bool", pa.float64(): "float64", pa.string(): "string", pa.binary(): "binary"}
    return {"dtype": names.get(kind, str(kind)), "_type": "Value"}


def _text(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", text.replace("\n", " "))
