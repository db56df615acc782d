"""Materials that a leap can insert: short programs with colours and a few numbers that later rounds tune.

Each sets up one material from nothing. `{name}` is its name as a Python string; `{one}` and `{two}` are colours.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from editor3d.programs.language.syntax import Program, channels_of

_START = """material = bpy.data.materials[{name}]
material.use_nodes = True
tree = material.node_tree
tree.nodes.clear()
output = tree.nodes.new("ShaderNodeOutputMaterial")
surface = tree.nodes.new("ShaderNodeBsdfPrincipled")
tree.links.new(surface.outputs["BSDF"], output.inputs["Surface"])
"""

_TEXTURED = """pattern = tree.nodes.new("{texture}")
pattern.inputs["Scale"].default_value = {scale}
ramp = tree.nodes.new("ShaderNodeValToRGB")
ramp.color_ramp.elements[0].color = {{one}}
ramp.color_ramp.elements[1].color = {{two}}
tree.links.new(pattern.outputs["{fac}"], ramp.inputs["Fac"])
tree.links.new(ramp.outputs["Color"], surface.inputs["Base Color"])
surface.inputs["Roughness"].default_value = {roughness}
surface.inputs["Metallic"].default_value = {metallic}
"""

_VEINED = """place = tree.nodes.new("ShaderNodeTexCoord")
veins = tree.nodes.new("ShaderNodeTexWave")
veins.bands_direction = "DIAGONAL"
veins.inputs["Scale"].default_value = {scale}
veins.inputs["Distortion"].default_value = 5.0
veins.inputs["Detail"].default_value = 3.0
veins.inputs["Detail Scale"].default_value = 1.5
clouds = tree.nodes.new("ShaderNodeTexNoise")
clouds.inputs["Scale"].default_value = 2.0
clouds.inputs["Detail"].default_value = 6.0
ramp = tree.nodes.new("ShaderNodeValToRGB")
ramp.color_ramp.elements.new(0.5)
ramp.color_ramp.elements[0].position = 0.0
ramp.color_ramp.elements[0].color = {one}
ramp.color_ramp.elements[1].position = 0.3
ramp.color_ramp.elements[1].color = {two}
ramp.color_ramp.elements[2].position = 1.0
ramp.color_ramp.elements[2].color = {two}
shade = tree.nodes.new("ShaderNodeMixRGB")
shade.blend_type = "MULTIPLY"
shade.inputs["Fac"].default_value = 0.2
tree.links.new(place.outputs["Object"], veins.inputs["Vector"])
tree.links.new(place.outputs["Object"], clouds.inputs["Vector"])
tree.links.new(veins.outputs["Color"], ramp.inputs["Fac"])
tree.links.new(ramp.outputs["Color"], shade.inputs["Color1"])
tree.links.new(clouds.outputs["Color"], shade.inputs["Color2"])
tree.links.new(shade.outputs["Color"], surface.inputs["Base Color"])
surface.inputs["Roughness"].default_value = {roughness}
"""

_PLAIN = """surface.inputs["Base Color"].default_value = {{one}}
surface.inputs["Roughness"].default_value = {roughness}
surface.inputs["Metallic"].default_value = {metallic}
"""

_BUMP = """bumps = tree.nodes.new("ShaderNodeTexNoise")
bumps.inputs["Scale"].default_value = 12.0
bump = tree.nodes.new("ShaderNodeBump")
bump.inputs["Strength"].default_value = 0.4
tree.links.new(bumps.outputs["Fac"], bump.inputs["Height"])
tree.links.new(bump.outputs["Normal"], surface.inputs["Normal"])
"""


def _plain(roughness: float, metallic: float) -> str:
    return _PLAIN.format(roughness=roughness, metallic=metallic)


def _textured(texture: str, scale: float, roughness: float, metallic: float, fac: str = "Fac") -> str:
    return _TEXTURED.format(texture=texture, scale=scale, roughness=roughness, metallic=metallic, fac=fac)


RECIPES: dict[str, str] = {
    "plastic": _plain(0.3, 0.0),
    "clay": _plain(0.9, 0.0) + _BUMP,
    "polished metal": _plain(0.12, 1.0),
    "brushed metal": _plain(0.35, 1.0) + 'surface.inputs["Anisotropic"].default_value = 0.7\n',
    "lacquer": _plain(0.4, 0.0) + 'surface.inputs["Coat Weight"].default_value = 0.8\n',
    "glass": _plain(0.05, 0.0)
    + 'surface.inputs["Transmission Weight"].default_value = 1.0\nsurface.inputs["IOR"].default_value = 1.45\n',
    "velvet": _plain(0.8, 0.0) + 'surface.inputs["Sheen Weight"].default_value = 0.8\n',
    "glow": _plain(0.5, 0.0)
    + 'surface.inputs["Emission Color"].default_value = {two}\n'
    + 'surface.inputs["Emission Strength"].default_value = 1.5\n',
    "marble": _VEINED.replace("{scale}", "1.2").replace("{roughness}", "0.15"),
    "stone": _VEINED.replace("{scale}", "4.0").replace("{roughness}", "0.7") + _BUMP,
    "wood": _textured("ShaderNodeTexWave", 2.0, 0.55, 0.0) + 'pattern.inputs["Distortion"].default_value = 4.0\n',
    "rust": _textured("ShaderNodeTexNoise", 6.0, 0.75, 0.5) + _BUMP,
    "cells": _textured("ShaderNodeTexVoronoi", 5.0, 0.45, 0.0, fac="Distance"),
    "checker": _textured("ShaderNodeTexChecker", 6.0, 0.4, 0.0),
}
"""By name; each follows what all have in common."""

PATTERNED_FIRST = tuple(
    sorted(RECIPES, key=lambda name: "pattern" not in RECIPES[name] and "veins" not in RECIPES[name])
)
"""Names of all recipes: what a plain surface cannot become by its numbers comes first."""

ONE, TWO = (0.6, 0.35, 0.2, 1.0), (0.9, 0.75, 0.5, 1.0)
"""Colours where the program has none."""


def materials_of(program: Program) -> list[str]:
    """Names of the materials that a program speaks of: `bpy.data.materials["NAME"]`, and those that its scene has."""
    names = []
    for node in ast.walk(program.tree):
        if isinstance(node, ast.Constant) and node.value in program.vocabulary.materials:
            names.append(str(node.value))
        elif (
            isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Attribute)
            and node.value.attr == "materials"
            and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, str)
        ):
            names.append(node.slice.value)
    return list(dict.fromkeys(names))


def cook(recipe: str, program: Program, name: str) -> str:
    """A program with one material replaced by a recipe's.

    Where the program does nothing else, the recipe takes its place; else it is put behind it. The program's own
    colours are kept.

    Args:
        recipe: one of `RECIPES`.
        program: what there is now.
        name: the material.
    """
    colours = [channels_of(p.value) for p in program.parameters if p.kind == "colour"]
    one, two = ([*(_opaque(colour) for colour in colours), ONE, TWO])[:2]
    # a recipe's braces are its own two colours: nothing of a name is read as a format
    body = (_START + RECIPES[recipe]).replace("{one}", repr(one)).replace("{two}", repr(two))
    body = body.replace("{name}", repr(name))
    if _is_about_materials_alone(program) and len(materials_of(program)) == 1:
        return f"import bpy\n\n{body}"
    return f"{program.source.rstrip()}\n\n{body}"


def _opaque(colour: Sequence[float]) -> tuple[float, ...]:
    return (*colour[:3], 1.0)


def is_about_materials(program: Program) -> bool:
    """Whether a program looks up no other data than materials, and objects that it may give them to."""
    return bool(materials_of(program)) and _looked_up(program) <= {"materials", "objects"}


def _is_about_materials_alone(program: Program) -> bool:
    return _looked_up(program) <= {"materials"}


def _looked_up(program: Program) -> set[str]:
    return {
        node.attr
        for node in ast.walk(program.tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr in ("data", "context")
    }
