from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from editor3d.errors import RegionError
from editor3d.regions import Box, Intersection, Invert, Sphere, Union, from_json, parse_region
from editor3d.types import Region, Shape

QUICK = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
coordinates = st.floats(-3, 3, width=32)
sizes = st.floats(0.125, 3, width=32)
vectors = st.tuples(coordinates, coordinates, coordinates)
quaternions = st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: math.hypot(*q) > 0.1)
boxes = st.builds(Box, vectors, st.tuples(sizes, sizes, sizes), quaternions)
spheres = st.builds(Sphere, vectors, sizes)
shapes = boxes | spheres
regions = st.recursive(
    shapes,
    lambda parts: (
        st.builds(Invert, parts)
        | st.builds(lambda a, b: Union(a, b), parts, parts)
        | st.builds(lambda a, b: Intersection(a, b), parts, parts)
    ),
    max_leaves=3,
)


@pytest.fixture(scope="module")
def points() -> torch.Tensor:
    return torch.rand(4, 25, 3, generator=torch.Generator().manual_seed(0)) * 8 - 4


def rotation_of(quaternion: tuple[float, ...]) -> Rotation:
    return Rotation.from_quat(np.roll(quaternion, -1))


@given(regions)
@QUICK
def test_one_answer_a_point(points, region):
    assert isinstance(region, Shape)
    inside = region.contains(points)
    assert inside.shape == (4, 25)
    assert inside.dtype == torch.bool
    assert torch.equal(inside.flatten(), region.contains(points.reshape(-1, 3)))
    assert region.contains(torch.empty(0, 3)).shape == (0,)
    assert region.contains(torch.zeros(3)).shape == ()


@given(regions, regions, regions)
@QUICK
def test_the_laws_of_sets(points, a, b, c):
    def same(one: Region, other: Region) -> bool:
        return torch.equal(one.contains(points), other.contains(points))

    assert same(Union(a, b), Union(b, a))
    assert same(Intersection(a, b), Intersection(b, a))
    assert same(Union(a, Union(b, c)), Union(a, b, c))
    assert same(Intersection(a, Intersection(b, c)), Intersection(a, b, c))
    assert same(Intersection(a, Union(b, c)), Union(Intersection(a, b), Intersection(a, c)))
    assert same(Invert(Union(a, b)), Intersection(Invert(a), Invert(b)))
    assert same(Invert(Intersection(a, b)), Union(Invert(a), Invert(b)))
    assert same(Invert(Invert(a)), a)
    assert same(Union(a), a)
    assert same(Union(a, Intersection(a, b)), a)
    assert Union(a, Invert(a)).contains(points).all()
    assert not Intersection(a, Invert(a)).contains(points).any()
    assert (a.contains(points) <= Union(a, b).contains(points)).all()


@given(boxes)
@QUICK
def test_a_box_is_six_half_spaces(points, box):
    axes = rotation_of(box.rotation).as_matrix().T
    distances = np.abs((points.double().numpy() - box.center) @ axes.T) - box.half_extents
    clear = np.abs(distances).min(-1) > 1e-9
    assert np.array_equal(box.contains(points).numpy()[clear], (distances <= 0).all(-1)[clear])


@given(spheres)
@QUICK
def test_a_sphere_is_what_is_near(points, sphere):
    distance = np.linalg.norm(points.double().numpy() - sphere.center, axis=-1)
    clear = np.abs(distance - sphere.radius) > 1e-9
    assert np.array_equal(sphere.contains(points).numpy()[clear], (distance <= sphere.radius)[clear])


@given(boxes, spheres, quaternions, vectors)
@QUICK
def test_what_moves_with_its_points_contains_the_same(points, box, sphere, quaternion, offset):
    turn = rotation_of(quaternion)

    def moved(vector) -> tuple[float, ...]:
        return tuple(turn.apply(vector) + offset)

    both = np.roll((turn * rotation_of(box.rotation)).as_quat(), 1)
    pairs = [
        (box, Box(moved(box.center), box.half_extents, tuple(both))),
        (sphere, Sphere(moved(sphere.center), sphere.radius)),
    ]
    there = torch.tensor(turn.apply(points.double().numpy().reshape(-1, 3)) + offset)
    for before, after in pairs:
        assert torch.equal(before.contains(points.reshape(-1, 3)), after.contains(there))


@given(vectors, st.tuples(sizes, sizes, sizes), quaternions, st.floats(0.1, 10))
@QUICK
def test_a_quaternion_and_its_multiples_are_one_rotation(points, center, half, quaternion, factor):
    one = Box(center, half, quaternion)
    other = Box(center, half, tuple(-factor * component for component in quaternion))
    assert math.hypot(*one.rotation) == pytest.approx(1)
    assert np.allclose(one.rotation, [-component for component in other.rotation])
    assert torch.equal(one.contains(points), other.contains(points))


@given(vectors, st.tuples(sizes, sizes, sizes))
@QUICK
def test_faces_belong_to_an_upright_box(center, half):
    corners = torch.tensor(center) + torch.tensor(half) * (torch.cartesian_prod(*[torch.arange(2)] * 3) * 2 - 1)
    exact = (corners.double() - torch.tensor(center).double()).abs() == torch.tensor(half).double()
    assert Box(center, half).contains(corners)[exact.all(-1)].all()
    assert Box(center, half).contains(torch.tensor(center))
    assert not Box(center, half).contains(torch.tensor(center) + 2 * torch.tensor(half)).any()


@given(regions)
@QUICK
def test_json_says_everything(tmp_path, region):
    assert from_json(json.loads(json.dumps(region.to_json(), allow_nan=False))) == region
    (tmp_path / "region.json").write_text(json.dumps(region.to_json()))
    assert parse_region(str(tmp_path / "region.json")) == region


def test_what_users_type():
    assert parse_region("box:1,-2,3.5,0.1,.2,3e-1") == Box((1, -2, 3.5), (0.1, 0.2, 0.3))
    assert parse_region(" Sphere: 0, 0, 1, 2 ") == Sphere((0, 0, 1), 2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "box",
        "cone:0,0,0,1",
        "box:0,0,0,1,1",
        "box:0,0,0,1,1,1,1",
        "box:0,0,0,1,1,x",
        "box:0,0,0,1,1,",
        "box:0,0,0,1,1,0",
        "box:0,0,0,1,1,-1",
        "box:0,0,nan,1,1,1",
        "sphere:0,0,0",
        "sphere:0,0,0,-1",
        "sphere:0,0,0,inf",
        "missing.json",
    ],
)
def test_what_is_no_region_is_refused(text):
    with pytest.raises(RegionError, match=r"expected|Expected"):
        parse_region(text)


SPHERE = {"type": "sphere", "center": [0, 0, 0], "radius": 1}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "sphere",
        {},
        {"type": "cone"},
        {"type": ["box"]},
        {"type": "sphere", "center": [0, 0, 0]},
        {**SPHERE, "colour": "red"},
        {**SPHERE, "radius": "1"},
        {**SPHERE, "radius": True},
        {**SPHERE, "radius": 10**400},
        {**SPHERE, "radius": float("nan")},
        {**SPHERE, "center": "000"},
        {**SPHERE, "center": [0, 0]},
        {**SPHERE, "center": [0, 0, None]},
        {**SPHERE, "center": None},
        {"type": "box", "center": [0, 0, 0], "half_extents": [1, 1, 0]},
        {"type": "box", "center": [0, 0, 0], "half_extents": [1, 1, 1], "rotation": [0, 0, 0, 0]},
        {"type": "box", "center": [0, 0, 0], "half_extents": [1, 1, 1], "rotation": [1e308] * 4},
        {"type": "union", "regions": []},
        {"type": "union", "regions": {"a": SPHERE}},
        {"type": "intersection", "regions": [SPHERE, 3]},
        {"type": "invert", "region": [SPHERE]},
    ],
)
def test_json_that_is_no_region_is_refused(value, tmp_path):
    with pytest.raises(RegionError):
        from_json(value)
    (tmp_path / "region.json").write_text(json.dumps(value))
    with pytest.raises(RegionError, match=r"region\.json"):
        parse_region(str(tmp_path / "region.json"))


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[" * 10**5, b" " * (1 << 20) + b"{}", b'{"type": "invert", "region": ' * 10**4],
)
def test_files_that_are_no_json_are_refused(content, tmp_path):
    (tmp_path / "region.json").write_bytes(content)
    with pytest.raises(RegionError, match=r"region\.json"):
        parse_region(str(tmp_path / "region.json"))


def test_nesting_has_an_end():
    value = SPHERE
    for _ in range(100):
        value = {"type": "invert", "region": value}
    with pytest.raises(RegionError, match="deep"):
        from_json(value)


def test_regions_are_parsed_without_torch():
    code = "import sys; from editor3d.regions import parse_region; parse_region('box:0,0,0,1,1,1')"
    code += "; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
