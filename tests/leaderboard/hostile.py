"""Names that a page, a table or a plot must show as text, and runs, images and pictures that bear them."""

from __future__ import annotations

from io import BytesIO

from leaderboard.synth import make_record
from PIL import Image

from segbench.drawn import BoardPictures, Overlay, Picture

HOSTILE = [
    "<script>document.title='owned'</script>",
    "</script><img src=x onerror=alert(1)>",
    '=HYPERLINK("http://x","y")',
    "a|b",
    "🦄 $\\frac{1}{$ {{ 7 * 7 }} \\input{/etc/passwd}",
    "שלום \u202eabc",
    "]]> & \u2028 \x00",
    "x" * 300,
    "../../../etc/passwd",
    "javascript:document.title='owned'",
]
CATEGORIES = [*HOSTILE[:6], "y" * 300, HOSTILE[9]]
IMAGES = sorted([*HOSTILE, "<b>10</b>", "'\"><svg onload=alert(1)>"])  # as boards take equal scores


def put_hostile(root):
    """Records of a semantic and an instance board: models, data sets, categories and images of such names."""
    for place, name in enumerate(HOSTILE):
        changes = {
            "data": HOSTILE[0],
            "warnings": [HOSTILE[1]],
            "env": {"hardware": HOSTILE[0]},
            "image_ids": IMAGES,
            "names": CATEGORIES,
            "n_images": len(IMAGES),
        }
        make_record("semantic", name, speed=3.0 + place, **changes).write(root)
        if place < 3:
            make_record("instance", name, **changes).write(root)
    make_record("semantic", HOSTILE[1], n_images=3, status=HOSTILE[0]).write(root)
    return root


class HostilePictures:
    """Pictures of images of such names; half of them have none, for a reason that is as bad."""

    def of(self, records, image_ids):
        return BoardPictures(
            draw=self._draw,
            predicted=[0, 1],
            colors=dict.fromkeys(range(len(CATEGORIES)), "#336699"),
            notes=HOSTILE[:2],
        )

    def _draw(self, image_id):
        overlay = Overlay(prediction=_encoded("PNG"), mistakes=_encoded("PNG"), note=HOSTILE[1])
        return Picture(
            image_id=image_id,
            width=8,
            height=6,
            picture=_encoded("JPEG") if IMAGES.index(image_id) % 2 else None,
            missing=HOSTILE[0],
            truth=_encoded("PNG"),
            overlays={0: overlay, 1: overlay},
            category_ids=list(range(len(CATEGORIES))),
        )


def _encoded(kind):
    out = BytesIO()
    Image.new("RGB", (8, 6), (40, 90, 160)).save(out, kind)
    return out.getvalue()
