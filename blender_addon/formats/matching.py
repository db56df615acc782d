# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""A styled mesh and the one that was sent, corner by corner: whether the old faces can be kept. Knows arrays, not
Blender: it runs in threads."""

from array import array


def corner_uvs(geometry, styled):
    """Where the styled mesh has the same triangles as the one that was sent: its coordinates for each corner of that.

    Returns:
        'f', 2 a corner of `geometry`, or None where the triangles differ, or where one corner would need two places
        in the texture: the old faces cannot be kept then.
    """
    if styled.uvs is None:
        return None
    # numbers in place of tuples and sets: the collector of garbage would look through millions of these, and again
    numbers, own, old = {}, array("q"), array("q")
    for vertices, positions in ((own, styled.positions), (old, geometry.positions)):
        for place in zip(positions[0::3], positions[1::3], positions[2::3]):  # noqa: B905 three slices of one array
            vertices.append(numbers.setdefault(place, len(numbers)))
    found = {}
    for start in range(0, len(styled.corners), 3):
        low, middle, high = sorted(own[v] for v in styled.corners[start : start + 3])
        found[low << 64 | middle << 32 | high] = start
    out = array("f", bytes(8 * len(geometry.loops)))
    given = bytearray(len(geometry.loops))
    triangles, loops = geometry.triangles, geometry.loops
    for start in range(0, len(triangles), 3):
        corners = triangles[start : start + 3]
        places = [old[loops[c]] for c in corners]
        low, middle, high = sorted(places)
        if low == middle or middle == high:
            continue  # a face without area, which the engine leaves out
        at = found.get(low << 64 | middle << 32 | high)
        if at is None:
            return None
        theirs = [own[v] for v in styled.corners[at : at + 3]]
        for corner, place in zip(corners, places):  # noqa: B905 equally long
            one = at + theirs.index(place)
            u, v = styled.uvs[2 * one], styled.uvs[2 * one + 1]
            if given[corner] and (abs(out[2 * corner] - u) > 1e-6 or abs(out[2 * corner + 1] - v) > 1e-6):
                return None
            out[2 * corner], out[2 * corner + 1], given[corner] = u, v, 1
    return out


def moved_vertices(geometry, styled, reach):
    """Where a styled mesh has the triangles that were sent, in their order, and only its vertices moved.

    Args:
        reach: the farthest that a vertex may have moved.

    Returns:
        Coordinates for each corner as `corner_uvs` has them, and the places of all vertices of `geometry` ('f', 3
        each); None where triangles differ, or one vertex or corner would need two places.
    """
    sent = geometry.sent or geometry.triangles
    if styled.uvs is None or len(sent) != len(styled.corners):
        return None
    uvs, given = array("f", bytes(8 * len(geometry.loops))), bytearray(len(geometry.loops))
    places, found = array("f", geometry.positions), {}
    for corner, (old, new) in enumerate(zip(sent, styled.corners)):  # noqa: B905 equally long
        vertex = geometry.loops[old]
        if found.setdefault(vertex, new) != new:
            return None
        u, v = styled.uvs[2 * corner], styled.uvs[2 * corner + 1]
        if given[old] and (abs(uvs[2 * old] - u) > 1e-6 or abs(uvs[2 * old + 1] - v) > 1e-6):
            return None
        uvs[2 * old], uvs[2 * old + 1], given[old] = u, v, 1
    for vertex, new in found.items():
        step = [styled.positions[3 * new + k] - geometry.positions[3 * vertex + k] for k in range(3)]
        if sum(value * value for value in step) > reach * reach:
            return None
        places[3 * vertex : 3 * vertex + 3] = styled.positions[3 * new : 3 * new + 3]
    return uvs, places
