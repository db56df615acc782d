# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""A table of splats as attributes of points, and those of its numbers that attributes would round."""

import base64
import json

import bpy
import numpy as np

from ...formats import splats
from ...formats.splats import BASE, OPACITY, PLACE, SCALE, TURN
from . import nodes
from .attributes import OWN
from .nodes import is_native


def layers_of(table):
    """Attributes as (name, type, values), those that are seen first. Knows arrays alone: it may run in a thread."""
    native, newer = is_native(), bpy.app.version >= (4, 0, 0)
    columns = table.columns
    out = [
        ("position", "FLOAT_VECTOR", lambda: table.stacked(PLACE)),
        ("scale", "FLOAT_VECTOR", lambda: np.exp(table.stacked(SCALE))),
        ("rotation", "QUATERNION" if newer else "FLOAT_COLOR", lambda: unit(table.stacked(TURN))),
        ("radiance:base", "FLOAT4" if native else "FLOAT_COLOR", lambda: _base(table)),
    ]
    if not native:
        out.append((nodes.COLOR, "FLOAT_COLOR", lambda: _shown(table)))
        out.append((nodes.EULER, "FLOAT_VECTOR", lambda: splats.euler(table.stacked(TURN))))
    whole = table.harmonics()
    for k in range(whole.shape[1]):
        out.append((f"radiance:sh_{k}", "FLOAT_VECTOR", lambda k=k: np.ascontiguousarray(whole[:, k])))
    out.append((f"{OWN}place", "FLOAT_VECTOR", lambda: table.stacked(PLACE)))
    out.append((f"{OWN}scale", "FLOAT_VECTOR", lambda: table.stacked(SCALE)))
    out.append((f"{OWN}turn", "FLOAT_COLOR", lambda: table.stacked(TURN)))
    out.append((f"{OWN}index", "INT", lambda: np.arange(len(table), dtype=np.int32)))
    known = {*PLACE, *BASE, *SCALE, *TURN, *table.rest}
    for name, values in columns.items():
        double = values.dtype.itemsize == 8
        if (name in known and not double) or not values.any():
            continue
        if double:
            halves = values.view(np.int32).reshape(-1, 2)
            out += [(f"{OWN}{name}:{k}", "INT", np.ascontiguousarray(halves[:, k])) for k in (0, 1)]
        elif values.dtype.kind == "f":
            out.append((f"{OWN}{name}", "FLOAT", values))
        else:
            wide = values.view(np.int32) if values.dtype == np.uint32 else values.astype(np.int32)
            out.append((f"{OWN}{name}", "INT", wide))
    return [(name, kind, np.ascontiguousarray(values() if callable(values) else values)) for name, kind, values in out]


def label_of(table):
    """The file's header, as text."""
    kinds = {name: values.dtype.str for name, values in table.columns.items()}
    lines, body = table.further
    return json.dumps(
        {"columns": kinds, "comments": table.comments, "lines": lines, "body": base64.b64encode(body).decode()}
    )


def _base(table):
    return np.concatenate([table.stacked(BASE), splats.opacity(table.columns[OPACITY])[:, None]], 1)


def _shown(table):
    alpha = splats.opacity(table.columns[OPACITY])[:, None]
    return np.concatenate([splats.colors(table.stacked(BASE)), alpha], 1)


def unit(turns):
    """Quaternions [N, 4] of length 1; those of length 0 turn nothing."""
    length = np.linalg.norm(turns.astype(np.float64), axis=1, keepdims=True)
    unit = np.where(length > 0, turns / np.where(length > 0, length, 1.0), [1.0, 0.0, 0.0, 0.0])
    return unit.astype(np.float32)
