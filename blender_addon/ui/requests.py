# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turn what is selected and chosen into a request to the engine: `work.JobRequest`."""

import os
import re
import tempfile
from array import array

import bpy

from ..formats import glb, tables
from ..job.session import session
from ..job.work import JobRequest
from ..offscreen import second
from ..scene import faces, materials, meshes, pictures, programs
from ..scene.splats import nodes
from . import preferences, properties

_BAKED_SIDE = 1024
_SENDABLE = re.compile(r"[\w./][^\x00-\x1f\x7f,;&|<>$`]*")
"""Names that a list of objects may have."""
_SHOWN = ("MESH", "CURVE", "SURFACE", "META", "FONT", "VOLUME", "POINTCLOUD", "CURVES")
"""Types of objects that a picture shows."""


class CannotAsk(Exception):
    """Something is missing, in one sentence."""


def subject_mesh(context):
    """The active object if it is a mesh that is selected, else None."""
    thing = context.active_object
    return thing if thing is not None and thing.type == "MESH" and thing.select_get() else None


def selected_splats(context):
    """The selected objects that hold splats."""
    return [thing for thing in context.selected_objects if nodes.is_splats(thing)]


def ask(context, preview=False):
    """What the panel asks for.

    Raises:
        CannotAsk: something is missing; the text says what.
    """
    chosen = context.window_manager.editor3d
    if not chosen.instruction.strip():
        raise CannotAsk("Say in one sentence what should change.")
    if not chosen.editor.strip():
        raise CannotAsk("Choose an editor; auto is a good one.")
    make = {"MESH": _mesh, "SCENE": _scene, "REFINE": _refine}[chosen.what]
    return make(context, chosen, " ".join(chosen.instruction.split()), preview)


def _plain(chosen):
    return {"editor": chosen.editor.strip(), "seed": chosen.seed}


def _guided(chosen):
    text, image = properties.GUIDANCE[chosen.strength]
    return _plain(chosen) | ({"guidance_scale": text, "image_guidance_scale": image} if text is not None else {})


def _absolute(path):
    return os.path.abspath(bpy.path.abspath(path))


def ask_all(context):
    """What *Run* asks for, one after the other: each of the selected meshes, the active one first, or one request.

    Raises:
        CannotAsk: something is missing; the text says what.
    """
    first = ask(context)
    if context.window_manager.editor3d.what != "MESH":
        return [first]
    chosen, instruction = context.window_manager.editor3d, first.said
    return [first, *(_mesh(context, chosen, instruction, False, thing) for thing in other_meshes(context))]


def other_meshes(context):
    """The selected meshes beside the active one."""
    active = context.active_object
    return [thing for thing in context.selected_objects if thing.type == "MESH" and thing != active]


def _mesh(context, chosen, instruction, preview, thing=None):
    thing = thing or subject_mesh(context)
    if thing is None:
        raise CannotAsk("Select a mesh first.")
    if thing.library is not None or thing.data.library is not None:
        raise CannotAsk(f"{thing.name} is linked from another file: make it local first.")
    try:
        part = faces.chosen(thing, chosen.where, instruction, chosen.inside)
        geometry = meshes.geometry_of(thing, part.which)
    except (meshes.MeshError, faces.FaceError) as error:
        raise CannotAsk(str(error)) from error
    looks = materials.looks_of(thing)
    up = meshes.up_in(thing)
    settings = _guided(chosen) | {"up": up, "front": meshes.front_of(up)}
    if not preview:
        settings |= properties.QUALITY["MESH"][chosen.quality]
        if chosen.shape > 0.0 and part.which is None:
            settings["displacement"] = round(chosen.shape, 4)
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", thing.name).strip("_-")[:60] or "mesh"

    computed = any(materials.is_computed(slot.material, thing.data) for slot in thing.material_slots if slot.material)
    blend, program, title = _copy_of_scene() if computed else None, bpy.app.binary_path, thing.name

    def written():
        if blend is not None:
            picture, geometry.uvs = _baked(program, blend, title)
            geometry.colors = None
            return f"{name}.glb", glb.write(geometry, [glb.Look((1.0, 1.0, 1.0, 1.0), picture)])
        for look, path in looks:
            if path is not None:
                with open(path, "rb") as file:
                    look.picture = file.read()
        return f"{name}.glb", glb.write(geometry, [look for look, _ in looks])

    kind = "mesh-preview" if preview else "mesh"
    asked = JobRequest(kind, part.instruction, thing.name, {"mesh": written}, settings, geometry)
    asked.faces, asked.said = part.which, instruction
    asked.reach = 2.0 * chosen.shape * max((vertex.co.length for vertex in thing.data.vertices), default=0.0) + 1e-6
    return asked


def _baked(program, blend, title):
    """The base colours that nodes compute, as one PNG picture, and its texture coordinates; in a thread."""
    folder = os.path.dirname(blend)
    second.carry_out(
        program, "bake", {"blend": blend, "object": title, "side": _BAKED_SIDE, "folder": folder}, session.stopping()
    )
    with open(os.path.join(folder, "color.png"), "rb") as file:
        picture = file.read()
    uvs = array("f")
    with open(os.path.join(folder, "uvs.bin"), "rb") as file:
        uvs.frombytes(file.read())
    return picture, uvs


def _scene(context, chosen, instruction, preview):
    path = chosen.scene_path.strip()
    if not path:
        return _splats(context, chosen, instruction, preview)
    if path != "demo":
        path = _absolute(path)
        if not os.path.exists(path):
            raise CannotAsk(f"There is no {path}.")
    inputs = {"scene": path}
    if preview:
        return JobRequest("scene-preview", instruction, path, inputs, _plain(chosen))
    garment = _picture(context, chosen.garment, chosen.garment_image)
    inputs |= {"garment": garment} if garment is not None else {}
    return JobRequest("scene", instruction, path, inputs, _scene_settings(chosen))


def _picture(context, path, image):
    """A picture that is chosen as a file or as an image of Blender's, as an input; None where there is none."""
    path = path.strip()
    if path:
        path = _absolute(path)
        if not os.path.isfile(path):
            raise CannotAsk(f"There is no picture {path}.")
        return path
    if image is None:
        return None
    try:
        return pictures.taken(image, context.scene, tempfile.mkdtemp(dir=session.own_folder()))
    except pictures.PictureError as error:
        raise CannotAsk(str(error)) from error


def _scene_settings(chosen):
    settings = _guided(chosen) | properties.QUALITY["SCENE"][chosen.quality] | {"format": chosen.scene_format}
    return settings | ({"force": True} if chosen.force else {})


def _splats(context, chosen, instruction, preview):
    """The selected splats as they are in the scene, as a file of their own."""
    things = selected_splats(context)
    if not things:
        raise CannotAsk("Choose a capture or a file of splats, or select splats.")
    try:
        from ..scene.splats.reading import Reading
    except ImportError as error:
        raise CannotAsk(tables.NO_NUMPY) from error
    from ..formats import splats

    try:
        reading = Reading(things)
    except splats.SplatError as error:
        raise CannotAsk(str(error)) from error
    path = os.path.join(tempfile.mkdtemp(dir=session.own_folder()), "splats.ply")

    def written():
        table = reading.table()
        with open(path, "wb") as file:
            splats.write(table, file)
        return path

    names = [thing.name for thing in things]
    kind = "scene-preview" if preview else "scene"
    settings = _plain(chosen) if preview else _scene_settings(chosen)
    asked = JobRequest(kind, instruction, names[0], {"scene": written}, settings, replaces=() if preview else names)
    asked.reading = reading
    return asked


def _refine(context, chosen, instruction, preview):
    try:
        entries = programs.entries_of(context, chosen.part)
    except programs.ProgramError as error:
        raise CannotAsk(str(error)) from error
    if context.scene.camera is None:
        raise CannotAsk("Add a camera: pictures are compared as it sees them.")
    if preview:
        return _view(context, chosen, instruction)
    objects = _confined_to(context) if chosen.part == "MATERIAL" and chosen.confined else ""
    inputs = {"program": ("program.py", programs.source_of(entries).encode())}
    target = _picture(context, chosen.target, chosen.target_image)
    inputs |= {"target": target} if target is not None else {}
    path = _copy_of_scene()

    def read():
        try:
            with open(path, "rb") as file:
                return "scene.blend", file.read()
        finally:
            os.unlink(path)

    inputs["blend"] = read
    settings = _plain(chosen) | properties.QUALITY["REFINE"][chosen.quality]
    if objects:
        settings["objects"] = objects
    if preferences.weaker_sandbox():
        settings["allow_weaker_sandbox"] = True
    part = {item[0]: item[1] for item in properties.PARTS}[chosen.part]
    return JobRequest("refine", instruction, part, inputs, settings, entries=entries)


def _confined_to(context):
    """Names of the selected objects that a picture shows, with commas between them.

    Raises:
        CannotAsk: a name cannot be sent in such a list.
    """
    names = [thing.name for thing in context.selected_objects if thing.type in _SHOWN and not thing.hide_render]
    for name in names:
        if not _SENDABLE.fullmatch(name):
            said = "it may begin with a letter or digit, and have no comma and none of ; & | < > $ `"
            raise CannotAsk(f"Rename {name!r} ({said}), or turn off Only the selected objects.")
    return ",".join(names)


def _view(context, chosen, instruction):
    """The scene through its own camera, rendered by a second Blender, for a look at the 2D edit."""
    path, program = _copy_of_scene(), bpy.app.binary_path
    job = {"blend": path, "scene": context.scene.name, "side": 512, "screen": not bpy.app.background}
    job["folder"] = os.path.dirname(path)

    def rendered():
        second.carry_out(program, "picture", job, session.stopping())
        with open(os.path.join(job["folder"], "view.png"), "rb") as file:
            return "view.png", file.read()

    return JobRequest("picture-preview", instruction, "the view", {"picture": rendered}, _plain(chosen))


def _copy_of_scene():
    """The file as it is now, in the session's folder, with which it goes where it is never read; its path."""
    # in a place where there is no file yet: Blender would keep that as a backup
    path = os.path.join(tempfile.mkdtemp(dir=session.own_folder()), "scene.blend")
    try:
        bpy.ops.wm.save_as_mainfile(filepath=path, copy=True, compress=False)
    except RuntimeError as error:
        raise CannotAsk(f"The scene cannot be written: {error}") from error
    return path


def recall(context, entry):
    """Restore the choices of an entry of the history in the panel."""
    chosen = context.window_manager.editor3d
    settings = entry.get("settings") or {}
    chosen.instruction = entry["instruction"]
    kind = entry["kind"].partition("-")[0]
    chosen.what = {"mesh": "MESH", "scene": "SCENE"}.get(kind, "REFINE")
    chosen.editor = str(settings.get("editor", "auto"))
    chosen.seed = int(settings.get("seed", 42))
    chosen.shape = float(settings.get("displacement", 0.0))
    scales = (settings.get("guidance_scale"), settings.get("image_guidance_scale"))
    chosen.strength = next((name for name, pair in properties.GUIDANCE.items() if pair == scales), "NORMAL")
    qualities = properties.QUALITY[chosen.what].items()
    chosen.quality = next((n for n, made in qualities if made and made.items() <= settings.items()), "NORMAL")
    if chosen.what == "SCENE":
        path = entry["subject"]
        chosen.scene_path = path if path == "demo" or os.path.isabs(path) else ""  # else selected splats
        chosen.scene_format = settings.get("format", "auto")
        chosen.force, chosen.garment = bool(settings.get("force")), str(entry.get("garment", ""))
        return
    if chosen.what == "REFINE":
        chosen.part = next((item[0] for item in properties.PARTS if item[1] == entry["subject"]), "MATERIAL")
        chosen.target = str(entry.get("target", ""))
        chosen.confined = chosen.part != "MATERIAL" or bool(settings.get("objects"))
        return
    thing = bpy.data.objects.get(entry["subject"])
    if subject_mesh(context) is None and thing is not None:
        context.view_layer.objects.active = thing
        thing.select_set(True)
