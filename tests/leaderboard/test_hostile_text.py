"""Names that would be markup, a formula or a command elsewhere are text in Markdown, CSV, LaTeX and JSON.

The page has tests of its own. Markdown is rendered, LaTeX is read by the few rules that it is written by, and
compiled where there is a TeX.
"""

from __future__ import annotations

import csv
import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from leaderboard.hostile import CATEGORIES, HOSTILE, IMAGES, put_hostile

from segbench.leaderboard import build_leaderboard, text

FORMATS = ("md", "csv", "tex", "json")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    root = tmp_path_factory.mktemp("hostile")
    put_hostile(root / "r")
    with (root / "kinds.csv").open("w", newline="", encoding="utf-8") as handle:
        rows = zip(IMAGES, [*HOSTILE[:3], *HOSTILE[:3]] * 2, strict=True)
        csv.writer(handle).writerows([["image_id", HOSTILE[3]], *rows])
    built = build_leaderboard(
        root / "r", root / "o", formats=FORMATS, n_boot=100, slices=[root / "kinds.csv"]
    )
    return {"boards": built.boards, **{path.name: path for path in built.paths}}


def cleaned(names):
    return {text.clean(name).strip() for name in names}


def test_csv_has_no_formula_and_every_name(files):
    for name in ("leaderboard.csv", "classes.csv"):
        with files[name].open(encoding="utf-8", newline="") as handle:
            lines = list(csv.DictReader(handle))
        cells = [cell for line in lines for cell in line.values()]
        formulas = [cell for cell in cells if cell[:1] in ("=", "+", "@", "\t", "\r")]
        assert formulas == []
        assert all(re.fullmatch(r"-?[\d.e-]+", cell) for cell in cells if cell.startswith("-"))
        names = {name.replace("\0", "\ufffd") for name in HOSTILE}
        assert {line["model"].removeprefix("'") for line in lines} == names
        assert '\'=HYPERLINK("http://x","y")' in {line["model"] for line in lines}
    assert {line["class"].removeprefix("'") for line in lines} <= set(CATEGORIES)


def test_json_holds_names_as_they_are(files):
    content = json.loads(files["leaderboard.json"].read_text(encoding="ascii"))
    boards = {board["task"]: board for board in content["boards"]}
    assert {row["model"] for row in boards["semantic"]["rows"]} == set(HOSTILE)
    assert {one["name"] for one in boards["semantic"]["classes"]} <= set(CATEGORIES)
    assert boards["semantic"]["dataset"] == HOSTILE[0]
    assert {one["model"] for one in content["left_out"]} == {HOSTILE[1]}


class Shown(HTMLParser):
    """Which elements a page has, and the text of its table cells."""

    def __init__(self):
        super().__init__()
        self.tags, self.cells = set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data):
        if self.cells:
            self.cells[-1] += data


def test_markdown_shows_names_as_they_are(files):
    markdown_it = pytest.importorskip("markdown_it")
    source = files["leaderboard.md"].read_text(encoding="utf-8")
    shown = Shown()
    shown.feed(markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(source))
    plain = {"h1", "h2", "p", "strong", "blockquote", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"}
    assert shown.tags <= {*plain, "code", "details", "summary"}
    cells = {" ".join(cell.split()) for cell in shown.cells}
    assert {" ".join(name.split()) for name in cleaned(HOSTILE)} <= cells
    assert {" ".join(name.split()) for name in cleaned(CATEGORIES[:4])} <= cells
    heads = [line for line in source.splitlines() if line.startswith("## ")]
    assert html.escape(HOSTILE[0], quote=False) in heads[0]


COMMANDS = {
    *(
        "begin",
        "end",
        "centering",
        "caption",
        "renewcommand",
        "arraystretch",
        "toprule",
        "midrule",
        "bottomrule",
        "textbf",
        "pm",
        "infty",
    ),
    *("textbackslash", "textasciicircum", "textasciitilde", "textless", "textgreater", "textbar", "tau"),
    *("textquotedbl", "textquotesingle", "textasciigrave", "textendash", "ldots", "geq", "leq", "texttimes"),
    *("textquoteright", "textperiodcentered", "segbenchletter"),
}


def test_latex_has_no_command_but_ours(files):
    source = files["leaderboard.tex"].read_text(encoding="utf-8")
    body = source[source.index("\\begin{table}") :]
    assert set(re.findall(r"\\([A-Za-z]+)", body)) <= COMMANDS
    assert set(re.findall(r"\\([^A-Za-z])", body)) <= set("\\{}$&#%_,")
    bare = re.sub(r"\\[^A-Za-z]|\\[A-Za-z]+", "", body)
    assert not set(bare) & set('#_~<>|"`\0\u202e') - set("_")
    assert re.sub(r"\$[-^_+{}\d. ]*\$", "", bare).count("$") == 0
    depth = 0
    for char in bare:
        depth += {"{": 1, "}": -1}.get(char, 0)
        assert depth >= 0
    assert depth == 0
    rows = [line for line in body.splitlines() if line.endswith(r" \\")]
    columns = [len(re.findall(r"(?<!\\)&", row)) for row in rows]
    assert len(rows) == sum(len(board.rows) + 1 for board in files["boards"])
    assert len(set(columns)) == len(files["boards"])
    assert r"\textbackslash{}input\{/etc/passwd\}" in body
    assert r"\segbenchletter{🦄}{1F984}" in body


def test_latex_compiles(files, tmp_path):
    if shutil.which("pdflatex") is None or not _has_booktabs():
        pytest.skip("pdflatex and booktabs are not installed (apt-get install texlive-latex-recommended)")
    shutil.copy(files["leaderboard.tex"], tmp_path)
    document = "\\documentclass{article}\\usepackage{booktabs}\\usepackage[T1]{fontenc}\\begin{document}\n"
    (tmp_path / "t.tex").write_text(document + "\\input{leaderboard}\\end{document}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-draftmode", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout.decode("utf-8", "replace")[-2000:]


def _has_booktabs():
    found = subprocess.run(["kpsewhich", "booktabs.sty"], capture_output=True, check=False)
    return found.returncode == 0
