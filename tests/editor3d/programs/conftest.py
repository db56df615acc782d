"""Small Blender scenes, each saved once a test run; and a chat service that follows a script."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from editor3d.programs.core.contracts import RenderSettings
from editor3d.programs.rendering.pool import Workers
from editor3d.programs.vision.client import VisionSettings

from .scripted import FIRST, KEY, QUICK, Chat, ChatHandler


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"blender_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def scenes() -> ModuleType:
    """The module `scenes`, which lies beside this file."""
    return _beside("scenes")


@pytest.fixture(scope="session")
def harmless() -> dict[str, tuple[str, str]]:
    """Programs that must pass: by name, the scene that each changes and its source."""
    return _beside("harmless").HARMLESS


@pytest.fixture(scope="session")
def ordinary() -> dict[str, str]:
    """Programs as models write them, by name; those of scenes that are not there too."""
    return _beside("ordinary").ORDINARY


@pytest.fixture(scope="session")
def programs(scenes: ModuleType) -> dict[str, str]:
    """A program for each scene, by the scene's name."""
    return scenes.PROGRAMS


@pytest.fixture(scope="session")
def blend(scenes: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives the .blend file of a scene: `blend("lighting")`. Not to be changed."""
    folder = tmp_path_factory.mktemp("scenes")

    def saved(name: str) -> Path:
        path = folder / f"{name}.blend"
        return path if path.exists() else getattr(scenes, name)(path)

    return saved


@pytest.fixture(scope="session")
def cases() -> Path:
    """Scenes and programs as people bring them, which are not part of the project."""
    shared = os.environ.get("EDITOR3D_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data")
    path = Path(shared).parent / "cases" / "blender"
    if not path.is_dir():
        pytest.skip(f"no scenes at {path}")
    return path


@pytest.fixture(scope="module")
def boundary(blend: Callable[[str], Path]) -> Iterator[Workers]:
    """Workers that let every program through to the boundary."""
    settings = RenderSettings(width=32, height=32, samples=1, deadline=20.0)
    with Workers(blend("lighting"), settings, gate=None, allow_weaker_sandbox=True) as workers:
        print("active layers:", ", ".join(workers.protections()), "; missing:", workers.missing)
        yield workers


@pytest.fixture
def chat(serve) -> Chat:
    state = Chat()
    state.url = f"{serve(type('Handler', (ChatHandler,), {'state': state}))}/v1"
    return state


@pytest.fixture
def vision(chat) -> VisionSettings:
    return VisionSettings(url=chat.url, model="scripted", most_tokens=200, image_tokens=50, retry=QUICK, key=KEY)


@pytest.fixture
def files(tmp_path) -> tuple[Path, Path]:
    """A scene that only the painter can open, and the first program."""
    scene, program = tmp_path / "scene.blend", tmp_path / "program.py"
    scene.write_bytes(b"BLENDER")
    program.write_text(FIRST)
    return scene, program
