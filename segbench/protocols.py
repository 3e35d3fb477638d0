"""Protocols: named sets of rules, each of which reproduces one reference evaluator.

A protocol says which metric measures, under which settings, and where its rules come from. Two scores may be
compared when the protocol, its version and its settings are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from segbench.errors import UsageError, did_you_mean
from segbench.metrics import METRICS, PROTOCOL_METRICS, load_metric, rule_words
from segbench.metrics.boundary_rules import BOUNDARY_RULES
from segbench.metrics.boundary_words import BOUNDARY_WORDS
from segbench.metrics.instance_rules import INSTANCE_RULES
from segbench.metrics.panoptic_rules import PANOPTIC_RULES
from segbench.metrics.semantic_rules import SEMANTIC_RULES

if TYPE_CHECKING:
    from segbench.canonical.categories import Categories
    from segbench.metrics import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One set of rules.

    Attributes
    ----------
    name, version
        What a run record says; the version rises when a score of the same data may change.
    task
        ``semantic``, ``instance`` or ``panoptic``.
    summary
        One line.
    rules
        What a reader must know to reproduce a score by hand.
    source
        The reference: tool, version and paper.
    settings
        What differs from the defaults of the metric.
    """

    name: str
    version: str
    task: str
    summary: str
    rules: tuple[str, ...]
    source: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def metric(self) -> str:
        """The metric, as ``"module:class"``."""
        return PROTOCOL_METRICS.get(self.name, METRICS[self.task])

    @property
    def rules_used(self) -> Any:
        """The rules as the frozen dataclass that the metric reads; those of a data set may add to them."""
        return self._example.rules

    @property
    def all_settings(self) -> dict[str, Any]:
        """Every setting with its value, as plain JSON values."""
        rules = {f.name: getattr(self.rules_used, f.name) for f in fields(self.rules_used)}
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in rules.items()}
        return {**plain, **self._example.settings}

    @property
    def _example(self) -> Metric:
        from segbench.canonical.categories import Categories, Category

        return self.build(Categories([Category(0, "road")]))  # a label that every benchmark knows

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain JSON values, with every setting."""
        words = {name: getattr(self, name) for name in ("name", "version", "task", "summary")}
        return {**words, "rules": list(self.rules), "settings": self.all_settings, "source": self.source}

    def build(self, categories: Categories, settings: Mapping[str, Any] | None = None) -> Metric:
        """Return a new metric under this protocol; ``settings`` (those of a run record, say) go first."""
        return load_metric(self.metric).build(categories, self.name, {**self.settings, **(settings or {})})


_COCO_RULES = (
    "Predictions of an image and category by falling score, stably, cut at 100 (10 and 1 for AR).",
    "IoU thresholds 0.5:0.95 by 0.05; a prediction takes the free truth of highest IoU, the later of equals.",
    "A crowd may be taken often, its IoU is over the predicted area; taking it is neither right nor wrong.",
    "Nor is taking truth outside the area range, nor an unmatched prediction outside it.",
    "Area ranges 0, 32², 96², 10¹⁰ include both ends; truth area is the one stated.",
    "Precision at 101 recalls, made falling; means over thresholds, recalls and categories that have truth.",
    "Truth with annotation id 0 counts as unmatched; the truth's own ignore flag does not count.",
)
_LVIS_RULES = (
    "An image tells which of its categories are there (it has truth of them), surely not (neg_category_ids), "
    "and not exhaustively annotated; predictions of any other category do not count.",
    "An unmatched prediction of a category that is not exhaustive is neither right nor wrong.",
    "There are no crowds: iscrowd does not count, the truth's own ignore flag does.",
    "Truth and predictions whose area is 0 or less do not count; that of the result's box, where it has one.",
    "Thresholds, recalls, area ranges and matching are those of `coco-instance`.",
    "ap_rare, ap_common, ap_frequent: means over the categories whose frequency is r, c or f.",
    "`iou_type=bbox` scores boxes.",
)
_LVIS = "lvis 0.5.3, LVISEval; Gupta et al., LVIS, CVPR 2019"
_COCO = "pycocotools 2.0.11, COCOeval; Lin et al., Microsoft COCO, ECCV 2014"

_SEEN = "A category absent in truth and prediction is left out of means; one only predicted counts as 0."
_DROPPED = "Pixels whose truth is ignored are dropped."
_POOLED = "Pixels are pooled over all images, then IoU = tp / (tp + fp + fn) of each category."
_TOLERANT = (
    _DROPPED,
    "A predicted id that is no category is a false negative of the true category, nothing else; warned of.",
    "A true id that is no category: what is predicted there is a false positive, nothing else; warned of.",
    _POOLED,
    _SEEN,
    "F is made of precision and recall, undefined where both are 0; `beta` weighs recall.",
)
_MATCHES = (
    "Segments of one category match if IoU > 0.5; the union leaves out what was predicted on void.",
    "The true area is the one stated in the JSON, checked against the map; a difference is reported.",
    "A crowd matches nothing, stays in the union and is no false negative.",
    "An unmatched prediction is a false positive unless more than half lies on void and on the last "
    "crowd of its category.",
    "PQ = sum of IoU / (tp + fp / 2 + fn / 2); means over the categories that occur.",
    "IoUs are added image by image in the order of the truth, in `chunks` parts (processes there).",
)
_REFUSED = "Any other id out of range is an error."


def _row(name: str, summary: str, rules: tuple[str, ...], source: str) -> Protocol:
    """One row of the table below, with its settings from the metrics."""
    if name in SEMANTIC_RULES:
        task, settings = "semantic", SEMANTIC_RULES[name].settings()
    elif name in BOUNDARY_RULES:
        task, settings = "semantic", BOUNDARY_RULES[name].settings()
    elif name in PANOPTIC_RULES:
        task, settings = "panoptic", {"chunks": 1, **PANOPTIC_RULES[name].settings()}
    else:
        task, settings = "instance", dict(INSTANCE_RULES.get(name, {}))
    words: dict[str, Any] = {"summary": summary, "rules": rules, "source": source}
    return Protocol(name=name, version="1", task=task, settings=settings, **words)


_TABLE = (
    _row(
        "exact",
        "mIoU and its relatives over all pixels, in exact integers.",
        (
            _DROPPED,
            "A prediction of the ignore index misses: a false negative of the true category, nothing else.",
            "Any other id out of range is an error, in truth and in what is predicted on scored pixels.",
            _POOLED,
            _SEEN,
        ),
        "pooled IoU of PASCAL VOC, in int64; Everingham et al., The PASCAL VOC challenge, IJCV 2010",
    ),
    _row(
        "image-level",
        "Scores of single images: mIoU-I, mIoU-C and their worst quantiles, beside those of `exact`.",
        (
            "Pixels count as in `exact`; an image's categories are those in its truth.",
            "miou_i: IoU averaged over the categories of each image, then over images.",
            "miou_c: IoU averaged over the images of each category, then over categories.",
            "Suffix 5 or 1: of the worst 5 % or 1 % of images, one or more; q: mean of worst 10 … 100 %.",
        ),
        "JDTLosses; Wang et al., Revisiting evaluation metrics for semantic segmentation, NeurIPS 2023",
    ),
    _row(
        "mmseg",
        "mmsegmentation's mIoU, mAcc, aAcc, mDice and mFscore.",
        (
            *_TOLERANT,
            "Percentages are rounded to 2 decimals. Counts are exact integers; `float32_order` counts and "
            "adds in float32, image by image, as mmsegmentation does (counting stops at 2**24 pixels).",
        ),
        "mmsegmentation 1.2.2, IoUMetric; Contributors, OpenMMLab semantic segmentation toolbox, 2020",
    ),
    _row(
        "hf",
        "The mean_iou metric of Hugging Face evaluate.",
        (
            *_TOLERANT,
            "Nothing is rounded. Its reduce_labels is the reader's reduce_zero_label, of the truth alone.",
        ),
        "evaluate 0.4, mean_iou; after mmsegmentation, 2020",
    ),
    _row(
        "detectron2",
        "detectron2's mIoU, fwIoU, mACC and pACC.",
        (
            _DROPPED,
            _REFUSED + " There a true one lands silently in another category.",
            _POOLED,
            "Means run over the categories that are in the truth; one only predicted does not count.",
        ),
        "detectron2, SemSegEvaluator, 2019",
    ),
    _row(
        "ade20k",
        "Scene parsing's mean IoU and pixel accuracy.",
        (
            "Unlabeled truth (0 in the files, ignored here) is dropped, and so is what is predicted there.",
            "A predicted id that is no category misses; a true one is an error.",
            _POOLED,
            "The mean runs over all categories; an absent one counts as 0.",
            "There 2.2e-16 an image is added to the union; here nothing: equal to 1e-12 or better.",
        ),
        "CSAILVision/sceneparsing, utils_eval.py; Zhou et al., Scene parsing through ADE20K, CVPR 2017",
    ),
    _row(
        "voc",
        "PASCAL VOC's mean IoU over background and classes.",
        (_DROPPED, _REFUSED, _POOLED, _SEEN + " There an absent one makes the mean NaN."),
        "VOCdevkit, VOCevalseg.m; Everingham et al., The PASCAL VOC challenge, IJCV 2010",
    ),
    _row(
        "cityscapes",
        "Cityscapes' IoU and iIoU of classes and categories.",
        (
            "Categories are Cityscapes' raw labels, known by name or by id 0..33; 19 of them are scored.",
            "Pixels whose truth is a label that is not scored are no false positives.",
            "Predicting such a label, or the ignore index, is a false negative; other ids are errors.",
            "category_: IoU of seven groups of labels; iiou: pixels of an instance weighed by mean size over "
            "its size, false positives as they are; NaN where an image has no instance map.",
            "Means add one by one over what is defined.",
        ),
        "cityscapesScripts 2.3, evalPixelLevelSemanticLabeling; Cordts et al., CVPR 2016",
    ),
    _row(
        "mapillary",
        "Mapillary Vistas' mean IoU.",
        (
            "A pixel whose true or predicted id is no label is dropped; warned of.",
            "Then rows and columns of labels not scored are dropped: `unscored`, by default Unlabeled.",
            _POOLED,
            _SEEN,
        ),
        "mapillary_vistas, evaluation.py; Neuhold et al., The Mapillary Vistas dataset, ICCV 2017",
    ),
    _row(
        "torchmetrics-jaccard",
        "torchmetrics' MulticlassJaccardIndex, average macro.",
        (
            _DROPPED,
            _REFUSED + " A prediction of the ignored category misses.",
            _POOLED,
            _SEEN,
            "Counts are exact; fractions and their mean are float32, equal to a few of its last digits.",
        ),
        "torchmetrics 1.9, MulticlassJaccardIndex; Detlefsen et al., JOSS 2022",
    ),
    _row(
        "coco-instance",
        "COCO's AP and AR of masks, to the last bit.",
        (
            *_COCO_RULES,
            "Predicted area is that of the result's box where it carries one, else that of the mask.",
        ),
        _COCO,
    ),
    _row(
        "coco-bbox",
        "COCO's AP and AR of boxes, to the last bit.",
        (*_COCO_RULES, "A result without a box has the box, and the area, of its mask."),
        _COCO,
    ),
    _row(
        "lvis",
        "LVIS' AP and AR, by area and frequency, to the last bit.",
        (
            "The 300 best predictions of an image count, of equal scores the first; those that do not count "
            "for another reason are among them, except results of categories that the truth lacks.",
            *_LVIS_RULES,
        ),
        _LVIS,
    ),
    _row(
        "lvis-fixed",
        "Fixed AP: LVIS' AP of 10,000 predictions a category, however many an image.",
        (
            "The 10,000 best predictions of a category in all images count, of equal scores those that stand "
            "first in the results; those that do not count for another reason are among them.",
            *_LVIS_RULES,
        ),
        "large-vocab-devil, evaluate_ap_fixed.py; Dave et al., Evaluating large-vocabulary detectors, 2021",
    ),
    _row(
        "cityscapes-instance",
        "Cityscapes' AP and AP50 of instances, to the last bit.",
        (
            "Categories are Cityscapes' labels, by name or by id; eight classes of instances are scored.",
            "Truth of these is a group where it is a crowd, else an instance; one below `least_area` (100 "
            "pixels) does not count.",
            "Void: what is to be ignored; labels that are not scored, of caravan and trailer the crowds "
            "alone; pixels of no segment, where the truth is a segment map.",
            "IoU thresholds 0.5:0.95 by 0.05 are exceeded, not reached; an instance takes the best-scored "
            "prediction above, the others above are false positives.",
            "Ignored: a prediction above the threshold only with a group or an instance that does not count; "
            "and one whose share on void, groups and such instances is above it.",
            "Area under a curve of trapezoids, from a point at each score; means over thresholds and classes "
            "that have instances.",
            "`distances=true` adds instances within 100 m and 50 m, from attributes medDist and distConf.",
        ),
        "cityscapesScripts 2.3, evalInstanceLevelSemanticLabeling; Cordts et al., CVPR 2016",
    ),
    _row(
        "panopticapi",
        "PQ, SQ and RQ over all categories, things and stuff, to the last bit.",
        _MATCHES,
        "panopticapi 7bb4655, pq_compute; Kirillov et al., Panoptic segmentation, CVPR 2019",
    ),
    _row(
        "cityscapes-panoptic",
        "PQ of Cityscapes: the rules of `panopticapi`.",
        (*_MATCHES, "Crowds are truth of things without a number (instance id below 1000)."),
        "cityscapesScripts 2.3, evalPanopticSemanticLabeling; Cordts et al., CVPR 2016",
    ),
    _row(
        "mapillary-panoptic",
        "PQ of Mapillary's seamseg.",
        (
            "Crowds, true and predicted, are void; the true area is that of the map.",
            *_MATCHES[:1],
            "An unmatched prediction is a false positive unless more than half lies on void.",
            "An image without true segments is skipped.",
            "PQ is averaged over all categories: one that never occurs counts as 0 (and so in SQ and RQ).",
        ),
        "mapillary/seamseg, panoptic_stats; Porzi et al., Seamless scene segmentation, CVPR 2019",
    ),
    _row(
        "torchmetrics-pq",
        "torchmetrics' PanopticQuality.",
        (
            "There are no crowds, areas are those of the maps, and the stuff of one category is one segment.",
            "Segments of one category match if IoU > 0.5; what either side leaves void is out of the union.",
            "A true or predicted segment more than half of which is void on the other side is left out.",
            "IoU and RQ are float32, PQ = SQ · RQ; means over the categories that occur.",
        ),
        "torchmetrics 1.9, PanopticQuality; Detlefsen et al., JOSS 2022",
    ),
    _row(
        "pq-dagger",
        "PQ†: stuff scored without a threshold.",
        (
            "Things are scored as in `panopticapi`.",
            "Stuff: the IoU of every overlapping pair of one category, over the number of its true segments.",
            "Stuff has no fp and fn: its tp are its true segments, RQ is 1, and SQ is PQ.",
            "Stuff that is only predicted is left out of means.",
        ),
        "Porzi et al., Seamless scene segmentation, CVPR 2019",
    ),
    *(_row(name, *words) for name, words in BOUNDARY_WORDS.items()),
)

PROTOCOLS = {protocol.name: protocol for protocol in _TABLE}
"""Every protocol by name."""

DEFAULT_PROTOCOLS = {"semantic": "exact", "instance": "coco-instance", "panoptic": "panopticapi"}
"""The protocol of each task where none is named."""


def get_protocol(name: str) -> Protocol:
    """Return the protocol of this name.

    Raises
    ------
    UsageError
        When there is none.
    """
    if name not in PROTOCOLS:
        raise UsageError(f"unknown protocol {name!r}.{did_you_mean(name, PROTOCOLS)}")
    return PROTOCOLS[name]


def default_protocol(task: str) -> Protocol:
    """Return the protocol that a task is scored under where none is named.

    Raises
    ------
    UsageError
        When there is no such task.
    """
    if task not in DEFAULT_PROTOCOLS:
        raise UsageError(f"unknown task {task!r}.{did_you_mean(task, DEFAULT_PROTOCOLS)}")
    return PROTOCOLS[DEFAULT_PROTOCOLS[task]]


def differences(this: Protocol, base: Protocol) -> Iterator[tuple[str, str]]:
    """Yield the rules in which a protocol differs from another, each with a sentence on both.

    Protocols of two tasks have none in common.
    """
    if this.task == base.task:
        sides = [(protocol.name, protocol.rules_used) for protocol in (this, base)]
        yield from rule_words.differences(rule_words.WORDS[this.task], sides[0], sides[1])
