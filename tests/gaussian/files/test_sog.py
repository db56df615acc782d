from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from editor3d.errors import DataError
from gaussian.files import convert, read_file, read_splats

COUNT, SIDE = 300, 18
RNG = np.random.default_rng(0)
PLANES = {
    "means_l.webp": RNG.integers(0, 256, (SIDE, SIDE, 3), np.uint8),
    "means_u.webp": RNG.integers(0, 256, (SIDE, SIDE, 3), np.uint8),
    "scales.webp": RNG.integers(0, 256, (SIDE, SIDE, 3), np.uint8),
    "quats.webp": np.dstack([RNG.integers(0, 256, (SIDE, SIDE, 3)), RNG.integers(252, 256, (SIDE, SIDE))]).astype("u1"),
    "sh0.webp": RNG.integers(1, 256, (SIDE, SIDE, 4), np.uint8),
    "shN_labels.webp": np.dstack([RNG.integers(0, 70, (SIDE, SIDE)), *np.zeros((2, SIDE, SIDE))]).astype("u1"),
    "shN_centroids.webp": RNG.integers(0, 256, (2, 64 * 8, 3), np.uint8),
}
META = {
    "version": 2,
    "count": COUNT,
    "antialias": True,
    "means": {"mins": [-2.0, -1.5, -1.0], "maxs": [2.0, 1.0, 3.0], "files": ["means_l.webp", "means_u.webp"]},
    "scales": {"codebook": np.linspace(-9, -1, 256).tolist(), "files": ["scales.webp"]},
    "quats": {"files": ["quats.webp"]},
    "sh0": {"codebook": np.linspace(-2, 2, 256).tolist(), "files": ["sh0.webp"]},
    "shN": {
        "count": 70,
        "bands": 2,
        "codebook": np.linspace(-0.5, 0.5, 256).tolist(),
        "files": ["shN_centroids.webp", "shN_labels.webp"],
    },
}


@pytest.fixture
def sog(tmp_path: Path) -> Callable[..., Path]:
    """Writes a .sog; `change(meta, planes)` edits both before."""

    def write(change: Callable[[dict, dict], None] = lambda meta, planes: None) -> Path:
        meta, planes = json.loads(json.dumps(META)), dict(PLANES)
        change(meta, planes)
        with zipfile.ZipFile(tmp_path / "scene.sog", "w") as archive:
            archive.writestr("meta.json", json.dumps(meta))
            for name, plane in planes.items():
                packed = io.BytesIO()
                if isinstance(plane, np.ndarray):
                    Image.fromarray(plane).save(packed, "WEBP", lossless=True, exact=True)
                archive.writestr(name, packed.getvalue() if isinstance(plane, np.ndarray) else plane)
        return tmp_path / "scene.sog"

    return write


def test_gsply_reads_the_same(sog, monkeypatch):
    reader = pytest.importorskip("gsply.sog_reader")

    def decoded(data: bytes) -> tuple[np.ndarray, int, int]:
        with Image.open(io.BytesIO(data)) as picture:
            pixels = np.asarray(picture.convert("RGBA"))
        return pixels.reshape(-1), pixels.shape[1], pixels.shape[0]

    monkeypatch.setattr(reader, "_load_webp_image", decoded)
    path = sog()
    contents, other = read_file(path), reader.sogread(path)
    ours = contents.splats
    assert len(ours) == COUNT
    assert contents.antialiased
    assert np.allclose(ours.means, other.means, rtol=1e-5, atol=1e-6)
    assert np.allclose(ours.log_scales, other.scales, atol=1e-6)
    assert np.allclose(ours.quats, other.quats, atol=1e-6)
    assert np.allclose(ours.sh[:, 0], other.sh0, atol=1e-6)
    assert np.allclose(ours.sh[:, 1:], np.asarray(other.shN).reshape(COUNT, 8, 3), atol=1e-6)
    assert np.allclose(ours.opacities, 1 / (1 + np.exp(-np.asarray(other.opacities, np.float64))), atol=2e-3)


def test_files_without_higher_harmonics_and_with_a_missing_first_entry_are_read(sog):
    def change(meta, planes):
        del meta["shN"]
        meta["scales"]["codebook"][0] = None

    splats = read_splats(sog(change))
    assert splats.sh_degree == 0
    lowest = PLANES["scales.webp"].reshape(-1, 3)[:COUNT] == 0
    assert np.allclose(splats.log_scales.numpy()[lowest], -9, atol=0.05)


def test_it_is_converted(sog, tmp_path):
    assert convert(sog(), tmp_path / "scene.ply") == COUNT
    assert b"SplatRenderMode: mip" in (tmp_path / "scene.ply").read_bytes()


def changed(section: str, key: str, value: object) -> Callable[[dict, dict], None]:
    def change(meta, planes):
        (meta[section] if section else meta)[key] = value

    return change


def replaced(name: str, plane: object) -> Callable[[dict, dict], None]:
    return lambda meta, planes: planes.update({name: plane})


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (changed("", "version", 1), "version 2 of .sog"),
        (changed("", "version", None), "version 2 of .sog"),
        (changed("", "count", 10**9), "cut short"),
        (changed("", "count", -1), "at least one"),
        (changed("", "count", "3"), "at least one"),
        (changed("", "means", None), "lacks 'means'"),
        (changed("means", "mins", [0, 1]), "3 numbers"),
        (changed("means", "maxs", [0, 1, "x"]), "3 numbers"),
        (changed("means", "maxs", [0, 1, float("nan")]), "3 numbers"),
        (changed("means", "files", ["means_l.webp"]), "lacks the picture"),
        (changed("means", "files", ["../../etc/passwd", "means_u.webp"]), "lacks the picture"),
        (changed("scales", "codebook", [0.0] * 255), "256 numbers"),
        (changed("shN", "bands", 4), "1 to 3 bands"),
        (changed("shN", "bands", 3), "need 960 x 2 pixels"),
        (changed("shN", "count", 60), "the harmonics"),
        (changed("shN", "count", 1000), "need 512 x 16 pixels"),
        (replaced("quats.webp", b"not a picture"), "cannot be read"),
        (replaced("quats.webp", b"%!PS-Adobe-3.0 EPSF-3.0\n"), "cannot be read"),
        (replaced("scales.webp", np.zeros((2, 2, 3), np.uint8)), "cut short"),
        (replaced("scales.webp", np.zeros((4096, 4096, 3), np.uint8)), "megapixels"),
    ],
)
def test_files_that_lie_are_refused(sog, change, match):
    path = sog(change)
    with pytest.raises(DataError, match=match) as caught:
        read_splats(path)
    assert str(path) in str(caught.value)


def test_what_is_no_such_archive_is_refused(tmp_path):
    path = tmp_path / "scene.sog"
    for content in (b"", b"PK\x03\x04" + bytes(50), b"ply\n"):
        path.write_bytes(content)
        with pytest.raises(DataError, match="no .sog file"):
            read_splats(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.json", "{}")
    with pytest.raises(DataError, match="no meta.json"):
        read_splats(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("meta.json", b" " * (1 << 23))
    with pytest.raises(DataError, match="at most 4 MiB"):
        read_splats(path)
