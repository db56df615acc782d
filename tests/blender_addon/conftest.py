"""Blender in processes of its own: as a Python module it may hang at its end, so scripts end by `os._exit` after they
wrote their result, and the result file is what counts."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ADDON = ROOT / "blender_addon"
MODULE = "bl_ext.user_default.editor3d_panel"

_PRELUDE = """
import importlib, json, os, sys, time, traceback
names = json.loads({names!r})
result = {{}}
import bpy

def part(name):
    return importlib.import_module({module!r} + "." + name)

def wait(session, seconds=120):
    end = time.monotonic() + seconds
    while session.running and time.monotonic() < end:
        part("job.session").tick()
        time.sleep(0.05)

try:
    if names["enabled"]:
        bpy.ops.preferences.addon_enable(module={module!r})
    exec(compile(open({code!r}).read(), {code!r}, "exec"))
except BaseException:
    result = {{"traceback": traceback.format_exc()}}
with open({result!r}, "w") as file:
    json.dump(result, file)
sys.stdout.flush()
os._exit(0)
"""


@dataclass
class Blender:
    """Runs scripts in Blender as a module, in a home of its own."""

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        runtime = self.home / "runtime"
        runtime.mkdir(exist_ok=True, mode=0o700)
        temporary = self.home / "tmp"
        temporary.mkdir(exist_ok=True)
        own = {
            "TMPDIR": str(temporary),
            "HOME": str(self.home),
            "BLENDER_USER_RESOURCES": str(self.home / "blender"),
            "XDG_RUNTIME_DIR": str(runtime),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
        }
        return {**os.environ, "OMP_NUM_THREADS": "1", **own}

    def run(self, code: str, enabled: bool = True, timeout: int = 240, **names: Any) -> dict[str, Any]:
        """What the script puts into `result`; it sees `names`, `part(module of the add-on)` and `wait(session)`."""
        folder = self.home / "scripts"
        folder.mkdir(exist_ok=True)
        stem = f"script-{len(list(folder.glob('*.json')))}"
        source, script, result = (folder / f"{stem}{suffix}" for suffix in (".source.py", ".py", ".json"))
        source.write_text(textwrap.dedent(code))
        values = json.dumps({"enabled": enabled, **names}, default=str)
        script.write_text(_PRELUDE.format(names=values, module=MODULE, code=str(source), result=str(result)))
        done = subprocess.run(
            [sys.executable, str(script)], env=self.environment, capture_output=True, text=True, timeout=timeout
        )
        assert result.is_file(), done.stdout + done.stderr
        body = json.loads(result.read_text())
        assert "traceback" not in body, body.get("traceback")
        return body


@pytest.fixture(scope="session")
def build() -> dict[str, Any]:
    """The names that the program which builds the zip defines."""
    return runpy.run_path(str(ADDON / "build_zip.py"))


@pytest.fixture(scope="session")
def addon_zip(build, tmp_path_factory) -> Path:
    return build["build"](tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def installed(addon_zip: Path, tmp_path_factory) -> Path:
    """A home in which Blender has the add-on installed. Not to be changed: see `blender`."""
    if find_spec("bpy") is None:
        pytest.skip("Blender's Python module is not installed: pip install editor3d[blender]")
    home = tmp_path_factory.mktemp("blender")
    told = Blender(home).run(
        """
        bpy.ops.extensions.package_install_files(filepath=names["zip"], repo="user_default", enable_on_install=True)
        result = {"enabled": [addon.module for addon in bpy.context.preferences.addons]}
        """,
        enabled=False,
        zip=addon_zip,
    )
    assert MODULE in told["enabled"]
    return home


@pytest.fixture
def blender(installed: Path, tmp_path: Path) -> Blender:
    """Blender in a copy of that home."""
    home = tmp_path / "home"
    shutil.copytree(installed, home)
    return Blender(home)
