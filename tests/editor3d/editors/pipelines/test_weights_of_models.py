"""What stands in the way of a diffusers model is named: weights, versions, devices, architectures."""

from __future__ import annotations

import pytest
import torch

from editor3d.editors import EDITORS, create_editor
from editor3d.errors import ConfigError, EditorUnavailableError, InstructionError

pytestmark = pytest.mark.usefixtures("one_thread")
MODELS = [n for n, e in EDITORS.items() if e.info.working_pixels is not None and not e.info.needs_garment]


def test_another_architecture_is_refused(build_model, ask, tmp_path):
    build_model("sd-inpaint", in_channels=8).save_pretrained(tmp_path, safe_serialization=True)
    with pytest.raises(EditorUnavailableError, match="takes 9 channels"):
        create_editor(f"sd-inpaint:{tmp_path}").edit(ask)


def test_an_old_diffusers_is_named(monkeypatch, folder_of, ask):
    import diffusers

    editor = create_editor(f"flux-kontext:{folder_of('flux-kontext')}")
    lookup = type(diffusers).__getattr__

    def without_kontext(module, name):
        if name == "FluxKontextPipeline":
            raise AttributeError(name)
        return lookup(module, name)

    monkeypatch.delattr(diffusers, "FluxKontextPipeline", raising=False)
    monkeypatch.setattr(type(diffusers), "__getattr__", without_kontext)
    with pytest.raises(EditorUnavailableError, match="pip install -U diffusers"):
        editor.edit(ask)


@pytest.mark.parametrize("name", MODELS)
def test_missing_weights_are_named_with_size_and_remedy(monkeypatch, tmp_path, name):
    monkeypatch.setenv("EDITOR3D_MODELS", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    editor = create_editor(name)
    entry = EDITORS[name]
    with pytest.raises(EditorUnavailableError, match=f"hf download {entry.hub_id}") as refused:
        editor.validate("make it red", [], [])
    assert entry.info.download in str(refused.value)
    with pytest.raises(InstructionError, match="empty"):
        editor.validate(" ", [], [])


@pytest.mark.parametrize("name", MODELS)
def test_weights_in_the_models_folder_are_found(monkeypatch, folder_of, tmp_path, name):
    monkeypatch.setenv("EDITOR3D_MODELS", str(tmp_path))
    target = tmp_path / EDITORS[name].hub_id
    target.parent.mkdir(parents=True)
    target.symlink_to(folder_of(name))
    create_editor(name).validate("make it red", [], [])


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ConfigError, match="'flux-kontext' should run on 'cuda'"):
        create_editor("flux-kontext", device="cuda")
