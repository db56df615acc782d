# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Splats out of the scene, as they are there now: read a little at a time, and computed where a thread has time."""

import base64
import json
import time

import bpy
import numpy as np

from ...formats import motions, splats
from ...formats.splats import BASE, NEEDED, OPACITY, PLACE, SCALE, TURN, SplatError, Table
from .attributes import LABEL, OWN, read, size
from .layers import unit

_SECONDS = 0.005
"""After this long no further attribute is begun in a step."""


class Reading:
    """Takes what objects of splats hold now, step by step, so that the interface stays free.

    Args:
        world: whether the splats follow their object's transform; else they stay in its own frame.

    Raises:
        SplatError: there is no object, one is being edited, or one has no points.
    """

    def __init__(self, things, world=True):
        if not things:
            raise SplatError("Select an object of splats.")
        self._parts, self._left = [], []
        for thing in things:
            if thing.mode == "EDIT":
                raise SplatError(f"{thing.name} is being edited: leave edit mode first.")
            data = thing.data
            if size(data) == 0:
                raise SplatError(f"{thing.name} holds no splats any more.")
            matrix = np.array(thing.matrix_world, np.float64) if world else np.eye(4)
            label = json.loads(data.get(LABEL, "{}") or "{}")
            self._parts.append(({}, matrix, label))
            names = ["position", *(attribute.name for attribute in data.attributes if attribute.name != "position")]
            self._left += [(thing.name, size(data), name, self._parts[-1][0]) for name in names]
        self._count = len(self._left)

    @property
    def share(self):
        """How much of it is read, 0 to 1."""
        return 1.0 - len(self._left) / self._count

    def step(self):
        """A few milliseconds of work; True when all is read.

        Raises:
            SplatError: an object was changed meanwhile.
        """
        end = time.perf_counter() + _SECONDS
        while self._left and time.perf_counter() < end:
            title, count, name, arrays = self._left.pop(0)
            thing = bpy.data.objects.get(title)
            if thing is None or thing.mode == "EDIT" or size(thing.data) != count:
                raise SplatError(f"{title} was changed while it was read: do that again.")
            arrays[name] = read(thing.data, name)
        return not self._left

    def table(self):
        """What was read as one `Table`. Knows arrays alone: it may run in a thread.

        Raises:
            SplatError: no splats can follow what was done to them.
        """
        return splats.joined([_settled(*part) for part in self._parts])


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
    own = {name[len(OWN) :]: values for name, values in arrays.items() if name.startswith(OWN)}
    good = np.ones(count, bool) if "turn" not in own else (own["turn"] != 0).any(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scales = _kept(own.get("scale"), np.exp, scale, np.log)
        turns = _kept(own.get("turn"), unit, turn, lambda values: values)
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
