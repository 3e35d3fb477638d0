"""COCO: an annotation file, indexed; the class of ``pycocotools.coco``."""

from __future__ import annotations

import copy
import json
import time
from collections import defaultdict
from collections.abc import Container, Iterable
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segbench.compat._tools import say
from segbench.compat.pycocotools import _results, _rles, mask
from segbench.errors import UsageError

if TYPE_CHECKING:
    from segbench.compat.pycocotools._rles import RleDict

__all__ = ["COCO"]

Row = dict[str, Any]


class COCO:
    """Annotations, images and categories of a COCO file, found by id.

    Parameters
    ----------
    annotation_file
        JSON of COCO's layout; None for an empty data set, to be filled through ``dataset`` and
        :meth:`createIndex`.

    Attributes
    ----------
    dataset
        The file's content.
    anns, imgs, cats
        ``{id: row}``.
    imgToAnns
        ``{image id: annotation rows}``.
    catToImgs
        ``{category id: image ids}``, one entry an annotation.

    Raises
    ------
    AssertionError
        When the file holds no object.

    Notes
    -----
    ``pycocotools.coco.COCO`` 2.0.11. A data set's ids may be of any hashable type.
    """

    def __init__(self, annotation_file: str | PathLike[str] | None = None) -> None:
        self.dataset: Row = {}
        self.anns: dict[Any, Row] = {}
        self.cats: dict[Any, Row] = {}
        self.imgs: dict[Any, Row] = {}
        self.imgToAnns: dict[Any, list[Row]] = defaultdict(list)
        self.catToImgs: dict[Any, list[Any]] = defaultdict(list)
        if annotation_file is None:
            return
        say("loading annotations into memory...")
        start = time.time()
        dataset = json.loads(Path(annotation_file).read_bytes())
        if not isinstance(dataset, dict):
            raise AssertionError(f"annotation file format {type(dataset)} not supported")
        say(f"Done (t={time.time() - start:0.2f}s)")
        self.dataset = dataset
        self.createIndex()

    def createIndex(self) -> None:
        """Index ``dataset`` anew."""
        say("creating index...")
        annotations = self.dataset.get("annotations", [])
        by_image, by_category = defaultdict(list), defaultdict(list)
        for row in annotations:
            by_image[row["image_id"]].append(row)
        if "categories" in self.dataset:
            for row in annotations:
                by_category[row["category_id"]].append(row["image_id"])
        self.anns = {row["id"]: row for row in annotations}
        self.imgs = {row["id"]: row for row in self.dataset.get("images", [])}
        self.cats = {row["id"]: row for row in self.dataset.get("categories", [])}
        self.imgToAnns, self.catToImgs = by_image, by_category
        say("index created!")

    def info(self) -> None:
        """Print the file's ``info``, a line an entry."""
        for key, value in self.dataset["info"].items():
            say(f"{key}: {value}")

    def getAnnIds(
        self, imgIds: Any = (), catIds: Any = (), areaRng: Any = (), iscrowd: bool | int | None = None
    ) -> list[Any]:
        """Return the ids of annotations; an empty filter, or None for ``iscrowd``, lets all pass.

        Parameters
        ----------
        imgIds, catIds
            An id, or a list of ids.
        areaRng
            ``[least, most]`` in pixels, both exclusive.
        iscrowd
            Which of the two.
        """
        images, categories = _listed(imgIds), _listed(catIds)
        rows: Iterable[Row] = (
            chain.from_iterable(self.imgToAnns[i] for i in images if i in self.imgToAnns)
            if len(images)
            else self.dataset["annotations"]
        )
        if len(categories):
            wanted = _container(categories)
            rows = [row for row in rows if row["category_id"] in wanted]
        if len(areaRng):
            rows = [row for row in rows if areaRng[0] < row["area"] < areaRng[1]]
        return [row["id"] for row in rows if iscrowd is None or row["iscrowd"] == iscrowd]

    def getCatIds(self, catNms: Any = (), supNms: Any = (), catIds: Any = ()) -> list[Any]:
        """Return the ids of categories by name, supercategory and id; an empty filter lets all pass.

        A text in the place of a list of names lets every name pass that is a **part** of it, as in
        pycocotools: ``"carrot"`` finds ``car`` too.
        """
        rows = self.dataset["categories"]
        for key, wanted in (("name", catNms), ("supercategory", supNms), ("id", catIds)):
            values = _listed(wanted)
            if len(values):
                kept = _container(values)
                rows = [row for row in rows if row[key] in kept]
        return [row["id"] for row in rows]

    def getImgIds(self, imgIds: Any = (), catIds: Any = ()) -> list[Any]:
        """Return the ids of images that are among ``imgIds`` and hold every one of ``catIds``.

        Without ``catIds`` that is ``imgIds`` itself, known or not, without doubles.
        """
        images, categories = _listed(imgIds), _listed(catIds)
        if not len(images) and not len(categories):
            return list(self.imgs)
        found = set(images)
        for i, category in enumerate(categories):
            having = set(self.catToImgs[category])
            found = having if i == 0 and not found else found & having
        return list(found)

    def loadAnns(self, ids: Any = ()) -> Any:
        """Return the annotations of one id or a list of ids, always as a list; None for anything else."""
        return _rows(self.anns, ids)

    def loadCats(self, ids: Any = ()) -> Any:
        """Return the categories of one id or a list of ids, always as a list; None for anything else."""
        return _rows(self.cats, ids)

    def loadImgs(self, ids: Any = ()) -> Any:
        """Return the images of one id or a list of ids, always as a list; None for anything else."""
        return _rows(self.imgs, ids)

    def showAnns(self, anns: list[Row], draw_bbox: bool = False) -> int | None:
        """Draw annotations on matplotlib's current axes, or print captions; 0 when there are none."""
        from segbench.compat.pycocotools import _show

        return _show.show(self, anns, draw_bbox)

    def loadRes(self, resFile: str | PathLike[str] | NDArray[Any] | list[Row]) -> COCO:
        """Return results as a data set of the same images and categories.

        Parameters
        ----------
        resFile
            A JSON file, its list of results, or an array for :meth:`loadNumpyAnnotations`. The rows are
            completed in place: ``id`` 1..N, ``iscrowd`` 0, ``area``, and the shape that is missing.

        Raises
        ------
        AssertionError
            When it is no list, or names an image that this data set has not.
        IndexError
            When it is empty.
        """
        results = COCO()
        results.dataset["info"] = copy.deepcopy(self.dataset.get("info", {}))
        results.dataset["images"] = list(self.dataset["images"])
        say("Loading and preparing results...")
        start = time.time()
        rows = self._read_results(resFile)
        if not {row["image_id"] for row in rows} <= self.imgs.keys():
            raise AssertionError("Results do not correspond to current coco set")
        _results.complete(rows, self.dataset, results.dataset)
        say(f"DONE (t={time.time() - start:0.2f}s)")
        results.dataset["annotations"] = rows
        results.createIndex()
        return results

    def _read_results(self, source: str | PathLike[str] | NDArray[Any] | list[Row]) -> list[Row]:
        rows: Any = source
        if isinstance(source, (str, PathLike)):
            rows = json.loads(Path(source).read_bytes())
        elif isinstance(source, np.ndarray):
            rows = self.loadNumpyAnnotations(source)
        if not isinstance(rows, list):
            raise AssertionError("results in not an array of objects")
        return rows

    def download(self, tarDir: str | None = None, imgIds: Any = ()) -> int:  # noqa: ARG002 - the original's
        """Refuse: nothing is downloaded.

        Raises
        ------
        UsageError
            Always, except without ``tarDir``, where −1 is returned as in pycocotools.
        """
        if tarDir is None:
            say("Please specify target directory")
            return -1
        raise UsageError(
            "segbench downloads nothing: fetch the images from their coco_url yourself, or use pycocotools"
        )

    def loadNumpyAnnotations(self, data: NDArray[Any]) -> list[Row]:
        """Return results from an array [N, 7] of ``image id, x, y, w, h, score, category id``.

        Raises
        ------
        AssertionError
            When it is no array of that shape.
        """
        return _results.from_array(data)

    def annToRLE(self, ann: Row) -> RleDict:
        """Return the RLE of an annotation's polygons or run lengths; an RLE as it is."""
        image, shape = self.imgs[ann["image_id"]], ann["segmentation"]
        height, width = image["height"], image["width"]
        if not isinstance(shape, list):
            return mask.frPyObjects(shape, height, width) if isinstance(shape["counts"], list) else shape
        if shape and all(isinstance(polygon, list) and len(polygon) > 4 for polygon in shape):
            height, width = int(height), int(width)
            return _rles.write(_rles.from_polygons(shape, height, width), height, width)
        return mask.merge(mask.frPyObjects(shape, height, width))

    def annToMask(self, ann: Row) -> NDArray[np.uint8]:
        """Return an annotation's mask, uint8 [H, W] of 0 and 1."""
        return mask.decode(self.annToRLE(ann))


def _listed(value: Any) -> Any:
    """``value`` if it can be gone through, else a list of it; a text can."""
    return value if hasattr(value, "__iter__") and hasattr(value, "__len__") else [value]


def _container(values: Any) -> Container[Any]:
    """``values`` as a set, where membership is the same question."""
    if not isinstance(values, (list, tuple, np.ndarray)):
        return values  # a text finds its parts, a dict its keys
    try:
        return set(values)
    except TypeError:  # unhashable
        return values


def _rows(index: dict[Any, Row], ids: Any) -> list[Row] | None:
    if hasattr(ids, "__iter__") and hasattr(ids, "__len__"):
        return [index[i] for i in ids]
    return [index[ids]] if type(ids) is int else None
