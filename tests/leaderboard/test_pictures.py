"""Pictures of what runs predicted: whose they are, what they show, and where the page keeps them."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from leaderboard.loading import wait_for_pictures
from leaderboard.pictured import N_IMAGES, TASKS, words
from PIL import Image

import segbench
from segbench.cli import main
from segbench.errors import UsageError
from segbench.leaderboard import build_leaderboard
from segbench.pictures import Pictures
from segbench.pictures.mistakes import FOUND, MADE_UP, MISSED, label_mistakes, match_masks, segment_mistakes
from segbench.pictures.scene import draw_scene
from segbench.pictures.sources import split_word
from segbench.records.results import find_records, read_record


def test_predictions_are_those_of_the_run_whose_counts_they_give(drawn):
    board = build_leaderboard(
        drawn["results"],
        drawn["results"].parent / "b",
        formats=("html",),
        n_boot=100,
        pictures=Pictures(words(drawn)),
    )
    assert [one.task for one in board.boards] == list(TASKS)
    for one in board.boards:
        assert [row.model for row in one.rows] == ["near", "far"]
        assert one.exhibit.runs == [0, 1]
        assert one.exhibit.notes == []
        assert len(one.exhibit.pictures) >= N_IMAGES - 1


def test_predictions_of_no_run_are_not_shown(drawn, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    for file in sorted(drawn["semantic-near"].iterdir()):
        mask = np.asarray(Image.open(file))
        Image.fromarray(np.roll(mask, 5, axis=0)).save(other / file.name)
    source = Pictures([f"{drawn['semantic']}={other}"])
    board = build_leaderboard(drawn["results"], tmp_path, formats=("html",), n_boot=100, pictures=source)
    semantic, instance, _ = (one.exhibit for one in board.boards)
    assert semantic.runs == []
    assert "are those of no run here" in semantic.notes[0]
    assert "No predictions were given for near, far" in semantic.notes[1]
    assert instance.pictures == {}
    assert instance.notes == ["No pictures: none of the data sets given has this fingerprint."]


def test_records_from_before_something_was_counted_are_known_by_the_rest(drawn, tmp_path):
    for folder in find_records(drawn["results"]):
        record = read_record(folder)
        if record.task == "semantic":
            kept = [name for name in record.images.column_names if not name.startswith("confused")]
            replace(record, images=record.images.select(kept)).write(tmp_path / "older")
    source = Pictures(words(drawn, ["semantic"]))
    board = build_leaderboard(
        tmp_path / "older", tmp_path, formats=("html",), n_boot=100, pictures=source
    ).boards[0]
    assert board.exhibit.runs == [0, 1]


def test_a_page_holds_so_many_megabytes(drawn, tmp_path):
    source = Pictures(words(drawn, ["semantic"]))
    made = [
        build_leaderboard(
            drawn["results"], tmp_path, formats=("html",), n_boot=100, pictures=source, page_mb=mb
        )
        for mb in (0, 0.5)
    ]
    none, some = (one.boards[0].exhibit for one in made)
    assert none.pictures == {}
    assert 0 < len(some.pictures) < N_IMAGES
    assert f"{len(some.pictures)} of the {N_IMAGES} images listed have their pictures here" in some.notes[0]
    assert made[1].paths[0].stat().st_size < 700_000


def test_pages_keep_pictures_beside_them(drawn, tmp_path):
    arguments = ["leaderboard", drawn["results"], "--out", tmp_path / "out", "--pages", tmp_path / "site"]
    for word in words(drawn, ["panoptic"]):
        arguments += ["--pictures", word]
    done = CliRunner().invoke(main, [*map(str, arguments), "--page-mb", "0"])
    assert done.exit_code == 0, done.stderr
    text = (tmp_path / "site/index.html").read_text("utf-8")
    assert "img-src data: 'self' file:;" in text
    assert "data:image" not in text
    files = list((tmp_path / "site/pictures").iterdir())
    assert len(files) == 6 * N_IMAGES  # picture, truth, and two overlays of two runs
    assert all(f"pictures/{file.name}" in text for file in files)
    assert (tmp_path / "out/leaderboard.md").exists()
    assert not (tmp_path / "out/index.html").exists()


def test_pictures_need_the_page(drawn, tmp_path):
    with pytest.raises(UsageError, match="add html"):
        build_leaderboard(drawn["results"], tmp_path, formats=("md",), pages=tmp_path / "site")


def test_words_name_a_data_set_and_predictions(tmp_path):
    for name in ("a", "b", "a=b"):
        (tmp_path / name).mkdir()
    assert split_word(str(tmp_path / "a")) == (tmp_path / "a", None)
    assert split_word(str(tmp_path / "a=b")) == (tmp_path / "a=b", None)
    assert split_word(f"{tmp_path / 'a=b'}={tmp_path / 'b'}") == (tmp_path / "a=b", tmp_path / "b")
    with pytest.raises(UsageError, match="there is no missing"):
        split_word(f"{tmp_path / 'a'}=missing")


def test_mistakes_of_label_maps(drawn):
    truth = segbench.open_dataset(drawn["semantic"])
    sample = truth[0]
    assert not label_mistakes(sample, sample).any()
    board = Pictures(words(drawn, ["semantic"], ["far"]))
    predictions = next(iter(board._sources[0].predictions.values()))
    kinds = label_mistakes(predictions[0], sample)
    wrong = (predictions[0].mask != sample.mask) & (sample.mask != 255)
    np.testing.assert_array_equal(kinds == MISSED, wrong)
    assert 0 < wrong.mean() < 1


def test_mistakes_of_segments(drawn):
    truth = segbench.open_dataset(drawn["panoptic"])[0]
    perfect = segment_mistakes(truth, truth)
    assert set(np.unique(perfect)) == {0, FOUND}
    for task, kinds in (("panoptic", {0, FOUND, MISSED}), ("instance", {0, FOUND, MISSED, MADE_UP})):
        source = Pictures(words(drawn, [task], ["far"]))._sources[0]
        pred = next(iter(source.predictions.values()))[0]  # a segment map is full: none is made up beside it
        assert set(np.unique(segment_mistakes(pred, source.truth[0])).tolist()) == kinds


def test_masks_are_matched_best_first_and_once():
    def mask(*columns):
        made = np.zeros((2, 10), np.bool_)
        made[:, list(columns)] = True
        return made

    trues = [(1, mask(0, 1, 2, 3)), (2, mask(5, 6))]
    preds = [(1, mask(0, 1, 2)), (1, mask(0, 1, 2, 3)), (1, mask(5, 6)), (2, mask(5, 6, 7, 8))]
    assert match_masks(trues, preds) == [(0, 1)]  # another class, and an IoU of a half, do not match


# ---------------------------------------------------------------------------------------------- in a browser


def _open(page, board=0):
    page.locator(f"#board-{board} .worst").scroll_into_view_if_needed()
    card = page.locator(f"#board-{board} .worst button.card").first
    card.wait_for()
    card.click()
    return page.locator("#viewer")


def test_drill_down_to_an_overlay(visit, picture_file):
    page = visit(picture_file)
    page.locator("#board-0 .worst").scroll_into_view_if_needed()
    page.locator("#board-0 .heat tbody td").first.click()
    panel = page.locator("#board-0 .worst")
    assert panel.locator("select").nth(1).input_value() == "0"
    viewer = _open(page)
    assert viewer.locator(".pane .over").count() == 2
    assert viewer.locator(".over").nth(0).get_attribute("alt") == "Truth"
    assert viewer.locator(".over").nth(1).get_attribute("alt") == "Prediction of near"
    viewer.locator("input[value=mistakes]").check()
    assert viewer.locator(".over").nth(1).get_attribute("alt") == "Mistakes of near"
    assert viewer.locator(".legend").inner_text().endswith("another category than the truth")
    viewer.locator("select").nth(0).select_option(label="far")
    assert viewer.locator(".over").nth(0).get_attribute("alt") == "Mistakes of far"
    assert viewer.locator(".legend").inner_text() == "another category than the truth"  # no class is shown
    wait_for_pictures(page)


def test_opacity_and_keys(visit, picture_file):
    page = visit(picture_file)
    viewer = _open(page, 1)
    opacity = "getComputedStyle(document.querySelector('#viewer .over')).opacity"
    assert page.evaluate(opacity) == "0.65"
    viewer.locator("input[type=range]").fill("20")
    assert page.evaluate(opacity) == "0.2"
    title = viewer.locator("h2")
    first = title.inner_text()
    title.focus()
    page.keyboard.press("ArrowRight")
    assert title.inner_text() != first
    assert viewer.locator(".where").inner_text().startswith("2 of ")
    page.keyboard.press("ArrowLeft")
    assert title.inner_text() == first
    assert "detections drawn" in viewer.locator(".note").nth(1).inner_text()
    page.keyboard.press("Escape")
    assert not viewer.is_visible()


def test_pictures_beside_the_page_are_loaded_when_looked_at(browser, drawn, tmp_path):
    source = Pictures(words(drawn, ["semantic"]))
    build_leaderboard(
        drawn["results"], tmp_path, formats=("html",), n_boot=100, pictures=source, pages=tmp_path / "site"
    )
    page = browser.new_page(viewport={"width": 360, "height": 700})
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto((tmp_path / "site/index.html").as_uri())
    _open(page)
    wait_for_pictures(page)
    assert all(url.startswith((tmp_path / "site").as_uri()) for url in asked)
    assert any(Path(url).parent.name == "pictures" for url in asked)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert said == []
    page.close()


def test_overlays_are_transparent_where_nothing_is(drawn):
    truth = segbench.open_dataset(drawn["semantic"])
    overlay, present = draw_scene(truth[0], truth.categories, "semantic")
    rgba = np.asarray(Image.open(BytesIO(overlay)).convert("RGBA"))
    assert present == [i for i in np.unique(truth[0].mask).tolist() if i != 255]
    np.testing.assert_array_equal(rgba[..., 3] > 0, truth[0].mask != 255)
