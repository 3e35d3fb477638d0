"""The instance protocols in words: summary, rules and source of each."""

from __future__ import annotations

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

INSTANCE_WORDS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "coco-instance": (
        "COCO's AP and AR of masks, to the last bit.",
        (
            *_COCO_RULES,
            "Predicted area is that of the result's box where it carries one, else that of the mask.",
        ),
        _COCO,
    ),
    "coco-bbox": (
        "COCO's AP and AR of boxes, to the last bit.",
        (*_COCO_RULES, "A result without a box has the box, and the area, of its mask."),
        _COCO,
    ),
    "lvis": (
        "LVIS' AP and AR, by area and frequency, to the last bit.",
        (
            "The 300 best predictions of an image count, of equal scores the first; those that do not count "
            "for another reason are among them, except results of categories that the truth lacks.",
            *_LVIS_RULES,
        ),
        _LVIS,
    ),
    "lvis-fixed": (
        "Fixed AP: LVIS' AP of 10,000 predictions a category, however many an image.",
        (
            "The 10,000 best predictions of a category in all images count, of equal scores those that stand "
            "first in the results; those that do not count for another reason are among them.",
            *_LVIS_RULES,
        ),
        "large-vocab-devil, evaluate_ap_fixed.py; Dave et al., Evaluating large-vocabulary detectors, 2021",
    ),
    "cityscapes-instance": (
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
}
