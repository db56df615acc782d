"""What every solid material promises: it belongs to the point in space, and is lit as the photograph is."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from editor3d.editors.procedural.basis.surface import Surface
from editor3d.editors.procedural.basis.tone import luma
from editor3d.editors.procedural.coats import COATS, MATERIAL_MAPS
from editor3d.editors.procedural.editor import ProceduralEditor
from editor3d.editors.procedural.effects import MAPS, apply
from editor3d.editors.procedural.parse import parse
from editor3d.editors.procedural.solid import noise, patina
from editor3d.editors.procedural.solid.light import shading
from editor3d.language.vocabulary import TERMS
from editor3d.types import EditRequest, ObjectFrame, ViewGeometry

SIDE = 48
FOLLOWS_THE_EYE = {"holographic foil", "ice", "jade"}
"""Their colour itself, not what they mirror alone, depends on where they are seen from."""


@pytest.fixture(scope="module")
def ball() -> Surface:
    """The front half of a ball, seen from far away in front; nothing beside it."""
    step = torch.linspace(-1.1, 1.1, SIDE)
    z, x = torch.meshgrid(-step, step, indexing="ij")
    known = x**2 + z**2 < 0.98
    points = torch.stack([x, (1.0 - x**2 - z**2).clamp(min=0.0).sqrt(), z], -1) * known[..., None]
    axes, origin = torch.eye(3, dtype=torch.float64), torch.tensor([0.0, 9.0, 0.0], dtype=torch.float64)
    frame = ObjectFrame(torch.zeros(3, dtype=torch.float64), axes, 1.0, 0.5)
    away = points.double() - origin
    geometry = ViewGeometry(
        origin,
        torch.nn.functional.normalize(away, dim=-1).float(),
        away.norm(dim=-1).where(known, torch.inf),
        None,
        -torch.ones(3, dtype=torch.float64),
        torch.ones(3, dtype=torch.float64),
        axes[2],
        points,
        torch.zeros(SIDE, SIDE),
        frame,
        {"ball": frame},
    )
    surface = Surface.of(geometry, frame)
    assert surface is not None
    return replace(surface, points=points, footprint=torch.full((SIDE, SIDE), 0.002))


@pytest.fixture(scope="module")
def photo() -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    light = torch.linspace(0.25, 0.75, SIDE)[:, None, None]
    return (light + 0.05 * torch.randn(SIDE, SIDE, 3, generator=generator)).clamp(0.0, 1.0)


def test_every_material_of_the_vocabulary_is_a_solid() -> None:
    assert set(MATERIAL_MAPS) == {term.effect for term in TERMS if term.category == "material"}


@pytest.mark.parametrize("effect", sorted(MATERIAL_MAPS))
def test_results_are_pictures_that_repeat_and_strength_0_changes_nothing(effect, ball, photo) -> None:
    edited = apply(effect, photo, surface=ball)
    assert edited.shape == photo.shape
    assert edited.isfinite().all()
    assert 0.0 <= float(edited.min()) <= float(edited.max()) <= 1.0
    assert torch.equal(apply(effect, photo, surface=ball), edited)
    assert torch.equal(apply(effect, photo, 0.0, surface=ball), photo)
    assert torch.equal(edited[~ball.known], MAPS[effect](photo).clamp(0.0, 1.0)[~ball.known])
    assert float((edited - photo).abs()[ball.known].mean()) > 0.03


@pytest.mark.parametrize("effect", sorted(set(COATS) - FOLLOWS_THE_EYE))
def test_a_points_colour_does_not_depend_on_the_view(effect, ball) -> None:
    """Nothing swims: the same points, seen from another side and in another order, are of the same material."""
    other = replace(
        ball,
        points=ball.points.flip(1),
        normals=ball.normals.flip(1),
        known=ball.known.flip(1),
        toward=torch.nn.functional.normalize(torch.tensor([0.6, 0.7, 0.4]), dim=0).expand(SIDE, SIDE, 3),
    )
    torch.testing.assert_close(COATS[effect](other).albedo.flip(1), COATS[effect](ball).albedo, atol=1e-6, rtol=0)


def test_the_photographs_light_is_kept_within_bounds_and_its_texture_is_not(ball, photo) -> None:
    light = shading(photo, ball)
    assert 0.4 < float(light.min()) < float(light.max()) < 2.5
    assert float(light[-8:].mean()) > 1.5 * float(light[:8].mean())
    assert float((light[1:] - light[:-1]).abs().mean()) < float((luma(photo)[1:] - luma(photo)[:-1]).abs().mean())


def test_noise_finer_than_a_pixel_fades(ball) -> None:
    sharp = noise.fractal(ball.points, ball.footprint, 4.0, seed=1)
    far = noise.fractal(ball.points, torch.full_like(ball.footprint, 1.0), 4.0, seed=1)
    assert float(sharp.std()) > 0.1
    assert float(far.abs().max()) == 0.0


def test_moss_grows_on_top_and_in_crevices(ball) -> None:
    share = patina.moss_share(ball)
    top, side = ball.normals[..., 2] > 0.7, ball.normals[..., 2] < -0.2
    assert float(share[top].mean()) > 0.5 > 0.1 > float(share[side & ball.known].mean())
    hollow = patina.moss_share(replace(ball, concavity=torch.full_like(ball.concavity, 0.25)))
    assert float(hollow[side & ball.known].mean()) > float(share[side & ball.known].mean())


def test_sentences_of_coverings_and_of_finishes() -> None:
    assert [step.effect for step in parse("a moss-covered stone teapot", ["teapot"])] == ["stone", "moss"]
    assert parse("a moss-covered stone teapot", ["teapot"])[0].targets == ("teapot",)
    assert parse("turn it into weathered bronze", ())[0].effect == "weathered bronze"
    assert parse("make it polished oak", ())[0].effect == "polished wood"


def test_an_object_is_edited_in_its_own_frame_and_nothing_else(ball, photo) -> None:
    geometry = ball.geometry
    mask = ball.known.clone()
    mask[:, : SIDE // 2] = False
    editor = ProceduralEditor()
    assert editor.follows_surface("make the ball wood", ["ball"])
    assert not editor.follows_surface("make the ball blue", ["ball"])

    def edited(instruction: str, known: ViewGeometry | None) -> torch.Tensor:
        return editor.edit(EditRequest("v", instruction, photo, objects={"ball": mask}, geometry=known))

    wood = edited("make the ball wood", geometry)
    assert torch.equal(wood[~mask], photo[~mask])
    assert not torch.equal(wood, edited("make the ball wood", None))
    assert torch.equal(edited("make the ball blue", geometry), edited("make the ball blue", None))


@pytest.mark.parametrize("effect", sorted(MATERIAL_MAPS))
@pytest.mark.parametrize("gap", [False, True])
def test_an_object_gets_what_the_whole_picture_would_get_there(effect, gap, ball, photo) -> None:
    """It is found for the part of the picture that holds the object, with all that this depends on."""
    geometry = ball.geometry
    where = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    where[9:31, 12:40] = True
    depth = geometry.depth.clone()
    if gap:  # the surface is not known everywhere
        depth[14:18, 20:25] = torch.inf
    known = replace(geometry, depth=depth, brightness=torch.full((SIDE, SIDE), 0.5))
    request = EditRequest("view", "", photo, objects={"ball": where}, geometry=known)
    name = "moss-covered" if effect == "moss" else effect
    editor = ProceduralEditor()
    part = editor.edit(replace(request, instruction=f"make the ball {name}"))
    whole = editor.edit(replace(request, instruction=f"make it {name}"))
    core = torch.zeros_like(where)
    core[11:29, 14:38] = True  # the border is feathered
    assert torch.equal(part[~where], photo[~where])
    assert (part - whole)[core].abs().max() < 1e-5
