"""Pictures of a Blender scene: the rendered one, and per pixel centre the depth and the label, by exact ray casting."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector

from editor3d.datasets.demo.views import FOCAL
from editor3d.host.silence import silenced


def set_up_rendering(scene: bpy.types.Scene, size: int, samples: int, threads: int) -> None:
    """Cycles on the CPU, the same noise in every picture, denoised."""
    scene.render.engine = "CYCLES"
    scene.render.resolution_x = scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    scene.render.threads_mode, scene.render.threads = "FIXED", threads
    scene.render.use_persistent_data = True
    scene.render.dither_intensity = 0.0
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGB"
    scene.view_settings.view_transform, scene.view_settings.look = "AgX", "AgX - Medium High Contrast"
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.seed = "CPU", samples, 0
    cycles.use_adaptive_sampling = False
    cycles.max_bounces = cycles.diffuse_bounces = cycles.glossy_bounces = 2
    cycles.use_light_tree = False
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"

    camera = bpy.data.cameras.new("camera")
    camera.sensor_fit, camera.sensor_width, camera.lens = "HORIZONTAL", 36.0, 36.0 * FOCAL
    camera.clip_start = 0.01
    scene.camera = bpy.data.objects.new("camera", camera)
    scene.collection.objects.link(scene.camera)


def render(scene: bpy.types.Scene, c2w: np.ndarray, path: Path) -> None:
    """Write the scene seen from `c2w` [3, 4] as a PNG."""
    # Blender's cameras have OpenGL axes too.
    scene.camera.matrix_world = Matrix(np.vstack([c2w, [0.0, 0.0, 0.0, 1.0]]).tolist())
    scene.render.filepath = str(path)
    with silenced(sys.stdout, 1):  # Blender writes a line a sample
        bpy.ops.render.render(write_still=True)


def cast(
    scene: bpy.types.Scene,
    c2w: np.ndarray,
    size: int,
    label_of: Callable[[bpy.types.Object, int], int] = lambda thing, face: thing.pass_index,
) -> tuple[np.ndarray, np.ndarray]:
    """Depth and labels at the pixel centres of the view `c2w` [3, 4].

    Args:
        label_of: the label of a face, by its object and its index there.

    Returns:
        z-depth [size, size] float64 in scene units, 0 where nothing is met; labels [size, size] uint8.
    """
    graph = bpy.context.evaluated_depsgraph_get()
    offset = (np.arange(size) + 0.5 - size / 2) / (FOCAL * size)
    x, y = np.meshgrid(offset, -offset)
    # Directions with z = -1 in the camera's frame: the ray's parameter is then the z-depth.
    rays = np.stack([x, y, -np.ones_like(x)], axis=-1) @ c2w[:, :3].T
    depth, labels = np.zeros((size, size)), np.zeros((size, size), dtype=np.uint8)
    origin, forward = Vector(c2w[:, 3]), Vector(-c2w[:, 2])
    for row, column in np.ndindex(size, size):
        hit, point, _, face, thing, _ = scene.ray_cast(graph, origin, Vector(rays[row, column]))
        if hit:
            depth[row, column] = (point - origin) @ forward
            labels[row, column] = label_of(thing, face)
    return depth, labels
