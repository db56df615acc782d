"""The node pack, as ComfyUI loads and calls it: from its zip."""

from __future__ import annotations

import importlib.util
import json
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
import torch

from editor3d.comfyui_nodes.build_zip import NAME, build


@pytest.fixture
def pack(tmp_path, monkeypatch) -> ModuleType:
    """The unpacked zip, imported as ComfyUI does; its command is this environment's."""
    with zipfile.ZipFile(build(tmp_path / "dist")) as archive:
        archive.extractall(tmp_path / "custom_nodes")
    monkeypatch.setenv("EDITOR3D", str(Path(sys.executable).with_name("editor3d")))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "custom_nodes" / NAME
    spec = importlib.util.spec_from_file_location(
        NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    for name in (NAME, f"{NAME}.nodes", f"{NAME}.command"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, NAME, module)
    spec.loader.exec_module(module)
    return module


def test_the_same_files_give_the_same_zip(tmp_path):
    assert build(tmp_path / "a").read_bytes() == build(tmp_path / "b").read_bytes()


def test_every_node_is_one_that_comfyui_takes(pack):
    assert set(pack.NODE_CLASS_MAPPINGS) == set(pack.NODE_DISPLAY_NAME_MAPPINGS)
    for node in pack.NODE_CLASS_MAPPINGS.values():
        given = node.INPUT_TYPES()
        assert set(given) <= {"required", "optional"}
        assert len(node.RETURN_TYPES) == len(node.RETURN_NAMES)
        assert callable(vars(node)[node.FUNCTION])
        names = {*given["required"], *given.get("optional", {})}
        taken = vars(node)[node.FUNCTION].__annotations__.keys() - {"return"}
        assert names == taken
        for kind, *_ in (*given["required"].values(), *given.get("optional", {}).values()):
            assert isinstance(kind, str | list)


def test_mistakes_are_told_in_the_commands_own_sentence(pack, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="there is no"):
        pack.Editor3DLoadCapture().load(str(tmp_path / "nothing"), True)
    scene = {"source": str(tmp_path), "draft": False}
    with pytest.raises(ValueError, match="ends in"):
        pack.Editor3DSaveSplats().save(scene, "scene.txt")
    with pytest.raises(RuntimeError, match="Expected"):
        pack.Editor3DRenderViews().render(scene, "test")
    monkeypatch.setenv("EDITOR3D", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="pip install editor3d"):
        pack.Editor3DRenderViews().render(scene, "test")


@pytest.mark.slow
def test_a_capture_is_edited_rendered_and_saved(pack, tmp_path, tiny_capture):
    (scene,) = pack.Editor3DLoadCapture().load(str(tiny_capture), False)
    flags = "--method igs2gs --base-steps 20 --steps 2 --force"
    edited, sheet = pack.Editor3DEdit().edit(scene, "make the ball gold", "procedural", 1, 0.0, flags)
    assert sheet.ndim == 4
    (views,) = pack.Editor3DRenderViews().render(edited, "train")
    assert views.dtype == torch.float32
    assert views.shape[0] > 1
    saved = pack.Editor3DSaveSplats().save(edited, "ball.ply")
    assert Path(saved["result"][0]).read_bytes()[:3] == b"ply"
    record = json.loads((Path(edited["source"]) / "edit.json").read_text())
    assert record["instruction"] == "make the ball gold"
