"""EPS, SVG and PDF are programs: named .png they are refused wherever a picture is read, and no interpreter starts."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import EpsImagePlugin, Image

from editor3d.cli import USER_ERROR, main
from editor3d.errors import Editor3DError

PROGRAMS = {
    "eps": "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 24 20\n%%EndComments\n(canary) run\nshowpage\n%%EOF\n",
    "svg": '<svg xmlns="http://www.w3.org/2000/svg" width="24" height="20"><script>canary()</script></svg>',
    "pdf": "%PDF-1.4\n1 0 obj<</OpenAction<</S/Launch/F(canary)>>>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
}
INTERPRETERS = ("gs", "gswin64c", "convert", "magick", "rsvg-convert", "inkscape", "pdftoppm", "mutool")


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that appears once an interpreter of such programs is started."""
    path = tmp_path / "started"
    (tmp_path / "bin").mkdir()
    for name in INTERPRETERS:
        script = tmp_path / "bin" / name
        script.write_text(f'#!/bin/sh\n: > "{path}"\n')
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    return path


def test_the_canary_sees_ghostscript_start(tmp_path: Path, canary: Path) -> None:
    (tmp_path / "a.png").write_text(PROGRAMS["eps"])
    with pytest.raises(OSError), Image.open(tmp_path / "a.png") as picture:  # noqa: PT011  the fake one draws nothing
        picture.load()
    assert canary.exists()


def _image(path: Path) -> None:
    from editor3d.datasets.views.images import read_image

    read_image(path)


def _inspected(path: Path) -> None:
    from editor3d.datasets.views.headers import inspect_picture

    inspect_picture(path)


def _garment(path: Path) -> None:
    from editor3d.editors.try_on.garment import read_garment

    read_garment(path)


def _target(path: Path) -> None:
    from editor3d.programs.request import read_picture

    read_picture(path)


def _edited_picture(path: Path) -> None:
    from editor3d.update.state import PictureStore

    path.rename(path.with_name("a.0.png"))
    PictureStore(path.parent).read("a", 0)


def _shown(path: Path) -> None:
    from editor3d.service.jobs.pictures import small_picture

    small_picture(path, 64)


@pytest.mark.parametrize("kind", PROGRAMS)
@pytest.mark.parametrize("read", [_image, _inspected, _garment, _target, _edited_picture, _shown])
def test_nothing_starts_where_a_picture_is_read(
    tmp_path: Path, canary: Path, kind: str, read: Callable[[Path], None]
) -> None:
    (tmp_path / "a.png").write_text(PROGRAMS[kind])
    with pytest.raises(Editor3DError, match="png") as refused:
        read(tmp_path / "a.png")
    assert "\n" not in str(refused.value)
    assert not canary.exists()


@pytest.mark.parametrize("kind", PROGRAMS)
@pytest.mark.parametrize("folder", ["images", "labels"])
def test_nothing_starts_where_a_capture_is_edited(
    own_capture: Path, canary: Path, capsys: pytest.CaptureFixture, kind: str, folder: str
) -> None:
    (own_capture / folder / "view_03.png").write_text(PROGRAMS[kind])
    output = own_capture.parent / "out"
    words = ["edit", str(own_capture), "--instruction", "make it brighter", "--output", str(output)]
    assert main(words) == USER_ERROR
    assert "view_03.png" in capsys.readouterr().err
    assert not canary.exists()
    assert not output.exists()


def test_pictures_are_opened_by_one_module() -> None:
    root = Path(__file__).parents[2]
    opened = [
        path.relative_to(root).as_posix()
        for package in ("editor3d", "gaussian", "lab", "mesh", "nerf_methods", "blender_addon")
        for path in (root / package).rglob("*.py")
        if re.search(
            r"\bImage\.open\(|\bcv2\.imread\(|\bimageio\.(v2\.|v3\.)?imread\(", path.read_text(encoding="utf-8")
        )
    ]
    # photographs that installed packages bring with them are no strangers' files
    assert sorted(opened) == [
        "editor3d/comfyui_nodes/nodes.py",  # in ComfyUI's process, without this package: what its own command wrote
        "editor3d/files/safe_open.py",
        "lab/editors/fake_service.py",  # which is sent nothing but what the client made
        "lab/training/data/photographs.py",
    ]


@pytest.mark.parametrize("kind", PROGRAMS)
def test_nothing_starts_where_a_mesh_names_one_as_its_texture(tmp_path: Path, canary: Path, kind: str) -> None:
    from mesh.io.read import read_mesh

    (tmp_path / "a.png").write_text(PROGRAMS[kind])
    (tmp_path / "m.mtl").write_text("newmtl skin\nmap_Kd a.png\n")
    points = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nvt 0 0\nvt 1 0\nvt 0 1\n"
    faces = "f 1/1 2/2 3/3\nf 1/1 3/2 4/3\nf 1/1 4/2 2/3\nf 2/1 4/2 3/3\n"
    (tmp_path / "m.obj").write_text(f"mtllib m.mtl\n{points}usemtl skin\n{faces}")
    assert any("a.png" in note for note in read_mesh(tmp_path / "m.obj").notes)
    assert not canary.exists()
