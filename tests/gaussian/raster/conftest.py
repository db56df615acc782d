"""Random scenes of Gaussians, and a plain float64 rasterizer to hold the compiled one against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import pytest
import torch
from gsplat.cuda._torch_impl import (
    _fully_fused_projection,
    _quat_scale_to_covar_preci,
    _spherical_harmonics,
)
from torch import Tensor

ALPHA_MAX, ALPHA_MIN, T_MIN = 0.999, 1 / 255, 1e-4


@dataclass(frozen=True, eq=False)
class Scene:
    """What `rasterization` takes, in its order."""

    means: Tensor
    quats: Tensor
    scales: Tensor
    opacities: Tensor
    colors: Tensor
    viewmats: Tensor
    Ks: Tensor
    width: int
    height: int

    @property
    def arguments(self) -> tuple:
        return tuple(getattr(self, field.name) for field in fields(self))

    def leaves(self, dtype: torch.dtype = torch.float32) -> Scene:
        """The same scene with tensors of its own that take gradients (but the intrinsics)."""
        copies = {
            field.name: value.detach().to(dtype).clone().requires_grad_(field.name != "Ks")
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return replace(self, **copies)

    def gradients(self) -> dict[str, Tensor]:
        names = ("means", "quats", "scales", "opacities", "colors", "viewmats")
        return {name: getattr(self, name).grad for name in names if getattr(self, name).grad is not None}


def random_scene(
    count: int = 80,
    width: int = 45,
    height: int = 37,
    cameras: int = 1,
    channels: int = 3,
    sh_degree: int | None = None,
    seed: int = 0,
) -> Scene:
    """Gaussians in front of, beside and behind the cameras, from far smaller than a pixel to wider than the picture,
    from all but transparent to opaque, many of them on top of each other. Quaternions have any length."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(shape, generator=generator) * (high - low) + low

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    means = torch.cat([uniform(-2.2, 2.2, count, 2), uniform(1.0, 6.0, count, 1)], 1)
    kind = torch.arange(count) % 8
    means[kind == 0, 2] *= -1.0  # behind
    means[kind == 1, :2] *= 0.05  # overlapping
    scales = uniform(-3.0, -1.0, count, 3).exp()
    scales[kind == 2] *= 0.01  # tiny
    scales[kind == 3] *= 8.0  # huge
    opacities = uniform(0.02, 0.95, count)
    opacities[kind == 4] = 1.0
    opacities[kind == 5] = 0.0005  # never above ALPHA_MIN
    shape = (count, channels) if sh_degree is None else (count, (sh_degree + 1) ** 2, 3)
    viewmats = torch.eye(4).repeat(cameras, 1, 1)
    for camera in range(cameras):
        axis = normal(3) * 0.08
        turn = torch.linalg.matrix_exp(
            torch.tensor([[0.0, -axis[2], axis[1]], [axis[2], 0.0, -axis[0]], [-axis[1], axis[0], 0.0]])
        )
        viewmats[camera, :3, :3] = turn
        viewmats[camera, :3, 3] = uniform(-0.3, 0.3, 3)
    Ks = torch.tensor([[0.8 * width, 0.0, 0.47 * width], [0.0, 0.85 * width, 0.52 * height], [0.0, 0.0, 1.0]])
    return Scene(
        means,
        normal(count, 4) * uniform(0.3, 3.0, count, 1),
        scales,
        opacities,
        uniform(0.0, 1.0, *shape) if sh_degree is None else normal(*shape) * 0.3,
        viewmats,
        Ks.repeat(cameras, 1, 1),
        width,
        height,
    )


def needle_scene(count: int, length: float, aspect: float, width: int = 96, height: int = 80, seed: int = 0) -> Scene:
    """Needles whose centres are in sight, turned every way; `length` is a standard deviation along one in pixels, as it
    would be across the view, and `aspect` that length over the thickness."""
    generator = torch.Generator().manual_seed(seed)
    scene = random_scene(count, width, height, seed=seed)
    depths = torch.rand(count, generator=generator) * 3 + 2
    sideways = (torch.rand(count, 2, generator=generator) - 0.5) * depths[:, None] * torch.tensor([1.0, 0.8])
    along = length * depths / scene.Ks[0, 0, 0]
    return replace(
        scene,
        means=torch.cat([sideways, depths[:, None]], 1),
        scales=torch.stack([along, along / aspect, along / aspect], 1),
        opacities=torch.rand(count, generator=generator) * 0.6 + 0.05,
    )


@dataclass
class Reference:
    """What the reference gives."""

    picture: Tensor
    accumulation: Tensor
    radii: Tensor
    means2d: Tensor
    """[C, N, 2]."""
    means2d_of_pixels: list[Tensor]
    """For each camera [pixels, N, 2]: `means2d` once for every pixel, so that a pixel's own gradient can be read."""
    alphas: list[Tensor]
    """For each camera [pixels, N], in the order of the Gaussians; 0 where one does not touch a pixel."""
    touched: list[Tensor]
    """[pixels, N] bool: alpha >= ALPHA_MIN, whatever lies in front."""


def composite(
    means2d: Tensor, conics: Tensor, opacities: Tensor, colors: Tensor, background: Tensor, pixels: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Composite N Gaussians, near to far, at every pixel.

    Args:
        means2d: [P, N, 2], as seen by each pixel.
        colors: [N, D].
        background: [D].
        pixels: [P, 2] centres.

    Returns:
        [P, D], 1 - T_end [P], alphas [P, N].
    """
    dx, dy = (means2d - pixels[:, None]).unbind(-1)
    a, b, c = conics.unbind(-1)
    sigma = 0.5 * (a * dx * dx + c * dy * dy) + b * dx * dy
    alphas = (opacities * torch.exp(-sigma)).clamp_max(ALPHA_MAX)
    alphas = torch.where((alphas >= ALPHA_MIN) & (sigma >= 0), alphas, 0.0)
    through = torch.cumprod(1 - alphas, 1)
    drawn = torch.cummin((through > T_MIN).to(through.dtype), 1)[0]
    before = torch.cat([torch.ones_like(through[:, :1]), through[:, :-1]], 1)
    weights = alphas * before * drawn
    end = torch.prod(1 - alphas * drawn, 1)
    return weights @ colors + end[:, None] * background, 1 - end, alphas


def reference_rasterization(
    scene: Scene,
    *,
    backgrounds: Tensor | None = None,
    render_mode: str = "RGB",
    sh_degree: int | None = None,
    antialiased: bool = False,
) -> Reference:
    """Every Gaussian at every pixel, by autograd; projection and harmonics are gsplat's torch references."""
    n, cameras, width, height = len(scene.means), len(scene.viewmats), scene.width, scene.height
    covars, _ = _quat_scale_to_covar_preci(scene.quats, scene.scales, compute_preci=False)
    radii, means2d, depths, conics, compensations = _fully_fused_projection(
        scene.means, covars, scene.viewmats, scene.Ks, width, height, calc_compensations=True
    )
    colors = scene.colors
    if sh_degree is not None:
        eyes = torch.linalg.inv(scene.viewmats)[:, :3, 3]
        directions = scene.means[None] - eyes[:, None]
        coefficients = colors.expand(cameras, *colors.shape[-3:])
        colors = (_spherical_harmonics(sh_degree, directions, coefficients) + 0.5).clamp_min(0.0)
    colors = colors.expand(cameras, n, -1)
    if backgrounds is None:
        backgrounds = colors.new_zeros(cameras, colors.shape[-1])
    if render_mode in ("RGB+D", "RGB+ED"):
        colors = torch.cat([colors, depths[..., None]], -1)
        backgrounds = torch.cat([backgrounds, backgrounds.new_zeros(cameras, 1)], -1)
    elif render_mode in ("D", "ED"):
        colors, backgrounds = depths[..., None], backgrounds.new_zeros(cameras, 1)
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    pixels = torch.stack([x, y], -1).reshape(-1, 2).to(means2d)
    pictures, accumulations, spread, all_alphas, touched = [], [], [], [], []
    for c in range(cameras):
        order = torch.argsort(depths[c], stable=True)
        order = order[radii[c][order] > 0]
        opaque = scene.opacities * compensations[c] if antialiased else scene.opacities
        seen = means2d[c].expand(len(pixels), n, 2)
        if seen.requires_grad:
            seen.retain_grad()
        picture, accumulation, sorted_alphas = composite(
            seen[:, order], conics[c, order], opaque[order], colors[c, order], backgrounds[c], pixels
        )
        alphas = sorted_alphas.new_zeros(len(pixels), n)
        alphas[:, order] = sorted_alphas.detach()
        pictures.append(picture.view(height, width, -1))
        accumulations.append(accumulation.view(height, width, 1))
        spread.append(seen)
        all_alphas.append(alphas)
        touched.append(alphas > 0)
    picture, accumulation = torch.stack(pictures), torch.stack(accumulations)
    if render_mode in ("ED", "RGB+ED"):
        expected = picture[..., -1:] / accumulation.clamp_min(1e-10)
        picture = torch.cat([picture[..., :-1], expected], -1)
    return Reference(picture, accumulation, radii, means2d, spread, all_alphas, touched)


@pytest.fixture(scope="session")
def scene_of() -> Callable[..., Scene]:
    """`random_scene`."""
    return random_scene


@pytest.fixture(scope="session")
def reference() -> Callable[..., Reference]:
    """`reference_rasterization`."""
    return reference_rasterization


@pytest.fixture(scope="session")
def needles_of() -> Callable[..., Scene]:
    """`needle_scene`."""
    return needle_scene
