"""Waiting for pictures of a page; playwright's own way needs `eval`, which the page's policy forbids."""

from __future__ import annotations

import time

LOADED = "[...document.querySelectorAll('#viewer img')].every((one) => one.complete && one.naturalWidth > 0)"


def wait_for_pictures(page, seconds=10.0):
    """Until the viewer's pictures are there."""
    end = time.monotonic() + seconds
    while not page.evaluate(LOADED):
        assert time.monotonic() < end, "the pictures of the viewer are not loaded"
        page.wait_for_timeout(20)
