"""Training of the small autoencoder, and the folding that makes its latents white."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lab.training.data.pairs import Pairs
from lab.training.loop import Progress, Stage, fit, mixed_precision

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

_KL_WEIGHT = 0.01


def to_model(pictures: np.ndarray) -> Tensor:
    """[B, H, W, 3] uint8 -> [B, 3, H, W] float32 in -1..1, channels last."""
    return (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1.0).contiguous(
        memory_format=torch.channels_last
    )


def train(
    vae: AutoencoderKL, pairs: Pairs, stage: Stage, batch: int, checkpoint: Path, tell: Callable[[str], None] = print
) -> Progress:
    """Minimise mean |x - D(z)|^2 + 0.5 |x - D(z)| + 0.01 KL / number of pixel values, z ~ E(x), on originals and edits.

    The noise that the KL term asks for makes the decoder bear a denoiser's small errors.

    Args:
        vae: from `networks.make_vae`; trained in place.
        pairs: the data.
        stage: how long and how fast.
        batch: pictures a step.
        checkpoint: to go on from and save to.
        tell: gets the learning curve.
    """
    vae.to(memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue]  # as torch has it

    def loss(generator: torch.Generator) -> dict[str, Tensor]:
        # A third originals, the rest edits: there are more of these, and they are more varied.
        few = batch // 3
        first = torch.randint(len(pairs.originals), (few,), generator=generator).numpy()
        second = torch.randint(len(pairs.edited), (batch - few,), generator=generator).numpy()
        pixels = to_model(np.concatenate([pairs.originals[first], pairs.edited[second]]))
        with mixed_precision():
            posterior = vae.encode(pixels, return_dict=False)[0]
            mean, logvar = posterior.mean.float(), posterior.logvar.float()
            noise = torch.randn(mean.shape, generator=generator)
            noisy: Any = mean + (0.5 * logvar).exp() * noise
            decoded = vae.decode(noisy, return_dict=False)[0].float()
        error = decoded - pixels
        kl = 0.5 * (mean.square() + logvar.exp() - 1.0 - logvar).sum() / pixels.numel()
        return {"mse": error.square().mean(), "l1": 0.5 * error.abs().mean(), "kl": _KL_WEIGHT * kl}

    progress = fit(stage, {"vae": vae}, loss, checkpoint, tell)
    vae.eval()
    return progress


@torch.no_grad()
def encode(vae: AutoencoderKL, pictures: np.ndarray, batch: int = 64) -> Tensor:
    """Modes of the latents [N, 4, h, w] of pictures [N, H, W, 3] uint8, float32."""
    out = []
    for start in range(0, len(pictures), batch):
        with mixed_precision():
            out.append(vae.encode(to_model(pictures[start : start + batch]), return_dict=False)[0].mode().float())
    return torch.cat(out)


def colour_map(latents: Tensor, pictures: np.ndarray) -> Tensor:
    """The linear map [3, 4] by which a cell's latents tell its mean colour in -1..1, by least squares.

    Args:
        latents: [N, 4, h, w] of the pictures.
        pictures: [N, H, W, 3] uint8.
    """
    colours = (
        F.adaptive_avg_pool2d(to_model(pictures), (latents.shape[2], latents.shape[3]))
        .permute(0, 2, 3, 1)
        .flatten(0, 2)
    )
    known = F.pad(latents.permute(0, 2, 3, 1).flatten(0, 2), (0, 1), value=1.0)
    return torch.linalg.lstsq(known, colours).solution[:-1].T.contiguous()


@torch.no_grad()
def whiten(vae: AutoencoderKL, pictures: np.ndarray) -> None:
    """Make the latents' channels uncorrelated, of mean 0 and variance 1, without changing what is decoded.

    With z' = W (z - m), W the symmetric inverse root of the covariance, E's last 1x1 convolution is multiplied by W and
    D's first one by its inverse. InstructPix2Pix takes the picture's latents unscaled as a condition; white ones make
    that harmless. The variances of the posterior are those of z' if its channels were independent.

    Args:
        vae: changed in place.
        pictures: [N, H, W, 3] uint8 to measure on.
    """
    channels = vae.config["latent_channels"]
    values = encode(vae, pictures).double().permute(1, 0, 2, 3).reshape(channels, -1)
    mean = values.mean(1)
    variance, basis = torch.linalg.eigh(torch.cov(values))
    forward = basis @ torch.diag(variance.rsqrt()) @ basis.T
    backward = basis @ torch.diag(variance.sqrt()) @ basis.T

    outer: Any = vae.quant_conv
    inner: Any = vae.post_quant_conv
    weight, bias = outer.weight.double()[..., 0, 0], outer.bias.double()
    # log variances: var' = sum_j W_ij^2 var_j, here with all var_j at their channel's own shift
    shift = forward.square().sum(1).log()
    weight = torch.cat([forward @ weight[:channels], weight[channels:]])
    bias = torch.cat([forward @ (bias[:channels] - mean), bias[channels:] + shift])
    outer.weight.copy_(weight[..., None, None])
    outer.bias.copy_(bias)
    # The inner convolution sees z = W^-1 z' + m.
    weight, bias = inner.weight.double()[..., 0, 0], inner.bias.double()
    inner.bias.copy_(bias + weight @ mean)
    inner.weight.copy_((weight @ backward)[..., None, None])
