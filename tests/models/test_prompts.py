"""Models that are told in words what to look for: CLIPSeg, and plugins of one's own."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from models import small_set, tiny_hf
from tiny_runs import write_data

import segbench
from segbench.cli import main
from segbench.models import ModelInfo, SemanticPrediction, load_model


class Words:
    """Takes for each pixel the text whose length is nearest to its red channel."""

    info = ModelInfo(name="words", tasks=("semantic",), id2label={}, revision="1")

    def set_prompts(self, prompts):
        self.lengths = np.array([len(text) for _, text in sorted(prompts.items())], np.float32)

    def predict(self, batch):
        return [
            SemanticPrediction(logits=-abs(image[:1].astype(np.float32) - self.lengths[:, None, None]))
            for image in batch.images
        ]


PLUGIN = """
import numpy as np, segbench
class Words:
    info = segbench.ModelInfo(name="words", tasks=("semantic",), id2label={})
    def set_prompts(self, prompts):
        self.prompts = prompts
    def predict(self, batch):
        assert self.prompts == {0: "a", 1: "the second", 2: "c"}, self.prompts
        return [(image[0] % 3).astype(np.uint8) for image in batch.images]
"""


def test_names_of_categories_are_the_prompts():
    record = segbench.run(Words(), small_set.dataset(), task="semantic", out=None, prompts="categories")
    assert record.model["prompts"] == {"0": "road", "1": "sky", "2": "car"}
    assert record.model["id2label"] == record.model["prompts"]
    assert record.model["class_map"] == {"0": 0, "1": 1, "2": 2}


def test_a_file_of_texts_changes_the_run(tmp_path):
    file = tmp_path / "prompts.toml"
    file.write_text(f'sky = "{"x" * 200}"\n')
    records = [
        segbench.run(Words(), small_set.dataset(), task="semantic", out=tmp_path, prompts=prompts)
        for prompts in ("categories", file)
    ]
    assert records[1].model["prompts"]["1"] == "x" * 200
    assert records[1].model["id2label"]["1"] == "sky"
    assert records[0].run_id != records[1].run_id
    assert records[0].metrics != records[1].metrics


def test_the_command(tmp_path):
    data = write_data(tmp_path / "set", 4)
    (tmp_path / "plugin.py").write_text(PLUGIN)
    (tmp_path / "prompts.toml").write_text('b = "the second"\n')
    command = ["run", f"file:{tmp_path}/plugin.py:Words", str(data), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, [*command, "--prompts", str(tmp_path / "prompts.toml")])
    assert done.exit_code == 0, done.stderr
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    assert "model 'words' has to be told what to look for: --prompts categories" in done.stderr


def test_the_doctor_tells_a_model_two_words(tmp_path):
    (tmp_path / "plugin.py").write_text(PLUGIN.replace("        assert self.prompts", "        # "))
    done = CliRunner().invoke(main, ["doctor", f"file:{tmp_path}/plugin.py:Words"])
    assert "words: semantic, 2 categories" in done.stdout
    assert "category id 2 is not in the model's id2label" in done.stdout, "it answers with three"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("skye = 'x'", "skye: is no category of the data set. Did you mean 'sky'"),
        ("sky = 3", "sky: must be a text, not 3"),
        ("sky = ' '", "sky: must be a text"),
        ("sky =", "cannot be read"),
    ],
)
def test_texts_that_are_none(tmp_path, content, message):
    file = tmp_path / "prompts.toml"
    file.write_text(content)
    with pytest.raises(segbench.DataError, match=message):
        segbench.run(Words(), small_set.dataset(), task="semantic", out=None, prompts=file)


def test_a_model_of_its_own_classes_takes_no_words():
    class Fixed(Words):
        info = ModelInfo(name="fixed", tasks=("semantic",), id2label={0: "road"}, revision="1")
        set_prompts = None

    with pytest.raises(segbench.UsageError, match="'fixed' has classes of its own"):
        segbench.run(Fixed(), small_set.dataset(), task="semantic", out=None, prompts="categories")


def test_what_a_model_makes_of_words_may_fail():
    class Mute(Words):
        def set_prompts(self, prompts):
            raise ValueError("too many words")

    with pytest.raises(segbench.PluginError, match="words: set_prompts raised ValueError: too many words"):
        segbench.run(Mute(), small_set.dataset(), task="semantic", out=None, prompts="categories")


def test_clipseg(tmp_path, monkeypatch):
    """As its documentation has it: each text with the image, and the highest logit wins."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = tiny_hf.save_prompted(tmp_path / "clipseg")
    texts = ["a road", "sky", "car"]
    model = transformers.CLIPSegForImageSegmentation.from_pretrained(folder).eval()
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    words = transformers.AutoTokenizer.from_pretrained(folder)(texts, padding=True, return_tensors="pt")
    masks = []
    for index, size in enumerate(small_set.SIZES):
        image = small_set.picture(index).transpose(1, 2, 0)
        inputs = processor(images=[image] * len(texts), return_tensors="pt")
        with torch.no_grad():
            logits = model(**inputs, **words).logits[None]
        logits = torch.nn.functional.interpolate(logits, size, mode="bilinear", align_corners=False)
        masks.append(logits[0].argmax(0).numpy())
    prompts = tmp_path / "prompts.toml"
    prompts.write_text('road = "a road"\n')
    how = {"task": "semantic", "prompts": prompts}
    record = small_set.run_saved(f"hf:{folder}", small_set.dataset(), tmp_path / "out", **how)
    assert record.metrics["miou"].value == small_set.mean_iou(masks)
    assert 0 < record.metrics["miou"].value < 1
    assert len({json.dumps(np.unique(mask).tolist()) for mask in masks} | {"[0]", "[1]", "[2]"}) > 3
    assert load_model(f"hf:{folder}").info.id2label == {}
