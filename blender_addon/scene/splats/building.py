# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Splats into the scene, a little at a time."""

import time

import bpy

from .. import objects
from . import nodes
from .attributes import LABEL, empty, kind_of_data, size, write
from .layers import label_of, layers_of
from .nodes import is_native

_SECONDS = 0.005
"""After this long no further attribute is begun in a step."""


class Building:
    """Puts a table into Blender's data, step by step, so that the interface stays free. The data is linked to no object
    before `finish`.

    Args:
        title: names the data.
        layers: what `layers_of` gives, where a thread has computed it.
    """

    def __init__(self, table, title, layers=None):
        self._table, self._title = table, title
        self._layers = layers_of(table) if layers is None else layers
        self._count, self._done = len(self._layers), 0
        self._name = None

    @property
    def share(self):
        """How much of it is done, 0 to 1."""
        return self._done / max(1, self._count)

    def step(self):
        """A few milliseconds of work; True when all is there."""
        data = self._data()
        if data is None:  # also where an undo took it away
            data = empty(len(self._table), self._title)
            self._name, self._done = data.name, 0
            return False
        end = time.perf_counter() + _SECONDS
        while self._done < self._count and time.perf_counter() < end:
            write(data, *self._layers[self._done])
            self._done += 1
        return self._done == self._count

    def finish(self):
        """The data, whole."""
        while not self.step():
            pass
        data = self._data()
        data[LABEL] = label_of(self._table)
        data.update_tag()
        return data

    def drop(self):
        """Take the data away again."""
        data = self._data()
        if data is not None and data.users == 0:
            kind_of_data().remove(data)
        self._name = None

    def _data(self):
        data = kind_of_data().get(self._name) if self._name is not None else None
        there = data is not None and size(data) == len(self._table)
        return data if there else None


def add(context, building, title):
    """A new object at the scene's origin, selected and active; it."""
    thing = objects.add(context, building.finish(), title)
    if not is_native():
        nodes.dress(context.scene, thing, title)
    return thing


def replace(thing, building):
    """Give an object other splats, and let those that it had go; how many it has now."""
    old, data = thing.data, building.finish()
    for material in old.materials:
        data.materials.append(material)
    thing.data = data
    if isinstance(old, bpy.types.Mesh) == isinstance(data, bpy.types.Mesh) and old.users == 0:
        kind_of_data().remove(old)
    return size(data)
