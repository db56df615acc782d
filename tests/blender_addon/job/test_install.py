"""The engine's own environment: made, filled, stopped, and found again."""

from __future__ import annotations

from pathlib import Path

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "editor3d"
version = "0.1"
"""
BACKEND = '''
"""Builds a wheel without anything from elsewhere."""
import zipfile

def build_wheel(folder, settings=None, metadata=None):
    name = "editor3d-0.1-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("editor3d_small.py", "def main():\\n    print('here')\\n")
        info = "editor3d-0.1.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: editor3d\\nVersion: 0.1\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\\neditor3d = editor3d_small:main\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
'''


def test_an_engine_is_installed_found_again_and_stopped(blender, tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "backend.py").write_text(BACKEND)
    told = blender.run(
        """
        import threading
        install, engine, preferences = part("job.install"), part("job.engine"), part("ui.preferences")
        settings = bpy.context.preferences.addons["bl_ext.user_default.editor3d_panel"].preferences
        result["polls"] = [bpy.ops.editor3d.install.poll()]
        settings.source, settings.folder = names["source"], names["folder"] + "/engine"
        result["polls"].append(bpy.ops.editor3d.install.poll())
        bpy.ops.editor3d.install()
        preferences.current.join(200)
        result["state"], result["message"] = preferences.current.state, preferences.current.details
        result["command"] = engine.find_command(preferences.command())
        settings.source = settings.folder = ""
        result["again"] = engine.find_command(preferences.command())
        other = install.Install(names["folder"] + "/empty", "/nowhere.whl")
        other.run()
        result["failed"] = [other.state, other.message, os.path.exists(other.folder)]
        full = install.Install(names["source"], names["source"])
        full.run()
        result["full"] = [full.state, full.message, os.path.exists(names["source"] + "/backend.py")]
        stopped = install.Install(names["folder"] + "/stopped", names["source"])
        stopped.start()
        time.sleep(0.3)
        stopped.cancel()
        stopped.join(60)
        result["stopped"] = [stopped.state, os.path.exists(stopped.folder)]
        """,
        source=tmp_path,
        folder=tmp_path / "places",
    )
    assert told["polls"] == [False, True]
    assert told["state"] == "done", told["message"]
    assert Path(told["command"]).is_file()
    assert told["again"] == told["command"]
    assert told["failed"][0] == "failed"
    assert told["failed"][2] is False
    assert "other files" in told["full"][1]
    assert told["full"][2]
    assert told["stopped"] == ["stopped", False]
