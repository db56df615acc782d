"""What every effect of the procedural editor promises: a real change that keeps structure, local and smooth."""

from __future__ import annotations

import pytest
import torch

from editor3d.editors.procedural.basis.tone import luma
from editor3d.editors.procedural.effects import ADJUSTMENTS, MAPS, apply
from editor3d.language.vocabulary import BY_EFFECT, TERMS

PALE = {"weathered wood", "weathered bronze", "wool", "leather", "moss"}
"""Muted colours, which a photograph may be near to already; they are materials where the surface is known."""
MATERIALS = [term.effect for term in TERMS if term.category == "material" and term.effect not in PALE]
MAIN = [
    "winter",
    "autumn",
    "night",
    "sunset",
    "sepia",
    "black and white",
    "snow",
    "negative",
    "van gogh",
    *MATERIALS,
]
EVERY = list(BY_EFFECT)


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(-10.0 * torch.log10(torch.mean((a - b) ** 2)))


def noisy(image: torch.Tensor, seed: int) -> torch.Tensor:
    noise = 0.02 * torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    return (image + noise).clamp(0.0, 1.0)


def contrast_kept(edited: torch.Tensor, image: torch.Tensor) -> float:
    return float(luma(edited).std() / luma(image).std())


def mean_color(image: torch.Tensor) -> torch.Tensor:
    return image.mean(dim=(0, 1))


def test_every_word_has_its_map():
    colors = {term.effect for term in TERMS if term.category == "color"}
    assert set(BY_EFFECT) == colors | set(MAPS) | set(ADJUSTMENTS)


@pytest.mark.parametrize("effect", MAIN)
def test_main_effects_change_much_and_keep_structure(effect, natural_picture):
    stability = []
    for seed, mean in [(0, 0.5), (1, 0.56), (2, 0.6)]:
        image = natural_picture(seed, mean=mean)
        edited = apply(effect, image)
        assert psnr(edited, image) <= 15.0
        assert contrast_kept(edited, image) >= 0.5
        stability.append(psnr(apply(effect, noisy(image, seed)), edited))
    assert sum(stability) / len(stability) >= 26.0


@pytest.mark.parametrize("effect", MAIN)
def test_main_effects_on_photographs(effect, bear_photos):
    stability = []
    for seed, photo in enumerate(bear_photos):
        edited = apply(effect, photo)
        assert psnr(edited, photo) <= 15.0
        assert contrast_kept(edited, photo) >= 0.5
        stability.append(psnr(apply(effect, noisy(photo, seed)), edited))
    assert sum(stability) / len(stability) >= 26.0


@pytest.mark.parametrize("effect", EVERY)
def test_results_are_pictures_and_repeat(effect, natural_picture):
    image = natural_picture(3)
    before = image.clone()
    edited = apply(effect, image)
    assert edited.shape == image.shape
    assert edited.dtype == torch.float32
    assert edited.min() >= 0.0
    assert edited.max() <= 1.0
    assert torch.equal(image, before)
    assert torch.equal(apply(effect, image), edited)
    assert not torch.equal(edited, image)


@pytest.mark.parametrize("effect", EVERY)
def test_a_pixel_reaches_only_its_neighborhood(effect, natural_picture):
    """Covering a corner changes nothing away from it: no statistics of the whole picture are used."""
    image = natural_picture(4)
    covered = image.clone()
    covered[:40, :40] = 1.0 - covered[:40, :40]
    far = torch.ones(image.shape[:2], dtype=torch.bool)
    far[:80, :80] = False
    difference = (apply(effect, covered) - apply(effect, image)).abs()
    assert difference[far].max() < 1e-4
    assert difference.max() > 0.01


@pytest.mark.parametrize("effect", EVERY)
def test_a_pixels_place_does_not_matter(effect, natural_picture):
    image = natural_picture(5)
    shifted = torch.roll(image, (13, -22), dims=(0, 1))
    expected = torch.roll(apply(effect, image), (13, -22), dims=(0, 1))
    inner = (slice(60, -47), slice(47, -70))
    torch.testing.assert_close(apply(effect, shifted)[inner], expected[inner], atol=2e-3, rtol=0)


@pytest.mark.parametrize("effect", EVERY)
def test_tiny_pictures(effect):
    for size in [(1, 1), (2, 5), (9, 3)]:
        image = torch.rand(*size, 3, generator=torch.Generator().manual_seed(0))
        assert apply(effect, image).isfinite().all()


@pytest.mark.parametrize("effect", EVERY)
def test_black_and_white_input(effect):
    for value in (0.0, 1.0):
        assert apply(effect, torch.full((32, 32, 3), value)).isfinite().all()


def test_strength(natural_picture):
    image = natural_picture(6)
    half, full = apply("gold", image, 0.5), apply("gold", image)
    torch.testing.assert_close(half, 0.5 * (image + full))
    assert torch.equal(apply("gold", image, 1.6), full)
    levels = [float(apply("darker", image, s).mean()) for s in (0.5, 1.0, 1.6)]
    assert image.mean() > levels[0] > levels[1] > levels[2]


def test_opposites_pull_apart(natural_picture):
    image = natural_picture(7)
    assert apply("brighter", image).mean() > image.mean() > apply("darker", image).mean()
    assert luma(apply("more contrast", image)).std() > luma(image).std() > luma(apply("less contrast", image)).std()

    def warmth(picture: torch.Tensor) -> float:
        return float((picture[..., 0] - picture[..., 2]).mean())

    assert warmth(apply("warmer", image)) > warmth(image) > warmth(apply("cooler", image))

    def chroma(picture: torch.Tensor) -> float:
        return float((picture - luma(picture).unsqueeze(-1)).abs().mean())

    assert chroma(apply("more saturated", image)) > chroma(image) > chroma(apply("less saturated", image))


def test_effects_look_as_named(natural_picture):
    image = natural_picture(8)

    def channels(effect: str) -> list[float]:
        return mean_color(apply(effect, image)).tolist()

    for effect in ("gold", "bronze", "copper", "brass", "rust", "clay", "wood", "sepia", "autumn", "sunset"):
        red, green, blue = channels(effect)
        assert red > green > blue, effect
    red, green, blue = channels("night")
    assert blue > green > red
    assert luma(apply("night", image)).mean() < 0.5 * luma(image).mean()
    winter = apply("winter", image)
    assert luma(winter).mean() > luma(image).mean()
    assert winter[..., 2].mean() > winter[..., 0].mean()
    assert torch.equal(apply("negative", image), 1.0 - image)
    mono = apply("black and white", image)
    assert torch.equal(mono[..., 0], mono[..., 1])
    assert torch.equal(mono[..., 0], mono[..., 2])


@pytest.mark.parametrize("effect", ["black and white", "sepia", "night", "gold", "red", "white", "jade"])
def test_lighter_stays_lighter(effect):
    """Tone maps are monotone: shading keeps its order."""
    steps = torch.linspace(0.0, 1.0, 32)
    for level, following in zip(steps[:-1], steps[1:], strict=True):
        low = luma(apply(effect, torch.full((8, 8, 3), float(level)))).mean()
        high = luma(apply(effect, torch.full((8, 8, 3), float(following)))).mean()
        assert high >= low - 1e-6


def test_colors_and_shades():
    gray = torch.full((8, 8, 3), 0.66)
    red, green, blue = mean_color(apply("red", gray)).tolist()
    assert red > 0.8
    assert max(green, blue) < 0.1
    light = luma(apply("green", gray, shade="light")).mean()
    assert light > luma(apply("green", gray)).mean() > luma(apply("green", gray, shade="dark")).mean()
    vivid = mean_color(apply("green", gray, shade="vivid"))
    assert vivid[1] > 0.99
    assert vivid[[0, 2]].max() < 0.2
