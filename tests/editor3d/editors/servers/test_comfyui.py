"""ComfyUI workflows as an editor, against a server with its routes; against a real one where COMFYUI_URL names it."""

from __future__ import annotations

import copy
import io
import json
import os
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from PIL import Image

from editor3d.editors import create_editor
from editor3d.editors.servers.comfyui import ComfyUIEditor, split_argument
from editor3d.editors.servers.workflow import Workflow
from editor3d.editors.services.client import RetryPolicy
from editor3d.errors import ConfigError, ServiceError
from editor3d.run import events
from editor3d.types import EditRequest, Reference

from ..app_server import serving_app
from ..fake_comfyui import FakeComfyUI

QUICK = RetryPolicy(
    attempts=3, first_wait=0.01, longest_wait=0.05, silence=2.0, first_look=0.02, longest_look=0.1, longest_job=2.0
)
PLAIN = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "model.safetensors"}},
    "2": {"class_type": "LoadImage", "inputs": {"image": "example.png"}},
    "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "a photo", "clip": ["1", 1]}},
    "4": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["1", 1]}},
    "6": {"class_type": "VAEEncode", "inputs": {"pixels": ["2", 0], "vae": ["1", 2]}},
    "5": {
        "class_type": "KSampler",
        "inputs": {
            **{"seed": 1, "steps": 20, "cfg": 7.0, "denoise": 0.8, "sampler_name": "euler", "scheduler": "normal"},
            **{"model": ["1", 0], "positive": ["3", 0], "negative": ["4", 0], "latent_image": ["6", 0]},
        },
    },
    "7": {"class_type": "VAEDecode", "inputs": {"samples": ["5", 0], "vae": ["1", 2]}},
    "8": {"class_type": "SaveImage", "inputs": {"images": ["7", 0], "filename_prefix": "out"}},
}


@pytest.fixture
def workflow(tmp_path) -> Callable[[dict], Workflow]:
    def make(nodes: dict) -> Workflow:
        path = tmp_path / "workflow.json"
        path.write_text(json.dumps(nodes))
        return Workflow(path)

    return make


@pytest.fixture
def comfyui() -> Iterator[tuple[FakeComfyUI, str]]:
    state = FakeComfyUI()
    with serving_app(state.app()) as url:
        yield state, url


@pytest.fixture
def ask() -> EditRequest:
    y, x = torch.meshgrid(torch.linspace(0, 1, 45), torch.linspace(0, 1, 61), indexing="ij")
    return EditRequest("v", "make it gold", torch.stack([x, y, 0.5 * (x + y)], dim=-1), seed=7, noise_level=0.6)


def titled(node: str, title: str, nodes: dict = PLAIN) -> dict:
    changed = copy.deepcopy(nodes)
    changed[node]["_meta"] = {"title": title}
    return changed


def test_an_ordinary_workflow_needs_no_titles(workflow):
    found = {(mark.role, mark.node, mark.input) for mark in workflow(PLAIN).marks}
    assert found == {("picture", "2", "image"), ("prompt", "3", "text"), ("seed", "5", "seed"), ("output", "8", "")}


def test_titles_go_before_classes(workflow):
    nodes = titled("4", "editor3d prompt", titled("5", "editor3d: strength"))
    found = {(mark.role, mark.node, mark.input, mark.found_by) for mark in workflow(nodes).marks}
    assert ("prompt", "4", "text", "title") in found
    assert ("strength", "5", "denoise", "title") in found
    assert len([mark for mark in found if mark[0] == "prompt"]) == 1


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ({"nodes": [], "links": []}, "as it is drawn"),
        ({"1": 3}, "something else"),
        ({**PLAIN, "9": PLAIN["2"]}, "title it 'editor3d picture'"),
        ({key: node for key, node in PLAIN.items() if key != "8"}, "title it 'editor3d output'"),
        (titled("3", "editor3d color"), "Expected 'editor3d' and one of"),
        (titled("7", "editor3d prompt"), "an input text or prompt"),
    ],
)
def test_what_is_no_such_workflow_is_told(workflow, nodes, said):
    with pytest.raises(ConfigError, match=said):
        workflow(nodes)


def test_a_picture_is_edited_and_progress_told(workflow, comfyui, ask, tmp_path):
    state, url = comfyui
    editor = ComfyUIEditor(workflow(PLAIN), url, QUICK)
    with events.writing(str(tmp_path / "events.jsonl")):
        edited = editor.edit(ask)
    torch.testing.assert_close(edited, 1.0 - ask.condition, atol=0.02, rtol=0)
    told = [event for event in events.read((tmp_path / "events.jsonl").read_bytes().splitlines())]
    assert [(event.done, event.total) for event in told if isinstance(event, events.Progress)][-1] == (3, 3)
    (body,) = state.prompts
    assert set(body) == {"prompt", "client_id"}
    nodes = body["prompt"]
    assert nodes["3"]["inputs"]["text"] == "make it gold"
    assert nodes["4"]["inputs"]["text"] == "blurry"
    assert nodes["5"]["inputs"]["seed"] == 7
    assert nodes["5"]["inputs"]["denoise"] == 0.8  # not marked
    assert nodes["2"]["inputs"]["image"] in state.uploads


def test_the_same_picture_is_uploaded_under_the_same_name(workflow, comfyui, ask):
    state, url = comfyui
    editor = ComfyUIEditor(workflow(PLAIN), url, QUICK)
    assert torch.equal(editor.edit(ask), editor.edit(ask))
    assert len(state.uploads) == 1


def test_a_mask_a_strength_and_references_go_to_their_marks(workflow, comfyui, ask):
    state, url = comfyui
    nodes = titled("5", "editor3d strength")
    nodes["2"]["_meta"] = {"title": "editor3d picture"}
    nodes["3"]["inputs"]["text"] = "photo, {instruction}, sharp"
    for number, title in (("9", "editor3d mask"), ("10", "editor3d reference 1"), ("11", "editor3d reference 2")):
        nodes[number] = {"class_type": "LoadImage", "inputs": {"image": "x.png"}, "_meta": {"title": title}}
    editor = ComfyUIEditor(workflow(nodes), url, QUICK)
    assert (editor.info.references, editor.info.uses_noise_level, editor.info.varies_with_seed) == (2, True, True)
    mask = torch.zeros(ask.condition.shape[:2], dtype=torch.bool)
    mask[10:20, 10:20] = True
    anchor = Reference(torch.full((16, 24, 3), 0.25), "anchor")
    request = EditRequest("v", "gold", ask.condition, mask=mask, references=(anchor,), noise_level=0.6, seed=7)
    edited = editor.edit(request)
    assert torch.equal(edited[~mask], ask.condition[~mask])
    sent = state.prompts[0]["prompt"]
    assert sent["5"]["inputs"]["denoise"] == 0.6
    assert sent["3"]["inputs"]["text"].startswith("photo, Edit picture 1: gold")
    shown = np.asarray(Image.open(io.BytesIO(state.uploads[sent["9"]["inputs"]["image"]])))
    assert (shown[10:20, 10:20] == (255, 255, 255, 0)).all()
    assert (shown[:10] == (0, 0, 0, 255)).all()
    assert sent["10"]["inputs"]["image"] == sent["11"]["inputs"]["image"] != sent["2"]["inputs"]["image"]


@pytest.mark.parametrize(
    "fault",
    ["no WebSocket", "tells everything twice", "history fails once", "picture is cut short once", "upload fails once"],
)
def test_what_passes_is_lived_with(workflow, comfyui, ask, fault):
    state, url = comfyui
    state.faults = {fault}
    edited = ComfyUIEditor(workflow(PLAIN), url, QUICK).edit(ask)
    torch.testing.assert_close(edited, 1.0 - ask.condition, atol=0.02, rtol=0)
    assert len(state.prompts) == 1


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("refuses the workflow", "failed validation.*Value not in list"),
        ("fails", r"out of memory in KSampler \(5\)"),
        ("another shape", "the shape"),
        ("saves nothing", "made none"),
    ],
)
def test_what_does_not_pass_is_told_in_one_sentence(workflow, comfyui, ask, fault, said):
    state, url = comfyui
    state.faults = {fault}
    with pytest.raises(ServiceError, match=said) as raised:
        ComfyUIEditor(workflow(PLAIN), url, QUICK).edit(ask)
    assert "\n" not in str(raised.value)


def test_a_job_without_end_is_cancelled(workflow, comfyui, ask):
    state, url = comfyui
    state.faults = {"never ends"}
    with pytest.raises(ServiceError, match="had not ended: it was cancelled"):
        ComfyUIEditor(workflow(PLAIN), url, QUICK).edit(ask)
    assert len(state.cancelled) == 2
    assert len(set(state.cancelled)) == 1


def test_nobody_is_there(workflow, ask):
    with pytest.raises(ServiceError, match="cannot be reached"):
        ComfyUIEditor(workflow(PLAIN), "http://127.0.0.1:9", QUICK).edit(ask)


def test_the_argument_is_a_file_and_perhaps_an_address(tmp_path):
    assert split_argument("a@b/w.json@http://h:1") == ("a@b/w.json", "http://h:1")
    assert split_argument("a@b.json") == ("a@b.json", "")
    with pytest.raises(ConfigError, match="there is no"):
        create_editor(f"comfyui:{tmp_path / 'missing.json'}")


@pytest.mark.skipif("COMFYUI_URL" not in os.environ, reason="COMFYUI_URL names no ComfyUI")
def test_a_real_server_runs_a_workflow_without_a_model(workflow, ask):
    nodes = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "example.png"}},
        "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "editor3d"}},
        # words that nothing uses: every workflow has a place for them
        "4": {"class_type": "PrimitiveString", "inputs": {"value": ""}, "_meta": {"title": "editor3d prompt"}},
    }
    edited = ComfyUIEditor(workflow(nodes), os.environ["COMFYUI_URL"]).edit(ask)
    torch.testing.assert_close(edited, 1.0 - ask.condition, atol=0.02, rtol=0)
