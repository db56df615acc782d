"""Repair a mesh so that it can be rendered and displaced."""

from __future__ import annotations

import numpy as np

from editor3d.errors import DataError
from editor3d.srgb import to_linear
from mesh.surface import Material, Surface

_THIN = 1e-12
"""Twice a triangle's area, in squares of the mesh's size, below which it has no direction."""


def repaired(surface: Surface, name: str) -> Surface:
    """The surface without faces that cannot be drawn, its vertices welded, its faces wound alike.

    Vertices at exactly one place become one, so that a displacement opens no cracks. Faces of numbers that are not
    finite, of no area, or drawn twice are dropped. Edges with more than two faces stay: they are drawn and displaced
    like others. Each change adds a clause to `notes`.

    Args:
        name: what the surface is called in errors.

    Raises:
        DataError: no face is left, or the mesh has no size.
    """
    notes = list(surface.notes)
    faces, keep = surface.faces, np.ones(len(surface.faces), bool)
    finite = np.isfinite(surface.vertices).all(axis=1)
    keep &= _drop(~finite[faces].all(axis=1) & keep, "with numbers that are not finite", notes)
    vertices, faces, first = _welded(surface.vertices, faces, finite)
    if not keep.any():
        raise DataError(f"Expected a mesh with faces of finite numbers in {name}, found none: export it anew.")
    size = float(np.ptp(vertices[faces[keep]].reshape(-1, 3), axis=0).max())
    if not 1e-30 < size < 1e30:
        raise DataError(f"Expected a mesh of some size in {name}, found one of {size:g}: it has no surface.")
    corners = vertices[np.where(keep[:, None], faces, 0)] / size
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    keep &= _drop((area < _THIN) & keep, "of no area", notes)
    if not keep.any():
        raise DataError(f"Expected a mesh with faces of some area in {name}, found none: it has no surface.")
    keep &= _drop(_repeated(faces, keep), "drawn twice", notes)
    faces = faces[keep]
    used, flat = np.unique(faces, return_inverse=True)
    faces = flat.reshape(-1, 3).astype(np.int64)
    kept_material = None if surface.face_material is None else surface.face_material[keep]
    uvs = None if surface.uvs is None else np.nan_to_num(surface.uvs[keep], posinf=0.0, neginf=0.0)
    tints = None if surface.tints is None else np.clip(np.nan_to_num(surface.tints[keep]), 0.0, 1.0)
    colors, materials = None, surface.materials
    if surface.vertex_colors is not None:
        at_corners = np.clip(np.nan_to_num(surface.vertex_colors), 0.0, 1.0)[surface.faces[keep]]
        colors = np.clip(np.nan_to_num(surface.vertex_colors[first[used]]), 0.0, 1.0)
        if not np.array_equal(colors[faces], at_corners):  # vertices that became one had colours of their own
            colors, tints = None, to_linear(at_corners)
            materials, kept_material = (Material((1.0, 1.0, 1.0)),), None
    vertices = vertices[used]
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    shared = np.unique(edges, axis=0, return_counts=True)[1]
    if (shared > 2).any():
        notes.append(f"{int((shared > 2).sum())} edges with more than two faces kept")
    faces, turned = _wound_alike(vertices, faces)
    if turned.any():
        notes.append(f"{int(turned.sum())} faces turned to face outwards like the others")
        uvs, tints = (
            None if corners is None else np.where(turned[:, None, None], corners[:, ::-1], corners)
            for corners in (uvs, tints)
        )
    if kept_material is not None:
        shown, kept_material = np.unique(kept_material, return_inverse=True)
        materials, kept_material = tuple(materials[index] for index in shown), kept_material.reshape(-1)
    return Surface(vertices, faces, colors, uvs, materials, kept_material, tints, tuple(notes))


def _drop(bad: np.ndarray, what: str, notes: list[str]) -> np.ndarray:
    if bad.any():
        notes.append(f"{int(bad.sum())} faces {what} dropped")
    return ~bad


def _welded(vertices: np.ndarray, faces: np.ndarray, finite: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct points in the order of their first mention, the faces on them, and the vertex each comes from."""
    points = np.where(finite[:, None], vertices, np.inf) + 0.0  # -0 is 0
    _, first, which = np.unique(points, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return vertices[first[order]], place[which.reshape(-1)][faces], first[order]


def _repeated(faces: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Which faces [F] have the corners of an earlier one."""
    which = np.flatnonzero(keep)
    _, first = np.unique(np.sort(faces[which], axis=1), axis=0, return_index=True)
    repeated = np.zeros(len(faces), bool)
    repeated[which] = True
    repeated[which[first]] = False
    return repeated


def _wound_alike(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Faces wound alike and, where they enclose a volume, outwards; which of them were turned."""
    import trimesh

    found = trimesh.Trimesh(vertices, faces, process=False)
    pairs = found.face_adjacency
    bodies = trimesh.graph.connected_component_labels(pairs, node_count=len(faces))
    outward = faces.copy()
    if not found.is_winding_consistent:
        against = _against_neighbours(faces, pairs, found.face_adjacency_edges, bodies)
        outward[against] = outward[against][:, ::-1]
    # Six times the signed volume under each face; its sum over a closed body is negative where that is inside out.
    corners = vertices[outward] - vertices[outward].reshape(-1, 3).mean(axis=0)
    volumes = np.bincount(bodies, np.einsum("fi,fi->f", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])))
    closed = _closed(outward, bodies, len(volumes))
    inside_out = (closed & (volumes < 0))[bodies]
    outward[inside_out] = outward[inside_out][:, ::-1]
    turned = ~((outward == faces).all(1) | (np.roll(outward, 1, 1) == faces).all(1) | (
        np.roll(outward, 2, 1) == faces).all(1))  # fmt: skip
    result = faces.copy()
    result[turned] = faces[turned][:, ::-1]
    return result, turned


def _against_neighbours(faces: np.ndarray, pairs: np.ndarray, edges: np.ndarray, bodies: np.ndarray) -> np.ndarray:
    """Which faces to turn so that each body is wound alike; of two ways, the one that turns fewer: [F] bool.

    Args:
        pairs: faces that share an edge [E, 2].
        edges: the vertices of that edge [E, 2].
        bodies: what connected part each face belongs to [F].
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import breadth_first_order

    # Two faces that run along their edge in the same direction are wound against each other.
    along = [((faces[face] == edges[:, :1]) & (np.roll(faces[face], -1, 1) == edges[:, 1:])).any(1) for face in pairs.T]
    clash = along[0] == along[1]
    count = len(faces)
    roots = np.unique(bodies, return_index=True)[1]
    links = np.vstack([pairs, np.column_stack([np.full(len(roots), count), roots])])  # one node above all bodies
    graph = csr_matrix((np.ones(len(links), np.int8), links.T), (count + 1, count + 1))
    _, above = breadth_first_order(graph, count, directed=False)
    above[count] = count
    low, high = np.sort(pairs, axis=1).T
    clashing = np.sort(low[clash].astype(np.int64) * (count + 1) + high[clash])
    face = np.arange(count + 1)
    key = np.minimum(face, above).astype(np.int64) * (count + 1) + np.maximum(face, above)
    turned = np.isin(key, clashing)
    while (above != count).any():  # each step doubles how far up a face looks
        turned, above = turned ^ turned[above], above[above]
    turned = turned[:count]
    share = np.bincount(bodies, turned) / np.bincount(bodies)
    return turned ^ (share > 0.5)[bodies]


def _closed(faces: np.ndarray, bodies: np.ndarray, count: int) -> np.ndarray:
    """Which bodies have two faces at every edge: [count] bool."""
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, which, shared = np.unique(edges, axis=0, return_inverse=True, return_counts=True)
    open_faces = (shared[which.reshape(-1)] != 2).reshape(-1, 3).any(axis=1)
    return np.bincount(bodies, open_faces, minlength=count) == 0
