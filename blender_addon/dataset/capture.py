# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Photographs a scene: pictures by Cycles; depth, labels and points by rays through the pixel centres.

Changes the scene that it is given as it needs: it is run on a copy of the file.
"""

import json
import math
import os
import random
from array import array

import bpy
from mathutils import Vector

from . import cameras
from .png import write_gray

DEPTH_STEPS = 65000
"""Depths are written as whole numbers up to this."""
MAX_OBJECTS = 255
HELD_OUT = 8
"""Every so manieth view is held out of training."""
POINTS = 8000
POINTS_FILE = "sparse_pc.ply"


def capture(scene, settings, on_view=None):
    """Write a posed image set; the number of its views.

    `images/`, `depth/` (16 bits, z-depth; 0 is unknown), `labels/` (8 bits), sparse points, and last
    `transforms.json`: whoever finds that finds all of it.

    Args:
        settings: what to photograph: the attributes are what the export operator gives; objects are names.
        on_view: called with the number of finished views and of all.

    Raises:
        cameras.CameraError: there are too few views, or they are of the wrong kind.
        OSError: the folder cannot be written.
    """
    _prepare(scene, settings)
    shots = shots_of(scene, settings)
    if len(shots) < 4:
        raise cameras.CameraError(f"Expected at least 4 views, got {len(shots)}: add cameras, or choose an orbit.")
    labels, unit, points = {}, None, []
    if settings.depth:
        labels = {name: index + 1 for index, name in enumerate(_labelled(scene, settings))}
        unit = _depth_unit(scene, bpy.context.evaluated_depsgraph_get(), shots)
    for folder in ("images", "depth", "labels") if settings.depth else ("images",):
        os.makedirs(os.path.join(settings.output, folder), exist_ok=True)
    for index, shot in enumerate(shots):
        path = os.path.join(settings.output, "images", f"{shot.name}.png")
        _render(scene, shot, path)
        if settings.depth:
            graph = bpy.context.evaluated_depsgraph_get()
            depth, ids = _cast(scene, graph, shot, labels)
            units = array("H", [min(65535, round(value / unit)) for value in depth])
            size = (shot.lens.width, shot.lens.height)
            write_gray(os.path.join(settings.output, "depth", f"{shot.name}.png"), *size, units, 16)
            write_gray(os.path.join(settings.output, "labels", f"{shot.name}.png"), *size, ids, 8)
            if not _held_out(index):
                points += _points(shot, depth, path, max(1, POINTS // len(shots)))
        if on_view is not None:
            on_view(index + 1, len(shots))
    if points:
        _write_points(os.path.join(settings.output, POINTS_FILE), points)
    body = transforms(shots, labels, unit, bool(points))
    temporary = os.path.join(settings.output, ".transforms.json")
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(body, file, indent=1)
    os.replace(temporary, os.path.join(settings.output, "transforms.json"))
    return len(shots)


def transforms(shots, objects, unit, points):
    """nerfstudio's `transforms.json` of these views."""
    frames = []
    for shot in shots:
        lens = shot.lens
        frame = {"file_path": f"images/{shot.name}.png"}
        if unit is not None:
            frame["labels_path"] = f"labels/{shot.name}.png"
            frame["depth_file_path"] = f"depth/{shot.name}.png"
        frame.update(w=lens.width, h=lens.height, fl_x=lens.fl_x, fl_y=lens.fl_y, cx=lens.cx, cy=lens.cy)
        frame.update(dict.fromkeys(("k1", "k2", "k3", "k4", "p1", "p2"), 0.0))
        frame["transform_matrix"] = [list(row) for row in shot.c2w]
        frames.append(frame)
    held_out = [f["file_path"] for i, f in enumerate(frames) if _held_out(i)]
    body = {"camera_model": "OPENCV"}
    if unit is not None:
        body["depth_unit_scale_factor"] = unit
    if objects:
        body["objects"] = objects
    if points:
        body["ply_file_path"] = POINTS_FILE
    body["train_filenames"] = [f["file_path"] for i, f in enumerate(frames) if not _held_out(i)]
    body["val_filenames"] = body["test_filenames"] = held_out
    body["frames"] = frames
    return body


def _held_out(index):
    return index % HELD_OUT == 3  # of four views already one


def _prepare(scene, settings):
    """Cycles, no lens effects, and viewport visibility as the render's: rays meet what the viewport shows."""
    render, cycles = scene.render, scene.cycles
    render.engine = "CYCLES"
    cycles.samples, cycles.seed = settings.samples, 0
    cycles.use_denoising = True
    render.use_border = render.use_motion_blur = render.use_stamp = render.use_multiview = False
    render.use_compositing = render.use_sequencer = False
    render.use_persistent_data = True
    if settings.threads:
        render.threads_mode, render.threads = "FIXED", settings.threads
    if "media_type" in render.image_settings.bl_rna.properties:  # from 5.0 on it says which formats there are
        render.image_settings.media_type = "IMAGE"
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGBA" if render.film_transparent else "RGB"
    render.image_settings.color_depth = "8"
    for collection in bpy.data.collections:
        collection.hide_viewport = collection.hide_render
    _unhide(bpy.context.view_layer.layer_collection)
    for thing in scene.objects:
        thing.hide_viewport = thing.hide_render or not thing.visible_camera
        if thing.name in bpy.context.view_layer.objects:
            thing.hide_set(False)
        thing.display_type = "TEXTURED"
        for modifier in thing.modifiers:
            modifier.show_viewport = modifier.show_render
            if modifier.type in ("SUBSURF", "MULTIRES"):
                modifier.levels = modifier.render_levels
    for camera in bpy.data.cameras:
        camera.dof.use_dof = False
    bpy.context.view_layer.update()


def _unhide(layer):
    layer.hide_viewport = False
    for child in layer.children:
        _unhide(child)


def shots_of(scene, settings):
    """The views that the settings ask for.

    Raises:
        cameras.CameraError: see `capture`.
    """
    if settings.views == "CAMERAS":
        things = sorted((t for t in scene.objects if t.type == "CAMERA"), key=lambda t: t.name)
        return [
            cameras.Shot(f"view_{i:04d}", cameras.rigid(t.matrix_world), cameras.lens_of(t.data, scene.render), t)
            for i, t in enumerate(things)
        ]
    if settings.views == "ANIMATION":
        return _along_animation(scene, settings)
    things = [scene.objects[name] for name in settings.objects if name in scene.objects]
    things = things or [t for t in scene.objects if t.type == "MESH" and not t.hide_render]
    center, radius = cameras.bounds_of(things, bpy.context.evaluated_depsgraph_get())
    data = bpy.data.cameras.new("editor3d orbit")
    own = scene.camera.data if scene.camera is not None and scene.camera.data.type == "PERSP" else None
    if own is not None:
        data.sensor_fit, data.sensor_width, data.sensor_height = own.sensor_fit, own.sensor_width, own.sensor_height
        data.lens = own.lens
    lens = cameras.lens_of(data, scene.render)
    poses = list(cameras.orbit(settings.count, center, radius, lens, settings.elevations, settings.margin))
    far = max((pose.translation - center).length for pose in poses)
    data.clip_start, data.clip_end = 1e-3 * radius, 1e3 * (far + radius)
    thing = bpy.data.objects.new(data.name, data)
    scene.collection.objects.link(thing)
    return [cameras.Shot(f"view_{i:04d}", pose, lens, thing) for i, pose in enumerate(poses)]


def _along_animation(scene, settings):
    """The active camera frame by frame; everything else stands still as it is now."""
    thing = scene.camera
    if thing is None:
        raise cameras.CameraError("Expected an active camera: choose one in the scene's properties.")
    now, shots = scene.frame_current, []
    for frame in range(scene.frame_start, scene.frame_end + 1, max(1, settings.step)):
        scene.frame_set(frame)
        lens = cameras.lens_of(thing.data, scene.render)
        shots.append(cameras.Shot(f"frame_{frame:05d}", cameras.rigid(thing.matrix_world.copy()), lens, thing))
    scene.frame_set(now)
    if any((s.lens.fl_x, s.lens.cx, s.lens.cy) != (lens.fl_x, lens.cx, lens.cy) for s in shots):
        raise cameras.CameraError("Expected a camera whose lens stands still: remove the keys of its lens and shift.")
    still = bpy.data.objects.new("editor3d animation", thing.data)
    scene.collection.objects.link(still)
    for shot in shots:
        shot.camera = still
    return shots


def _labelled(scene, settings):
    shown = [t.name for t in scene.objects if t.type == "MESH" and not t.hide_render]
    chosen = [name for name in settings.objects if name in shown]
    return (chosen or shown)[:MAX_OBJECTS]


def _depth_unit(scene, graph, shots):
    """The unit of the depth pictures: the finest of 1, 2 or 5 times a power of ten that no depth exceeds."""
    things = [t for t in scene.objects if t.type in ("MESH", "CURVE", "SURFACE", "FONT", "META") and not t.hide_render]
    center, radius = cameras.bounds_of(things, graph)
    farthest = radius + max((shot.c2w.translation - center).length for shot in shots)
    power = 10.0 ** math.floor(math.log10(farthest / DEPTH_STEPS))
    return next(k * power for k in (1, 2, 5, 10) if k * power * DEPTH_STEPS >= farthest)


def _render(scene, shot, path):
    if shot.camera.matrix_world != shot.c2w:
        shot.camera.matrix_world = shot.c2w
    scene.camera = shot.camera
    scene.render.filepath = path
    try:
        bpy.ops.render.render(write_still=True)
    except RuntimeError as error:
        if "Denois" not in str(error) or not scene.cycles.use_denoising:
            raise
        # this Blender was built without, and what it would keep for the next picture is spoilt
        scene.cycles.use_denoising = scene.render.use_persistent_data = False
        bpy.ops.render.render(write_still=True)


def _cast(scene, graph, shot, labels):
    """z-depth (0 where nothing is met) and labels at the pixel centres, row by row from the top."""
    lens, c2w = shot.lens, shot.c2w
    origin, turn = c2w.translation, c2w.to_3x3()
    forward = turn @ Vector((0.0, 0.0, -1.0))
    depth, ids = array("d"), array("B")
    named = {}
    for row in range(lens.height):
        for column in range(lens.width):
            hit, point, _, _, thing, _ = scene.ray_cast(graph, origin, turn @ lens.ray(row, column))
            depth.append((point - origin).dot(forward) if hit else 0.0)
            ids.append(named.setdefault(thing.name, labels.get(thing.name, 0)) if hit else 0)
    return depth, ids


def _points(shot, depth, path, count):
    """Some of the surface points that a view shows, with their colours: (x, y, z, r, g, b)."""
    image = bpy.data.images.load(path)
    pixels = array("f", bytes(4 * len(image.pixels)))
    image.pixels.foreach_get(pixels)
    channels = image.channels
    bpy.data.images.remove(image)
    lens, found = shot.lens, []
    known = [index for index, value in enumerate(depth) if value > 0.0]
    for index in random.Random(shot.name).sample(known, min(count, len(known))):
        row, column = divmod(index, lens.width)
        start = channels * ((lens.height - 1 - row) * lens.width + column)
        color = [max(0, min(255, round(255 * pixels[start + k]))) for k in range(3)]
        found.append((*(shot.c2w @ (depth[index] * lens.ray(row, column))), *color))
    return found


def _write_points(path, points):
    names = [f"property float {axis}" for axis in "xyz"] + [f"property uchar {c}" for c in ("red", "green", "blue")]
    head = ["ply", "format ascii 1.0", f"element vertex {len(points)}", *names, "end_header"]
    lines = [f"{x:.9g} {y:.9g} {z:.9g} {r} {g} {b}" for x, y, z, r, g, b in points]
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join(head + lines) + "\n")
