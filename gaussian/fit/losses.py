"""Structural similarity as a loss: fast on a CPU, and equal to the usual definition."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import conv2d

WINDOW = 11
_SIGMA = 1.5
_C1, _C2 = 0.01**2, 0.03**2
_HALF = WINDOW // 2
_INSIDE = (slice(_HALF, -_HALF), slice(_HALF, -_HALF))
_offsets = np.arange(WINDOW) - _HALF
_KERNEL = np.exp(-(_offsets**2) / (2 * _SIGMA**2)).astype(np.float32)
_KERNEL /= _KERNEL.sum()


def fused_ssim(
    a: Float[Tensor, "h w c"], b: Float[Tensor, "h w c"], weight: Float[Tensor, "h w 1"] | None = None
) -> Float[Tensor, ""]:
    """Mean structural similarity (Wang et al. 2004) of pictures [H, W, C] in 0..1, over windows that lie inside.

    Differentiable in `a` alone. Where a side is shorter than the window, 1: there is no window to compare.

    Args:
        weight: [H, W, 1] in 0..1, how much the window about each pixel counts: the result is the mean of
            1 - weight (1 - SSIM).
    """
    if min(a.shape[:2]) < WINDOW:
        return a.new_ones(())
    if a.is_cuda:
        from pytorch_msssim import ssim

        planes = [picture.permute(2, 0, 1)[None] for picture in (a, b)]
        if weight is None:
            return ssim(*planes, data_range=1.0, size_average=True)
        return 1.0 - (weight[..., 0] * (1.0 - _ssim_map(*planes)[0].mean(0)))[_INSIDE].mean()
    return _SSIM.apply(a, b.detach(), weight)


def _ssim_map(a: Float[Tensor, "1 c h w"], b: Float[Tensor, "1 c h w"]) -> Float[Tensor, "1 c h w"]:
    """The structural similarity about each pixel of planes [1, C, H, W]: the same; on a GPU."""
    kernel = torch.from_numpy(_KERNEL).to(a)
    columns, rows = (kernel.view(shape).expand(a.shape[1], 1, *shape[2:]) for shape in ((1, 1, -1, 1), (1, 1, 1, -1)))

    def blur(planes: Tensor) -> Tensor:
        once = conv2d(planes, columns, padding=(_HALF, 0), groups=planes.shape[1])
        return conv2d(once, rows, padding=(0, _HALF), groups=planes.shape[1])

    mean_a, mean_b = blur(a), blur(b)
    covariance = blur(a * b) - mean_a * mean_b
    variances = blur(a * a) - mean_a * mean_a + blur(b * b) - mean_b * mean_b
    luminance = (2 * mean_a * mean_b + _C1) / (mean_a * mean_a + mean_b * mean_b + _C1)
    return luminance * (2 * covariance + _C2) / (variances + _C2)


def photometric(
    drawn: Float[Tensor, "h w 3"],
    wanted: Float[Tensor, "h w 3"],
    ssim_lambda: float,
    weight: Float[Tensor, "h w 1"] | None = None,
) -> dict[str, Float[Tensor, ""]]:
    """3D Gaussian Splatting's loss (1 - lambda) L1 + lambda (1 - SSIM) of pictures [H, W, 3], its terms apart.

    Args:
        weight: [H, W, 1] in 0..1, how much each pixel counts in both terms; a pixel of weight 0 is also taken to be
            right where a window of its neighbours looks at it.
    """
    if weight is None:
        losses = {"rgb_loss": (1 - ssim_lambda) * (drawn - wanted).abs().mean()}
    else:
        wanted = torch.where(weight > 0, wanted, drawn.detach())
        losses = {"rgb_loss": (1 - ssim_lambda) * (weight * (drawn - wanted).abs()).mean()}
    if ssim_lambda > 0:
        losses["ssim_loss"] = ssim_lambda * (1 - fused_ssim(drawn, wanted, weight))
    return losses


def elongation(log_scales: Float[Tensor, "n 3"], limit: float) -> Float[Tensor, ""]:
    """How far Gaussians are longer than `limit` times their shortest axis: mean max(longest / shortest, limit) - limit,
    the anisotropy loss of PhysGaussian.

    Args:
        log_scales: [N, 3], natural logarithms.
    """
    ratio = (log_scales.amax(-1) - log_scales.amin(-1)).exp()
    return ratio.clamp_min(limit).mean() - limit


def _blur(picture: np.ndarray) -> np.ndarray:
    blurred = cv2.sepFilter2D(picture, -1, _KERNEL, _KERNEL, borderType=cv2.BORDER_CONSTANT)
    return blurred.reshape(picture.shape)


class _SSIM(torch.autograd.Function):
    """With means m, and s for second moments less those of the means,

        SSIM = (2 m_a m_b + C1)(2 s_ab + C2) / ((m_a^2 + m_b^2 + C1)(s_aa + s_bb + C2)).

    The gradient goes back through the same symmetric blur.
    """

    @staticmethod
    def forward(ctx, a, b, weight):
        x, y = a.detach().contiguous(), b.contiguous()
        blur = [torch.from_numpy(_blur(t.numpy())) for t in (x, y, x * x, y * y, x * y)]
        mean_a, mean_b, aa, bb, ab = blur
        s_ab = ab - mean_a * mean_b
        luminance = 2 * mean_a * mean_b + _C1
        structure = 2 * s_ab + _C2
        luminance_norm = mean_a * mean_a + mean_b * mean_b + _C1
        structure_norm = (aa - mean_a * mean_a) + (bb - mean_b * mean_b) + _C2
        inverse = 1 / (luminance_norm * structure_norm)
        value = luminance * structure * inverse
        if ctx.needs_input_grad[0]:
            d_aa = -value / structure_norm
            d_ab = 2 * luminance * inverse
            d_mean = 2 * mean_b * structure * inverse - 2 * mean_a * value / luminance_norm
            d_mean -= 2 * mean_a * d_aa + mean_b * d_ab
            ctx.gradients = []
            for gradient in (d_mean, d_aa, d_ab):
                kept = torch.zeros_like(gradient)
                kept[_INSIDE] = gradient[_INSIDE] if weight is None else (weight * gradient)[_INSIDE]
                ctx.gradients.append(kept)
            ctx.pictures, ctx.count = (x, y), value[_INSIDE].numel()
        if weight is not None:
            value = 1.0 - weight * (1.0 - value)
        return value[_INSIDE].mean()

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        x, y = ctx.pictures
        by_mean, by_aa, by_ab = (torch.from_numpy(_blur(gradient.numpy())) for gradient in ctx.gradients)
        return upstream / ctx.count * (by_mean + 2 * x * by_aa + y * by_ab), None, None
