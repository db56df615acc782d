# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""New objects in the scene."""

import bpy


def add(context, data, title):
    """A new object at the scene's origin, selected and active; it."""
    thing = bpy.data.objects.new(title, data)
    context.collection.objects.link(thing)
    for other in context.selected_objects:
        other.select_set(False)
    thing.select_set(True)
    context.view_layer.objects.active = thing
    return thing
