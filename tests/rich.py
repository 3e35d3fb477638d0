"""Instances with one of everything that a format could lose."""

from formats import tiny


def put_rich(root):
    """``root/instances_val.json`` and its pictures; returns the JSON."""
    content = tiny.instances()
    content["annotations"][0] |= {"ignore": 1, "score": 0.5}
    content["images"][0]["neg_category_ids"] = [90]
    content["categories"][2]["isthing"] = 0
    content["annotations"].append(
        {
            "id": 14,
            "image_id": 2,
            "category_id": 90,
            "segmentation": tiny.rle(tiny.square((5, 5), 4, 0, 5, 5)),
        }
    )
    return tiny.put_instances(root, content)
