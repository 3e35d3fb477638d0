"""The page for everyone: axe's rules, the keyboard alone, names for screen readers, paper."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

SERIOUS = ("serious", "critical")
FOCUSED = "document.activeElement"
BOARDS = Path(__file__).resolve().parent.parent.parent / "leaderboards"


def _all_drawn(page):
    for place in range(page.locator(".board").count()):
        page.locator(f"#board-{place} .worst").scroll_into_view_if_needed()
        page.locator(f"#board-{place} .worst li").first.wait_for()
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")


def test_axe_finds_nothing(visit, axe, page_file):
    page = visit(page_file)
    _all_drawn(page)
    assert axe(page, {"exclude": [["#board-0"], ["#board-2"]]}) == []  # the board with most views is left


def test_axe_finds_enough_contrast_in_the_dark(visit, axe, picture_file):
    page = visit(picture_file, color_scheme="dark")
    _all_drawn(page)
    page.locator("#board-0 button.card").first.click()
    assert axe(page, runOnly=["color-contrast"]) == []


def test_axe_finds_nothing_serious_with_hostile_names(visit, axe, hostile_file):
    page = visit(hostile_file, width=360)
    _all_drawn(page)
    assert [one for one in axe(page) if one[0] in SERIOUS] == []


@pytest.mark.skipif(not BOARDS.is_dir(), reason="a source distribution has no leaderboards/")
@pytest.mark.parametrize("name", ["index.html", "speed/index.html"])
@pytest.mark.parametrize("width", [1280, 360])
def test_committed_pages_without_script_are_in_order(visit, axe, name, width):
    page = visit(BOARDS / name, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert axe(page) == []


def _tab_to(page, selector, key="Tab", most=150):
    """Press Tab until an element has the focus; every stop on the way shows that it has."""
    for _ in range(most):
        page.keyboard.press(key)
        seen = page.evaluate(
            """() => {
              const style = getComputedStyle(document.activeElement);
              return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
            }"""
        )
        assert seen or page.evaluate(f"{FOCUSED} === document.body"), page.evaluate(f"{FOCUSED}.outerHTML")
        if page.evaluate(f"{FOCUSED}.matches({selector!r})"):
            return
    raise AssertionError(f"Tab does not come to {selector}")


def _text(page):
    return page.evaluate(f"{FOCUSED}.textContent")


def test_from_rank_to_picture_and_back_by_keyboard(visit, picture_file):
    page = visit(picture_file)
    press = page.keyboard.press
    _tab_to(page, "#board-0 th[data-column=name] button")
    press("Enter")
    press("Enter")
    assert page.evaluate(f"{FOCUSED}.parentNode.ariaSort") == "descending"
    _tab_to(page, "#board-0 input[type=search]", key="Shift+Tab")
    page.keyboard.type("near")
    assert page.locator("#board-0 .count").inner_text() == "1 of 2 runs"
    press("Control+a")
    press("Delete")
    _tab_to(page, "#board-0 .heat button")
    press("ArrowDown")
    press("ArrowRight")
    name, score = page.evaluate(f"{FOCUSED}.parentNode.cells[0].textContent"), _text(page)
    press("Enter")
    assert _text(page) == "Worst images"
    assert page.locator("#board-0 .worst select option:checked").all_inner_texts()[1] == name
    _tab_to(page, "#board-0 .card")
    card = _text(page)
    press("Enter")
    assert page.locator("#viewer").is_visible()
    for _ in range(12):  # Tab stays within the viewer, or leaves the page
        press("Tab")
        assert page.evaluate(f"{FOCUSED} === document.body || {FOCUSED}.closest('#viewer') !== null")
    press("Escape")
    assert not page.locator("#viewer").is_visible()
    assert _text(page) == card
    press("Escape")
    assert _text(page) == score
    assert page.evaluate(f"{FOCUSED}.matches('.heat td')")


def test_back_is_a_button_too(visit, page_file):
    page = visit(page_file)
    page.locator("#board-0 .ranking .link").nth(1).click()
    back = page.locator("#board-0 .back")
    back.click()
    assert page.evaluate(f"{FOCUSED}.matches('.ranking .link')")
    assert not back.is_visible()


def test_views_are_tabs(visit, page_file):
    page = visit(page_file)
    _all_drawn(page)
    tabs = page.locator("#board-0 [role=tab]")
    names = tabs.all_text_contents()
    tabs.first.focus()
    for name in [*names[1:], names[0]]:
        page.keyboard.press("ArrowRight")
        assert _text(page) == name
        assert page.locator("#board-0 [role=tab][aria-selected=true]").all_text_contents() == [name]
        panel = page.locator("#board-0 [role=tabpanel]")
        assert panel.get_attribute("aria-labelledby") == page.evaluate(f"{FOCUSED}.id")
        assert panel.locator("> *").count() > 0


def test_a_screen_reader_hears_names_and_states(visit, page_file):
    page = visit(page_file)
    _all_drawn(page)
    for role, name in (
        ("heading", "All boards"),
        ("region", "Ranked by mIoU, in percent"),
        ("searchbox", "Search models of"),
        ("columnheader", "mIoU"),
        ("rowheader", "alpha"),
        ("grid", "Classes"),
        ("tab", "Pairs of runs"),
        ("img", "mIoU of 5 runs with 95 % intervals"),
    ):
        assert page.get_by_role(role, name=name).count() > 0, (role, name)
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((one) => +one.tagName[1])")
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_paper_shows_the_boards_and_no_controls(visit, page_file):
    page = visit(page_file, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for controls in (".tools", "[aria-selected=false]", ".worst", "button.plain"):
        assert page.locator(f"{controls}:visible").count() == 0
    assert page.locator(".ranking:visible").count() == 3
    pdf = page.pdf(format="A4")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 12
