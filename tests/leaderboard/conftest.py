from __future__ import annotations

import json
import shutil

import pytest
from leaderboard.hostile import HOSTILE, IMAGES, HostilePictures, put_hostile
from leaderboard.pictured import put, words
from leaderboard.synth import make_record

from segbench.leaderboard import build_leaderboard
from segbench.pictures import Pictures


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """Runs of four models on each task, one of them twice, and one run that is partial."""
    root = tmp_path_factory.mktemp("results")
    speeds = {"alpha": 12.0, "beta": 30.0, "gamma": 200.0}
    for task, n_images in (("semantic", 80), ("instance", 60), ("panoptic", 30)):
        for model, quality in (("alpha", 0.8), ("beta", 0.79), ("gamma", 0.6), ("delta", 0.45)):
            record = make_record(
                task,
                model,
                quality=quality,
                n_images=n_images,
                speed=speeds.get(model),
                warnings=["a remark"],
            )
            record.write(root)
    make_record("semantic", "beta", quality=0.7, n_images=80).write(root)
    make_record("semantic", "half", n_images=80, status="partial").write(root)
    return root


@pytest.fixture(scope="session")
def page_file(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("page")
    return build_leaderboard(results, out, formats=("html",), n_boot=300).paths[0]


@pytest.fixture(scope="session")
def hostile_results(tmp_path_factory):
    return put_hostile(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="session")
def hostile_file(hostile_results, tmp_path_factory):
    out = tmp_path_factory.mktemp("hostile-page")
    attributes = out / "attributes.json"
    attributes.write_text(json.dumps({image: {HOSTILE[0]: image} for image in IMAGES}))
    return build_leaderboard(
        hostile_results,
        out,
        formats=("html",),
        n_boot=100,
        pictures=HostilePictures(),
        attributes=attributes,
        slices=(HOSTILE[0],),
    ).paths[0]


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """The drawn data set, predictions on it, and their records."""
    return put(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="session")
def picture_file(drawn, tmp_path_factory):
    """A page that holds its pictures."""
    out = tmp_path_factory.mktemp("pictured")
    source = Pictures(words(drawn))
    return build_leaderboard(drawn["results"], out, formats=("html",), n_boot=100, pictures=source).paths[0]


@pytest.fixture(scope="module")  # two of them in one thread do not go: other modules have their own
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


@pytest.fixture
def axe():
    """Violations that axe finds in a page, worst first: ``(impact, rule, elements)``."""
    checker = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )

    def found(page, context=None, **options):
        violations = checker.Axe().run(page, context=context, options=options).response["violations"]
        return [(one["impact"], one["id"], [node["html"] for node in one["nodes"]]) for one in violations]

    return found
