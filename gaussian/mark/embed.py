"""Put a message into the colours of a scene.

The picture of a scene is linear in the colours of its Gaussians. Of all changes that shift each bit's correlation by
the same amount, the least one is along the bits' own patterns, so no search is needed: the constant harmonics of all
three channels become

    c + a / sqrt(B) * sum_b s_b (waves M)_b,    s_b = +1 or -1.

The amplitude a is found by bisection: the greatest that lowers the PSNR to photographs by no more than asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from editor3d.errors import DataError
from gaussian.draw.selection import PosedPinhole
from gaussian.mark.pattern import mixture, waves
from gaussian.raster.rasterize import rasterization
from gaussian.splats import SH_C0, Splats

_STEPS, _MOST = 12, 0.2


def marked(splats: Splats, key: str, message: Sequence[bool], amplitude: float) -> Splats:
    """A scene with a message in it.

    Args:
        splats: the scene; it stays as it is.
        key: whoever knows it and has the unmarked scene can read the message.
        message: bits, at most as many as there are waves.
        amplitude: of the change of colours, in 0..1 of the range.
    """
    signs = torch.tensor([1.0 if bit else -1.0 for bit in message], dtype=torch.float64)
    mixed = mixture(key, len(message)) @ signs / len(message) ** 0.5
    change = waves(splats, splats.means) @ mixed.float()
    change = change / change.square().mean().sqrt().clamp_min(1e-12)
    sh = splats.sh.clone()
    sh[:, 0] += amplitude / SH_C0 * change[:, None].to(sh)
    return replace(splats, sh=sh)


def marked_within(
    splats: Splats,
    key: str,
    message: Sequence[bool],
    cameras: Sequence[PosedPinhole],
    photographs: Sequence[Tensor],
    loss: float,
) -> tuple[Splats, float]:
    """A scene with a message as strong as it may be, and the amplitude.

    Args:
        cameras, photographs: of some views, pictures [H, W, 3] in 0..1.
        loss: dB that the mean PSNR to the photographs may fall by.

    Raises:
        DataError: no view is given.
    """
    if not cameras:
        raise DataError("Expected views to weigh a watermark by, got none: give some.")
    least = mean_psnr(splats, cameras, photographs) - loss
    low, high = 0.0, _MOST
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if mean_psnr(marked(splats, key, message, middle), cameras, photographs) >= least:
            low = middle
        else:
            high = middle
    return marked(splats, key, message, low), low


def mean_psnr(splats: Splats, cameras: Sequence[PosedPinhole], photographs: Sequence[Tensor]) -> float:
    """The mean over views of -10 log10(mean((render - photograph)^2)), dB."""
    errors = [
        (picture_of(splats, camera).double() - photograph.double()).square().mean()
        for camera, photograph in zip(cameras, photographs, strict=True)
    ]
    return float(-10 * torch.stack(errors).clamp_min(1e-12).log10().mean())


@torch.no_grad()
def picture_of(splats: Splats, camera: PosedPinhole) -> Tensor:
    """The scene as a camera sees it before black: [H, W, 3] in 0..1, on the CPU."""
    picture, _, _ = rasterization(
        splats.means, splats.quats, splats.scales, splats.opacities, splats.sh,
        camera.viewmat[None].to(splats.means), camera.K[None].to(splats.means), camera.width, camera.height,
        near_plane=camera.near, sh_degree=splats.sh_degree, packed=False,
    )  # fmt: skip
    return picture[0].clamp(0, 1).cpu()
