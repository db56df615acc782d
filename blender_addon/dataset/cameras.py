# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""From where a scene is photographed, and through what lens."""

import math

from mathutils import Matrix, Vector

GOLDEN_ANGLE = math.pi * (3.0 - math.sqrt(5.0))


class CameraError(Exception):
    """A camera or a scene that cannot be photographed, in one sentence."""


class Lens:
    """A pinhole camera in pixels, the centre of the first pixel being (0.5, 0.5); y counts from the top."""

    def __init__(self, width, height, fl_x, fl_y, cx, cy):
        self.width, self.height = width, height
        self.fl_x, self.fl_y, self.cx, self.cy = fl_x, fl_y, cx, cy

    def ray(self, row, column):
        """From the camera through a pixel's centre, with OpenGL axes; its z is -1."""
        return Vector(((column + 0.5 - self.cx) / self.fl_x, (self.cy - row - 0.5) / self.fl_y, -1.0))


class Shot:
    """One view: its name, camera-to-world with OpenGL axes (Blender's cameras have these), its lens, its camera."""

    def __init__(self, name, c2w, lens, camera):
        self.name, self.c2w, self.lens, self.camera = name, c2w, lens, camera


def size_of(render):
    """Width and height that Blender renders: the percentage cuts off fractions."""
    percent = render.resolution_percentage
    return render.resolution_x * percent // 100, render.resolution_y * percent // 100


def lens_of(camera, render):
    """The pinhole of a camera's data, with its sensor fit, shift and the pixels' aspect.

    f_x = lens / sensor * side, where the side is the width in pixels, or, where the sensor is fitted to the height, the
    height in widths of a pixel; shifts are shares of that side.

    Raises:
        CameraError: it is no perspective camera.
    """
    if camera.type != "PERSP":
        raise CameraError(f"Expected perspective cameras, but {camera.name} is not: change its type.")
    width, height = size_of(render)
    tall = render.pixel_aspect_y / render.pixel_aspect_x
    fit = camera.sensor_fit
    if fit == "AUTO":
        fit = "HORIZONTAL" if width >= height * tall else "VERTICAL"
        sensor = camera.sensor_width
    else:
        sensor = camera.sensor_width if fit == "HORIZONTAL" else camera.sensor_height
    side = width if fit == "HORIZONTAL" else height * tall
    fl_x = camera.lens / sensor * side
    cx = 0.5 * width - camera.shift_x * side
    cy = 0.5 * height + camera.shift_y * side / tall
    return Lens(width, height, fl_x, fl_x / tall, cx, cy)


def rigid(matrix):
    """A camera's world matrix without its scale.

    Raises:
        CameraError: the camera is mirrored.
    """
    place, turn, scale = matrix.decompose()
    if min(scale) < 0.0 or matrix.determinant() < 0.0:
        raise CameraError("Expected cameras that are not mirrored: apply their scale.")
    return Matrix.Translation(place) @ turn.to_matrix().to_4x4()


def bounds_of(things, graph):
    """Centre and radius of a ball round the evaluated objects.

    Raises:
        CameraError: they have no extent.
    """
    corners = []
    for thing in things:
        whole = thing.evaluated_get(graph)
        corners += [whole.matrix_world @ Vector(corner) for corner in whole.bound_box]
    if not corners:
        raise CameraError("Expected objects to look at: select some.")
    low = Vector(min(c[k] for c in corners) for k in range(3))
    high = Vector(max(c[k] for c in corners) for k in range(3))
    radius = 0.5 * (high - low).length
    if radius <= 0.0:
        raise CameraError("Expected objects with an extent: select a mesh.")
    return 0.5 * (low + high), radius


def orbit(count, center, radius, lens, elevations, margin):
    """Poses on a spiral round a ball, spread evenly over the sphere between two elevations.

    Args:
        count: of the poses.
        center, radius: of the ball.
        lens: decides on the distance: the ball fills the shorter side of the picture.
        elevations: the lowest and the highest, degrees above the horizon.
        margin: 1 fills the picture, 1.2 leaves a sixth.
    """
    half = math.atan(min(0.5 * lens.width / lens.fl_x, 0.5 * lens.height / lens.fl_y))
    distance = margin * radius / math.sin(half)
    low, high = (math.sin(math.radians(e)) for e in elevations)
    for index in range(count):
        rise = low + (high - low) * (index + 0.5) / count
        flat, turn = math.sqrt(max(0.0, 1.0 - rise * rise)), GOLDEN_ANGLE * index
        back = Vector((flat * math.cos(turn), flat * math.sin(turn), rise))
        yield looking(center + distance * back, center)


def looking(eye, target):
    """Camera-to-world of an upright camera, z being up."""
    back = (eye - target).normalized()
    right = Vector((0.0, 0.0, 1.0)).cross(back)
    right = right.normalized() if right.length > 1e-9 else Vector((1.0, 0.0, 0.0))
    turned = Matrix((right, back.cross(right), back)).transposed()
    return Matrix.Translation(eye) @ turned.to_4x4()
