"""Importing the project leaves the process that imports it as it was, and needs no extra."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("editor3d", "gaussian", "mesh", "nerf_methods")
WHERE_BLENDER_IS = (
    "editor3d.programs.worker.",
    "editor3d.datasets.demo.",
)
"""Modules that may ask for Blender when they are imported; nothing else imports them at once."""
EXTRAS = ("bpy", "mathutils", "cma", "mediapipe", "pytorch3d", "pxr")

IMPORTING = """
import importlib, json, os, sys

root, names, blocked, may_need_blender = json.loads(sys.stdin.read())
lines, by_others = [], set()

def seen(event, args):
    if event not in ("os.putenv", "os.unsetenv"):
        return
    frame = sys._getframe(1)
    while frame.f_globals.get("__name__") in ("os", "collections.abc"):
        frame = frame.f_back
    place = os.path.relpath(frame.f_code.co_filename, root)
    if place.split(os.sep)[0] in PACKAGES:
        lines.append(f"{place}:{frame.f_lineno} sets {os.fsdecode(args[0])}")
    else:
        by_others.add(os.fsdecode(args[0]))

for name in blocked:
    sys.modules[name] = None
before = dict(os.environ)
sys.addaudithook(seen)
for name in names:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in blocked or not name.startswith(tuple(may_need_blender)):
            raise
after = dict(os.environ)
changed = {name for name in before | after if before.get(name) != after.get(name)}
print(json.dumps([lines, sorted(changed - by_others)]))
""".replace("PACKAGES", repr(PACKAGES))


def import_elsewhere(*names: str, root: Path = ROOT) -> tuple[list[str], list[str]]:
    """Import modules that lie below `root` in a fresh process without the extras.

    Returns:
        Lines of the project that changed the environment, and variables that changed through no line of a library.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "NUMBA_CACHE_DIR") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", IMPORTING],
        input=json.dumps([str(root), names, EXTRAS, WHERE_BLENDER_IS]),
        env={**kept, "THERE": "1"},
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines, changed = json.loads(done.stdout.splitlines()[-1])
    return lines, changed


def every_module() -> list[str]:
    files = [path.relative_to(ROOT) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    names = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in files]
    return [name for name in names if not name.endswith("__main__")]


@pytest.mark.parametrize("package", [*PACKAGES, "editor3d.cli", "editor3d.registry"])
def test_a_package_alone_changes_no_variable(package):
    assert import_elsewhere(package) == ([], [])


@pytest.mark.slow
def test_no_module_changes_a_variable_or_needs_an_extra():
    names = every_module()
    assert len(names) > 300
    assert import_elsewhere(*names) == ([], [])


@pytest.mark.parametrize(
    "line",
    [
        "os.environ['NEW'] = '1'",
        "os.environ.setdefault('NEW', '1')",
        "os.environ.update(NEW='1')",
        "os.environ.pop('THERE')",
        "os.putenv('NEW', '1')",
    ],
)
def test_a_line_that_changes_one_is_found(line, tmp_path):
    """Otherwise the tests above would hold of anything."""
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh/__init__.py").write_text(f"import os\n{line}\n")
    lines, _ = import_elsewhere("mesh", root=tmp_path)
    assert [text.split(" sets ")[0] for text in lines] == ["mesh/__init__.py:2"]
