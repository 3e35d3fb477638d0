"""COCOeval: average precision of detections; the class of ``pycocotools.cocoeval``.

Source: ``cocoeval.py`` of pycocotools 2.0.11 (Lin et al., Microsoft COCO, ECCV 2014). Every array, dict and
printed line is equal, timings and dates apart; with the iouType ``boundary``, to those of the COCOeval of
boundary-iou-api 37d2558 (Cheng et al., Boundary IoU, CVPR 2021). Except:

- keypoints are refused;
- ``summarize`` takes ``iouThrs`` as a list too, where pycocotools loses AP50 and AP75 or fails;
- a result's box that is none (``[]``), or a truth without ``iscrowd``, is noticed only where results and
  truths of one image and category meet;
- boundaries are found of the images and categories of ``params`` alone: what cannot be drawn elsewhere is not
  noticed, and a ``dilation_ratio`` that is not above 0 is refused;
- ``self._gts`` and ``self._dts`` gain no empty lists for cells that were looked up.
"""

from __future__ import annotations

import copy
import datetime
import time
from collections import defaultdict
from typing import Any

import numpy as np

from segbench.compat._tools import no_collection, say
from segbench.compat.pycocotools import _curves, _iou, _matching, _summary, mask
from segbench.compat.pycocotools._params import Params, refuse_keypoints
from segbench.compat.pycocotools.coco import COCO

__all__ = ["COCOeval", "Params"]

Row = dict[str, Any]


class COCOeval:
    """Evaluation of results against the truth.

    ::

        E = COCOeval(truth, truth.loadRes("results.json"), "segm")
        E.evaluate(); E.accumulate(); E.summarize()

    Parameters
    ----------
    cocoGt, cocoDt
        The truth, and results as its ``loadRes`` gives them.
    iouType
        ``segm`` or ``bbox``; or ``boundary``: IoU of masks or, where that is less, of their boundaries.
    dilation_ratio
        Width of boundaries, as a part of the image's diagonal.

    Attributes
    ----------
    params
        The settings; change them before :meth:`evaluate`.
    ious
        ``{(image id, category id): float64 [D, G] or []}``.
    evalImgs
        Per category, area range and image, in that order, a dict or None:
        ``image_id category_id aRng maxDet dtIds gtIds dtMatches gtMatches dtScores gtIgnore dtIgnore``.
    eval
        ``params counts date precision recall scores``; see :class:`._curves.Arrays`.
    stats
        float64 [12], the printed numbers.

    Raises
    ------
    UsageError
        For keypoints.
    """

    def __init__(
        self,
        cocoGt: COCO | None = None,
        cocoDt: COCO | None = None,
        iouType: str = "segm",
        dilation_ratio: float = 0.02,
    ) -> None:
        if not iouType:
            say("iouType not specified. use default iouType segm")
        self.cocoGt: Any = cocoGt
        self.cocoDt: Any = cocoDt
        self.evalImgs: Any = defaultdict(list)
        self.eval: Row = {}
        self._gts: dict[Any, list[Row]] = defaultdict(list)
        self._dts: dict[Any, list[Row]] = defaultdict(list)
        self.params = Params(iouType=iouType)
        self.dilation_ratio = dilation_ratio
        self._paramsEval: Any = {}
        self.stats: Any = []
        self.ious: dict[Any, Any] = {}
        if cocoGt is not None:
            self.params.imgIds = sorted(cocoGt.getImgIds())
            self.params.catIds = sorted(cocoGt.getCatIds())

    def _prepare(self) -> None:
        """Gather annotations by image and category; masks become RLEs, truths get ``ignore``, in place."""
        p = self.params
        wanted = {"imgIds": p.imgIds} | ({"catIds": p.catIds} if p.useCats else {})
        gathered: list[dict[Any, list[Row]]] = []
        for coco in (self.cocoGt, self.cocoDt):
            rows = coco.loadAnns(coco.getAnnIds(**wanted))
            cells = defaultdict(list)
            for row in rows:
                if p.iouType in ("segm", "boundary"):
                    row["segmentation"] = coco.annToRLE(row)
                cells[row["image_id"], row["category_id"]].append(row)
            gathered.append(cells)
        self._gts, self._dts = gathered
        for row in (row for rows in self._gts.values() for row in rows):
            own = row.get("ignore", 0) if p.iouType == "boundary" else 0
            row["ignore"] = own or ("iscrowd" in row and row["iscrowd"])
        self.evalImgs = defaultdict(list)
        self.eval = {}

    def evaluate(self) -> None:
        """Match detections with truths, image by image, into ``ious`` and ``evalImgs``."""
        start = time.time()
        say("Running per image evaluation...")
        p = self.params
        if p.useSegm is not None:
            p.iouType = "segm" if p.useSegm == 1 else "bbox"
            say(f"useSegm (deprecated) is not None. Running {p.iouType} evaluation")
        say(f"Evaluate annotation type *{p.iouType}*")
        if p.iouType == "keypoints":
            refuse_keypoints()
        p.imgIds = list(np.unique(p.imgIds))
        if p.useCats:
            p.catIds = list(np.unique(p.catIds))
        p.maxDets = sorted(p.maxDets)
        with no_collection():
            self._prepare()
            self.ious = self._all_ious()
            self.evalImgs = self._evaluate_all()
        self._paramsEval = copy.deepcopy(p)
        say(f"DONE (t={time.time() - start:0.2f}s).")

    def _all_ious(self) -> dict[Any, Any]:
        """``ious`` of every cell; those with truths and detections alone where that will do."""
        keys = [(i, c) for i in self.params.imgIds for c in self._categories()]
        if not self.params.useCats or type(self).computeIoU is not COCOeval.computeIoU:
            return {key: self.computeIoU(*key) for key in keys}
        shared = self._gts.keys() & self._dts.keys()
        return {key: self.computeIoU(*key) if key in shared else [] for key in keys}

    def _categories(self) -> list[Any]:
        return self.params.catIds if self.params.useCats else [-1]

    def _evaluate_all(self) -> list[Row | None]:
        """Every dict of ``evalImgs``: cell by cell, unless a subclass has its own `evaluateImg`."""
        p, most = self.params, self.params.maxDets[-1]
        if type(self).evaluateImg is not COCOeval.evaluateImg:
            return [
                self.evaluateImg(i, c, bounds, most)
                for c in self._categories()
                for bounds in p.areaRng
                for i in p.imgIds
            ]
        categories, step = self._categories(), len(p.imgIds)
        found: list[Row | None] = [None] * (len(categories) * len(p.areaRng) * step)
        limits = _matching.Limits.of(p.areaRng, p.iouThrs, most)
        filled = self._gts.keys() | self._dts.keys()
        for k, category in enumerate(categories):
            for i, image in enumerate(p.imgIds):
                if p.useCats and (image, category) not in filled:
                    continue
                start = k * len(p.areaRng) * step + i
                rows = self._evaluate_cell(image, category, limits)
                for a, row in enumerate(rows):
                    found[start + a * step] = row
        return found

    def _cell(self, imgId: Any, catId: Any) -> tuple[list[Row], list[Row]]:
        """Truths and detections of an image and category, or of an image."""
        if self.params.useCats:
            return self._gts.get((imgId, catId), []), self._dts.get((imgId, catId), [])
        keys = [(imgId, category) for category in self.params.catIds]
        return (
            [row for key in keys for row in self._gts.get(key, ())],
            [row for key in keys for row in self._dts.get(key, ())],
        )

    def computeIoU(self, imgId: Any, catId: Any) -> Any:
        """Return the IoU float64 [D, G] of an image's detections, by falling score, with its truths.

        ``[]`` where there are no detections or no truths.
        """
        p = self.params
        gts, dts = self._cell(imgId, catId)
        if not gts and not dts:
            return []
        if p.iouType not in ("segm", "bbox", "boundary"):
            raise Exception("unknown iouType for iou computation")
        if not gts or not dts:
            return []
        dts = _matching.by_score(dts, p.maxDets[-1])
        key = "bbox" if p.iouType == "bbox" else "segmentation"
        sides = [dt[key] for dt in dts], [gt[key] for gt in gts], [int(gt["iscrowd"]) for gt in gts]
        return _iou.boundary_iou(*sides, self.dilation_ratio) if p.iouType == "boundary" else mask.iou(*sides)

    def evaluateImg(self, imgId: Any, catId: Any, aRng: Any, maxDet: int) -> Row | None:
        """Return one dict of ``evalImgs``, or None where there is nothing; ``ious`` must be there."""
        limits = _matching.Limits.of([aRng], self.params.iouThrs, maxDet)
        rows = self._evaluate_cell(imgId, catId, limits)
        return rows[0] if rows else None

    def _evaluate_cell(self, imgId: Any, catId: Any, limits: _matching.Limits) -> list[Row]:
        gts, dts = self._cell(imgId, catId)
        if not gts and not dts:
            return []
        dts = _matching.by_score(dts, limits.most)
        matches = _matching.match(gts, dts, self.ious[imgId, catId], limits)
        return _matching.rows(matches, (imgId, catId), gts, dts, limits)

    def accumulate(self, p: Params | None = None) -> None:
        """Join the images into the curves of ``eval``; ``p`` may ask for a part of what was evaluated."""
        say("Accumulating evaluation results...")
        start = time.time()
        if not self.evalImgs:
            say("Please run evaluate() first")
        if p is None:
            p = self.params
        p.catIds = p.catIds if p.useCats == 1 else [-1]
        arrays = _curves.accumulate(self.evalImgs, p, self._paramsEval)
        levels, points, categories, areas, limits = arrays.precision.shape
        self.eval = {
            "params": p,
            "counts": [levels, points, categories, areas, limits],
            "date": datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S"),
            "precision": arrays.precision,
            "recall": arrays.recall,
            "scores": arrays.scores,
        }
        say(f"DONE (t={time.time() - start:0.2f}s).")

    def summarize(self) -> None:
        """Print COCO's twelve lines and keep their numbers in ``stats``.

        Raises
        ------
        Exception
            Before `accumulate`.
        IndexError
            When there are fewer than three ``maxDets``.
        """
        if not self.eval:
            raise Exception("Please run accumulate() first")
        self.stats = _summary.summarize(self.eval, self.params)
