"""The protocols of boundaries in words: summary, rules and source of each."""

from __future__ import annotations

_CHENG = "boundary-iou-api 37d2558; Cheng et al., Boundary IoU, CVPR 2021"
_BOUNDARY = (
    "Boundary: the pixels of a mask with one outside at most d columns and rows away; beyond the image is "
    "outside.",
    "d: `dilation_ratio` times the image's diagonal, rounded (a half to the even one), and 1 at least.",
)
_LESSER = "IoU is that of masks, or of their boundaries where that is less"
_CUT = (
    "Pixels whose truth is ignored are beyond the image, as it were, in truth and prediction alike.",
    "A prediction of the ignore index is of no category; any other id out of range is an error.",
)

BOUNDARY_WORDS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "boundary-iou": (
        "Boundary IoU of categories, pooled over images, and its mean.",
        (
            *_BOUNDARY,
            *_CUT,
            "Boundary pixels of all images are pooled, then IoU = tp / (tp + fp + fn) of each category.",
            "A category absent in truth and prediction is left out of means; one only predicted counts as 0.",
        ),
        _CHENG,
    ),
    "boundary-f1": (
        "BF score: F1 of contours with a tolerance, of each category of each image.",
        (
            "Contour: the pixels of a category of which one of the four neighbours is of another.",
            *_CUT,
            "A contour pixel is right if one of the category's contour in the other map is less than "
            "`tolerance_ratio` times the image's diagonal away, as the crow flies.",
            "P and R: the right part of the predicted and of the true contour; F1 = 2 P R / (P + R), 0 where "
            "the category is in one map alone.",
            "boundary_f1: mean over the categories of each image, then over images; boundary_f1_c: over the "
            "images of each category, then over categories.",
            "The paper leaves contour pixels and the image's border open: here as in bfscore_python, each "
            "pixel once; MATLAB's bfscore is not public, and equality with it not claimed.",
        ),
        "Csurka et al., What is a good evaluation measure for semantic segmentation?, BMVC 2013",
    ),
    "boundary-ap": (
        "COCO's AP and AR where boundaries count too, to the last bit.",
        (
            f"{_LESSER}; with a crowd that of masks.",
            *_BOUNDARY,
            "Truth with an ignore flag is ignored, as a crowd is, but may be taken once.",
            "Thresholds, recalls, area ranges and matching are those of `coco-instance`.",
        ),
        _CHENG,
    ),
    "boundary-pq": (
        "PQ where boundaries count too, to the last bit.",
        (
            f"{_LESSER}.",
            *_BOUNDARY,
            "A boundary is measured in the map: where another segment or void begins, it is outside.",
            "The union leaves out the predicted boundary on void; false positives go by masks.",
            "A segment whose id is the largest category id + 1 takes in the inside of those before it, as "
            "there; warned of.",
            "Areas, crowds, void and sums are those of `panopticapi`.",
        ),
        _CHENG,
    ),
}
