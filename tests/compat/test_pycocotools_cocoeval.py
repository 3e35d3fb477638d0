"""COCOeval under settings, ids and calls out of the ordinary: equal to pycocotools in every bit."""

import copy
import json
import pickle

import numpy as np
import pytest
from compat import synth
from compat.both import (
    ARRAYS,
    OURS,
    THEIRS,
    assert_same,
    assert_same_evaluation,
    assert_same_outcome,
    printed,
)

from segbench.errors import UsageError

SETTINGS = {
    "default": {},
    "one category": {"useCats": 0},
    "some categories as one": {"useCats": 0, "catIds": [3, 0, 3]},
    "unsorted limits": {"maxDets": [4, 1, 2]},
    "no limit of 100": {"maxDets": [1, 2, 500]},
    "limit of none": {"maxDets": [0, 1, 3]},
    "odd thresholds": {"iouThrs": np.array([0.0, 0.5, 0.75, 1.0])},
    "one threshold": {"iouThrs": np.array([0.3])},
    "many thresholds": {"iouThrs": np.linspace(0.0, 1.0, 81)},
    "few recalls": {"recThrs": np.array([0.0, 0.4, 1.0])},
    "unsorted recalls": {"recThrs": np.array([0.2, 1.0, 0.0, 0.5, 0.1])},
    "recalls listed": {"recThrs": [0.0, 0.5, 1.1]},
    "areas": {"areaRng": [[0, 1e10], [1024, 1024], [9216, 1e5]], "areaRngLbl": ["all", "small", "huge"]},
    "areas twice": {"areaRng": [[0, 1e10], [0, 1e10]], "areaRngLbl": ["all", "all"]},
    "areas without all": {"areaRng": [[0, 50], [50, 1e10]], "areaRngLbl": ["small", "large"]},
    "some": {"imgIds": [5, 1, 1, 3], "catIds": [12, 3]},
    "unknown": {"imgIds": [0, 1, 77], "catIds": [3, 55]},
    "deprecated segm": {"useSegm": 1},
    "deprecated bbox": {"useSegm": 0},
}  # fmt: skip


def make_truth(api, truth):
    coco = api.COCO()
    coco.dataset = copy.deepcopy(truth)
    printed(coco.createIndex)
    return coco


def make_evaluation(api, truth, results, kind="segm", **settings):
    coco = make_truth(api, truth)
    evaluation = api.COCOeval(coco, printed(coco.loadRes, copy.deepcopy(results))[1], kind)
    for name, value in copy.deepcopy(settings).items():
        setattr(evaluation.params, name, value)
    return evaluation


def run_all(evaluation):
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()


def evaluate_both(truth, results, kind="segm", prepare=lambda evaluation: None, **settings):
    """Evaluate under both, hold everything equal, and return both."""
    texts, evaluations = [], []
    for api in (OURS, THEIRS):
        evaluation = make_evaluation(api, truth, results, kind, **settings)
        prepare(evaluation)
        texts.append(printed(run_all, evaluation)[0])
        evaluations.append(evaluation)
    assert texts[0] == texts[1]
    assert_same_evaluation(*evaluations)
    return evaluations


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("seed", range(3))
def test_settings(name, seed):
    kind = ("segm", "bbox", "both")[seed]
    truth, results = synth.make(100 + seed, kind=kind)
    evaluate_both(truth, results, "bbox" if kind == "bbox" else "segm", **SETTINGS[name])


@pytest.mark.parametrize("seed", range(8))
def test_random_sets(seed):
    truth, results = synth.make(200 + seed, kind=("segm", "both")[seed % 2], images=12)
    evaluate_both(truth, results)
    evaluate_both(truth, results, "bbox")


@pytest.mark.parametrize("use", [0, 1])
def test_image_ids_may_be_text(use):
    truth, results = synth.make(300, text_ids=True)
    ours, _ = evaluate_both(truth, results, useCats=use)
    assert ours.params.imgIds[0] == "im0"


def with_ids(rows, make_id):
    return [{**row, "id": make_id(i)} for i, row in enumerate(rows)]


@pytest.mark.parametrize("make_id", [str, lambda i: i, lambda i: -i, lambda i: i // 2, lambda i: 2**53 + i])
def test_annotation_ids_of_any_kind(make_id):
    """A detection of id 0 or below never takes a truth; a truth of id 0 is never taken."""
    truth, results = synth.make(301)
    truth["annotations"] = with_ids(truth["annotations"], make_id)

    def prepare(evaluation):
        dataset = evaluation.cocoDt.dataset
        dataset["annotations"] = with_ids(dataset["annotations"], make_id)
        printed(evaluation.cocoDt.createIndex)

    evaluate_both(truth, results, prepare=prepare)


def test_ids_that_are_no_numbers_fail_where_they_match():
    truth, results = synth.make(302)
    truth["annotations"] = with_ids(truth["annotations"], lambda i: f"ann{i}")
    calls = [make_evaluation(api, truth, results).evaluate for api in (OURS, THEIRS)]
    assert_same_outcome(*(lambda call=call: printed(call) for call in calls))
    with pytest.raises(ValueError, match="ann"):
        printed(calls[0])


def test_scores_that_are_no_numbers():
    truth, results = synth.make(303)
    for row in results[::5]:
        row["score"] = float("nan")
    for row in results[1::7]:
        row["score"] = 1
    evaluate_both(truth, results)


@pytest.mark.parametrize("scores", [(10**300, 0.5), (10**300, -(10**300)), (1 << 54, (1 << 54) + 1.0)])
def test_scores_that_are_large_integers(scores):
    truth, results = synth.make(0)
    for i, row in enumerate(results):
        row["score"] = scores[i % 2]
    evaluate_both(truth, results)


def test_a_crowd_without_an_area():
    truth, results = synth.make(0)
    for row in truth["annotations"]:
        if row["iscrowd"]:
            del row["area"]
    evaluate_both(truth, results)


@pytest.mark.parametrize("empty", ["annotations", "images", "categories"])
def test_nothing_of_a_kind(empty):
    truth, results = synth.make(304)
    truth[empty] = []
    if empty == "images":
        truth["annotations"], results = [], results[:1]
        truth["images"] = [{"id": results[0]["image_id"], "height": 200, "width": 200}]
    evaluate_both(truth, results)


def test_masks_of_another_size_never_match():
    truth, results = synth.make(305)
    for row in results[::2]:
        row["segmentation"] = {
            "size": [200, 200],
            "counts": OURS.mask.encode(np.ones((200, 200), bool))["counts"],
        }
    ours, _ = evaluate_both(truth, results)
    assert any((np.asarray(iou) == -1).any() for iou in ours.ious.values())


def test_results_as_an_array():
    truth, results = synth.make(306, kind="bbox")
    rows = [[r["image_id"], *r["bbox"], r["score"], r["category_id"]] for r in results]
    evaluate_both(truth, np.array(rows), "bbox")


@pytest.mark.parametrize("change", [
    {"catIds": [7, 3]}, {"maxDets": [10, 1]}, {"areaRng": [[0, 1e10]]}, {"imgIds": [0, 2, 5]},
])  # fmt: skip
def test_accumulate_of_a_part(change):
    truth, results = synth.make(307)
    evaluations = [make_evaluation(api, truth, results) for api in (OURS, THEIRS)]
    for evaluation in evaluations:
        printed(evaluation.evaluate)
        params = copy.deepcopy(evaluation.params)
        for name, value in change.items():
            setattr(params, name, value)
        printed(evaluation.accumulate, params)
    for name in ("counts", *ARRAYS):
        assert_same(evaluations[0].eval[name], evaluations[1].eval[name], name)


def test_single_calls_as_launchers_make_them():
    """Other packages' copies of ``evaluate`` call the pieces themselves."""
    truth, results = synth.make(308)
    found = []
    for api in (OURS, THEIRS):
        evaluation = make_evaluation(api, truth, results)
        p = evaluation.params
        evaluation._prepare()
        evaluation.ious = {(i, c): evaluation.computeIoU(i, c) for i in p.imgIds for c in p.catIds}
        rows = [
            evaluation.evaluateImg(i, c, bounds, 5)
            for c in p.catIds
            for bounds in p.areaRng
            for i in p.imgIds
        ]
        found.append((rows, evaluation.ious))
    assert_same(*found)


def test_merging_of_workers():
    """Rows of two halves, evaluated apart, pickled and joined, as distributed evaluators do."""
    truth, results = synth.make(309)
    images = sorted(row["id"] for row in truth["images"])
    texts = []
    for api in (OURS, THEIRS):
        parts = []
        for half in (images[:4], images[4:]):
            worker = make_evaluation(api, truth, results, imgIds=half)
            printed(worker.evaluate)
            rows = np.asarray(pickle.loads(pickle.dumps(worker.evalImgs)), dtype=object)
            parts.append(rows.reshape(-1, len(worker.params.areaRng), len(half)))
        whole = make_evaluation(api, truth, results)
        whole.evalImgs = list(np.concatenate(parts, 2).ravel())
        whole._paramsEval = copy.deepcopy(whole.params)
        printed(whole.accumulate)
        texts.append(printed(whole.summarize)[0])
    assert texts[0] == texts[1]


@pytest.mark.parametrize("method", ["computeIoU", "evaluateImg"])
def test_a_subclass_may_override(method):
    truth, results = synth.make(310)
    evaluations = []
    for api in (OURS, THEIRS):
        base = getattr(api.COCOeval, method)

        def halved(self, *args, base=base):
            value = base(self, *args)
            if isinstance(value, dict):
                return value | {"dtScores": [score / 2 for score in value["dtScores"]]}
            return value if value is None or not len(value) else value / 2

        kind = type("Halved", (api.COCOeval,), {method: halved})
        coco = make_truth(api, truth)
        evaluations.append(kind(coco, printed(coco.loadRes, copy.deepcopy(results))[1], "segm"))
        printed(run_all, evaluations[-1])
    assert_same_evaluation(*evaluations)


def test_evaluating_twice():
    truth, results = synth.make(311)
    evaluate_both(truth, results, prepare=lambda evaluation: printed(run_all, evaluation))


def test_the_collector_of_cycles_is_left_as_it_was():
    import gc

    truth, results = synth.make(312)
    evaluation = make_evaluation(OURS, truth, results)
    printed(evaluation.evaluate)
    assert gc.isenabled()
    for row in results:
        del row["score"]
    with pytest.raises(KeyError):
        printed(make_evaluation(OURS, truth, results).evaluate)
    assert gc.isenabled()


@pytest.mark.parametrize(
    "call",
    [
        lambda api: api.COCOeval(iouType="masks"),
        lambda api: api.COCOeval(iouType=None),
        lambda api: api.COCOeval().summarize(),
        lambda api: api.COCOeval().accumulate(),
        lambda api: api.Params("masks"),
    ],
)
def test_mistakes_raise_the_same(call):
    texts = [printed(lambda api=api: _caught(call, api)) for api in (OURS, THEIRS)]
    assert texts[0] == texts[1]


def _caught(call, api):
    with pytest.raises(Exception) as error:  # noqa: PT011 - each call has its own
        call(api)
    return type(error.value), str(error.value)


def test_params_are_the_same():
    for kind in ("segm", "bbox"):
        assert_same(vars(OURS.Params(kind)), vars(THEIRS.Params(kind)))


def test_two_limits_are_too_few_to_summarize():
    truth, results = synth.make(313)
    for api in (OURS, THEIRS):
        evaluation = make_evaluation(api, truth, results, maxDets=[1, 100])
        with pytest.raises(IndexError):
            printed(run_all, evaluation)


def test_keypoints_are_refused():
    for call in (lambda: OURS.COCOeval(iouType="keypoints"), lambda: OURS.Params("keypoints")):
        with pytest.raises(UsageError, match="keypoints"):
            call()
    truth, results = synth.make(314)
    evaluation = make_evaluation(OURS, truth, results, iouType="keypoints")
    with pytest.raises(UsageError, match="use pycocotools"):
        printed(evaluation.evaluate)


def test_thresholds_as_a_list_keep_ap50():
    """A deviation: pycocotools compares the list with 0.5 as a whole."""
    truth, results = synth.make(315)
    ours = make_evaluation(OURS, truth, results, iouThrs=[0.5, 0.75])
    printed(run_all, ours)
    theirs = make_evaluation(THEIRS, truth, results, iouThrs=np.array([0.5, 0.75]))
    printed(run_all, theirs)
    assert_same(ours.stats, theirs.stats)


def test_results_survive_json():
    truth, results = synth.make(316)
    ours = make_evaluation(OURS, truth, results)
    printed(run_all, ours)
    assert json.loads(json.dumps(ours.stats.tolist())) == ours.stats.tolist()
