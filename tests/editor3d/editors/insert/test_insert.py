"""The procedural inserter: what it understands, and that what it draws stands in space."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from editor3d.editors import create_editor
from editor3d.editors.insert.editor import ProceduralInserter, stand_of
from editor3d.editors.insert.things import COVERS, KINDS, MATERIALS, read_thing, unit_mesh
from editor3d.errors import EditorUnavailableError, InstructionError
from editor3d.regions import Box, Sphere
from editor3d.types import EditRequest, ViewGeometry

SIDE = 48


def geometry(region, eye=(3.0, 0.0, 0.0), depth=torch.inf, up=(0.0, 0.0, 1.0)) -> ViewGeometry:
    """A pinhole at `eye` that looks at the origin."""
    origin = torch.tensor(eye, dtype=torch.float64)
    back = origin / origin.norm()
    helper = torch.tensor([0.0, 0.0, 1.0] if abs(back[2]) < 0.9 else [0.0, 1.0, 0.0], dtype=torch.float64)
    right = torch.nn.functional.normalize(torch.linalg.cross(helper, back), dim=0)
    top = torch.linalg.cross(back, right)
    y, x = torch.meshgrid(torch.arange(SIDE) + 0.5, torch.arange(SIDE) + 0.5, indexing="ij")
    x, y = (x / SIDE - 0.5)[..., None], (0.5 - y / SIDE)[..., None]
    directions = torch.nn.functional.normalize(x * right + y * top - back, dim=-1)
    low, high = (torch.tensor(corner, dtype=torch.float64) for corner in region.bounds())
    depth = torch.full((SIDE, SIDE), float(depth), dtype=torch.float64)
    return ViewGeometry(origin, directions, depth, region, low, high, torch.tensor(up, dtype=torch.float64))


def request(instruction: str, view: ViewGeometry | None, gray: float = 0.5) -> EditRequest:
    return EditRequest("view", instruction, torch.full((SIDE, SIDE, 3), gray), geometry=view)


@pytest.mark.parametrize(
    ("instruction", "kind", "look"),
    [
        ("put a red ball on the table", "ball", None),
        ("a wooden crate", "crate", "wood"),
        ("Add a box made of wood here.", "crate", "wood"),
        ("insert two", None, None),
        ("cover it with moss", "cover", "moss"),
        ("moss", "cover", "moss"),
        ("a marble column next to the door", "cylinder", "marble"),
        ("let there be a golden sphere", "ball", "gold"),
    ],
)
def test_instructions_say_what_and_of_what(instruction, kind, look):
    if kind is None:
        with pytest.raises(InstructionError, match="two"):
            read_thing(instruction)
        return
    thing = read_thing(instruction)
    assert thing.kind == kind
    if look is not None:
        assert thing.look == {**MATERIALS, **COVERS}[look]


@pytest.mark.parametrize("instruction", ["", "  ", "a dragon", "red", "make it snowier", "a ball and a cube"])
def test_what_is_not_understood_is_refused_with_what_is(instruction):
    with pytest.raises(InstructionError) as caught:
        ProceduralInserter().validate(instruction, (), ())
    assert "a red ball" in str(caught.value) or "one thing" in str(caught.value)


def test_a_picture_alone_is_no_place():
    with pytest.raises(EditorUnavailableError, match="region"):
        create_editor("procedural-insert").edit(request("a red ball", None))
    everywhere = replace(geometry(Sphere((0.0, 0.0, 0.0), 1.0)), region=None)
    with pytest.raises(EditorUnavailableError, match="the whole scene"):
        create_editor("procedural-insert").edit(request("cover it with moss", everywhere))


@pytest.mark.parametrize("kind", sorted(set(KINDS.values())))
def test_shapes_fill_the_unit_box_and_stand_on_its_floor(kind):
    mesh = unit_mesh(kind)
    assert mesh.is_watertight
    assert mesh.bounds.ravel().tolist() == pytest.approx([-1.0] * 3 + [1.0] * 3, abs=2e-3)
    assert mesh.bounds[0, 2] == pytest.approx(-1.0, abs=1e-6)


def test_a_ball_covers_the_pixels_whose_rays_meet_it():
    view = geometry(Sphere((0.2, 0.1, -0.1), 0.7))
    _, share = ProceduralInserter().drawn(request("a red ball", view))
    # nine tenths of the region's size, on its bottom
    offset = torch.tensor([0.2, 0.1, -0.17], dtype=torch.float64) - view.origin
    along = (offset * view.directions).sum(-1)
    beside = (offset - along[..., None] * view.directions).norm(dim=-1)
    assert (share[beside < 0.58] == 1.0).all()
    assert (share[beside > 0.68] == 0.0).all()
    distance = ProceduralInserter().distance(request("a red ball", view))
    wanted = along - (0.63**2 - beside.square()).clamp_min(0.0).sqrt()
    assert torch.allclose(distance[beside < 0.55], wanted[beside < 0.55], atol=5e-3)


def test_what_is_nearer_hides_it_and_what_is_farther_does_not():
    region = Sphere((0.0, 0.0, 0.0), 0.5)
    for depth, seen in ((1.0, False), (10.0, True)):
        _, share = ProceduralInserter().drawn(request("a red ball", geometry(region, depth=depth)))
        assert bool(share.any()) is seen


@given(st.sampled_from(sorted(set(KINDS.values()))), st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_things_stay_in_their_box_and_on_its_floor(kind, seed):
    rng = torch.Generator().manual_seed(seed)
    center, half = (torch.rand(3, generator=rng) * 2 - 1).tolist(), (torch.rand(3, generator=rng) + 0.1).tolist()
    quaternion = torch.randn(4, generator=rng).tolist()
    box, up = Box(center, half, quaternion), torch.nn.functional.normalize(torch.randn(3, generator=rng), dim=0)
    word = next(word for word, known in KINDS.items() if known == kind)
    stand = stand_of(read_thing(word), geometry(box, up=up.tolist()))
    assert torch.linalg.det(torch.from_numpy(stand.axes)) == pytest.approx(1.0)
    corners = torch.from_numpy(unit_mesh(kind).vertices * stand.half @ stand.axes.T + stand.center)
    wider = Box(center, [h * (1 + 1e-6) + 1e-9 for h in half], quaternion)
    assert wider.contains(corners).all()
    vertical = torch.from_numpy(stand.axes[:, 2])
    assert float(vertical @ up.double()) >= 0.5  # of the three axes the nearest one
    floor = (torch.tensor(center, dtype=torch.float64) - corners) @ vertical
    assert float(floor.max()) == pytest.approx(_reach(box, vertical), rel=1e-4)


def _reach(box: Box, axis: torch.Tensor) -> float:
    """How far a box reaches from its centre along one of its own axes."""
    low, high = 0.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        inside = box.contains(torch.tensor(box.center, dtype=torch.float64) + middle * axis)
        low, high = (middle, high) if bool(inside) else (low, middle)
    return low


def test_one_point_looks_alike_from_two_sides():
    """The top of a crate, seen from two places: the same texture, the same light."""
    box = Box((0.0, 0.0, 0.0), (0.6, 0.6, 0.6))
    seen = []
    for eye in ((2.0, 0.3, 2.5), (0.4, 2.0, 2.5)):
        view = geometry(box, eye)
        picture, share = ProceduralInserter().drawn(request("a wooden crate", view))
        distance = ProceduralInserter().distance(request("a wooden crate", view))
        points = view.origin + distance[..., None] * view.directions
        top = (points[..., 2] > 0.479) & (share == 1.0)
        assert top.sum() > 100
        seen.append((points[top][:, :2], picture[top]))
    (one, colors), (two, others) = seen
    nearest = torch.cdist(one, two).min(1)
    close = nearest.values < 0.01
    assert close.sum() > 20
    assert float((colors[close] - others[nearest.indices[close]]).abs().median()) < 0.08


def test_a_cover_keeps_to_the_surface_inside():
    region = Sphere((0.0, 0.0, 0.0), 0.5)
    editor = ProceduralInserter()
    view = geometry(region, depth=3.0)  # a wall through the middle of the ball
    edited = editor.edit(request("cover it with moss", view))
    changed = (edited != 0.5).any(-1)
    points = view.origin + 3.0 * view.directions
    assert torch.equal(changed, region.contains(points))
    assert (edited[changed][:, 1] > edited[changed][:, 2]).all()  # green


def test_outside_of_the_thing_every_bit_stays():
    condition = torch.rand(SIDE, SIDE, 3, generator=torch.Generator().manual_seed(0))
    asked = EditRequest("view", "a blue cube", condition, geometry=geometry(Box((0, 0, 0), (0.3, 0.3, 0.3))))
    edited, (_, share) = ProceduralInserter().edit(asked), ProceduralInserter().drawn(asked)
    assert torch.equal(edited[share == 0], condition[share == 0])
    assert (edited[share == 1] != condition[share == 1]).any()
    assert torch.equal(edited, ProceduralInserter().edit(asked))
