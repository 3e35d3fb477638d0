"""JUnit's XML of a run and its gates, as servers of continuous integration read it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from segbench.cli.gates import Outcome
from segbench.records.results import RunRecord

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


def junit_xml(
    records: Sequence[RunRecord],
    outcomes: Sequence[Outcome] = (),
    errors: Sequence[tuple[str, str, str]] = (),
) -> bytes:
    """A suite a record: a case that says whether all images were scored, and one for each of its gates.

    Metrics are properties of their suite. ``errors`` are runs that left no record: what was run, the kind of
    error and its message; each is a suite of one case.
    """
    root = Element("testsuites", name="segbench")
    for record in records:
        _suite(root, record, [one for one in outcomes if one.record is record])
    for what, kind, message in errors:
        suite = SubElement(root, "testsuite", name=_text(what))
        _case(suite, ("segbench", "run"), message, ("error", kind))
    return _counted(root)


def _suite(root: Element, record: RunRecord, outcomes: Sequence[Outcome]) -> None:
    data, protocol = record.dataset, record.protocol["name"]
    suite = SubElement(root, "testsuite", name=_text(f"{record.model['name']} on {data['name']}, {protocol}"))
    properties = SubElement(suite, "properties")
    facts = {"run_id": record.run_id, "status": record.status, "fingerprint": data.get("fingerprint")}
    for key, value in {**facts, **{key: metric.value for key, metric in record.metrics.items()}}.items():
        SubElement(properties, "property", name=_text(key), value=_text(value))
    place = f"segbench.{record.task}.{protocol}"
    missing = data["n_expected"] - data["n_scored"]
    what = f"{missing:,} of {data['n_expected']:,} images are not scored" if missing else ""
    _case(suite, (place, "every image is scored"), what, ("error", "PartialError") if missing else None)
    for one in outcomes:
        _case(suite, (place, one.gate), one.text, None if one.passed else ("failure", "ThresholdError"))


def _case(suite: Element, name: tuple[str, str], text: str, wrong: tuple[str, str] | None) -> None:
    """A case by class and name; ``wrong`` is ``failure`` or ``error``, and the kind of it."""
    case = SubElement(suite, "testcase", classname=_text(name[0]), name=_text(name[1]))
    if wrong is not None:
        SubElement(case, wrong[0], type=wrong[1], message=_text(text))
    elif text:
        SubElement(case, "system-out").text = _text(text)


def _counted(root: Element) -> bytes:
    """The document, with the numbers of cases, failures and errors on each suite and on all."""
    for element in [root, *root.iter("testsuite")]:
        element.set("tests", str(len(list(element.iter("testcase")))))
        element.set("failures", str(len(list(element.iter("failure")))))
        element.set("errors", str(len(list(element.iter("error")))))
    indent(root)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _text(value: object) -> str:
    """Text that XML can hold, whatever names hold."""
    return _NO_XML.sub("\ufffd", str(value))
