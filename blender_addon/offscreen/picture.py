# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run by a second Blender: renders a scene through its own camera, by its own engine where there is a screen, small.

The job: blend, scene, side (pixels of the longer side), screen, folder. Leaves view.png.
"""

import os

import bpy

SAMPLES = 32


def carry_out(job):
    bpy.ops.wm.open_mainfile(filepath=job["blend"], load_ui=False, use_scripts=False)
    scene = bpy.data.scenes[job["scene"]]
    bpy.context.window.scene = scene
    settings = scene.render
    longest = max(settings.resolution_x, settings.resolution_y)
    settings.resolution_percentage = max(1, min(100, 100 * job["side"] // longest))
    if settings.engine != "CYCLES" and not job["screen"]:  # others draw with the graphics card
        settings.engine = "CYCLES"
    if settings.engine == "CYCLES":
        scene.cycles.device, scene.cycles.use_denoising = "CPU", True
        scene.cycles.samples = min(scene.cycles.samples, SAMPLES)
    form = settings.image_settings
    if "media_type" in form.bl_rna.properties:  # from 5.0 on it says which formats there are
        form.media_type = "IMAGE"
    form.file_format, form.color_mode, form.color_depth = "PNG", "RGB", "8"
    settings.use_multiview = False
    settings.filepath = os.path.join(job["folder"], "view.png")
    settings.use_file_extension = False
    try:
        bpy.ops.render.render(write_still=True, scene=scene.name)
    except RuntimeError as error:
        if "Denois" not in str(error) or settings.engine != "CYCLES":
            raise
        # a distribution's Blender may be built without, and what it would keep for the next picture is spoilt
        scene.cycles.use_denoising = settings.use_persistent_data = False
        bpy.ops.render.render(write_still=True, scene=scene.name)
