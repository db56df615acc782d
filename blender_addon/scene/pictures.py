# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures that are in Blender, as files that can be sent."""

import os
from array import array

from ..dataset import png
from . import materials

_SIDE = 2048
"""Pixels of the longer side that are kept at most."""
_RENDERED = ("RENDER_RESULT", "COMPOSITING")


class PictureError(Exception):
    """A picture that cannot be sent, in one sentence."""


def taken(image, scene, folder):
    """An image as (file name, bytes): a function that gives these, and may run in a thread.

    Args:
        image: any image of Blender's, the Render Result, too.
        scene: whose view transform a render is shown with.
        folder: for files that are needed on the way.

    Raises:
        PictureError: it has no pixels.
    """
    path = os.path.join(folder, "picture.png")
    if image.type in _RENDERED:
        _save_render(image, scene, path)
        return lambda: ("picture.png", _read(path))
    found = materials.picture_of(image)
    if isinstance(found, bytes):
        return lambda: (f"picture.{image_suffix(found)}", found)
    if found is not None:
        return lambda: (os.path.basename(found).lower(), _read(found))
    width, height = image.size
    if width == 0 or height == 0:
        raise PictureError(f"{image.name} has no pixels: choose another picture.")
    values = array("f", bytes(4 * image.channels * width * height))
    image.pixels.foreach_get(values)
    channels, is_linear = image.channels, image.is_float and image.colorspace_settings.name != "Non-Color"

    def written():
        step = max(1, -(-max(width, height) // _SIDE))
        rows = []
        for y in range(height - 1, -1, -step):  # Blender's first row is the lowest
            row = values[y * width * channels : (y + 1) * width * channels]
            parts = [row[min(k, channels - 1) :: channels * step] for k in range(3)]
            line = bytearray(3 * len(parts[0]))
            for k, part in enumerate(parts):
                line[k::3] = bytes(_byte(value, is_linear) for value in part)
            rows.append(bytes(line))
        png.write_rgb(path, len(rows[0]) // 3, len(rows), b"".join(rows))
        return "picture.png", _read(path)

    return written


def image_suffix(data):
    """How a file of these bytes ends."""
    return "png" if data[:4] == b"\x89PNG" else "jpg"


def _byte(value, is_linear):
    value = min(1.0, max(0.0, value))
    if is_linear:
        value = 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return int(255.0 * value + 0.5)


def _save_render(image, scene, path):
    """Write a render as a PNG file, whatever the scene's own output is."""
    form = scene.render.image_settings
    names = ("media_type", "file_format", "color_mode", "color_depth")  # the first only from 5.0 on
    names = [name for name in names if name in form.bl_rna.properties]
    before = [(name, getattr(form, name)) for name in names]
    try:
        if "media_type" in names:
            form.media_type = "IMAGE"
        form.file_format, form.color_mode, form.color_depth = "PNG", "RGB", "8"
        image.save_render(path, scene=scene)
    except RuntimeError as error:
        raise PictureError(f"{image.name} has no pixels: render the scene first.") from error
    finally:
        for name, value in before:
            setattr(form, name, value)


def _read(path):
    with open(path, "rb") as file:
        return file.read()
