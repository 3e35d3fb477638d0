"""Random panoptic truth and predictions: void, crowds, ids in one place alone, wrong areas, and faults.

A case is plain JSON: ``truth`` and ``results`` are the JSON files, ``maps`` the ids of their pictures by side
and file name, ``fault`` the one thing that was spoilt or None, ``chunks`` in how many parts IoU is summed.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

Row = dict[str, Any]
Map = list[list[int]]
Fault = Callable[[Row, int, int], None]
Segments = Callable[[Row, int, int], list[Row]]
IDS = (1, 2, 255, 256, 257, 65535, 65536, 65537, (1 << 24) - 1, (1 << 24) - 2, 1 << 23)


def make(seed: int) -> Row:
    """Return the case of this seed."""
    return Maker(Random(f"panoptic {seed}")).case()


class Maker:
    """One case from random numbers."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        n = rng.choice([1, 2, 3, 3, 4, 9])
        kind = rng.choice(["mixed", "mixed", "mixed", "things", "stuff"])
        self.categories = [
            {
                "id": i,
                "name": rng.choice(["cat", "wiese", "", "\u00e9"]),
                "isthing": rng.randrange(2) if kind == "mixed" else int(kind == "things"),
            }
            for i in rng.sample(range(rng.choice([n, 20, 1000])), n)
        ]

    def chance(self, part: float) -> bool:
        return self.rng.random() < part

    def case(self) -> Row:
        n = self.rng.choice([1, 1, 2, 3, 6])
        ids: list[Any] = self.rng.choice([
            list(range(n)), self.rng.sample(range(10**6), n), [f"b{i}" for i in self.rng.sample(range(99), n)]
        ])  # fmt: skip
        maps: dict[str, dict[str, Map]] = {"truth": {}, "results": {}}
        rows: dict[str, list[Row]] = {"truth": [], "results": []}
        images = []
        for number, image_id in enumerate(ids):
            true, pred = self._pair()
            images.append({"id": image_id, "height": len(true[0]), "width": len(true[0][0])})
            for side, (pixels, segments) in (("truth", true), ("results", pred)):
                name = f"{number}.png"
                maps[side][name] = pixels
                rows[side].append({"image_id": image_id, "file_name": name, "segments_info": segments})
        self.rng.shuffle(images)
        self.rng.shuffle(rows["results"])
        truth = {"images": images, "annotations": rows["truth"], "categories": self.categories}
        case = {
            "kind": "panoptic",
            "truth": truth,
            "results": {"annotations": rows["results"]},
            "maps": maps,
            "fault": self.rng.choice(list(FAULTS)) if self.chance(0.15) else None,
            "chunks": self.rng.choice([1, 1, 2, 3, 7]),
            "spelling": self.rng.randrange(1 << 30) if self.chance(0.3) else None,
            "picture": self.rng.randrange(1 << 30),
        }
        if case["fault"]:
            as_it_was = deepcopy(case)
            _spoil(self.rng, case)
            if case == as_it_was:  # there was nothing to spoil
                case["fault"] = None
        return case

    def _category(self) -> int:
        return self.rng.choice(self.categories)["id"]

    def _ids(self, n: int) -> list[int]:
        many = [*IDS, *(self.rng.randrange(1, 1 << 24) for _ in range(6))]
        return self.rng.sample(sorted(set(many)), n)

    def _pair(self) -> tuple[tuple[Map, list[Row]], tuple[Map, list[Row]]]:
        """The map and the segments of the truth, and of a prediction near it."""
        most = self.rng.choice([1, 4, 8, 14, 30])
        size = self.rng.randint(1, most), self.rng.randint(1, most)
        ids = self._ids(9)
        true_map = self._rectangles(size, ids[: self.rng.choice([0, 1, 3, 5])])
        true = [
            self._truth(i, true_map) for i in _drawn(true_map) if self.chance(0.95)
        ]  # else without a segment
        if self.chance(0.2):
            true.append(self._truth(ids[5], true_map))  # without a pixel
        self.rng.shuffle(true)
        pred_map, categories = self._near(true_map, true, ids[6:])
        pred = [self._pred(i, categories.get(i)) for i in _drawn(pred_map)]
        self.rng.shuffle(pred)
        return (true_map, true), (pred_map, pred)

    def _rectangles(self, size: tuple[int, int], ids: list[int]) -> Map:
        height, width = size
        rows = [[0] * width for _ in range(height)]
        for i in ids:
            y0, x0 = self.rng.randrange(height), self.rng.randrange(width)
            y1, x1 = self.rng.randint(y0 + 1, height), self.rng.randint(x0 + 1, width)
            for y in range(y0, y1):
                rows[y][x0:x1] = [i] * (x1 - x0)
        return rows

    def _truth(self, segment_id: int, pixels: Map) -> Row:
        area = sum(row.count(segment_id) for row in pixels)
        if self.chance(0.15):
            area = self.rng.choice([0, 1, area + 1, max(0, area - 1), area + 0.5, 1e6, -3])
        return {
            "id": segment_id,
            "category_id": self._category(),
            "iscrowd": int(self.chance(0.25)),
            "area": area,
            "bbox": [0, 0, 1, 1],
        }

    def _pred(self, segment_id: int, category_id: int | None) -> Row:
        if category_id is None or self.chance(0.15):
            category_id = self._category()
        row = {"id": segment_id, "category_id": category_id}
        if self.chance(0.1):  # neither counts
            row |= {"area": self.rng.randrange(100), "iscrowd": self.rng.randrange(2)}
        return row

    def _near(self, true_map: Map, true: list[Row], spare: list[int]) -> tuple[Map, dict[int, int]]:
        """The true map with other ids, holes and a further segment; the categories that its ids had."""
        height, width = len(true_map), len(true_map[0])
        renamed = dict(zip(_drawn(true_map), self._ids(9), strict=False)) if self.chance(0.5) else {}
        noise = self.rng.choice([0, 0.05, 0.3])
        rows = [[0 if self.chance(noise) else renamed.get(v, v) for v in row] for row in true_map]
        for i in spare[: self.rng.randrange(3)]:
            extra = self._rectangles((height, width), [i])
            rows = [[e or v for e, v in zip(*pair, strict=True)] for pair in zip(extra, rows, strict=True)]
        return rows, {renamed.get(row["id"], row["id"]): row["category_id"] for row in true}


def _drawn(pixels: Map) -> list[int]:
    return sorted({v for row in pixels for v in row} - {0})


def _spoil(rng: Random, case: Row) -> None:
    """Spoil one thing of one image, where it has it."""
    number = rng.randrange(len(case["truth"]["annotations"]))
    image_id = case["truth"]["annotations"][number]["image_id"]
    preds = [row["image_id"] for row in case["results"]["annotations"]]
    FAULTS[case["fault"]](case, number, preds.index(image_id))


def _true(case: Row, number: int, _: int) -> list[Row]:
    return case["truth"]["annotations"][number]["segments_info"]


def _predicted(case: Row, _: int, at: int) -> list[Row]:
    return case["results"]["annotations"][at]["segments_info"]


def _set(side: Segments, key: str, value: Any) -> Fault:
    """A fault that changes the first segment."""

    def spoil(*case: Any) -> None:
        for row in side(*case)[:1]:
            row[key] = value

    return spoil


def _repeat(side: Segments) -> Fault:
    def spoil(*case: Any) -> None:
        rows = side(*case)
        rows.extend([dict(row) for row in rows[:1]])

    return spoil


def _drop(key: str) -> Fault:
    def spoil(*case: Any) -> None:
        for row in _true(*case):
            del row[key]

    return spoil


def _without_pixels(case: Row, number: int, at: int) -> None:
    category_id = case["truth"]["categories"][0]["id"]
    _predicted(case, number, at).append({"id": 77, "category_id": category_id})


def _pixels(case: Row, at: int) -> Map:
    return case["maps"]["results"][case["results"]["annotations"][at]["file_name"]]


def _without_id(case: Row, _: int, at: int) -> None:
    _pixels(case, at)[0][0] = 1 << 22


def _higher(case: Row, _: int, at: int) -> None:
    _pixels(case, at).append(list(_pixels(case, at)[-1]))


def _no_picture(case: Row, number: int, at: int) -> None:
    side, row = (("truth", number), ("results", at))[number % 2]
    del case["maps"][side][case[side]["annotations"][row]["file_name"]]


def _no_prediction(case: Row, _: int, at: int) -> None:
    del case["results"]["annotations"][at]


def _of_another_image(case: Row, _: int, at: int) -> None:
    preds = case["results"]["annotations"]
    preds.append(preds[at] | {"image_id": 987_654_321})


def _image_twice(case: Row, number: int, _: int) -> None:
    case["truth"]["annotations"].append(case["truth"]["annotations"][number])


def _prediction_twice(case: Row, _: int, at: int) -> None:
    case["results"]["annotations"].append(case["results"]["annotations"][at])


FAULTS: dict[str, Fault] = {
    "unknown predicted category": _set(_predicted, "category_id", 123_456),
    "unknown true category": _set(_true, "category_id", 123_456),
    "predicted id 0": _set(_predicted, "id", 0),
    "true id 0": _set(_true, "id", 0),
    "predicted id twice": _repeat(_predicted),
    "true id twice": _repeat(_true),
    "no area": _drop("area"),
    "no iscrowd": _drop("iscrowd"),
    "predicted id without pixels": _without_pixels,
    "predicted pixels without id": _without_id,
    "another size": _higher,
    "no picture": _no_picture,
    "no prediction": _no_prediction,
    "prediction of another image": _of_another_image,
    "image twice": _image_twice,
    "prediction twice": _prediction_twice,
}
