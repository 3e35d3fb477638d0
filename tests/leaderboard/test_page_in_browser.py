"""The page in a browser: Chromium, driven by playwright."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from leaderboard.pictured import words
from leaderboard.synth import make_record

from segbench.leaderboard import build_leaderboard
from segbench.pictures import Pictures

STEPS = ("Previous", "Next")


def _near(page, board=0):
    """Wait for what a board draws when it comes near the window."""
    page.locator(f"#board-{board} .worst").scroll_into_view_if_needed()
    page.locator(f"#board-{board} .worst li").first.wait_for()


def _models(page):
    return page.locator("#board-0 .ranking tbody tr:visible .name").all_inner_texts()


def _values(page, key):
    return page.evaluate(
        """key => {
          const table = document.querySelector("#board-0 .ranking");
          const place = table.querySelector(`thead [data-column="${key}"]`).cellIndex;
          const cells = [...table.tBodies[0].rows].map((row) => row.cells[place]);
          return cells.map((cell) => cell.dataset.value ?? cell.innerText);
        }""",
        key,
    )


def test_sorting(visit, page_file):
    page = visit(page_file)
    start = _models(page)
    for key, falling in (("speed", True), ("pixel_accuracy", True), ("rank_interval", False)):
        header = page.locator(f'#board-0 .ranking thead th[data-column="{key}"]')
        header.locator("button").click()
        for reverse in (falling, not falling):
            assert header.get_attribute("aria-sort") == ("descending" if reverse else "ascending")
            known = [float(value) for value in _values(page, key) if value]
            assert known == sorted(known, reverse=reverse)
            assert all(value == "" for value in _values(page, key)[len(known) :])  # gaps last, both ways
            header.locator("button").click()
    assert page.locator("#board-0 .ranking [aria-sort]").count() == 1
    page.locator('#board-0 .ranking thead th[data-column="name"] button').click()
    assert _models(page) == sorted(start)


def test_sorting_by_keyboard(visit, page_file):
    page = visit(page_file)
    page.locator('#board-0 .ranking thead th[data-column="name"] button').focus()
    page.keyboard.press("Enter")
    assert _models(page) == sorted(_models(page))


def test_search_and_filter(visit, page_file):
    page = visit(page_file)
    board = page.locator("#board-0")
    assert board.locator(".count").inner_text() == "5 runs"
    board.locator("input[type=search]").fill("BETA")
    assert {name[:4] for name in _models(page)} == {"beta"}
    assert board.locator(".count").inner_text() == "2 of 5 runs"
    board.locator("input[type=search]").fill("")
    board.locator("select[data-filter=rank]").select_option("1")
    ranks = board.locator(".ranking tbody tr:visible td.rank").all_inner_texts()
    assert set(ranks) == {"1"}


def test_columns_can_be_chosen(visit, page_file):
    page = visit(page_file)
    head = page.locator('#board-0 th[data-column="mean_dice"]')
    assert not head.is_visible()
    shown = page.locator("#board-0 .ranking tbody tr").first.locator("td:visible").count()
    page.locator("#board-0 .menu summary").click()
    page.locator('#board-0 .menu input[value="mean_dice"]').check()
    assert head.is_visible()
    assert page.locator("#board-0 .ranking tbody tr").first.locator("td:visible").count() == shown + 1
    page.keyboard.press("Escape")
    assert page.locator("#board-0 .menu div").is_hidden()


def test_heat_map_opens_the_worst_images(visit, page_file):
    page = visit(page_file)
    _near(page)
    heat = page.locator("#board-0 .heat")
    assert heat.locator("tbody tr").count() == 8
    assert heat.locator("tbody td.h0, tbody td.h9").count() < heat.locator("tbody td").count()
    heat.locator("tbody tr", has_text="sky").locator("td").nth(2).click()
    panel = page.locator("#board-0 .worst")
    model, category = panel.locator("select").all()
    assert (model.input_value(), category.input_value()) == ("2", "2")
    scores = [float(text) for text in panel.locator("li .number").all_inner_texts()]
    assert len(scores) == 8
    assert scores == sorted(scores)
    page.locator("#board-0 .ranking .link").first.click()
    assert (model.input_value(), category.input_value()) == ("0", "")
    assert panel.locator("li").count() == 20
    heat.locator("tbody .link", has_text="car").click()
    assert (model.input_value(), category.input_value()) == ("0", "4")
    panel.locator("a").click()
    assert page.locator("#board-0-run-0").get_attribute("open") is not None


def test_heat_map_sorts(visit, page_file):
    page = visit(page_file)
    _near(page)
    page.locator("#board-0 .heat thead button").nth(1).click()
    shown = [float(text) for text in page.locator("#board-0 .heat tbody td:nth-child(2)").all_inner_texts()]
    assert shown == sorted(shown, reverse=True)


def test_heat_map_marks_the_best_of_each_class_unless_all_are_equal(visit, page_file, tmp_path):
    page = visit(page_file)
    _near(page)
    assert (
        page.locator("#board-0 .heat td.best").count() >= page.locator("#board-0 .heat tbody tr").count() - 1
    )
    record = make_record("semantic", "one", n_images=12)
    for name in ("one", "two"):
        replace(record, model={**record.model, "name": name}).write(tmp_path / "r")
    built = build_leaderboard(tmp_path / "r", tmp_path / "o", formats=("html",), n_boot=100)
    page = visit(built.paths[0])
    _near(page)
    assert page.locator("#board-0 .heat tbody td:nth-child(3)").count() > 0
    assert page.locator("#board-0 .heat td.best").count() == 0


def _paper(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_dark_and_light(visit, page_file):
    assert _paper(visit(page_file, color_scheme="light")) == "rgb(255, 255, 255)"
    page = visit(page_file, color_scheme="dark")
    dark = _paper(page)
    assert dark == "rgb(21, 23, 26)"
    theme = page.locator("#theme")
    theme.click()
    assert (theme.inner_text(), _paper(page)) == ("Theme: light", "rgb(255, 255, 255)")
    theme.click()
    assert (theme.inner_text(), _paper(page)) == ("Theme: dark", dark)
    line = "getComputedStyle(document.querySelector('figure path[stroke]')).stroke"
    assert page.evaluate(line) != "none"


@pytest.mark.parametrize("width", [360, 768])
def test_the_page_never_scrolls_sideways(visit, page_file, hostile_file, width):
    for file in (page_file, hostile_file):
        page = visit(file, width=width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        ends = "[...document.querySelectorAll('caption')].map((one) => one.getBoundingClientRect().right)"
        assert max(page.evaluate(ends)) <= width  # what a table is can be read without scrolling it


def test_the_policy_is_at_work(browser, page_file):
    context = browser.new_context()
    page = context.new_page()
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(page_file.as_uri())
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "document.title = 'owned'";
          document.body.append(script);
          document.body.setAttribute("style", "color: red");
        }"""
    )
    assert page.title() != "owned"
    assert page.evaluate("getComputedStyle(document.body).color") != "rgb(255, 0, 0)"
    assert len(said) == 2
    assert all("Content Security Policy" in text for text in said)
    context.close()


def test_tables_are_there_without_script(browser, page_file):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(page_file.as_uri())
    assert page.locator("#board-0 .ranking tbody tr").count() == 5
    assert page.locator(".tools:visible").count() == 0
    context.close()


def _is_open(expect, page, run, category):
    for select, value in zip(page.locator("#board-0 .worst select").all(), (run, category), strict=True):
        expect(select).to_have_value(value)


def test_the_address_leads_to_the_same_images(visit, browser, picture_file):
    expect = pytest.importorskip("playwright.sync_api").expect
    page = visit(picture_file)
    _near(page)
    page.locator("#board-0 .heat tbody td").nth(4).click()
    page.locator("#board-0 .heat tbody td").nth(1).click()
    expect(page).to_have_url(re.compile(r"#board-0\?model=far&class="))
    page.go_back()
    expect(page).to_have_url(re.compile(r"#board-0\?model=near&class="))
    _is_open(expect, page, "0", "2")
    page.locator("#board-0 button.card").first.click()
    expect(page).to_have_url(re.compile("&image="))
    picture, title = page.url, page.locator("#viewer h2").text_content()
    page.keyboard.press("Escape")
    expect(page).not_to_have_url(re.compile("&image="))

    other = browser.new_page()
    other.goto(picture)
    expect(other.locator("#viewer h2")).to_have_text(title)
    other.keyboard.press("Escape")
    _is_open(expect, other, "0", "2")
    other.goto(picture.replace("model=", "model=nobody-"))
    assert not other.locator("#viewer").is_visible()
    other.close()


def test_one_picture_has_no_next(visit, drawn, tmp_path):
    source = Pictures(words(drawn, ["semantic"]))
    seen = set()
    for mb in range(5, 100, 5):  # until the page has room for one, and for more
        found = build_leaderboard(
            drawn["results"], tmp_path, formats=("html",), n_boot=100, pictures=source, page_mb=mb / 100
        )
        n = len(found.boards[0].exhibit.pictures)
        if n in seen or n == 0:
            continue
        page = visit(found.paths[0])
        _near(page)
        page.locator("#board-0 button.card").first.click()
        shown = {name: page.get_by_role("button", name=name, exact=True).is_visible() for name in STEPS}
        assert shown == dict.fromkeys(STEPS, page.locator("#viewer .where").text_content() != "1 of 1")
        seen.add(n)
        if len(seen) == 2:
            break
    assert len(seen) == 2
    assert min(seen) == 1


def test_evidence_stability_and_intervals_of_classes_are_shown(visit, page_file):
    page = visit(page_file)
    board = page.locator("#board-0")
    assert set(board.locator(".ranking td.badge").all_text_contents()) == {"self-reported"}
    notes = " ".join(board.locator("p.muted").all_text_contents())
    assert "Kendall’s τ between this order and that on resamples:" in notes
    assert page.get_by_role("link", name="1 left out").get_attribute("href") == "#left-out"
    page.locator(".note summary").click()
    for word in ("reproduced", "verifiable", "self-reported"):
        assert page.locator(".note i", has_text=word).is_visible()
    _near(page)
    heat = board.locator(".heat tbody td")
    before = heat.first.text_content()
    board.locator(".bounds input").check()
    shown = board.locator(".heat tbody td small").first.text_content()
    low, high = map(float, shown.split("–"))
    assert low <= float(before) <= high
    board.locator(".classes select").select_option(index=1)  # of which no intervals are known
    assert board.locator(".heat small").count() == 0
    assert not board.locator(".bounds").is_visible()
