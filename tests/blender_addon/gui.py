"""Run inside a Blender with a window: `blender --python gui.py -- SETTINGS.json`.

Uses the add-on as a person would: looks at the panel, runs an edit, accepts and undoes it, and stops another by ESC.
Writes what was found as JSON, then ends by `os._exit`.
"""

import hashlib
import importlib
import json
import os
import subprocess
import sys
import time
import traceback

import bpy

with open(sys.argv[-1]) as file:
    settings = json.load(file)
found = {"ticks": {}, "views_drawn": {}, "version": list(bpy.app.version)}
MODULE = "editor3d_panel"


def part(name):
    return importlib.import_module(f"{MODULE}.{name}")


def view():
    window = bpy.context.window_manager.windows[0]
    area = max((a for a in window.screen.areas if a.type == "VIEW_3D"), key=lambda a: a.width)
    return window, area, next(r for r in area.regions if r.type == "WINDOW")


def in_view():
    window, area, region = view()
    return bpy.context.temp_override(window=window, area=area, region=region)


def press(*words):
    subprocess.Popen(["xdotool", *map(str, words)])


def scene_hash():
    """Of all that an edit of a mesh could change."""
    seen = hashlib.sha256()
    for thing in sorted(bpy.data.objects, key=lambda t: t.name):
        seen.update(repr((thing.name, thing.type, [list(r) for r in thing.matrix_world])).encode())
        if thing.type == "MESH":
            mesh = thing.data
            seen.update(repr((mesh.name, [m.name if m else None for m in mesh.materials])).encode())
            seen.update(repr([tuple(v.co) for v in mesh.vertices]).encode())
            seen.update(repr([tuple(p.vertices) for p in mesh.polygons]).encode())
            seen.update(repr([(u.name, [tuple(d.uv) for d in u.data]) for u in mesh.uv_layers]).encode())
            seen.update(
                repr([(s.link, s.material.name if s.material else None) for s in thing.material_slots]).encode()
            )
    for group in ("meshes", "materials", "images", "node_groups"):
        seen.update(repr(sorted(getattr(bpy.data, group).keys())).encode())
    return seen.hexdigest()


def screenshot(name):
    with in_view():
        bpy.ops.screen.screenshot(filepath=os.path.join(settings["pictures"], name))


views_drawn = []
"""One for each time that a 3D view was drawn."""


class Ticks:
    """Gaps between the calls of a timer: how long Blender was busy with other things."""

    def __init__(self, name):
        self.name, self.gaps, self.last, self.on = name, [], time.perf_counter(), True
        self.drawn = len(views_drawn)
        bpy.app.timers.register(self, first_interval=0.01)

    def __call__(self):
        now = time.perf_counter()
        self.gaps.append(now - self.last)
        self.last = now
        return 0.01 if self.on else None

    def end(self):
        self.on = False
        found["ticks"][self.name] = self.gaps[1:]
        found["views_drawn"][self.name] = len(views_drawn) - self.drawn


def story():
    """What happens, step by step; yields seconds to wait, or a function to wait for."""
    bpy.ops.preferences.addon_install(filepath=settings["zip"], overwrite=True)
    bpy.ops.preferences.addon_enable(module=MODULE)
    bpy.context.preferences.addons[MODULE].preferences.command = settings["command"]
    bpy.context.preferences.view.ui_scale = 1.0
    # a sidebar that lies over the view has the view drawn anew with it, which takes long without a graphics card
    bpy.context.preferences.system.use_region_overlap = False
    session = part("job.session").session
    window, area, _ = view()
    area.spaces[0].show_region_ui = True
    yield 1.0
    chosen = bpy.context.window_manager.editor3d
    part("ui.properties").QUALITY["MESH"]["DRAFT"]["steps"] = 60  # enough to look at
    chosen.instruction, chosen.editor, chosen.quality = "turn it into gold", "procedural", "DRAFT"
    bpy.ops.ed.undo_push(message="chosen")
    sidebar = next(r for r in area.regions if r.type == "UI")
    x, top = sidebar.x + sidebar.width - 10, window.height - (sidebar.y + sidebar.height)
    drawn = []
    original = part("ui.panel").EDITOR3D_PT_main.draw
    part("ui.panel").EDITOR3D_PT_main.draw = lambda self, context: (drawn.append(1), original(self, context))[1]
    for y in range(top + 20, top + 420, 25):  # the tabs below each other
        press("mousemove", x, y, "click", 1)
        yield 0.5
        if drawn:
            break
    found["drawn"] = bool(drawn)
    yield 0.5
    press("mousemove", area.x + area.width // 3, window.height - area.y - area.height // 2)
    yield 0.5
    bpy.types.SpaceView3D.draw_handler_add(lambda: views_drawn.append(1), (), "WINDOW", "PRE_VIEW")
    screenshot("idle.png")
    yield 1.0
    ticks = Ticks("idle")
    yield 5.0
    ticks.end()
    ticks = Ticks("redraws")
    for _ in range(10):
        part("job.session").redraw()
        yield 1.0
    ticks.end()

    before = scene_hash()
    ticks = Ticks("run")
    with in_view():
        found["run"] = list(bpy.ops.editor3d.run("INVOKE_DEFAULT"))
    yield lambda: session.shown > 0 or not session.running
    yield 1.0
    ticks.end()
    if session.running:
        screenshot("running.png")
        yield 1.0
    ticks = Ticks("rest")
    yield lambda: not session.running
    ticks.end()
    found["phase"], found["message"] = session.phase, session.message
    found["untouched"] = scene_hash() == before
    yield 0.5
    screenshot("pending.png")
    yield 0.5
    with in_view():
        bpy.ops.editor3d.compare("EXEC_DEFAULT", True)  # with an undo step, as a button makes it
        found["tried"] = scene_hash() != before
    yield 0.5
    screenshot("tried.png")
    with in_view():
        bpy.ops.editor3d.compare("EXEC_DEFAULT", True)
        found["taken_off"] = scene_hash() == before
        bpy.ops.editor3d.accept("EXEC_DEFAULT", True)
    yield 0.5
    area.spaces[0].shading.type = "SOLID"
    area.spaces[0].shading.color_type = "TEXTURE"
    found["accepted"] = scene_hash() != before
    yield 1.0
    screenshot("accepted.png")
    with in_view():
        bpy.ops.ed.undo()
    yield 0.5
    found["undone"] = scene_hash() == before
    with in_view():
        bpy.ops.ed.redo()
    yield 0.5
    found["redone"] = scene_hash() != before
    with in_view():
        bpy.ops.ed.undo()

    with in_view():
        bpy.ops.editor3d.run("INVOKE_DEFAULT")
    yield lambda: bool(session.job) and session.job["state"] == "running" and session.job["seconds"] > 3
    job = session.job["id"]
    client, _ = part("job.engine").running()
    pressed = time.perf_counter()
    press("key", "Escape")
    yield lambda: not session.running
    found["esc_panel_seconds"] = time.perf_counter() - pressed
    found["stopped"] = session.message
    yield lambda: client.get(f"/jobs/{job}")["state"] == "cancelled"
    found["esc_engine_seconds"] = time.perf_counter() - pressed
    client.post("/shutdown")
    yield 0.3


def finish():
    with open(settings["result"] + ".new", "w") as file:
        json.dump(found, file)
    os.replace(settings["result"] + ".new", settings["result"])
    os._exit(0)


steps = story()
waiting = [0.0, None]
DEADLINE = time.monotonic() + 400


def advance():
    try:
        if time.monotonic() > DEADLINE:
            raise TimeoutError(str(found))
        if callable(waiting[1]) and not waiting[1]():
            return 0.02
        waiting[1] = next(steps)
        return 0.02 if callable(waiting[1]) else waiting[1]
    except StopIteration:
        finish()
    except BaseException:  # noqa: BLE001 it is told, and fails the test
        found["traceback"] = traceback.format_exc()
        finish()


bpy.context.preferences.view.show_splash = False
bpy.app.timers.register(advance, first_interval=2.0)
