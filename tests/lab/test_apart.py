"""The laboratory uses the product; the product does not know it, and is installed without it."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from editor3d.cli import COMMANDS

ROOT = Path(__file__).parents[2]
PRODUCT = ("editor3d", "gaussian", "mesh", "nerf_methods", "blender_addon")


def named_modules(source: str) -> Iterator[str]:
    """What a module imports, anywhere in it, and what it may load by a string: `package.module:name`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""
        elif isinstance(node, ast.Constant) and re.fullmatch(r"\w+(\.\w+)+(:\w+)?", str(node.value)):
            yield str(node.value).partition(":")[0]


def strings(value: object) -> Iterator[str]:
    """All keys and values of a configuration."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize(
    "source",
    [
        "import lab.subject",
        "def f():\n    from lab.training import words",
        "from lab import subject",
        "TARGET = 'lab.train_clip:TrainClip'",
        "import_module('lab.subject')",
    ],
)
def test_every_way_to_the_laboratory_is_seen(source: str) -> None:
    assert any(name.split(".")[0] == "lab" for name in named_modules(source))


@pytest.mark.parametrize("package", PRODUCT)
def test_no_module_of_the_product_imports_the_laboratory(package: str) -> None:
    paths = list((ROOT / package).rglob("*.py"))
    assert paths
    guilty = [
        path.relative_to(ROOT).as_posix()
        for path in paths
        if any(name.split(".")[0] == "lab" for name in named_modules(path.read_text(encoding="utf-8")))
    ]
    assert guilty == []


def test_what_is_installed_holds_no_laboratory() -> None:
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = about["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"]  # with none, the build would choose by itself
    assert [text for text in strings(wheel) if Path(text).parts[:1] == ("lab",)] == []
    project = about["project"]
    called = [*strings(project["scripts"]), *strings(project["entry-points"])]
    assert [text for text in called if re.match(r"lab\b[.:]", text)] == []
    assert [name for name, command in COMMANDS.items() if command.target.startswith("lab.")] == []
