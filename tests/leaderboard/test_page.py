"""The page as a file: one file, a strict policy, nothing of a name becomes markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re

from leaderboard.many import many

from segbench.leaderboard import build_leaderboard
from segbench.leaderboard.page import embedded, page
from segbench.leaderboard.plots import pareto
from segbench.leaderboard.text import shorten


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


def test_pareto_front():
    assert pareto([(1, 5), (2, 4), (2, 3), (3, 1), (0.5, 5)]) == [0, 1, 3]
    assert pareto([(1, 1), (1, 1)]) == [0, 1]


def test_shorten():
    assert shorten("abcdef", 6) == "abcdef"
    assert shorten("abcdefg", 6) == "abcde…"


def test_a_page_of_many_runs_stays_small():
    """A fifth of the full size, which tests/benchmarks/page.py opens."""
    text = page(many(n_models=50, n_boards=4, n_classes=80))
    assert len(text.encode()) < 2_400_000
    assert text.count("<tr") < 270
