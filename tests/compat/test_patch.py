"""patch(): scripts get our modules under the original's name, and the original again afterwards."""

import importlib
import sys

import pytest

import segbench.compat.panopticapi
import segbench.compat.pycocotools
from segbench.errors import UsageError

PACKAGES = {
    "pycocotools": (segbench.compat.pycocotools, "coco", "COCO"),
    "panopticapi": (segbench.compat.panopticapi, "evaluation", "pq_compute"),
}


def imported_from(package, module, name):
    """Return the module that ``from package.module import name`` gives the object of."""
    names: dict[str, object] = {}
    exec(f"from {package}.{module} import {name}", names)
    return getattr(names[name], "__module__", "")


@pytest.fixture(params=PACKAGES)
def package(request):
    return request.param


def test_a_script_gets_ours_and_later_the_original(package):
    ours, module, name = PACKAGES[package]
    before = {key: value for key, value in sys.modules.items() if key.partition(".")[0] == package}
    with ours.patch():
        assert imported_from(package, module, name).startswith("segbench.compat.")
        assert importlib.import_module(f"{package}.{module}") is sys.modules[f"{package}.{module}"]
    assert imported_from(package, module, name) == f"{package}.{module}"
    assert {key: sys.modules[key] for key in before} == before


def test_patch_and_unpatch_as_functions(package):
    ours, module, name = PACKAGES[package]
    ours.patch()
    try:
        assert imported_from(package, module, name).startswith("segbench.compat.")
    finally:
        ours.unpatch()
    assert imported_from(package, module, name) == f"{package}.{module}"
    with pytest.raises(UsageError, match="call patch"):
        ours.unpatch()


def test_it_is_undone_after_an_error_and_only_once(package):
    ours, module, name = PACKAGES[package]
    patch = ours.patch()
    with pytest.raises(RuntimeError), patch:
        raise RuntimeError
    patch.undo()
    assert imported_from(package, module, name) == f"{package}.{module}"
    with pytest.raises(UsageError):
        ours.unpatch()


def test_patches_nest(package):
    ours, module, name = PACKAGES[package]
    with ours.patch():
        with ours.patch():
            assert imported_from(package, module, name).startswith("segbench.compat.")
        assert imported_from(package, module, name).startswith("segbench.compat.")
    assert imported_from(package, module, name) == f"{package}.{module}"


def test_the_original_need_not_be_there(package, monkeypatch):
    ours, module, name = PACKAGES[package]
    for key in [key for key in sys.modules if key.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, key)
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    with ours.patch():
        assert imported_from(package, module, name).startswith("segbench.compat.")
    with pytest.raises(ImportError):
        imported_from(package, module, name)


def test_every_way_to_import():
    names: dict[str, object] = {}
    script = """
import pycocotools
import pycocotools.mask as maskUtils
from pycocotools import mask, coco, cocoeval
from pycocotools.cocoeval import COCOeval, Params
assert pycocotools.mask is maskUtils is mask
"""
    with segbench.compat.pycocotools.patch():
        exec(script, names)
    assert names["mask"].__name__ == "segbench.compat.pycocotools.mask"
