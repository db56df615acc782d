"""Compare two pictures by PSNR, SSIM and LPIPS. Pictures are [H, W, 3] float in 0..1."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from editor3d.metrics.unavailable import Unavailable

ALEXNET_FILE = "alexnet-owt-7be5be79.pth"
"""torchvision's ImageNet weights of AlexNet, the trunk of LPIPS, as the torch hub cache names them."""
SSIM_MIN_SIDE = 11
"""SSIM's Gaussian window (sigma 1.5) spans this many pixels."""
LPIPS_MIN_SIDE = 32
"""AlexNet's pooling leaves nothing of smaller pictures."""

REC709_LUMINANCE = (0.2126, 0.7152, 0.0722)


def luminance(picture: Float[Tensor, "h w 3"]) -> Float[Tensor, "h w"]:
    """Y = 0.2126 R + 0.7152 G + 0.0722 B of a picture [H, W, 3]: [H, W] float64."""
    return picture.double() @ picture.new_tensor(REC709_LUMINANCE, dtype=torch.float64)


def psnr(a: Float[Tensor, "*h 3"], b: Float[Tensor, "*h 3"], mask: Bool[Tensor, "*h"] | None = None) -> float:
    """Peak signal-to-noise ratio, -10 log10(mean((a - b)^2)), in dB.

    Args:
        a, b: pictures [H, W, 3] in 0..1, or some of their pixels [N, 3].
        mask: [H, W] bool; only its pixels count.

    Returns:
        dB; `math.inf` where the pictures are identical.

    Raises:
        ValueError: the mask selects no pixel.
    """
    error = (a.double() - b.double()).square()
    if mask is not None:
        error = error[mask]
    if error.numel() == 0:
        raise ValueError("PSNR of no pixels: the mask is empty")
    mse = error.mean().item()
    return math.inf if mse == 0 else -10 * math.log10(mse)


def ssim(a: Float[Tensor, "h w 3"], b: Float[Tensor, "h w 3"]) -> float:
    """Structural similarity (Wang et al. 2004): Gaussian window of sigma 1.5, averaged over pixels and channels.

    Args:
        a, b: pictures [H, W, 3] in 0..1, sides of at least `SSIM_MIN_SIDE` pixels.

    Returns:
        In -1..1; 1 where the pictures are identical.

    Raises:
        ValueError: a side is shorter than the window.
    """
    _require_side(a, SSIM_MIN_SIDE, "SSIM")
    from torchmetrics.functional.image import structural_similarity_index_measure

    found = structural_similarity_index_measure(_batch(a), _batch(b), data_range=1.0)
    assert not isinstance(found, tuple)  # a picture comes with it only on request
    return found.item()


def lpips(a: Float[Tensor, "h w 3"], b: Float[Tensor, "h w 3"]) -> float | Unavailable:
    """Learned perceptual distance (Zhang et al. 2018) with the AlexNet trunk; 0 is identical, lower is more alike.

    Never downloads: without the weights in the torch hub cache the answer is `Unavailable`.

    Args:
        a, b: pictures [H, W, 3] in 0..1, sides of at least `LPIPS_MIN_SIDE` pixels.

    Raises:
        ValueError: a side is too short for the trunk.
    """
    weights = lpips_weights()
    if isinstance(weights, Unavailable):
        return weights
    _require_side(a, LPIPS_MIN_SIDE, "LPIPS")
    net = _lpips_net(weights, str(a.device))
    with torch.inference_mode():
        return net(_batch(a), _batch(b)).item()


def lpips_loss(a: Float[Tensor, "b 3 h w"], b: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
    """LPIPS as a loss: the mean over patches [B, 3, H, W] in 0..1, differentiable. Needs what `lpips_weights` finds."""
    net = _lpips_net(lpips_weights(), str(a.device))
    trunk = net.net
    assert isinstance(trunk, nn.Module)
    return trunk(a, b, normalize=True).mean()


def lpips_weights() -> Path | Unavailable:
    """Where AlexNet's weights lie in the torch hub cache, if they do."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / ALEXNET_FILE
    if path.is_file():
        return path
    return Unavailable(
        reason=f"LPIPS needs AlexNet's weights at {path}",
        remedy="run `python -c \"import torchvision; torchvision.models.alexnet(weights='DEFAULT')\"` once, "
        f"or copy {ALEXNET_FILE} there",
    )


@lru_cache(maxsize=1)
def _lpips_net(weights: Path, device: str) -> nn.Module:  # keyed by the path, so that a moved cache is looked at again
    from torchmetrics.image import LearnedPerceptualImagePatchSimilarity

    return LearnedPerceptualImagePatchSimilarity(net_type="alex", normalize=True).to(device)


def _batch(image: Tensor) -> Tensor:
    return image.float().permute(2, 0, 1)[None]


def _require_side(image: Tensor, least: int, what: str) -> None:
    if min(image.shape[:2]) < least:
        raise ValueError(f"{what} needs sides of at least {least} pixels, got {image.shape[1]}x{image.shape[0]}")
