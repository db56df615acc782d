"""Which object each pixel of a picture shows, by a ray through the pixel's middle. Imports bpy."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np
from mathutils import Vector

MOST_SIDE = 256
"""Pixels of the longer side that rays are cast for; larger pictures take the nearest one's."""


def labels(names: Sequence[str], percent: int) -> np.ndarray:
    """Of the open scene, as its camera sees it: 1 + the index in `names`, else 0; [H, W] uint8 of the picture's size.

    What an object makes by its modifiers counts as the object, copies included. Glass hides what is behind it.

    Args:
        names: of objects, at most 255.
        percent: of the settings' width and height.
    """
    scene, graph = bpy.context.scene, bpy.context.evaluated_depsgraph_get()
    camera = scene.camera.evaluated_get(graph)
    width, height = (side * percent // 100 for side in (scene.render.resolution_x, scene.render.resolution_y))
    scale = min(1.0, MOST_SIDE / max(width, height))
    columns, rows = max(1, round(width * scale)), max(1, round(height * scale))
    right_top, right_bottom, left_bottom, left_top = camera.data.view_frame(scene=scene)
    world = camera.matrix_world.normalized()
    is_flat = camera.data.type == "ORTHO"
    known = {name: index + 1 for index, name in enumerate(names)}
    found = np.zeros((rows, columns), np.uint8)
    for row in range(rows):
        down = (row + 0.5) / rows
        left, right = left_top.lerp(left_bottom, down), right_top.lerp(right_bottom, down)
        for column in range(columns):
            point = left.lerp(right, (column + 0.5) / columns)
            if is_flat:
                origin, aim = world @ Vector((point.x, point.y, 0.0)), world.to_3x3() @ Vector((0.0, 0.0, -1.0))
            else:
                origin, aim = world.translation, (world.to_3x3() @ point).normalized()
            start = origin + aim * camera.data.clip_start
            hit, _, _, _, thing, _ = scene.ray_cast(graph, start, aim, distance=camera.data.clip_end)
            if hit and thing is not None:
                found[row, column] = known.get(thing.name, 0)
    across = (np.arange(width) * columns // width, np.arange(height) * rows // height)
    return found[np.ix_(across[1], across[0])]


def save(path: str, names: Sequence[str], percent: int) -> None:
    """Write them as a grey picture."""
    found = labels(names, percent)
    image = bpy.data.images.new("labels", found.shape[1], found.shape[0], alpha=False)
    image.colorspace_settings.name = "Non-Color"
    pixels = np.ones((*found.shape, 4), np.float32)
    pixels[..., :3] = found[::-1, :, None] / 255.0
    image.pixels.foreach_set(pixels.ravel())
    image.filepath_raw, image.file_format = path, "PNG"
    image.save()
    bpy.data.images.remove(image)
