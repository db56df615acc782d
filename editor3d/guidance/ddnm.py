"""DDNM (Wang et al. 2023): restoration by a diffusion model whose answer agrees with what was measured.

A linear degradation y = A x leaves the null space of A open. In each denoising step the model's clean picture x_0 is
replaced by

    x_hat = A^+ y + (I - A^+ A) x_0,

so that A x_hat = A A^+ y = y whatever the model thinks; the model fills in the null space alone. Planes are
[B, C, H, W] throughout.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from editor3d.diffusion.latent import LatentPrior
from editor3d.diffusion.loading import PipelineSource
from editor3d.diffusion.sizing import padded, resized
from editor3d.diffusion.weights import IP2P_HUB_ID, PACKAGED, find_weights
from editor3d.editors.pipelines.ip2p import SPEC as IP2P_SPEC
from editor3d.errors import ConfigError

_WITHIN_RANGE = 12
"""Rounds of bringing a restored picture into 0..1 and back to agreement."""


class Degradation(Protocol):
    """A linear map of pictures, and its pseudo-inverse: A A^+ A = A."""

    def apply(self, x: Tensor) -> Tensor:
        """A x."""
        ...

    def pseudo_inverse(self, y: Tensor) -> Tensor:
        """A^+ y."""
        ...


@dataclass(frozen=True)
class SquareMeans:
    """The means of squares of factor x factor pixels; A^+ spreads each over its square.

    Sides of pictures must be multiples of the factor.
    """

    factor: int

    def apply(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, self.factor)

    def pseudo_inverse(self, y: Tensor) -> Tensor:
        return y.repeat_interleave(self.factor, -2).repeat_interleave(self.factor, -1)


@dataclass(frozen=True, eq=False)
class KnownPixels:
    """The pixels of a mask [H, W] bool; the others are 0: inpainting."""

    mask: Tensor

    def apply(self, x: Tensor) -> Tensor:
        return x * self.mask.to(x)

    def pseudo_inverse(self, y: Tensor) -> Tensor:
        return y * self.mask.to(y)


@dataclass(frozen=True)
class GreyLevels:
    """One weighted sum of the three channels: colouring."""

    weights: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3)

    def apply(self, x: Tensor) -> Tensor:
        return torch.einsum("c,bchw->bhw", x.new_tensor(self.weights), x)[:, None]

    def pseudo_inverse(self, y: Tensor) -> Tensor:
        weights = y.new_tensor(self.weights)
        return (weights / weights.square().sum())[None, :, None, None] * y


@dataclass(frozen=True, eq=False)
class Matrix:
    """Any matrix [M, C * H * W] on pictures of one shape."""

    values: Tensor
    shape: tuple[int, int, int]
    """(C, H, W)."""

    def apply(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.values.to(x).T

    def pseudo_inverse(self, y: Tensor) -> Tensor:
        return (y @ torch.linalg.pinv(self.values.double()).to(y).T).view(-1, *self.shape)


def project(x: Tensor, y: Tensor, degradation: Degradation) -> Tensor:
    """A^+ y + (I - A^+ A) x: the picture nearest to `x` that degrades to `y`."""
    return degradation.pseudo_inverse(y) + x - degradation.pseudo_inverse(degradation.apply(x))


def within_range(x: Tensor, y: Tensor, degradation: Degradation) -> Tensor:
    """`project` of `x`, with values in 0..1 as far as agreement with `y` allows; A of it is y all the same."""
    for _ in range(_WITHIN_RANGE):
        x = project(x.clamp(0.0, 1.0), y, degradation)
    return x


@torch.no_grad()
def sample(
    predict: Callable[[Tensor, int], Tensor],
    agree: Callable[[Tensor], Tensor],
    start: Tensor,
    alphas_cumprod: Tensor,
    timesteps: list[int],
    generator: torch.Generator,
    eta: float = 0.85,
) -> Tensor:
    """DDNM's sampling, in whatever space a model works in.

    x_0 = (x_t - sqrt(1 - abar_t) eps) / sqrt(abar_t); x_hat = agree(x_0);
    x_s = sqrt(abar_s) x_hat + sqrt(1 - abar_s) (eta n + sqrt(1 - eta^2) eps) for the next timestep s < t.

    Args:
        predict: (x_t, t) -> eps, the noise that the model sees.
        agree: brings a clean picture to agreement with what was measured.
        start: x_t at the first of the timesteps.
        alphas_cumprod: abar of the training schedule, [N].
        timesteps: falling.
        generator: on the CPU, draws n.
        eta: share of new noise, 0 (DDIM) to 1.

    Returns:
        The last x_hat.
    """
    x, clean = start, start
    for place, t in enumerate(timesteps):
        abar = float(alphas_cumprod[t])
        eps = predict(x, t)
        clean = agree((x - (1.0 - abar) ** 0.5 * eps) / abar**0.5)
        if place + 1 < len(timesteps):
            following = float(alphas_cumprod[timesteps[place + 1]])
            noise = torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x.device)
            mixed = eta * noise + (1.0 - eta**2) ** 0.5 * eps
            x = following**0.5 * clean + (1.0 - following) ** 0.5 * mixed
    return clean


@dataclass(frozen=True)
class RestorationSettings:
    """How a picture is restored.

    Raises:
        ConfigError: a value is out of range.
    """

    factor: int = 4
    """The means of squares of so many pixels are kept."""
    noise_level: float = 0.4
    """Where denoising begins, as a fraction of the training timesteps."""
    steps: int = 10
    eta: float = 0.85

    def __post_init__(self) -> None:
        if self.factor < 1 or self.steps < 1 or not 0.0 < self.noise_level <= 1.0 or not 0.0 <= self.eta <= 1.0:
            raise ConfigError(
                f"Expected a factor and steps of at least 1, a noise level above 0 and up to 1 and eta in 0..1, got "
                f"{self.factor}, {self.steps}, {self.noise_level:g} and {self.eta:g}."
            )


class LatentRestorer:
    """Restores pictures by DDNM with a latent diffusion model.

    The model works on latents, the degradation on pixels: a clean latent is decoded, projected and encoded again, and
    the last one is decoded and projected, so that what is returned agrees exactly.
    """

    def __init__(
        self, source: PipelineSource, settings: RestorationSettings, side: int | None = None, text: str = ""
    ) -> None:
        """
        Args:
            source: of a model like InstructPix2Pix, whose UNet takes the latents of a picture beside the noisy ones.
            side: pixels of the longer side that the model works at; None takes pictures as they are.
            text: the model's prompt.
        """
        self._prior = LatentPrior(source, condition=True, longest_side=side)
        self._settings, self._side, self._text = settings, side, text

    @torch.no_grad()
    def restore(self, picture: Tensor, guide: Tensor, seed: int) -> Tensor:
        """A sharper picture with the same means.

        Args:
            picture: [H, W, 3] in 0..1, of which the means of squares are right.
            guide: [H, W, 3] in 0..1, what the null space should look like: where denoising begins, and what the model
                is given beside.
            seed: of the noise.

        Returns:
            [H, W, 3], A x = A picture to rounding; in 0..1 as far as that allows.
        """
        height, width = picture.shape[:2]
        settings, prior = self._settings, self._prior
        multiple = settings.factor * 8
        measured, guided = (_planes(padded(p.float().cpu(), multiple)) for p in (picture, guide))
        degradation = SquareMeans(settings.factor)
        y = degradation.apply(measured)
        generator = torch.Generator().manual_seed(seed)
        scaling = prior.pipeline.vae.config.scaling_factor
        text = prior.embed([self._text])
        condition = prior.encode_condition(_rows(guided))

        def agree(latent: Tensor) -> Tensor:
            pixels = project(self._decode(latent / scaling, measured.shape), y, degradation)
            return scaling * prior.encode_condition(_rows(pixels.clamp(0.0, 1.0)))

        def predict(noisy: Tensor, timestep: int) -> Tensor:
            return prior.predict(noisy, torch.tensor([timestep]), text, condition)

        top = max(1, round(settings.noise_level * len(prior.alphas_cumprod))) - 1
        timesteps = torch.linspace(top, 0, min(settings.steps, top + 1)).round().long().tolist()
        begin = scaling * prior.encode_condition(_rows(project(guided, y, degradation).clamp(0.0, 1.0)))
        abar = float(prior.alphas_cumprod[top])
        noise = torch.randn(begin.shape, generator=generator, dtype=begin.dtype).to(begin.device)
        start = abar**0.5 * begin + (1.0 - abar) ** 0.5 * noise
        latent = sample(predict, agree, start, prior.alphas_cumprod, timesteps, generator, settings.eta)
        restored = within_range(self._decode(latent / scaling, measured.shape), y, degradation)
        return _rows(restored)[0, :height, :width].to(picture.device)

    def _decode(self, latent: Tensor, shape: torch.Size) -> Tensor:
        """Pixels [1, 3, H, W] of an unscaled latent, at the size of the picture."""
        vae = self._prior.pipeline.vae
        pixels = (vae.decode(latent.to(vae.dtype)).sample.float().cpu() + 1.0) / 2.0
        scale = 1.0 if self._side is None else self._side / max(shape[-2:])
        rows, columns = (max(1, round(side * scale)) for side in shape[-2:])
        pixels = pixels[..., :rows, :columns]  # encoding mirrored it up to a multiple
        if pixels.shape != shape:
            pixels = _planes(resized(pixels[0].permute(1, 2, 0).clamp(0.0, 1.0), *shape[-2:]))
        return pixels


PRIORS = {"ip2p": (IP2P_HUB_ID, 512), "tiny-ip2p": (f"{PACKAGED}/tiny-ip2p", 96)}
"""Diffusion models that restore, the better first: their weights, and the longer side that they work at, pixels."""


def best_prior() -> str:
    """The best of `PRIORS` whose weights are on this machine."""
    return next((name for name, (hub_id, _) in PRIORS.items() if find_weights(hub_id) is not None), "tiny-ip2p")


def create_restorer(name: str, settings: RestorationSettings, device: str = "cpu") -> LatentRestorer:
    """A restorer by one of `PRIORS`; loads no weights yet.

    Raises:
        ConfigError: there is no such prior, or the device is unknown or not there.
    """
    if name not in PRIORS:
        raise ConfigError(f"Expected one of {', '.join(PRIORS)} to restore pictures, got {name}.")
    hub_id, side = PRIORS[name]
    spec = replace(IP2P_SPEC, name=name, title=f"the prior {name}", hub_id=hub_id)
    return LatentRestorer(PipelineSource(spec, device=device), settings, side)


def _planes(picture: Tensor) -> Tensor:
    return picture.permute(2, 0, 1)[None]


def _rows(planes: Tensor) -> Tensor:
    return planes.permute(0, 2, 3, 1)
