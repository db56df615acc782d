"""What is written is read back to the stated precision, with its tag of anti-aliasing and its place."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from editor3d.errors import DataError
from gaussian.files import read_file, read_splats, write_splats
from gaussian.files.contents import SplatFile
from gaussian.files.sog.palette import codebook, nearest, sets_of
from gaussian.splats import Splats, select, transform


def degrees_apart(one: Splats, other: Splats) -> float:
    a, b = (torch.nn.functional.normalize(s.quats.double(), dim=1) for s in (one, other))
    b = b * (a * b).sum(1, keepdim=True).sign()
    return float(torch.rad2deg(4 * torch.atan2((a - b).norm(dim=1), (a + b).norm(dim=1))).max())


def in_order_of(splats: Splats, other: Splats) -> Splats:
    """`other`, which may be sorted otherwise, in the order of `splats`."""
    order = torch.cdist(splats.means.double(), other.means.double()).argmin(1)
    assert len(order.unique()) == len(splats)
    return select(other, order)


def spread(make_splats, count: int, degree: int) -> Splats:
    """Gaussians that a coarse lattice of positions cannot mistake for each other."""
    splats = make_splats(degree, count, degree)
    side = int(np.ceil(count ** (1 / 3)))
    cells = torch.cartesian_prod(*[torch.arange(side).float()] * 3)[:count]
    return replace(splats, means=cells + 0.3 * torch.tanh(splats.means))


PRECISION = {  # of centres, log scales, degrees, opacities, constant and higher harmonics
    ".compressed.ply": (0.01, 0.01, 0.3, 1 / 510, 0.01, 1 / 64),
    ".spz": (2**-17, 1 / 32, 0.3, 1 / 510, 1 / 76, 1 / 256),
    ".sog": (0.001, 0.1, 1.0, 1 / 510, 0.02, 0.02),
    ".glb": (0.0, 1e-6, 0.1, 1e-6, 0.0, 0.0),
}


@pytest.mark.parametrize("degree", [0, 1, 3])
@pytest.mark.parametrize("suffix", PRECISION)
def test_what_is_written_is_read_to_its_precision(tmp_path, make_splats, suffix, degree):
    splats = spread(make_splats, 700, degree)
    write_splats(tmp_path / f"scene{suffix}", SplatFile(splats, antialiased=True))
    contents = read_file(tmp_path / f"scene{suffix}")
    assert contents.antialiased == (suffix != ".glb")
    read = in_order_of(splats, contents.splats)
    means, scales, turned, opacities, constant, higher = (one * 1.01 + 1e-9 for one in PRECISION[suffix])
    assert float((read.means - splats.means).abs().max()) <= means
    assert float((read.log_scales - splats.log_scales).abs().max()) <= scales
    assert degrees_apart(splats, read) <= turned
    assert float((read.opacities - splats.opacities).abs().max()) <= opacities
    assert float((read.sh[:, 0] - splats.sh[:, 0]).abs().max()) <= constant
    assert read.sh_degree == degree
    assert degree == 0 or float((read.sh[:, 1:] - splats.sh[:, 1:]).abs().max()) <= higher


@pytest.mark.parametrize("version", [3, 4])
def test_both_versions_of_spz_hold_the_same(tmp_path, make_splats, version):
    splats = make_splats(5, 30)
    write_splats(tmp_path / "scene.spz", SplatFile(splats, antialiased=True), spz_version=version)
    write_splats(tmp_path / "other.spz", splats)
    contents = read_file(tmp_path / "scene.spz")
    assert contents.antialiased
    other = read_splats(tmp_path / "other.spz")
    assert all(torch.equal(values, other.tensors[name]) for name, values in contents.splats.tensors.items())
    assert ((tmp_path / "scene.spz").read_bytes()[:4] == b"NGSP") == (version == 4)


def test_a_compressed_ply_is_smaller_than_a_third(tmp_path, make_splats):
    splats = make_splats(1, 2000, 3)
    for name in ("scene.ply", "scene.compressed.ply"):
        write_splats(tmp_path / name, splats)
    assert (tmp_path / "scene.compressed.ply").stat().st_size < (tmp_path / "scene.ply").stat().st_size / 3
    (tmp_path / "scene.compressed.ply").rename(tmp_path / "other.ply")  # known by its header, too
    assert len(read_splats(tmp_path / "other.ply")) == 2000


def test_numbers_for_many_are_those_of_few_and_near_to_many():
    few = np.float32([3.0, -1.0, 3.0, 2.0])
    assert set(codebook(few)) == {-1.0, 2.0, 3.0}
    many = np.random.default_rng(0).normal(size=20_000).astype(np.float32)
    numbers = codebook(many)
    assert (np.diff(numbers) >= 0).all()
    even = np.linspace(many.min(), many.max(), 256, dtype=np.float32)
    errors = [((book[nearest(book, many)] - many) ** 2).mean() for book in (numbers, even)]
    assert errors[0] < 0.75 * errors[1]
    vectors = np.random.default_rng(1).normal(size=(3000, 9)).astype(np.float32)
    exact, labels = sets_of(np.repeat(vectors[:50], 3, 0), 64)
    assert np.array_equal(exact[labels], np.repeat(vectors[:50], 3, 0))
    sets, labels = sets_of(vectors, 256)
    assert len(sets) <= 256
    assert ((sets[labels] - vectors) ** 2).mean() < 0.7 * vectors.var()


def glb_of(path: Path, change) -> None:
    """Writes a .glb over with its description changed."""
    data = path.read_bytes()
    (size,) = struct.unpack_from("<I", data, 12)
    model = json.loads(data[20 : 20 + size])
    change(model)
    text = json.dumps(model).encode()
    text += b" " * (-len(text) % 4)
    rest = data[20 + size :]
    head = struct.pack("<4sIII4s", b"glTF", 2, 20 + len(text) + len(rest), len(text), b"JSON")
    path.write_bytes(head + text + rest)


def test_gltf_is_read_where_its_nodes_put_it(tmp_path, make_splats):
    splats = make_splats(2, 12)
    path = tmp_path / "scene.glb"
    write_splats(path, splats)

    def place(model):
        model["nodes"] = [
            {"children": [1], "scale": [2, 2, 2]},
            {"mesh": 0, "rotation": [0, 0.5**0.5, 0, 0.5**0.5], "translation": [1, 2, 3]},
        ]

    glb_of(path, place)
    # about glTF's y, which is a .ply's -y, by 90 degrees; then twice as large
    turn = torch.tensor([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])
    wanted = transform(splats, torch.cat([2 * turn, torch.tensor([[-2.0], [-4.0], [6.0]])], 1))
    read = read_splats(path)
    assert torch.allclose(read.means, wanted.means, atol=1e-5)
    assert torch.allclose(read.log_scales, wanted.log_scales, atol=1e-5)
    assert torch.allclose(read.sh, wanted.sh, atol=1e-5)
    assert degrees_apart(read, wanted) < 0.1


def broken(**said):
    def change(model):
        primitive = model["meshes"][0]["primitives"][0]
        for name, value in said.items():
            match name:
                case "accessor":
                    model["accessors"][1].update(value)
                case "node":
                    model["nodes"][0].update(value)
                case "extension":
                    primitive["extensions"]["KHR_gaussian_splatting"].update(value)
                case "view":
                    model["bufferViews"][1].update(value)
                case _:
                    primitive.update({name: value})

    return change


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (broken(accessor={"count": 1 << 40}), "cut short"),
        (broken(accessor={"componentType": 5125}), "does not allow"),
        (broken(accessor={"type": "MAT4"}), "is 5 of"),
        (broken(accessor={"bufferView": 99}), "part of the data"),
        (broken(accessor={"sparse": {}}), "sparse"),
        (broken(view={"byteOffset": 1 << 30}), "cut short"),
        (broken(view={"byteStride": -4}), "lies at"),
        (broken(node={"children": [0]}), "circle"),
        (broken(node={"scale": [1, 2, 1]}), "alike in all directions"),
        (broken(node={"rotation": [0, 0, 0, "x"]}), "numbers as rotation"),
        (broken(node={"translation": [10**400, 0, 0]}), "numbers as translation"),
        (broken(mode=4), "mode 0"),
        (broken(extension={"kernel": "customShape"}), "kernel ellipse"),
        (broken(extension={"colorSpace": "lin_rec709_display"}), "srgb_rec709_display"),
        (broken(extension={"extensions": {"KHR_gaussian_splatting_compression_spz_2": {}}}), "without compression"),
        (broken(extensions={}), "editor3d mesh style"),
        (broken(attributes={"POSITION": 0}), "lack KHR_gaussian_splatting:ROTATION"),
    ],
)
def test_gltf_that_lies_is_refused(tmp_path, make_splats, change, match):
    path = tmp_path / "scene.glb"
    write_splats(path, make_splats(0))
    glb_of(path, change)
    with pytest.raises(DataError, match=match) as caught:
        read_splats(path)
    assert str(path) in str(caught.value)


def test_quantised_attributes_are_read(tmp_path, make_splats):
    splats = make_splats(3, 8, 0)
    path = tmp_path / "scene.glb"
    write_splats(path, splats)
    data = path.read_bytes()
    (size,) = struct.unpack_from("<I", data, 12)
    model = json.loads(data[20 : 20 + size])
    binary = bytearray(data[28 + size :])
    names = model["meshes"][0]["primitives"][0]["attributes"]
    accessor = model["accessors"][names["KHR_gaussian_splatting:OPACITY"]]
    start = model["bufferViews"][accessor["bufferView"]]["byteOffset"]
    opacities = np.rint(splats.opacities.numpy() * 65535).astype("<u2")
    binary[start : start + 32] = np.repeat(opacities, 2).tobytes()  # a stride of four bytes
    path.write_bytes(data[: 28 + size] + bytes(binary))

    def quantise(model):
        model["accessors"][names["KHR_gaussian_splatting:OPACITY"]].update(componentType=5123, normalized=True)
        model["bufferViews"][accessor["bufferView"]]["byteStride"] = 4

    glb_of(path, quantise)
    assert float((read_splats(path).opacities - splats.opacities).abs().max()) <= 1 / 131070 + 1e-6
