"""Random COCO truth and results: ties, crowds, empty cells, id 0, areas on the bounds, many categories.

A case is plain JSON: ``iou_type``, ``truth``, ``results``, ``spelling`` (a seed of :mod:`fuzz.spelling` or
None), ``params`` (settings other than COCO's, or None), ``general`` (whether records are compared too),
``threads``, and ``block`` (bytes that are read at a time).
"""

from __future__ import annotations

from random import Random
from typing import Any

from fuzz import coco_shapes as shapes
from fuzz.deviations import without_two_points

Row = dict[str, Any]
AREAS = (0, 1, 1023, 1024, 1024.0, 1024.0000000000002, 1023.9999999999999, 9216, 9216.0, 9216.000000000002,
         9215.999999999998, 1e10, 10000000001, 1e-9, 0.5)  # fmt: skip
SCORES = (0, 0.0, -0.0, 1, 0.1, 0.30000000000000004, 0.3, 0.5, 0.9, 0.9, 0.9, 1e-300, -1.5, 5e-324, 1e300)
WHOLE_DIAGONALS = ((75, 100), (120, 35), (30, 40), (24, 7), (15, 20), (9, 12))
"""Of which some parts are a half: 2.5 pixels, which are rounded to 2."""
NAMES = ("cat", "", "zebra crossing", "über", 'say "hi"', "a\\b/c", "\u00e9\u4e2d\U0001f600", "tab\there")


def make(seed: int) -> Row:
    """Return the case of this seed."""
    return Maker(Random(f"instance {seed}")).case()


class Maker:
    """One case from random numbers, of any ``iou_type`` or of this one."""

    def __init__(self, rng: Random, iou_type: str | None = None) -> None:
        self.rng = rng
        self.iou_type = iou_type or rng.choice(["segm", "segm", "bbox"])
        self.with_boxes = self._box_habit()
        self.categories = self._categories()
        self.images = self._images()
        self.few_scores = rng.random() < 0.7

    def chance(self, part: float) -> bool:
        return self.rng.random() < part

    def case(self) -> Row:
        truths = [row for image in self.images for row in self._truths(image)]
        self._number(truths)
        results = [row for image in self.images for row in self._results(image, truths)]
        self.rng.shuffle(results)
        results = self._boxed(results)
        if self.chance(0.3):
            self.rng.shuffle(truths)
        annotations = [{k: v for k, v in row.items() if not k.startswith("_")} for row in truths]
        truth = {"images": self.images, "annotations": annotations, "categories": self.categories}
        if self.chance(0.3):
            truth = {"info": {"year": 2017, "description": "fuzz"}, "licenses": []} | truth
        return {
            "kind": "instance",
            "iou_type": self.iou_type,
            "truth": truth,
            "results": results,
            "spelling": self.rng.randrange(1 << 30) if self.chance(0.5) else None,
            "params": self._params() if self.chance(0.7 if self.iou_type == "boundary" else 0.3) else None,
            "general": self.chance(0.25),
            "threads": self.rng.choice([1, 1, 1, 2]),
            "block": self.rng.choice([1 << 20, 1 << 20, 1, 7, 64, 1000]),
        }

    def _box_habit(self) -> str:
        """Which results have boxes: the first one decides how COCO reads them all."""
        if self.iou_type != "bbox":
            return self.rng.choice(["none", "all", "all", "alone"] * 4 + ["later", "empty first"])
        return self.rng.choice(["none", "all", "alone", "alone"] * 4 + ["later"])

    def _categories(self) -> list[Row]:
        many = self.chance(0.04)
        n = (
            self.rng.randint(20, 90)
            if many
            else 0
            if self.chance(0.005)
            else self.rng.choice([1, 1, 2, 2, 3, 5])
        )
        ids = {
            "dense": range(1, n + 1),
            "from 0": range(n),
            "sparse": self.rng.sample(range(1000), n),
            "huge": [(1 << 40) + 7 * i for i in range(n)],
            "negative": self.rng.sample(range(-500, 500), n),
        }[self.rng.choice(["dense", "dense", "from 0", "sparse", "sparse", "huge", "negative"])]
        rows = [{"id": i, "name": self.rng.choice(NAMES)} for i in ids]
        for row in rows:
            if self.chance(0.5):
                row["supercategory"] = self.rng.choice(NAMES)
        self.rng.shuffle(rows)
        return rows

    def _images(self) -> list[Row]:
        n = self.rng.choice([0, 40]) if self.chance(0.02) else self.rng.choice([1, 1, 2, 2, 3, 4])
        ids: list[Any] = self.rng.choice([
            list(range(1, n + 1)), list(range(n)), self.rng.sample(range(10**6), n),
            [10**15 - i for i in range(n)], self.rng.sample(range(-50, 50), n),
            [f"im{i}" for i in self.rng.sample(range(99), n)],
            [str(i) for i in self.rng.sample(range(99), n)],
            [f"{i:03}/é" for i in self.rng.sample(range(999), n)],
        ])  # fmt: skip
        rows = []
        for image_id in ids:
            height, width = self._size()
            row = {"id": image_id, "height": height, "width": width}
            if self.chance(0.7):
                row["file_name"] = self.rng.choice(["a.jpg", "é/b c.png", "deep/er/x.jpg"])
            rows.append(row)
        return rows

    def _size(self) -> shapes.Size:
        if self.iou_type == "boundary" and self.chance(0.15):
            return self.rng.choice(WHOLE_DIAGONALS)
        most = self.rng.choice([1, 3, 8, 30, 30, 50, 50, 130])
        height, width = self.rng.randint(1, most), self.rng.randint(1, most)
        return (height, width) if self.chance(0.9) else (height, height)

    # --- truth

    def _truths(self, image: Row) -> list[Row]:
        used = self.rng.sample(self.categories, min(len(self.categories), self.rng.choice([1, 1, 2, 3])))
        n = 0 if not used else self.rng.choice([0, 1, 1, 2, 3, 5, 8])
        rows = [self._truth(image, self.rng.choice(used)["id"]) for _ in range(n)]
        twins = [dict(row) for row in rows if self.chance(0.15)]  # the same mask twice: equal IoUs
        return rows + twins

    def _truth(self, image: Row, category_id: int) -> Row:
        size = image["height"], image["width"]
        segmentation, rle, box = self._mask(size)
        crowd = int(self.chance(0.2))
        area = shapes.area_of(rle) if self.chance(0.6) else self.rng.choice(AREAS)
        row = {
            "image_id": image["id"],
            "category_id": category_id,
            "segmentation": segmentation,
            "area": area,
            "bbox": shapes.box_of(rle) if self.chance(0.7) else self._box(size),
            "iscrowd": bool(crowd) if self.chance(0.1) else crowd,
            "_box": box,
            "_rle": rle,
        }
        if self.chance(0.1):
            row["ignore"] = self.rng.choice([0, 1])
        if self.chance(0.02):
            del row[self.rng.choice(["area", "iscrowd"])]
        if self.iou_type == "bbox" and self.chance(0.1):
            del row["segmentation"]
        return row

    def _mask(self, size: shapes.Size) -> tuple[Any, shapes.Rle, Any]:
        """A segmentation, its compressed RLE, and the whole-pixel box where it is one."""
        kinds = ["box", "box", "polygon", "polygon", "scattered", "empty", "full"]
        kind = self.rng.choice(kinds + ["blocks"] * 3 * (self.iou_type == "boundary"))
        if kind == "polygon":
            polygons = [shapes.polygon(self.rng, size) for _ in range(self.rng.choice([1, 1, 2, 3]))]
            if self.chance(0.1):
                at = -1 if self.chance(0.7) else 0
                polygons[at] = polygons[at][:4]  # a line; as a first polygon COCO takes it for a box
            whole = [without_two_points(one) for one in polygons]
            return polygons, shapes.drawn(whole, size), None
        pixels = size[0] * size[1]
        box = None
        if kind == "box":
            box = shapes.random_box(self.rng, size)
            rle = shapes.rectangle(box, size)
        elif kind in ("scattered", "blocks"):
            rle = {"scattered": shapes.scattered, "blocks": shapes.blocks}[kind](self.rng, size)
        else:
            rle = shapes.compressed([pixels] if kind == "empty" else [0, pixels], size)
        if self.chance(0.4):
            return shapes.uncompressed(rle), rle, box
        return (shapes.overlong(rle) if self.chance(0.1) else rle), rle, box

    def _number(self, truths: list[Row]) -> None:
        n = len(truths)
        ids = self.rng.choice([
            range(1, n + 1), range(1, n + 1), range(n), self.rng.sample(range(10**9), n),
            self.rng.sample(range(-n, n + 1), n), [10**15 + i for i in range(n)],
        ])  # fmt: skip
        for row, number in zip(truths, ids, strict=True):
            row["id"] = number

    # --- results

    def _results(self, image: Row, truths: list[Row]) -> list[Row]:
        near = [row for row in truths if row["image_id"] == image["id"]]
        n = self.rng.choice([0, 1, 2, 3, 5, 9])
        rows = [self._result(image, near) for _ in range(n)]
        if self.chance(0.015):
            rows += self._crowded(image, near)
        return rows

    def _crowded(self, image: Row, near: list[Row]) -> list[Row]:
        """More than 100 results in one cell, of few scores."""
        few = [self._result(image, near) for _ in range(4)]
        category_id = self._category()
        scores = [self.rng.choice(SCORES[:8]) for _ in range(3)]
        return [
            self.rng.choice(few) | {"category_id": category_id, "score": self.rng.choice(scores)}
            for _ in range(self.rng.choice([100, 101, 104, 130]))
        ]

    def _category(self) -> int:
        return self.rng.choice(self.categories)["id"] if self.categories else 1

    def _result(self, image: Row, near: list[Row]) -> Row:
        size = image["height"], image["width"]
        category_id = self._category()
        _, rle, _ = self._mask(size)
        if near and self.chance(0.75):
            source = self.rng.choice(near)
            category_id = source["category_id"] if self.chance(0.9) else category_id
            rle = self._moved(source, size)
        if self.chance(0.03):
            category_id = 987_654_321  # that the truth lacks
        if self.chance(0.05):
            rle = shapes.overlong(rle)
        row = {
            "image_id": image["id"],
            "category_id": category_id,
            "segmentation": rle,
            "score": self._score(),
        }
        if self.chance(0.1):  # what results say of these does not count
            row |= {"area": self.rng.choice(AREAS), "iscrowd": 1, "id": self.rng.randrange(5)}
        return row

    def _moved(self, source: Row, size: shapes.Size) -> shapes.Rle:
        box = source["_box"]
        if self.iou_type == "boundary" and self.chance(0.4):
            return shapes.shifted(self.rng, source["_rle"])
        if box is None or self.chance(0.3):
            return source["_rle"]
        return shapes.rectangle(shapes.part_of(self.rng, box), size)

    def _score(self) -> float:
        return self.rng.choice(SCORES) if self.few_scores else self.rng.random()

    def _box(self, size: shapes.Size) -> list[float]:
        x0, y0, x1, y1 = shapes.random_box(self.rng, size)
        exact = [x0, y0, x1 - x0, y1 - y0]
        odd = [self.rng.uniform(-5, size[1]), self.rng.uniform(-5, size[0]), self.rng.uniform(0, 50),
               self.rng.uniform(0, 50)]  # fmt: skip
        square = [*exact[:2], *self.rng.choice([(32, 32), (96.0, 96), (64, 16), (0, 5), (3, 0), (-4, -4)])]
        return self.rng.choice([exact, odd, square, [round(v, 1) for v in odd]])

    def _boxed(self, results: list[Row]) -> list[Row]:
        """Give results the boxes that the case's habit asks for."""
        habit = self.with_boxes
        sizes = {image["id"]: (image["height"], image["width"]) for image in self.images}
        for i, row in enumerate(results):
            if habit in ("all", "alone") or (habit in ("later", "empty first") and i and self.chance(0.5)):
                tight = shapes.box_of(row["segmentation"])
                row["bbox"] = tight if self.chance(0.6) else self._box(sizes[row["image_id"]])
            if habit == "alone":
                del row["segmentation"]
            elif habit == "all" and self.chance(0.3):
                row["segmentation"] = self._unpacked(row["segmentation"], sizes[row["image_id"]])
        if habit == "empty first" and results:
            results[0]["bbox"] = []
        return results

    def _unpacked(self, rle: shapes.Rle, size: shapes.Size) -> Any:
        """Results with boxes may have polygons or run lengths as masks."""
        return shapes.uncompressed(rle) if self.chance(0.5) else [shapes.polygon(self.rng, size)]

    # --- settings

    def _params(self) -> Row:
        rng = self.rng
        params: Row = {}
        if self.chance(0.5):
            params["maxDets"] = rng.choice(
                [[1, 2, 3], [100, 1, 10], [3, 3, 3], [1, 10, 300], [2, 5, 100, 1000]]
            )
        if self.chance(0.4):
            params["iouThrs"] = rng.choice(
                [[0.5], [0.75, 0.5], [0.05, 0.5, 1.0], [0.0, 0.3333333333333333, 0.99]]
                + [[k / 40 for k in range(1, 41)]] * 8 * (self.iou_type == "boundary")
            )
        if self.chance(0.3):
            params["recThrs"] = rng.choice([[0.0, 0.5, 1.0], [0.1], [0.25, 0.25, 0.3333333333333333, 0.99]])
        if self.chance(0.3):
            params["areaRng"] = rng.choice([
                [[0, 1e10]], [[0, 1e10], [0, 20], [20, 20], [20.5, 1e5]],
                [[1024, 9216], [0, 1e10]], [[5, 1], [0, 1e10]],
            ])  # fmt: skip
            labels = ["all", "small", "medium", "large"]
            params["areaRngLbl"] = labels[: len(params["areaRng"])]
        if self.chance(0.3):
            params["useCats"] = 0
        if self.categories and self.chance(0.2):
            params["catIds"] = rng.sample([row["id"] for row in self.categories], 1)
        if self.images and self.chance(0.2):
            ids = [row["id"] for row in self.images]
            params["imgIds"] = rng.choices(ids, k=rng.randint(1, len(ids)))
        return params
