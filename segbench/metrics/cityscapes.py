"""What only the Cityscapes protocol counts: groups of classes, and instances weighed by their size.

It adds columns to ``images.parquet``, int64 unless said otherwise: ``group_tp``, ``group_fp``, ``group_fn``
and ``group_instance_fp``, in pixels, an entry for each of :data:`GROUPS`; ``instance_map``, 1 where the truth
has one, else 0; and then an entry an instance, by ascending id: ``instance_category_ids`` (int32),
``instance_sizes``, ``instance_tp`` and ``instance_group_tp``, in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.canonical.categories import Categories
from segbench.errors import UsageError
from segbench.metrics.inputs import label_map
from segbench.metrics.scores import ratio, running_mean

if TYPE_CHECKING:
    from segbench.canonical.sample import Sample
    from segbench.metrics.cells import Counts
    from segbench.metrics.semantic_stats import ImageCounts, SemanticStats


class Label(NamedTuple):
    """One class of Cityscapes.

    ``size`` is the mean area of its instances in pixels, None where instances are not told apart; ``scored``
    says whether the benchmark looks at it; id -1 is never drawn.
    """

    id: int
    name: str
    group: str
    scored: bool
    size: float | None = None


LABELS = (
    #     id  name                    group           scored size
    Label(0, "unlabeled", "void", False),
    Label(1, "ego vehicle", "void", False),
    Label(2, "rectification border", "void", False),
    Label(3, "out of roi", "void", False),
    Label(4, "static", "void", False),
    Label(5, "dynamic", "void", False),
    Label(6, "ground", "void", False),
    Label(7, "road", "flat", True),
    Label(8, "sidewalk", "flat", True),
    Label(9, "parking", "flat", False),
    Label(10, "rail track", "flat", False),
    Label(11, "building", "construction", True),
    Label(12, "wall", "construction", True),
    Label(13, "fence", "construction", True),
    Label(14, "guard rail", "construction", False),
    Label(15, "bridge", "construction", False),
    Label(16, "tunnel", "construction", False),
    Label(17, "pole", "object", True),
    Label(18, "polegroup", "object", False),
    Label(19, "traffic light", "object", True),
    Label(20, "traffic sign", "object", True),
    Label(21, "vegetation", "nature", True),
    Label(22, "terrain", "nature", True),
    Label(23, "sky", "sky", True),
    Label(24, "person", "human", True, 3462.4756337644),
    Label(25, "rider", "human", True, 3930.4788056518),
    Label(26, "car", "vehicle", True, 12794.0202738185),
    Label(27, "truck", "vehicle", True, 27855.1264367816),
    Label(28, "bus", "vehicle", True, 35732.1511111111),
    Label(29, "caravan", "vehicle", False, 36771.8241758242),
    Label(30, "trailer", "vehicle", False, 16926.9763313609),
    Label(31, "train", "vehicle", True, 67583.7075812274),
    Label(32, "motorcycle", "vehicle", True, 6298.7200839748),
    Label(33, "bicycle", "vehicle", True, 4672.3249222261),
    Label(-1, "license plate", "vehicle", False),
)
GROUPS = ("flat", "construction", "object", "nature", "sky", "human", "vehicle")
INSTANCE_GROUPS = ("human", "vehicle")
"""Groups all of whose drawn labels have instances."""

_INSTANCES: Mapping[str, NDArray[Any]] = {
    "instance_map": np.empty(0, np.int64),
    "instance_category_ids": np.empty(0, np.int32),
    "instance_sizes": np.empty(0, np.int64),
    "instance_tp": np.empty(0, np.int64),
    "instance_group_tp": np.empty(0, np.int64),
}
EMPTY: Mapping[str, NDArray[Any]] = {
    **{f"group_{name}": np.empty(0, np.int64) for name in ("tp", "fp", "fn", "instance_fp")},
    **_INSTANCES,
}
"""The columns of an image that failed."""


@dataclass(frozen=True, slots=True)
class Classes:
    """The label of each category of a data set, by dense id."""

    labels: tuple[Label, ...]

    @classmethod
    def of(cls, categories: Categories) -> Classes:
        """Find each category's label: by name, or by its source id where no name is known.

        Raises
        ------
        UsageError
            When a category is no class of Cityscapes.
        """
        by_name = {label.name: label for label in LABELS}
        by_id = {label.id: label for label in LABELS}
        if any(c.name in by_name for c in categories):
            found = [by_name.get(c.name) for c in categories]
        else:
            found = [by_id.get(c.key) for c in categories]
        for category, label in zip(categories, found, strict=True):
            if label is None:
                raise UsageError(f"category {category.key} ({category.name!r}) is no class of Cityscapes")
        return cls(tuple(label for label in found if label is not None))

    @property
    def unscored(self) -> tuple[int, ...]:
        """Dense ids that the benchmark does not look at."""
        return tuple(i for i, label in enumerate(self.labels) if not label.scored)

    def scored_in(self, group: str, *, inside: bool = True) -> list[int]:
        """Dense ids of scored classes of a group, or of all the others."""
        return [i for i, c in enumerate(self.labels) if c.scored and (c.group == group) == inside]

    def instances_in(self, group: str) -> list[int]:
        """Dense ids of the classes of a group that have instances, scored or not."""
        return [i for i, c in enumerate(self.labels) if c.group == group and c.size is not None]

    def group_columns(self, confusion: Counts) -> dict[str, Counts]:
        """Pixels of each group, from int64 [K, K + 1]."""
        rows = []
        for group in GROUPS:
            mine, others = self.scored_in(group), self.scored_in(group, inside=False)
            tp = confusion[np.ix_(mine, mine)].sum()
            instance_fp = confusion[np.ix_(others, self.instances_in(group))].sum()
            rows.append([tp, confusion[np.ix_(others, mine)].sum(), confusion[mine].sum() - tp, instance_fp])
        columns = np.array(rows, np.int64).T
        return dict(zip((name for name in EMPTY if name.startswith("group_")), columns, strict=True))

    def segments_of(self, truth: Sample) -> tuple[Any, dict[int, int]] | None:
        """The instance map of a sample, and the category of each id that counts; None without a map."""
        if truth.load_segment_map is None:
            return None
        kept = {s.id: s.category_id for s in truth.segments if not (s.iscrowd or s.ignore)}
        return truth.segment_runs, kept

    def ids_of(self, instance_ids: Any) -> tuple[Any, dict[int, int]]:
        """An ``instanceIds`` map, and the category of each id: label id × 1000 + number; groups have less."""
        instance_ids = label_map(instance_ids, "instance ids")
        dense = {label.id: i for i, label in enumerate(self.labels)}
        ids = np.unique(instance_ids[instance_ids > 1000]).tolist()
        return instance_ids, {i: dense[i // 1000] for i in ids if i // 1000 in dense}

    def instance_columns(
        self, pred: Any, instances: tuple[Any, dict[int, int]] | None
    ) -> dict[str, NDArray[Any]]:
        """Pixels of each instance of a scored class, and of those its class and its group took."""
        if instances is None:
            return {**_INSTANCES, "instance_map": np.zeros(1, np.int64)}
        ids_map, category_of = instances
        group_of = {i: self.instances_in(label.group) for i, label in enumerate(self.labels)}
        counts: dict[int, list[int]] = {}
        for i, p, n in zip(*(column.tolist() for column in kernels.pair_counts(ids_map, pred)), strict=True):
            category = category_of.get(i)
            if category is None or not self.labels[category].scored or self.labels[category].size is None:
                continue
            row = counts.setdefault(i, [category, 0, 0, 0])
            row[1:] = row[1] + n, row[2] + n * (p == category), row[3] + n * (p in group_of[category])
        columns = np.array(list(counts.values()), np.int64).reshape(-1, 4).T
        names = [name for name in _INSTANCES if name != "instance_map"]
        named = dict(zip(names, columns, strict=True))
        return {
            "instance_map": np.ones(1, np.int64),
            **{name: named[name].astype(_INSTANCES[name].dtype) for name in names},
        }


def lacking(images: Sequence[ImageCounts]) -> int:
    """How many images have no instance map."""
    return sum(0 in image.columns["instance_map"] for image in images)


def score(
    stats: SemanticStats, images: Sequence[ImageCounts], categories: Categories
) -> tuple[dict[str, float], NDArray[np.float64]]:
    """IoU of groups, and iIoU of classes and groups; images in order.

    iIoU weighs the pixels of an instance, found or missed, by the mean size of its class over its own; false
    positives count as they are. It is NaN unless every image has an instance map.

    Returns
    -------
    scores, iiou
        ``iiou``, ``category_miou``, ``category_iiou``, and each group's; and float64 [K].

    Notes
    -----
    ``evalPixelLevelSemanticLabeling`` of cityscapesScripts, where groups are *categories*; Cordts et al., The
    Cityscapes dataset, CVPR 2016.
    """
    classes = Classes.of(categories)
    known = [image.columns for image in images if image.columns["group_tp"].size]
    tp, fp, fn, instance_fp = (
        np.sum([columns[name] for columns in known], axis=0) if known else np.zeros(len(GROUPS), np.int64)
        for name in list(EMPTY)[:4]
    )
    iou = ratio(tp, tp + fp + fn)
    iiou, group_iiou = np.full(len(classes.labels), np.nan), np.full(len(GROUPS), np.nan)
    if known and not lacking(images):
        iiou = _weighted(classes, known, "instance_tp", stats.fp)
        group_iiou = _weighted(classes, known, "instance_group_tp", instance_fp)
    columns = {"iiou": iiou, "category_miou": iou, "category_iiou": group_iiou}
    values = {key: running_mean(column[~np.isnan(column)]) for key, column in columns.items()}
    values |= {f"category_iou_{group}": value for group, value in zip(GROUPS, iou.tolist(), strict=True)}
    values |= {f"category_iiou_{group}": group_iiou[GROUPS.index(group)].item() for group in INSTANCE_GROUPS}
    return values, iiou


def _weighted(
    classes: Classes, images: Sequence[Mapping[str, NDArray[Any]]], found: str, fp: Counts
) -> NDArray[np.float64]:
    """iIoU of classes, or of groups where ``found`` is what groups took; NaN for those without instances."""
    by_group = found == "instance_group_tp"
    labels = classes.labels
    if by_group:
        place = [GROUPS.index(c.group) if c.group in GROUPS else 0 for c in labels]
        kinds = [group in INSTANCE_GROUPS for group in GROUPS]
    else:
        place = list(range(len(labels)))
        kinds = [c.scored and c.size is not None for c in labels]
    of = np.concatenate([image["instance_category_ids"] for image in images])
    sizes, tp = (np.concatenate([image[name] for image in images]) for name in ("instance_sizes", found))
    weight = np.array([c.size or math.nan for c in labels])[of] / sizes
    where = np.array(place)[of]
    weighted_tp, weighted_fn = (
        np.bincount(where, n * weight, len(fp)) for n in (tp, sizes - tp)
    )  # bincount adds one by one, in order
    return np.where(kinds, ratio(weighted_tp, weighted_tp + fp + weighted_fn), np.nan)
