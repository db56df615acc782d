"""The demo scene's surfaces, all procedural: wood, woven cloth, glazes, paper, felt. Mostly diffuse, so that a colour
seen from one side is nearly the colour seen from another."""

from __future__ import annotations

from collections.abc import Callable

import bpy

from editor3d.datasets.demo.nodes import Socket, Tree

_MAKERS: dict[str, Callable[[Tree], bpy.types.Material]] = {}


def material(name: str) -> bpy.types.Material:
    """The material of this name, made at its first use."""
    return bpy.data.materials.get(name) or _MAKERS[name](Tree(name))


def _maker(name: str) -> Callable[[Callable[[Tree], bpy.types.Material]], Callable[[Tree], bpy.types.Material]]:
    def register(make: Callable[[Tree], bpy.types.Material]) -> Callable[[Tree], bpy.types.Material]:
        _MAKERS[name] = make
        return make

    return register


def _speckled(tree: Tree, color: Socket | str, dark: str, amount: float = 0.5, scale: float = 32.0) -> Socket:
    """A glaze with small darker specks and slow shifts of tone."""
    specks = tree.math("MULTIPLY", tree.math("GREATER_THAN", tree.noise(scale, 1.0), 0.68), amount)
    tone = tree.math("MULTIPLY", tree.noise(7.0), 0.35)
    return tree.mix(specks, tree.mix(tone, color, dark), dark)


def _wood(tree: Tree, light: str, dark: str, grain: Socket) -> Socket:
    """Wood of two tones; `grain` gives coordinates with the grain along x."""
    rings = tree.add(
        "TexWave",
        1,
        {"Vector": grain, "Scale": 1.1, "Distortion": 7.0, "Detail": 1.0, "Detail Scale": 1.4},
        bands_direction="Y",
    )
    tone = tree.noise(2.0, 2.0, tree.add("Mapping", 0, {"Vector": grain, "Scale": (0.3, 1.0, 1.0)}))
    wood = tree.ramp(rings, [(0.0, light), (0.4, light), (1.0, dark)])
    return tree.mix(tree.math("MULTIPLY", tone, 0.5), wood, dark)


@_maker("table top")
def _table_top(tree: Tree) -> bpy.types.Material:
    boards = tree.place((1.0, 1.0, 1.0), 0.3)
    _, y, _ = tree.xyz(boards)
    # Boards of 0.225; each is cut from another part of the trunk.
    number = tree.math("FLOOR", tree.math("DIVIDE", y, 0.225))
    shift = tree.add("CombineXYZ", 0, {0: tree.math("MULTIPLY", number, 3.7), 1: tree.math("MULTIPLY", number, 1.9)})
    grain = tree.add(
        "VectorMath",
        0,
        {0: tree.add("Mapping", 0, {"Vector": boards, "Scale": (0.8, 3.0, 1.0)}), 1: shift},
        operation="ADD",
    )
    wood = _wood(tree, "#c0905c", "#99663a", grain)
    seam = tree.math("LESS_THAN", tree.math("FRACT", tree.math("DIVIDE", y, 0.225)), 0.03)
    tint = tree.math("MULTIPLY", tree.math("FRACT", tree.math("MULTIPLY", number, 0.37)), 0.35)
    color = tree.mix(seam, tree.mix(tint, wood, "#8a5a34"), "#6e4526")
    return tree.finish(color, 0.5, 0.25)


@_maker("table leg")
def _table_leg(tree: Tree) -> bpy.types.Material:
    upright = tree.add("Mapping", 0, {"Vector": tree.place(), "Rotation": (0.0, 1.5708, 0.0), "Scale": (1.0, 6.0, 6.0)})
    return tree.finish(_wood(tree, "#9c6a3d", "#63391b", upright), 0.5, 0.25)


@_maker("cloth")
def _cloth(tree: Tree) -> bpy.types.Material:
    x, y, _ = tree.xyz(tree.place())
    stripes = [tree.math("LESS_THAN", tree.math("FRACT", tree.math("DIVIDE", v, 0.188)), 0.5) for v in (x, y)]
    count = tree.math("MULTIPLY", tree.math("ADD", *stripes), 0.5)
    gingham = tree.ramp(count, [(0.0, "#f1e9da"), (0.3, "#d99a8e"), (0.8, "#b9504a")], hard=True)
    wear = tree.math("MULTIPLY", tree.noise(6.0, 2.0), 0.3)
    return tree.finish(tree.mix(wear, gingham, "#c9a98f"), 0.95, 0.05)


def _frieze(tree: Tree, low: float, high: float, ground: str, band: str, motif: str, repeats: int) -> Socket:
    """A band round a lathed body between the heights low and high (v of 0..1), with a row of diamonds in it."""
    u, v = tree.uv()
    across = tree.math("ABSOLUTE", tree.math("SUBTRACT", tree.math("FRACT", tree.math("MULTIPLY", u, repeats)), 0.5))
    centre, half = (low + high) / 2, (high - low) / 2
    along = tree.math("ABSOLUTE", tree.math("DIVIDE", tree.math("SUBTRACT", v, centre), 2.0 * half))
    diamond = tree.math("LESS_THAN", tree.math("ADD", across, along), 0.36)
    color = tree.mix(tree.between(v, low, high), ground, tree.mix(diamond, band, motif))
    rim = 0.018
    for edge in (low, high):
        color = tree.mix(tree.between(v, edge - rim, edge + rim), color, motif)
    return color


@_maker("teapot glaze")
def _teapot_glaze(tree: Tree) -> bpy.types.Material:
    pattern = _frieze(tree, 0.44, 0.64, "#2f8f93", "#efe6cf", "#1f5f78", 14)
    return tree.finish(_speckled(tree, pattern, "#1c5560", 0.45), 0.42, 0.3)


@_maker("teapot lid")
def _teapot_lid(tree: Tree) -> bpy.types.Material:
    _, v = tree.uv()
    color = tree.mix(tree.between(v, 0.35, 0.55), "#2f8f93", "#efe6cf")
    return tree.finish(_speckled(tree, color, "#1c5560", 0.45), 0.42, 0.3)


@_maker("teapot plain")
def _teapot_plain(tree: Tree) -> bpy.types.Material:
    return tree.finish(_speckled(tree, "#2f8f93", "#1c5560", 0.45), 0.42, 0.3)


@_maker("teapot knob")
def _teapot_knob(tree: Tree) -> bpy.types.Material:
    return tree.finish(_speckled(tree, "#1f5f78", "#123a4c", 0.4), 0.42, 0.3)


@_maker("mug glaze")
def _mug_glaze(tree: Tree) -> bpy.types.Material:
    _, _, z = tree.xyz(tree.place())
    wobble = tree.math("MULTIPLY_ADD", tree.noise(9.0), 0.02, z)
    bands = [(0.0, "#b3562e"), (0.07, "#f0e4cc"), (0.125, "#b3562e"), (0.15, "#f0e4cc"), (0.19, "#d99a3d")]
    stripes = tree.ramp(wobble, [*bands, (0.215, "#f0e4cc")], hard=True)
    return tree.finish(_speckled(tree, stripes, "#7d5230", 0.5), 0.5, 0.25)


@_maker("mug handle")
def _mug_handle(tree: Tree) -> bpy.types.Material:
    return tree.finish(_speckled(tree, "#b3562e", "#6d3218", 0.5), 0.5, 0.25)


@_maker("tea")
def _tea(tree: Tree) -> bpy.types.Material:
    return tree.finish(tree.ramp(tree.noise(12.0), [(0.3, "#5a2b12"), (0.7, "#74401d")]), 0.4, 0.2)


@_maker("ball")
def _ball(tree: Tree) -> bpy.types.Material:
    u, v = tree.uv()
    gores = ["#d23b33", "#f3ecdc", "#2b62b0", "#f3ecdc", "#e9b62c", "#f3ecdc"]
    color = tree.ramp(u, [(i / 6, tone) for i, tone in enumerate(gores)], hard=True)
    cap = tree.math("GREATER_THAN", tree.math("ABSOLUTE", tree.math("SUBTRACT", v, 0.5)), 0.43)
    color = tree.mix(cap, color, "#2e7d5b")
    return tree.finish(tree.mix(tree.math("MULTIPLY", tree.noise(14.0, 4.0), 0.25), color, "#6a5a4a"), 0.6, 0.2)


def _book(tree: Tree, cover: str, dark: str) -> bpy.types.Material:
    grain = tree.noise(16.0, 2.0)
    leather = tree.ramp(grain, [(0.3, dark), (0.7, cover)])
    return tree.finish(leather, 0.65, 0.2)


@_maker("book green")
def _book_green(tree: Tree) -> bpy.types.Material:
    return _book(tree, "#3d6b47", "#26472e")


@_maker("book red")
def _book_red(tree: Tree) -> bpy.types.Material:
    return _book(tree, "#7c2f3f", "#541d2a")


@_maker("pages")
def _pages(tree: Tree) -> bpy.types.Material:
    sheets = tree.noise(30.0, 3.0, tree.place((0.3, 0.3, 6.0)))
    return tree.finish(tree.ramp(sheets, [(0.3, "#c9b78f"), (0.6, "#f0e6cb")]), 0.9, 0.05)


@_maker("vase glaze")
def _vase_glaze(tree: Tree) -> bpy.types.Material:
    _, _, z = tree.xyz(tree.place())
    wave = tree.math("MULTIPLY_ADD", tree.noise(5.0, 1.0), 0.05, z)
    ring = tree.math("FRACT", tree.math("MULTIPLY", wave, 9.0))
    color = tree.ramp(ring, [(0.0, "#e9e6de"), (0.55, "#34488f"), (0.85, "#8ea3cf")], hard=True)
    return tree.finish(_speckled(tree, color, "#27346b", 0.3), 0.42, 0.3)


def _petals(tree: Tree, bright: str, deep: str) -> bpy.types.Material:
    cells = tree.add("TexVoronoi", 0, {"Vector": tree.place(), "Scale": 42.0})
    return tree.finish(tree.ramp(cells, [(0.0, bright), (0.75, deep)]), 0.85, 0.1, cells, -0.02)


@_maker("flower yellow")
def _flower_yellow(tree: Tree) -> bpy.types.Material:
    return _petals(tree, "#f3c93f", "#c07d16")


@_maker("flower pink")
def _flower_pink(tree: Tree) -> bpy.types.Material:
    return _petals(tree, "#e58aa6", "#a83b63")


@_maker("leaf")
def _leaf(tree: Tree) -> bpy.types.Material:
    return tree.finish(tree.ramp(tree.noise(30.0), [(0.3, "#3c6a2c"), (0.7, "#74a148")]), 0.7, 0.15)


@_maker("duck yellow")
def _duck_yellow(tree: Tree) -> bpy.types.Material:
    tone = tree.ramp(tree.noise(10.0, 4.0), [(0.3, "#d99f1c"), (0.7, "#f6cf45")])
    return tree.finish(tone, 0.55, 0.2)


@_maker("duck orange")
def _duck_orange(tree: Tree) -> bpy.types.Material:
    return tree.finish("#dd6a1d", 0.55, 0.2)


@_maker("duck eye")
def _duck_eye(tree: Tree) -> bpy.types.Material:
    return tree.finish("#1d1815", 0.4, 0.3)


@_maker("hat felt")
def _hat_felt(tree: Tree) -> bpy.types.Material:
    return tree.finish(tree.ramp(tree.noise(24.0), [(0.3, "#5a2a6e"), (0.7, "#7a3f90")]), 0.95, 0.05)


@_maker("hat band")
def _hat_band(tree: Tree) -> bpy.types.Material:
    u, _ = tree.uv()
    dashes = tree.math("LESS_THAN", tree.math("FRACT", tree.math("MULTIPLY", u, 18.0)), 0.5)
    return tree.finish(tree.mix(dashes, "#f2c84b", "#e8e0cc"), 0.8, 0.1)


@_maker("floor")
def _floor(tree: Tree) -> bpy.types.Material:
    planks = tree.add(
        "TexBrick",
        0,
        {
            "Vector": tree.place(turn=0.5),
            "Color1": "#c9a97c",
            "Color2": "#a98558",
            "Mortar": "#6a4c2f",
            "Scale": 1.0,
            "Mortar Size": 0.006,
            "Brick Width": 1.5,
            "Row Height": 0.24,
        },
    )
    tone = tree.math("MULTIPLY", tree.noise(3.0, 2.0, tree.place((0.4, 2.5, 1.0), 0.5)), 0.45)
    return tree.finish(tree.mix(tone, planks, "#8a6741"), 0.6, 0.2)


@_maker("rug")
def _rug(tree: Tree) -> bpy.types.Material:
    x, y, _ = tree.xyz(tree.place())
    radius = tree.math("SQRT", tree.math("ADD", tree.math("MULTIPLY", x, x), tree.math("MULTIPLY", y, y)))
    petals = tree.math("MULTIPLY", tree.math("ARCTAN2", y, x), 12.0)
    wavy = tree.math("MULTIPLY_ADD", tree.math("SINE", petals), 0.03, radius)
    rings = [(0.0, "#d8cdb4"), (0.3, "#3c5575"), (0.36, "#d8cdb4"), (0.44, "#b4634a"), (0.52, "#3c5575")]
    rings += [(0.58, "#d8cdb4"), (0.64, "#7f98a8"), (0.75, "#3c5575"), (0.8, "#d8cdb4"), (0.87, "#b4634a")]
    color = tree.ramp(tree.math("DIVIDE", wavy, 1.8), [*rings, (0.93, "#3c5575")], hard=True)
    wear = tree.math("MULTIPLY", tree.noise(4.0, 2.0), 0.35)
    return tree.finish(tree.mix(wear, color, "#a08c72"), 1.0, 0.0)


@_maker("wall")
def _wall(tree: Tree) -> bpy.types.Material:
    x, y, z = tree.xyz(tree.place())
    turn = tree.math("MULTIPLY", tree.math("ARCTAN2", y, x), 60.0 / 6.28318530718)
    stripe = tree.math("LESS_THAN", tree.math("FRACT", turn), 0.5)
    paper = tree.mix(stripe, "#bfc9b2", "#dcdcc4")
    paper = tree.mix(tree.math("MULTIPLY", tree.noise(3.0, 5.0), 0.4), paper, "#97a58c")
    panel = tree.math("LESS_THAN", tree.math("FRACT", turn), 0.06)
    wainscot = tree.mix(panel, "#d6cdb9", "#b5ab96")
    color = tree.mix(tree.math("LESS_THAN", z, 0.0), paper, wainscot)
    rail = tree.between(z, -0.03, 0.03)
    return tree.finish(tree.mix(rail, color, "#8d6f4f"), 0.9, 0.1)
