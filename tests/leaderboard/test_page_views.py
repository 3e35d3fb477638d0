"""What the page draws when it is asked for: pairs of runs and analyses, as data and in a browser."""

from __future__ import annotations

import pytest
from leaderboard.many import many

from segbench.leaderboard import build_leaderboard
from segbench.leaderboard.analyses.table import Analysis, Column
from segbench.leaderboard.page_views import runs_analysed, views

VIEWS = {
    0: ["Pairs of runs", "Amount in the image"],
    1: ["Pairs of runs", "Sizes", "Precision and recall", "Calibration", "Amount in the image"],
    2: ["Pairs of runs", "Outlines and recognition", "Amount in the image"],
}


def test_an_analysis_is_a_flat_list_a_run():
    columns = [
        Column("run", "run"),
        *(Column(kind, kind) for kind in ("text", "share", "number", "count", "flag")),
    ]
    rows = [
        (0, "<b>", 0.12345, 2.0, 3, True),
        (0, "b", None, 1 / 3, None, False),
        (1, "<b>", 1.0, None, 0, None),
        (2, "c", 0.5, 1.0, 1, True),
    ]
    board = many(n_models=3, n_boards=1, n_classes=2).boards[0]
    board.analyses.clear()
    board.analyses["made-up"] = Analysis("Title", "About", columns, rows)
    shown = views(board, 2)["made-up"]
    assert shown["texts"] == ["<b>", "b"]
    assert shown["cells"] == {
        0: [0, 1234, 2, 3, 1, 1, None, 0.333333, None, 0],
        1: [0, 10000, None, 0, None],
    }
    assert shown["runs"] == 3


def test_a_large_page_has_the_analyses_of_the_first_runs():
    assert runs_analysed(many(n_models=12, n_boards=1, n_classes=3).boards) == 12
    boards = many(n_models=60, n_boards=10, n_classes=3).boards
    assert 15 < runs_analysed(boards) < 60


@pytest.fixture(scope="module")
def sliced_file(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("sliced")
    attributes = out / "weather.csv"
    lines = [f"{i:05d},{('sun', 'rain', 'snow')[i % 3]}" for i in range(80)]
    attributes.write_text("\n".join(["image_id,weather", *lines]))
    built = build_leaderboard(
        results, out, formats=("html",), n_boot=100, attributes=attributes, slices=("weather",)
    )
    return built.paths[0]


def _views(page, board):
    page.locator(f"#board-{board} .near").scroll_into_view_if_needed()
    page.locator(f"#board-{board} [role=tab]").first.wait_for()
    return page.locator(f"#board-{board} .views")


@pytest.mark.parametrize(("board", "width"), [(0, 1280), (1, 360), (2, 1280)])
def test_each_view_is_drawn(visit, sliced_file, board, width):
    page = visit(sliced_file, width=width)
    block = _views(page, board)
    tabs = block.locator("[role=tab]")
    assert tabs.all_text_contents() == [*VIEWS[board], "Slices"]
    n_runs = page.locator(f"#board-{board} .ranking tbody tr").count()
    for tab in tabs.all()[1:]:
        tab.click()
        plot = block.locator("svg.plot")
        assert f" of {n_runs} runs" in plot.get_attribute("aria-label")
        assert plot.locator("path").count() >= n_runs
        assert "NaN" not in plot.inner_html()
        assert block.locator(".legend li").count() == n_runs
        block.locator(".numbers summary").click()
        block.locator(".numbers tbody tr").first.wait_for()
        assert block.locator(".numbers tbody tr").count() >= n_runs
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_views_follow_the_filters_and_choices(visit, page_file):
    page = visit(page_file)
    block = _views(page, 1)
    block.get_by_role("tab", name="Precision and recall").click()
    assert block.locator("select option").all_text_contents() == ["0.5", "0.75", "0.9"]
    before = block.locator("svg.plot").inner_html()
    block.locator("select").select_option("0.9")
    assert block.locator("svg.plot").inner_html() != before
    page.locator("#board-1 input[type=search]").fill("alpha")
    assert block.locator("svg.plot path").count() == 1
    assert block.locator("[role=tab][aria-selected=true]").text_content() == "Precision and recall"


def test_confusion_is_a_matrix(visit, picture_file):
    page = visit(picture_file)
    block = _views(page, 0)
    block.get_by_role("tab", name="Confusion").click()
    table = block.locator("table.confusion")
    truths = table.locator("tbody th").all_text_contents()
    preds = table.locator("thead th").all_text_contents()[1:]
    assert len(truths) > 3
    assert table.locator("td.same").count() == len(set(truths) & set(preds))
    block.locator("select").select_option(label="far")
    far = table.locator("td[title]").count()
    block.locator("select").select_option(label="near")
    assert 0 < table.locator("td[title]").count() <= far


def test_pairs_say_the_difference_and_its_p(visit, page_file):
    page = visit(page_file)
    table = _views(page, 0).locator("table.pairs")
    scores = [float(cell) for cell in page.locator("#board-0 .ranking tbody td.score").all_text_contents()]
    first, last = (
        table.locator("tbody tr").first.locator("td").last,
        table.locator("tbody tr").last.locator("td").first,
    )
    apart = first.text_content().split("p ")[0]
    assert abs(float(apart) - (scores[0] - scores[-1])) < 0.11
    assert last.text_content() == first.text_content().replace("+", "−")
    assert first.get_attribute("class") == "better"
    assert last.get_attribute("class") == "worse"
