"""How the house is built: no circles, small folders, and arrows between packages that point one way."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import networkx
import pytest

ROOT = Path(__file__).parents[1]
TOP = ("editor3d", "nerf_methods", "gaussian", "mesh", "blender_addon", "lab")
MOST_MODULES = 12
"""Side by side in one folder, besides its `__init__`."""


@cache
def modules(root: Path = ROOT) -> dict[str, Path]:
    """All modules of the packages, by name."""
    paths = [path for top in TOP for path in sorted((root / top).rglob("*.py"))]
    return {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def import_statements(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Everywhere, in functions too; but not what only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and is_type_checking(child.test):
            for other in child.orelse:
                yield from import_statements(ast.Module([other], []))
        elif isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        else:
            yield from import_statements(child)


def imported_modules(source: str, name: str, is_package: bool, known: frozenset[str]) -> set[str]:
    """Those of `known` that the module `name` imports."""
    found = set()
    for statement in import_statements(ast.parse(source)):
        if isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names]
        else:
            # one dot is the module's own package
            upwards = name.split(".")[: len(name.split(".")) - statement.level + is_package] if statement.level else []
            base = ".".join([*upwards, *([statement.module] if statement.module else [])])
            names = [f"{base}.{alias.name}" for alias in statement.names]
        for dotted in names:
            while dotted and dotted not in known:
                dotted = dotted.rpartition(".")[0]
            found.add(dotted)
    return found - {"", name}


@cache
def arrows() -> networkx.DiGraph:
    """Modules, and an edge from each to what it imports."""
    known = frozenset(modules())
    graph = networkx.DiGraph()
    graph.add_nodes_from(known)
    for name, path in modules().items():
        source = path.read_text(encoding="utf-8")
        graph.add_edges_from(
            (name, other) for other in imported_modules(source, name, path.name == "__init__.py", known)
        )
    return graph


def package_of(name: str) -> str:
    """The folder of a module; a module that lies directly in `editor3d/` stands for itself."""
    folder = name if modules()[name].name == "__init__.py" else name.rpartition(".")[0]
    return name if folder == "editor3d" else folder


@cache
def package_arrows() -> networkx.DiGraph:
    graph = networkx.DiGraph()
    graph.add_nodes_from(package_of(name) for name in modules())
    for name, other in arrows().edges:
        graph.add_edge(package_of(name), package_of(other), why=f"{name} imports {other}")
    graph.remove_edges_from(list(networkx.selfloop_edges(graph)))
    return graph


def circles(graph: networkx.DiGraph) -> list[frozenset[str]]:
    return [frozenset(found) for found in networkx.strongly_connected_components(graph) if len(found) > 1]


def layers() -> list[list[str]]:
    """The drawing of docs/design.md: patterns of packages, a list a layer, the highest first."""
    text = (ROOT / "docs/design.md").read_text(encoding="utf-8")
    return [line.split() for line in text.partition("```layers\n")[2].partition("```")[0].splitlines()]


def layer_of(package: str, drawn: list[list[str]]) -> int | None:
    """The number of a package's layer, by the longest pattern that it fits; None where it is not drawn."""
    fitting = [
        (pattern != package, -len(pattern), number)
        for number, patterns in enumerate(drawn)
        for pattern in patterns
        if pattern == package or (pattern.endswith(".*") and package.startswith(pattern[:-1]))
    ]
    return min(fitting)[-1] if fitting else None


def only_reexports(source: str) -> bool:
    """Whether a module holds nothing but imports, its text and a list of names."""
    body = ast.parse(source).body
    told = [node for node in body if not isinstance(node, ast.Import | ast.ImportFrom | ast.Expr)]
    others = [node for node in told if not (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")]
    reexports = [node for node in body if isinstance(node, ast.ImportFrom) and node.module != "__future__"]
    return bool(reexports) and not others and not any(isinstance(getattr(n, "value", None), ast.Call) for n in body)


@pytest.mark.parametrize(
    ("source", "name", "found"),
    [
        ("import a.b", "a.c", {"a.b"}),
        ("from a import b", "a.c", {"a.b"}),
        ("from a.b import thing", "a.c", {"a.b"}),
        ("from a import thing", "a.c", {"a"}),
        ("from . import b", "a.c", {"a.b"}),
        ("from .b import thing", "a.c", {"a.b"}),
        ("def f():\n    if x:\n        from a import b", "a.c", {"a.b"}),
        ("if TYPE_CHECKING:\n    from a import b\nelse:\n    import a.c", "a", {"a.c"}),
        ("import torch", "a", set()),
    ],
)
def test_every_import_is_seen(source: str, name: str, found: set[str]) -> None:
    assert imported_modules(source, name, name == "a", frozenset({"a", "a.b", "a.c"})) == found


def test_a_module_of_reexports_is_seen() -> None:
    assert only_reexports('"""Text."""\nfrom a import b\n\n__all__ = ["b"]\n')
    assert not only_reexports("from a import b\n\nC = b\n")
    assert not only_reexports("from a import main\n\nmain()\n")


def test_no_circle_between_modules() -> None:
    assert len(modules()) > 400
    assert [sorted(circle) for circle in circles(arrows())] == []


def test_no_circle_between_packages() -> None:
    graph = package_arrows()
    found = [
        f"{start} -> {end}: {graph.edges[start, end]['why']}"
        for circle in circles(graph)
        for start, end in graph.subgraph(circle).edges
    ]
    assert sorted(found) == []


def test_a_package_is_found_in_the_drawing() -> None:
    drawn = [["a.b"], ["a.*", "c"], ["a.b.d"]]
    found = [layer_of(name, drawn) for name in ("a.b", "a.b.c", "a.b.d", "c", "a")]
    assert found == [0, 1, 2, 1, None]


def test_arrows_follow_the_drawing() -> None:
    drawn = layers()
    assert len(drawn) > 8
    graph = package_arrows()
    assert [name for name in graph if layer_of(name, drawn) is None] == []
    upwards = [
        f"{start} -> {end}: {graph.edges[start, end]['why']}"
        for start, end in graph.edges
        if layer_of(start, drawn) > layer_of(end, drawn)
    ]
    assert sorted(upwards) == []


def test_folders_are_small() -> None:
    counts = Counter(name.rpartition(".")[0] for name, path in modules().items() if path.name != "__init__.py")
    crowded = {name: count for name, count in counts.items() if count > MOST_MODULES}
    assert crowded == {}


def test_no_module_only_reexports() -> None:
    paths = [path for path in modules().values() if path.name != "__init__.py"]
    guilty = [path for path in paths if only_reexports(path.read_text(encoding="utf-8"))]
    assert guilty == []


def test_tests_lie_as_the_packages_do() -> None:
    """A test's folder is that of the package which it tests; directly in `tests/` lie those of the whole."""
    paths = [path.relative_to(ROOT / "tests") for path in sorted((ROOT / "tests").rglob("test_*.py"))]
    assert len(paths) > 200
    packages = {path.parent for path in modules().values()}
    astray = [str(path) for path in paths if path.parent != Path() and ROOT / path.parent not in packages]
    assert astray == []
