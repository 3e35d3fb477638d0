"""The panoptic protocols in words: summary, rules and source of each."""

from __future__ import annotations

_MATCHES = (
    "Segments of one category match if IoU > 0.5; the union leaves out what was predicted on void.",
    "The true area is the one stated in the JSON, checked against the map; a difference is reported.",
    "A crowd matches nothing, stays in the union and is no false negative.",
    "An unmatched prediction is a false positive unless more than half lies on void and on the last "
    "crowd of its category.",
    "PQ = sum of IoU / (tp + fp / 2 + fn / 2); means over the categories that occur.",
    "IoUs are added image by image in the order of the truth, in `chunks` parts (processes there).",
)

PANOPTIC_WORDS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "panopticapi": (
        "PQ, SQ and RQ over all categories, things and stuff, to the last bit.",
        _MATCHES,
        "panopticapi 7bb4655, pq_compute; Kirillov et al., Panoptic segmentation, CVPR 2019",
    ),
    "cityscapes-panoptic": (
        "PQ of Cityscapes: the rules of `panopticapi`.",
        (*_MATCHES, "Crowds are truth of things without a number (instance id below 1000)."),
        "cityscapesScripts 2.3, evalPanopticSemanticLabeling; Cordts et al., CVPR 2016",
    ),
    "mapillary-panoptic": (
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
    "torchmetrics-pq": (
        "torchmetrics' PanopticQuality.",
        (
            "There are no crowds, areas are those of the maps, and the stuff of one category is one segment.",
            "Segments of one category match if IoU > 0.5; what either side leaves void is out of the union.",
            "A true or predicted segment more than half of which is void on the other side is left out.",
            "IoU and RQ are float32, PQ = SQ · RQ; means over the categories that occur.",
        ),
        "torchmetrics 1.9, PanopticQuality; Detlefsen et al., JOSS 2022",
    ),
    "pq-dagger": (
        "PQ†: stuff scored without a threshold.",
        (
            "Things are scored as in `panopticapi`.",
            "Stuff: the IoU of every overlapping pair of one category, over the number of its true segments.",
            "Stuff has no fp and fn: its tp are its true segments, RQ is 1, and SQ is PQ.",
            "Stuff that is only predicted is left out of means.",
        ),
        "Porzi et al., Seamless scene segmentation, CVPR 2019",
    ),
}
