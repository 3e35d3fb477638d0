"""The page: what it holds, and how it behaves in a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil

import pytest
from leaderboard.synth import make_record

from segbench.leaderboard import build_leaderboard
from segbench.leaderboard.page import embedded
from segbench.leaderboard.plots import pareto, shorten

HOSTILE = [
    "<script>document.title='owned'</script>",
    "</script><img src=x onerror=alert(1)>",
    '=HYPERLINK("http://x","y")',
    "a|b",
    "🦄 $\\frac{1}{$ {{ 7 * 7 }}",
    "שלום \u202eabc",
    "]]> & \u2028 \x00",
    "x" * 300,
]


@pytest.fixture(scope="module")
def page_file(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("page")
    return build_leaderboard(results, out, formats=("html",), n_boot=300).paths[0]


@pytest.fixture(scope="module")
def hostile_file(tmp_path_factory):
    root = tmp_path_factory.mktemp("hostile")
    for place, name in enumerate(HOSTILE):
        names = [*HOSTILE[:4], "a_b", "--", "c" * 120, "🚗"]
        ids = [f"<b>{i}</b>" for i in range(12)]
        changes = {
            "data": HOSTILE[0],
            "warnings": [HOSTILE[1]],
            "env": {"hardware": HOSTILE[0]},
            "image_ids": ids,
        }
        record = make_record("semantic", name, n_images=12, names=names, speed=3.0 + place, **changes)
        record.write(root / "r")
    make_record("semantic", HOSTILE[1], n_images=3, status=HOSTILE[0]).write(root / "r")
    return build_leaderboard(root / "r", root / "o", formats=("html",), n_boot=100).paths[0]


# ---------------------------------------------------------------------------------------------- the file


def test_policy_hashes_are_those_of_the_page(page_file):
    text = page_file.read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text).group(1)
    assert policy.startswith("default-src 'none'; ")
    for tag, kind in (("style", "style-src"), ("script", "script-src")):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL).group(1)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy


def test_page_has_no_inline_style_handler_or_address(page_file):
    text = page_file.read_text(encoding="utf-8")
    body = text[text.index("<body") :]
    assert not re.search(r"<[^>]*\s(style|on\w+)=", body)
    assert not re.search(r"(src|href)=\"(?!#)", body)
    assert "<!DOCTYPE svg" not in text
    assert "<metadata" not in text


def test_ids_are_unique(page_file):
    ids = re.findall(r'\sid="([^"]+)"', page_file.read_text(encoding="utf-8"))
    assert len(ids) == len(set(ids))


def test_the_same_records_give_the_same_page(results, page_file, tmp_path):
    again = build_leaderboard(results, tmp_path, formats=("html",), n_boot=300)
    assert again.paths[0].read_bytes() == page_file.read_bytes()


def test_embedded_json_cannot_leave_its_element():
    text = embedded({"</script>": "<!-- & \u2028 \u2029"})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {"</script>": "<!-- & \u2028 \u2029"}


def test_hostile_text_stays_text(hostile_file):
    text = hostile_file.read_text(encoding="utf-8")
    assert text.count("<script") == text.count("</script") == 2
    assert "<img" not in text
    assert "{{ 7 * 7 }}" in text
    assert "\x00" not in text


def test_pareto_front():
    assert pareto([(1, 5), (2, 4), (2, 3), (3, 1), (0.5, 5)]) == [0, 1, 3]
    assert pareto([(1, 1), (1, 1)]) == [0, 1]


def test_shorten():
    assert shorten("abcdef", 6) == "abcdef"
    assert shorten("abcdefg", 6) == "abcde…"


# ---------------------------------------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser):
    """Open a file; at the end, the console must have been silent and the network untouched."""
    said, contexts = [], []

    def visit(file, width=1280, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url) if request.url != file.as_uri() else None)
        page.goto(file.as_uri())
        return page

    yield visit
    for context in contexts:
        context.close()
    assert said == []


def _models(page):
    return page.locator("#board-0 .ranking tbody tr:visible .name").all_inner_texts()


def _values(page, key):
    cells = page.locator(f'#board-0 .ranking tbody [data-column="{key}"]').all()
    return [cell.get_attribute("data-value") for cell in cells]


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
    page.locator("#board-0 .menu summary").click()
    page.locator('#board-0 .menu input[value="mean_dice"]').check()
    assert head.is_visible()
    assert page.locator('#board-0 td[data-column="mean_dice"]').first.is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#board-0 .menu div").is_hidden()


def test_heat_map_opens_the_worst_images(visit, page_file):
    page = visit(page_file)
    heat = page.locator("#board-0 .heat")
    assert heat.locator("tbody tr").count() == 8
    assert heat.locator("tbody td.h0, tbody td.h9").count() < heat.locator("tbody td").count()
    heat.locator("tbody tr", has_text="sky").locator("td").nth(2).click()
    panel = page.locator("#board-0 .worst")
    model, category = panel.locator("select").all()
    assert (model.input_value(), category.input_value()) == ("2", "2")
    scores = [float(text) for text in panel.locator("li span").all_inner_texts()]
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
    page.locator("#board-0 .heat thead button").nth(1).click()
    shown = [float(text) for text in page.locator("#board-0 .heat tbody td:nth-child(2)").all_inner_texts()]
    assert shown == sorted(shown, reverse=True)


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


def test_hostile_names_are_shown(visit, hostile_file):
    page = visit(hostile_file)
    assert page.title() != "owned"
    assert set(HOSTILE[:4]) <= set(_models(page))
    assert page.locator(".worst li code").first.inner_text().startswith("<b>")
    assert page.locator(".left li b").inner_text() == HOSTILE[1]


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
