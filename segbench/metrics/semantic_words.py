"""The semantic protocols in words: summary, rules and source of each."""

from __future__ import annotations

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
_REFUSED = "Any other id out of range is an error."

SEMANTIC_WORDS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "exact": (
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
    "image-level": (
        "Scores of single images: mIoU-I, mIoU-C and their worst quantiles, beside those of `exact`.",
        (
            "Pixels count as in `exact`; an image's categories are those in its truth.",
            "miou_i: IoU averaged over the categories of each image, then over images.",
            "miou_c: IoU averaged over the images of each category, then over categories.",
            "Suffix 5 or 1: of the worst 5 % or 1 % of images, one or more; q: mean of worst 10 … 100 %.",
        ),
        "JDTLosses; Wang et al., Revisiting evaluation metrics for semantic segmentation, NeurIPS 2023",
    ),
    "mmseg": (
        "mmsegmentation's mIoU, mAcc, aAcc, mDice and mFscore.",
        (
            *_TOLERANT,
            "Percentages are rounded to 2 decimals. Counts are exact integers; `float32_order` counts and "
            "adds in float32, image by image, as mmsegmentation does (counting stops at 2**24 pixels).",
        ),
        "mmsegmentation 1.2.2, IoUMetric; Contributors, OpenMMLab semantic segmentation toolbox, 2020",
    ),
    "hf": (
        "The mean_iou metric of Hugging Face evaluate.",
        (
            *_TOLERANT,
            "Nothing is rounded. Its reduce_labels is the reader's reduce_zero_label, of the truth alone.",
        ),
        "evaluate 0.4, mean_iou; after mmsegmentation, 2020",
    ),
    "detectron2": (
        "detectron2's mIoU, fwIoU, mACC and pACC.",
        (
            _DROPPED,
            _REFUSED + " There a true one lands silently in another category.",
            _POOLED,
            "Means run over the categories that are in the truth; one only predicted does not count.",
        ),
        "detectron2, SemSegEvaluator, 2019",
    ),
    "ade20k": (
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
    "voc": (
        "PASCAL VOC's mean IoU over background and classes.",
        (_DROPPED, _REFUSED, _POOLED, _SEEN + " There an absent one makes the mean NaN."),
        "VOCdevkit, VOCevalseg.m; Everingham et al., The PASCAL VOC challenge, IJCV 2010",
    ),
    "cityscapes": (
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
    "mapillary": (
        "Mapillary Vistas' mean IoU.",
        (
            "A pixel whose true or predicted id is no label is dropped; warned of.",
            "Then rows and columns of labels not scored are dropped: `unscored`, by default Unlabeled.",
            _POOLED,
            _SEEN,
        ),
        "mapillary_vistas, evaluation.py; Neuhold et al., The Mapillary Vistas dataset, ICCV 2017",
    ),
    "torchmetrics-jaccard": (
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
}
