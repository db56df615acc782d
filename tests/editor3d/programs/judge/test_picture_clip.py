"""The CLIP part of the distance to a picture."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from editor3d.errors import ConfigError
from editor3d.metrics.clip_weights import CLIP_HUB_IDS, TINY_CLIP
from editor3d.programs import Budget, RefineRequest, refine
from editor3d.programs.core.contracts import RenderSettings
from editor3d.programs.judge.picture_clip import clip_model, embedding
from editor3d.programs.judge.picture_loss import CLIP, PictureLoss
from editor3d.programs.plan import read_plan

from ..scripted import Painter


@pytest.fixture
def no_weights(tmp_path, monkeypatch):
    """A machine without a full CLIP; the folder where one can be put."""
    for name in ("EDITOR3D_MODELS", "HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / "models"))
    return tmp_path / "models" / CLIP_HUB_IDS[1].rpartition("/")[2]


def test_which_model_a_choice_means(no_weights):
    assert [clip_model(choice) for choice in ("auto", "on", "off")] == [None, TINY_CLIP, None]
    no_weights.mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "tokenizer.json", "preprocessor_config.json"):
        (no_weights / name).write_text("{}")
    assert [clip_model(choice) for choice in ("auto", "on", "off")] == [CLIP_HUB_IDS[1], CLIP_HUB_IDS[1], None]


def test_the_part_is_half_of_what_the_cosine_lacks():
    rng = np.random.default_rng(0)
    target, other = rng.integers(0, 255, (2, 24, 24, 3), dtype=np.uint8)

    def embed(image):
        """Mean colour, at length 1."""
        mean = image.reshape(-1, 3).mean(axis=0)
        return mean / np.linalg.norm(mean)

    loss, plain = PictureLoss(target, embed=embed), PictureLoss(target)
    assert loss(target) == pytest.approx(0.0, abs=1e-9)
    cosine = embed(target) @ embed(other)
    assert loss.parts(other)["clip"] == pytest.approx((1.0 - cosine) / 2.0)
    assert loss(other) == pytest.approx((1.0 - CLIP) * plain(other) + CLIP * (1.0 - cosine) / 2.0)
    assert "clip" not in plain.parts(other)


def test_the_packaged_model_embeds_pictures_at_length_one(no_weights):
    embed = embedding()
    rng = np.random.default_rng(0)
    one, other = (embed(image) for image in rng.integers(0, 255, (2, 24, 30, 3), dtype=np.uint8))
    assert np.linalg.norm(one) == pytest.approx(1.0, abs=1e-5)
    assert one.shape == other.shape
    assert one @ other < 1.0 - 1e-6


def test_the_ledger_says_which_model_had_which_part(no_weights, files, tmp_path):
    scene, program = files
    target = tmp_path / "target.png"
    Image.fromarray(Painter(RenderSettings(32, 32)).render("brightness = 0.8\nangle = 0.7\n").image).save(target)
    asked = RefineRequest(scene, program, target=target, proposer="embedded", width=32, height=32)
    for choice, model in (("on", TINY_CLIP), ("auto", None)):
        done = refine(replace(asked, clip=choice), tmp_path / choice, renderer=Painter, budget=Budget(renders=10))
        events = [json.loads(line) for line in done.ledger.read_text().splitlines()]
        assert read_plan(done.folder).fingerprint["clip"] == done.summary["clip"] == model
        renders = [event for event in events if event["event"] == "render"]
        assert all(("clip" in event["parts"]) == (model is not None) for event in renders)
        parts = {"photometric", "structure", "colour", "texture"} | ({"clip"} if model else set())
        assert set(renders[-1]["parts"]) == parts
    more = {"renderer": Painter, "budget": Budget(renders=20), "resume": True}
    with pytest.raises(ConfigError, match=f"another clip: .*{TINY_CLIP}.*--clip on"):
        refine(asked, tmp_path / "on", **more)


def test_weights_that_came_since_do_not_end_a_run(no_weights, files, tmp_path):
    """The sentence says what goes on."""
    target = tmp_path / "target.png"
    Image.fromarray(Painter(RenderSettings(32, 32)).render("brightness = 0.8\nangle = 0.7\n").image).save(target)
    asked = RefineRequest(*files, target=target, proposer="embedded", width=32, height=32)
    refine(asked, tmp_path / "run", renderer=Painter, budget=Budget(renders=5))
    no_weights.mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "tokenizer.json", "preprocessor_config.json"):
        (no_weights / name).write_text("{}")
    more = {"renderer": Painter, "budget": Budget(renders=10), "resume": True}
    with pytest.raises(ConfigError, match="another clip: give --clip off"):
        refine(asked, tmp_path / "run", **more)
    assert refine(replace(asked, clip="off"), tmp_path / "run", **more).summary["spent"]["renders"] == 10
