"""Weather and light on a surface: a ball on a floor, seen by cameras round it, of which all is known exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import Tensor

from editor3d.editors.procedural.basis.surface import Surface
from editor3d.editors.procedural.basis.tone import luma
from editor3d.editors.procedural.editor import ProceduralEditor
from editor3d.editors.procedural.effects import SURFACE_MAPS, apply
from editor3d.editors.procedural.parse import parse
from editor3d.editors.procedural.weather import snow
from editor3d.editors.procedural.weather.amounts import WEATHER
from editor3d.editors.procedural.weather.autumn import vegetation
from editor3d.editors.procedural.weather.noise import noise
from editor3d.geometry.scene.sky import SkyMaps
from editor3d.language.vocabulary import BY_EFFECT, SCENE_CATEGORIES
from editor3d.types import EditRequest, ObjectFrame, ViewGeometry
from tests.editor3d.geometry.room import BALL, RADIUS, cast, looking, painted

EYES = ((2.2, 0.0, 1.4), (1.4, 1.6, 1.4))
FRAME = ObjectFrame(torch.tensor(BALL).double(), torch.eye(3).double(), 1.0, 0.5)
FOLLOWING = [effect for effect in SURFACE_MAPS if BY_EFFECT[effect].category in SCENE_CATEGORIES]
MIRRORS = ("rain",)
"""Effects with reflections, which differ between views."""


@cache
def sky() -> SkyMaps:
    """Over the floor and the ball, of the points that views from all round see."""
    turns = torch.linspace(0.0, 6.0, 7)
    cameras = [looking((2.2 * float(a.cos()), 2.2 * float(a.sin()), 1.5), side=128) for a in turns]
    points = torch.cat([camera.points_along(cast(camera))[cast(camera) > 0] for camera in cameras])
    return SkyMaps.of(FRAME.local(points).numpy(), FRAME)


@cache
def view(place: tuple[float, float, float] = EYES[0], side: int = 96) -> tuple[Tensor, ViewGeometry]:
    """A picture of the room and what it shows."""
    camera = looking(place, side)
    far = cast(camera)
    points = camera.points_along(far)
    on_ball = ((points - torch.tensor(BALL)).norm(dim=-1) < RADIUS + 1e-6) & (far > 0)
    up = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    normals = torch.where(on_ball[..., None], torch.nn.functional.normalize(points - torch.tensor(BALL), dim=-1), up)
    directions = (camera.lens.directions().double() @ camera.c2w[:, :3].T).view(side, side, 3)
    geometry = ViewGeometry(
        origin=camera.origin,
        directions=directions.float(),
        depth=torch.where(far > 0, far, torch.inf),
        region=None,
        low=FRAME.center - 2.0,
        high=FRAME.center + 2.0,
        up=up,
        normals=(normals * (far > 0)[..., None]).float(),
        concavity=torch.zeros(side, side),
        frame=FRAME,
        sky=sky(),
    )
    return painted(points).clamp(0.05, 0.95), geometry


def surface_of(geometry: ViewGeometry) -> Surface:
    surface = Surface.of(geometry, FRAME)
    assert surface is not None
    return surface


def edit(sentence: str, picture: Tensor, geometry: ViewGeometry | None) -> Tensor:
    return ProceduralEditor().edit(EditRequest("view", sentence, picture, geometry=geometry))


@pytest.mark.parametrize("effect", FOLLOWING)
def test_strength_nothing_changes_no_bit_and_a_sentence_gives_the_same_bits(effect: str) -> None:
    picture, geometry = view()
    assert torch.equal(apply(effect, picture, 0.0, "", surface_of(geometry)), picture)
    edited = apply(effect, picture, 1.0, "", surface_of(geometry))
    assert torch.equal(apply(effect, picture, 1.0, "", surface_of(geometry)), edited)
    assert edited.min() >= 0.0
    assert edited.max() <= 1.0
    assert float((edited - picture).abs().mean()) > 0.02


def agreement(edited: Callable[[Tensor, Surface], Tensor], weight: float = 1.0) -> float:
    """PSNR, dB, of two views' edits where both see the same point of the room."""
    (picture, geometry), (other, seen) = view(EYES[0], 192), view(EYES[1], 192)
    one, two = edited(picture, surface_of(geometry)), edited(other, surface_of(seen))
    pixels, depth = looking(EYES[1], 192).project(geometry.points.reshape(-1, 3))
    column, row = (pixels - 0.5).round().long().clamp(0, 191).unbind(-1)
    apart = (seen.points[row, column] - geometry.points.reshape(-1, 3)).norm(dim=-1)
    both = (depth > 0) & (apart < 0.01) & geometry.depth.isfinite().flatten()
    assert int(both.sum()) > 1000
    return float(-10.0 * ((one.reshape(-1, 3)[both] - two[row, column][both]) ** 2).mean().log10())


@pytest.mark.parametrize("effect", [effect for effect in FOLLOWING if effect not in MIRRORS])
def test_a_point_looks_alike_in_two_views(effect: str) -> None:
    """As far as nearest pixels can tell, which differ by half a pixel."""
    own = agreement(lambda picture, surface: picture)
    assert agreement(lambda picture, surface: apply(effect, picture, 1.0, "", surface)) > min(own - 8.0, 28.0)


@pytest.mark.parametrize("effect", FOLLOWING)
def test_scaling_the_scene_changes_nothing_but_rounding(effect: str) -> None:
    picture, geometry = view()
    frame = replace(FRAME, center=100.0 * FRAME.center, radius=100.0)
    larger = replace(
        geometry,
        origin=100.0 * geometry.origin,
        depth=100.0 * geometry.depth,
        frame=frame,
        sky=replace(sky(), frame=frame),
    )
    other = Surface.of(larger, frame)
    assert other is not None
    off = (apply(effect, picture, 1.0, "", other) - apply(effect, picture, 1.0, "", surface_of(geometry))).abs()
    assert float(off.median()) < 1e-4
    assert float((off.amax(-1) > 0.02).float().mean()) < 0.01


def test_snow_lies_on_what_faces_up_and_sees_the_sky() -> None:
    picture, geometry = view()
    surface = surface_of(geometry)
    covered = snow.cover(surface, snow.USUAL)
    height, up = surface.points[..., 2], surface.normals[..., 2]
    ball = (surface.points.norm(dim=-1) < RADIUS + 1e-3) & surface.known
    assert float(covered[ball & (up > 0.85)].mean()) > 0.95
    assert float(covered[ball & (up < 0.2)].max()) < 0.05
    far = surface.known & ~ball & (surface.points[..., :2].norm(dim=-1) > 1.0)
    near = surface.known & ~ball & (surface.points[..., :2].norm(dim=-1) < 0.2)
    assert float(covered[far].mean()) > 0.95
    assert not near.any() or float(covered[near].mean()) < 0.3  # under the ball
    assert float(height[ball & (covered > 0.5)].min()) > 0.0
    white = edit("let it snow", picture, geometry)[ball & (up > 0.9)]
    assert float(luma(white).mean()) > 0.7
    assert float((white.amax(-1) - white.amin(-1)).mean()) < 0.15


@pytest.mark.parametrize("effect", WEATHER)
def test_more_of_a_weather_changes_more(effect: str) -> None:
    picture, geometry = view()
    change = {
        amount: float((WEATHER[effect][amount](picture, surface_of(geometry)) - picture).abs().mean())
        for amount in ("light", "", "heavy")
    }
    assert change["light"] < change[""] < change["heavy"]
    heavy = apply(effect, picture, 1.6, "", surface_of(geometry))  # "very foggy"
    assert torch.equal(heavy, apply(effect, picture, 1.0, "heavy", surface_of(geometry)))


def test_fog_hides_what_is_far_from_the_middle() -> None:
    picture, geometry = view()
    surface = surface_of(geometry)
    away = surface.points.norm(dim=-1)
    fogged = edit("heavy fog", picture, geometry)

    def left(far: float) -> float:
        ring = surface.known & (away > far) & (away < far + 0.7)
        return float(fogged[ring].std() / picture[ring].std())

    assert left(2.0) < 0.5 * left(0.0)


def test_rain_wets_what_sees_the_sky_and_water_stands_on_level_ground() -> None:
    picture, geometry = view()
    gray = torch.full_like(picture, 0.6)
    wet = luma(edit("wet after rain", gray, geometry))
    roofed = replace(geometry, sky=_NoSky())
    assert float(wet[surface_of(geometry).known].mean()) < 0.57
    assert float(wet.mean()) < float(
        luma(edit("wet after rain", gray, roofed)).mean()
    )  # the ball keeps dry what it roofs


def test_night_is_dark_and_blue_and_keeps_contrast() -> None:
    picture, geometry = view()
    for sentence in ("make it night", "a snowy night"):
        for known in (geometry, None):
            dark = edit(sentence, picture, known)
            assert float(luma(dark).mean()) < 0.55 * float(luma(picture).mean())
            assert dark[..., 2].mean() > dark[..., 0].mean()
            assert float(luma(dark).std()) > 0.3 * float(luma(picture).std())
            assert float(luma(dark).max()) < 0.7  # no light of day is left


def test_the_side_of_a_low_sun_is_warm_and_the_other_cool() -> None:
    picture, geometry = view()
    gray = torch.full_like(picture, 0.5)
    edited, surface = edit("make it sunset", gray, geometry), surface_of(geometry)
    ball = (surface.points.norm(dim=-1) < RADIUS + 1e-3) & surface.known
    warmth = edited[..., 0] - edited[..., 2]
    side = surface.normals @ torch.tensor([0.84, 0.40, 0.40])
    assert float(warmth[ball & (side > 0.7)].mean()) > 0.25
    assert float(warmth[ball & (side < 0.0)].mean()) < 0.0


def test_leaves_are_green_and_rough_and_stones_are_neither(natural_picture: Callable[..., Tensor]) -> None:
    texture = luma(natural_picture(3, height=96, width=96))
    rough = 0.25 + 0.5 * torch.rand(96, 96, generator=torch.Generator().manual_seed(1))
    leaves = rough[..., None] * torch.tensor([0.55, 0.8, 0.3])
    stones = texture[..., None] * torch.tensor([0.9, 0.88, 0.85])
    glaze = torch.full((96, 96, 3), 0.5) * torch.tensor([0.4, 0.9, 0.4])
    assert float(vegetation(leaves).mean()) > 0.6
    assert float(vegetation(stones).max()) < 0.05
    assert float(vegetation(glaze).max()) < 0.05


def test_the_borders_of_a_green_book_are_no_leaves() -> None:
    """Smooth green between white pages and a red cover: what is rough there is not green."""
    book = torch.full((96, 96, 3), 0.9)
    book[:, 30:44] = torch.tensor([0.10, 0.30, 0.16])
    book[:, 44:] = torch.tensor([0.5, 0.08, 0.12])
    assert float(vegetation(book).max()) < 0.05


def test_fine_noise_of_the_weather_fades_where_pixels_are_larger() -> None:
    picture, geometry = view()
    surface = surface_of(geometry)
    far = replace(surface, footprint=torch.full_like(surface.footprint, 0.2))
    near = replace(surface, footprint=torch.full_like(surface.footprint, 1e-3))
    assert float(noise(near, 18.0, 5).std()) > 0.1
    assert float((noise(far, 18.0, 5) - 0.5).abs().max()) < 1e-6
    assert float(noise(far, 2.0, 5, 1).std()) > 0.1  # what is coarse stays


@pytest.mark.parametrize(
    ("sentence", "steps"),
    {
        "snow on the roof": [("snow", "", ("roof",))],
        "let it snow": [("snow", "", ())],
        "a light snow": [("snow", "light", ())],
        "a dusting of snow": [("snow", "light", ())],
        "deep snow": [("snow", "heavy", ())],
        "falling snow": [("snow", "falling", ())],
        "heavy fog": [("fog", "heavy", ())],
        "wet after rain": [("rain", "after", ())],
        "a snowy night": [("snow", "", ()), ("night", "", ())],
        "a moonlit night": [("night", "", ())],
    }.items(),
)
def test_sentences_say_how_much_of_a_weather(sentence: str, steps: list[tuple[str, str, tuple[str, ...]]]) -> None:
    assert [(step.effect, step.shade, step.targets) for step in parse(sentence, ["roof", "teapot"])] == steps


class _NoSky:
    """A roof over everything."""

    def share(self, points: Tensor, normals: Tensor) -> Tensor:
        return torch.zeros(points.shape[:2])

    def reached(self, points: Tensor, normals: Tensor, toward: Tensor) -> Tensor:
        return torch.zeros(points.shape[:2])
