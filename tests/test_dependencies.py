"""What the packages import is declared, and nothing is declared that they do not use."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGES = ("editor3d", "gaussian", "mesh", "nerf_methods")

BROUGHT_BY = {"mathutils": "bpy", "xatlas": "xatlas"}
"""The distributions of modules that their metadata does not name."""
WHERE_BLENDER_IS = (
    "editor3d/programs/worker/",  # the confined process in which programs run
    "editor3d/datasets/demo/",  # which renders the demo scene anew
)
"""Modules that may import Blender when they are imported themselves."""
WHERE_ASSISTANTS_ARE = ("editor3d/service/assistants/tools.py",)
"""Modules that are imported only where assistants are served, after it was looked for the SDK."""
USED_WITHOUT_IMPORT = {"accelerate": "diffusers and transformers load large weights by it"}


class Import(NamedTuple):
    module: str
    """The first part of its name."""
    place: str
    """`file:line`, the file relative to the project's folder."""
    at_once: bool
    """Run when the file is imported: neither inside a function nor for type checkers alone."""


def imports_of(source: str, file: str) -> Iterator[Import]:
    def visit(node: ast.AST, at_once: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        else:
            names = []
        for name in names:
            yield Import(name.partition(".")[0], f"{file}:{node.lineno}", at_once)
        inner = at_once and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(node, ast.If) and ast.unparse(node.test).rpartition(".")[2] == "TYPE_CHECKING":
            inner = False
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inner)

    return visit(ast.parse(source), True)


def undeclared(found: Import, core: set[str], extras: set[str], brought: dict[str, list[str]]) -> str:
    """What is wrong with an import; empty where nothing is."""
    names = {BROUGHT_BY[found.module]} if found.module in BROUGHT_BY else set(brought.get(found.module, ()))
    names = {canonicalize_name(name) for name in names}
    if names & core or found.module in (*sys.stdlib_module_names, *PACKAGES):
        return ""
    if not names & extras:
        return f"{found.place}: {found.module} is declared nowhere"
    if found.place.startswith(WHERE_ASSISTANTS_ARE) and names <= {"mcp", "pydantic"}:
        return ""
    if found.at_once and not ("bpy" in names and found.place.startswith(WHERE_BLENDER_IS)):
        return f"{found.place}: {found.module} belongs to an extra, and is imported where there may be none"
    return ""


@pytest.fixture(scope="module")
def imported() -> list[Import]:
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return [found for path in files for found in imports_of(path.read_text(), path.relative_to(ROOT).as_posix())]


@pytest.fixture(scope="module")
def core() -> set[str]:
    """The declared distributions that every installation has."""
    return names_of(PROJECT["dependencies"])


@pytest.fixture(scope="module")
def extras() -> set[str]:
    """Those of the extras for users."""
    return names_of(
        text for extra, texts in PROJECT["optional-dependencies"].items() if extra != "dev" for text in texts
    )


@pytest.fixture(scope="module")
def brought() -> dict[str, list[str]]:
    """The distributions that bring a module."""
    return dict(packages_distributions())


def names_of(requirements) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def test_everything_imported_is_declared(imported, core, extras, brought):
    extra_alone = extras - core
    wrong = [told for found in imported if (told := undeclared(found, core, extra_alone, brought))]
    assert not wrong, "\n".join(wrong)


def test_everything_declared_is_used_and_declared_once(imported, core, extras, brought):
    used = set(BROUGHT_BY.values()) | {name for found in imported for name in brought.get(found.module, ())}
    used = {canonicalize_name(name) for name in used}
    # the first brings the same module, the second is imported by a process of its own
    assert (core | extras) - used - set(USED_WITHOUT_IMPORT) <= {"opencv-contrib-python", "usd-core"}
    for texts in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()):
        assert len(names_of(texts)) == len(texts)


def test_the_tried_versions_are_declared_ones():
    tried = [Requirement(line) for line in (ROOT / "constraints.txt").read_text().splitlines()]
    versions = {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in tried}
    for texts in (PROJECT["dependencies"], *(PROJECT["optional-dependencies"][name] for name in ("blender", "dev"))):
        for wanted in map(Requirement, texts):
            assert wanted.specifier.contains(versions[canonicalize_name(wanted.name)], prereleases=True), wanted


def test_one_torch_is_asked_for_by_the_extra_alone_whose_binaries_need_it():
    for name in ("torch", "torchvision"):
        (wanted,) = [Requirement(text) for text in PROJECT["dependencies"] if Requirement(text).name == name]
        assert not any(part.operator in ("==", "===", "~=") for part in wanted.specifier)
        pinning = {
            extra
            for extra, texts in PROJECT["optional-dependencies"].items()
            for text in texts
            if Requirement(text).name == name
        }
        assert pinning == {"pytorch3d"}


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import numpy.linalg", ""),
        ("import os, numpy", ""),
        ("from mesh import render", ""),
        ("import cma", "a.py:1: cma belongs to an extra"),
        ("try:\n    import cma\nexcept ImportError:\n    pass", "a.py:2: cma belongs to an extra"),
        ("class A:\n    import cma", "a.py:2: cma belongs to an extra"),
        ("def f():\n    import cma", ""),
        ("if TYPE_CHECKING:\n    import cma", ""),
        ("if typing.TYPE_CHECKING:\n    from cma.evolution import X", ""),
        ("if True:\n    import elsewhere", "a.py:2: elsewhere is declared nowhere"),
        ("def f():\n    from elsewhere.sub import x", "a.py:2: elsewhere is declared nowhere"),
        ("from . import elsewhere", ""),
    ],
)
def test_an_import_is_judged_by_where_it_stands(source, told):
    brought = {"numpy": ["NumPy"], "cma": ["cma"], "elsewhere": ["elsewhere"]}
    found = [undeclared(one, {"numpy"}, {"cma"}, brought) for one in imports_of(source, "a.py")]
    assert [text for text in found if text] == [] if not told else found[-1].startswith(told)


def test_blender_is_imported_at_once_only_where_it_is():
    found = Import("mathutils", "editor3d/programs/worker/chance.py:13", True)
    assert not undeclared(found, set(), {"bpy"}, {})
    assert undeclared(found._replace(place="editor3d/programs/search/search.py:1"), set(), {"bpy"}, {})
