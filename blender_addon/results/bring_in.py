# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accepted results in the scene. Each is carried out by one operator, and so is one step back."""

import os

import bpy

from ..scene import clouds, meshes, programs


class CannotAccept(Exception):
    """A result that fits nothing any more, in one sentence."""


def accept(context, request, outcome, building=None):
    """Take a result into the scene; the name of the object that it became or changed, or "", and what was done.

    Args:
        building: the `splats.building.Building` of a scene of splats.

    Raises:
        CannotAccept: what it is about is gone.
    """
    if request.kind == "mesh":
        return _accept_mesh(request, outcome)
    if request.kind == "scene":
        return _accept_scene(context, request, outcome, building)
    if request.kind == "refine":
        return "", _accept_program(request, outcome)
    raise CannotAccept("There is nothing to take in.")


def offer(name, instruction):
    """Have the asset browser offer an object."""
    thing = bpy.data.objects[name]
    thing.asset_mark()
    thing.asset_data.description = instruction
    if "editor3d" not in thing.asset_data.tags:
        thing.asset_data.tags.new("editor3d")
    if not bpy.app.background:  # the preview is rendered by a job of the window
        thing.asset_generate_preview()


def _accept_scene(context, request, outcome, building):
    title = f"{os.path.basename(request.subject)} {request.instruction}"[:60]
    if building is None:
        thing = clouds.add(context, outcome.cloud, title)
        return thing.name, f"{thing.name}: {len(thing.data.vertices)} points."
    from ..scene.splats.building import add  # with numpy, where there are splats

    replaced = [bpy.data.objects.get(name) for name in request.replaces]
    thing = add(context, building, title)
    for old in filter(None, replaced):  # the two would be drawn on top of each other
        old.hide_render = True
        old.hide_set(True)
    hidden = " What they were made of is hidden." if any(replaced) else ""
    return thing.name, f"{thing.name}: {len(outcome.table)} splats.{hidden}"


def _accept_mesh(request, outcome):
    thing = bpy.data.objects.get(request.subject)
    if thing is None or thing.type != "MESH":
        raise CannotAccept(f"There is no mesh {request.subject} any more.")
    if thing.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    mesh = styled_mesh(thing, request, outcome, f"{thing.name} {request.instruction}"[:60])
    if mesh is None:
        raise CannotAccept(f"Expected {thing.name} as it was sent, found other faces: run the edit again.")
    same = len(mesh.loops) == len(thing.data.loops)
    thing.data = mesh
    for slot in thing.material_slots:
        slot.link = "DATA"
    kept = "new triangles" if not same else "a new shape key" if outcome.moved is not None else "faces kept"
    return thing.name, f"{thing.name}: {request.instruction} ({kept})."


def styled_mesh(thing, request, outcome, title):
    """A result as a new mesh for an object; None where only some faces were sent and they are others now."""
    uvs, loops = outcome.uvs, len(thing.data.loops)
    if uvs is not None and len(uvs) != 2 * loops:
        uvs = None  # the mesh was changed meanwhile: the engine's own triangles are whole in any case
    if request.faces is not None and (uvs is None or len(request.faces) != len(thing.data.polygons)):
        return None
    return meshes.new_mesh(thing, outcome.styled, uvs, title, request.faces, outcome.moved)


def _accept_program(request, outcome):
    try:
        changes = programs.changes_in(outcome.program, request.entries)
    except programs.ProgramError as error:
        raise CannotAccept(str(error)) from error
    if not changes:
        raise CannotAccept("The search found nothing better than what is there.")
    gone = programs.apply(changes)
    if len(gone) == len(changes):
        raise CannotAccept("All that was to be changed is gone from the scene.")
    message = f"{len(changes) - len(gone)} values changed"
    return f"{message}, {len(gone)} are gone." if gone else f"{message}."
