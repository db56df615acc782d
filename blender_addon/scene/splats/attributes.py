# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arrays in and out of Blender's data."""

import bpy
import numpy as np

from .nodes import is_native

LABEL = "editor3d_splats"
"""Name of what the data keeps of the file's header."""
OWN = ".ply:"
"""Before the names of the file's own numbers."""
_KEYS = {
    "FLOAT": ("value", 1, np.float32),
    "INT": ("value", 1, np.int32),
    "FLOAT_VECTOR": ("vector", 3, np.float32),
    "FLOAT_COLOR": ("color", 4, np.float32),
    "FLOAT4": ("vector", 4, np.float32),
    "QUATERNION": ("value", 4, np.float32),
}


def kind_of_data():
    """Where Blender keeps data of this kind."""
    return bpy.data.pointclouds if is_native() else bpy.data.meshes


def empty(count, title):
    """New data of points."""
    data = kind_of_data().new(title)
    if is_native():
        data.resize(count)
        data.type = "GAUSSIAN_SPLAT"
    else:
        data.vertices.add(count)
    return data


def size(data):
    """How many points there are."""
    return len(data.points) if isinstance(data, bpy.types.PointCloud) else len(data.vertices)


def write(data, name, kind, values):
    """Set an attribute of the points, which is made where there is none."""
    values = np.ascontiguousarray(values).reshape(-1)
    if name == "position":
        points = data.points if isinstance(data, bpy.types.PointCloud) else data.vertices
        points.foreach_set("co", values)
        return
    found = data.attributes.get(name)
    if found is None:
        found = data.attributes.new(name, kind, "POINT")
    found.data.foreach_set(_KEYS[found.data_type][0], values)


def read(data, name):
    """An attribute of the points [N] or [N, width]; None where there is none."""
    if name == "position":
        points = data.points if isinstance(data, bpy.types.PointCloud) else data.vertices
        values = np.empty(3 * len(points), np.float32)
        points.foreach_get("co", values)
        return values.reshape(-1, 3)
    found = data.attributes.get(name)
    if found is None or found.domain != "POINT" or found.data_type not in _KEYS:
        return None
    key, width, kind = _KEYS[found.data_type]
    values = np.empty(width * len(found.data), kind)
    found.data.foreach_get(key, values)
    return values if width == 1 else values.reshape(-1, width)
