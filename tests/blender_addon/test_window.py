"""The add-on in a Blender with a window: Debian's 3.4, on a screen that nobody sees."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
NEEDED = {"blender": "blender", "Xvfb": "xvfb", "xdotool": "xdotool"}
MISSING = [package for program, package in NEEDED.items() if shutil.which(program) is None]
pytestmark = [
    pytest.mark.timeout(1500),
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"a Blender with a window needs: apt-get install {' '.join(MISSING)}"),
]


@pytest.fixture(scope="module")
def found(addon_zip: Path, tmp_path_factory) -> dict:
    """What the story of gui.py found."""
    home = tmp_path_factory.mktemp("window")
    pictures = ROOT / "outputs" / "blender"
    pictures.mkdir(parents=True, exist_ok=True)
    (home / "runtime").mkdir(mode=0o700)
    (home / "temporary").mkdir()
    settings = {
        "zip": str(addon_zip),
        "command": str(Path(sys.executable).parent),
        "pictures": str(pictures),
        "result": str(home / "found.json"),
    }
    (home / "settings.json").write_text(json.dumps(settings))
    environment = {
        **os.environ,
        "HOME": str(home),
        "TMPDIR": str(home / "temporary"),  # Blender's own temporary folder stays where it ends by os._exit
        "XDG_RUNTIME_DIR": str(home / "runtime"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "BLENDER_USER_CONFIG": str(home / "blender"),
        "BLENDER_USER_SCRIPTS": str(home / "scripts"),
        "LIBGL_ALWAYS_SOFTWARE": "1",
        "DISPLAY": "",
    }
    screen = subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        environment["DISPLAY"] = f":{screen.stdout.readline().strip()}"
        script = Path(__file__).with_name("gui.py")
        words = ["blender", "--window-geometry", "0", "0", "1280", "900", "--python", str(script), "--"]
        done = subprocess.run(
            [*words, str(home / "settings.json")], env=environment, capture_output=True, text=True, timeout=1200
        )
    finally:
        screen.terminate()
        screen.wait()
    assert Path(settings["result"]).is_file(), done.stdout[-3000:] + done.stderr[-3000:]
    body = json.loads(Path(settings["result"]).read_text())
    assert "traceback" not in body, body["traceback"]
    (pictures / "found.json").write_text(json.dumps(body))
    return body


def test_the_panel_is_drawn(found):
    assert found["drawn"]
    for name in ("idle.png", "pending.png", "accepted.png"):
        with Image.open(ROOT / "outputs" / "blender" / name) as picture:
            assert picture.size == (1280, 900)


def test_a_run_ends_in_a_result_that_waits(found):
    assert found["phase"] == "pending", found["message"]
    assert found["untouched"]


def test_pictures_that_come_have_no_3d_view_drawn_anew(found):
    """A heavy scene takes long to draw: only the sidebar, whose panel has something new to show, is drawn."""
    assert found["views_drawn"] == dict.fromkeys(("idle", "redraws", "run", "rest"), 0)


def test_a_result_is_tried_on_and_taken_off(found):
    assert found["tried"]
    assert found["taken_off"]


def test_one_undo_step_leads_back_to_the_exact_scene(found):
    assert found["accepted"]
    assert found["undone"]
    assert found["redone"]


def test_escape_stops_a_run(found):
    assert found["stopped"] == "Stopped."
    assert found["esc_engine_seconds"] < 20  # how quickly is for a benchmark to say
