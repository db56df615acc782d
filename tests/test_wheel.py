"""The wheel holds everything that runs need and nothing else, and works where there is no checkout."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from editor3d.run.record import read_record

pytest.importorskip("hatchling", reason="building a wheel needs hatchling: pip install editor3d[dev]")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PACKAGES = ("editor3d", "gaussian", "mesh", "nerf_methods")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def run(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Runs Python where the wheel is installed, beside this environment's other packages, in an empty folder; returns
    what it writes on its standard output."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, symlinks=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    # a path in a .pth file is searched, but its own .pth files, as the one of an editable checkout, are not read
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    folder = tmp_path_factory.mktemp("elsewhere")
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}

    def run_python(*words: str, timeout: int = 120) -> str:
        command = [str(home / "bin" / "python"), *words]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run_python


def test_it_holds_the_packages_their_data_and_the_presets_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if not PurePosixPath(name).parts[0].endswith(".dist-info")}
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()]
    wanted = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    wanted = {name for name in wanted if not name.startswith("editor3d/studio/page/")}  # as it was built, it is there
    presets = ROOT / "configs"
    wanted |= {f"editor3d/_configs/{path.relative_to(presets).as_posix()}" for path in presets.rglob("*.yaml")}
    assert len(wanted) > 500
    assert held == wanted


def test_it_is_what_runs_and_the_checkout_is_not_seen(run: Callable[..., str]) -> None:
    code = (
        "import importlib.util as u, json, editor3d\n"
        "names = ('lab', 'tests.pixel_prior', 'blender_addon', 'benchmarks')\n"
        "def found(name):\n"
        "    try:\n        return u.find_spec(name) is not None\n"
        "    except ModuleNotFoundError:\n        return False\n"
        "print(json.dumps([editor3d.__file__, [name for name in names if found(name)]]))"
    )
    file, seen = json.loads(run("-c", code))
    assert not Path(file).is_relative_to(ROOT)
    assert seen == []


def test_commands_find_what_comes_with_it(run: Callable[..., str]) -> None:
    assert "edit" in run("-m", "editor3d.cli", "--help")
    assert "in2n-paper" in run("-m", "editor3d.cli", "list", "presets")
    assert "igs2gs" in run("-m", "editor3d.cli", "list", "methods")
    editors = run("-m", "editor3d.cli", "list", "editors")
    assert re.search(r"^tiny-ip2p +ready ", editors, re.MULTILINE)
    assert "procedural-noisy" not in editors


def test_it_edits_the_demo(run: Callable[..., str], tmp_path: Path) -> None:
    words = ["edit", "demo", "--instruction", "make the teapot gold", "--editor", "procedural", "--force"]
    run("-m", "editor3d.cli", *words, "--steps", "6", "--base-steps", "6", "--output", str(tmp_path), timeout=500)
    (record,) = tmp_path.rglob("edit.json")
    assert read_record(record).steps == 6
    assert {"before_after.png", "config.yml", "scene.ply"} <= {path.name for path in record.parent.iterdir()}
