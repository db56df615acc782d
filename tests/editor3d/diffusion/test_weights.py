"""Weights are found where they are said to be looked for, and only when complete."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from editor3d.diffusion.weights import choose_variant, find_weights, how_to_get, missing_parts
from editor3d.editors import create_editor
from editor3d.errors import EditorUnavailableError
from editor3d.types import EditRequest

HUB_ID = "timbrooks/instruct-pix2pix"


@pytest.fixture(autouse=True)
def nothing_on_this_machine(monkeypatch, tmp_path):
    monkeypatch.delenv("EDITOR3D_MODELS", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


def test_nothing_is_found_where_nothing_is():
    assert find_weights(HUB_ID) is None


@pytest.mark.parametrize("below", ["timbrooks/instruct-pix2pix", "instruct-pix2pix"])
def test_the_models_folder(model_folder, monkeypatch, tmp_path, below):
    monkeypatch.setenv("EDITOR3D_MODELS", str(tmp_path))
    shutil.copytree(model_folder, tmp_path / below)
    assert find_weights(HUB_ID) == tmp_path / below


def test_the_hub_cache(model_folder, tmp_path):
    cached = tmp_path / "hub" / "models--timbrooks--instruct-pix2pix"
    snapshot = cached / "snapshots" / "0123abc"
    shutil.copytree(model_folder, snapshot)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("0123abc")
    assert find_weights(HUB_ID) == snapshot
    (snapshot / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    assert find_weights(HUB_ID) is None


@pytest.mark.parametrize(
    ("removed", "named"),
    [
        ("model_index.json", "model_index.json"),
        ("unet/diffusion_pytorch_model.safetensors", "unet/*.safetensors"),
        ("vae/diffusion_pytorch_model.safetensors", "vae/*.safetensors"),
        ("text_encoder/model.safetensors", "text_encoder/*.safetensors"),
        ("tokenizer", "tokenizer/"),
    ],
)
def test_what_is_missing_is_named(model_folder, tmp_path, removed, named):
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    assert missing_parts(folder) == []
    target = folder / removed
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    assert missing_parts(folder) == [named]


def test_a_broken_index_is_not_a_model(tmp_path):
    for text in ("{", "[]"):
        (tmp_path / "model_index.json").write_text(text)
        assert missing_parts(tmp_path) == ["model_index.json"]


def test_pickled_weights_do_not_count(model_folder, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    assert missing_parts(folder) == ["unet/*.safetensors"]


def test_variants(model_folder, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    assert choose_variant(folder, half_precision=True) is None
    full = [folder / p for p in ("unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model")]
    for stem in full:
        shutil.copy(f"{stem}.safetensors", f"{stem}.fp16.safetensors")
    assert choose_variant(folder, half_precision=True) == "fp16"
    assert choose_variant(folder, half_precision=False) is None
    for stem in full:
        stem.with_suffix(".safetensors").unlink()
    assert missing_parts(folder) == []
    assert choose_variant(folder, half_precision=False) == "fp16"


def test_shards_must_all_be_there(model_folder, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    unet = folder / "unet"
    first, second = (f"diffusion_pytorch_model-0000{i}-of-00002.safetensors" for i in (1, 2))
    (unet / "diffusion_pytorch_model.safetensors").rename(unet / first)
    index = {"weight_map": {"a": first, "b": second}}
    (unet / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    assert missing_parts(folder) == ["unet/*.safetensors"]
    shutil.copy(unet / first, unet / second)
    assert missing_parts(folder) == []


def test_the_remedy_is_one_clause_with_the_size():
    text = how_to_get(HUB_ID)
    assert "hf download timbrooks/instruct-pix2pix" in text
    assert "2.1 GB" in text
    assert "$EDITOR3D_MODELS/instruct-pix2pix" in text
    assert "\n" not in text


@pytest.mark.parametrize("place", ["pipeline.py", "unet/own.py"])
def test_a_folder_of_weights_with_a_program_is_refused_and_the_program_not_run(place, model_folder, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    (folder / place).write_text(f"open({str(tmp_path / 'canary')!r}, 'w')")
    index = json.loads((folder / "model_index.json").read_text())
    index["_class_name" if place == "pipeline.py" else "unet"] = [Path(place).stem, "Own"]
    (folder / "model_index.json").write_text(json.dumps(index))
    picture = torch.zeros(16, 16, 3)
    with pytest.raises(EditorUnavailableError, match=rf"found the program {place}"):
        create_editor(f"ip2p:{folder}").edit(EditRequest("a", "make it gold", condition=picture, render=picture))
    assert not (tmp_path / "canary").exists()
