"""The zip: what is in it, that Blender's own tool finds it valid, and that nothing is left when it is switched off."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ADDON = ROOT / "blender_addon"
SOURCES = sorted(ADDON.rglob("*.py"))
WITH_NUMPY = {
    *(ADDON / "formats" / name for name in ("harmonics.py", "motions.py", "splats.py")),
    *(ADDON / "scene" / "splats" / name for name in ("attributes.py", "layers.py", "reading.py")),
}
"""Imported only where there are splats: a distribution's Blender may lack numpy."""


def test_building_twice_gives_the_same_bytes(build, tmp_path: Path):
    one, two = (build["build"](tmp_path / name).read_bytes() for name in ("one", "two"))
    assert one == two


def test_the_zip_holds_the_licence_the_manifest_and_no_tools(addon_zip: Path):
    with zipfile.ZipFile(addon_zip) as archive:
        names = set(archive.namelist())
    assert {f"editor3d_panel/{name}" for name in ("LICENSE", "__init__.py", "blender_manifest.toml")} <= names
    assert not {name for name in names if "build_zip" in name or "__pycache__" in name}
    assert addon_zip.stat().st_size < 200_000


@pytest.mark.skipif(find_spec("bpy") is None, reason="Blender's Python module is not installed")
def test_blenders_own_tool_finds_it_valid(addon_zip: Path):
    (tool,) = Path(find_spec("bpy").origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py")
    done = subprocess.run([sys.executable, str(tool), "validate", str(addon_zip)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Success" in done.stdout


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ADDON).as_posix())
def test_sources_state_their_licence_and_import_blender_and_the_standard_library_alone(path: Path):
    text = path.read_text(encoding="utf-8")
    assert "SPDX-License-Identifier: GPL-3.0-or-later" in text.splitlines()[2]
    allowed = {*sys.stdlib_module_names, "bpy", "mathutils", *({"numpy"} if path in WITH_NUMPY else ())}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            assert node.level > 0 or node.module.partition(".")[0] in allowed


@pytest.mark.parametrize("path", [path for path in SOURCES if path.name != "build_zip.py"], ids=lambda path: path.stem)
def test_sources_are_python_of_the_oldest_blender(path: Path):
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 10))


def test_twenty_rounds_of_switching_on_and_off_leave_nothing(blender):
    told = blender.run(
        """
        import gc, threading
        module = names["module"]
        def seen():
            kinds = [bpy.types.Operator, bpy.types.Panel, bpy.types.PropertyGroup, bpy.types.AddonPreferences,
                     bpy.types.Menu, bpy.types.UIList, bpy.types.Header]
            keys = bpy.context.window_manager.keyconfigs
            return {
                "classes": sorted(f"{k.__module__}.{k.__name__}" for kind in kinds for k in kind.__subclasses__()
                                  if getattr(k, "is_registered", True)),
                "types": sorted(name for name in dir(bpy.types) if "editor3d" in name.lower()),
                "operators": sorted(name for name in dir(bpy.ops) if "editor3d" in name.lower()),
                "properties": sorted(bpy.types.WindowManager.bl_rna.properties.keys())
                              + sorted(bpy.types.Scene.bl_rna.properties.keys())
                              + sorted(bpy.types.Object.bl_rna.properties.keys()),
                "handlers": {name: len(getattr(bpy.app.handlers, name)) for name in dir(bpy.app.handlers)
                             if isinstance(getattr(bpy.app.handlers, name), list)},
                "keymaps": sum(len(m.keymap_items) for c in (keys.user, keys.addon) if c for m in c.keymaps),
                "threads": threading.active_count(),
                "data": {name: len(getattr(bpy.data, name)) for name in ("images", "meshes", "materials", "texts")},
            }
        def timers():
            return bpy.app.timers.is_registered(part("job.session").tick)
        before, on = seen(), []
        for _ in range(20):
            bpy.ops.preferences.addon_enable(module=module)
            on.append("EDITOR3D_PT_main" in dir(bpy.types))
            if _ % 5 == 0:  # with something begun, that switching off has to end
                bpy.context.window_manager.editor3d.instruction = "turn it into gold"
                bpy.context.preferences.addons[module].preferences.command = "/nowhere"
                bpy.ops.editor3d.run()
                started = timers()
            tick = part("job.session").tick
            bpy.ops.preferences.addon_disable(module=module)
            on.append(bpy.app.timers.is_registered(tick))
        time.sleep(0.5)
        after = seen()
        result = {"on": on, "started": started, "before": before, "after": after}
        """,
        enabled=False,
        module="bl_ext.user_default.editor3d_panel",
    )
    assert told["on"] == [True, False] * 20
    assert told["started"]
    assert told["after"] == told["before"]


def test_without_an_engine_the_panel_says_how_to_get_it(blender):
    told = blender.run(
        """
        os.environ["PATH"] = "/nowhere"
        chosen = bpy.context.window_manager.editor3d
        chosen.instruction = "turn it into gold"
        result["found"] = part("job.engine").is_found("")
        bpy.ops.editor3d.run()
        session = part("job.session").session
        wait(session)
        result |= {"missing": session.missing, "phase": session.phase}
        bpy.ops.editor3d.copy_install_command()
        result["command"] = part("ui.preferences").install_command()
        """
    )
    assert told["found"] is False
    assert told["missing"]
    assert told["phase"] == "idle"
    assert told["command"].startswith("python3.11 -m venv ")


def test_choices_go_with_the_file_and_keys_do_not(blender, tmp_path: Path):
    told = blender.run(
        """
        chosen = bpy.context.window_manager.editor3d
        chosen.instruction, chosen.what, chosen.shape = "make it night", "REFINE", 0.25
        chosen.inside = bpy.data.objects["Cube"]
        bpy.context.preferences.addons["bl_ext.user_default.editor3d_panel"].preferences.service_key = "a-password"
        bpy.ops.wm.save_as_mainfile(filepath=names["file"], compress=False)
        chosen.instruction, chosen.what, chosen.shape = "other", "MESH", 0.0
        bpy.ops.wm.read_homefile()
        bpy.ops.wm.open_mainfile(filepath=names["file"])
        chosen = bpy.context.window_manager.editor3d
        result = {"choices": [chosen.instruction, chosen.what, round(chosen.shape, 4), chosen.inside.name],
                  "key": b"a-password" in open(names["file"], "rb").read(), "secrets": part("ui.preferences").secrets()}
        """,
        file=tmp_path / "file.blend",
    )
    assert told["choices"] == ["make it night", "REFINE", 0.25, "Cube"]
    assert told["key"] is False
    assert told["secrets"] == {"EDITOR3D_SERVICE_KEY": "a-password"}
