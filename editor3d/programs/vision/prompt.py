"""What a vision model is told: all rules of the gate, from the gate's own lists, and the form of an answer."""

from __future__ import annotations

from editor3d.programs.sandbox import gate, gate_lists, numbers


def _listed(words: tuple[str, ...] | frozenset[str]) -> str:
    return ", ".join(sorted(words))


_MODULES = ", ".join(name for name in gate_lists.MODULES if name not in gate_lists.WRANGLER and "." not in name)

RULES = f"""A program is refused where it does anything else than this:
- It has at most {gate.MAX_SOURCE} characters of Python: statements, functions, generators, classes, decorators, with, \
try and match (no pattern with a class), but no async and no bytes.
- It may import {_MODULES}. An import that the program does not use has no effect. The wrangler of nodes may be \
imported as `from infinigen.core.nodes.node_wrangler import Nodes, NodeWrangler`.
- It uses modules by their parts, as `bpy.data`, and keeps none in a variable. Of bpy it uses data, context, \
app.version, the types in annotations, and these operators, called by their whole names: \
{_listed(gate_lists.OPERATORS)}.
- Of bmesh it uses new, types and these operators: {gate_lists.MODULES["bmesh.ops"].strip()}.
- Of numpy it uses arrays ({_listed(numbers.NAMES)}), linalg ({_listed(numbers.LINALG)}) and random \
({_listed(numbers.RANDOM)}).
- Built-in names: {_listed(gate_lists.BUILTINS)}, {_listed(gate_lists.GUARDED)}. There is no open, eval, exec, type, \
vars, dir, input or __import__.
- Attributes are Blender's properties of materials, nodes, lights, worlds, objects, meshes, shape keys, modifiers and \
constraints, the usual methods, and what the program's own classes define. None begins with two underscores; one \
underscore only where the program's own class defines it. No paths of files, text blocks, drivers, handlers or timers.
- Classes are made of object, of errors and of each other, with no options; their special methods are \
{_listed(gate_lists.DUNDERS)}.
- getattr and setattr are called at once, with their arguments written out; foreach_get and foreach_set take lists and \
flat arrays.
- It does not render, save, read or write files, or wait, and it leaves the camera, the frame and the view layers as \
they are. What it sets of the renderer, its samples and the resolution has no effect.
- Random numbers are the same each time the program runs.
- At most 6 subdivisions, 1000 copies of an array and 20000 objects."""

SYSTEM = f"""You edit Python programs that change a Blender scene through bpy, so that its picture comes nearer to \
what is asked. The program runs after the scene is opened.

{RULES}

Answer with a sentence on what you change, and then either the whole program in one block fenced by ```python and \
```, or with one or more blocks of the form
<<<<<<< SEARCH
exact lines of the present program
=======
the lines that take their place
>>>>>>> REPLACE"""
