"""The plain twin of panoptic matching: dicts of pixels, and the rules one after the other."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Part:
    """A segment: what matching needs of it."""

    id: int
    category_id: int
    iscrowd: bool = False
    ignore: bool = False
    stuff: bool = False
    area: float | None = None


@dataclass(frozen=True)
class Table:
    """Pixels by (truth id, pred id), and segments by id."""

    pairs: Counter
    truths: dict
    preds: dict
    rules: object

    def pixels(self, at, i):
        return sum(n for pair, n in self.pairs.items() if pair[at] == i)

    def on_void(self, p):
        void = {0} | {i for i, t in self.truths.items() if t.ignore}
        if self.rules.pred_void:
            void |= {t for t, _ in self.pairs} - self.truths.keys()
        return sum(n for pair, n in self.pairs.items() if pair[1] == p and pair[0] in void)

    def void_of(self, t):
        return self.pairs[t, 0] if self.rules.pred_void else 0

    def iou(self, t, p):
        area, common = self.pixels(0, t) - self.void_of(t), self.pairs[t, p]
        if self.rules.areas == "stated" and self.truths[t].area is not None:
            area = self.truths[t].area
        union = self.pixels(1, p) + area - common - self.on_void(p)
        if union == 0:
            return math.inf
        return float(np.float32(common) / np.float32(union)) if self.rules.float32 else common / union

    def loose(self, segment):
        return self.rules.stuff == "overlap" and segment.stuff

    def missed(self, t):
        return not self.loose(self.truths[t]) and self.void_of(t) <= 0.5 * self.pixels(0, t)

    def false(self, p, crowd):
        unscored = self.on_void(p) + self.pairs[crowd, p]
        return not self.loose(self.preds[p]) and unscored / self.pixels(1, p) <= 0.5


def by_rules(pairs, truths, preds, rules):
    """Turn crowds, stuff and empty segments into what the rules make of them."""
    truth_as, pred_as = {}, {}
    if rules.crowds == "void":
        truths = {i: replace(t, ignore=t.ignore or t.iscrowd, iscrowd=False) for i, t in truths.items()}
        pred_as = {i: 0 for i, p in preds.items() if p.iscrowd}
    if rules.crowds == "ordinary":
        truths = {i: replace(t, iscrowd=False) for i, t in truths.items()}
    if rules.pred_void:
        truths = {i: t for i, t in truths.items() if any(pair[0] == i for pair in pairs)}
    if rules.merge_stuff:
        truth_as |= firsts(truths)
        pred_as |= firsts(preds)
    joined = Counter()
    for (t, p), n in pairs.items():
        joined[truth_as.get(t, t), pred_as.get(p, p)] += n
    truths = {i: t for i, t in truths.items() if truth_as.get(i, i) == i}
    return Table(joined, truths, {i: p for i, p in preds.items() if pred_as.get(i, i) == i}, rules)


def firsts(segments):
    """The first segment of each category of stuff, for all of it."""
    first = {}
    return {i: first.setdefault(s.category_id, i) for i, s in segments.items() if s.stuff and not s.ignore}


def match_segments(pairs, truths, preds, rules):
    """(true category, predicted category, IoU) of what matches, but for its category; tp, fp, fn by category.

    ``pairs`` is ``{(truth id, pred id): pixels}``, the segments are lists of :class:`Part`, ``rules`` a
    PanopticRules.
    """
    table = by_rules(pairs, {t.id: t for t in truths}, {p.id: p for p in preds}, rules)
    truths, preds = table.truths, table.preds
    if rules.void_images == "skipped" and all(t.ignore for t in truths.values()):
        return [], {}, {}, {}
    counted = {i: t for i, t in truths.items() if not (t.iscrowd or t.ignore)}
    meeting = [(t, p, table.iou(t, p)) for t, p in sorted(table.pairs) if t in counted and p in preds]
    same = {(t, p) for t, p, _ in meeting if truths[t].category_id == preds[p].category_id}
    likely = [m for m in meeting if m[2] > 0.5 or (m[:2] in same and table.loose(truths[m[0]]))]
    matches = [m for m in likely if m[:2] in same]
    crowds = {t.category_id: i for i, t in truths.items() if t.iscrowd and not t.ignore}
    tp = Counter(truths[t].category_id for t, _, _ in matches if not table.loose(truths[t]))
    tp += Counter(t.category_id for t in counted.values() if table.loose(t))
    missed = counted.keys() - {t for t, _, _ in matches}
    false = preds.keys() - {p for _, p, _ in matches}
    fn = Counter(truths[t].category_id for t in missed if table.missed(t))
    fp = Counter(preds[p].category_id for p in false if table.false(p, crowds.get(preds[p].category_id)))
    return [(truths[t].category_id, preds[p].category_id, iou) for t, p, iou in likely], tp, fp, fn
