"""The gate: decide from its syntax tree whether a program may run. Imports no bpy; runs nothing.

An allow-list of kinds of syntax, names, attributes, imports and operators. It is not the boundary (`sandbox` is): it
keeps out what has no business in a program that changes a scene, and says so in a sentence that a model can act upon.
"""

from __future__ import annotations

import ast
import builtins as python
import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from editor3d.programs.sandbox import gate_names, repeatable

MAX_SOURCE = 64_000
"""Characters of a program."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_SYNTAX = (
    *(ast.Module, ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Delete, ast.Pass),
    *(ast.For, ast.While, ast.If, ast.Break, ast.Continue, ast.Try, ast.ExceptHandler, ast.Raise, ast.Assert),
    *(ast.FunctionDef, ast.Lambda, ast.arguments, ast.arg, ast.Return, ast.Global, ast.Nonlocal),
    *(ast.Import, ast.ImportFrom, ast.alias, ast.Name, ast.Constant, ast.Attribute, ast.Subscript, ast.Slice),
    *(ast.Call, ast.keyword, ast.Starred, ast.NamedExpr, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Compare),
    *(ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
    *(ast.comprehension, ast.JoinedStr, ast.FormattedValue),
    *(ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop),
)
_BUILTINS = _words(
    """
    abs all any bool callable dict divmod enumerate filter float frozenset hasattr int isinstance iter len
    list map max min next
    pow print range repr reversed round set slice sorted str sum tuple zip True False None
    ArithmeticError AssertionError AttributeError Exception IndexError KeyError LookupError NameError OverflowError
    RuntimeError StopIteration TypeError ValueError ZeroDivisionError
    """
)
_MODULES: dict[str, str] = {
    "bpy": "data context ops app types",
    "math": """acos acosh asin asinh atan atan2 atanh ceil comb copysign cos cosh degrees dist e exp fabs floor fmod
        fsum gcd hypot inf isclose isfinite isinf isnan nan log log10 log1p log2 modf perm pi pow prod radians
        remainder sin
        sinh sqrt tan tanh tau trunc""",
    "mathutils": "Color Euler Matrix Quaternion Vector noise geometry",
    "random": " ".join(repeatable.NAMES),
    "typing": "Any Callable Dict Iterable Iterator List Optional Sequence Set Tuple Union",
    "colorsys": "hls_to_rgb hsv_to_rgb rgb_to_hls rgb_to_hsv rgb_to_yiq yiq_to_rgb",
}
_METHODS = _words(
    """
    append clear copy count discard extend index insert pop popitem remove reverse setdefault sort update add union
    intersection difference issubset issuperset get items keys values
    endswith find isalnum isalpha isdigit join lower lstrip replace rsplit rstrip split splitlines startswith strip
    title upper zfill capitalize args real imag conjugate is_integer bit_length
    Diagonal Identity LocRotScale OrthoProjection Rotation Scale Shear Translation adjugate angle angle_signed axis
    cross decompose determinant dot freeze inverted inverted_safe invert lerp length length_squared magnitude
    normalize normalized negate orthogonal project reflect resize rotate rotation_difference slerp to_2d to_3d to_4d
    to_3x3 to_4x4 to_axis_angle to_euler to_exponential_map to_matrix to_quaternion to_scale to_track_quat
    to_translation to_tuple transpose transposed row col hsv from_scene_linear_to_srgb
    from_srgb_to_scene_linear make_compatible
    fractal hetero_terrain hybrid_multi_fractal multi_fractal noise noise_vector cell cell_vector turbulence
    turbulence_vector ridged_multi_fractal variable_lacunarity voronoi
    area_tri barycentric_transform intersect_line_line intersect_line_plane intersect_point_line normal
    xy xz yz xyz rgb new link unlink foreach_get foreach_set move new_socket new_panel default_value
    shade_smooth shade_flat
    set_sharp_from_angle from_pydata validate transform calc_loop_triangles shape_key_add shape_key_remove
    shape_key_clear evaluate initialize select_set hide_set visible_get active data_transfer get_output_node
    from_mix_xyz closest_point_on_mesh ray_cast calc_matrix_camera pair_with_output
    cast_shadow is_portal max_bounces is_caustics_light is_caustics_caster is_caustics_receiver
    """
)
_OPERATORS = _words(
    """
    mesh.primitive_plane_add mesh.primitive_cube_add mesh.primitive_circle_add mesh.primitive_uv_sphere_add
    mesh.primitive_ico_sphere_add mesh.primitive_cylinder_add mesh.primitive_cone_add mesh.primitive_torus_add
    mesh.primitive_grid_add mesh.primitive_monkey_add curve.primitive_bezier_curve_add
    curve.primitive_bezier_circle_add curve.primitive_nurbs_path_add object.light_add object.empty_add
    object.select_all object.delete object.duplicate object.join object.shade_smooth object.shade_flat
    object.modifier_add object.modifier_remove object.shape_key_add object.material_slot_add object.transform_apply
    object.origin_set object.parent_set object.mode_set
    """
)
_WHOLE_ONLY = {"bpy": ("ops", "app", "types")}
"""Parts of modules that are used by their whole names, and not imported from them or kept."""
_VERSION = ("version", "version_string")
_REASONS = {
    "getattr": "write the attribute out, as in `thing.name`",
    "setattr": "write the attribute out, as in `thing.name = value`",
    "class": "write functions instead",
    "with": "call what is needed directly",
    "engine": "the renderer, its samples and the resolution are the search's own",
    "samples": "the renderer, its samples and the resolution are the search's own",
    "driver_add": "the picture is a still one: set the value itself",
    "keyframe_insert": "the picture is a still one: set the value itself",
}
"""What to do instead, where a refused word is one that programs often use."""
_KEYWORDS_DENIED = frozenset({"filepath", "filename", "directory", "file", "script", "open"})


class _Refused(Exception):
    pass


def check(source: str) -> str | None:
    """Why a program may not run, as one sentence with its line; None where it may.

    Never raises for what the source holds.
    """
    if len(source) > MAX_SOURCE:
        return f"A program has at most {MAX_SOURCE} characters; this one has {len(source)}."
    try:
        tree = ast.parse(source)
        _Gate(tree).run()
    except SyntaxError as error:
        return f"This is not Python (line {error.lineno}): {error.msg}."
    except ValueError as error:
        return f"This is not Python: {error}."
    except (RecursionError, MemoryError):
        return "This program is nested too deeply to be read: use loops and functions."
    except _Refused as refused:
        return str(refused)
    return None


def builtins() -> dict[str, Any]:
    """The built-in functions that a program is given in place of Python's."""
    given, numbers = {name: getattr(python, name) for name in _BUILTINS}, repeatable.random_module()

    def only_listed(name: str, scope=None, inner=None, wanted=(), level: int = 0) -> ModuleType:
        if level or name not in (*_MODULES, "__future__"):
            raise ImportError(f"{name} may not be imported")
        if name == "random":
            return numbers
        module = importlib.import_module(name)
        if name == "mathutils":
            repeatable.begin_noise(module)
        return module

    return given | {"__import__": only_listed}


class _Gate:
    """One pass over a tree, without recursion, so that no nesting is too deep for it."""

    def __init__(self, tree: ast.Module) -> None:
        self.nodes = list(ast.walk(tree))
        self.parents = {id(child): node for node in self.nodes for child in ast.iter_child_nodes(node)}
        self.modules: dict[str, str] = {}
        """Local names of modules."""
        self.imported: dict[str, tuple[str, str]] = {}
        """Local names of what came from a module."""
        self.bound: set[str] = set()
        notes = [getattr(node, key, None) for node in self.nodes for key in ("annotation", "returns")]
        self.annotations = {id(part) for note in notes if note is not None for part in _types_in(note)}
        generator = set(_MODULES["random"].split()) - {"Random", "seed"}
        self.attributes = gate_names.properties() | set(_METHODS) | generator

    def run(self) -> None:
        for node in self.nodes:
            if not isinstance(node, _SYNTAX):
                self._refuse(node, f"`{_spoken(node)}` is not part of what a program may hold{_instead(_spoken(node))}")
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self._import(node)
        for node in self.nodes:
            for name in bindings(node):
                if name in _BUILTINS or (name in self.modules and not self._imports(node, name)):
                    self._refuse(node, f"`{name}` may not be given another meaning")
                if name.startswith("__"):
                    self._refuse(node, f"`{name}`: names may not begin with two underscores")
                if name not in self.modules:
                    self.bound.add(name)
        for node in self.nodes:
            if isinstance(node, ast.Name):
                self._name(node)
            elif isinstance(node, ast.Attribute):
                self._attribute(node)
            elif isinstance(node, ast.Call):
                self._call(node)
            elif isinstance(node, ast.comprehension) and node.is_async:
                self._refuse(node, "`async` is not part of what a program may hold")
            elif isinstance(node, ast.FunctionDef) and node.decorator_list:
                self._refuse(node, "functions may have no decorators")
            elif isinstance(node, ast.Constant) and isinstance(node.value, bytes):
                self._refuse(node, "bytes are not part of what a program may hold")

    def _imports(self, node: ast.AST, name: str) -> bool:
        """Whether a node is what gives a module its name."""
        return isinstance(node, ast.alias) and node.name == self.modules[name]

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            if any(entry.name != "annotations" or entry.asname for entry in node.names):
                self._refuse(node, "of `__future__`, a program may import `annotations` only")
            return
        for entry in node.names:
            if isinstance(node, ast.Import):
                if entry.name not in _MODULES:
                    self._refuse(node, f"`{entry.name}` may not be imported; allowed are {', '.join(_MODULES)}")
                self.modules[entry.asname or entry.name] = entry.name
                continue
            module = node.module or ""
            if node.level or module not in _MODULES:
                self._refuse(node, f"`{module}` may not be imported; allowed are {', '.join(_MODULES)}")
            if entry.name not in _MODULES[module].split() or entry.name in _WHOLE_ONLY.get(module, ()):
                self._refuse(node, f"`{entry.name}` may not be imported from {module}")
            self.imported[entry.asname or entry.name] = module, entry.name

    def _name(self, node: ast.Name) -> None:
        if node.id in self.modules:
            if not isinstance(self.parents.get(id(node)), ast.Attribute):
                self._refuse(node, f"the module `{node.id}` is used by its parts only, as in `{node.id}.name`")
        elif isinstance(node.ctx, ast.Load) and node.id not in (*self.bound, *_BUILTINS, "__name__"):
            self._refuse(node, f"`{node.id}` is not a name that a program may use{_instead(node.id)}")

    def _attribute(self, node: ast.Attribute) -> None:
        if node.attr.startswith("_"):
            self._refuse(node, f"`.{node.attr}`: attributes may not begin with an underscore")
        chain = _chain(node)
        if chain and chain[0] in self.modules:
            module = self.modules[chain[0]]
            if len(chain) == 2 and chain[1] not in _MODULES[module].split():
                self._refuse(node, f"`{module}.{chain[1]}` is not a part that a program may use")
            if len(chain) == 2 and not isinstance(node.ctx, ast.Load):
                self._refuse(node, f"`{module}.{chain[1]}` may not be changed")
            if len(chain) == 2 and module != "bpy":
                return
            if module == "bpy" and chain[1] == "ops":
                self._operator(node, chain)
                return
            if module == "bpy" and chain[1] in ("app", "types"):
                self._whole(node, chain)
                return
            if len(chain) == 2:
                return
        if node.attr in ("format", "format_map"):
            self._refuse(node, f"`.{node.attr}` can reach what it should not; write an f-string instead")
        if node.attr not in self.attributes:
            self._refuse(node, f"`.{node.attr}` is not an attribute that a program may use{_instead(node.attr)}")

    def _whole(self, node: ast.Attribute, chain: list[str]) -> None:
        """`bpy.app.version`, and Blender's types where a function says what it takes."""
        parent = self.parents.get(id(node))
        if len(chain) == 2 and isinstance(parent, ast.Attribute):
            return
        if chain[1] == "app" and len(chain) == 3 and chain[2] in _VERSION and isinstance(node.ctx, ast.Load):
            return
        noted = id(node) in self.annotations and not isinstance(parent, ast.Attribute | ast.Call)
        if chain[1] == "types" and len(chain) == 3 and noted:
            return
        message = (
            "only `bpy.app.version` may be used" if chain[1] == "app" else "types may be named in annotations only"
        )
        self._refuse(node, f"of `bpy.{chain[1]}`, {message}")

    def _operator(self, node: ast.Attribute, chain: list[str]) -> None:
        parent = self.parents.get(id(node))
        if len(chain) < 4:
            if not isinstance(parent, ast.Attribute):
                self._refuse(node, "call operators by their whole name, as in `bpy.ops.mesh.primitive_cube_add()`")
            return
        name = ".".join(chain[2:])
        if name not in _OPERATORS:
            self._refuse(node, f"the operator `{name}` may not be called; allowed are {', '.join(_OPERATORS)}")
        if not (isinstance(parent, ast.Call) and parent.func is node):
            self._refuse(node, "operators are called at once, not kept")

    def _call(self, node: ast.Call) -> None:
        for keyword in node.keywords:
            if keyword.arg and (keyword.arg in _KEYWORDS_DENIED or keyword.arg.startswith("_")):
                self._refuse(node, f"the argument `{keyword.arg}` may not be given")

    def _refuse(self, node: ast.AST, reason: str) -> None:
        while not hasattr(node, "lineno") and id(node) in self.parents:
            node = self.parents[id(node)]
        line = getattr(node, "lineno", None)
        raise _Refused(f"Refused{f' in line {line}' if line else ''}: {reason}.")


BINDING_FIELDS: dict[str, tuple[str, ...]] = {
    "Name": ("id",),
    "arg": ("arg",),
    "alias": ("asname", "name"),
    "FunctionDef": ("name",),
    "AsyncFunctionDef": ("name",),
    "ClassDef": ("name",),
    "ExceptHandler": ("name",),
    "Global": ("names",),
    "Nonlocal": ("names",),
    "MatchAs": ("name",),
    "MatchStar": ("name",),
    "MatchMapping": ("rest",),
    "TypeVar": ("name",),
    "ParamSpec": ("name",),
    "TypeVarTuple": ("name",),
}
"""Every kind of syntax that gives a name a meaning, and the fields that hold the name. Of an alias the first that is
given counts; a name is bound where it is stored or deleted. The last three are of later versions of Python."""
NAMING_FIELDS: dict[str, tuple[str, ...]] = {
    "Attribute": ("attr",),
    "ImportFrom": ("module",),
    "MatchClass": ("kwd_attrs",),
    "keyword": ("arg",),
}
"""The other fields that hold a name: they give none a meaning."""


def bindings(node: ast.AST) -> Iterator[str]:
    """Names that a node gives a meaning to."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return
    for field in BINDING_FIELDS.get(type(node).__name__, ()):
        value = getattr(node, field)
        if value:
            names = value if isinstance(value, list) else [value]
            yield from (name.partition(".")[0] for name in names)
            return


def _types_in(annotation: ast.AST) -> Iterator[ast.AST]:
    """The types that an annotation names, alone, in brackets, or joined by |. What is done with one, such as giving it
    a name or handing it to a function, would take it out of the annotation."""
    yield annotation
    if isinstance(annotation, ast.Subscript | ast.BinOp | ast.Tuple | ast.List):
        for part in ast.iter_child_nodes(annotation):
            yield from _types_in(part)


def _chain(node: ast.AST) -> list[str]:
    """`a.b.c` as its names; empty where it does not begin with a name."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else []


def _instead(word: str) -> str:
    return f": {_REASONS[word]}" if word in _REASONS else ""


def _spoken(node: ast.AST) -> str:
    return {ast.ClassDef: "class", ast.With: "with", ast.Match: "match", ast.Yield: "yield"}.get(
        type(node), type(node).__name__
    )
