"""Choose cameras for a scene of splats: candidates are rendered, and those that show most are kept."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numba
import numpy as np
import torch

from gaussian.draw.drawing import viewmat_of
from gaussian.raster.rasterize import rasterization
from gaussian.splats import Splats

_PROBE = 64
"""Pixels of the sides of the pictures by which cameras are judged."""
_FACTOR = math.log(2.5)
"""A Gaussian that is so many times too near or too far for its size counts for 0.6."""
_NEAR = 0.3
"""Of the usual distance: what covers a picture from nearer stands in the way."""
_BLOB = 0.06
"""Of the picture's side: a Gaussian of which one standard deviation is longer shows nothing but a blur."""
_SAMPLE = 6000
"""Gaussians by which cameras are compared."""
_CROWDED = 0.8
"""How much less a camera is worth right beside a chosen one that looks the same way,"""
_TURN = 0.5
"""and by so many radians it is turned away until that counts for 0.6."""


@dataclass(frozen=True, eq=False)
class Sights:
    """What C cameras show of a scene."""

    shown: np.ndarray
    """[C, S] in 0..1: how much of some of the Gaussians nothing hides from each,"""
    seen: np.ndarray
    """and how well it is seen: less where it is turned away, too near or too far for its size."""
    weights: np.ndarray
    """[S]: the opacities of these."""
    worth: np.ndarray
    """[C] in 0..1: how far the picture is filled, and not by what is too near or too large."""


@contextmanager
def _one_thread() -> Iterator[None]:
    """Pictures this small are drawn sooner by one thread than by several that wait for each other."""
    of_torch, of_numba = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(of_torch)
        numba.set_num_threads(of_numba)


@_one_thread()
def look(sketch: Splats, poses: np.ndarray, field_of_view: float, distance: float, size: float) -> Sights:
    """Try cameras.

    A Gaussian is as wide as a pixel or a few were that it was trained on: what is twice as wide was seen from twice as
    far.

    Args:
        sketch: the scene.
        poses: [C, 3, 4], OpenGL axes.
        field_of_view: radians.
        distance: scene units, from which Gaussians of
        size: this standard deviation are seen as they should be.
    """
    focal = 0.5 * _PROBE / math.tan(field_of_view / 2)
    K = torch.tensor([[[focal, 0, _PROBE / 2], [0, focal, _PROBE / 2], [0, 0, 1]]])
    widths = sketch.scales.sort(-1).values
    whole = 2 * math.pi * widths[:, 1] * widths[:, 2] * sketch.opacities * focal**2
    suits = (distance / size * widths[:, 1]).clamp_min(1e-12)
    chosen = torch.arange(0, len(sketch), max(1, len(sketch) // _SAMPLE))
    shown, seen, worth = [], [], []
    for pose in poses:
        viewmat = viewmat_of(torch.from_numpy(pose).float())
        ones = torch.ones(len(sketch), 1, requires_grad=True)
        picture, accumulation, drawn = rasterization(
            sketch.means, sketch.quats, sketch.scales, sketch.opacities, ones, viewmat[None], K, _PROBE, _PROBE,
            near_plane=0.01 * distance, packed=False, render_mode="RGB+ED", rasterize_mode="antialiased",
        )  # fmt: skip
        # the picture is linear in the colours: the gradient of its sum is how much of it each Gaussian makes up
        (light,) = torch.autograd.grad(picture[..., 0].sum(), ones)
        depth = (sketch.means @ viewmat[2, :3] + viewmat[2, 3]).clamp_min(1e-6)
        a, b, c = drawn["conics"][0, chosen].detach().unbind(-1)
        alone = 2 * math.pi * drawn["opacities"][0, chosen].detach() / (a * c - b * b).clamp_min(1e-12).sqrt()
        visible = drawn["radii"][0, chosen] > 0
        part = torch.where(visible, (light[chosen, 0] / alone.clamp_min(1e-12)).clamp(0, 1), 0.0)
        facing = (alone * depth[chosen] ** 2 / whole[chosen].clamp_min(1e-20)).clamp(0, 1)
        apt = torch.exp(-0.5 * (torch.log(depth[chosen] / suits[chosen]) / _FACTOR) ** 2)
        shown.append(part.numpy())
        seen.append((part * facing * apt).numpy())
        solid = accumulation[0, ..., 0].detach() > 0.5
        blocked = (solid & (picture[0, ..., 1].detach() < _NEAR * distance)).float().mean()
        blobs = light[widths[:, 1] * focal > _BLOB * _PROBE * depth].sum() / _PROBE**2
        worth.append(float((1 - blocked) ** 2 * (1 - 0.7 * blobs.clamp(0, 1)) * (0.3 + 0.7 * solid.float().mean())))
    return Sights(np.stack(shown), np.stack(seen), sketch.opacities[chosen].numpy(), np.array(worth))


def choose(sights: Sights, poses: np.ndarray, count: int, apart: float, preference: np.ndarray) -> np.ndarray:
    """Indices [count] of cameras that together show most, each Gaussian from several sides; the best one first.

    Args:
        apart: scene units at which cameras count as different places.
        preference: [C], a factor of each camera's worth.
    """
    worth = preference * sights.worth
    so_far = np.zeros(sights.seen.shape[1], dtype=np.float32)
    chosen: list[int] = []
    left = np.ones(len(poses), dtype=bool)
    for _ in range(min(count, len(poses))):
        gain = (np.log1p(so_far + sights.seen) - np.log1p(so_far)) @ sights.weights
        best = int(np.where(left, gain * worth, -1.0).argmax())
        chosen.append(best)
        left[best] = False
        so_far += sights.seen[best]
        gap = np.linalg.norm(poses[:, :, 3] - poses[best, :, 3], axis=1) / apart
        turn = np.arccos(np.clip(poses[:, :, 2] @ poses[best, :, 2], -1, 1)) / _TURN
        worth = worth * (1 - _CROWDED * np.exp(-0.5 * (gap**2 + turn**2)))
    return np.array(chosen)


def matter_at(splats: Splats, eyes: np.ndarray) -> np.ndarray:
    """How much matter there is right where cameras stand [C]: the sum over Gaussians of opacity exp(-r^2 / 2), r being
    the distance in standard deviations."""
    from gsplat.cuda._torch_impl import _quat_scale_to_matrix

    found = []
    scales, opacities = splats.scales.clamp_min(1e-12), splats.opacities
    reach = 4 * scales.amax(-1)
    for eye in torch.from_numpy(eyes).float():
        offsets = eye - splats.means
        near = (offsets.norm(dim=-1) < reach).nonzero()[:, 0]
        turns = _quat_scale_to_matrix(splats.quats[near], torch.ones_like(scales[near]))
        along = torch.einsum("nij,ni->nj", turns, offsets[near]) / scales[near]
        found.append(float((opacities[near] * torch.exp(-0.5 * (along**2).sum(-1))).sum()))
    return np.array(found)
