"""Names that would be markup, a formula, a path or an address elsewhere are text wherever they are shown."""

from __future__ import annotations

import re

import pytest
from leaderboard.hostile import CATEGORIES, HOSTILE, IMAGES, HostilePictures

from segbench.leaderboard import build_leaderboard, text

OWNED = "document.querySelectorAll('[onerror], [onload], [src=x], b b')"


def _cleaned(names):
    return [text.clean(name) for name in names]


def _near(page, board):
    page.locator(f"#board-{board} .worst").scroll_into_view_if_needed()
    page.locator(f"#board-{board} .worst li").first.wait_for()


def test_hostile_text_stays_text(hostile_file):
    source = hostile_file.read_text(encoding="utf-8")
    scripts = re.findall(r"<script[^>]*>", source)
    assert len(scripts) == source.count("</script") == 2 + 2 * len(IMAGES) + 1  # data, pictures, script
    assert all(one.startswith('<script type="application/json" id="') for one in scripts[:-1])
    assert "<img" not in source
    assert "{{ 7 * 7 }}" in source
    assert "\x00" not in source


@pytest.mark.parametrize("board", [0, 1])
def test_every_name_is_shown_as_it_is(visit, hostile_file, board):
    page = visit(hostile_file)
    _near(page, board)
    section = page.locator(f"#board-{board}")
    assert page.title().startswith("Leaderboard: " + HOSTILE[0])
    assert section.locator("h2 bdi").text_content() == f"{HOSTILE[0]} val"
    models = _cleaned(HOSTILE if board == 0 else HOSTILE[:3])
    assert sorted(section.locator(".ranking tbody .name").all_text_contents()) == sorted(models)
    shown = section.locator(".heat tbody th").all_text_contents()
    assert set(shown) == set(_cleaned(CATEGORIES[: len(shown)]))
    notes = section.locator(".worst .notes p").all_text_contents()
    assert notes == _cleaned(HOSTILE[:2])
    seen = set(section.locator(".worst li code").all_text_contents())
    assert seen
    assert seen <= set(_cleaned(IMAGES))
    section.locator(".run summary").first.click()
    assert HOSTILE[1] in section.locator(".run[open] .warning").text_content()
    panel = section.locator(".panel")
    for tab in section.locator("[role=tab]").all():
        tab.click()
        names = panel.locator("table.pairs tbody th, .legend li").all_text_contents()
        assert all(name.strip().rstrip("…") in "".join(models) for name in names)
    assert section.locator("[role=tab]").all_text_contents()[-1] == "Slices"
    panel.locator(".numbers summary").click()  # of the last view: slices
    panel.locator(".numbers tbody tr").first.wait_for()
    cells = set(panel.locator(".numbers tbody td.text").all_text_contents())
    assert cells >= set(_cleaned([HOSTILE[0], *IMAGES]))
    assert page.evaluate(f"{OWNED}.length") == 0


def test_the_viewer_shows_names_as_they_are(visit, hostile_file):
    page = visit(hostile_file)
    _near(page, 0)
    page.locator("#board-0 .worst button.card").first.click()
    viewer = page.locator("#viewer")
    seen = set()
    for _ in range(len(IMAGES)):
        seen.add(viewer.locator("h2 bdi").text_content())
        page.keyboard.press("ArrowRight")
    assert len(seen) >= 6
    assert seen <= set(_cleaned(IMAGES))
    assert viewer.locator(".legend li").all_text_contents() == _cleaned(CATEGORIES)
    assert viewer.locator(".note").nth(1).text_content() == HOSTILE[1]
    options = viewer.locator("select").first.locator("option").all_text_contents()
    assert options[0] == "Truth"
    assert len(options) == 4
    assert page.title() != "owned"
    assert page.evaluate(f"{OWNED}.length") == 0


def test_what_was_left_out_is_told_by_name(visit, hostile_file):
    page = visit(hostile_file)
    left = page.locator(".left li")
    assert left.locator("b").text_content() == HOSTILE[1]
    assert HOSTILE[0] in left.text_content()


def test_files_beside_a_page_are_named_by_their_content(browser, hostile_results, tmp_path):
    build_leaderboard(
        hostile_results, tmp_path / "out", n_boot=100, pictures=HostilePictures(), pages=tmp_path / "site"
    )
    names = [file.name for file in (tmp_path / "site").rglob("*") if file.is_file()]
    assert all(re.fullmatch(r"index\.html|[0-9a-f]{24}\.(png|jpeg)", name) for name in names)
    assert len(names) == 3  # every picture and overlay of the made-up ones is the same
    said = []
    page = browser.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: said.append(request.url) if "/site/" not in request.url else None)
    page.goto((tmp_path / "site/index.html").as_uri())
    _near(page, 0)
    page.locator("#board-0 .worst button.card").first.click()
    assert page.locator("#viewer").is_visible()
    assert said == []
    page.close()
