from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from editor3d.cli import main, weights
from editor3d.cli.weights import check_weights, editor_state
from editor3d.diffusion.weights import how_to_get
from editor3d.editors import EDITORS, EditorEntry, available_editors
from editor3d.plugin.train.presets import preset_names, read_preset
from editor3d.programs.core.presets import PRESETS
from editor3d.registry import METHODS, SYSTEMS
from editor3d.types import EditorInfo


def test_list_methods_shows_each_on_one_line(capsys):
    assert main(["list", "methods"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, entry in METHODS.items():
        assert any(line.split()[:2] == [name, entry.kind] and line.endswith(entry.summary) for line in lines)


def test_list_methods_shows_the_command_of_every_system_in_one_piece(capsys):
    assert main(["list", "methods"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, command in SYSTEMS.items():
        assert any(line.split(maxsplit=1) == [name, command] for line in lines)


def test_every_method_that_edits_is_run_by_the_command_of_a_system():
    run = {shlex.split(command)[1] for command in SYSTEMS.values()}
    assert {name for name, entry in METHODS.items() if entry.kind == "edit"} - {
        "in2n-small",
        "in2n-tiny",
        "remove",  # of no paper of its own
    } <= run


def test_list_presets_shows_each_with_its_method(capsys):
    assert main(["list", "presets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(preset_names()) + len(PRESETS)
    for name in preset_names():
        preset = read_preset(name)
        assert any(line.split()[:2] == [name, preset["method"]] and line.endswith(preset["summary"]) for line in lines)
    for name in PRESETS:
        assert any(line.split()[:2] == [name, "refine"] for line in lines)


def test_editors_are_listed_one_line_each_and_the_ready_ones_first(capsys, monkeypatch):
    monkeypatch.setattr(weights, "find_weights", lambda hub_id: None)
    assert main(["editors"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert main(["list", "editors"]) == 0
    assert capsys.readouterr().out.splitlines() == lines
    known = available_editors()
    states = [line.split()[1] for line in lines[: len(known)]]
    assert states == sorted(states, key=("ready", "unknown", "missing").index)
    assert {"ready", "missing"} <= set(states)
    for line in lines[: len(known)]:
        entry = known[line.split()[0]]
        assert entry.info.summary in line
        assert entry.info.license in line
        assert entry.info.download in line
    assert any(line.startswith("auto is ") for line in lines)


@pytest.mark.parametrize("folder", [None, Path("/models/ip2p")])
def test_an_editor_says_how_to_use_it_and_how_to_get_it(capsys, monkeypatch, folder):
    monkeypatch.setattr(weights, "find_weights", lambda hub_id: folder)
    for name, entry in EDITORS.items():
        assert main(["editors", name]) == 0
        shown = capsys.readouterr().out
        assert f"--editor {name}" in shown
        assert entry.info.license in shown
        if name == "ip2p":
            assert (f"to get it:  {how_to_get(weights.HUB_IDS['ip2p'])}\n" in shown) == (folder is None)


def test_a_workflow_is_inspected(capsys, tmp_path):
    nodes = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
        "2": {"class_type": "PrimitiveString", "inputs": {"value": ""}, "_meta": {"title": "editor3d prompt"}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}},
    }
    path = tmp_path / "workflow.json"
    path.write_text(json.dumps(nodes))
    assert main(["editors", "inspect", str(path)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines] == ["picture", "prompt", "output"]
    assert main(["editors", "inspect"]) == 2
    assert main(["editors", "nothing-of-the-kind"]) == 2


def test_every_editor_of_ours_that_needs_weights_is_looked_for():
    assert set(weights.HUB_IDS) == {name for name, entry in EDITORS.items() if entry.info.needs_weights}


def test_weights_of_a_foreign_editor_are_not_claimed():
    entry = EditorEntry(EditorInfo("theirs", "", "", needs_weights=True), "a:b", argument="required", argument_help="X")
    state = editor_state("theirs", entry)
    assert not state.ready
    assert state.remedy == ""
    assert "theirs:ARG with X" in state.call


def test_weights_are_optional_and_missing_ones_come_with_a_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv("EDITOR3D_MODELS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    found = check_weights()
    assert {check.name for check in found} == {*weights.HUB_IDS, "CLIP", "LPIPS", "text regions"}
    for check in found:
        assert not check.required
        if check.name in ("tiny-ip2p", "tiny-t2i"):  # which come with the package
            assert check.ok
            continue
        assert not check.ok
        assert check.remedy
    monkeypatch.setattr(weights, "find_weights", lambda hub_id: tmp_path)
    assert next(check for check in check_weights() if check.name == "ip2p").ok
