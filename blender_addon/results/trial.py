# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results on their objects, before they are accepted."""

import bpy

from ..scene import meshes
from . import bring_in


class Trial:
    """What is tried on now; to put it on and take it off is for operators with an undo step."""

    def __init__(self):
        self._worn = []
        """(object's name, the new mesh's name, the old mesh's name) of each."""

    def begin(self, results):
        """Show results, (request, outcome) each, on their objects; whether there is one."""
        self.end()
        for request, outcome in results:
            thing = bpy.data.objects.get(request.subject)
            if thing is None or thing.type != "MESH" or outcome.styled is None:
                continue
            old = thing.data
            mesh = bring_in.styled_mesh(thing, request, outcome, f"{thing.name} (preview)")
            if mesh is not None:
                self._worn.append((thing.name, mesh.name, old.name))
                thing.data = mesh
        return bool(self._worn)

    def is_on(self):
        """Whether an object wears its result now; undo may have taken it off."""
        for name, mesh, _ in self._worn:
            thing = bpy.data.objects.get(name)
            if thing is not None and thing.data is not None and thing.data.name == mesh:
                return True
        return False

    def end(self):
        """Give the objects their own meshes back, and remove the previews."""
        for name, *names in self._worn:
            thing, (mesh, old) = bpy.data.objects.get(name), map(bpy.data.meshes.get, names)
            if thing is not None and old is not None and mesh is not None and thing.data == mesh:
                thing.data = old
            if mesh is not None:
                meshes.remove(mesh)
        self._worn = []
