from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from editor3d.errors import DataError
from gaussian.files import read_file, read_splats, write_splats
from gaussian.files.arrays import turned_about_x
from gaussian.splats import Splats, sh_basis, transform

ANY_TMP = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
TURN = torch.tensor([[1.0, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 0]])


def angles(one: torch.Tensor, other: torch.Tensor) -> np.ndarray:
    """Between rotations wxyz [N, 4], radians [N]."""
    rotations = [Rotation.from_quat(np.roll(quats.numpy(), -1, axis=1)) for quats in (one, other)]
    return (rotations[0].inv() * rotations[1]).magnitude()


@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(0, 3), st.sampled_from([0.01, 1, 100, 1e4, 1e6]))
@ANY_TMP
def test_what_is_read_is_close_to_what_was_written(tmp_path, make_splats, seed, count, degree, size):
    splats = make_splats(seed, count, degree)
    splats = Splats(splats.means.clip(-4, 4) * size, *list(vars(splats).values())[1:])
    write_splats(tmp_path / "scene.spz", splats)
    read = read_splats(tmp_path / "scene.spz")
    reach = float(splats.means.abs().max())
    step = max(2.0**-17, 2.0 ** (np.ceil(np.log2(reach)) - 24) if reach > 0 else 0)
    assert float((read.means - splats.means).abs().max()) <= step * 1.01 + 1e-7 * reach
    assert torch.allclose(read.log_scales, splats.log_scales.clip(-10, 255 / 16 - 10), atol=1 / 32 + 1e-5)
    assert np.degrees(angles(read.quats, splats.quats).max()) <= 0.3
    assert float((read.opacities - splats.opacities).abs().max()) <= 1 / 510 + 1e-6
    assert torch.allclose(read.sh[:, :1], splats.sh[:, :1], atol=1 / 76)
    assert torch.allclose(read.sh[:, 1:], splats.sh[:, 1:].clip(-1, 127 / 128), atol=1 / 256 + 1e-6)


@given(st.integers(0, 10**6), st.integers(0, 3))
@ANY_TMP
def test_writing_again_what_was_read_changes_nothing(tmp_path, make_splats, seed, degree):
    write_splats(tmp_path / "one.spz", make_splats(seed, 20, degree))
    first = read_splats(tmp_path / "one.spz")
    write_splats(tmp_path / "two.spz", first)
    second = read_splats(tmp_path / "two.spz")
    for name in ("means", "log_scales", "opacity_logits", "sh"):
        assert torch.equal(getattr(first, name), getattr(second, name)), name
    # q and -q are one rotation; where two components are about the largest, either may be the one that is left out
    between = 2 * (first.quats * second.quats).sum(1).abs().clamp(max=1).arccos()
    assert float(between.max()) < 4e-3


@given(st.integers(0, 10**6), st.integers(0, 3))
@settings(deadline=None, max_examples=20)
def test_the_turn_between_frames_is_a_rotation(make_splats, seed, degree):
    splats = make_splats(seed, 6, degree)
    turned, reference = turned_about_x(splats), transform(splats, TURN)
    assert torch.equal(turned.means, reference.means)
    directions = torch.nn.functional.normalize(torch.randn(20, 3, generator=torch.Generator().manual_seed(seed)), dim=1)
    colors = [torch.einsum("dk,nkc->ndc", sh_basis(directions, degree), one.sh) for one in (turned, reference)]
    assert torch.allclose(*colors, atol=1e-5)
    axes = [
        Rotation.from_quat(np.roll(one.quats.numpy(), -1, axis=1)).as_matrix() * one.scales.numpy()[:, None]
        for one in (turned, reference)
    ]
    covariances = [a @ a.transpose(0, 2, 1) for a in axes]
    assert np.allclose(*covariances, rtol=1e-4, atol=1e-8)
    again = turned_about_x(turned)
    assert all(torch.equal(one, other) for one, other in zip(vars(splats).values(), vars(again).values(), strict=True))


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("degree", range(4))
def test_gsply_writes_and_reads_the_same(tmp_path, make_splats, version, degree):
    gsply = pytest.importorskip("gsply")
    splats = make_splats(degree, 40, degree)
    write_splats(tmp_path / "scene.ply", splats)
    gsply.write_spz(tmp_path / "theirs.spz", gsply.plyread(tmp_path / "scene.ply"), version=version)
    write_splats(tmp_path / "ours.spz", splats)
    for name in ("theirs.spz", "ours.spz"):
        # gsply leaves the scene in the file's own frame
        ours, theirs = turned_about_x(read_splats(tmp_path / name)), gsply.read_spz(tmp_path / name)
        assert np.allclose(ours.means, theirs.means, atol=1e-6)
        assert np.array_equal(ours.log_scales, theirs.scales)
        assert np.allclose(ours.quats, theirs.quats, atol=1e-6)
        assert np.allclose(ours.opacities, 1 / (1 + np.exp(-theirs.opacities)), atol=0.25 / 255)
        assert np.allclose(ours.sh[:, 0], theirs.sh0, atol=1e-5)
        assert ours.sh_degree == degree
        assert degree == 0 or np.array_equal(ours.sh[:, 1:], theirs.shN)


def packed(version: int, rotations: bytes, magic: int = 0x5053474E, flags: int = 0, tail: bytes = b"") -> bytes:
    """Two Gaussians, spelled out by the format's description."""
    header = struct.pack("<IIIBBBB", magic, version, 2, 0, 4, flags, 0)
    positions = b"\x10\x00\x00\xf8\xff\xff\x00\x00\x80" + b"\x01\x00\x00" * 3
    return gzip.compress(
        header + positions + bytes([255, 51]) + bytes([255, 0, 128] * 2) + bytes([160] * 6) + rotations + tail
    )


def test_version_2_by_its_description(tmp_path):
    (tmp_path / "scene.spz").write_bytes(packed(2, bytes([255, 127, 128, 128, 255, 127])))
    splats = read_splats(tmp_path / "scene.spz")
    # y and z are turned: the file has y up
    assert splats.means.tolist() == [[1.0, 0.5, 524288.0], [0.0625, -0.0625, -0.0625]]
    assert splats.log_scales.tolist() == [[0.0] * 3] * 2
    assert splats.opacities[1].item() == pytest.approx(0.2)
    assert splats.sh[0, 0].tolist() == pytest.approx([10 / 3, -10 / 3, 0.5 / 38.25])
    turned = torch.tensor([[0.0, 1, 0, 0], [0, 0, -1, 0]])
    assert np.degrees(angles(splats.quats, turned).max()) < 1


def test_extensions_after_the_gaussians_are_passed_over(tmp_path):
    rotations = struct.pack("<II", 3 << 30, 0 << 30 | 511 << 20)
    (tmp_path / "plain.spz").write_bytes(packed(3, rotations))
    (tmp_path / "more.spz").write_bytes(packed(3, rotations, flags=2, tail=b"\x02\x00\xbe\xad\x04\x00\x00\x00abcd"))
    plain, more = read_splats(tmp_path / "plain.spz"), read_splats(tmp_path / "more.spz")
    assert all(torch.equal(one, other) for one, other in zip(vars(plain).values(), vars(more).values(), strict=True))
    assert plain.quats[0].tolist() == [1, 0, 0, 0]


def test_a_scene_too_large_for_the_format_is_refused(tmp_path, make_splats):
    splats = make_splats(0)
    with pytest.raises(DataError, match="4 million"):
        write_splats(tmp_path / "scene.spz", Splats(splats.means * 1e9, *list(vars(splats).values())[1:]))
    assert list(tmp_path.iterdir()) == []


def described(version: int, degree: int, positions: bytes, rotations: bytes, harmonics: np.ndarray) -> bytes:
    """Two Gaussians, by the format's description."""
    head = struct.pack("<IIIBBBB", 0x5053474E, version, 2, degree, 12, 1, 0)
    others = bytes([128, 255]) + bytes([200, 100, 50] * 2) + bytes([96] * 6)
    return gzip.compress(head + positions + others + rotations + harmonics.astype("u1").tobytes())


def test_version_1_has_halves_for_positions(tmp_path):
    places = np.array([[0.5, -1.25, 3.0], [100.0, 0.0, -7.5]])
    content = described(1, 0, places.astype("<f2").tobytes(), bytes([128] * 6), np.empty(0))
    (tmp_path / "scene.spz").write_bytes(content)
    splats = read_splats(tmp_path / "scene.spz")
    assert np.array_equal(splats.means.numpy(), places * [1, -1, -1])
    assert np.allclose(splats.log_scales, -4)


def test_harmonics_of_degree_four_are_left_out_and_that_is_said(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (2, 24, 3))
    for degree in (3, 4):
        count = (degree + 1) ** 2 - 1
        content = described(3, degree, bytes(18), bytes(8), values[:, :count])
        (tmp_path / f"{degree}.spz").write_bytes(content)
    three, four = read_file(tmp_path / "3.spz"), read_file(tmp_path / "4.spz")
    assert torch.equal(three.splats.sh, four.splats.sh)
    assert four.antialiased
    assert not three.notes
    assert "degree 4" in four.notes[0]
