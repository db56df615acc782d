"""The ways through the add-on in every Blender that is there, as a table: `pytest -s -m slow` prints it.

It takes some ten minutes a Blender, so it runs only where slow tests are asked for. Blenders: this environment's
module, the system's own program, and those that `editor3d blender install` made. The engine is one process for all,
which ends by itself.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from editor3d.programs.blenders.environments import FOLDER_VARIABLE, folder, installed

SCRIPT = Path(__file__).with_name("journeys.py")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1900)]


WAYS = ("install", "style", "compare", "accept", "undo", "rerun", "material", "lights", "geometry_nodes", "data_set")
WAYS += ("video_output", "points", "mesh", "splats", "send_back")


def blenders() -> dict[str, list[str]]:
    """Version and the words that run a script in it."""
    found = {"4.5": [sys.executable]}
    for one in installed():
        found[f"{one.version[0]}.{one.version[1]}"] = [str(one.python)]
    program = shutil.which("blender")
    if program is not None:
        found["3.4"] = [program, "--background", "--python-exit-code", "1", "--python"]
    return dict(sorted(found.items()))


def pytest_generate_tests(metafunc):
    asked = metafunc.config.getoption("-m") or ""
    found = blenders() if "slow" in asked and "not slow" not in asked else {}
    # without any, pytest skips the test
    metafunc.parametrize("words", found.values(), ids=found.keys(), scope="module")


@pytest.fixture(scope="module")
def scene_of_splats(tmp_path_factory) -> Path:
    """A ball of splats in the file format's own order, of random colours."""
    generator = np.random.default_rng(0)
    names = ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"]
    names += [*(f"scale_{k}" for k in range(3)), *(f"rot_{k}" for k in range(4))]
    rows = generator.normal(size=(1500, len(names))).astype("<f4")
    rows[:, :3] /= np.linalg.norm(rows[:, :3], axis=1, keepdims=True)
    rows[:, 3:6], rows[:, 9], rows[:, 10:13] = 0.0, 3.0, -2.5
    head = ["ply", "format binary_little_endian 1.0", "element vertex 1500", *(f"property float {n}" for n in names)]
    path = tmp_path_factory.mktemp("splats") / "ball.ply"
    path.write_bytes("\n".join([*head, "end_header\n"]).encode() + rows.tobytes())
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """What all Blenders share: the engine's place, and a picture."""
    home = tmp_path_factory.mktemp("journeys")
    (home / "runtime").mkdir(mode=0o700)
    Image.fromarray(np.full((64, 64, 3), 60, np.uint8)).save(home / "target.png")
    return home


@pytest.fixture(scope="module")
def table():
    """What became of each way, by version; printed when all are through."""
    found: dict[str, dict] = {}
    yield found
    print(f"\n{'':16}" + "".join(f"{version:>9}" for version in found))
    for way in WAYS:
        row = ["yes" if told["journeys"].get(way) == "ok" else "NO" for told in found.values()]
        print(f"{way.replace('_', ' '):16}" + "".join(f"{cell:>9}" for cell in row))
    seconds = [sum(told["seconds"].values()) for told in found.values()]
    print(f"{'seconds':16}" + "".join(f"{value:9.0f}" for value in seconds), flush=True)


def test_every_way_leads_to_its_end(
    words: list[str], addon_zip: Path, tiny_base: Path, scene_of_splats: Path, home: Path, table: dict
):
    own = home / f"blender-{len(table)}"
    own.mkdir()
    settings = {
        "zip": str(addon_zip),
        "command": str(Path(sys.executable).parent),
        "capture": str(tiny_base),
        "splats": str(scene_of_splats),
        "target": str(home / "target.png"),
        "folder": str(own),
        "result": str(own / "told.json"),
    }
    (own / "settings.json").write_text(json.dumps(settings))
    environment = {
        **os.environ,
        "HOME": str(own),
        "BLENDER_USER_RESOURCES": str(own / "blender"),
        "BLENDER_USER_CONFIG": str(own / "config"),
        "BLENDER_USER_SCRIPTS": str(own / "scripts"),
        "XDG_RUNTIME_DIR": str(home / "runtime"),
        "XDG_CACHE_HOME": str(home / "cache"),
        FOLDER_VARIABLE: str(folder()),
        "OMP_NUM_THREADS": "1",
    }
    tail = ["--"] if "--background" in words else []
    ran = subprocess.run(
        [*words, str(SCRIPT), *tail, str(own / "settings.json")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=1800,
    )
    result = own / "told.json"
    assert result.is_file(), ran.stdout[-1500:] + ran.stderr[-1500:]
    told = json.loads(result.read_text())
    table[told["version"]] = told
    failed = {name: text for name, text in told["journeys"].items() if text != "ok"}
    assert not failed, json.dumps(failed, indent=1)
    assert tuple(told["journeys"]) == WAYS, ran.stdout[-1500:] + ran.stderr[-1500:]
