# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures in the panel.

Blender reads the file of a preview in a job of its own, at whose end it draws the whole window anew, 3D views included.
Pixels that are put into a preview cost a copy. So pictures come as pixels, as large as they are drawn: a larger one
would be scaled down whenever the panel is drawn.
"""

import bpy
import bpy.utils.previews

_USES = {"progress": (1, 9.0), "pair": (2, 8.0), "sheet": (1, 14.0)}
"""Pictures beside each other, and the most that each is drawn with: units of the interface, high and wide."""
_MARGINS = 3.5
"""Units of a sidebar's width that its tabs, and the edges of panel and box, take."""
_EDGE = 8
"""Pixels by which Blender draws a picture smaller than the place that it has."""

scales = {"progress": 7.5, "pair": 3.75, "sheet": 7.5}
"""Units that pictures of each use are drawn with now."""
sides = {"progress": 142, "pair": 67, "sheet": 142}
"""Pixels that they have then, which requests name. Read in threads."""

_pictures = None
_names = {}
_waiting = {}
"""Names to what is shown as soon as it is drawn: a preview costs nothing before."""
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


def fit(context):
    """Have pictures drawn as large as the region that is drawn now has room for."""
    system = context.preferences.system
    unit = round(18 * system.ui_scale) + 2 * system.pixel_size  # as Blender has it
    room = context.region.width / unit - _MARGINS
    for use, (columns, most) in _USES.items():
        scales[use] = max(2.0, min(most, room / columns))
        sides[use] = max(16, int(scales[use] * unit) - _EDGE)


def show(name, picture):
    """Take a picture under a name, in place of an earlier one.

    Args:
        picture: `pixels.Pixels`, or the path of a file.
    """
    _waiting[name] = picture


def icon(name):
    """The icon's number of a picture; 0 where there is none. Call it when it is drawn."""
    picture = _waiting.pop(name, None)
    if picture is not None:
        _make(name, picture)
    key = _names.get(name)
    return _pictures[key].icon_id if _pictures is not None and key is not None else 0


def _make(name, picture):
    global _count
    if _pictures is None:
        return
    _count += 1
    key = f"{name}-{_count}"
    if isinstance(picture, str):
        _pictures.load(key, picture, "IMAGE")
    else:
        preview = _pictures.new(key)
        preview.image_size = (picture.width, picture.height)
        preview.image_pixels.foreach_set(picture.values)
    old = _names.pop(name, None)
    if old is not None:
        del _pictures[old]
    _names[name] = key


def forget():
    """Let all pictures go."""
    _names.clear()
    _waiting.clear()
    if _pictures is not None:
        _pictures.clear()
