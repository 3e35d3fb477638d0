"""The table of protocols: complete, buildable, and refused by name when unknown."""

from __future__ import annotations

import json
import pickle
import re
from dataclasses import FrozenInstanceError

import pytest

from segbench.canonical.categories import Categories, Category
from segbench.errors import UsageError
from segbench.metrics import METRICS, PROTOCOL_METRICS, load_metric
from segbench.metrics.boundary_rules import BOUNDARY_RULES
from segbench.metrics.instance_rules import INSTANCE_RULES
from segbench.metrics.panoptic_rules import PANOPTIC_RULES
from segbench.metrics.semantic_rules import SEMANTIC_RULES
from segbench.protocols import DEFAULT_PROTOCOLS, PROTOCOLS, default_protocol, get_protocol

CATEGORIES = Categories([Category(0, "car", source_id=26, isthing=True), Category(1, "sky", isthing=False)])


def test_the_names():
    assert {task: [p.name for p in PROTOCOLS.values() if p.task == task] for task in METRICS} == {
        "semantic": [*SEMANTIC_RULES, *BOUNDARY_RULES],
        "instance": [*list(INSTANCE_RULES)[:-1], "cityscapes-instance", "boundary-ap"],
        "panoptic": [*PANOPTIC_RULES],
    }


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_says_what_it_does(name):
    protocol = get_protocol(name)
    assert protocol.name == name
    assert protocol.version
    assert protocol.summary.endswith(".")
    assert len(protocol.rules) >= 4
    assert all(rule.endswith(".") for rule in protocol.rules)
    assert re.search(r"\b20[12][0-9]$", protocol.source)
    assert protocol.metric == PROTOCOL_METRICS.get(name, METRICS[protocol.task])
    assert load_metric(protocol.metric).task == protocol.task
    assert pickle.loads(pickle.dumps(protocol)) == protocol
    with pytest.raises(FrozenInstanceError):
        protocol.version = "2"


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_metric_is_built_and_built_again_from_its_record(name):
    protocol = get_protocol(name)
    metric = protocol.build(CATEGORIES)
    assert (metric.task, metric.protocol, metric.categories) == (protocol.task, name, CATEGORIES)
    assert protocol.settings.items() <= metric.settings.items()
    again = protocol.build(CATEGORIES, json.loads(json.dumps(metric.settings)))
    assert again.settings == metric.settings
    metric.merge(again)


def test_settings_go_first():
    assert get_protocol("exact").build(CATEGORIES).settings == {"ignore_index": 255}
    assert get_protocol("exact").build(CATEGORIES, {"ignore_index": 7}).settings == {"ignore_index": 7}
    assert get_protocol("panopticapi").build(CATEGORIES, {"chunks": 8}).settings == {"chunks": 8}


def test_defaults():
    assert {task: default_protocol(task).name for task in METRICS} == DEFAULT_PROTOCOLS
    assert all(default_protocol(task).task == task for task in METRICS)


def test_unknown_names():
    with pytest.raises(UsageError, match="unknown protocol 'coco-instanse'. Did you mean 'coco-instance'"):
        get_protocol("coco-instanse")
    with pytest.raises(UsageError, match="unknown task 'panoptics'. Did you mean 'panoptic'"):
        default_protocol("panoptics")
