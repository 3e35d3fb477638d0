"""The page of a data set: it is one file, shows what is there, and what is hostile stays text."""

import base64
import hashlib
import json
import re
import shutil
from io import BytesIO

import numpy as np
import pytest
from click.testing import CliRunner
from formats import tiny
from PIL import Image

import segbench
from segbench.canonical.categories import Category
from segbench.cli import main
from segbench.conversions.health import summarize
from segbench.errors import UsageError
from segbench.gallery import page, write_gallery
from segbench.gallery.bars import bars, size_bars
from segbench.gallery.overlay import color_of, draw_overlay, draw_picture
from segbench.reshape.splits import parse_split_rule


def put_hostile(root):
    content = tiny.panoptic()
    content["categories"][0]["name"] = "<script>alert(1)</script>"
    content["categories"][2]["name"] = '"><img src=x onerror=alert(1)>'
    return tiny.put_panoptic(root, content)


def page_of(source, n_images=24):
    dataset = segbench.open_dataset(source)
    return page(dataset, summarize(dataset), n_images)


def rgba(data):
    return np.asarray(Image.open(BytesIO(data)).convert("RGBA"))


@pytest.mark.parametrize("put", [tiny.put_instances, tiny.put_panoptic, tiny.put_labels])
def test_the_page_is_one_file_under_a_strict_policy(put, tmp_path):
    text = page_of(put(tmp_path))
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in text
    assert "default-src 'none'" in text
    assert re.findall(r'(?:src|href)="(?!data:)', text) == []
    assert "<script" not in text
    assert text.count("<figure>") == 2
    assert text.count("data:image/jpeg") == text.count("data:image/png") == 2
    assert "2 of 2 images" in text


def test_hostile_names_stay_text(tmp_path):
    dataset = segbench.open_dataset(put_hostile(tmp_path))
    dataset.name = "<script>alert(2)</script>"
    text = page(dataset, summarize(dataset))
    assert "<script" not in text
    assert "<img src=x" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_fewer_pictures_evenly_spaced(tmp_path):
    source = tiny.put_masks(tmp_path, {i: tiny.masks()[1] for i in range(10)})
    dataset = segbench.open_dataset(source)
    summary = summarize(dataset)
    assert re.findall(r"<b><bdi>(\d)</bdi>", page(dataset, summary, 3)) == ["0", "3", "6"]
    assert page(dataset, summary, 0).count("<figure>") == 0
    with pytest.raises(UsageError, match="must not be negative"):
        write_gallery(dataset, summary, tmp_path / "page.html", -1)


def test_categories_that_do_not_occur_are_told_apart(tmp_path):
    content = tiny.instances()
    content["categories"] += [{"id": 200 + i, "name": f"rare {i}"} for i in range(30)]
    text = page_of(tiny.put_instances(tmp_path, content))
    bars_of, _, absent = text.partition("<details>")
    assert "31 categories do not occur" in absent
    assert ("rare 7" in absent, "rare 7" in bars_of, "<bdi>cat</bdi>" in bars_of) == (True, False, True)
    every = page_of(tiny.put_labels(tmp_path / "l"))
    assert "<details>" not in every
    assert "segments" not in every.partition("<main>")[0].partition("<body>")[2]


def test_cards_say_their_split_where_there_are_several(tmp_path):
    one = tiny.put_instances(tmp_path / "one")
    assert "· 6 × 4\n" in page_of(one)
    segbench.convert(one, tmp_path / "two", split_by=parse_split_rule("ratio", ["a=1", "b=1"]))
    shown = re.findall(r"· \d × \d · <bdi>(\w)</bdi>", page_of(tmp_path / "two"))
    assert shown == ["a", "b"]


@pytest.mark.parametrize(
    ("sizes", "shape"),
    [({"640x480": 3, "480x640": 2}, "usual"), ({"2048x1024": 1}, "wide"), ({"5x5": 1}, "square"),
     ({"640x480": 1, "480x640": 2, "1x9": 1}, "tall")],
)  # fmt: skip
def test_frames_have_the_shape_of_most_pictures(sizes, shape, tmp_path):
    dataset = segbench.open_dataset(tiny.put_labels(tmp_path))
    summary = summarize(dataset)
    summary.sizes = sizes
    text = page(dataset, summary)
    assert re.findall('class="frame (.*?)"', text) == [f"{shape} small"] * 2
    assert f".{shape} {{ aspect-ratio" in text


def test_what_has_no_picture_says_so(tmp_path):
    source = tiny.put_instances(tmp_path)
    (tmp_path / "val/2.png").unlink()
    text = page_of(source)
    assert text.count("data:image/jpeg") == 1
    assert "cannot read the file" in text


def test_overlays_show_the_truth(tmp_path):
    dataset = segbench.open_dataset(tiny.put_panoptic(tmp_path))
    overlay, labels = draw_overlay(dataset[0], dataset.categories)
    pixels = rgba(overlay)
    np.testing.assert_array_equal(pixels[..., 3] > 0, dataset[0].segment_map > 0)
    assert pixels[0, 0, :3].tolist() == [90, 0, 9]
    assert pixels[2, 0, :3].tolist() == [3, 0, 9]
    assert labels == [
        {"name": "grass", "color": "#5a0009", "count": 1},
        {"name": "cat", "color": "#030009", "count": 1},
    ]


def test_overlays_of_label_maps_and_instances(tmp_path):
    labels = segbench.open_dataset(tiny.put_labels(tmp_path / "l"))
    pixels = rgba(draw_overlay(labels[1], labels.categories)[0])
    np.testing.assert_array_equal(pixels[..., 3] > 0, labels[1].mask != 255)
    assert tuple(pixels[1, 0, :3]) == color_of(labels.categories[0])
    instances = segbench.open_dataset(tiny.put_instances(tmp_path / "i"))
    overlay, shown = draw_overlay(instances[0], instances.categories)
    np.testing.assert_array_equal(rgba(overlay)[..., 3] > 0, instances[0].mask != 255)
    assert [(label["name"], label["count"]) for label in shown] == [("cat", 1), ("dog", 1)]


def test_large_pictures_are_made_small(tmp_path):
    content = tiny.instances()
    content["images"][0] |= {"height": 1000, "width": 1500}
    content["annotations"] = [content["annotations"][0]]
    source = tiny.put_instances(tmp_path, content)
    Image.new("RGB", (1500, 1000), (9, 9, 9)).save(tmp_path / "val/1.png")
    sample = segbench.open_dataset(source)[0]
    picture, overlay = draw_picture(sample), draw_overlay(sample, segbench.open_dataset(source).categories)[0]
    assert Image.open(BytesIO(picture)).size == (480, 320)
    assert max(Image.open(BytesIO(overlay)).size) <= 480


def test_bars():
    assert bars([("a", 100), ("b", 1), ("c", 0)]) == [
        {"name": "a", "count": "100", "width": 240},
        {"name": "b", "count": "1", "width": 2},
        {"name": "c", "count": "0", "width": 0},
    ]
    assert bars([]) == size_bars({}) == []
    assert [(bar["name"], bar["count"]) for bar in size_bars({-1: 2, 1: 3})] == [
        ("0–1 px", "2"), ("1–2 px", "0"), ("2–4 px", "3"),
    ]  # fmt: skip
    assert color_of(Category(0, "a")) != color_of(Category(1, "b"))


def test_segments_are_counted_by_side(tmp_path):
    dataset = segbench.open_dataset(tiny.put_panoptic(tmp_path))
    assert summarize(dataset).segment_sizes == {1: 3, 2: 1}  # 12, 6 and 4 pixels; 16


def test_on_the_command_line(tmp_path):
    source = tiny.put_instances(tmp_path / "in")
    arguments = ["inspect", str(source), "--html", str(tmp_path / "page.html"), "--pictures", "1", "--json"]
    shown = CliRunner().invoke(main, arguments)
    assert shown.exit_code == 0, shown.stderr
    assert json.loads(shown.stdout)["n_images"] == 2
    assert f"page: {tmp_path / 'page.html'}" in shown.stderr
    assert (tmp_path / "page.html").read_text().count("<figure>") == 1


def test_in_a_browser(tmp_path):
    api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    dataset = segbench.open_dataset(put_hostile(tmp_path))
    file = write_gallery(dataset, summarize(dataset), tmp_path / "page.html")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 360, "height": 800})
        said = []
        tab.on("console", lambda message: said.append(message.text))
        tab.on("dialog", lambda dialog: said.append(dialog.message))
        tab.goto(file.as_uri())
        loaded = "[...document.images].every(image => image.complete && image.naturalWidth > 0)"
        for image in tab.query_selector_all("img"):
            image.scroll_into_view_if_needed()
        tab.wait_for_function(loaded)
        assert tab.evaluate("document.images.length") == 4
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360
        boxes = [frame.bounding_box() for frame in tab.query_selector_all(".frame")]
        assert {round(box["height"]) for box in boxes} == {round(boxes[0]["width"] * 3 / 4)}
        assert tab.locator(".over").first.is_visible()
        tab.check("#hide")
        assert not tab.locator(".over").first.is_visible()
        assert tab.locator("svg rect.bar").first.bounding_box()["width"] > 0
        browser.close()
    assert said == []
