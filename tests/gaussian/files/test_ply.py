from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gaussian.files import read_splats, write_splats
from gaussian.splats import Splats

ANY_TMP = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def same_bits(one: Splats, other: Splats) -> bool:
    return all(
        torch.equal(getattr(one, field.name).view(torch.int32), getattr(other, field.name).view(torch.int32))
        for field in fields(Splats)
    )


def any_bits(seed: int, *shape: int) -> torch.Tensor:
    """Every float32 bit pattern that can be drawn, whatever it is of: negative zeros, denormals, up to 40."""
    bits = np.random.default_rng(seed).integers(0, 2**32, shape, dtype=np.uint32).view(np.float32)
    return torch.from_numpy(np.where(np.isfinite(bits) & (np.abs(bits) < 40), bits, np.float32(-0.0)))


def columns_of(splats: Splats) -> dict[str, np.ndarray]:
    """What the properties of the standard .ply hold, spelled out one by one."""
    n, k = splats.sh.shape[:2]
    rest = {f"f_rest_{c * (k - 1) + i}": splats.sh[:, 1 + i, c].numpy() for c in range(3) for i in range(k - 1)}
    return {
        **{name: splats.means[:, i].numpy() for i, name in enumerate("xyz")},
        **{f"n{name}": np.zeros(n, np.float32) for name in "xyz"},
        **{f"f_dc_{i}": splats.sh[:, 0, i].numpy() for i in range(3)},
        **{f"f_rest_{i}": rest[f"f_rest_{i}"] for i in range(len(rest))},
        "opacity": splats.opacity_logits.numpy(),
        **{f"scale_{i}": splats.log_scales[:, i].numpy() for i in range(3)},
        **{f"rot_{i}": splats.quats[:, i].numpy() for i in range(4)},
    }


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(0, 3))
@ANY_TMP
def test_what_is_read_has_the_bits_that_were_written(tmp_path, seed, count, degree):
    shapes = [(count, 3), (count, 3), (count, 4), (count,), (count, (degree + 1) ** 2, 3)]
    splats = Splats(*(any_bits(seed + i, *shape) for i, shape in enumerate(shapes)))
    splats = replace(splats, quats=torch.where(splats.quats.abs() < 1e-9, torch.tensor(1.0), splats.quats))
    write_splats(tmp_path / "scene.ply", splats)
    assert same_bits(read_splats(tmp_path / "scene.ply"), splats)


def test_more_rows_than_are_written_at_once(tmp_path, make_splats):
    splats = make_splats(0, 70_000, 0)
    write_splats(tmp_path / "scene.ply", splats)
    assert same_bits(read_splats(tmp_path / "scene.ply"), splats)


@pytest.mark.parametrize("degree", range(4))
def test_the_file_is_the_one_that_the_original_code_writes(tmp_path, make_splats, degree):
    splats = make_splats(degree, 3, degree)
    write_splats(tmp_path / "scene.ply", splats)
    head, body = (tmp_path / "scene.ply").read_bytes().split(b"end_header\n", 1)
    columns = columns_of(splats)
    assert head.decode().splitlines() == [
        "ply",
        "format binary_little_endian 1.0",
        "element vertex 3",
        *(f"property float {name}" for name in columns),
    ]
    assert np.array_equal(np.frombuffer(body, "<f4").reshape(3, -1), np.stack(list(columns.values()), 1))


@given(st.data(), st.sampled_from(["ascii", "binary_little_endian", "binary_big_endian"]), st.integers(0, 3))
@ANY_TMP
def test_layouts_of_other_programs_are_read(tmp_path, make_splats, data, encoding, degree):
    splats = make_splats(degree, 4, degree)
    columns = columns_of(splats)
    kinds = dict.fromkeys(columns, "float")
    for name in data.draw(st.sets(st.sampled_from(list(columns)))):
        kinds[name] = "double"
    columns |= {"label": np.arange(4) * 60, "confidence": np.ones(4)}
    kinds |= {"label": "uchar", "confidence": "int32"}
    if data.draw(st.booleans()):
        for name in ("nx", "ny", "nz"):
            del columns[name]
    order = data.draw(st.permutations(list(columns)))
    newline = data.draw(st.sampled_from(["\n", "\r\n"]))

    lines = ["ply", f"format {encoding} 1.0", "comment end_header is not here", "obj_info made by hand"]
    lines += ["element camera 2", "property float fov", "property short id", "element vertex 4"]
    lines += [f"property {kinds[name]} {name}" for name in order]
    lines += ["element face 1", "property list uchar int vertex_indices", "end_header", ""]
    content = newline.join(lines).encode()
    codes = {"float": "f4", "double": "f8", "uchar": "u1", "int32": "i4"}
    if encoding == "ascii":
        rows = ["1.5 1", "2 2"] + [" ".join(repr(columns[name][i].item()) for name in order) for i in range(4)]
        content += newline.join([*rows, "3 0 1 2", ""]).encode()
    else:
        byte_order = "<" if "little" in encoding else ">"
        content += np.zeros(2, [("fov", byte_order + "f4"), ("id", byte_order + "i2")]).tobytes()
        rows = np.empty(4, [(name, byte_order + codes[kinds[name]]) for name in order])
        for name in order:
            rows[name] = columns[name]
        content += rows.tobytes() + b"\x03" + bytes(12)
    (tmp_path / "scene.PLY").write_bytes(content)
    assert same_bits(read_splats(tmp_path / "scene.PLY"), splats)


def test_gsply_reads_the_same(tmp_path, make_splats):
    gsply = pytest.importorskip("gsply")
    splats = make_splats(1, 50)
    write_splats(tmp_path / "scene.ply", splats)
    other = gsply.plyread(tmp_path / "scene.ply")
    assert np.array_equal(other.means, splats.means.numpy())
    assert np.array_equal(other.scales, splats.log_scales.numpy())
    assert np.array_equal(other.quats, splats.quats.numpy())
    assert np.array_equal(other.opacities, splats.opacity_logits.numpy())
    assert np.array_equal(other.sh0, splats.sh[:, 0].numpy())
    assert np.array_equal(other.shN, splats.sh[:, 1:].numpy())


@pytest.mark.parametrize("degree", [0, 1, 3])
def test_compressed_files_are_unpacked(tmp_path, make_splats, degree):
    """The file is packed by gsply; the differences are those of its steps: 10 bits within a chunk, 8 for colours."""
    gsply = pytest.importorskip("gsply")
    splats = make_splats(degree, 600, degree)
    write_splats(tmp_path / "plain.ply", splats)
    gsply.plywrite(tmp_path / "packed.ply", gsply.plyread(tmp_path / "plain.ply"), compressed=True)
    (tmp_path / "packed.compressed.ply").rename(tmp_path / "packed.ply")
    packed, reference = read_splats(tmp_path / "packed.ply"), gsply.plyread(tmp_path / "packed.ply")
    assert packed.sh_degree == degree
    assert np.allclose(packed.means, reference.means, atol=1e-5)
    assert np.allclose(packed.log_scales, reference.scales, atol=1e-5)
    assert np.allclose(packed.quats, reference.quats, atol=1e-6)
    assert np.allclose(packed.sh[:, 0], reference.sh0, atol=1e-5)
    assert np.allclose(packed.sh[:, 1:], reference.shN, atol=1e-6)

    # gsply sorts the Gaussians along a curve
    order = np.linalg.norm(packed.means[:, None] - splats.means[None], axis=2).argmin(1)
    assert len(set(order)) == 600
    assert np.abs(packed.means - splats.means[order]).max() <= np.ptp(splats.means.numpy(), axis=0).max() / 1023
    assert np.abs(packed.opacities - splats.opacities[order]).max() <= 0.5 / 255 + 1e-5
    assert np.abs(packed.sh[:, 1:] - splats.sh[order][:, 1:]).max() <= 8 / 255 if degree else True
