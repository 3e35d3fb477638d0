"""Drawn data sets whose true scores are known: how often intervals hold them, and how often tests err.

The true score is that of the population: of so many images that their own error is a fiftieth of the
interval's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segbench.leaderboard.paired import bootstrap_p_values, permutation_p
from segbench.leaderboard.pooled import Ratios
from segbench.leaderboard.precision import Detections
from segbench.leaderboard.rank import score_on, together
from segbench.leaderboard.resample import Draws

COMMON, RARE = np.full(4, 1.5), 2 / np.arange(1, 41)
"""Objects of each category in an image, on average."""

LEVELS = (0.5, 0.75)
POPULATION = 200_000


def scenes(rng, n, rates=COMMON):
    """What all models see alike: how hard each image is, and how many objects of each category it holds."""
    return rng.normal(0, 0.6, n), rng.poisson(rates, (n, len(rates)))


def _chance(logit):
    return 1 / (1 + np.exp(-logit))


def _cells(hard, counts):
    """Images and categories that meet; how hard image and category are, and how many objects there are."""
    images, categories = np.nonzero(counts)
    return images, categories, hard[images], 0.8 / counts.shape[1] * categories, counts[images, categories]


def miou(rng, scene, skill):
    """Pixels: images hard and easy, areas small and large, errors that come in lumps."""
    images, categories, hard, rank, counts = _cells(*scene)
    area = np.ceil(rng.gamma(1.0, 400.0, len(images)) * counts)
    share = rng.beta(*(8 * np.stack([p := _chance(skill + 1 - rank - hard), 1 - p])))
    hit = np.floor(area * share)
    return Ratios(len(scene[0]), images, categories, hit, area + np.floor(0.5 * (area - hit)))


def pq(rng, scene, skill):
    """Segments: matched with an IoU above 0.5, missed, or made up."""
    images, categories, hard, rank, counts = _cells(*scene)
    tp = rng.binomial(counts, _chance(skill + 0.8 - rank - hard))
    fp = rng.poisson(0.3 * np.exp(hard - skill))
    iou = tp * (0.5 + 0.5 * rng.beta(5, 2, len(images)))
    return Ratios(len(scene[0]), images, categories, iou, tp + fp / 2 + (counts - tp) / 2)


def ap(rng, scene, skill):
    """Detections: objects found more or less well, and false ones of lower score."""
    images, categories, hard, rank, counts = _cells(*scene)
    found = np.repeat(np.arange(len(images)), counts)
    logit = skill + 0.8 - rank[found] - hard[found] + rng.normal(0, 0.8, len(found))
    iou = _chance(logit + 0.5)
    matched = sum((iou >= level).astype(np.uint64) << np.uint64(t) for t, level in enumerate(LEVELS))
    false = np.repeat(np.arange(len(images)), rng.poisson(0.6 * counts))
    score = np.concatenate([_chance(logit + rng.normal(0, 0.7, len(found))), rng.beta(2, 4, len(false))])
    rows = np.concatenate([found, false])
    return Detections(
        n_images=len(scene[0]),
        n_thresholds=len(LEVELS),
        images=images[rows],
        categories=categories[rows],
        places=np.arange(len(rows)),
        confidences=score,
        matched=np.concatenate([matched, np.zeros(len(false), np.uint64)]),
        ignored=np.zeros(len(rows), np.uint64),
        truth_images=images,
        truth_categories=categories,
        truth_counts=counts,
    )


SCORES = {"mIoU": miou, "PQ": pq, "AP": ap}


@dataclass(frozen=True)
class Outcome:
    """Of so many data sets, how many intervals held the truth, and how many tests rejected equal models."""

    sets: int
    covered: int
    rejected: int
    true: float
    mean_width: float


def simulate(name, method, test, *, n_images=200, sets=200, n_boot=1000, skill=0.0, seed=0, rates=COMMON):
    """Draw data sets with two models of equal skill; hold one's interval and their test against the truth."""
    draw = SCORES[name]
    population = scenes(np.random.default_rng([seed, 0]), POPULATION, rates)
    true = draw(np.random.default_rng([seed, 1]), population, skill).scores(
        np.ones((1, POPULATION), np.uint16)
    )[0]
    covered = rejected = 0
    width = 0.0
    for k in range(sets):
        rng = np.random.default_rng([seed, 2, k])
        scene = scenes(rng, n_images, rates)
        models = [draw(rng, scene, skill) for _ in range(2)]
        draws = Draws(n_images, n_boot, seed + k)
        scored = [score_on(models[0], draws, method=method), score_on(models[1], draws)]
        covered += scored[0].low <= true <= scored[0].high
        width += scored[0].high - scored[0].low
        if test == "permutation":
            p = permutation_p(*models, draws)
        else:
            values = np.array([one.value for one in scored])
            p = bootstrap_p_values(values, together(scored), n_images)[0, 1]
        rejected += p < 0.05
    return Outcome(sets, int(covered), int(rejected), float(true), width / sets)
