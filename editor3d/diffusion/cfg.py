"""Classifier-free guidance (Ho & Salimans 2022) under one convention, for sampling and for score distillation.

A scale multiplies the difference from what knows less: 0 ignores the condition, 1 is the plain conditional prediction,
and more exaggerates it. (The paper's w is this scale minus 1.)
"""

from __future__ import annotations

from torch import Tensor


def two_way(predictions: Tensor, scale: float) -> Tensor:
    """eps = eps_none + s (eps_text - eps_none).

    Args:
        predictions: [2B, C, h, w], under (text, nothing), each for the whole batch.
        scale: s.

    Returns:
        [B, C, h, w].
    """
    text, nothing = predictions.chunk(2)
    return nothing + scale * (text - nothing)


def three_way(predictions: Tensor, scale: float, image_scale: float) -> Tensor:
    """eps = eps_none + s_T (eps_text,image - eps_image) + s_I (eps_image - eps_none), Brooks et al. 2023, equation 3.

    Args:
        predictions: [3B, C, h, w], under (text and image, image, nothing), each for the whole batch.
        scale: s_T.
        image_scale: s_I.

    Returns:
        [B, C, h, w].
    """
    text_image, image, nothing = predictions.chunk(3)
    return nothing + scale * (text_image - image) + image_scale * (image - nothing)


def three_way_weights(scale: float, image_scale: float) -> tuple[float, float, float]:
    """`three_way` as a weighted sum: what eps_text,image, eps_image and eps_none count.

    They add up to 1. A prediction that counts nothing need not be made.
    """
    return scale, image_scale - scale, 1.0 - image_scale
