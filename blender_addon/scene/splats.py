# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gaussian splats as objects: what they are in a file lies beside each point, so that transformed, deleted, copied and
joined points are a file of splats again. From Blender 5.3 on they are its own splats, before that ellipsoids.

Each point has the names that Blender 5.3 reads (`radiance:base`, `scale`, `rotation`, `radiance:sh_0` and so on) and,
hidden, the file's own numbers where those round (`.ply:…`)."""

import base64
import json

import bpy
import numpy as np

from ..formats import motions, splats
from ..formats.splats import BASE, NEEDED, OPACITY, PLACE, SCALE, TURN, SplatError, Table
from . import splat_nodes
from .splat_nodes import is_native

_LABEL = "editor3d_splats"
_OWN = ".ply:"
_KEYS = {
    "FLOAT": ("value", 1, np.float32),
    "INT": ("value", 1, np.int32),
    "FLOAT_VECTOR": ("vector", 3, np.float32),
    "FLOAT_COLOR": ("color", 4, np.float32),
    "FLOAT4": ("vector", 4, np.float32),
    "QUATERNION": ("value", 4, np.float32),
}
_AT_ONCE = 4_000_000
"""Bytes that one step moves into Blender: a few milliseconds."""


class Building:
    """Puts a table into Blender's data, step by step, so that the interface stays free. The data is linked to no object
    before `finish`.

    Args:
        title: names the data.
        layers: what `layers_of` gives, where a thread has computed it.
    """

    def __init__(self, table, title, layers=None):
        self._table, self._title = table, title
        self._steps = layers_of(table) if layers is None else layers
        self._count, self._done = len(self._steps), 0
        self._name = None

    @property
    def share(self):
        """How much of it is done, 0 to 1."""
        return self._done / max(1, self._count)

    def step(self):
        """A few milliseconds of work; True when all is there."""
        data = self._data()
        if data is None:  # also where an undo took it away
            data = _empty(len(self._table), self._title)
            self._name, self._done = data.name, 0
            _write(data, "position", "FLOAT_VECTOR", self._table.stacked(PLACE))
            return False
        moved = 0
        while self._done < self._count and moved < _AT_ONCE:
            name, kind, values = self._steps[self._done]
            _write(data, name, kind, values)
            moved += values.nbytes
            self._done += 1
        return self._done == self._count

    def finish(self):
        """The data, whole."""
        while not self.step():
            pass
        data = self._data()
        data[_LABEL] = _label(self._table)
        if not is_native():
            data.update()
        return data

    def drop(self):
        """Take the data away again."""
        data = self._data()
        if data is not None and data.users == 0:
            _kind_of_data().remove(data)
        self._name = None

    def _data(self):
        data = _kind_of_data().get(self._name) if self._name is not None else None
        there = data is not None and _size(data) == len(self._table)
        return data if there else None


def add(context, building, title):
    """A new object at the scene's origin, selected and active; it."""
    data = building.finish()
    thing = bpy.data.objects.new(title, data)
    context.collection.objects.link(thing)
    if not is_native():
        splat_nodes.dress(context.scene, thing, title)
    for other in context.selected_objects:
        other.select_set(False)
    thing.select_set(True)
    context.view_layer.objects.active = thing
    return thing


def settle(thing):
    """Give an object data in which each splat is turned and scaled as its points were moved; how many there are."""
    arrays, _, label = _taken(thing)
    table = _settled(arrays, np.eye(4), label)
    old = thing.data
    data = Building(table, old.name).finish()
    for material in old.materials:
        data.materials.append(material)
    thing.data = data
    if isinstance(old, bpy.types.Mesh) == isinstance(data, bpy.types.Mesh) and old.users == 0:
        _kind_of_data().remove(old)
    return len(table)


def table_of(things):
    """What objects of splats hold now, in the world's frame, as a function that computes the `Table`: it knows arrays
    alone, and may run in a thread.

    Raises:
        SplatError: an object is being edited, or has no points.
    """
    taken = [_taken(thing) for thing in things]
    if not taken:
        raise SplatError("Select an object of splats.")
    return lambda: splats.joined([_settled(*one) for one in taken])


def layers_of(table):
    """Attributes as (name, type, values), those that are seen first. Knows arrays alone: it may run in a thread."""
    native, newer = is_native(), bpy.app.version >= (4, 0, 0)
    columns = table.columns
    out = [
        ("scale", "FLOAT_VECTOR", lambda: np.exp(table.stacked(SCALE))),
        ("rotation", "QUATERNION" if newer else "FLOAT_COLOR", lambda: _unit(table.stacked(TURN))),
        ("radiance:base", "FLOAT4" if native else "FLOAT_COLOR", lambda: _base(table)),
    ]
    if not native:
        out.append((splat_nodes.COLOR, "FLOAT_COLOR", lambda: _shown(table)))
        out.append((splat_nodes.EULER, "FLOAT_VECTOR", lambda: splats.euler(table.stacked(TURN))))
    whole = table.harmonics()
    for k in range(whole.shape[1]):
        out.append((f"radiance:sh_{k}", "FLOAT_VECTOR", lambda k=k: np.ascontiguousarray(whole[:, k])))
    out.append((f"{_OWN}place", "FLOAT_VECTOR", lambda: table.stacked(PLACE)))
    out.append((f"{_OWN}scale", "FLOAT_VECTOR", lambda: table.stacked(SCALE)))
    out.append((f"{_OWN}turn", "FLOAT_COLOR", lambda: table.stacked(TURN)))
    out.append((f"{_OWN}index", "INT", lambda: np.arange(len(table), dtype=np.int32)))
    known = {*PLACE, *BASE, *SCALE, *TURN, *table.rest}
    for name, values in columns.items():
        double = values.dtype.itemsize == 8
        if (name in known and not double) or not values.any():
            continue
        if double:
            halves = values.view(np.int32).reshape(-1, 2)
            out += [(f"{_OWN}{name}:{k}", "INT", np.ascontiguousarray(halves[:, k])) for k in (0, 1)]
        elif values.dtype.kind == "f":
            out.append((f"{_OWN}{name}", "FLOAT", values))
        else:
            wide = values.view(np.int32) if values.dtype == np.uint32 else values.astype(np.int32)
            out.append((f"{_OWN}{name}", "INT", wide))
    return [(name, kind, np.ascontiguousarray(values() if callable(values) else values)) for name, kind, values in out]


def _label(table):
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


def _unit(turns):
    length = np.linalg.norm(turns.astype(np.float64), axis=1, keepdims=True)
    unit = np.where(length > 0, turns / np.where(length > 0, length, 1.0), [1.0, 0.0, 0.0, 0.0])
    return unit.astype(np.float32)


def _kind_of_data():
    return bpy.data.pointclouds if is_native() else bpy.data.meshes


def _empty(count, title):
    data = _kind_of_data().new(title)
    if is_native():
        data.resize(count)
        data.type = "GAUSSIAN_SPLAT"
    else:
        data.vertices.add(count)
    return data


def _size(data):
    return len(data.points) if isinstance(data, bpy.types.PointCloud) else len(data.vertices)


def _write(data, name, kind, values):
    values = np.ascontiguousarray(values).reshape(-1)
    if name == "position":
        points = data.points if isinstance(data, bpy.types.PointCloud) else data.vertices
        points.foreach_set("co", values)
        return
    found = data.attributes.get(name)
    if found is None:
        found = data.attributes.new(name, kind, "POINT")
    found.data.foreach_set(_KEYS[found.data_type][0], values)


def _read(data, name):
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


def _taken(thing):
    """The arrays of an object, its matrix and its label."""
    if thing.mode == "EDIT":
        raise SplatError(f"{thing.name} is being edited: leave edit mode first.")
    data = thing.data
    if _size(data) == 0:
        raise SplatError(f"{thing.name} holds no splats any more.")
    arrays = {attribute.name: _read(data, attribute.name) for attribute in data.attributes}
    arrays["position"] = _read(data, "position")
    label = json.loads(data.get(_LABEL, "{}") or "{}")
    return arrays, np.array(thing.matrix_world, np.float64), label


def _settled(arrays, matrix, label):
    """The table of one object: numbers of the file where nothing changed them, its motions followed."""
    table, index, before = _table(arrays, label)
    places = arrays["position"].astype(np.float64)
    if before is not None and index is not None:
        for piece in motions.pieces(index):
            for linear, inside in motions.found(before[piece], places[piece]):
                which = np.zeros(len(places), bool)
                which[piece] = inside
                table = splats.moved(table, places, linear, which)
    linear, offset = matrix[:3, :3], matrix[:3, 3]
    if not np.array_equal(matrix, np.eye(4)):
        table = splats.moved(table, places @ linear.T + offset, linear)
    return table


def _table(arrays, label):
    """The table as the attributes say it, without motions; numbers and first places of the points, or None."""
    kinds = {name: np.dtype(kind) for name, kind in label.get("columns", {}).items()}
    base, scale, turn = arrays["radiance:base"], arrays["scale"], arrays["rotation"]
    count = len(base)
    own = {name[len(_OWN) :]: values for name, values in arrays.items() if name.startswith(_OWN)}
    good = np.ones(count, bool) if "turn" not in own else (own["turn"] != 0).any(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scales = _kept(own.get("scale"), np.exp, scale, np.log)
        turns = _kept(own.get("turn"), _unit, turn, lambda values: values)
        alpha = np.clip(base[:, 3].astype(np.float64), 1e-7, 1.0 - 1e-7)
        logits = _kept(own.get(OPACITY), splats.opacity, base[:, 3], lambda _: np.log(alpha / (1.0 - alpha)))
    rest = [name for name in sorted(arrays) if name.startswith("radiance:sh_") and arrays[name] is not None]
    bands = [arrays[f"radiance:sh_{k}"] for k in range(len(rest))]
    made = {name: base[:, k] for k, name in enumerate(BASE)} | {OPACITY: logits}
    made |= {name: arrays["position"][:, k] for k, name in enumerate(PLACE)}
    made |= {name: scales[:, k] for k, name in enumerate(SCALE)} | {name: turns[:, k] for k, name in enumerate(TURN)}
    made |= {f"f_rest_{c * len(bands) + k}": bands[k][:, c] for c in range(3) for k in range(len(bands))}
    order = dict.fromkeys(kinds) or dict.fromkeys(NEEDED)
    columns = {}
    moved = "place" in own and (own["place"] != arrays["position"]).any(1)
    for name in [*(n for n in order if not n.startswith("f_rest_") or n in made), *(n for n in made if n not in order)]:
        kind = kinds.get(name, np.dtype("<f4"))
        if kind.itemsize == 8 and f"{name}:0" in own:
            halves = np.stack([own[f"{name}:0"], own[f"{name}:1"]], -1)
            values = np.ascontiguousarray(halves).view(kind).reshape(-1)
            values = np.where(moved, made[name], values) if name in PLACE else values
        elif name in made:
            values = made[name]
        elif name in own:
            values = own[name].view(kind) if kind == np.uint32 else own[name].astype(kind)
        else:
            values = np.zeros(count, kind)
        columns[name] = np.ascontiguousarray(values.astype(kind, copy=False))
    keep = None if good.all() else good
    if keep is not None:
        columns = {name: values[keep] for name, values in columns.items()}
        arrays["position"] = arrays["position"][keep]
    index, before = own.get("index"), own.get("place")
    if keep is not None:
        index, before = (None if one is None else one[keep] for one in (index, before))
    if not len(columns["x"]):
        raise SplatError("Expected splats, found only points without a size: choose another object.")
    further = (tuple(label.get("lines", ())), base64.b64decode(label.get("body", "")))
    return Table(columns, label.get("comments", ()), further), index, before


def _kept(raw, shown_of, shown, raw_of):
    """Numbers of the file where what is shown still comes from them; elsewhere what the shown ones mean."""
    if raw is None:
        return raw_of(shown).astype(np.float32)
    same = shown_of(raw) == shown
    if same.all():
        return raw
    return np.where(same, raw, raw_of(shown)).astype(np.float32)
