"""What a map of the surface knows of each pixel, in the frame of the object that it is about."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from editor3d.types import ObjectFrame, ViewGeometry


@dataclass(frozen=True, eq=False)
class Surface:
    """The surface behind the pixels of a picture, all float32 on the CPU.

    Lengths are shares of the object's radius; the axes are right, towards the first view, and up. A point has the same
    values in every view that sees it, but for `toward` and `footprint`.
    """

    points: Tensor
    """[H, W, 3], about -2..2 on the object; 0 where nothing is."""
    normals: Tensor
    """[H, W, 3], unit vectors out of the surface; 0 where nothing is."""
    toward: Tensor
    """[H, W, 3], unit vectors from the surface to the camera."""
    concavity: Tensor
    """[H, W] in -1..1: above 0 in crevices, below on ridges."""
    footprint: Tensor
    """[H, W], the width of a pixel on the surface, seen squarely: finer patterns would flicker."""
    known: Tensor
    """[H, W] bool: there is a surface, with a normal."""
    light: float
    """Median luma of the object over all views."""

    @staticmethod
    def of(geometry: ViewGeometry, frame: ObjectFrame) -> Surface | None:
        """The surface that a view shows; None where the geometry has no normals."""
        if geometry.normals is None or geometry.concavity is None:
            return None
        directions = geometry.directions.cpu()
        normals = frame.turned(geometry.normals.cpu())
        known = geometry.depth.cpu().isfinite() & (normals.square().sum(-1) > 0.25)
        away = torch.where(known, geometry.depth.cpu().float() / frame.radius, torch.zeros(()))
        toward = -frame.turned(directions)
        eye = frame.local(geometry.origin.cpu())
        points = torch.where(known[..., None], eye - away[..., None] * toward, torch.zeros(()))
        step = (directions[:, 1:] - directions[:, :-1]).norm(dim=-1)
        step = torch.cat([step, step[:, -1:]], 1)
        return Surface(points, normals, toward, geometry.concavity.cpu(), away * step, known, frame.light)
