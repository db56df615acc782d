"""What a program may not change in Blender is seen after it ran, whatever the gate let through."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="module")
def untouched_picture(boundary):
    return boundary.render("import bpy").image


CHANGES = {
    "the resolution": "scene.render.resolution_x = 65536\nscene.render.resolution_y = 65536",
    "the percentage": "scene.render.resolution_percentage = 3200",
    "samples": "scene.cycles.samples = 10**6",
    "the seed": "scene.cycles.seed = 5",
    "the engine": "scene.render.engine = 'BLENDER_WORKBENCH'",
    "the camera's place": "scene.camera.location.x += 1",
    "the camera's lens": "scene.camera.data.lens = 10",
    "another camera": "scene.camera = bpy.data.objects['HeldOut']",
    "no camera": "bpy.data.objects.remove(scene.camera)",
    "no camera data": "bpy.data.cameras.remove(scene.camera.data)",
    "a camera on a leash": "scene.camera.parent = bpy.data.objects['Post']",
    "the frame": "scene.frame_set(9)",
    "another scene": "bpy.context.window.scene = bpy.data.scenes.new('Other')",
    "12 subdivisions": "m = bpy.data.objects['Block'].modifiers.new('S', 'SUBSURF')\nm.levels = m.render_levels = 11",
    "a handler": "bpy.app.handlers.render_pre.append(print)",
    "a lasting handler": "bpy.app.handlers.load_post.append(bpy.app.handlers.persistent(lambda *a: None))",
    "a timer": "bpy.app.timers.register(lambda: 1.0, persistent=True)",
    "the driver namespace": "bpy.app.driver_namespace['f'] = print",
    "a driver": "bpy.data.objects['Block'].driver_add('location', 0).driver.expression = '1+1'",
    "a driver of a curve": ("bpy.data.curves.new('C', 'CURVE').driver_add('bevel_depth').driver.expression = '1+1'"),
    "a text block": "bpy.data.texts.new('module.py').write('x = 1')",
    "an output node": "scene.use_nodes = True\nscene.node_tree.nodes.new('CompositorNodeOutputFile')",
    "a script node": "bpy.data.materials[0].node_tree.nodes.new('ShaderNodeScript')",
    "a node that reads a file": "bpy.data.node_groups.new('G', 'GeometryNodeTree').nodes.new('GeometryNodeImportOBJ')",
    "a picture from a file": "i = bpy.data.images.new('I', 4, 4)\ni.source = 'FILE'\ni.filepath = '/etc/hostname'",
    "a class": "bpy.utils.register_class(type('P', (bpy.types.Operator,), {'bl_idname': 'a.b', 'bl_label': 'c'}))",
    "a thread": "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()",
    "a built-in": "import builtins\nbuiltins.print = len",
    "a module": "import math\nmath.pi = 3.0",
    "a variable of the environment": "import os\nos.environ['A'] = 'b'",
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_program_may_not_change_is_seen_after_it_ran(name, boundary, untouched_picture):
    told = boundary.render(f"import bpy\nscene = bpy.context.scene\n{CHANGES[name]}")
    assert told.status == "refused", told
    assert told.message
    if name in ("a built-in", "a lasting handler"):
        after = boundary.render("import bpy")
        assert after.status == "ok"
        assert np.array_equal(after.image, untouched_picture)
