"""Archives that people send are unpacked into their folder, or refused in a sentence."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from editor3d.errors import DataError
from editor3d.files import unpacking
from editor3d.files.unpacking import unpack


def packed(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_files_lie_where_the_archive_says(tmp_path: Path) -> None:
    files = {"capture.json": b"{}", "images/a.png": b"a", "__MACOSX/._a": b"no"}
    found = unpack(packed(tmp_path / "a.zip", files), tmp_path / "to")
    assert found == tmp_path / "to"
    written = {path.relative_to(found).as_posix(): path.read_bytes() for path in found.rglob("*") if path.is_file()}
    assert written == {"capture.json": b"{}", "images/a.png": b"a"}


def test_one_folder_stands_for_itself(tmp_path: Path) -> None:
    found = unpack(packed(tmp_path / "a.zip", {"garden/x/1.txt": b"1", "garden/2.txt": b"2"}), tmp_path / "to")
    assert found == tmp_path / "to" / "garden"


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", "C:/out", "a\\..\\out"])
def test_nothing_is_written_outside(tmp_path: Path, name: str) -> None:
    archive = packed(tmp_path / "a.zip", {"good": b"1"})
    with zipfile.ZipFile(archive, "a") as opened:
        entry = zipfile.ZipInfo("good")
        entry.filename = name
        opened.writestr(entry, b"bad")
    with pytest.raises(DataError, match="leads out"):
        unpack(archive, tmp_path / "to")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_links_are_refused(tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("link")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(DataError, match="is a link"):
        unpack(tmp_path / "a.zip", tmp_path / "to")


def test_too_much_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = packed(tmp_path / "a.zip", {"one": bytes(100), "two": bytes(100)})
    monkeypatch.setattr(unpacking, "MAX_BYTES", 150)
    with pytest.raises(DataError, match="name the folder"):
        unpack(archive, tmp_path / "to")
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("cut", [1, 30, -30])
def test_a_damaged_archive_is_refused_and_leaves_nothing(tmp_path: Path, cut: int) -> None:
    archive = packed(tmp_path / "a.zip", {"one": b"1" * 200})
    archive.write_bytes(archive.read_bytes()[:cut])
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpack(archive, tmp_path / "to")
    assert not (tmp_path / "to").exists()
