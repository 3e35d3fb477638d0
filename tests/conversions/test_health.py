"""summarize() counts, and holds one image at a time; so does validate()."""

import numpy as np
from formats import tiny

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample
from segbench.conversions.health import summarize
from segbench.conversions.validation import validate


def test_a_summary_of_instances_counts(tmp_path):
    summary = summarize(segbench.open_dataset(tiny.put_instances(tmp_path)))
    assert (summary.n_images, summary.n_segments, summary.n_crowd) == (2, 3, 1)
    assert summary.sizes == {"6x4": 1, "5x5": 1}
    assert summary.splits == {"val": 2}
    masks = [sample.mask for sample in segbench.open_dataset(tmp_path / "instances_val.json")]
    for row in summary.categories:
        assert row["pixels"] == sum(int((mask == row["id"]).sum()) for mask in masks)
    counts = [(c["source_id"], c["images"], c["segments"]) for c in summary.categories]
    assert counts == [(3, 2, 2), (7, 1, 1), (90, 0, 0)]
    assert "2 images, 3 segments (1 crowd), 3 categories; instance, format coco" in str(summary)


def test_a_summary_of_real_data_agrees_with_a_plain_count(data_dir):
    source = data_dir / "lightly_coco128/panoptic_segmentation"
    content = tiny.load(source / "annotations/panoptic_train2017.json")
    content["annotations"] = content["annotations"][:100]
    summary = summarize(segbench.open_dataset(source))
    rows = [row for a in content["annotations"] for row in a["segments_info"]]
    assert (
        (summary.n_segments, summary.n_crowd) == (len(rows), sum(row["iscrowd"] for row in rows)) == (1111, 6)
    )
    for category in summary.categories:
        mine = [row for row in rows if row["category_id"] == category["source_id"]]
        assert category["pixels"] == sum(row["area"] for row in mine)
        assert category["segments"] == len(mine)


def test_summary_and_search_hold_one_image_at_a_time():
    alive = []

    class Watched(Sample):
        def __del__(self):
            alive.remove(self.image_id)

    def load(index):
        alive.append(str(index))
        assert len(alive) <= 2
        return Watched(image_id=str(index), height=2, width=2, load_mask=lambda: np.zeros((2, 2), np.uint8))

    dataset = Dataset(
        name="many",
        categories=Categories([Category(0, "a")]),
        image_ids=[str(i) for i in range(20)],
        load=load,
        tasks=["semantic"],
    )
    assert list(validate(dataset)) == []
    assert summarize(dataset).categories[0]["pixels"] == 80
