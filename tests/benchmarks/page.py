"""Size of a leaderboard's page, and how long Chromium takes to open it.

``python tests/benchmarks/page.py [--models N] [--boards N] [--classes N]`` makes a page of made-up runs (100
models on 10 data sets of 80 classes) without pictures. It says the page's size, the CPU time of writing it,
and of opening it: that of the tab's main thread until the page is loaded, the best of five.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from leaderboard.many import many

from segbench.leaderboard.page import page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, default in (("models", 100), ("boards", 10), ("classes", 80)):
        parser.add_argument(f"--{name}", type=int, default=default)
    how = parser.parse_args()
    leaderboard = many(how.models, how.boards, how.classes)
    started = time.process_time()
    text = page(leaderboard)
    print(f"{how.models} models on {how.boards} boards of {how.classes} classes")
    print(f"written in {time.process_time() - started:.1f} s of CPU, {len(text.encode()) / 1e6:.2f} MB")
    with TemporaryDirectory() as folder:
        file = Path(folder) / "index.html"
        file.write_text(text, encoding="utf-8")
        times = [opened(file) for _ in range(5)]
    cpu, wall = (min(column) for column in zip(*times, strict=True))
    print(f"opened in {cpu:.2f} s of CPU, {wall:.2f} s on the clock")


def opened(file: Path) -> tuple[float, float]:
    """Seconds of CPU and on the clock until the page is loaded, in a browser of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page()
        session = tab.context.new_cdp_session(tab)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        tab.goto(file.as_uri())
        metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
        loaded = tab.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        browser.close()
    return metrics["TaskDuration"], loaded / 1000


if __name__ == "__main__":
    main()
