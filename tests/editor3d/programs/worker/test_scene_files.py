"""What a scene refers to is seen in its renders, or named; what a stranger's scene must not read is not read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from editor3d.programs.core.contracts import RenderSettings
from editor3d.programs.rendering.pool import Workers
from editor3d.programs.rendering.scene_notes import notes

pytest.importorskip("bpy")

SETTINGS = RenderSettings(width=48, height=48, samples=1)
HEAD = """
import bpy, os, shutil, sys
from pathlib import Path
from PIL import Image
place = Path(sys.argv[1])

def picture(name, color=(255, 0, 0)):
    (place / name).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), color).save(place / name)

def save(name="scene.blend"):
    bpy.ops.wm.save_as_mainfile(filepath=str(place / name))

def factory():
    bpy.ops.wm.read_factory_settings()
    save()
    return bpy.data.objects["Cube"]

def show(image):
    tree = bpy.data.materials["Material"].node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    tree.links.new(node.outputs[0], tree.nodes["Principled BSDF"].inputs["Base Color"])
    return node

cube = factory()
"""
TAIL = "\nsave()\nos._exit(0)\n"
RED = {
    "a relative path": "picture('a.png')\nshow(bpy.data.images.load('//a.png'))",
    "a path of Windows": "picture('t/a.png')\ni = bpy.data.images.load('//t/a.png')\nshow(i)\n"
    "i.filepath = '//t\\\\a.png'",
    "a packed picture": "picture('a.png')\ni = bpy.data.images.load('//a.png')\ni.pack()\nshow(i)\n"
    "os.unlink(place / 'a.png')",
    "a picture above, by ..": "picture('../red.png')\nshow(bpy.data.images.load('//../red.png'))",
    "tiles": "picture('u.1001.png')\npicture('u.1002.png', (0, 255, 0))\ni = bpy.data.images.load('//u.1001.png')\n"
    "i.source = 'TILED'\ni.filepath = '//u.<UDIM>.png'\nshow(i)",
    "a sequence": "for k in (1, 2, 3): picture(f's/f{k:04d}.png', (255, 0, 0) if k == 1 else (0, 255, 0))\n"
    "i = bpy.data.images.load('//s/f0001.png')\ni.source = 'SEQUENCE'\nuser = show(i).image_user\n"
    "user.frame_duration, user.frame_start, user.use_auto_refresh = 3, 1, True",
    "a linked library with its own picture": """
picture("lib/t/a.png")
save("lib/lib.blend")
show(bpy.data.images.load("//t/a.png"))
cube.name = "Linked"
save("lib/lib.blend")
factory()
bpy.data.objects.remove(bpy.data.objects["Cube"])
save()
with bpy.data.libraries.load(str(place / "lib/lib.blend"), link=True, relative=True) as (there, wanted):
    wanted.objects = ["Linked"]
bpy.context.scene.collection.objects.link(wanted.objects[0])
""",
    "a broken file beside a good one": "picture('a.png')\nshow(bpy.data.images.load('//a.png'))\npicture('b.png')\n"
    "bpy.data.images.load('//b.png').use_fake_user = True\nos.unlink(place / 'b.png')",
}
"""Scenes whose cube is red by a picture."""
NAMED = {
    "a missing picture": (
        "picture('a.png')\nshow(bpy.data.images.load('//a.png'))\nos.unlink(place / 'a.png')",
        "a.png",
    ),
    "a missing volume": (
        "v = bpy.data.volumes.new('V')\nv.filepath = '//smoke.vdb'\n"
        "bpy.context.scene.collection.objects.link(bpy.data.objects.new('V', v))",
        "smoke.vdb",
    ),
    "a named pipe": (
        "picture('a.png')\nshow(bpy.data.images.load('//a.png'))\nos.unlink(place / 'a.png')\n"
        "os.mkfifo(place / 'a.png')",
        "a.png",
    ),
    "a link out of the folder": (
        "picture('../red.png')\npicture('a.png')\nshow(bpy.data.images.load('//a.png'))\nos.unlink(place / 'a.png')\n"
        "os.symlink('../red.png', place / 'a.png')",
        "a.png",
    ),
    "a folder": ("picture('a.png')\ni = bpy.data.images.load('//a.png')\nshow(i)\ni.filepath = '/usr/'", "/usr"),
    "a script that opens with the file": (
        "t = bpy.data.texts.new('hook.py')\nt.write('open(\"/tmp/x\", \"w\")')\nt.use_module = True",
        "hook.py",
    ),
    "a driver in Python": (
        "cube.driver_add('location', 0).driver.expression = '__import__(\"os\").getpid()'\n"
        "cube.driver_add('location', 1).driver.expression = 'frame * 0.1'",
        "location of Cube.",
    ),
    "a compositor on the GPU": (
        "bpy.context.scene.use_nodes = True\nbpy.context.scene.render.compositor_device = 'GPU'\n"
        "bpy.context.scene.node_tree.nodes.new('CompositorNodeBlur')",
        "CPU",
    ),
}
"""Scenes of which something is left out or done otherwise, and what the one note on it says."""
PLAIN = {
    "Blender's own default scene": "bpy.data.lights['Light'].energy = 400",
    "two scenes": "bpy.data.scenes.new('Other')",
    "another engine": "bpy.context.scene.render.engine = 'BLENDER_WORKBENCH'",
    "a GPU and a denoiser": "s = bpy.context.scene\ns.render.engine = 'CYCLES'\ns.cycles.device = 'GPU'\n"
    "s.cycles.use_denoising = True",
    "a huge picture": "r = bpy.context.scene.render\nr.resolution_x = r.resolution_y = 60000",
    "lines by Freestyle": "bpy.context.scene.render.use_freestyle = True",
    "a text from a font's file": "c = bpy.data.curves.new('T', 'FONT')\nc.body = 'AB'\n"
    "c.font = bpy.data.fonts.load(FONT)\nbpy.context.scene.collection.objects.link(bpy.data.objects.new('T', c))",
}
"""Scenes that need no word."""


def built(code: str, folder: Path) -> Path:
    """The scene that a script makes in a folder of its own."""
    place = folder / "scene"
    place.mkdir()
    environment = os.environ | {"TMPDIR": str(folder)}
    words = [sys.executable, "-c", f"{HEAD}{code}{TAIL}", str(place)]
    run = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    return place / "scene.blend"


def red(image: np.ndarray) -> bool:
    middle = image[20:28, 20:28].reshape(-1, 3).mean(axis=0)
    return bool(middle[0] > 3 * middle[1] and middle[0] > 3 * middle[2])


def most_are_slow(names) -> list:
    """The first of them in every run: each takes Blender three times."""
    first, *others = names
    return [first, *(pytest.param(name, marks=pytest.mark.slow) for name in others)]


@pytest.mark.parametrize("name", most_are_slow(RED))
def test_pictures_that_a_scene_refers_to_are_seen(name, tmp_path):
    with Workers(built(RED[name], tmp_path), SETTINGS, allow_weaker_sandbox=True) as workers:
        told = workers.render("import bpy")
        assert told.status == "ok", told
        assert red(told.image)
        assert len(workers.notes) == ("broken" in name)


@pytest.mark.parametrize("name", most_are_slow(NAMED))
def test_what_is_left_out_is_named(name, tmp_path):
    code, said = NAMED[name]
    with Workers(built(code, tmp_path), SETTINGS, allow_weaker_sandbox=True) as workers:
        told = workers.render("import bpy")
        assert told.status == "ok", told
        assert not red(told.image)
        (note,) = workers.notes
        assert said in note


@pytest.mark.parametrize("name", most_are_slow(PLAIN))
def test_ordinary_scenes_are_rendered_without_a_word(name, tmp_path):
    font = next(iter(Path("/usr/share/fonts").rglob("*.ttf")), None)
    if "font" in name and font is None:
        pytest.skip("no font on this system")
    code = f"FONT = str(place / 'own.ttf')\nshutil.copy({str(font)!r}, FONT)\n" if "font" in name else ""
    with Workers(built(code + PLAIN[name], tmp_path), SETTINGS, allow_weaker_sandbox=True) as workers:
        told = workers.render("import bpy\nbpy.data.lights['Light'].energy *= 0.5")
        assert told.status == "ok", told
        assert workers.notes == []


def test_a_scene_of_a_newer_blender_is_said_with_both_versions():
    facts = {
        "saved_by": [5, 2], "opened_by": [4, 5, 15], "unknown_nodes": ["Radial Tiling of \x1b[2JWood"],
        "gpu_compositor": False, "still_drivers": [], "scripts": [],
    }  # fmt: skip
    (note,) = notes(facts)
    assert "saved by Blender 5.2" in note
    assert "opened by 4.5.15" in note
    assert "Radial Tiling of  [2JWood" in note
    assert notes({**facts, "saved_by": [4, 5], "unknown_nodes": []}) == []
    assert "does not know" in notes({**facts, "saved_by": [4, 5]})[0]
    (many,) = notes({**facts, "saved_by": [4, 5], "unknown_nodes": []}, missing=[f"{n}.png" for n in range(9)])
    assert "and 4 more" in many


def test_a_folder_of_a_scene_s_own_is_all_that_a_cache_may_be(tmp_path):
    from editor3d.programs.worker.files import _allowed

    (tmp_path / "scene/cache").mkdir(parents=True)
    root = str(tmp_path / "scene")
    assert _allowed(f"{root}/cache", "//cache", root)
    assert not _allowed(root, "//", root)
    assert not _allowed(str(tmp_path), "//..", root)
    assert not _allowed("/dev/zero", "/dev/zero", root)
