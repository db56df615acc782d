"""Editors by name: what is listed, created, refused and chosen automatically."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from editor3d import extensions
from editor3d.editors import EDITORS, EditorEntry, available_editors, create_editor, editor_names, resolve_auto
from editor3d.errors import ConfigError
from editor3d.types import Editor, EditorInfo


def test_listing_imports_no_model():
    code = (
        "import sys, editor3d.editors as e, editor3d.language.vocabulary as v;"
        "e.available_editors(); v.vocabulary(); e.resolve_auto();"
        "print([m for m in ('torch', 'diffusers', 'transformers', 'cv2', 'nerfstudio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", [name for name in EDITORS if name != "sheet"])  # which is what the other editor is
def test_every_editor_is_what_its_entry_says(name, tmp_path):
    entry = EDITORS[name]
    argument = tmp_path
    if name == "comfyui":
        argument = tmp_path / "workflow.json"
        nodes = {
            "1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
            "2": {"class_type": "PrimitiveString", "inputs": {"value": ""}, "_meta": {"title": "editor3d prompt"}},
            "3": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}},
        }
        argument.write_text(json.dumps(nodes))
    editor = create_editor(f"{name}:{argument}" if entry.argument == "required" else name)
    assert isinstance(editor, Editor)
    assert replace(editor.info, price=None) == entry.info  # what a service charges is the user's to say
    assert entry.info.name == name
    assert entry.info.license
    assert entry.info.summary


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("nonsense", "auto, procedural, .*ip2p,.* folder, "),
        ("", "There is no editor ''"),
        ("procedural:x", "takes no argument"),
        ("procedural:", "takes no argument"),
        ("folder", "needs a folder"),
        ("folder:", "needs a folder"),
        ("ip2p:", "ends after the colon"),
    ],
)
def test_wrong_specs_are_refused(spec, reason):
    with pytest.raises(ConfigError, match=reason):
        create_editor(spec)


def test_auto_takes_the_model_where_its_weights_are(model_folder, monkeypatch):
    monkeypatch.setenv("EDITOR3D_MODELS", str(model_folder.parents[1]))
    spec, reason = resolve_auto()
    assert spec == "ip2p"
    assert str(model_folder) in reason
    assert create_editor("auto").info.name == "ip2p"


def test_auto_takes_the_procedural_editor_where_none_are(monkeypatch, tmp_path):
    monkeypatch.setenv("EDITOR3D_MODELS", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    spec, reason = resolve_auto()
    assert spec == "procedural"
    assert "hf download" in reason
    assert create_editor("auto").info.name == "procedural"


def echo_editor(argument: str = "", **options) -> tuple[str, dict]:
    return argument, options


ECHO = EditorEntry(
    EditorInfo("echo", "returns its arguments", "MIT"), "echo_package:create", argument="optional", runs_model=True
)


@pytest.fixture
def installed(monkeypatch):
    """A function of entry points: name -> value; `echo_package` can be imported."""
    package = ModuleType("echo_package")
    package.ECHO, package.create = ECHO, echo_editor
    monkeypatch.setitem(sys.modules, "echo_package", package)

    def install(**values: str) -> None:
        points = [EntryPoint(name, value, "editor3d.editors") for name, value in values.items()]
        monkeypatch.setattr(extensions, "entry_points", lambda group: points if group == "editor3d.editors" else [])

    return install


def test_other_packages_add_editors(installed):
    installed(echo="echo_package:ECHO")
    assert editor_names() == (*EDITORS, "echo")
    assert available_editors()["echo"].info.name == "echo"
    options = {"device": "cuda", "half_precision": True, "cpu_offload": False}
    assert create_editor("echo:a:b", device="cuda", half_precision=True) == ("a:b", options)
    assert create_editor("echo")[0] == ""


def test_a_package_cannot_replace_an_editor(installed):
    installed(procedural="echo_package:ECHO")
    assert create_editor("procedural").info == EDITORS["procedural"].info


def test_broken_packages_are_named_and_do_not_hide_the_others(installed):
    installed(gone="no_such_package:ENTRY", wrong="echo_package:create")
    assert "gone" in editor_names()
    with pytest.raises(ConfigError, match="no_such_package"):
        create_editor("gone")
    with pytest.raises(ConfigError, match="of type EditorEntry"):
        create_editor("wrong")
    with pytest.warns(UserWarning, match="no_such_package"), pytest.warns(UserWarning, match="of type EditorEntry"):
        assert list(available_editors()) == list(EDITORS)


@pytest.mark.parametrize("name", [name for name, entry in EDITORS.items() if entry.info.tells_objects])
def test_an_editor_that_tells_objects_finds_them_in_other_words(name):
    editor = create_editor(name)
    assert editor.info.edits_objects
    assert editor.edited_objects("make the cup gold", ("mug", "table")) == ("mug",)
    assert editor.edited_objects("make the mug and the table gold", ("mug", "table")) == ("mug", "table")
