"""Candidates rendered by warm workers: the same pixels as fresh ones, nothing kept from one to the next."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from editor3d.errors import ConfigError, DataError
from editor3d.programs.core.contracts import Renderer, RenderSettings
from editor3d.programs.rendering.pool import Workers

SETTINGS = RenderSettings(width=48, height=40, samples=2, seed=3)
EDITS = {
    "lighting": "import bpy\nbpy.data.objects['Key'].data.energy = 900\nbpy.data.objects['Fill'].data.type = 'POINT'",
    "material": "import bpy\nbpy.data.materials['Subject'].node_tree.nodes.clear()",
    "geometry_nodes": "import bpy\nbpy.data.objects['Subject'].modifiers.clear()",
    "placement": "import bpy\nbpy.data.objects.remove(bpy.data.objects['Post'])\n"
    "for v in bpy.data.meshes['Block'].vertices: v.co.z *= 2\nbpy.data.objects['Subject'].hide_render = True",
    "shape_keys": "import bpy\nkey = bpy.data.objects['Subject'].data.shape_keys.key_blocks['Wider']\n"
    "key.value = 1.0\nfor point in key.data: point.co.x *= 0.5",
}


def run_blender(code: str, folder: Path) -> None:
    """Run a script that ends by os._exit, where Blender leaves its own temporary folder: in `folder`."""
    environment = os.environ | {"TMPDIR": str(folder)}
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=120, env=environment)


@pytest.fixture(scope="module")
def plain():
    """Renders a program in a bare Blender process that does nothing else: no worker, no sandbox."""

    def render(scene: Path, source: str, picture: Path) -> np.ndarray:
        s = SETTINGS
        code = f"""
import bpy, os
bpy.ops.wm.open_mainfile(filepath={str(scene)!r}, load_ui=False, use_scripts=False)
scene = bpy.context.scene
scene.render.engine, scene.cycles.device = "CYCLES", "CPU"
scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = {s.width}, {s.height}, 100
scene.cycles.samples, scene.cycles.seed = {s.samples}, {s.seed}
scene.cycles.use_adaptive_sampling = scene.cycles.use_denoising = False
exec({source!r}, {{"__name__": "__main__"}})
scene.render.image_settings.file_format, scene.render.image_settings.color_mode = "PNG", "RGB"
scene.render.filepath = {str(picture)!r}
bpy.ops.render.render(write_still=True)
os._exit(0)
"""
        run_blender(code, picture.parent)
        return np.array(Image.open(picture))

    return render


@pytest.mark.parametrize("name", EDITS)
def test_warm_pixels_are_those_of_a_fresh_process(name, blend, programs, plain, tmp_path):
    """In whatever order candidates come, and after heavy edits: each starts from the same scene."""
    with Workers(blend(name), SETTINGS, allow_weaker_sandbox=True) as workers:
        assert isinstance(workers.protections(), tuple)
        order = [programs[name], EDITS[name], programs[name], "import bpy", EDITS[name], programs[name]]
        pictures = [workers.render(source) for source in order]
        assert [told.status for told in pictures] == ["ok"] * len(order), pictures
        # Blender may crash by itself: the candidate is rendered again by another worker, with the same pixels
        crashes = sum(told.retries for told in pictures)
        assert crashes or workers._idle.queue[0].candidates == len(order)
    images = [told.image for told in pictures]
    assert images[0].shape == (SETTINGS.height, SETTINGS.width, 3)
    assert images[0].dtype == np.uint8
    assert np.array_equal(images[0], plain(blend(name), programs[name], tmp_path / "a.png"))
    assert np.array_equal(images[1], plain(blend(name), EDITS[name], tmp_path / "b.png"))
    assert np.array_equal(images[0], images[2])
    assert np.array_equal(images[0], images[5])
    assert np.array_equal(images[1], images[4])
    assert not np.array_equal(images[0], images[3])
    assert not np.array_equal(images[1], images[3])


def test_harmless_programs_run_to_their_picture(harmless, blend):
    told = {}
    for scene in dict.fromkeys(scene for scene, _ in harmless.values()):
        with Workers(blend(scene), RenderSettings(16, 16, 1), allow_weaker_sandbox=True) as workers:
            for name, (where, source) in harmless.items():
                if where == scene:
                    told[name] = workers.render(source)
    assert {name: (one.status, one.message) for name, one in told.items()} == dict.fromkeys(harmless, ("ok", ""))


@pytest.fixture(scope="module")
def workers(blend):
    with Workers(blend("lighting"), SETTINGS, allow_weaker_sandbox=True) as made:
        yield made


def test_it_is_a_renderer(workers):
    renderer: Renderer = workers
    assert renderer.render("import bpy").status == "ok"


def test_a_refusal_by_the_gate_costs_no_worker(workers):
    before = workers._idle.queue[0]
    candidates = before.candidates
    told = workers.render("import os\nos.getcwd()")
    assert told.status == "refused"
    assert "line 1" in told.message
    assert workers._idle.queue[0] is before
    assert before.candidates == candidates


def test_an_error_is_told_with_its_line_and_ends_the_worker(workers):
    before = workers._idle.queue[0]
    told = workers.render("import bpy\n\nbpy.data.objects['Nobody'].location.x = 1")
    assert told.status == "failed"
    assert "line 3" in told.message
    assert "Nobody" in told.message
    assert told.image is None
    assert workers._idle.queue[0] is not before
    assert not psutil.pid_exists(before.pid)
    assert workers.render("import bpy").status == "ok"


def test_what_a_program_says_cannot_steer_a_terminal(workers):
    told = workers.render("raise ValueError('a\\x1b[2Jb\\nc')")
    assert told.status == "failed"
    assert told.message == "ValueError (line 1): a [2Jb c"


def test_a_worker_that_dies_once_is_replaced_and_the_program_is_not_blamed(workers):
    picture = workers.render("import bpy").image
    os.killpg(workers._idle.queue[0].pid, signal.SIGKILL)
    again = workers.render("import bpy")
    assert (again.status, again.retries) == ("ok", 1)
    assert np.array_equal(again.image, picture)
    assert workers.render("import bpy").retries == 0


def test_a_program_that_kills_its_worker_twice_is_blamed(boundary):
    told = boundary.render("import os\nos.abort()")
    assert (told.status, told.retries, told.image) == ("crashed", 1, None)
    assert "died" in told.message
    assert boundary.render("import os\nos.abort()", deadline=0.001).retries == 0  # nothing is left of its time


def test_a_painted_picture_does_not_outlive_its_candidate(blend, plain, tmp_path):
    """Pixels are not in Blender's undo; the file is opened again."""
    show = "import bpy\nt = bpy.data.materials['Subject'].node_tree\nn = t.nodes.new('ShaderNodeTexImage')\n"
    show += "n.image = bpy.data.images.get('Shown') or bpy.data.images.new('Shown', 4, 4)\n"
    show += "t.links.new(n.outputs[0], t.nodes['Principled BSDF'].inputs['Base Color'])\n"
    with_picture = tmp_path / "picture.blend"
    code = f"import bpy, os\nbpy.ops.wm.open_mainfile(filepath={str(blend('material'))!r})\n{show}"
    code += "n.image.pack()\n"
    code += f"bpy.ops.wm.save_as_mainfile(filepath={str(with_picture)!r})\nos._exit(0)"
    run_blender(code, tmp_path)
    paint = "import bpy\nbpy.data.images['Shown'].pixels = [1.0, 0.0, 0.0, 1.0] * 16"
    with Workers(with_picture, SETTINGS, allow_weaker_sandbox=True) as workers:
        pictures = [workers.render(source) for source in ("import bpy", paint, "import bpy")]
        assert [told.status for told in pictures] == ["ok"] * 3, pictures
        assert workers._idle.queue[0].candidates == 3
    assert np.array_equal(pictures[1].image, plain(with_picture, paint, tmp_path / "painted.png"))
    assert not np.array_equal(pictures[0].image, pictures[1].image)
    assert np.array_equal(pictures[0].image, pictures[2].image)


def test_pictures_and_libraries_beside_the_scene_are_seen(blend, tmp_path):
    """The scene's own files are packed into the workers' copy, wherever they lie; the scene stays as it was."""
    (tmp_path / "textures").mkdir()
    Image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / "textures" / "red.png")
    scene = tmp_path / "scene.blend"
    code = f"import bpy, os\nbpy.ops.wm.open_mainfile(filepath={str(blend('material'))!r})\n"
    code += f"bpy.ops.wm.save_as_mainfile(filepath={str(scene)!r})\n"
    code += "t = bpy.data.materials['Subject'].node_tree\nn = t.nodes.new('ShaderNodeTexImage')\n"
    code += "n.image = bpy.data.images.load('//textures/red.png')\n"
    code += "t.links.new(n.outputs[0], t.nodes['Principled BSDF'].inputs['Base Color'])\n"
    code += "bpy.ops.wm.save_mainfile()\nos._exit(0)"
    run_blender(code, tmp_path)
    kept = scene.read_bytes()
    with Workers(scene, SETTINGS, allow_weaker_sandbox=True) as workers:
        red = workers.render("import bpy").image[18:24, 20:28].mean(axis=(0, 1))
    assert red[0] > 2 * red[1]
    assert scene.read_bytes() == kept


def test_workers_are_recycled(blend):
    with Workers(blend("lighting"), SETTINGS, recycle_after=2, allow_weaker_sandbox=True) as workers:
        pids, pictures = [], []
        for _ in range(4):
            pids.append(workers._idle.queue[0].pid)
            pictures.append(workers.render("import bpy").image)
    assert pids[0] == pids[1] != pids[2] == pids[3]
    assert all(np.array_equal(pictures[0], other) for other in pictures[1:])


def test_two_workers_serve_threads_at_once(blend, programs):
    sources = [programs["lighting"].replace("220.0", str(energy)) for energy in range(100, 500, 50)]
    with Workers(blend("lighting"), SETTINGS, count=2, allow_weaker_sandbox=True) as workers:
        alone = [workers.render(source).image for source in sources]
        with ThreadPoolExecutor(2) as pool:
            together = [told.image for told in pool.map(workers.render, sources)]
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_the_camera_can_be_chosen(blend, workers):
    with Workers(blend("lighting"), RenderSettings(48, 40, 2, 3, "HeldOut"), allow_weaker_sandbox=True) as other:
        assert not np.array_equal(other.render("import bpy").image, workers.render("import bpy").image)


def test_closing_leaves_nothing(blend, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    workers = Workers(blend("lighting"), SETTINGS, allow_weaker_sandbox=True)
    pid, folder = workers._idle.queue[0].pid, workers._folder
    assert folder.parent == tmp_path
    workers.close()
    workers.close()
    assert not psutil.pid_exists(pid)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError, match="closed"):
        workers.render("import bpy")


def test_workers_die_with_their_owner(blend):
    """Killed outright in the middle of an endless candidate, the owner leaves no process behind."""
    code = f"""
from editor3d.programs.rendering.pool import Workers
workers = Workers({str(blend("lighting"))!r}, allow_weaker_sandbox=True)
print(workers._idle.queue[0].pid, flush=True)
workers.render("while True: pass")
"""
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    guard = psutil.Process(int(owner.stdout.readline()))
    family = [guard, *guard.children()]
    time.sleep(0.3)
    owner.kill()
    owner.wait()
    _, alive = psutil.wait_procs(family, timeout=3)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_ctrl_c_in_a_render_leaves_the_workers_usable(blend):
    # a test run in the background of a shell is born deaf to Ctrl-C
    kept = signal.signal(signal.SIGINT, signal.default_int_handler)
    with Workers(blend("lighting"), SETTINGS, allow_weaker_sandbox=True) as workers:
        timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        try:
            with pytest.raises(KeyboardInterrupt):
                workers.render("while True: pass")
        finally:
            signal.signal(signal.SIGINT, kept)
        assert workers.render("import bpy").status == "ok"


def test_what_cannot_be_rendered_is_said_at_once(tmp_path, blend):
    with pytest.raises(DataError, match="No .blend file"):
        Workers(tmp_path / "nothing.blend")
    (tmp_path / "text.blend").write_text("not a scene")
    with pytest.raises(DataError, match="could not open"):
        Workers(tmp_path / "text.blend", allow_weaker_sandbox=True)
    with pytest.raises(ConfigError, match="no camera 'Nobody'.*Camera, HeldOut"):
        Workers(blend("lighting"), RenderSettings(camera="Nobody"), allow_weaker_sandbox=True)
    with pytest.raises(ConfigError, match="width is 0: give a number from 1"):
        Workers(blend("lighting"), RenderSettings(width=0))


def test_a_missing_layer_is_named_and_not_gone_without(blend):
    with pytest.raises(ConfigError, match=r"landlock.*--allow-weaker-sandbox"):
        Workers(blend("lighting"), SETTINGS, without=["landlock"])
    with Workers(blend("lighting"), SETTINGS, without=["landlock"], allow_weaker_sandbox=True) as workers:
        assert "landlock" not in workers.protections()
        assert "landlock" in workers.missing
        assert workers.render("import bpy").status == "ok"
