"""Pictures that are in Blender, as the files that are sent: their pixels as they are shown."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image


def test_images_and_renders_are_sent_as_they_look(blender, tmp_path: Path):
    Image.new("RGB", (4, 4), (9, 8, 7)).save(tmp_path / "of a file.png")
    told = blender.run(
        """
import base64, tempfile
from array import array
pictures, requests = part("scene.pictures"), part("ui.requests")
chosen, scene = bpy.context.window_manager.editor3d, bpy.context.scene
def sent(image):
    name, data = pictures.taken(image, scene, tempfile.mkdtemp())()
    return [name, base64.b64encode(data).decode()]
def refused(image):
    try:
        pictures.taken(image, scene, tempfile.mkdtemp())
    except pictures.PictureError as error:
        return str(error)
painted = bpy.data.images.new("painted", 3, 2)
painted.pixels.foreach_set(array("f", [v for k in range(6) for v in (k / 5, 0.5, 1.0, 1.0)]))
light = bpy.data.images.new("light", 2, 1, float_buffer=True)
light.pixels.foreach_set(array("f", [0.0, 0.214, 1.0, 1.0, 0.5, 3.0, -1.0, 1.0]))
result["painted"], result["light"] = sent(painted), sent(light)
result["file"] = sent(bpy.data.images.load(names["file"]))
scene.render.engine, scene.cycles.samples, scene.cycles.device = "CYCLES", 1, "CPU"
scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 32, 24, 100
scene.render.image_settings.file_format = "FFMPEG"
bpy.ops.render.render()
result["render"] = sent(bpy.data.images["Render Result"])
result["kept"] = scene.render.image_settings.file_format
chosen.instruction, chosen.what, chosen.part, chosen.target_image = "darker", "REFINE", "LIGHTS", painted
result["target"] = requests.ask(bpy.context).inputs["target"]()[0]
chosen.what, chosen.scene_path, chosen.garment_image = "SCENE", "demo", painted
result["garment"] = requests.ask(bpy.context).inputs["garment"]()[0]
""",
        file=tmp_path / "of a file.png",
    )

    def pixels(name: str) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(told[name][1]))).convert("RGB"))

    painted = pixels("painted")
    assert painted.shape == (2, 3, 3)
    assert painted[1, :, 0].tolist() == [0, 51, 102]  # Blender's first row is the lowest
    assert painted[0, :, 0].tolist() == [153, 204, 255]
    assert np.abs(painted[..., 1].astype(int) - 127).max() <= 1
    # linear numbers, shown by the curve of sRGB, and cut where no screen shows more
    assert np.abs(pixels("light").astype(int) - [[[0, 127, 255], [188, 255, 0]]]).max() <= 1
    assert pixels("file").tolist() == [[[9, 8, 7]] * 4] * 4
    render = pixels("render")
    assert render.shape == (24, 32, 3)
    assert render.std() > 0
    assert told["kept"] == "FFMPEG"
    assert told["target"] == told["garment"] == "picture.png"


def test_what_has_no_pixels_is_refused_in_one_sentence(blender):
    told = blender.run(
        """
import tempfile
pictures = part("scene.pictures")
image = bpy.data.images.new("gone", 4, 4)
image.source, image.filepath = "FILE", "/nowhere/picture.exr"
try:
    pictures.taken(image, bpy.context.scene, tempfile.mkdtemp())
except pictures.PictureError as error:
    result["told"] = str(error)
"""
    )
    assert told["told"] == "gone has no pixels: choose another picture."
