"""The parts that docs/extending.md adds work as it says, from a package that is not the project's."""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from editor3d.cli import main
from editor3d.editors import available_editors, create_editor
from editor3d.errors import ConfigError, InstructionError, RegionError
from editor3d.methods import available_methods, method_config
from editor3d.metrics.report import edit_report, other_scores
from editor3d.metrics.unavailable import Unavailable
from editor3d.metrics.views import Cost, HeldOutView
from editor3d.plugin.config.file import read_config
from editor3d.plugin.edit.based import BasedTrainerConfig
from editor3d.regions import Invert, from_json, parse_region
from editor3d.registry import METHODS, MethodEntry
from editor3d.run.record import read_record
from editor3d.types import Editor, EditRequest

PAGE = (Path(__file__).parents[1] / "docs/extending.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, flags=re.DOTALL)
MODULES = {
    code.partition("\n")[0].removeprefix("# "): code
    for language, code in BLOCKS
    if language == "python" and code.startswith("# ")
}
GROUPS = tomllib.loads("".join(code for language, code in BLOCKS if language == "toml"))["project"]["entry-points"]
MOST_LINES = 30


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's package, as pip installs one: modules, and a list of its entry points."""
    for name, code in MODULES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(code, encoding="utf-8")
    (tmp_path / "my_package/__init__.py").touch()
    listed = tmp_path / "my_package-1.0.dist-info"
    listed.mkdir()
    (listed / "METADATA").write_text("Metadata-Version: 2.1\nName: my_package\nVersion: 1.0\n", encoding="utf-8")
    lines = []
    for group, points in GROUPS.items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (listed / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] in ("my_package", "seasons")]:
        del sys.modules[name]


@pytest.mark.parametrize("name", MODULES)
def test_a_part_is_short(name):
    lines = [
        line for line in MODULES[name].splitlines() if line.strip() and not line.startswith(("import", "from", "#"))
    ]
    assert len(lines) < MOST_LINES


def test_every_entry_point_names_something_on_the_page(package):
    for group, points in GROUPS.items():
        for name, value in points.items():
            (point,) = entry_points(group=group, name=name)
            assert point.value == value
            assert point.load() is not None


def test_the_editor_edits(package):
    assert available_editors()["mirror"].info.license == "MIT"
    editor = create_editor("mirror")
    assert isinstance(editor, Editor)
    picture = torch.rand(4, 6, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(editor.edit(EditRequest("a", "mirror it", picture)), picture.flip(1))
    with pytest.raises(InstructionError, match="Expected an instruction to mirror"):
        editor.validate("make it night", (), ("a",))


def test_the_region_selects_and_comes_back_from_json(package):
    region = parse_region("slab:0,0.5")
    points = torch.tensor([[9.0, 9.0, -0.1], [0.0, 0.0, 0.25], [0.0, 0.0, 0.6]])
    assert region.contains(points).tolist() == [False, True, False]
    assert from_json(region.to_json()) == region
    inverted = from_json(Invert(region).to_json())
    assert inverted.contains(points).tolist() == [True, False, True]


@pytest.mark.parametrize("text", ["slab:0", "slab:low,high", "slab:0,1,2", '{"type": "slab", "low": 0}'])
def test_a_wrong_region_is_one_sentence(package, text):
    with pytest.raises(RegionError, match="slab"):
        parse_region(text)


def test_kinds_are_named_where_a_region_is_not_understood(package):
    with pytest.raises(RegionError, match="slab:"):
        parse_region("slob:0,1")
    with pytest.raises(RegionError, match="slab"):
        from_json({"type": "slob"})


def test_a_kind_that_is_none_is_refused(package, monkeypatch):
    monkeypatch.setattr(importlib.import_module("my_package.slab"), "SLAB", 3)
    with pytest.raises(ConfigError, match="of type RegionKind, got int in 'my_package.slab:SLAB'"):
        parse_region("slab:0,1")


def test_the_metric_is_in_the_report(package):
    before, after = torch.full((12, 12, 3), 0.25), torch.full((12, 12, 3), 0.75)
    view = HeldOutView("a", photo=before, base_render=before, edited_render=after)
    unknown = Unavailable("no truth", "bring one")
    report = edit_report([view, view], cost=Cost(edits_2d=1, seconds=1.0), unknown=unknown)
    assert report.others == {"brightness": 0.5}
    assert report.to_json()["others"] == {"brightness": 0.5}
    assert "brightness" in list(report.to_table().columns[0].cells)


def test_a_metric_that_cannot_be_loaded_says_why(package, monkeypatch):
    monkeypatch.delattr(importlib.import_module("my_package.brightness"), "brightness_change")
    score = other_scores([])["brightness"]
    assert isinstance(score, Unavailable)
    assert "my_package.brightness" in score.remedy


def test_ns_train_finds_the_method(package):
    from nerfstudio.plugins.registry import discover_methods

    configs, descriptions = discover_methods()
    assert configs["in2n-strong"].pipeline.guidance_scale == 12.5
    assert configs["in2n"].pipeline.guidance_scale != 12.5
    assert "more closely" in descriptions["in2n-strong"]


def test_the_methods_are_listed(package, capsys):
    assert main(["list", "methods"]) == 0
    words = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    assert ["in2n-strong", "edit", "Instruct-NeRF2NeRF that follows the instruction more closely"] in words
    assert ["flat", "base", "One colour"] in words


def test_the_method_edits(package, tiny_capture, tiny_base, tmp_path):
    words = ["edit", str(tiny_capture), "--base", str(tiny_base), "--instruction", "make it night"]
    words += ["--method", "in2n-strong", "--editor", "procedural", "--steps", "2", "--output", str(tmp_path / "out")]
    assert main(words) == 0
    (record,) = (tmp_path / "out").rglob("edit.json")
    assert read_record(record).steps == 2
    config = read_config(record.with_name("config.yml"))
    assert (config.method_name, config.pipeline.guidance_scale) == ("in2n-strong", 12.5)
    assert main(["resume", str(record.parent)]) == 0


def test_the_method_edits_what_the_other_reconstructs(package, tiny_capture):
    config = method_config("in2n-strong", BasedTrainerConfig)
    config.pipeline.datamanager.data, config.base_method = tiny_capture, "flat"
    config.choose(instruction="make it night")
    config.check_options()
    config.base_method = "in2n-strong"
    with pytest.raises(ConfigError, match="splat, .*, flat as base-method, got 'in2n-strong'"):
        config.check_options()


def test_a_method_that_is_none_is_left_out_with_a_warning(package, monkeypatch):
    monkeypatch.setattr(importlib.import_module("my_package.methods"), "FLAT", 3)
    with pytest.warns(UserWarning, match="of type MethodEntry, got int in 'my_package.methods:FLAT'"):
        names = available_methods()
    assert "flat" not in names
    assert "in2n-strong" in names


def test_a_method_that_cannot_edit_here_is_one_sentence(package, monkeypatch, tiny_capture, tmp_path, capsys):
    words = ["edit", str(tiny_capture), "--instruction", "make it night", "--method", "other"]
    words += ["--output", str(tmp_path / "out")]
    for target, message in {
        "my_package.lost:method": "Expected the method 'other' in 'my_package.lost:method', it cannot be loaded",
        "my_package.method:lost": "Expected the method 'other' in 'my_package.method:lost', it cannot be loaded",
        "my_package.flat:flat": "'other' to be of type BasedTrainerConfig, got PluginTrainerConfig",
    }.items():
        monkeypatch.setitem(METHODS, "other", MethodEntry("", target, "edit"))
        assert main(words) == 2
        assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(find_spec("bpy") is None, reason="needs Blender's module: pip install bpy==4.5.15")
def test_the_panel_appears_in_blender(package):
    bpy = importlib.import_module("bpy")
    seasons = importlib.import_module("seasons")
    parent = type(
        "EDITOR3D_PT_main",
        (bpy.types.Panel,),
        {
            "bl_space_type": "VIEW_3D",
            "bl_region_type": "UI",
            "bl_label": "Editor3D",
            "draw": lambda self, context: None,
        },
    )
    bpy.utils.register_class(parent)
    try:
        seasons.register()
        assert bpy.types.Panel.bl_rna_get_subclass_py("SEASONS_PT_panel").bl_parent_id == "EDITOR3D_PT_main"
        seasons.unregister()
    finally:
        bpy.utils.unregister_class(parent)


def test_the_panel_is_among_the_viewers_elements(package, tiny_capture):
    from copy import deepcopy

    from nerfstudio.viewer.utils import parse_object
    from nerfstudio.viewer.viewer_elements import ViewerElement

    from nerf_methods.voxel.method import voxel

    config = deepcopy(voxel.config)
    config.pipeline.datamanager.data = tiny_capture
    pipeline = config.pipeline.setup(device="cpu")
    shown = {element.name for _, element in parse_object(pipeline, ViewerElement, "Custom Elements")}
    assert {"Training views", "Count"} <= shown
    panel = pipeline.other_panels["counter"]
    panel.count.cb_hook(panel.count)
    assert panel.views.value == len(pipeline.datamanager.train_dataset) > 0
    assert not panel.state_dict()


def test_the_representation_is_rendered_and_trained(package, tiny_capture):
    from copy import deepcopy

    flat = importlib.import_module("my_package.flat").flat
    config = deepcopy(flat.config)
    config.pipeline.datamanager.data = tiny_capture
    pipeline = config.pipeline.setup(device="cpu")
    picture = pipeline.model.render(pipeline.datamanager.train_dataset.cameras[0:1])["rgb"]
    assert torch.equal(picture, torch.full_like(picture, 0.5))
    _, losses, _ = pipeline.get_train_loss_dict(0)
    sum(losses.values()).backward()
    assert pipeline.model.color.grad.abs().sum() > 0
