from __future__ import annotations

import gzip
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from editor3d.errors import DataError, Editor3DError
from gaussian.files import FORMATS, read_splats, write_splats
from gaussian.files.suffix import USD
from gaussian.splats import Splats

ANY_TMP = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
READ = [suffix for suffix, entry in FORMATS.items() if entry.reads and suffix not in USD]  # see test_usd
BOTH = [suffix for suffix in READ if FORMATS[suffix].writes]
WRITTEN = [suffix for suffix, entry in FORMATS.items() if entry.writes and suffix not in USD]
FLOATS = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2"]
FLOATS += ["rot_0", "rot_1", "rot_2", "rot_3"]


@contextmanager
def little_memory(megabytes: float) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * 1e6
    finally:
        tracemalloc.stop()


def ply(count: object = 1, names: list[str] = FLOATS, kind: str = "float", body: bytes | None = None) -> bytes:
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {count}"]
    lines += [f"property {kind} {name}" for name in names] + ["end_header", ""]
    return "\n".join(lines).encode() + (np.ones(len(names), "<f4").tobytes() if body is None else body)


def spz(count: int = 1, version: int = 3, degree: int = 0, bits: int = 12, body: bytes = bytes(20)) -> bytes:
    return gzip.compress(struct.pack("<IIIBBBB", 0x5053474E, version, count, degree, bits, 0, 0) + body, mtime=0)


def refused(path: Path, content: bytes, match: str) -> None:
    path.write_bytes(content)
    with little_memory(1), pytest.raises(DataError, match=match) as caught:
        read_splats(path)
    assert str(path) in str(caught.value)


def test_the_helpers_make_files_that_are_read(tmp_path):
    (tmp_path / "scene.ply").write_bytes(ply())
    (tmp_path / "scene.spz").write_bytes(spz())
    assert len(read_splats(tmp_path / "scene.ply")) == len(read_splats(tmp_path / "scene.spz")) == 1


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "does not begin with 'ply'"),
        (b"ply\n", "does not begin with 'ply'"),
        (b"solid cube\nend_header\n", "does not begin with 'ply'"),
        (b"ply\n" + b"comment x\n" * 10**5 + ply(), "does not begin with 'ply'"),
        (b"ply\nelement vertex 1\nend_header\n", "'format' line"),
        (b"ply\nformat binary_middle_endian 1.0\nend_header\n", "cannot be understood"),
        (b"ply\nproperty float x\nend_header\n", "cannot be understood"),
        (b"ply\nformat ascii 1.0\nend_header\n", "lack x, y, z"),
        (ply(names=["x", "y", "z"]), "lack f_dc_0"),
        (ply(10**12), "announces 1000000000000 rows"),
        (ply(10**17), "announces 1"),
        (ply(10**18), "cannot be understood"),
        (ply("9" * 9000), "cannot be understood"),
        (ply(-1), "cannot be understood"),
        (ply("1e3"), "cannot be understood"),
        (ply(0, body=b""), "no Gaussians"),
        (ply(2), "cut short"),
        (ply(kind="uchar"), "float or double"),
        (ply(kind="list uchar float"), "lack x, y, z"),
        (ply(kind="float128"), "cannot be understood"),
        (ply(names=[*FLOATS, "x"]), "twice"),
        (ply(names=[*FLOATS, "f_rest_0"]), "SH degrees"),
        (ply(names=[*FLOATS, *(f"f_rest_{i}" for i in range(105))]), "SH degrees"),
        (ply(names=[*FLOATS, *(f"f_rest_{i}" for i in range(1, 10))]), "SH degrees"),
        (ply(body=np.full(14, np.nan, "<f4").tobytes()), "not finite"),
        (ply(body=np.full(14, np.inf, "<f4").tobytes()), "not finite"),
        (ply(body=bytes(56)), "zero length"),
        (ply(kind="double", body=np.full(14, 1e300).tobytes()), "not finite"),
        (ply(body=b"").replace(b"binary_little_endian", b"ascii"), "cut short"),
        (ply(10**12, body=b"1 " * 14).replace(b"binary_little_endian", b"ascii"), "announces"),
        (ply(body=b"1 " * 13 + b"x\n").replace(b"binary_little_endian", b"ascii"), "cannot be understood"),
        (ply(body=b"1 " * 13 + b"\n").replace(b"binary_little_endian", b"ascii"), "cut short|cannot be understood"),
        (ply(body=b" " * 500).replace(b"binary_little_endian", b"ascii"), "0 came"),
        (ply(2, body=b"1 " * 14 + b"\n" * 50).replace(b"binary_little_endian", b"ascii"), "1 came"),
        (ply(names=["packed_position"]), "'chunk' lacks"),
    ],
)
def test_ply_files_that_lie_are_refused(tmp_path, content, match):
    refused(tmp_path / "scene.ply", content, match)


def compressed(chunks: int, vertices: int, harmonics: int | None, rows: int, body: bytes) -> bytes:
    bounds = [
        f"{end}_{part}{axis}"
        for part, axes in (("", "xyz"), ("scale_", "xyz"))
        for end in ("min", "max")
        for axis in axes
    ]
    lines = ["ply", "format binary_little_endian 1.0", f"element chunk {chunks}"]
    lines += [f"property float {name}" for name in bounds] + [f"element vertex {vertices}"]
    lines += [f"property uint packed_{name}" for name in ("position", "rotation", "scale", "color")]
    if harmonics is not None:
        lines += [f"element sh {rows}"] + [f"property uchar f_rest_{i}" for i in range(harmonics)]
    return "\n".join([*lines, "end_header", ""]).encode() + body


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (compressed(1, 257, None, 0, bytes(9999)), "2 chunks"),
        (compressed(0, 0, None, 0, b""), "no Gaussians"),
        (compressed(4 * 10**9, 10**12 + 24 * 10**9, None, 0, bytes(64)), "announces"),
        (compressed(1, 2, None, 0, bytes(48 + 31)), "cut short"),
        (compressed(1, 2, 9, 2, bytes(48 + 32 + 17)), "cut short"),
        (compressed(1, 2, 9, 3, bytes(999)), "spherical harmonics"),
        (compressed(1, 2, 10, 2, bytes(999)), "spherical harmonics"),
        (compressed(1, 2, None, 0, np.full(12, np.nan, "<f4").tobytes() + bytes(32)), "not finite"),
    ],
)
def test_compressed_ply_files_that_lie_are_refused(tmp_path, content, match):
    refused(tmp_path / "scene.ply", content, match)


def test_compressed_ply_without_colour_bounds_is_read(tmp_path):
    (tmp_path / "scene.ply").write_bytes(compressed(1, 2, None, 0, bytes(48 + 32)))
    assert len(read_splats(tmp_path / "scene.ply")) == 2


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "header"),
        (b"\x1f\x8b", "header"),
        (b"NGSP" + bytes(5), "header"),
        (b"PK\x03\x04" + bytes(40), "does not begin"),
        (gzip.compress(b"NGSP", mtime=0), "header"),
        (gzip.compress(bytes(100), mtime=0), "does not begin"),
        (spz(version=0), "version 0"),
        (spz(version=1, body=bytes(15)), "cut short"),
        (spz(version=4), "version 4"),
        (spz(version=99), "version 99"),
        (spz(degree=4), "cut short"),
        (spz(degree=5), "SH degree"),
        (spz(bits=25), "fractional"),
        (spz(0), "at least one"),
        (spz(2), "cut short"),
        (spz(degree=3), "cut short"),
        (spz(2**32 - 1), "cannot hold"),
        (spz(2**32 - 1, degree=3, body=bytes(10**8)), "cannot hold"),
        (spz()[:-9], "cut short|damaged"),
        (spz()[:-1], "cut short"),
        (spz()[:-8] + bytes(8), "damaged"),
    ],
)
def test_spz_files_that_lie_are_refused(tmp_path, content, match):
    refused(tmp_path / "scene.spz", content, match)


def test_a_gzip_bomb_is_unpacked_no_further_than_its_header_says(tmp_path):
    (tmp_path / "scene.spz").write_bytes(spz(body=bytes(10**8)))
    with little_memory(1):
        assert len(read_splats(tmp_path / "scene.spz")) == 1


def version_4(toc: list[tuple[int, int]], body: bytes, count: int = 1, streams: int = 5, table: int = 32) -> bytes:
    head = struct.pack("<IIIBBBBI12x", 0x5053474E, 4, count, 0, 12, 0, streams, table)
    return head + b"".join(struct.pack("<QQ", *entry) for entry in toc) + body


def test_version_4_files_that_lie_are_refused(tmp_path):
    zstandard = pytest.importorskip("zstandard")
    sizes = (9, 1, 3, 3, 4)
    parts = [zstandard.compress(bytes(size)) for size in sizes]
    toc = [(len(part), size) for part, size in zip(parts, sizes, strict=True)]
    path, body = tmp_path / "scene.spz", b"".join(parts)
    path.write_bytes(version_4(toc, body))
    assert len(read_splats(path)) == 1
    refused(path, version_4(toc, body, streams=6), "table of contents")
    refused(path, version_4(toc, body, table=2**31), "table of contents")
    refused(path, version_4(toc, body, table=0), "table of contents")
    refused(path, version_4(toc, body)[:20], "table of contents")
    refused(path, version_4(toc, body[:-1]), "damaged|cut short")
    refused(path, version_4([(2**64 - 1, 9), *toc[1:]], body), "damaged|cut short")
    refused(path, version_4([(toc[0][0], 2**40), *toc[1:]], body), "cut short")
    refused(path, version_4(toc, body, count=2**32 - 1), "cannot hold")
    bomb = zstandard.compress(bytes(10**8))
    refused(path, version_4([(len(bomb), 9), *toc[1:]], bomb + b"".join(parts[1:])), "cut short")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "0 bytes"),
        (bytes(31), "31 bytes"),
        (struct.pack("<6f8B", 0, 0, 0, -1, 1, 1, *range(100, 108)), "negative"),
        (struct.pack("<6f8B", float("nan"), 0, 0, 1, 1, 1, *range(100, 108)), "not finite"),
        (struct.pack("<6f8B", 0, 0, 0, 1, float("inf"), 1, *range(100, 108)), "not finite"),
        (struct.pack("<6f8B", 0, 0, 0, 1, 1, 1, *[128] * 8), "zero length"),
    ],
)
def test_splat_files_that_lie_are_refused(tmp_path, content, match):
    refused(tmp_path / "scene.splat", content, match)


@given(st.data(), st.sampled_from(BOTH))
@ANY_TMP
def test_a_file_cut_anywhere_is_refused(tmp_path, make_splats, data, suffix):
    whole, cut = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    write_splats(whole, make_splats(0, 3, 1))
    content = whole.read_bytes()
    length = data.draw(st.integers(0, len(content) - 1))
    cut.write_bytes(content[:length])
    if suffix == ".splat" and length and length % 32 == 0:
        assert len(read_splats(cut)) == length // 32  # no header: a shorter scene
    else:
        with pytest.raises(DataError):
            read_splats(cut)


@given(st.data(), st.sampled_from([".ply", ".spz", ".splat", "unzipped", "packed"]))
@ANY_TMP
def test_a_damaged_file_is_a_scene_or_an_error(tmp_path, make_splats, data, kind):
    path = tmp_path / f"scene{kind if kind in FORMATS else '.spz' if kind == 'unzipped' else '.ply'}"
    if kind == "packed":
        content = compressed(1, 3, 9, 3, np.linspace(-1, 1, 12, dtype="<f4").tobytes() + bytes(range(75)))
    else:
        write_splats(path, make_splats(0, 3, 1))
        content = path.read_bytes()
        content = gzip.decompress(content) if kind == "unzipped" else content
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(gzip.compress(damaged, 1) if kind == "unzipped" else damaged)
    with little_memory(2), suppress(DataError):
        assert all(tensor.isfinite().all() for tensor in vars(read_splats(path)).values())


@given(
    st.binary(max_size=300),
    st.sampled_from(READ),
    st.sampled_from([b"", b"ply\n", b"NGSP\x04\x00\x00\x00", b"\x1f\x8b"]),
)
@ANY_TMP
def test_noise_is_a_scene_or_an_error(tmp_path, noise, suffix, start):
    (tmp_path / f"noise{suffix}").write_bytes(start + noise)
    with little_memory(5), suppress(DataError):
        assert len(read_splats(tmp_path / f"noise{suffix}")) > 0


def test_what_is_no_file_of_splats_is_named(tmp_path):
    for name in ("scene.what", "scene"):
        with pytest.raises(DataError, match=r"choose one of \.ply, \.compressed\.ply, \.spz, \.splat, \.sog"):
            read_splats(tmp_path / name)
    with pytest.raises(DataError, match="splat-transform"):
        read_splats(tmp_path / "scene.ksplat")
    with pytest.raises(DataError, match="no such file"):
        read_splats(tmp_path / "scene.ply")
    (tmp_path / "folder.ply").mkdir()
    with pytest.raises(DataError, match="found a folder"):
        read_splats(tmp_path / "folder.ply")
    with pytest.raises(DataError, match=r"choose one of .*\.glb"):
        write_splats(
            tmp_path / "scene.obj", Splats(*(torch.ones(1, *shape) for shape in ((3,), (3,), (4,), (), (1, 3))))
        )


@pytest.mark.parametrize("suffix", WRITTEN)
def test_a_scene_that_cannot_be_written_leaves_the_old_file(tmp_path, make_splats, suffix, monkeypatch):
    path = tmp_path / f"scene{suffix}"
    splats = make_splats(0)
    write_splats(path, splats)
    before = path.read_bytes()
    broken = replace(splats, means=splats.means / 0)
    with pytest.raises(DataError, match="not finite"):
        write_splats(path, broken)
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(Editor3DError, match="No space left"):
        write_splats(path, make_splats(1))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", WRITTEN)
def test_the_same_scene_gives_the_same_bytes(tmp_path, make_splats, suffix):
    splats = make_splats(0, 20)
    for name in ("one", "two"):
        write_splats(tmp_path / f"{name}{suffix}", splats)
    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


def test_listing_formats_imports_no_torch():
    code = (
        "import sys, gaussian.files as f; assert f.FORMATS and not {'torch', 'numpy', 'pygltflib'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
