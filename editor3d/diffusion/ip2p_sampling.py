"""Instruct-NeRF2NeRF's use of InstructPix2Pix: partial noising of the render, conditioned on the original picture.

Haque et al. 2023, section 3; the three-way guidance is Brooks et al. 2023, equation 3. Knows modules and tensors only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from editor3d.diffusion.cfg import three_way_weights
from editor3d.errors import ConfigError

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel


def starting_timestep(noise_level: float, steps: int, training_timesteps: int) -> int:
    """T, the timestep that a noise level stands for.

    Args:
        noise_level: fraction of the training timesteps, in 0..1.
        steps: number of denoising steps that T will be divided into.
        training_timesteps: of the diffusion model, usually 1000.

    Raises:
        ConfigError: fewer timesteps than steps, or more than the model was trained with.
    """
    start = round(noise_level * training_timesteps)
    if not 1 <= steps <= start or (steps - 1) * (start // steps) + 1 >= training_timesteps:
        raise ConfigError(
            f"A noise level of {noise_level:g} is timestep {start} of {training_timesteps}, which cannot be divided "
            f"into {steps} diffusion steps; choose a noise level from {steps / training_timesteps:g} to 1, or fewer "
            "steps."
        )
    return start


def respaced(scheduler: DDIMScheduler, start: int, steps: int) -> DDIMScheduler:
    """A DDIM scheduler whose `steps` timesteps divide 0..start as CompVis' "leading" spacing with offset 1 does.

    timesteps = {k floor(start / steps) + 1, k = steps - 1 … 0}; each step goes floor(start / steps) timesteps down, the
    last one to the noise level of timestep 0. The noise level of each timestep stays that of the training schedule.

    Args:
        scheduler: the model's, with its training schedule.
        start: T, from `starting_timestep`.
        steps: number of denoising steps.
    """
    spaced = type(scheduler).from_config(
        scheduler.config,
        trained_betas=scheduler.betas.tolist(),
        num_train_timesteps=start,
        timestep_spacing="leading",
        steps_offset=1,
        set_alpha_to_one=False,
        clip_sample=False,
        thresholding=False,
        rescale_betas_zero_snr=False,
    )
    assert not isinstance(spaced, tuple)  # it gives more only where asked to
    spaced.set_timesteps(steps)
    return spaced


@torch.no_grad()
def sample(
    unet: UNet2DConditionModel,
    vae: AutoencoderKL,
    scheduler: DDIMScheduler,
    embeddings: Tensor,
    render: Tensor,
    condition: Tensor,
    *,
    start: int,
    steps: int,
    guidance_scale: float,
    image_guidance_scale: float,
    generator: torch.Generator,
    added: Mapping[str, Tensor] | None = None,
) -> Tensor:
    """One edit in the model's own size.

    z_0 = scaling * sample(E(render)); z_T = sqrt(abar_T) z_0 + sqrt(1 - abar_T) n; `steps` DDIM steps (eta 0) under
    c = mode(E(condition)), which InstructPix2Pix takes unscaled; D(z / scaling).

    Args:
        unet: with twice the VAE's latent channels as input.
        vae: encoder and decoder; `config.scaling_factor` is its latent scale.
        scheduler: the model's training schedule, for `respaced`.
        embeddings: [3, L, D] of (the instruction, the empty text, the empty text).
        render: [1, 3, H, W] in -1..1, what is noised; sides are multiples of the VAE's factor.
        condition: [1, 3, H, W] in -1..1, the original.
        start: T, the timestep to noise to.
        steps: number of denoising steps.
        guidance_scale: s_T of the text.
        image_guidance_scale: s_I of the condition.
        generator: on the CPU, so that every device gets the same draws: first the VAE's, then the noise.
        added: further conditions of the UNet, [3, …] each (SDXL's pooled text and sizes).

    Returns:
        [1, 3, H, W], about -1..1, in float32 or the modules' precision if that is higher.
    """
    precision = torch.promote_types(unet.dtype, torch.float32)
    device = render.device

    def draw(like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=generator).to(device, precision)

    posterior = vae.encode(render.to(vae.dtype), return_dict=False)[0]
    mean, deviation = posterior.mean.to(precision), posterior.std.to(precision)
    clean = vae.config["scaling_factor"] * (mean + deviation * draw(mean))
    original = vae.encode(condition.to(vae.dtype), return_dict=False)[0].mode()
    conditions = torch.cat([original, original, torch.zeros_like(original)]).to(unet.dtype)

    weights = torch.tensor(three_way_weights(guidance_scale, image_guidance_scale), dtype=precision, device=device)
    used = weights.nonzero()[:, 0]  # a third less to compute where the image guidance is 1
    weights, conditions, embeddings = weights[used, None, None, None], conditions[used], embeddings[used]
    further = {}
    if added:
        further["added_cond_kwargs"] = {name: value[used].to(unet.dtype) for name, value in added.items()}
    spaced = respaced(scheduler, start, steps)
    first = spaced.timesteps[:1]
    latents = spaced.add_noise(clean, draw(clean), first)  # pyright: ignore[reportArgumentType]  # any tensor of integers
    for timestep in spaced.timesteps:
        stacked = torch.cat([latents.expand(len(used), -1, -1, -1).to(unet.dtype), conditions], dim=1)
        predictions = unet(
            stacked, timestep, encoder_hidden_states=embeddings.to(unet.dtype), return_dict=False, **further
        )[0]
        epsilon = (weights * predictions.to(precision)).sum(0, keepdim=True)
        latents = spaced.step(epsilon, int(timestep), latents, return_dict=False)[0]
    return vae.decode((latents / vae.config["scaling_factor"]).to(vae.dtype), return_dict=False)[0].to(precision)
