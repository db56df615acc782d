"""Files of strangers: what is no ordinary file, picture or JSON is refused in one sentence, and nothing runs."""

from __future__ import annotations

import io
import json
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from editor3d.errors import CheckpointError, DataError
from editor3d.files.safe_open import UNREADABLE, open_picture, read_json, require_inside, require_regular


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_json_is_read_in_every_encoding_that_it_may_have(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(json.dumps({"name": "Tür"}, ensure_ascii=False).encode(encoding))
    assert read_json(path) == {"name": "Tür"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"a": \n 1,}', "line 2"),
        (b"[" * 100_000, "levels deep"),
        (b'{"a":' * 100_000, "levels deep"),
        (b"1" * 5000, "cannot be read"),
        (b'"\xff\xfe\x00', "cannot be read"),
        (b"", "line 1"),
    ],
)
def test_what_is_no_json_is_refused_in_a_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        read_json(path)


def test_pipes_folders_and_missing_files_are_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(DataError, match="found a pipe"):
        require_regular(tmp_path / "pipe.png")
    with pytest.raises(CheckpointError, match="found a folder"):
        require_regular(tmp_path, CheckpointError)
    with pytest.raises(DataError, match="found none"):
        require_regular(tmp_path / "none.png")
    with pytest.raises(OSError, match="found a pipe"):
        open_picture(tmp_path / "pipe.png")


def test_links_may_stay_in_a_folder_and_not_leave_it(tmp_path: Path) -> None:
    root = tmp_path / "capture"
    (root / "images").mkdir(parents=True)
    for path in (root / "images" / "0.png", tmp_path / "secret.png"):
        path.write_bytes(b"")
    (root / "near.png").symlink_to(root / "images" / "0.png")
    (root / "away.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "alias").symlink_to(root)
    assert require_inside(root / "near.png", root) == root / "near.png"
    assert require_inside(tmp_path / "alias" / "near.png", tmp_path / "alias")
    assert require_inside(root / ".." / "secret.png", root)
    with pytest.raises(DataError, match="a link out of it"):
        require_inside(root / "away.png", root)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "PPM", "TGA"])
def test_pictures_of_the_usual_kinds_are_read_whatever_their_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.dat"
    Image.fromarray(np.full((4, 5, 3), 90, np.uint8)).save(path, format=kind)
    for source in (path, path.read_bytes(), io.BytesIO(path.read_bytes())):
        with open_picture(source) as picture:
            assert np.abs(np.asarray(picture.convert("RGB")).astype(int) - 90).max() <= 2


@pytest.mark.parametrize("content", [
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n%%EndComments\nshowpage\n",
    b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>',
    b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n",
])  # fmt: skip
def test_programs_named_as_pictures_are_no_pictures(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(UNREADABLE):
        open_picture(path)


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.ppm"
    path.write_bytes(b"P6 12000 12000 255\n" + bytes(64))
    with pytest.raises(ValueError, match="megapixels"):
        open_picture(path)
    with open_picture(path, max_pixels=12_000**2) as picture:
        assert picture.size == (12_000, 12_000)


def test_a_file_that_no_pixels_can_fill_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (4, 4)).save(path)
    with path.open("ab") as file:
        file.truncate(60 << 20)
    open_picture(path, max_pixels=16).close()
    with path.open("ab") as file:
        file.truncate(70 << 20)
    with pytest.raises(OSError, match="at most 64 MiB, got 70 MiB"):
        open_picture(path, max_pixels=16)
    open_picture(path).close()


@pytest.mark.parametrize(("kind", "bands"), [("1", 1), ("L", 1), ("RGB", 3), ("RGBA", 4)])
def test_a_png_may_be_packed_as_tightly_as_can_be_and_no_tighter(tmp_path: Path, kind: str, bands: int) -> None:
    path = tmp_path / "a.png"
    Image.new(kind, (3000, 3000)).save(path, compress_level=9)
    with open_picture(path) as picture:
        picture.load()
    content = bytearray(path.read_bytes())
    content[20:24] = (40_000).to_bytes(4, "big")
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    path.write_bytes(content)
    if bands > 1:
        with pytest.raises(OSError, match="more pixels than the file can hold"):
            open_picture(path)
