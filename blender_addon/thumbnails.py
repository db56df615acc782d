# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures in the panel."""

import bpy
import bpy.utils.previews

_pictures = None
_names = {}
_count = 0


def register():
    global _pictures
    _pictures = bpy.utils.previews.new()


def unregister():
    global _pictures
    forget()
    if _pictures is not None:
        bpy.utils.previews.remove(_pictures)
        _pictures = None


def show(name, path):
    """Take the picture in a file under a name, in place of an earlier one."""
    global _count
    if _pictures is None:
        return
    _count += 1
    key = f"{name}-{_count}"
    _pictures.load(key, path, "IMAGE")
    old = _names.pop(name, None)
    if old is not None:
        del _pictures[old]
    _names[name] = key


def icon(name):
    """The icon's number of a picture; 0 where there is none."""
    key = _names.get(name)
    return _pictures[key].icon_id if _pictures is not None and key is not None else 0


def forget():
    """Let all pictures go."""
    _names.clear()
    if _pictures is not None:
        _pictures.clear()
