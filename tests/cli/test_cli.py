"""The command line: what it prints, where, and its exit codes."""

import json
import subprocess
import sys

import numpy as np
import pyarrow
import pytest
from click.testing import CliRunner

import segbench
from segbench.canonical.images import encode_labels, encode_segment_map
from segbench.cli.main import main
from segbench.formats import FEATURES, FORMATS, carries, load_format
from segbench.protocols import PROTOCOLS


def invoke(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture
def folders(tmp_path):
    """Two folders of label maps, truth and prediction, of four categories."""
    rng = np.random.default_rng(0)
    for name in ("truth", "pred"):
        (tmp_path / name).mkdir()
        for i in range(3):
            mask = rng.integers(0, 4, (6, 9)).astype(np.uint8)
            (tmp_path / name / f"{i}.png").write_bytes(encode_labels(mask))
    return tmp_path


@pytest.fixture
def panoptic(tmp_path):
    (tmp_path / "set").mkdir()
    ids = np.kron([[1, 2], [0, 3]], np.ones((4, 5), np.int32))
    (tmp_path / "set" / "7.png").write_bytes(encode_segment_map(ids))
    rows = [{"id": i, "category_id": i, "iscrowd": 0, "area": 20, "bbox": [0, 0, 5, 4]} for i in (1, 2, 3)]
    content = {
        "images": [{"id": 7, "height": 8, "width": 10, "file_name": "7.jpg"}],
        "annotations": [{"image_id": 7, "file_name": "7.png", "segments_info": rows}],
        "categories": [{"id": i, "name": f"c{i}", "isthing": int(i < 3)} for i in (1, 2, 3)],
    }
    (tmp_path / "set.json").write_text(json.dumps(content))
    return tmp_path / "set.json"


def test_score_json_is_the_record_alone_on_stdout(folders):
    result = invoke("score", folders / "truth", folders / "pred", "--out", folders / "results", "--json")
    assert result.exit_code == 0
    content = json.loads(result.stdout)
    assert "no id2label was given: 4 categories" in result.stderr
    [record] = (folders / "results").rglob("run.json")
    assert json.loads(record.read_text()) == content
    assert segbench.read_record(record.parent).metrics["miou"].value == content["metrics"]["miou"]["value"]


def test_score_prints_scores_and_where_the_record_is(folders):
    result = invoke(
        "score",
        folders / "truth",
        folders / "pred",
        "--num-classes",
        4,
        "--model",
        "mine",
        "--out",
        folders / "r",
    )
    assert result.exit_code == 0
    assert "mine on truth: 3 images, semantic, protocol exact" in result.stdout
    assert "miou" in result.stdout
    assert "record: " in result.stdout


def test_settings_of_the_protocol(folders):
    arguments = ["score", folders / "truth", folders / "pred", "--num-classes", 4, "--protocol", "mmseg"]
    shown = invoke(
        *arguments, "--out", folders / "r", "--setting", "beta=2", "--setting", "decimals=null", "--json"
    )
    assert shown.exit_code == 0, shown.stderr
    settings = json.loads(shown.stdout)["protocol"]["settings"]
    assert (settings["beta"], settings["decimals"]) == (2.0, None)
    refused = invoke(*arguments, "--setting", "betta=2")
    assert refused.exit_code == 2
    assert "unknown setting 'betta'. Did you mean 'beta'?" in refused.stderr


@pytest.mark.parametrize(
    ("protocol", "keys"),
    [("boundary-iou", ["boundary_miou"]), ("boundary-f1", ["boundary_f1", "boundary_f1_c"])],
)
def test_boundaries_from_files_to_a_board(folders, protocol, keys):
    sides = [folders / "truth", folders / "pred", "--num-classes", 4, "--protocol", protocol]
    scored = invoke("score", *sides, "--out", folders / "results", "--json")
    assert scored.exit_code == 0, scored.stderr
    content = json.loads(scored.stdout)
    assert list(content["metrics"]) == keys
    assert content["protocol"]["name"] == protocol
    made = invoke("leaderboard", folders / "results", "--out", folders / "board")
    assert made.exit_code == 0, made.stderr
    assert f"protocol **{protocol}** 1" in (folders / "board" / "leaderboard.md").read_text()
    rules = invoke("protocols", protocol)
    assert "is ignored are beyond the image" in rules.stdout


def test_panoptic_boundaries(panoptic):
    scored = invoke("score", panoptic, panoptic, "--protocol", "boundary-pq", "--out", panoptic.parent / "r")
    assert scored.exit_code == 0, scored.stderr
    assert "boundary_pq" in scored.stdout
    assert "100.000 %" in scored.stdout


def test_the_line_from_convert_to_leaderboard(folders, panoptic):
    assert invoke("convert", panoptic, folders / "canonical", "--images", "none").exit_code == 0
    assert invoke("validate", folders / "canonical").stdout.endswith("images: 1, problems: 0\n")
    shown = invoke("inspect", folders / "canonical")
    assert "1 images, 3 segments (0 crowd), 3 categories; panoptic/semantic, format segbench" in shown.stdout
    scored = invoke("score", folders / "canonical", panoptic, "--out", folders / "results", "--model", "self")
    assert scored.exit_code == 0, scored.stderr
    assert "pq                 100.000 %" in scored.stdout
    made = invoke("leaderboard", folders / "results", "--out", folders / "board")
    assert made.exit_code == 0, made.stderr
    assert "self" in (folders / "board" / "leaderboard.md").read_text()
    assert str(folders / "board" / "index.html") in made.stdout


def test_convert_refuses_losses_and_existing_targets(panoptic, tmp_path):
    target = tmp_path / "png"
    refused = invoke("convert", panoptic, target, "--to", "png")
    assert refused.exit_code == 3
    assert "objects told apart: 3 (image 7)" in refused.stderr
    assert not target.exists()
    shown = invoke("convert", panoptic, target, "--to", "png", "--dry-run", "--json")
    assert [loss["feature"] for loss in json.loads(shown.stdout)["losses"]] == ["instances", "ids", "isthing"]
    assert not target.exists()
    assert invoke("convert", panoptic, target, "--to", "png", "--allow-loss").exit_code == 0
    again = invoke("convert", panoptic, target, "--to", "png", "--allow-loss")
    assert again.exit_code == 2
    assert "pass --overwrite" in again.stderr
    assert invoke("convert", panoptic, target, "--to", "png", "--allow-loss", "--overwrite").exit_code == 0


def test_validate_ends_with_3_when_there_is_an_error(panoptic):
    content = json.loads(panoptic.read_text())
    content["annotations"][0]["segments_info"][0]["area"] = 21
    panoptic.write_text(json.dumps(content))
    result = invoke("validate", panoptic)
    assert result.exit_code == 3
    assert "image 7: segment 1: area: says 21, has 20 pixels" in result.stdout
    listed = json.loads(invoke("validate", panoptic, "--json").stdout)
    assert listed[0]["level"] == "error"


def test_formats_and_protocols_show_what_there_is():
    matrix = invoke("formats").stdout
    rows = {line.split()[0]: line for line in matrix.splitlines()[1:31]}
    assert rows.keys() == FORMATS.keys()
    width = len("coco-panoptic") + 13 + len(FEATURES)
    assert {len(line.rpartition("  ")[0]) for line in rows.values()} == {width}
    assert max(map(len, matrix.splitlines())) <= 80
    for name, row in rows.items():
        kept = [letter for letter in row[width - len(FEATURES) : width] if letter != "·"]
        said = [line[3:] for line in matrix.splitlines() if line[1:3] == "  " and line[0] in kept]
        assert said == [FEATURES[feature] for feature, yes in carries(name).items() if yes]
        assert ("read only" in row) != hasattr(load_format(name), "write")
    assert json.loads(invoke("formats", "--json").stdout)["png"]["instances"] is False
    assert "panoptic_val2017/000000000139.png" in invoke("formats", "coco-panoptic").stdout
    assert "pycocotools" in invoke("protocols", "coco-instance").stdout
    assert all(name in invoke("protocols").stdout for name in ("exact", "coco-bbox", "panopticapi"))
    assert "module:…" in invoke("models").stdout


def test_several_protocols_are_compared(folders):
    results = folders / "results"
    shown = invoke(
        "score", folders / "truth", folders / "pred", "--protocol", "exact,mmseg", "--out", results
    )
    assert shown.exit_code == 0, shown.stderr
    assert "exact     mmseg" in shown.stdout.splitlines()[1]
    assert "mmseg rounds percentages to 2 decimals, exact rounds nothing" in shown.stdout
    assert shown.stdout.count("record: ") == len(list(results.rglob("run.json"))) == 2
    assert shown.stderr.count("no id2label was given") == 1
    printed = invoke(
        "score", folders / "truth", folders / "pred", "--protocol", "exact,mmseg", "--out", results, "--json"
    )
    content = json.loads(printed.stdout)
    assert [r["protocol"]["name"] for r in content["records"]] == ["exact", "mmseg"]
    for record in content["records"]:
        alone = json.loads(next(results.rglob(f"{record['run_id']}/run.json")).read_text())
        assert alone == record
    assert {r["rule"] for r in content["reasons"]} >= {"decimals"}
    assert content["metrics"][0]["metric"] == "miou"


@pytest.mark.parametrize("threads", [1, 3])
def test_a_warning_of_many_images_is_one_line_on_stderr_and_in_the_record(tmp_path, threads):
    (tmp_path / "set").mkdir()
    rows = [{"id": 5, "category_id": 1, "iscrowd": 0, "area": 21}]
    images, annotations = [], []
    for i in range(1, 31):
        (tmp_path / "set" / f"{i}.png").write_bytes(encode_segment_map(np.full((4, 5), 5, np.int32)))
        images.append({"id": i, "height": 4, "width": 5, "file_name": f"{i}.jpg"})
        annotations.append({"image_id": i, "file_name": f"{i}.png", "segments_info": rows})
    categories = [{"id": i, "name": f"c{i}", "isthing": 1} for i in (1, 2)]
    path = tmp_path / "set.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    result = invoke("score", path, path, "--threads", threads, "--out", tmp_path / "r", "--json")
    expected = [
        "30 images, the first image 1: area: 30 of 30 true segments state an area other than their pixels "
        "(segment 5 states 21 and has 20)",
        "1 of 2 categories are not in the truth (c2): they are left out of means",
    ]
    assert result.stderr.splitlines() == [f"warning: {text}" for text in expected]
    assert json.loads(result.stdout)["warnings"] == expected


def test_a_protocol_is_shown_with_its_settings_and_several_with_what_differs():
    shown = invoke("protocols", "mmseg").stdout
    assert "decimals=2" in shown
    assert "beta=1.0" in shown
    assert "source: mmsegmentation" in shown
    both = invoke("protocols", "exact", "mmseg", "cityscapes-panoptic").stdout
    assert "how mmseg differs from exact\n" in both
    assert "  - mmseg rounds percentages to 2 decimals, exact rounds nothing\n" in both
    assert "how cityscapes-panoptic differs from exact\n  - it is of another task" in both
    same = invoke("protocols", "panopticapi", "cityscapes-panoptic").stdout
    assert same.endswith("how cityscapes-panoptic differs from panopticapi\n  - in no rule\n")


@pytest.mark.parametrize("names", [[], ["coco-bbox", "coco-instance"]])
def test_protocols_as_json(names):
    content = json.loads(invoke("protocols", *names, "--json").stdout)
    assert [p["name"] for p in content["protocols"]] == (names or list(PROTOCOLS))
    for protocol in content["protocols"]:
        known = PROTOCOLS[protocol["name"]]
        assert protocol["rules"] == list(known.rules)
        assert protocol["settings"].items() >= known.settings.items()
        assert protocol["source"] == known.source
    assert content["differences"] == (
        [
            {
                "base": "coco-bbox",
                "protocol": "coco-instance",
                "rule": "iou_type",
                "text": "coco-instance measures IoU on masks, coco-bbox measures IoU on boxes",
            }
        ]
        if names
        else []
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["convert", "nowhere", "x"], 3, "error: nowhere: there is no such file or folder"),
        (["formats", "cocoo"], 2, "error: unknown format 'cocoo'. Did you mean 'coco'?"),
        (["protocols", "exat"], 2, "Did you mean 'exact'?"),
        (["protocols", "exact", "exat"], 2, "Did you mean 'exact'?"),
        (["score", "a"], 2, "Missing argument 'PREDICTIONS'"),
        (["scor"], 2, "No such command 'scor'"),
        (["run", "module:nowhere.to:be", "nothing"], 3, "nothing: there is no such file or folder"),
        (["leaderboard", "nowhere", "--out", "x"], 3, "nowhere"),
        (["convert", "a", "b", "--option", "x"], 2, "'x' is no KEY=VALUE"),
    ],
)
def test_errors_are_one_line_on_stderr_with_their_exit_code(tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    result = invoke(*arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_what_the_system_refuses_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    result = invoke("demo", "--out", tmp_path / "file/below")
    assert (result.exit_code, result.stderr) == (1, f"error: {tmp_path}/file/below: Not a directory\n")


def test_a_misspelt_format_option_is_named_with_the_nearest(folders):
    result = invoke("inspect", folders / "truth", "--option", "num_clases=4")
    assert result.exit_code == 2
    assert "format png has no option 'num_clases'. Did you mean 'num_classes'?" in result.stderr


def test_an_interrupt_ends_with_130(monkeypatch, folders):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("segbench.formats.open_dataset", interrupt)
    result = invoke("inspect", folders / "truth")
    assert result.exit_code == 130
    assert result.stderr.strip() == "error: interrupted"


def test_python_dash_m_is_the_same_program():
    done = subprocess.run(
        [sys.executable, "-m", "segbench", "--version"], capture_output=True, text=True, check=True
    )
    assert segbench.__version__ in done.stdout


@pytest.mark.parametrize(("chosen", "found"), [(None, "system"), ("mimalloc", "mimalloc")])
def test_arrow_gives_back_what_is_freed_unless_told_otherwise(monkeypatch, chosen, found):
    monkeypatch.delenv("ARROW_DEFAULT_MEMORY_POOL", raising=False)
    if found not in pyarrow.supported_memory_backends():
        pytest.skip(f"this pyarrow has no {found}")
    if chosen:
        monkeypatch.setenv("ARROW_DEFAULT_MEMORY_POOL", chosen)
    code = """
from segbench.cli import main
main(["protocols", "exact"], standalone_mode=False)
import pyarrow
print(pyarrow.default_memory_pool().backend_name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == found
