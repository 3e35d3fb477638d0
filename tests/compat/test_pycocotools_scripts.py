"""Scripts as users of pycocotools write them give the same under ours: printed lines, arrays, dicts."""

import copy
import json

import numpy as np
import pytest
from compat import synth
from compat.both import ARRAYS, assert_same, assert_same_evaluation, run_script

EVALUATE = """
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

print('Running demo for *%s* results.' % annType)
cocoGt = COCO(annFile)
cocoDt = cocoGt.loadRes(resFile)
imgIds = sorted(cocoGt.getImgIds())
imgIds = imgIds[0:100]
cocoEval = COCOeval(cocoGt, cocoDt, annType)
cocoEval.params.imgIds = imgIds
cocoEval.evaluate()
cocoEval.accumulate()
cocoEval.summarize()
"""

BROWSE = """
from pycocotools.coco import COCO
import pycocotools.mask as maskUtils

coco = COCO(annFile)
if 'info' in coco.dataset:
    coco.info()
cats = coco.loadCats(coco.getCatIds())
print(' '.join(cat['name'] for cat in cats))
print(sorted({cat['supercategory'] for cat in cats}))
catIds = coco.getCatIds(catNms=['person', 'dog', 'skateboard'])
imgIds = coco.getImgIds(catIds=catIds[:1])
found = []
for img in coco.loadImgs(imgIds[:20]):
    annIds = coco.getAnnIds(imgIds=img['id'], catIds=catIds, iscrowd=None)
    for ann in coco.loadAnns(annIds):
        m = coco.annToMask(ann)
        rle = coco.annToRLE(ann)
        found.append((ann['id'], m, rle, maskUtils.area(rle), maskUtils.toBbox(rle)))
small = coco.getAnnIds(areaRng=[0, 32 ** 2], iscrowd=False)
crowds = coco.getAnnIds(iscrowd=True)
print(len(found), len(small), len(crowds))
"""

PER_CATEGORY = """
import json
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

gt = COCO(annFile)
with open(resFile) as f:
    results = json.load(f)
dt = gt.loadRes([r for r in results if r['score'] > 0.05])
E = COCOeval(gt, dt, iouType=annType)
E.params.maxDets = [100, 5, 20]
E.params.catIds = gt.getCatIds()[::3]
E.evaluate(); E.accumulate(); E.summarize()
ap = {}
for k, catId in enumerate(E.params.catIds):
    p = E.eval['precision'][:, :, k, 0, -1]
    ap[gt.loadCats([catId])[0]['name']] = p[p > -1].mean() if (p > -1).any() else float('nan')
    print(catId, ap[gt.cats[catId]['name']])
cocoEval, cocoGt, cocoDt = E, gt, dt
"""

FAKE = "coco2014_fake100/tests/dataset/cocoapi/instances_val2014_100.json"
TINY = "coco_tiny/annotations/instances_val2017.json"
# truth, results, iouType
REAL = [
    (FAKE, "cocoapi_results/results/instances_val2014_fakesegm100_results.json", "segm"),
    (FAKE, "cocoapi_results/results/instances_val2014_fakebbox100_results.json", "bbox"),
    (FAKE, "cocoapi_results/results/instances_val2014_fakesegm100_results.json", "bbox"),
    (TINY, "coco_tiny/pred_val.json", "segm"),
    ("coco128_coco/annotations/instances_train2017.json", "coco128_coco/pred_coco128.json", "segm"),
    ("yolact_dets/derived/pseudo_gt.json", "yolact_dets/derived/yolact_resnet50_segm.json", "segm"),
]


def both(script, **names):
    """Run a script under both and hold what it prints equal; return the variables of both."""
    (our_text, ours), (their_text, theirs) = (
        run_script(script, patched, **copy.deepcopy(names)) for patched in (True, False)
    )
    assert our_text == their_text
    return ours, theirs


@pytest.mark.parametrize(("truth", "results", "kind"), REAL)
def test_the_evaluation_demo(data_dir, truth, results, kind):
    ours, theirs = both(
        EVALUATE, annFile=str(data_dir / truth), resFile=str(data_dir / results), annType=kind
    )
    assert type(ours["cocoEval"]).__module__.startswith("segbench.")
    assert not type(theirs["cocoEval"]).__module__.startswith("segbench.")
    assert_same_evaluation(ours["cocoEval"], theirs["cocoEval"])


@pytest.mark.parametrize("truth", [FAKE, TINY])
def test_the_browsing_demo(data_dir, truth):
    ours, theirs = both(BROWSE, annFile=str(data_dir / truth))
    for name in ("cats", "catIds", "imgIds", "found", "small", "crowds"):
        assert_same(ours[name], theirs[name], name)
    assert ours["found"]


@pytest.mark.parametrize(("truth", "results", "kind"), [REAL[1], REAL[3]])
def test_ap_of_every_third_category(data_dir, truth, results, kind):
    names = {"annFile": str(data_dir / truth), "resFile": str(data_dir / results), "annType": kind}
    ours, theirs = both(PER_CATEGORY, **names)
    assert_same(ours["ap"], theirs["ap"])
    assert_same_evaluation(ours["cocoEval"], theirs["cocoEval"])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["segm", "bbox"])
def test_the_evaluation_demo_on_random_files(tmp_path, seed, kind):
    truth, results = synth.make(seed, kind=kind)
    for name, content in (("truth.json", truth), ("results.json", results)):
        (tmp_path / name).write_text(json.dumps(content))
    names = {"annFile": str(tmp_path / "truth.json"), "resFile": str(tmp_path / "results.json")}
    ours, theirs = both(EVALUATE, annType=kind, **names)
    assert_same_evaluation(ours["cocoEval"], theirs["cocoEval"])
    assert any(np.any(ours["cocoEval"].eval[name] > 0) for name in ARRAYS)
