"""The gate: decide from its syntax tree whether a program may run. Imports no bpy; runs nothing.

An allow-list of kinds of syntax, names, attributes, imports and operators. It is not the boundary (`sandbox` is): it
keeps out what has no business in a program that changes a scene, and says so in a sentence that a model can act upon.
"""

from __future__ import annotations

import ast
import builtins as python
from functools import cache

from editor3d.programs.sandbox import gate_lists, gate_names, grammar, numbers, wrangler_names

MAX_SOURCE = 64_000
"""Characters of a program."""


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


@cache
def attributes() -> frozenset[str]:
    """The attributes that a program may use of whatever it reaches."""
    generator = set(gate_lists.MODULES["random"].split()) - {"Random", "seed"}
    listed = {*gate_lists.METHODS, *gate_lists.RENDER_SETTINGS, *numbers.ATTRIBUTES, *wrangler_names.ATTRIBUTES}
    return gate_names.properties() | listed | generator


def is_known(module: str, name: str | None) -> bool:
    """Whether an import is the gate's matter; one that is not, and that nothing uses, is left out."""
    if module in gate_lists.WRANGLER and name is not None:
        return name in gate_lists.WRANGLER[module].split()
    return module in gate_lists.MODULES or module == "__future__"


class _Gate:
    """One pass over a tree, without recursion, so that no nesting is too deep for it."""

    def __init__(self, tree: ast.Module) -> None:
        self.nodes = list(ast.walk(tree))
        self.parents = {id(child): node for node in self.nodes for child in ast.iter_child_nodes(node)}
        self.modules: dict[str, str] = {}
        """Local names of modules."""
        self.bound: set[str] = set()
        self.unused = grammar.unused_imports(tree, is_known)
        self.own = grammar.own_names(tree)
        notes = [getattr(node, key, None) for node in self.nodes for key in ("annotation", "returns")]
        self.annotations = {id(part) for note in notes if note is not None for part in grammar.types_in(note)}

    def run(self) -> None:
        for node in self.nodes:
            if not isinstance(node, gate_lists.SYNTAX):
                self._refuse(node, f"`{_spoken(node)}` is not part of what a program may hold{_instead(_spoken(node))}")
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self._import(node)
        for node in self.nodes:
            for name in grammar.bindings(node):
                self._binding(node, name)
        for node in self.nodes:
            if isinstance(node, ast.Name):
                self._name(node)
            elif isinstance(node, ast.Attribute):
                self._attribute(node)
            elif isinstance(node, ast.Call):
                self._call(node)
            elif isinstance(node, ast.comprehension) and node.is_async:
                self._refuse(node, "`async` is not part of what a program may hold")
            elif isinstance(node, ast.ClassDef) and node.keywords:
                self._refuse(node, "classes may have no options")
            elif isinstance(node, ast.Constant) and isinstance(node.value, bytes):
                self._refuse(node, "bytes are not part of what a program may hold")

    def _binding(self, node: ast.AST, name: str) -> None:
        """What may be given a meaning: all but the names that the gate itself goes by."""
        if name in _KEPT or (name in self.modules and not self._imports(node, name)):
            self._refuse(node, f"`{name}` may not be given another meaning")
        is_method = isinstance(node, ast.FunctionDef) and isinstance(self.parents.get(id(node)), ast.ClassDef)
        if is_method and name in gate_lists.DUNDERS:
            return
        if name.startswith("__"):
            self._refuse(node, f"`{name}`: names may not begin with two underscores")
        if name not in self.modules:
            self.bound.add(name)

    def _imports(self, node: ast.AST, name: str) -> bool:
        """Whether a node is what gives a module its name."""
        return isinstance(node, ast.alias) and node.name.partition(".")[0] == self.modules[name].partition(".")[0]

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            if any(entry.name != "annotations" or entry.asname for entry in node.names):
                self._refuse(node, "of `__future__`, a program may import `annotations` only")
            return
        for entry in node.names:
            if id(entry) in self.unused:
                continue
            if isinstance(node, ast.Import):
                self._listed(node, entry.name)
                top = entry.name.partition(".")[0]
                self._listed(node, top)
                local = entry.asname or top
                self.modules[local] = entry.name if entry.asname else top
                continue
            module = node.module or ""
            if node.level:
                self._refuse(node, "nothing may be imported from where the program lies")
            self._listed(node, module)
            kept = entry.name in _whole_only(module) or (module, entry.name) in gate_lists.TYPES_ONLY
            if entry.name not in gate_lists.MODULES[module].split() or kept:
                self._refuse(node, f"`{entry.name}` may not be imported from {module}")

    def _listed(self, node: ast.AST, module: str) -> None:
        if module not in gate_lists.MODULES:
            named = ", ".join(name for name in gate_lists.MODULES if "." not in name)
            reason = _instead(module.partition(".")[0])
            self._refuse(node, f"`{module}` may not be imported{reason}; allowed are {named}")

    def _name(self, node: ast.Name) -> None:
        parent = self.parents.get(id(node))
        if node.id in self.modules:
            if not isinstance(parent, ast.Attribute):
                self._refuse(node, f"the module `{node.id}` is used by its parts only, as in `{node.id}.name`")
        elif node.id in gate_lists.GUARDED:
            if not (isinstance(parent, ast.Call) and parent.func is node):
                self._refuse(node, f"`{node.id}` is called at once, not kept")
        elif isinstance(node.ctx, ast.Load) and node.id not in (*self.bound, *gate_lists.BUILTINS, "__name__"):
            self._unknown(node)

    def _unknown(self, node: ast.Name) -> None:
        """Refuse what Python knows; any other name is a slip, which Python reports itself."""
        if node.id.startswith("__") or node.id in vars(python):
            self._refuse(node, f"`{node.id}` is not a name that a program may use{_instead(node.id)}")

    def _attribute(self, node: ast.Attribute) -> None:
        chain = grammar.chain(node)
        if chain and chain[0] in self.modules and self._part(node, chain):
            return
        if node.attr in gate_lists.DUNDERS and _is_super(node.value) and self._is_called(node):
            return
        self._named(node, node.attr)
        if node.attr in numbers.SET_NEVER and not isinstance(node.ctx, ast.Load):
            self._refuse(node, f"`.{node.attr}` may not be set")
        if node.attr in _AT_ONCE and not self._is_called(node):
            self._refuse(node, f"`.{node.attr}` is called at once, not kept")

    def _named(self, node: ast.AST, name: str) -> None:
        """Refuse what is no attribute that a program may use."""
        if name in self.own or name == "format":
            return  # while it runs, it is seen whose attribute it is
        if name.startswith("_"):
            self._refuse(node, f"`.{name}`: attributes may not begin with an underscore")
        if name not in attributes():
            self._refuse(node, f"`.{name}` is not an attribute that a program may use{_instead(name)}")

    def _part(self, node: ast.Attribute, chain: list[str]) -> bool:
        """Check a part of a module; whether that is all that there is to check."""
        module = self.modules[chain[0]]
        for name in chain[1:-1]:
            if module == "bpy" and name in ("ops", "app", "types"):
                break
            if name not in gate_lists.MODULES[module].split() or f"{module}.{name}" not in gate_lists.MODULES:
                if not isinstance(node.ctx, ast.Load) and module != "bpy":
                    self._refuse(node, f"what belongs to `{module}` may not be changed")
                return False
            module = f"{module}.{name}"
        else:
            name = chain[-1]
            if name not in gate_lists.MODULES[module].split():
                self._refuse(node, f"`{module}.{name}` is not a part that a program may use")
            if not isinstance(node.ctx, ast.Load):
                self._refuse(node, f"`{module}.{name}` may not be changed")
            if module != "bpy":
                self._whole_part(node, module, name)
                return True
        if chain[1] == "ops":
            self._operator(node, chain)
        elif chain[1] in ("app", "types"):
            self._whole(node, chain)
        return True

    def _whole_part(self, node: ast.Attribute, module: str, name: str) -> None:
        """What of a module is not kept, and classes that are only named."""
        parent = self.parents.get(id(node))
        if name in _whole_only(module) and not isinstance(parent, ast.Attribute):
            self._refuse(node, f"`{module}.{name}` is used by its parts only")
        if (module, name) in gate_lists.TYPES_ONLY and id(node) not in self.annotations:
            asked = isinstance(parent, ast.Tuple) and self.parents.get(id(parent)) or parent
            if not (isinstance(asked, ast.Call) and isinstance(asked.func, ast.Name) and asked.func.id == "isinstance"):
                self._refuse(node, f"`{module}.{name}` may be named in annotations and by `isinstance` only")

    def _is_called(self, node: ast.expr) -> bool:
        parent = self.parents.get(id(node))
        return isinstance(parent, ast.Call) and parent.func is node

    def _whole(self, node: ast.Attribute, chain: list[str]) -> None:
        """`bpy.app.version`, and Blender's types where a function says what it takes."""
        parent = self.parents.get(id(node))
        if len(chain) == 2 and isinstance(parent, ast.Attribute):
            return
        if chain[1] == "app" and len(chain) == 3 and chain[2] in gate_lists.VERSION and isinstance(node.ctx, ast.Load):
            return
        noted = id(node) in self.annotations and not isinstance(parent, ast.Attribute | ast.Call)
        if chain[1] == "types" and len(chain) == 3 and noted:
            return
        message = (
            "only `bpy.app.version` may be used" if chain[1] == "app" else "types may be named in annotations only"
        )
        self._refuse(node, f"of `bpy.{chain[1]}`, {message}")

    def _operator(self, node: ast.Attribute, chain: list[str]) -> None:
        if len(chain) < 4:
            if not isinstance(self.parents.get(id(node)), ast.Attribute):
                self._refuse(node, "call operators by their whole name, as in `bpy.ops.mesh.primitive_cube_add()`")
            return
        name = ".".join(chain[2:])
        if name not in gate_lists.OPERATORS:
            named = ", ".join(gate_lists.OPERATORS)
            self._refuse(node, f"the operator `{name}` may not be called; allowed are {named}")
        if not self._is_called(node):
            self._refuse(node, "operators are called at once, not kept")

    def _call(self, node: ast.Call) -> None:
        for keyword in node.keywords:
            if keyword.arg and (keyword.arg in gate_lists.KEYWORDS_DENIED or keyword.arg.startswith("__")):
                self._refuse(node, f"the argument `{keyword.arg}` may not be given")
        spread = any(isinstance(argument, ast.Starred) for argument in node.args) or bool(node.keywords)
        if isinstance(node.func, ast.Attribute) and node.func.attr in _AT_ONCE[:2] and spread:
            self._refuse(node, f"write out the arguments of `{node.func.attr}`")
        if not (isinstance(node.func, ast.Name) and node.func.id in gate_lists.GUARDED):
            return
        if node.func.id == "super":
            if node.args or spread or not isinstance(self.parents.get(id(node)), ast.Attribute):
                self._refuse(node, "call methods of the class above as `super().name()`")
            return
        if spread or len(node.args) not in ((3,) if node.func.id == "setattr" else (2, 3)):
            self._refuse(node, f"write out the arguments of `{node.func.id}`")
        name = node.args[1]
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            self._named(node, name.value)

    def _refuse(self, node: ast.AST, reason: str) -> None:
        while not hasattr(node, "lineno") and id(node) in self.parents:
            node = self.parents[id(node)]
        line = getattr(node, "lineno", None)
        raise _Refused(f"Refused{f' in line {line}' if line else ''}: {reason}.")


_KEPT = frozenset({*gate_lists.GUARDED, "isinstance", "True", "False", "None"})
"""Names that what is checked here goes by."""
_AT_ONCE = ("foreach_get", "foreach_set", "format")


def _instead(word: str) -> str:
    return f": {gate_lists.REASONS[word]}" if word in gate_lists.REASONS else ""


def _spoken(node: ast.AST) -> str:
    return {ast.AsyncFunctionDef: "async", ast.AsyncWith: "async", ast.AsyncFor: "async", ast.Await: "await"}.get(
        type(node), type(node).__name__
    )


def _whole_only(module: str) -> tuple[str, ...]:
    return gate_lists.WHOLE_ONLY.get(module, ())


def _is_super(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
