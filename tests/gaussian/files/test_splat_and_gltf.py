from __future__ import annotations

import json
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from editor3d.srgb import to_linear
from gaussian.files import read_splats, write_splats
from gaussian.splats import SH_C0

ANY_TMP = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def colors(splats) -> torch.Tensor:
    return (0.5 + SH_C0 * splats.sh[:, 0]).clip(0, 1)


@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(0, 3), st.floats(0.1, 30))
@ANY_TMP
def test_splat_files_keep_what_they_can(tmp_path, make_splats, seed, count, degree, contrast):
    splats = make_splats(seed, count, degree)
    splats = replace(splats, log_scales=splats.log_scales * contrast, sh=splats.sh * contrast)
    write_splats(tmp_path / "scene.splat", splats)
    assert (tmp_path / "scene.splat").stat().st_size == 32 * count
    read = read_splats(tmp_path / "scene.splat")
    assert torch.equal(read.means, splats.means)
    assert torch.allclose(read.log_scales, splats.log_scales.clip(-87.3, 88.7), atol=0.05, rtol=1e-5)
    inside = splats.log_scales.abs() < 87
    assert torch.allclose(read.log_scales[inside], splats.log_scales[inside], atol=1e-5)
    assert float((colors(read) - colors(splats)).abs().max()) <= 1 / 510 + 1e-6
    assert float((read.opacities - splats.opacities).abs().max()) <= 1 / 510 + 1e-6
    one, other = (Rotation.from_quat(np.roll(q.numpy(), -1, axis=1)) for q in (read.quats, splats.quats))
    assert np.degrees((one.inv() * other).magnitude().max()) <= 1.0
    assert read.sh_degree == 0


def test_a_splat_file_by_its_description(tmp_path):
    row = struct.pack("<6f8B", 1, -2, 3, 1, 2.718281828, 0.5, 255, 0, 128, 51, 128, 255, 128, 128)
    (tmp_path / "scene.splat").write_bytes(row)
    splats = read_splats(tmp_path / "scene.splat")
    assert splats.means.tolist() == [[1, -2, 3]]
    assert splats.log_scales[0].tolist() == pytest.approx([0, 1, np.log(0.5)])
    assert colors(splats)[0].tolist() == pytest.approx([1, 0, 128 / 255], abs=1e-6)
    assert splats.opacities.item() == pytest.approx(0.2)
    assert splats.quats[0].tolist() == pytest.approx([0, 127 / 128, 0, 0])


@pytest.mark.parametrize("degree", range(4))
def test_glb_holds_the_gaussians_exactly(tmp_path, make_splats, degree):
    splats = make_splats(degree, 7, degree)
    write_splats(tmp_path / "scene.glb", splats)
    content = (tmp_path / "scene.glb").read_bytes()
    magic, version, length, text_length, text_kind = struct.unpack_from("<4sII I4s", content)
    assert (magic, version, length, text_kind) == (b"glTF", 2, len(content), b"JSON")
    model = json.loads(content[20 : 20 + text_length])
    data_length, data_kind = struct.unpack_from("<I4s", content, 20 + text_length)
    data = content[28 + text_length :]
    assert (data_kind, data_length, model["buffers"][0]["byteLength"]) == (b"BIN\0", len(data), len(data))
    assert text_length % 4 == data_length % 4 == 0

    primitive = model["meshes"][0]["primitives"][0]
    assert model["extensionsUsed"] == ["KHR_gaussian_splatting"]
    assert primitive["mode"] == 0
    assert primitive["extensions"]["KHR_gaussian_splatting"]["kernel"] == "ellipse"

    def values(name: str) -> np.ndarray:
        accessor = model["accessors"][primitive["attributes"][name]]
        view = model["bufferViews"][accessor["bufferView"]]
        kind, columns = (
            {5126: "<f4", 5123: "<u2"}[accessor["componentType"]],
            int(accessor["type"][-1:].replace("R", "1")),
        )
        return np.frombuffer(data, kind, 7 * columns, view["byteOffset"]).reshape(7, columns)

    turn = np.array([-1, -1, 1], np.float32)  # y up, z to the front
    assert np.array_equal(values("POSITION"), splats.means.numpy() * turn)
    position = model["accessors"][primitive["attributes"]["POSITION"]]
    assert np.array_equal(np.float32(position["min"]), values("POSITION").min(0))
    assert np.array_equal(np.float32(position["max"]), values("POSITION").max(0))
    assert np.allclose(np.linalg.norm(values("KHR_gaussian_splatting:ROTATION"), axis=1), 1)
    axes = Rotation.from_quat(values("KHR_gaussian_splatting:ROTATION")).as_matrix()
    axes = axes * values("KHR_gaussian_splatting:SCALE")[:, None]
    before = Rotation.from_quat(np.roll(splats.quats.numpy(), -1, axis=1)).as_matrix() * splats.scales.numpy()[:, None]
    before = turn[:, None] * before
    assert np.allclose(axes @ axes.transpose(0, 2, 1), before @ before.transpose(0, 2, 1), rtol=1e-4, atol=1e-8)
    assert np.array_equal(values("KHR_gaussian_splatting:OPACITY")[:, 0], splats.opacities.numpy())
    assert np.array_equal(values("KHR_gaussian_splatting:SH_DEGREE_0_COEF_0"), splats.sh[:, 0].numpy())
    coefficients = [name for name in primitive["attributes"] if "_COEF_" in name]
    assert len(coefficients) == (degree + 1) ** 2
    for name in coefficients:
        band, index = int(name.split("_")[-3]), int(name.split("_")[-1])
        assert np.array_equal(np.abs(values(name)), splats.sh[:, band**2 + index].abs().numpy())
    linear = values("COLOR_0")[:, :3] / 65535
    assert np.abs(linear - to_linear(colors(splats).double().numpy())).max() <= 1 / 131070 + 1e-6
    assert np.abs(values("COLOR_0")[:, 3] / 65535 - splats.opacities.numpy()).max() <= 1 / 131070 + 1e-6

    points = next(iter(trimesh.load(tmp_path / "scene.glb").geometry.values()))
    assert np.allclose(points.vertices, splats.means.numpy() * turn)
