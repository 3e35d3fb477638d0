"""Pages without a script in the style of leaderboards: for what stands in ``leaderboards/`` beside these."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

STYLES = ("base", "tables", "paper")
OWN = """
.board { margin-top: 2rem; padding-top: 1.25rem; }
td svg { margin-right: .4rem; }
td span { display: inline-block; min-width: 2.8em; }
thead th { padding: .42rem .6rem; }
.tool { position: sticky; left: 0; max-width: 12rem; }
"""


def plain_page(template, **values):
    """Fill a template with values, and with the style and its hash for the page's policy."""
    web = files("segbench.leaderboard").joinpath("web")
    style = "".join(web.joinpath(f"{name}.css").read_text("utf-8") for name in STYLES) + OWN
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    made = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    filled = made.from_string(template.read_text("utf-8"))
    return filled.render(style=Markup(style), style_hash=f"sha256-{digest}", **values)
