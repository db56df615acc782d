"""One declaration of what can be chosen of an edit gives flags, parameters and schema."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import editor3d
from editor3d.errors import ConfigError
from editor3d.options import EditOptions, docs_of, options_from, schema_of

ADDED = '''    sparkle: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """How much the scene glitters."""

    def __post_init__'''
LOOK = """
import contextlib, importlib.util, inspect, io, json, sys

class Copy:
    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_file_location(name, sys.argv[1]) if name == "editor3d.options" else None

sys.meta_path.insert(0, Copy())
import tyro
from editor3d import options
from editor3d.api import Scene
from editor3d.cli.commands.edit import Edit

help = io.StringIO()
with contextlib.redirect_stdout(help), contextlib.suppress(SystemExit):
    tyro.cli(Edit, args=["--help"])
parsed = tyro.cli(Edit, args=["demo", "--sparkle", "3"]).options
print(json.dumps({
    "help": " ".join(help.getvalue().split()),
    "parsed": parsed.sparkle,
    "schema": options.schema_of()["properties"].get("sparkle"),
    "signature": list(inspect.signature(Scene.edit).parameters),
    "doc": Scene.edit.__doc__,
}))
"""


def test_an_option_is_added_in_one_place(tmp_path):
    source = Path(sys.modules["editor3d.options"].__file__).read_text()
    copy = tmp_path / "options.py"
    copy.write_text(source.replace("    def __post_init__", ADDED, 1))
    found = subprocess.run([sys.executable, "-c", LOOK, str(copy)], capture_output=True, text=True, check=True)
    seen = json.loads(found.stdout)
    assert "--sparkle" in seen["help"]
    assert "How much the scene glitters." in seen["help"]
    assert seen["parsed"] == 3
    assert seen["schema"]["description"] == "How much the scene glitters."
    assert seen["schema"]["anyOf"][0] == {"type": "integer", "minimum": 1}
    assert "sparkle" in seen["signature"]
    assert "sparkle: How much the scene glitters." in seen["doc"]


def test_every_option_is_one_sentence():
    for name, said in docs_of(EditOptions).items():
        assert said.endswith("."), name
        assert ". " not in said.replace("a .json", "a json"), f"{name}: {said}"


def test_the_schema_has_every_option_and_its_docstring():
    assert {name: part["description"] for name, part in schema_of()["properties"].items()} == docs_of(EditOptions)


def test_options_come_back_from_json():
    options = EditOptions("make it gold", steps=5, garment=Path("a.png"), schedule="cyclic", output=Path("runs"))
    values = {"instruction": "make it gold", "steps": 5, "garment": "a.png", "schedule": "cyclic", "output": "runs"}
    assert options_from(values) == options


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"steps": 0}, "steps"),
        ({"steps": 2.5}, "steps"),
        ({"seed": -1}, "seed"),
        ({"guidance_scale": float("nan")}, "guidance-scale"),
        ({"image_guidance_scale": "much"}, "image-guidance-scale"),
        ({"condition_on": "paintings"}, "condition-on"),
        ({"sparkle": 1}, "sparkle"),
    ],
)
def test_values_that_cannot_be_are_refused_by_name(values, words, tmp_path):
    with pytest.raises(ConfigError, match=words):
        options_from(values)
    if "sparkle" not in values:
        with pytest.raises(ConfigError, match=words):
            editor3d.Scene(tmp_path).edit("make it gold", **values)
