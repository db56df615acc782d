"""The demo scene's objects, modelled from scratch: each is a list of shapes standing on z = 0 about the z axis."""

from __future__ import annotations

import numpy as np

from editor3d.datasets.demo.shapes import Shape, box, ellipsoid, lathe, sheet, smooth_profile, tube


def teapot() -> list[Shape]:
    body = smooth_profile(
        [(0.17, 0.012), (0.235, 0.055), (0.29, 0.14), (0.288, 0.21), (0.235, 0.295), (0.165, 0.345)], 48
    )
    foot = np.array([(0.0, 0.0), (0.16, 0.0), (0.172, 0.004)])
    rim = np.array([(0.168, 0.352), (0.16, 0.358), (0.0, 0.358)])
    lid = smooth_profile([(0.158, 0.352), (0.15, 0.372), (0.11, 0.396), (0.05, 0.412), (0.024, 0.418)], 24)
    knob = smooth_profile(
        [(0.024, 0.418), (0.02, 0.43), (0.038, 0.448), (0.044, 0.468), (0.03, 0.49), (0.0, 0.496)], 24
    )
    spout = tube(
        [(0.22, 0.0, 0.12), (0.34, 0.0, 0.15), (0.40, 0.0, 0.25), (0.485, 0.0, 0.335)], [0.075, 0.06, 0.042, 0.034]
    )
    handle = tube(
        [(-0.20, 0, 0.31), (-0.33, 0, 0.345), (-0.43, 0, 0.27), (-0.39, 0, 0.15), (-0.26, 0, 0.09)],
        [0.026, 0.028, 0.03, 0.028, 0.024],
    )
    return [
        lathe(np.concatenate([foot, body, rim])).of("teapot glaze"),
        lathe(lid).of("teapot lid"),
        lathe(knob).of("teapot knob"),
        spout.of("teapot plain"),
        handle.of("teapot knob"),
    ]


def mug() -> list[Shape]:
    outer = np.array([(0.0, 0.0), (0.105, 0.0), (0.118, 0.008), (0.125, 0.03), (0.128, 0.235), (0.124, 0.243)])
    inner = np.array([(0.116, 0.243), (0.112, 0.235), (0.108, 0.19)])
    handle = tube(
        [(0.12, 0, 0.195), (0.19, 0, 0.205), (0.215, 0, 0.125), (0.185, 0, 0.055), (0.12, 0, 0.05)],
        [0.019, 0.02, 0.021, 0.02, 0.019],
    )
    return [
        lathe(np.concatenate([outer, inner])).of("mug glaze"),
        lathe([(0.109, 0.2), (0.0, 0.2)]).of("tea"),
        handle.of("mug handle"),
    ]


def ball() -> list[Shape]:
    radius = 0.175
    return [ellipsoid(radius, radius, radius).turned("x", 34).turned("y", 22).moved(z=radius).of("ball")]


def _book(width: float, height: float, thickness: float, cover: str) -> list[Shape]:
    board = 0.012
    boards = [box(width, height, board, 0.004), box(width, height, board, 0.004).moved(z=thickness - board)]
    spine = box(board, height, thickness, 0.004).moved(x=-width / 2 + board / 2)
    pages = box(width - 0.03, height - 0.03, thickness - 2 * board, 0.0).moved(x=-0.004, z=board)
    return [*(part.of(cover) for part in (*boards, spine)), pages.of("pages")]


def books() -> list[Shape]:
    lower = [part.turned("z", 12) for part in _book(0.36, 0.48, 0.085, "book green")]
    upper = [part.turned("z", -14).moved(x=0.01, y=-0.01, z=0.085) for part in _book(0.30, 0.40, 0.07, "book red")]
    return lower + upper


def vase() -> list[Shape]:
    body = smooth_profile(
        [(0.085, 0.0), (0.115, 0.05), (0.14, 0.14), (0.125, 0.23), (0.08, 0.31), (0.065, 0.36), (0.088, 0.415)], 56
    )
    inside = np.array([(0.078, 0.415), (0.058, 0.36), (0.0, 0.34)])
    parts = [lathe(np.concatenate([[(0.0, 0.0)], body, inside])).of("vase glaze")]
    blossoms = [(0.0, 0.0, 0.545), (0.095, 0.02, 0.49), (-0.03, 0.1, 0.495), (-0.09, -0.03, 0.485), (0.02, -0.095, 0.5)]
    for index, (x, y, z) in enumerate(blossoms):
        flower = "flower pink" if index % 2 else "flower yellow"
        stem = tube([(0.3 * x, 0.3 * y, 0.36), (0.7 * x, 0.7 * y, 0.43), (x, y, z)], [0.014, 0.013, 0.013], 12)
        parts += [stem.of("leaf"), ellipsoid(0.066, 0.066, 0.058, 32).moved(x, y, z).of(flower)]
    for angle in (20.0, 95.0, 160.0, 235.0, 310.0):
        leaf = ellipsoid(0.085, 0.036, 0.012, 24).turned("y", -22).moved(x=0.115, z=0.435)
        parts.append(leaf.turned("z", angle).of("leaf"))
    return parts


def duck() -> list[Shape]:
    body = ellipsoid(0.17, 0.125, 0.105)
    vertices = body.vertices.copy()
    # The tail: the rear rises and narrows.
    rear = np.clip(-vertices[:, 0] / 0.17 - 0.35, 0.0, None)
    vertices[:, 2] += 0.22 * rear**2
    vertices[:, 1] *= 1.0 - 0.45 * rear
    # A flat belly to stand on.
    vertices[:, 2] = np.maximum(vertices[:, 2], -0.085)
    body = Shape(vertices, body.faces, body.uv).moved(z=0.085)
    head = ellipsoid(0.092, 0.088, 0.088).moved(x=0.1, z=0.235)
    beak = ellipsoid(0.055, 0.05, 0.018, 32).turned("y", 8).moved(x=0.2, z=0.22)
    wings = [
        ellipsoid(0.095, 0.022, 0.058, 32).turned("y", 14).moved(x=-0.03, y=side * 0.118, z=0.105) for side in (-1, 1)
    ]
    eyes = [ellipsoid(0.02, 0.02, 0.02, 24).moved(x=0.158, y=side * 0.057, z=0.262) for side in (-1, 1)]
    return [
        *(part.of("duck yellow") for part in (body, head, *wings)),
        beak.of("duck orange"),
        *(eye.of("duck eye") for eye in eyes),
    ]


def hat() -> list[Shape]:
    """A top hat, brim at z = 0, made to sit on the teapot's lid."""
    brim = smooth_profile([(0.105, 0.0), (0.17, -0.002), (0.198, 0.014), (0.2, 0.02), (0.17, 0.014), (0.11, 0.016)], 24)
    crown = smooth_profile([(0.11, 0.016), (0.108, 0.08), (0.112, 0.15), (0.122, 0.2)], 24)
    top = np.array([(0.118, 0.206), (0.0, 0.206)])
    band = lathe([(0.1105, 0.016), (0.1135, 0.02), (0.1125, 0.068), (0.1095, 0.07)])
    return [lathe(np.concatenate([[(0.0, 0.0)], brim, crown, top])).of("hat felt"), band.of("hat band")]


def table() -> list[Shape]:
    """A round table whose top is at z = 0."""
    edge = np.array([(0.0, -0.06), (0.87, -0.06), (0.893, -0.05), (0.9, -0.032), (0.897, -0.012), (0.884, 0.0), (0, 0)])
    column = smooth_profile(
        [(0.30, -0.7), (0.29, -0.66), (0.12, -0.6), (0.075, -0.45), (0.1, -0.3), (0.08, -0.18), (0.16, -0.06)], 48
    )
    return [lathe(edge, 128).of("table top"), lathe(column).of("table leg")]


def cloth() -> list[Shape]:
    """A square tablecloth with a few soft folds, lying on z = 0."""
    y, x = np.meshgrid(np.linspace(-1, 1, 80), np.linspace(-1, 1, 80), indexing="ij")
    folds = 0.004 * np.sin(5.0 * x + 2.0 * y) * np.sin(3.0 * y - 1.0) * np.clip(np.hypot(x, y) - 0.5, 0, None)
    return [sheet(0.94, 0.94, 0.008, folds).of("cloth")]


def room() -> list[Shape]:
    """A round room about the table, open above; its floor is at z = -0.7 and flows into the wall."""
    turn = np.linspace(0.0, np.pi / 2, 12)
    cove = np.stack([3.4 + 0.25 * np.sin(turn), -0.7 + 0.25 * (1 - np.cos(turn))], axis=-1)
    floor = lathe([(3.4, -0.7), (0.0, -0.7)], 96)
    wall = lathe(np.concatenate([[(3.65, 2.2)], cove[::-1]]), 128)
    rug = lathe([(1.75, -0.7), (1.75, -0.69), (1.73, -0.685), (0.0, -0.685)], 128)
    return [floor.of("floor"), wall.of("wall"), rug.of("rug")]
