"""The rules of protocols in words: what an evaluator does, by rule and value.

Rules that are open-valued have their words under :data:`ANY`, with ``{value}`` for the value. A sentence that
compares two evaluators is made of two of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

ANY = object()
"""Stands for every value that has no words of its own."""

Words = Mapping[str, Mapping[Any, str]]

_BOUNDARIES: Mapping[Any, str] = {
    None: "measures no boundaries",
    ANY: "measures boundaries {value} of the diagonal wide",
}

SEMANTIC_WORDS: Words = {
    "truth_outside": {
        "error": "refuses true ids that are no category",
        "false_positive": "counts what is predicted on true ids that are no category as false positives",
        "drop": "drops pixels whose true id is no category",
    },
    "pred_outside": {
        "error": "refuses predicted ids that are no category",
        "miss": "counts predicted ids that are no category as misses",
        "drop": "drops pixels whose predicted id is no category",
    },
    "pred_ignore": {
        "miss": "counts a prediction of the ignore index as a miss",
        "id": "takes a prediction of the ignore index as an id like any other",
        "category": "counts a prediction of the ignore index as a miss only where it is a category",
    },
    "labels": {
        None: "knows no label table",
        ANY: "scores what the label table of {value} says",
    },
    "unscored": {(): "scores every category", ANY: "does not score {value}"},
    "unscored_pred": {
        "miss": "counts predictions that are not scored as misses",
        "drop": "drops pixels whose prediction is not scored",
    },
    "averaged": {
        "seen": "averages the categories that truth or prediction have",
        "truth": "averages the categories that the truth has",
        "all": "averages all categories, absent ones as 0",
    },
    "fscore": {
        "counts": "takes F from counts",
        "rates": "takes F from precision and recall, undefined where both are 0",
    },
    "beta": {ANY: "weighs recall in F by {value}"},
    "mean": {
        "pairwise": "adds what is defined pairwise",
        "nanmean": "adds pairwise over all, undefined as 0",
        "running": "adds one by one",
    },
    "float32": {False: "divides in float64", True: "divides in float32"},
    "float32_order": {
        False: "counts in integers",
        True: "counts and adds in float32, image by image",
    },
    "decimals": {None: "rounds nothing", ANY: "rounds percentages to {value} decimals"},
    "image_level": {False: "pools pixels", True: "scores single images as well"},
    "measure": {"iou": "pools boundary regions", "f1": "matches contours image by image"},
    "dilation_ratio": _BOUNDARIES,
    "tolerance_ratio": {
        None: "matches no contours",
        ANY: "matches contours less than {value} of the diagonal apart",
    },
}

PANOPTIC_WORDS: Words = {
    "crowds": {
        "unmatched": "lets crowds match nothing and excuse predictions",
        "void": "takes crowds as void",
        "ordinary": "takes crowds as ordinary segments",
    },
    "areas": {
        "stated": "takes the area that the truth states",
        "pixels": "takes the area of the true map",
    },
    "merge_stuff": {
        False: "keeps stuff segments apart",
        True: "takes the stuff of one category in an image as one segment",
    },
    "pred_void": {
        False: "counts pixels predicted as void",
        True: "leaves pixels predicted as void out of the union, and what is mostly such out of misses",
    },
    "stuff": {
        "match": "matches stuff like things",
        "overlap": "scores stuff by the IoU of all overlaps, without a threshold",
    },
    "void_images": {
        "scored": "scores images without true segments",
        "skipped": "skips images without true segments",
    },
    "float32": {False: "divides in float64", True: "rounds IoU and RQ to float32, and PQ is SQ times RQ"},
    "added": {"running": "adds IoUs one by one", "by_image": "adds the IoUs of each image first"},
    "averaged": {
        "seen": "averages the categories that occur",
        "all": "averages all categories, absent ones as 0",
    },
    "dilation_ratio": _BOUNDARIES,
}

INSTANCE_WORDS: Words = {
    "iou_type": {
        "segm": "measures IoU on masks",
        "bbox": "measures IoU on boxes",
        "boundary": "measures IoU on masks and on their boundaries",
    },
    "dilation_ratio": _BOUNDARIES,
    "iou_thresholds": {ANY: "matches at IoU {value}"},
    "recall_thresholds": {ANY: "reads precision off at recalls {value}"},
    "area_ranges": {ANY: "has the area ranges {value}"},
    "max_detections": {ANY: "counts {value} predictions"},
    "limited_by": {
        "image_category": "limits the predictions of an image and category",
        "image": "limits the predictions of an image, of all categories together",
        "category": "limits the predictions of a category, in all images together",
    },
    "federated": {
        False: "counts every prediction, and crowds apart",
        True: "counts predictions of categories that the image says something of, and crowds as objects",
    },
    "curve": {
        "recalls": "averages precision over recalls",
        "trapezoids": "takes the area of trapezoids below precision and recall",
    },
    "keep_errors": {False: "keeps matches alone", True: "keeps what is near each prediction, too"},
    "use_categories": {True: "scores each category", False: "takes all categories as one"},
}

WORDS = {"semantic": SEMANTIC_WORDS, "panoptic": PANOPTIC_WORDS, "instance": INSTANCE_WORDS}
"""The words of each task."""


def differing(one: Any, other: Any) -> list[str]:
    """Names of the rules that differ between two frozen dataclasses, those that both have, in their order."""
    names = dict.fromkeys(f.name for rules in (one, other) for f in fields(rules))
    shared = [name for name in names if hasattr(one, name) and hasattr(other, name)]
    return [name for name in shared if getattr(one, name) != getattr(other, name)]


def compared(words: Words, rule: str, this: tuple[str, Any], base: tuple[str, Any]) -> str:
    """Say what ``this`` does and what ``base`` does; each is (name, value of the rule).

    >>> compared(SEMANTIC_WORDS, "decimals", ("mmseg", 2), ("exact", None))
    'mmseg rounds percentages to 2 decimals, exact rounds nothing'
    """
    return ", ".join(f"{name} {_phrase(words, rule, value)}" for name, value in (this, base))


def differences(words: Words, this: tuple[str, Any], base: tuple[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every rule that differs in words, and a sentence on it; each side is (name, rules)."""
    (name, rules), (base_name, base_rules) = this, base
    for rule in differing(rules, base_rules):
        values = getattr(rules, rule), getattr(base_rules, rule)
        if _phrase(words, rule, values[0]) != _phrase(words, rule, values[1]):
            yield rule, compared(words, rule, (name, values[0]), (base_name, values[1]))


def _phrase(words: Words, rule: str, value: Any) -> str:
    known = words.get(rule, {})
    phrase = None if isinstance(value, Mapping) else known.get(value)
    return phrase or known.get(ANY, f"has {rule} = {{value}}").format(value=_shown(value))


def _shown(value: Any) -> str:
    """A value in few words: ranges by their ends, long lists by three of theirs."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {low:g}–{high:g}" for key, (low, high) in value.items())
    if not isinstance(value, tuple):
        return str(value)
    shown = [f"{item:g}" if isinstance(item, float) else str(item) for item in value]
    return ", ".join(shown if len(shown) < 6 else [*shown[:2], "…", shown[-1]])
